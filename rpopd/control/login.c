/* SPDX-License-Identifier: ISC */
/* rpopctl oauth login: what a person is to do comes at once, then how it gets on, and at last what became of it. */
#include <stdio.h>
#include <string.h>

#include "common/ipc/cells.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/edit/edit.h"
#include "rpopd/sched/sched.h"
#include "rpopd/token/token.h"
#include "control_int.h"

static int	 login_request(void *, struct imsg *);
static void	 login_told(struct client *, const struct ctl_login *);
static int	 login_store(const struct record *, const uint8_t *, size_t, char *, size_t);
static int	 login_change(struct batch *, const struct record *, const uint8_t *, size_t);
static void	 login_ended(struct client *, const struct record *, int, const char *);
static void	 login_next(const struct record *, char *, size_t);

static const struct login_calls	 calls = { login_told, login_store, login_ended };

const struct rule	 login_rules[] = {
	{ IMSG_CTL_OAUTH_LOGIN,	RULES_ANY,	login_request },
};
const size_t		 login_nrules = nitems(login_rules);

/* IMSG_CTL_OAUTH_LOGIN */
static int
login_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 err[PROTO_TEXT_SIZE], text[PROTO_RECORD_SIZE + PROTO_TEXT_SIZE + 2];
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (!client_allowed(c, imsg, 1))
		return (0);
	if (login_start(&calls, c, m.name, err, sizeof(err)) == 0)
		client_busy(c, NULL, login_abandon);
	else {
		snprintf(text, sizeof(text), "%s: %s", m.name, err);
		client_reply(c, 0, text);
	}
	return (0);
}

static void
login_told(struct client *c, const struct ctl_login *m)
{
	client_send(c, IMSG_CTL_LOGIN, m, sizeof(*m));
}

/*
 * The refresh token into the record, as root's change of one row.  It is for the mailbox and the client that it was asked for: a
 * record that is another one by now does not get it.
 */
static int
login_store(const struct record *rec, const uint8_t *token, size_t len, char *err, size_t errsize)
{
	static struct grant_secret	 secret;
	struct batch			 batch = { 0 };
	struct who			 root = { .root = 1 };
	char				 text[PROTO_TEXT_SIZE * 2], record[PROTO_RECORD_SIZE];
	int				 rv;

	rv = config_grant_client(options.store, rec, &secret, err, errsize);
	explicit_bzero(&secret, sizeof(secret));
	if (rv == -1)
		return (1);		/* the store may be locked, or be edited back */
	if (login_change(&batch, rec, token, len) == -1) {
		snprintf(err, errsize, "out of memory");
		rv = 1;
	} else if ((rv = edit_run(&root, &batch, text, sizeof(text), record)) != 0)
		strlcpy(err, text, errsize);
	batch_free(&batch);
	return (rv);
}

/* The change: column refresh_token of the record's row.  0 or -1. */
static int
login_change(struct batch *batch, const struct record *rec, const uint8_t *token, size_t len)
{
	const struct ctl_change	 head = { .act = CHANGE_SET, .nkeys = 2, .table = "rpop" };
	const struct cell	 cells[] = {
		{ "account", CELL_TEXT, (const uint8_t *)rec->owner, strlen(rec->owner) },
		{ "name", CELL_TEXT, (const uint8_t *)rec->name, strlen(rec->name) },
		{ "refresh_token", CELL_TEXT, token, len }
	};
	static uint8_t		 octets[PROTO_TOKEN_MAX + 2 * PROTO_RECORD_SIZE + nitems(cells) * (CELL_COLUMN_SIZE + 4)];
	size_t			 i, n, used = 0;
	int			 rv = 0;

	for (i = 0; i < nitems(cells) && rv == 0; i++) {
		if ((n = cell_pack(octets + used, sizeof(octets) - used, &cells[i])) == 0)
			rv = -1;
		used += n;
	}
	if (rv == 0)
		rv = batch_add(batch, &head, octets, used);
	explicit_bzero(octets, sizeof(octets));
	return (rv);
}

/* The login is over; ok: the record has its token, and is polled with it. */
static void
login_ended(struct client *c, const struct record *rec, int ok, const char *text)
{
	char	 sentence[sizeof(((struct ctl_text *)0)->text)], next[PROTO_TEXT_SIZE] = "";

	if (ok)
		login_next(rec, next, sizeof(next));
	snprintf(sentence, sizeof(sentence), "%s%s", text, next);
	client_done(c);
	client_reply(c, ok, sentence);
	(void)imsgbuf_write(&c->link.ibuf);	/* where the daemon ends there is no later */
}

/* What comes next: a poll at once, whatever pause a missing token has earned; or something that the administrator has to do. */
static void
login_next(const struct record *rec, char *text, size_t size)
{
	struct poll_answer	 answer;
	char			 name[PROTO_RECORD_SIZE];

	snprintf(name, sizeof(name), "%s/%s", rec->owner, rec->name);
	sched_poll(name, &answer);
	if (answer.matched == 0)
		strlcpy(text, "; it is disabled: rpopctl record enable has it polled", size);
	else if (answer.matched > answer.early + answer.closed)
		strlcpy(text, "; it is polled now", size);
	else
		strlcpy(text, "; its next poll uses it", size);
}
