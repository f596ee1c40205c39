/* SPDX-License-Identifier: ISC */
/*
 * Passwords of accounts.  What the daemon is told of a new one is its verifier, which is made by this program: the master computes no
 * hash, and never sees the password, unless it is to be stored as it is.
 */
#include <sys/types.h>

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/sasl/password.h"
#include "rpopctl.h"

#define PLAIN_MEANS	"The password will be in rpopd.db as it is: whoever reads that file, or a backup of it, has it.\n" \
			"Only APOP and CRAM-MD5 need that; --scram does for SCRAM-SHA-256, and everything else needs neither.\n"

struct sent {				/* a request as it goes out */
	struct ctl_password	 head;
	uint8_t			 octets[PROTO_SECRET_MAX + VERIFIER_MAX];
};

static int		 password_account(struct session *, int, struct sent *);
static const char	*password_old(struct sent *, size_t *);
static const char	*password_new(const char *, enum verifier_kind, uint8_t *, size_t *);
static int		 password_send(struct session *, struct sent *, size_t);

/* rpopctl account password [--none | --plain | --scram] [ADDRESS] */
int
account_password(struct session *s)
{
	static const struct option	 options[] = { { "none", no_argument, NULL, 'n' }, { "plain", no_argument, NULL, 'p' },
					    { "scram", no_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct sent			 sent = { .head = { .set = 1 } };
	enum verifier_kind		 kind = VERIFIER_CRYPT;
	const char			*wrong = NULL;
	size_t				 len = 0, n = 0;
	int				 ch, status = 1;

	while ((ch = getopt_long(s->argc, s->argv, "", options, NULL)) != -1)
		switch (ch) {
		case 'n':
			kind = 0;
			break;
		case 'p':
			kind = VERIFIER_PLAIN;
			break;
		case 's':
			kind = VERIFIER_SCRAM;
			break;
		default:
			return (1);
		}
	if (password_account(s, optind, &sent) == -1)
		return (1);
	if (kind == VERIFIER_PLAIN)
		fputs(PLAIN_MEANS, stderr);
	if (getuid() != 0)
		wrong = password_old(&sent, &len);
	if (wrong == NULL && kind != 0)
		wrong = password_new(sent.head.account, kind, sent.octets + len, &n);
	if (wrong != NULL)
		warnx("%s", wrong);
	else
		status = password_send(s, &sent, len + n);
	explicit_bzero(&sent, sizeof(sent));
	return (status);
}

/* rpopctl account check ADDRESS: whether a password is the right one. */
int
account_check(struct session *s)
{
	struct sent	 sent = { .head = { .set = 0 } };
	char		 secret[SECRET_MAX + 1], prompt[sizeof(sent.head.account) * 4 + 32], shown[sizeof(sent.head.account) * 4];
	const char	*wrong;
	size_t		 len;
	int		 status = 1;

	if (password_account(s, 1, &sent) == -1)
		return (1);
	snprintf(prompt, sizeof(prompt), "Password%s%s: ", sent.head.account[0] == '\0' ? "" : " of ",
	    text_vis(shown, sizeof(shown), sent.head.account));
	if ((wrong = secret_read(prompt, secret, sizeof(secret), 0)) != NULL)
		warnx("%s", wrong);
	else {
		len = strlen(secret);
		sent.head.old = (uint16_t)len;
		memcpy(sent.octets, secret, len);
		status = password_send(s, &sent, len);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&sent, sizeof(sent));
	return (status);
}

/* The account that the words from there on name; none: the user's own.  0, or -1: they name none, which was said. */
static int
password_account(struct session *s, int from, struct sent *sent)
{
	if (s->argc - from > 1)
		warnx("a password is never an argument, which others can see; it is asked for, or read from standard input");
	else if (s->argc == from && getuid() == 0)
		warnx("whose? the account's address is missing");
	else if (s->argc > from && (s->argv[from][0] == '\0' ||
	    strlcpy(sent->head.account, s->argv[from], sizeof(sent->head.account)) >= sizeof(sent->head.account)))
		warnx("that is no address of an account");
	else
		return (0);
	return (-1);
}

/* Asks for the password that holds now.  NULL with it in the request and its length, or a sentence. */
static const char *
password_old(struct sent *sent, size_t *len)
{
	char		 secret[SECRET_MAX + 1];
	const char	*wrong = secret_read("Old password: ", secret, sizeof(secret), 0);

	if (wrong == NULL) {
		*len = strlen(secret);
		sent->head.old = (uint16_t)*len;
		memcpy(sent->octets, secret, *len);
	}
	explicit_bzero(secret, sizeof(secret));
	return (wrong);
}

/* Asks for a new password.  NULL with its verifier at out, of *len octets, or a sentence. */
static const char *
password_new(const char *account, enum verifier_kind kind, uint8_t *out, size_t *len)
{
	char		 secret[SECRET_MAX + 1], verifier[VERIFIER_MAX + 1], shown[256], prompt[300];
	const char	*wrong;

	snprintf(prompt, sizeof(prompt), "New password%s%s: ", *account == '\0' ? "" : " of ", text_vis(shown, sizeof(shown), account));
	if ((wrong = secret_read(prompt, secret, sizeof(secret), 1)) == NULL)
		wrong = password_verifier(kind, secret, verifier, sizeof(verifier));
	if (wrong == NULL) {
		*len = strlen(verifier);
		memcpy(out, verifier, *len);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(verifier, sizeof(verifier));
	return (wrong);
}

/* Makes the request, with so many octets behind its head, and prints the answer; returns the exit status. */
static int
password_send(struct session *s, struct sent *sent, size_t len)
{
	struct request	 req = { .type = IMSG_CTL_PASSWORD, .patient = 1, .data = sent, .len = sizeof(sent->head) + len };

	return (session_request(s, &req));
}
