/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -ltls -lcrypto -lmd */
/* What a record wants of TLS: pins compared, contexts made or refused, failures explained. */
#include <sys/types.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/fetcher.h"

#define HEX	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static struct msg_fetch_start	 start;
static char			 text[PROTO_TEXT_SIZE];

/* npins pins, the one with this index is HEX, the others differ from it in their last octet only. */
static void
pins(uint32_t npins, uint32_t right)
{
	uint32_t	 i;
	int		 j;

	memset(&start, 0, sizeof(start));
	start.npins = npins;
	for (i = 0; i < npins; i++) {
		for (j = 0; j < PROTO_DIGEST_LEN; j++)
			start.pins[i][j] = (uint8_t)j;
		start.pins[i][PROTO_DIGEST_LEN - 1] = i == right ? 0xff : (uint8_t)i;
	}
}

static int
pinned(const char *hash)
{
	return (tlsconf_pinned(&start, hash, text, sizeof(text)));
}

static void
test_pins(void **state)
{
	uint32_t	 n, i;

	(void)state;
	for (n = 1; n <= PROTO_PINS_MAX; n++) {
		for (i = 0; i < n; i++) {
			pins(n, i);
			assert_int_equal(pinned("SHA256:" HEX), 0);
		}
		pins(n, n);
		assert_int_equal(pinned("SHA256:" HEX), -1);
		assert_non_null(strstr(text, " " HEX " is not in tls_pins (if "));
		assert_int_equal(text[strlen(text) - 1], ')');	/* all of it */
	}
}

static void
test_no_pins(void **state)
{
	(void)state;
	pins(0, 0);
	assert_int_equal(pinned("SHA256:" HEX), 0);
	assert_int_equal(pinned(NULL), 0);
}

/* Without a digest that is understood nothing is as pinned. */
static void
test_no_digest(void **state)
{
	static const char *const	 bad[] = { "", "SHA256:", HEX, "SHA1:" HEX, "SHA256" HEX, "SHA256:" HEX "0", "SHA256:" HEX " ",
		"SHA256:0001", "SHA256:g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff" };
	size_t				 i;

	(void)state;
	pins(1, 0);
	assert_int_equal(pinned(NULL), -1);
	assert_non_null(strstr(text, "no certificate"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pinned(bad[i]), -1);
}

static void
test_wishes(void **state)
{
	static const struct {
		uint32_t	 min;
		unsigned int	 has;
	} versions[] = { { 0, 0 }, { 10, HAS_OLD }, { 11, HAS_OLD }, { 12, 0 }, { 13, HAS_13 } };
	struct pem	 pem[PEM_MAX];
	size_t		 i;

	(void)state;
	memset(pem, 0, sizeof(pem));
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		pins(0, 0);
		start.tls_min = versions[i].min;
		strlcpy(start.tls_name, "a name alone is no reason for a context", sizeof(start.tls_name));
		assert_int_equal(tlsconf_has(&start, pem), versions[i].has);
	}
	pins(1, 0);
	strlcpy(start.ciphers, "HIGH", sizeof(start.ciphers));
	pem[PEM_CA].len = pem[PEM_CERT].len = pem[PEM_KEY].len = 1;
	assert_int_equal(tlsconf_has(&start, pem), HAS_CA | HAS_KEY | HAS_CIPHERS | HAS_PINS);
}

/* 1: there is a context. */
static int
context(const struct pem *pem)
{
	struct tls	*tls;
	int		 fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	text[0] = '\0';
	tls = tlsconf_special(&start, pem, fd[0], text, sizeof(text));
	tls_free(tls);
	close(fd[0]);
	close(fd[1]);
	return (tls != NULL);
}

