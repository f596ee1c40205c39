/* SPDX-License-Identifier: ISC */
/* links: web/ask.c web/table.c web/channel.c */
/* Requests at the control channel, rows as they come, and changes as they go out.  The daemon has answered ahead of each question. */
#include <sys/types.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <sha2.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/hex.h"
#include "common/log.h"
#include "web/web.h"

static struct visit	 v;
static struct imsgbuf	 peer;		/* the daemon's end */

static void
begin(void)
{
	int	 sp[2];

	if (v.ctl.w != NULL) {
		imsgbuf_clear(&v.ctl);
		close(v.ctl.fd);
	}
	if (peer.w != NULL) {
		imsgbuf_clear(&peer);
		close(peer.fd);
	}
	memset(&v, 0, sizeof(v));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_int_equal(imsgbuf_init(&v.ctl, sp[0]), 0);
	imsgbuf_allow_fdpass(&v.ctl);
	assert_int_equal(imsgbuf_init(&peer, sp[1]), 0);
	imsgbuf_allow_fdpass(&peer);
}

static void
answers(uint32_t type, const void *data, size_t len)
{
	assert_int_not_equal(imsg_compose(&peer, type, message_version(), 0, -1, data, len), -1);
	assert_int_equal(imsgbuf_write(&peer), 0);
}

static void
says(uint32_t type, const char *sentence)
{
	struct ctl_text	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, sentence, sizeof(m.text));
	answers(type, &m, sizeof(m));
}

