/* SPDX-License-Identifier: ISC */
/* links: rpopctl */
/* rpopctl find: what is asked for, and what is shown. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/log.h"
#include "rpopctl/rpopctl.h"

static struct request	 req;
static char		 err[512];

/* The request of these words; -1 with a sentence in err. */
static int
parse(const char *a, const char *b, const char *c)
{
	char	 words[3][1024], *argv[3] = { words[0], words[1], words[2] };
	int	 n = a == NULL ? 0 : b == NULL ? 1 : c == NULL ? 2 : 3;

	strlcpy(words[0], a == NULL ? "" : a, sizeof(words[0]));
	strlcpy(words[1], b == NULL ? "" : b, sizeof(words[1]));
	strlcpy(words[2], c == NULL ? "" : c, sizeof(words[2]));
	err[0] = '\0';
	return (find_parse(n, argv, &req, err, sizeof(err)));
}

static void
refused(const char *a, const char *b, const char *want)
{
	assert_int_equal(parse(a, b, NULL), -1);
	if (strstr(err, want) == NULL)
		fail_msg("%s", err);
}

static void
test_words(void **state)
{
	const struct ctl_find	*m = &req.u.find;

	(void)state;
	assert_int_equal(parse("id=<a@b>", "from=Sender@Example.net", "to=@example.org"), 0);
	assert_int_equal(req.type, IMSG_CTL_FIND);
	assert_int_equal(req.len, sizeof(*m));
	assert_int_equal(m->given, 1 << CTL_WORD_ID | 1 << CTL_WORD_FROM | 1 << CTL_WORD_TO);
	assert_string_equal(m->words[CTL_WORD_ID], "a@b");
	assert_string_equal(m->words[CTL_WORD_FROM], "Sender@Example.net");
	assert_string_equal(m->words[CTL_WORD_TO], "@example.org");
	assert_int_equal(m->since, 0);
	assert_true(m->until == INT64_MAX);
	assert_int_equal(m->limit, 100);
	assert_int_equal(parse("--", "anna@example.org", "limit=10000"), 0);
	assert_int_equal(m->given, 1 << CTL_WORD_ANY);
	assert_string_equal(m->words[CTL_WORD_ANY], "anna@example.org");
	assert_int_equal(m->limit, 10000);
	assert_int_equal(parse("from=<>", NULL, NULL), 0);
	assert_int_equal(m->given, 1 << CTL_WORD_FROM);
	assert_string_equal(m->words[CTL_WORD_FROM], "");
	assert_int_equal(parse("from=", NULL, NULL), 0);
	assert_int_equal(parse("id=<\033\xffx@y>", NULL, NULL), 0);
	assert_string_equal(m->words[CTL_WORD_ID], "\\033\\377x@y");
	assert_int_equal(parse("id=a\\033b@y", NULL, NULL), 0);		/* as it was shown */
	assert_string_equal(m->words[CTL_WORD_ID], "a\\033b@y");
	assert_int_equal(parse("from=b\xc3\xbc@example.org", NULL, NULL), 0);
	assert_string_equal(m->words[CTL_WORD_FROM], "b\xc3\xbc@example.org");
}

/* Of a Message-ID that is too long to be remembered as a whole the beginning counts. */
static void
test_long(void **state)
{
	char	 text[900];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "id=", 3);
	text[700] = '\0';
	assert_int_equal(parse(text, NULL, NULL), 0);
	assert_int_equal(strlen(req.u.find.words[CTL_WORD_ID]), LOG_VIS_MAX);
	text[699] = '\033';
	assert_int_equal(parse(text, NULL, NULL), 0);
	assert_int_equal(strlen(req.u.find.words[CTL_WORD_ID]), LOG_VIS_MAX);
	text[699] = 'x';
	text[700] = 'x';
	text[800] = '\0';
	refused(text, NULL, "too long");
}