static void
test_context(void **state)
{
	static const uint32_t	 versions[] = { 0, 10, 11, 12, 13 };
	static char		 junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	struct pem		 pem[PEM_MAX];
	size_t			 i;

	(void)state;
	memset(pem, 0, sizeof(pem));
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		pins(1, 0);
		start.tls_min = versions[i];
		strlcpy(start.tls_name, "pop.example", sizeof(start.tls_name));
		assert_true(context(pem));
		strlcpy(start.ciphers, "ECDHE+AESGCM:AES256-SHA", sizeof(start.ciphers));
		assert_true(context(pem));
		strlcpy(start.ciphers, "DEFAULT:@SECLEVEL=1", sizeof(start.ciphers));
		assert_true(context(pem));
		memset(start.ciphers, 'A', 500);
		start.ciphers[500] = '\0';
		assert_false(context(pem));
		strlcpy(start.ciphers, "aNULL:eNULL", sizeof(start.ciphers));
		assert_false(context(pem));
		assert_non_null(strstr(text, "(tls_ciphers is no OpenSSL cipher list"));
	}
	pins(0, 0);
	strlcpy(start.tls_name, "pop.example", sizeof(start.tls_name));
	pem[PEM_CA].data = (uint8_t *)junk;
	pem[PEM_CA].len = strlen(junk);
	assert_false(context(pem));
	assert_non_null(strstr(text, "(ca_file has no certificate"));
	pem[PEM_CERT] = pem[PEM_KEY] = pem[PEM_CA];
	pem[PEM_CA].len = 0;
	assert_false(context(pem));
	assert_non_null(strstr(text, "(tls_cert is no certificate"));
}

static void
test_explained(void **state)
{
	(void)state;
	assert_int_equal(tlserror_explain(0, "certificate verification failed: self-signed certificate", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "(put the signer's certificate into ca_file"));
	assert_int_equal(tlserror_explain(HAS_CA | HAS_OLD, "certificate verification failed: self-signed certificate", text,
	    sizeof(text)), 0);
	assert_non_null(strstr(text, "(ca_file does not have"));
	assert_int_equal(tlserror_explain(0, "x::tlsv1 alert protocol version", text, sizeof(text)), 1);
	assert_non_null(strstr(text, "set tls_min to 1.0"));
	assert_int_equal(tlserror_explain(HAS_13, "x::tlsv1 alert protocol version", text, sizeof(text)), 1);
	assert_non_null(strstr(text, "lower tls_min"));
	assert_int_equal(tlserror_explain(0, "x::sslv3 alert bad certificate", text, sizeof(text)), 1);
	assert_string_equal(text, "x::sslv3 alert bad certificate");	/* not ours: we showed none */
	assert_int_equal(tlserror_explain(0, "handshake failed: x::unexpected eof while reading", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "is the port right"));
	assert_int_equal(tlserror_explain(HAS_SHAKEN, "read failed: x::unexpected eof while reading", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "(the connection was lost)"));
}

/* Whatever the library says, the text is encoded, bounded, and keeps its remedy. */
static void
test_hostile_text(void **state)
{
	char	 error[2000];

	(void)state;
	memset(error, '\x1b', sizeof(error) - 1);
	error[sizeof(error) - 1] = '\0';
	(void)tlserror_explain(0, error, text, sizeof(text));
	assert_true(strlen(text) < sizeof(text));
	assert_null(strchr(text, 0x1b));
	memcpy(error, "certificate has expired ", 24);
	(void)tlserror_explain(0, error, text, sizeof(text));
	assert_non_null(strstr(text, "(the server needs a new certificate, unless our clock is wrong)"));
	(void)tlserror_explain(0, NULL, text, sizeof(text));
	assert_string_equal(text, "unknown error");
}

/* A next hop has no pins and no list of ciphers: it is not told to change them. */
static void
test_next_hop(void **state)
{
	static const char *const	 errors[] = { "self signed certificate", "key too small", "name `x' not present in server certificate",
	    "tlsv1 alert protocol version", "unexpected EOF" };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(errors); i++) {
		(void)tlserror_explain(HAS_NEXTHOP, errors[i], text, sizeof(text));
		assert_null(strstr(text, "tls_pins"));
		assert_null(strstr(text, "tls_ciphers"));
		assert_null(strstr(text, "poll"));
	}
	(void)tlserror_explain(HAS_NEXTHOP, errors[0], text, sizeof(text));
	assert_non_null(strstr(text, "put the signer's certificate into ca_file"));
	(void)tlserror_explain(HAS_NEXTHOP | HAS_CA, errors[0], text, sizeof(text));
	assert_non_null(strstr(text, "ca_file does not have this certificate"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_no_pins),
		cmocka_unit_test(test_no_digest),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_explained),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_next_hop),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
