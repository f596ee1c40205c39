/* SPDX-License-Identifier: ISC */
/* links: rpopd/control rpopd/edit */
/* libs: -levent_core */
/* Who may have a password verified, or set one, over the control socket and as a user; and what becomes of a request half-way. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/verifier.h"
#include "rpopd/auth/auth.h"
#include "rpopd/control/control_int.h"

#define HASH	"$y$j9T$leQp0ux0iOBWs9bWQX0z/0$dMjvlpY0e/sW1bdDoZ4xcEUQe0ASrMTI3njR8yXlqo5"

/* --- the world: a daemon that notes what is asked of it --- */

static struct client	 c;
static char		 replied[PROTO_TEXT_SIZE], asked[PROTO_ADDR_SIZE], tried[PROTO_SECRET_MAX + 1], stored[PROTO_FRAME_MAX];
static int		 ok, cancelled, proved, store_busy;
static void		(*verified)(void *, enum auth_answer);
static wait_begin	 waiting;

struct auth *
auth_check(const char *account, const void *password, size_t len, void (*done)(void *, enum auth_answer), void *arg)
{
	assert_ptr_equal(arg, &c);
	strlcpy(asked, account, sizeof(asked));
	memcpy(tried, password, len);
	tried[len] = '\0';
	verified = done;
	return ((struct auth *)&c);
}

static int	 elsewhere;
int auth_elsewhere(void) { return (elsewhere); }
void auth_cancel(struct auth *a) { (void)a; cancelled++; }
int client_allowed(struct client *cl, struct imsg *i, int root) { (void)i; (void)root; return (!cl->busy); }
void client_done(struct client *cl) { cl->busy = 0; cl->left = NULL; }

void
client_busy(struct client *cl, void (*drained)(void *), void (*left)(struct client *))
{
	(void)drained;
	cl->busy = 1;
	cl->left = left;
}

void
client_reply(struct client *cl, int well, const char *text)
{
	(void)cl;
	ok = well;
	strlcpy(replied, text, sizeof(replied));
}

/* Who a client is stays as the test has it. */
void
who_again(struct who *who)
{
	(void)who;
}

int
edit_run(const struct who *who, struct batch *b, char *text, size_t size, char record[PROTO_RECORD_SIZE])
{
	const struct change	*ch = &b->changes[0];
	size_t			 i;

	*record = '\0';
	strlcpy(text, store_busy ? "the store is in use" : "1 account changed: password set", size);
	if (store_busy)
		return (1);
	proved = who->proved;
	assert_int_equal(b->n, 1);
	assert_string_equal(ch->table, "account");
	assert_int_equal(ch->act, CHANGE_SET);
	stored[0] = '\0';
	for (i = 0; i < ch->ncells; i++) {
		strlcat(stored, i == 0 ? "" : " ", sizeof(stored));
		strlcat(stored, ch->cells[i].column, sizeof(stored));
		strlcat(stored, "=", sizeof(stored));
		if (ch->cells[i].kind == CELL_NULL)
			strlcat(stored, "NULL", sizeof(stored));
		else
			strncat(stored, (const char *)ch->cells[i].value, ch->cells[i].len);
	}
	return (0);
}

void
wait_for(struct client *cl, const char *name, int64_t patience, wait_begin begin, wait_refuse refuse)
{
	char	 err[PROTO_TEXT_SIZE];
	int	 rv;

	(void)patience;
	client_busy(cl, NULL, NULL);
	waiting = begin;
	if ((rv = begin(cl, name, err, sizeof(err))) == -1)
		refuse(cl, err);
}

/* The client asks; the result is the handler's. */
static int
ask(const char *account, uint32_t set, const char *old, size_t oldlen, const char *new, size_t newlen)
{
	struct ctl_password	 m = { .old = (uint16_t)oldlen, .set = set };
	struct ibuf		*buf = ibuf_dynamic(64, 65536);
	struct imsg		 imsg = { .hdr = { .type = IMSG_CTL_PASSWORD }, .buf = buf };
	int			 rv;

	strlcpy(m.account, account, sizeof(m.account));
	ibuf_add(buf, &m, sizeof(m));
	if (old != NULL)
		ibuf_add(buf, old, oldlen);
	ibuf_add(buf, new, newlen);
	imsg.hdr.len = IMSG_HEADER_SIZE + ibuf_size(buf);
	imsg.data = ibuf_data(buf);
	replied[0] = asked[0] = tried[0] = stored[0] = '\0';
	ok = proved = -1;
	verified = NULL;
	rv = password_rules[0].handler(&c, &imsg);
	ibuf_free(buf);
	return (rv);
}

static void
is(const char *account, int root, int watcher)
{
	memset(&c, 0, sizeof(c));
	c.who.root = root;
	c.who.watcher = watcher;
	c.who.uid = root ? 0 : 1000;
	strlcpy(c.who.account, account, sizeof(c.who.account));
	cancelled = store_busy = 0;
}

