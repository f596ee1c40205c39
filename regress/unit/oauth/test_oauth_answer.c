/* SPDX-License-Identifier: ISC */
/* links: oauth */
/* libs: -ljansson */
/* What an answer says, and what a request looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/oauth.h"

static struct answer	 a;
static struct device	 d;

static int
granted(const char *text)
{
	return (json_granted(text, strlen(text), &a));
}

static int
refused(const char *text)
{
	return (json_refused(text, strlen(text), &a));
}

static void
test_granted(void **state)
{
	(void)state;
	assert_int_equal(granted("{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":3599,\"refresh_token\":\"r t\","
	    "\"scope\":\"x\",\"other\":[{\"a\":null}]}"), 0);
	assert_string_equal(a.access, "abc");
	assert_string_equal(a.refresh, "r t");
	assert_int_equal(a.lifetime, 3599);
	assert_int_equal(granted("{\"access_token\":\"\\u0061\\/\",\"refresh_token\":null,\"expires_in\":null}"), 0);
	assert_string_equal(a.access, "a/");
	assert_string_equal(a.refresh, "");
	assert_int_equal(a.lifetime, 0);
}

static void
test_lifetimes(void **state)
{
	static const struct {
		const char	*text;
		uint32_t	 lifetime;
	} good[] = {
		{ "3600", 3600 }, { "\"3600\"", 3600 }, { "0", 1 }, { "0.5", 1 }, { "1e3", 1000 }, { "1e99", 30 * 86400 },
		{ "99999999999", 30 * 86400 }
	};
	static const char *const	 bad[] = { "-1", "\"x\"", "\"-1\"", "\"\"", "[]", "true", "{}" };
	char				 text[128];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		snprintf(text, sizeof(text), "{\"access_token\":\"a\",\"expires_in\":%s}", good[i].text);
		assert_int_equal(granted(text), 0);
		assert_int_equal(a.lifetime, good[i].lifetime);
	}
	for (i = 0; i < nitems(bad); i++) {
		snprintf(text, sizeof(text), "{\"access_token\":\"a\",\"expires_in\":%s}", bad[i]);
		assert_int_equal(granted(text), -1);
		assert_non_null(strstr(a.wrong, "expires_in"));
	}
}

/* What nobody has promised spoils nothing; 0 is how Keycloak says for ever. */
static void
test_refresh_lifetimes(void **state)
{
	static const struct {
		const char	*text;
		uint32_t	 lifetime;
	} all[] = {
		{ "\"x\":1", 0 }, { "\"refresh_token_expires_in\":604799", 604799 }, { "\"refresh_expires_in\":\"1800\"", 1800 },
		{ "\"refresh_token_expires_in\":86400,\"refresh_expires_in\":1", 86400 }, { "\"refresh_expires_in\":0", 0 },
		{ "\"refresh_token_expires_in\":null,\"refresh_expires_in\":7", 7 }, { "\"refresh_token_expires_in\":-5", 0 },
		{ "\"refresh_token_expires_in\":\"soon\"", 0 }, { "\"refresh_token_expires_in\":1e99", 20 * 366 * 86400 }
	};
	char	 text[160];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(all); i++) {
		snprintf(text, sizeof(text), "{\"access_token\":\"a\",%s}", all[i].text);
		assert_int_equal(granted(text), 0);
		assert_int_equal(a.refresh_lifetime, all[i].lifetime);
		assert_int_equal(a.lifetime, 0);
	}
}