static void
test_days(void **state)
{
	const struct ctl_find	*m = &req.u.find;

	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	assert_int_equal(parse("day=2026-11-29", NULL, NULL), 0);
	assert_int_equal(m->given, 0);
	assert_int_equal(m->since, 1795906800);
	assert_int_equal(m->until, 1795906800 + 86400);
	assert_int_equal(parse("day=2026-10-25", "x@y", NULL), 0);	/* a day of 25 hours */
	assert_int_equal(m->until - m->since, 25 * 3600);
	assert_int_equal(parse("day=2026-10-31..2026-11-01", NULL, NULL), 0);
	assert_int_equal(m->until - m->since, 2 * 86400);
	refused("day=2026-02-30", NULL, "must be YYYY-MM-DD");
	refused("day=2026-13-01", NULL, "must be YYYY-MM-DD");
	refused("day=2026-1-1", NULL, "must be YYYY-MM-DD");
	refused("day=26-01-01", NULL, "must be YYYY-MM-DD");
	refused("day=2026-01-01x", NULL, "must be YYYY-MM-DD");
	refused("day=2026-01-02..2026-01-01", NULL, "must be YYYY-MM-DD");
	refused("day=2026-01-01..", NULL, "must be YYYY-MM-DD");
	refused("day=", NULL, "must be YYYY-MM-DD");
	refused("day=2026-01-01", "day=2026-01-01", "once");
}

static void
test_refused(void **state)
{
	(void)state;
	refused(NULL, NULL, "what? id=");
	refused("limit=5", NULL, "what? id=");
	refused("id=a", "id=b", "id= may be given once");
	refused("a", "b", "without a key may be given once");
	refused("id=", NULL, "empty");
	refused("", NULL, "empty");
	refused("limit=0", "x", "must be 1 to 10000");
	refused("limit=10001", "x", "must be 1 to 10000");
	refused("day=\033[2J", NULL, "\\033[2J");
}

/* What people and programs see; what a message says of itself steers no terminal. */
static void
test_shown(void **state)
{
	static struct ctl_found	 m[2] = {
		{ .since = 1700000000, .mailbox = 7, .size = 4096, .record = "anna@example.org/isp", .uid = "u1", .message_id = "a\\033@b",
		  .sender = "s@\033[2Jx", .results = "delivered example.org/anna\naccepted b@x at next hop hub: 250 ok\n" },
		{ .since = 1700000001, .mailbox = 8, .uid = "u2" }
	};
	struct reply	 rep;
	struct out	 o = { .now = 1700000100 };
	char		*text;
	size_t		 size;
	FILE		*fp;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(parse("x", NULL, NULL), 0);
	memset(&rep, 0, sizeof(rep));
	rep.ok = 1;
	((struct items *)reply_items(&rep, IMSG_CTL_FOUND))->v = m;
	((struct items *)reply_items(&rep, IMSG_CTL_FOUND))->n = 2;
	assert_non_null(o.fp = fp = open_memstream(&text, &size));
	print_reply(&o, &req, &rep);
	fclose(fp);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "anna@example.org/isp, unique-id u1\n        delivered example.org/anna\n"
	    "        accepted b@x at next hop hub: 250 ok\n"));
	assert_non_null(strstr(text, "no Message-ID\n        from <>, "));
	assert_non_null(strstr(text, "mailbox 8, unique-id u2\n"));
	free(text);
	assert_non_null(fp = open_memstream(&text, &size));
	json_reply(fp, &req, &rep);
	fclose(fp);
	assert_string_equal(text, "{\"ok\":true,\"messages\":[{\"since\":\"2023-11-14T22:13:20Z\",\"message_id\":\"a\\\\033@b\",\"size\":4096,"
	    "\"sender\":\"s@\\u001b[2Jx\",\"record\":\"anna@example.org/isp\",\"mailbox\":7,\"uid\":\"u1\","
	    "\"results\":[\"delivered example.org/anna\",\"accepted b@x at next hop hub: 250 ok\"]},"
	    "{\"since\":\"2023-11-14T22:13:21Z\",\"message_id\":null,\"size\":0,\"sender\":\"\",\"record\":null,\"mailbox\":8,\"uid\":\"u2\","
	    "\"results\":[]}]}\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