/* The next request's payload. */
static size_t
asked(uint32_t type, void *data, size_t size)
{
	struct imsg	 imsg;
	size_t		 len;
	int		 n;

	while ((n = imsgbuf_get(&peer, &imsg)) == 0)
		assert_int_equal(imsgbuf_read(&peer), 1);
	assert_int_equal(n, 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	assert_int_equal(imsg_get_id(&imsg), message_version());
	len = imsg_get_len(&imsg);
	assert_true(len <= size);
	memcpy(data, imsg.data, len);
	imsg_free(&imsg);
	return (len);
}

static size_t
add(uint8_t *p, const char *column, enum cell_kind kind, const char *value)
{
	struct cell	 c = { .kind = kind, .value = (const uint8_t *)value, .len = value == NULL ? 0 : strlen(value) };

	strlcpy(c.column, column, sizeof(c.column));
	return (cell_pack(p, 1000, &c));
}

static void
test_rows(void **arg)
{
	struct pair	 pairs[] = { { "account", "anna@example.org" }, { "name", NULL } };
	uint8_t		 row[1000], digest[SHA256_DIGEST_LENGTH], request[1000];
	char		 hash[2 * sizeof(digest) + 1] = "";
	SHA2_CTX	 ctx;
	struct table	*t;
	struct cell	 c;
	const uint8_t	*p;
	size_t		 n, columns;

	(void)arg;
	begin();
	n = add(row, "name", CELL_TEXT, "one");
	n += add(row + n, "period", CELL_NUMBER, "300");
	n += add(row + n, "password", CELL_SECRET, NULL);
	n += add(row + n, "mailbox", CELL_NULL, NULL);
	columns = n;
	SHA256Init(&ctx);
	SHA256Update(&ctx, row, columns);
	SHA256Final(digest, &ctx);
	hex_encode(hash, digest, sizeof(digest));
	answers(IMSG_CTL_ROW, row, n);
	n += add(row + n, "last_login", CELL_NUMBER, "1");
	n += add(row + n, "last_client", CELL_TEXT, "::1");
	answers(IMSG_CTL_ROW, row, n);
	n = add(row, "name", CELL_TEXT, "");
	answers(IMSG_CTL_ROW, row, n);
	answers(IMSG_CTL_END, NULL, 0);
	t = table_get(&v, "rpop", pairs, nitems(pairs));
	assert_non_null(t);
	assert_int_equal(table_rows(t), 3);
	assert_string_equal(table_value(t, 0, "name"), "one");
	assert_string_equal(table_value(t, 0, "period"), "300");
	assert_string_equal(table_value(t, 0, "password"), "");
	assert_true(table_secret(t, 0, "password") && !table_secret(t, 0, "name") && !table_secret(t, 0, "none"));
	assert_null(table_value(t, 0, "mailbox"));
	assert_null(table_value(t, 0, "none"));
	assert_null(table_value(t, 3, "name"));
	assert_string_equal(table_value(t, 2, "name"), "");
	assert_string_equal(table_value(t, 1, "last_client"), "::1");
	assert_string_equal(table_hash(t, 0), hash);
	assert_string_equal(table_hash(t, 1), hash);	/* what the daemon tells besides is no part of the row */
	assert_string_not_equal(table_hash(t, 2), hash);
	table_free(t);

	n = asked(IMSG_CTL_ROWS, request, sizeof(request)) - sizeof(struct ctl_rows);
	assert_string_equal((char *)request, "rpop");
	p = request + sizeof(struct ctl_rows);
	assert_int_equal(cell_next(&p, &n, &c), 1);
	assert_true(strcmp(c.column, "account") == 0 && c.kind == CELL_TEXT && c.len == 16);
	assert_int_equal(cell_next(&p, &n, &c), 1);
	assert_true(strcmp(c.column, "name") == 0 && c.kind == CELL_NULL && n == 0);
}

static void
test_no_rows(void **arg)
{
	struct table	*t;

	(void)arg;
	begin();
	answers(IMSG_CTL_END, NULL, 0);
	assert_non_null(t = table_get(&v, "rpop", NULL, 0));
	assert_int_equal(table_rows(t), 0);
	assert_null(table_value(t, 0, "name"));
	table_free(t);
	says(IMSG_CTL_FAIL, "not for you");
	assert_null(table_get(&v, "settings", NULL, 0));
	assert_string_equal(v.said, "not for you");
}

/* What breaks the rules ends the channel, and whoever looks hears nothing of it but that it does not work. */
static void
test_broken(void **arg)
{
	static const struct { uint32_t type; const char *data; size_t len; uint32_t version; }	 bad[] = {
		{ IMSG_CTL_ROW, "nonsense", 8, 0 }, { IMSG_CTL_DAEMON, "x", 1, 0 }, { IMSG_CTL_LINE, "x", 1, 0 }, { IMSG_CTL_OK, "x", 1, 0 },
		{ IMSG_CTL_END, NULL, 0, 1 }, { IMSG_WEB_LISTEN, NULL, 0, 0 }, { 60000, NULL, 0, 0 }, { IMSG_CTL_STATUS, NULL, 0, 0 }
	};
	size_t	 i;

	(void)arg;
	for (i = 0; i < nitems(bad); i++) {
		begin();
		assert_int_not_equal(imsg_compose(&peer, bad[i].type, message_version() + bad[i].version, 0, -1, bad[i].data, bad[i].len),
		    -1);
		assert_int_equal(imsgbuf_write(&peer), 0);
		assert_null(table_get(&v, "rpop", NULL, 0));
		assert_true(strstr(v.said, "does not answer") != NULL && v.ctl.w == NULL);
		assert_int_equal(ask_name(&v, IMSG_CTL_POLL, "x"), -1);		/* and there is none any more */
	}
	begin();
	imsgbuf_clear(&peer);
	close(peer.fd);
	assert_int_equal(ask_name(&v, IMSG_CTL_POLL, "x"), -1);
	assert_true(strstr(v.said, "does not answer") != NULL);
	peer.w = NULL;
	v.ctl.w = NULL;
	assert_int_equal(ask_name(&v, IMSG_CTL_POLL, "x"), -1);
}

static int
count(void *arg, uint32_t type, struct imsg *imsg)
{
	(void)imsg;
	*(int *)arg += type == IMSG_CTL_LINE ? 1 : 100;
	return (*(int *)arg > 2 ? -1 : 0);
}

static void
test_ask(void **arg)
{
	char	 request[1000], name[PROTO_RECORD_SIZE + 1];
	int	 n = 0;

	(void)arg;
	begin();
	says(IMSG_CTL_OK, "it is done");
	assert_int_equal(ask_name(&v, IMSG_CTL_POLL, "anna@example.org/one"), 0);
	assert_string_equal(v.said, "it is done");
	assert_int_equal(asked(IMSG_CTL_POLL, request, sizeof(request)), sizeof(struct ctl_name));
	assert_string_equal(request, "anna@example.org/one");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(ask_name(&v, IMSG_CTL_POLL, name), -1);
	says(IMSG_CTL_LINE, "a");
	says(IMSG_CTL_LINE, "b");
	says(IMSG_CTL_FAIL, "no more");
	assert_int_equal(ask(&v, IMSG_CTL_EXPLAIN, NULL, 0, count, &n), -1);
	assert_int_equal(n, 2);
	assert_string_equal(v.said, "no more");
	says(IMSG_CTL_LINE, "c");		/* one that take() does not want */
	assert_int_equal(ask(&v, IMSG_CTL_EXPLAIN, NULL, 0, count, &n), -1);
	assert_true(strstr(v.said, "does not answer") != NULL);
}

static void
test_change(void **arg)
{
	struct pair		 pairs[] = { { "account", "a@b" }, { "name", "one" }, { "password", "secret" }, { "mailbox", NULL } };
	char			 hash[65] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", *longest;
	uint8_t			 request[1000];
	struct ctl_change	 head;
	struct cell		 c;
	const uint8_t		*p;
	size_t			 n;

	(void)arg;
	begin();
	says(IMSG_CTL_OK, "changed");
	assert_int_equal(table_change(&v, CHANGE_SET, "rpop", pairs, 4, 2, hash, 1), 0);
	assert_int_equal(table_change(&v, CHANGE_REMOVE, "rpop", pairs, 2, 2, NULL, 0), 0);
	assert_string_equal(v.said, "changed");
	n = asked(IMSG_CTL_CHANGE, request, sizeof(request)) - sizeof(head);
	memcpy(&head, request, sizeof(head));
	assert_true(head.act == CHANGE_SET && head.more == 1 && head.nkeys == 2 && head.guarded == 1 && head.was[1] == 0x11);
	assert_string_equal(head.table, "rpop");
	p = request + sizeof(head);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(cell_next(&p, &n, &c), 1);
		assert_string_equal(c.column, pairs[i].column);
		assert_true(c.kind == (i == 3 ? CELL_NULL : CELL_TEXT));
	}
	assert_int_equal(n, 0);
	(void)asked(IMSG_CTL_CHANGE, request, sizeof(request));
	memcpy(&head, request, sizeof(head));
	assert_true(head.act == CHANGE_REMOVE && head.more == 0 && head.guarded == 0 && head.was[0] == 0);

	hash[63] = 'g';
	assert_int_equal(table_change(&v, CHANGE_SET, "rpop", pairs, 4, 2, hash, 0), -1);
	assert_int_equal(table_change(&v, CHANGE_SET, "rpop", pairs, 4, 2, "", 0), -1);
	longest = malloc(CELL_VALUE_MAX + 2);
	assert_non_null(longest);
	memset(longest, 'x', CELL_VALUE_MAX + 1);
	longest[CELL_VALUE_MAX + 1] = '\0';
	pairs[2].value = longest;
	assert_int_equal(table_change(&v, CHANGE_SET, "rpop", pairs, 4, 2, NULL, 0), -1);
	assert_string_equal(v.said, "A value is too long.");
	free(longest);
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_no_rows), cmocka_unit_test(test_broken), cmocka_unit_test(test_ask),
		cmocka_unit_test(test_change)
	};

	signal(SIGPIPE, SIG_IGN);
	log_setsink(quiet);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
