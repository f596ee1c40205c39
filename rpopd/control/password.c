/* SPDX-License-Identifier: ISC */
/*
 * Passwords of accounts: somebody wants to know whether one is right, or sets another one.  Root needs no old password; everybody
 * else sets his own, and gives the old one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/verifier.h"
#include "rpopd/auth/auth.h"
#include "control_int.h"

/* A request under way; it is its client's, and is wiped. */
struct password {
	struct ctl_password	 m;
	struct auth		*auth;		/* the old password is being verified; NULL: it is not */
	size_t			 oldlen, newlen;
	uint8_t			 old[PROTO_SECRET_MAX], new[VERIFIER_MAX];
};

static int	 password_take(struct password *, struct imsg *);
static int	 password_refused(struct client *, struct password *, char *, size_t);
static void	 password_verified(void *, enum auth_answer);
static void	 password_set(struct client *);
static int	 password_begin(struct client *, const char *, char *, size_t);
static void	 password_end(struct client *, int, const char *);
static void	 password_refuse(struct client *, const char *);

const struct rule	 password_rules[] = {
	{ IMSG_CTL_PASSWORD,	RULES_ANY,	password_request },
};
const size_t		 password_nrules = nitems(password_rules);

/* IMSG_CTL_PASSWORD */
int
password_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct password	*p;
	char		 err[PROTO_TEXT_SIZE];

	if (c->busy)
		return (client_allowed(c, imsg, 0) ? -1 : 0);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("password");
	c->password = p;
	if (password_take(p, imsg) == -1) {
		password_left(c);
		return (-1);
	}
	if (!client_allowed(c, imsg, 0)) {
		password_left(c);
		return (0);
	}
	if (c->who.user)
		who_again(&c->who);
	batch_free(&c->batch);
	client_busy(c, NULL, password_left);
	if (password_refused(c, p, err, sizeof(err)))
		password_end(c, 0, err);
	else if (p->oldlen > 0)
		p->auth = auth_check(p->m.account, p->old, p->oldlen, password_verified, c);
	else
		password_set(c);
	return (0);
}

/* The message in parts.  0, or -1: it breaks the rules. */
static int
password_take(struct password *p, struct imsg *imsg)
{
	struct ibuf	 ibuf;

	if (imsg_get_ibuf(imsg, &ibuf) == -1 || ibuf_get(&ibuf, &p->m, sizeof(p->m)) == -1 ||
	    !proto_str(p->m.account, sizeof(p->m.account)) || p->m.set > 1 || p->m.old > ibuf_size(&ibuf) ||
	    p->m.old > sizeof(p->old) || ibuf_size(&ibuf) - p->m.old > sizeof(p->new))
		return (-1);
	p->oldlen = p->m.old;
	p->newlen = ibuf_size(&ibuf) - p->oldlen;
	if (ibuf_get(&ibuf, p->old, p->oldlen) == -1 || ibuf_get(&ibuf, p->new, p->newlen) == -1)
		return (-1);
	return (p->m.set || (p->oldlen > 0 && p->newlen == 0) ? 0 : -1);
}

/* 1: he may not do that, or it cannot be done, and there is a sentence; 0: it is begun.  Without a name the account is his own. */
static int
password_refused(struct client *c, struct password *p, char *err, size_t errsize)
{
	const struct who	*who = &c->who;
	const char		*wrong;
	char			 shown[128];

	log_vis(shown, sizeof(shown), p->m.account, strlen(p->m.account));
	if (p->m.account[0] == '\0')
		strlcpy(p->m.account, who->account, sizeof(p->m.account));
	if (!who->root && who->watcher)
		strlcpy(err, "only root may do that", errsize);
	else if (!who->root && who->account[0] == '\0')
		strlcpy(err, WHO_NOBODY, errsize);
	else if (p->m.account[0] == '\0')
		strlcpy(err, "whose password? the account's address is missing", errsize);
	else if (!who->root && strcmp(p->m.account, who->account) != 0)
		snprintf(err, errsize, "%s: is no account of yours", shown);
	else if (!who->root && p->oldlen == 0)
		strlcpy(err, "the old password is needed; an account that has none gets its first one from an administrator", errsize);
	else if (!who->root && p->m.set && auth_elsewhere())
		strlcpy(err, "passwords are not kept here (settings.pop_auth); change yours where it is kept", errsize);
	else if (p->newlen > 0 && (wrong = verifier_wrong(p->new, p->newlen)) != NULL)
		snprintf(err, errsize, "account: password %s", wrong);
	else
		return (0);
	return (1);
}

/* What came of the old password. */
static void
password_verified(void *arg, enum auth_answer answer)
{
	struct client	*c = arg;
	struct password	*p = c->password;

	p->auth = NULL;
	if (answer == AUTH_LATER)
		password_end(c, 0, "the password could not be verified now; try again");
	else if (answer == AUTH_NO)
		password_end(c, 0, p->m.set ? "the old password is wrong; nothing was changed" :
		    "the password is wrong, or there is none for this address");
	else if (!p->m.set)
		password_end(c, 1, "the password is right");
	else {
		c->who.proved = 1;
		password_set(c);
	}
}

/* The account gets its new verifier, or none: a batch of one change. */
static void
password_set(struct client *c)
{
	struct password		*p = c->password;
	struct ctl_change	 head = { .act = CHANGE_SET, .nkeys = 1, .table = "account" };
	struct cell		 cells[2] = { { .column = "address", .kind = CELL_TEXT }, { .column = "password" } };
	uint8_t			 octets[PROTO_ADDR_SIZE + VERIFIER_MAX + 2 * (CELL_COLUMN_SIZE + 4)];
	size_t			 n, k;

	cells[0].value = (const uint8_t *)p->m.account;
	cells[0].len = strlen(p->m.account);
	cells[1].kind = p->newlen == 0 ? CELL_NULL : CELL_TEXT;
	cells[1].value = p->new;
	cells[1].len = p->newlen;
	if ((n = cell_pack(octets, sizeof(octets), &cells[0])) == 0 ||
	    (k = cell_pack(octets + n, sizeof(octets) - n, &cells[1])) == 0 || batch_add(&c->batch, &head, octets, n + k) == -1)
		password_end(c, 0, "that is too long");
	else
		wait_for(c, "", WAIT_STORE, password_begin, password_refuse);
	explicit_bzero(octets, sizeof(octets));
}

/* Does the change; the result is that of wait_begin. */
static int
password_begin(struct client *c, const char *name __unused, char *err, size_t errsize)
{
	char	 record[PROTO_RECORD_SIZE];
	int	 rv;

	if ((rv = edit_run(&c->who, &c->batch, err, errsize, record)) == 0)
		password_end(c, 1, err);
	return (rv);
}

static void
password_refuse(struct client *c, const char *why)
{
	password_end(c, 0, why);
}

/* The answer; whatever the client proved it proved for this request. */
static void
password_end(struct client *c, int ok, const char *text)
{
	client_done(c);
	password_left(c);
	client_reply(c, ok, text);
}

/* The request is over, or the client has left: nothing of it stays. */
void
password_left(struct client *c)
{
	struct password	*p = c->password;

	c->password = NULL;
	c->who.proved = 0;
	batch_free(&c->batch);
	if (p == NULL)
		return;
	if (p->auth != NULL)
		auth_cancel(p->auth);
	freezero(p, sizeof(*p));
}