/* The request is over, and nothing of it is left. */
static void
over(int well, const char *text)
{
	assert_int_equal(ok, well);
	if (strstr(replied, text) == NULL)
		fail_msg("wanted '%s', got '%s'", text, replied);
	assert_null(c.password);
	assert_int_equal(c.busy, 0);
	assert_int_equal(c.who.proved, 0);
	assert_int_equal(c.batch.n, 0);
}

/* --- tests --- */

static void
test_root(void **state __unused)
{
	is("", 1, 0);
	assert_int_equal(ask("anna@example.org", 1, NULL, 0, HASH, strlen(HASH)), 0);
	over(1, "password set");
	assert_string_equal(stored, "address=anna@example.org password=" HASH);
	assert_int_equal(ask("anna@example.org", 1, NULL, 0, "", 0), 0);
	assert_string_equal(stored, "address=anna@example.org password=NULL");
	assert_int_equal(ask("anna@example.org", 1, NULL, 0, "s3cret", 6), 0);
	over(0, "account: password must be a string of crypt(3)");
	assert_int_equal(ask("anna@example.org", 1, NULL, 0, "$1$exJ1YF0i$RBRX7j5p3dlX4LWwGEqZ90", 34), 0);
	over(0, "too weak");
	assert_int_equal(ask("", 1, NULL, 0, HASH, strlen(HASH)), 0);
	over(0, "whose password?");
	assert_int_equal(ask("anna@example.org", 0, "word", 4, "", 0), 0);
	assert_string_equal(tried, "word");
	assert_string_equal(asked, "anna@example.org");
	verified(&c, AUTH_YES);
	over(1, "the password is right");
	assert_string_equal(stored, "");
}

/* His own, with the old one, and with nothing else. */
static void
test_user(void **state __unused)
{
	is("anna@example.org", 0, 0);
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	assert_string_equal(asked, "anna@example.org");
	assert_string_equal(tried, "old");
	assert_string_equal(stored, "");
	verified(&c, AUTH_NO);
	over(0, "the old password is wrong; nothing was changed");
	elsewhere = 1;
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	over(0, "passwords are not kept here");
	elsewhere = 0;
	assert_int_equal(ask("anna@example.org", 1, "old", 3, HASH, strlen(HASH)), 0);
	verified(&c, AUTH_LATER);
	over(0, "could not be verified now");
	assert_string_equal(stored, "");
	assert_int_equal(ask("anna@example.org", 1, "old", 3, HASH, strlen(HASH)), 0);
	verified(&c, AUTH_YES);
	assert_int_equal(proved, 1);
	assert_string_equal(stored, "address=anna@example.org password=" HASH);
	over(1, "password set");
	assert_int_equal(ask("", 1, NULL, 0, HASH, strlen(HASH)), 0);
	over(0, "the old password is needed");
	assert_int_equal(ask("bert@example.org", 1, "old", 3, HASH, strlen(HASH)), 0);
	over(0, "bert@example.org: is no account of yours");
	assert_null(verified);
	assert_int_equal(ask("bert@example.org", 0, "old", 3, "", 0), 0);
	over(0, "is no account of yours");
	is("", 0, 1);
	assert_int_equal(ask("bert@example.org", 0, "old", 3, "", 0), 0);
	over(0, "only root may do that");
	is("", 0, 0);
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	over(0, "no account here is yours");
}

/* Whoever leaves leaves nothing, wherever his request is. */
static void
test_leaves(void **state __unused)
{
	char	 err[PROTO_TEXT_SIZE];

	is("anna@example.org", 0, 0);
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	assert_ptr_equal(c.left, password_left);
	client_done(&c);
	password_left(&c);
	assert_int_equal(cancelled, 1);
	assert_null(c.password);
	store_busy = 1;
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	verified(&c, AUTH_YES);
	assert_non_null(c.password);		/* it waits for the store */
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	assert_non_null(c.password);
	store_busy = 0;
	assert_int_equal(waiting(&c, "", err, sizeof(err)), 0);
	over(1, "password set");
	is("anna@example.org", 0, 0);
	store_busy = 1;
	assert_int_equal(ask("", 1, "old", 3, HASH, strlen(HASH)), 0);
	verified(&c, AUTH_YES);
	client_done(&c);
	password_left(&c);
	assert_int_equal(c.batch.n, 0);
	assert_int_equal(c.who.proved, 0);
}

/* Messages that are none end the client. */
static void
test_hostile(void **state __unused)
{
	static char	 octets[4096];

	is("anna@example.org", 0, 0);
	assert_int_equal(ask("", 2, "old", 3, HASH, strlen(HASH)), -1);
	assert_int_equal(ask("", 0, "old", 3, HASH, strlen(HASH)), -1);
	assert_int_equal(ask("", 0, NULL, 0, "", 0), -1);
	assert_int_equal(ask("", 1, NULL, 5000, "", 0), -1);
	assert_int_equal(ask("", 1, octets, PROTO_SECRET_MAX + 1, HASH, strlen(HASH)), -1);
	assert_int_equal(ask("", 1, octets, 1, octets, VERIFIER_MAX + 1), -1);
	assert_null(c.password);
	assert_int_equal(c.busy, 0);
	assert_null(verified);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_hostile)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
