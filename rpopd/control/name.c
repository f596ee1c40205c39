/* SPDX-License-Identifier: ISC */
/* Whom and what a request is about: a name as it came, and for clients of the users' socket whether it is theirs, and how often. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/compat.h"
#include "rpopd/sched/sched.h"
#include "control_int.h"

#define USER_BURST	20	/* changes of one user at once, ... */
#define USER_REFILL	30000	/* ... and ms until he may make one more */
#define USER_BUCKETS	256	/* users who changed something lately */
#define USER_PAUSE	60	/* s between two polls, or trials, of a record that its user asks for */

static int	 user_name(struct client *, struct ctl_name *);

/*
 * A request's payload that is a name.  0; 1: it is none of the client's, which has had its answer; or -1: it breaks the rules.
 */
int
control_name(struct client *c, struct imsg *imsg, struct ctl_name *m)
{
	if (rules_payload(imsg, m) == -1 || !proto_str(m->name, sizeof(m->name)))
		return (-1);
	return (c->who.user ? user_name(c, m) : 0);
}

/*
 * The name that a user asks about, made whole: none stands for all records of his own, and /record or record for one of them.  0, or
 * 1: it is none of his, and he was told so, in the same words for an account that does not exist.
 */
static int
user_name(struct client *c, struct ctl_name *m)
{
	char	 account[PROTO_RECORD_SIZE], text[PROTO_RECORD_SIZE * 4 + 64];

	who_again(&c->who);
	strlcpy(account, m->name, sizeof(account));
	account[strcspn(account, "/")] = '\0';
	if (c->who.account[0] == '\0') {
		client_reply(c, 0, WHO_NOBODY);
		return (1);
	}
	if (strchr(account, '@') == NULL) {
		strlcpy(text, m->name[0] == '/' ? m->name + 1 : m->name, sizeof(text));
		if ((size_t)snprintf(m->name, sizeof(m->name), "%s%s%s", c->who.account, *text == '\0' ? "" : "/", text) <
		    sizeof(m->name))
			return (0);
	} else if (who_sees(&c->who, account))
		return (0);
	client_reply(c, 0, "that is no account or record of yours");
	return (1);
}

/*
 * Who the user is at this moment, and whether he may change something now: so often, and no more, since each change is work for the
 * whole daemon and may log in at somebody's server.  0; or -1 and a sentence.
 */
int
user_change(struct client *c, char *err, size_t errsize)
{
	static struct bucket {
		char	 account[PROTO_ADDR_SIZE];
		int64_t	 since;			/* when it was full, or would have been; monotonic ms */
	}		 buckets[USER_BUCKETS];
	struct bucket	*b, *oldest = buckets;
	int64_t		 now = clock_msec(), full = now - USER_BURST * USER_REFILL;

	who_again(&c->who);
	if (c->who.account[0] == '\0') {
		strlcpy(err, WHO_NOBODY, errsize);
		return (-1);
	}
	if (c->who.server_admin)
		return (0);
	for (b = buckets; b < buckets + nitems(buckets) && strcmp(b->account, c->who.account) != 0; b++)
		if (b->since < oldest->since)
			oldest = b;
	if (b == buckets + nitems(buckets)) {
		b = oldest;
		strlcpy(b->account, c->who.account, sizeof(b->account));
		b->since = full;
	}
	if (b->since < full)
		b->since = full;
	if (b->since + USER_REFILL > now) {
		snprintf(err, errsize, "that is too many changes at once; one more in %d s", USER_REFILL / 1000);
		return (-1);
	}
	b->since += USER_REFILL;
	return (0);
}

/* 1: a record of this name was polled or tried so lately that a user does not do it again; he was told so. */
int
user_soon(struct client *c, const char *name)
{
	const struct task	*t;
	char			 text[PROTO_RECORD_SIZE + 96];
	int64_t			 now = time(NULL), tried;
	size_t			 i;

	for (i = 0; i < sched_ntasks; i++) {
		t = &sched_tasks[i];
		if (!sched_named(t, name))
			continue;
		tried = t->tried == 0 ? INT64_MAX : (clock_msec() - t->tried) / 1000;
		if (now - t->rs.last_attempt < tried)
			tried = now - t->rs.last_attempt;
		if (tried >= USER_PAUSE || c->who.server_admin)
			continue;
		snprintf(text, sizeof(text), "%s: its server was asked %lld s ago; once in %d s is what users may ask for", name,
		    (long long)tried, USER_PAUSE);
		client_reply(c, 0, text);
		return (1);
	}
	return (0);
}