static void
test_unusable(void **state)
{
	static const struct {
		const char	*text, *wrong;
	} bad[] = {
		{ "", "JSON" }, { "[]", "JSON" }, { "{", "JSON" }, { "{} x", "JSON" }, { "\"access_token\"", "JSON" },
		{ "{\"access_token\":\"a\",\"access_token\":\"b\"}", "JSON" },
		{ "{\"access_token\":\"\\u0000\"}", "JSON" },
		{ "{\"access_token\":\"\xff\"}", "JSON" },
		{ "{\"access_token\":\"\\ud800\"}", "JSON" },
		{ "{}", "access_token" }, { "{\"access_token\":\"\"}", "access_token" }, { "{\"access_token\":1}", "access_token" },
		{ "{\"access_token\":null}", "access_token" }, { "{\"access_token\":\"a b\"}", "access_token" },
		{ "{\"access_token\":\"a\\n\"}", "access_token" }, { "{\"access_token\":\"a\\u0001b\"}", "access_token" },
		{ "{\"access_token\":\"\\u00e4\"}", "access_token" }, { "{\"access_token\":\"a\\u007f\"}", "access_token" },
		{ "{\"access_token\":\"a\",\"refresh_token\":\"\"}", "refresh_token" },
		{ "{\"access_token\":\"a\",\"refresh_token\":\"\\t\"}", "refresh_token" },
		{ "{\"access_token\":\"a\",\"refresh_token\":[]}", "refresh_token" },
		{ "{\"access_token\":\"a\",\"token_type\":\"mac\"}", "Bearer" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(granted(bad[i].text), -1);
		assert_non_null(strstr(a.wrong, bad[i].wrong));
	}
}

/* The longest token fits, one octet more does not; nesting is bounded. */
static void
test_sizes(void **state)
{
	static char	 text[HTTP_BODY_MAX];
	int		 n;

	(void)state;
	for (n = PROTO_TOKEN_MAX; n <= PROTO_TOKEN_MAX + 1; n++) {
		memset(text, 0, sizeof(text));
		snprintf(text, sizeof(text), "{\"access_token\":\"%0*d\"}", n, 7);
		assert_int_equal(granted(text), n == PROTO_TOKEN_MAX ? 0 : -1);
	}
	memset(text, '[', sizeof(text));
	assert_int_equal(json_granted(text, sizeof(text), &a), -1);
	assert_non_null(strstr(a.wrong, "JSON"));
}

static void
test_refused(void **state)
{
	(void)state;
	assert_int_equal(refused("{\"error\":\"invalid_grant\",\"error_description\":\"gone\\u001b\"}"), 0);
	assert_string_equal(a.error, "invalid_grant");
	assert_string_equal(a.description, "gone\033");		/* the reader of it encodes */
	assert_int_equal(refused("{\"error\":\"x\",\"error_description\":[1]}"), 0);
	assert_string_equal(a.description, "");
	assert_int_equal(refused("{\"error\":{\"message\":\"x\"}}"), -1);
	assert_int_equal(refused("{\"error\":\"a\\nb\"}"), -1);
	assert_int_equal(refused("{}"), -1);
	assert_int_equal(refused("<html>"), -1);
}

static int
device(const char *text)
{
	return (json_device(text, strlen(text), &d));
}

#define DEVICE	"\"device_code\":\"d c\",\"user_code\":\"AB-CD 12\",\"verification_uri\":\"https://idp.example/d?x=1\","

/* RFC 8628 section 3.2, what it leaves out, and what Google calls otherwise. */
static void
test_device(void **state)
{
	(void)state;
	assert_int_equal(device("{" DEVICE "\"verification_uri_complete\":\"https://idp.example/d?c=AB\",\"expires_in\":1800,"
	    "\"interval\":7,\"message\":\"To sign in\"}"), 0);
	assert_string_equal(d.code, "d c");
	assert_string_equal(d.m.user_code, "AB-CD 12");
	assert_string_equal(d.m.uri, "https://idp.example/d?x=1");
	assert_string_equal(d.m.uri_complete, "https://idp.example/d?c=AB");
	assert_int_equal(d.m.lifetime, 1800);
	assert_int_equal(d.m.interval, 7);
	assert_int_equal(device("{" DEVICE "\"expires_in\":\"60\"}"), 0);
	assert_int_equal(d.m.lifetime, 60);
	assert_int_equal(d.m.interval, DEVICE_INTERVAL);
	assert_string_equal(d.m.uri_complete, "");
	assert_int_equal(device("{\"device_code\":\"d\",\"user_code\":\"u\",\"verification_url\":\"https://g.example/\","
	    "\"expires_in\":1e9,\"interval\":0}"), 0);
	assert_string_equal(d.m.uri, "https://g.example/");
	assert_int_equal(d.m.lifetime, 86400);
	assert_int_equal(d.m.interval, 1);
}

/* What goes to a terminal, and into a clock. */
static void
test_device_unusable(void **state)
{
	static const struct {
		const char	*text, *wrong;
	} bad[] = {
		{ "", "JSON" }, { "[]", "JSON" }, { "{" DEVICE "\"expires_in\":1,\"expires_in\":2}", "JSON" },
		{ "{}", "device_code" },
		{ "{\"device_code\":\"a\\n\"}", "device_code" }, { "{\"device_code\":[\"a\"]}", "device_code" },
		{ "{\"device_code\":\"a\"}", "user_code" },
		{ "{\"device_code\":\"a\",\"user_code\":\"\"}", "user_code" },
		{ "{\"device_code\":\"a\",\"user_code\":\"\\u001b[2J\"}", "user_code" },
		{ "{\"device_code\":\"a\",\"user_code\":\"\\u202e\"}", "user_code" },
		{ "{\"device_code\":\"a\",\"user_code\":1234}", "user_code" },
		{ "{\"device_code\":\"a\",\"user_code\":\"u\"}", "verification_uri" },
		{ "{\"device_code\":\"a\",\"user_code\":\"u\",\"verification_uri\":\"http://h/\"}", "verification_uri" },
		{ "{\"device_code\":\"a\",\"user_code\":\"u\",\"verification_uri\":\"javascript:x\"}", "verification_uri" },
		{ "{\"device_code\":\"a\",\"user_code\":\"u\",\"verification_uri\":\"https://h/ x\"}", "verification_uri" },
		{ "{\"device_code\":\"a\",\"user_code\":\"u\",\"verification_uri\":\"https://h/\\u0007\"}", "verification_uri" },
		{ "{" DEVICE "\"x\":1}", "expires_in" }, { "{" DEVICE "\"expires_in\":0}", "expires_in" },
		{ "{" DEVICE "\"expires_in\":-1}", "expires_in" }, { "{" DEVICE "\"expires_in\":null}", "expires_in" },
		{ "{" DEVICE "\"expires_in\":\"soon\"}", "expires_in" },
		{ "{" DEVICE "\"expires_in\":9,\"interval\":301}", "interval" },
		{ "{" DEVICE "\"expires_in\":9,\"interval\":-5}", "interval" },
		{ "{" DEVICE "\"expires_in\":9,\"interval\":{}}", "interval" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(device(bad[i].text), -1);
		assert_non_null(strstr(d.wrong, bad[i].wrong));
	}
	/* The address with the code in it is not needed. */
	assert_int_equal(device("{" DEVICE "\"expires_in\":9,\"verification_uri_complete\":\"\\u001b\"}"), 0);
	assert_string_equal(d.m.uri_complete, "");
	assert_int_equal(device("{" DEVICE "\"expires_in\":9,\"verification_uri_complete\":\"http://h/\"}"), 0);
	assert_string_equal(d.m.uri_complete, "");
}

/* The longest of each fits, one octet more does not. */
static void
test_device_sizes(void **state)
{
	static char	 text[HTTP_BODY_MAX];
	int		 code, user, uri;

	(void)state;
	for (code = PROTO_TOKEN_MAX; code <= PROTO_TOKEN_MAX + 1; code++)
		for (user = PROTO_USER_CODE_SIZE - 1; user <= PROTO_USER_CODE_SIZE; user++)
			for (uri = PROTO_URL_SIZE - 9; uri <= PROTO_URL_SIZE - 8; uri++) {
				snprintf(text, sizeof(text), "{\"device_code\":\"%0*d\",\"user_code\":\"%0*d\","
				    "\"verification_uri\":\"https://%0*d\",\"expires_in\":9}", code, 1, user, 1, uri, 1);
				assert_int_equal(device(text), code == PROTO_TOKEN_MAX && user == PROTO_USER_CODE_SIZE - 1 &&
				    uri == PROTO_URL_SIZE - 9 ? 0 : -1);
			}
}

static void
request_is(const struct form *f, const char *expected)
{
	struct buf	 out;

	buf_init(&out, OAUTH_REQUEST_MAX);
	assert_int_equal(form_build(f, &out), 0);
	assert_int_equal(buf_len(&out), strlen(expected));
	assert_memory_equal(buf_data(&out), expected, strlen(expected));
	buf_free(&out);
}

#define HEAD(path, host, length)	"POST " path " HTTP/1.1\r\nHost: " host "\r\nUser-Agent: rpopd/" RPOPD_VERSION \
	"\r\nAccept: application/json\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " \
	length "\r\n\r\n"

static void
test_form(void **state)
{
	struct form	 f = { .host = "idp.example", .path = "/a?b=c", .client_id = "me & you", .scope = "", .port = 443,
			    .credential = (const uint8_t *)"r\0/\xff", .credential_len = 4 };

	(void)state;
	request_is(&f, HEAD("/a?b=c", "idp.example", "74")
	    "grant_type=refresh_token&refresh_token=r%00%2F%FF&client_id=me%20%26%20you");
	f.host = "::1";
	f.port = 8443;
	f.client_id = "c";
	f.scope = "a b";
	f.ask = TOKEN_BY_CLIENT;
	f.secret = (const uint8_t *)"-._~=";
	f.secret_len = 5;
	request_is(&f, HEAD("/a?b=c", "[::1]:8443", "75")
	    "grant_type=client_credentials&client_id=c&client_secret=-._~%3D&scope=a%20b");
	f.ask = TOKEN_DEVICE;
	request_is(&f, HEAD("/a?b=c", "[::1]:8443", "45") "client_id=c&client_secret=-._~%3D&scope=a%20b");
	f.ask = TOKEN_BY_DEVICE;
	request_is(&f, HEAD("/a?b=c", "[::1]:8443", "122") "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&"
	    "device_code=r%00%2F%FF&client_id=c&client_secret=-._~%3D");
}

/* The longest of everything, all of it escaped, fits. */
static void
test_longest_form(void **state)
{
	static uint8_t	 refresh[PROTO_TOKEN_MAX], secret[PROTO_SECRET_MAX];
	static char	 id[PROTO_USER_SIZE], scope[PROTO_URL_SIZE], host[PROTO_HOST_SIZE], path[PROTO_URL_SIZE];
	struct form	 f = { .host = host, .path = path, .client_id = id, .scope = scope, .port = 65535, .credential = refresh,
			    .credential_len = sizeof(refresh), .secret = secret, .secret_len = sizeof(secret) };
	struct buf	 out;

	(void)state;
	memset(id, '&', sizeof(id) - 1);
	memset(scope, '&', sizeof(scope) - 1);
	memset(host, 'h', sizeof(host) - 1);
	memset(path, '/', sizeof(path) - 1);
	buf_init(&out, OAUTH_REQUEST_MAX);
	assert_int_equal(form_build(&f, &out), 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_refresh_lifetimes), cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_device_unusable),
		cmocka_unit_test(test_device_sizes),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_longest_form),
	};

	json_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
