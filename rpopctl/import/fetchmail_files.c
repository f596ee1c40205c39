/* SPDX-License-Identifier: ISC */
/*
 * Fetchmail's other files.
 *
 * .fetchids: a line for each message that it has seen and left on the server,
 *
 *	USER@HOST UNIQUE-ID
 *
 * where HOST is that of via, or of poll, without a port.  USER may have @ and blanks in it, HOST neither, so the first blank behind
 * the first @ ends it, and the last @ ahead of that one divides it.
 *
 * .netrc: passwords by the name behind poll, or the one behind via, and the user.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "fetchmail_int.h"
#include "netrc.h"

#define BLANKS		" \t"
#define SHARED_MAX	16		/* records of one user and host that get the same unique-ids */
#define PASSWORD_MAX	1024

struct mailbox {
	const char	*user, *host;
	size_t		 record;
};

struct mailboxes {
	struct mailbox	*v;		/* in the order of mailbox_cmp() */
	size_t		 n;
	size_t		 strange;	/* unique-ids of mailboxes that are no record's */
	unsigned int	 strange_line;	/* of the first one */
	unsigned int	 bad_line;	/* the first that cannot be understood */
};

static void	 mailboxes_find(struct import *, struct mailboxes *);
static int	 mailbox_cmp(const void *, const void *);
static void	 id_line(struct import *, struct mailboxes *, char *, unsigned int);
static void	 id_add(struct import *, struct mailboxes *, const struct mailbox *, const char *, unsigned int);
static int	 one_mailbox(const struct import_record *, const struct import_record *);
static void	 told(struct import *, const struct mailboxes *);
static int	 usable(const char *);

int
fm_seen(struct import *imp, const char *path __unused, const char *octets, size_t len)
{
	struct mailboxes	 boxes = { .n = 0 };
	const char		*end = octets + len, *p, *nl;
	unsigned int		 n = 1;
	char			*text;

	if (field_text(imp, octets, len) == -1)
		return (-1);
	mailboxes_find(imp, &boxes);
	for (p = octets; p < end; p = nl < end ? nl + 1 : end, n++) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		if ((text = strndup(p, (size_t)(nl - p))) == NULL)
			err(1, NULL);
		id_line(imp, &boxes, text, n);
		free(text);
	}
	told(imp, &boxes);
	free(boxes.v);
	return (0);
}

static void
mailboxes_find(struct import *imp, struct mailboxes *boxes)
{
	const struct import_cell	*user;
	size_t				 i;

	for (i = 0; i < imp->nrecords; i++) {
		user = import_get(&imp->records[i], "auth_name");
		if (user == NULL || user->value == NULL || imp->records[i].server == NULL)
			continue;
		if ((boxes->v = array_grow(boxes->v, boxes->n, sizeof(*boxes->v))) == NULL)
			err(1, NULL);
		boxes->v[boxes->n++] = (struct mailbox){ user->value, imp->records[i].server, i };
	}
	if (boxes->n > 0)
		qsort(boxes->v, boxes->n, sizeof(*boxes->v), mailbox_cmp);
}

/* Fetchmail compares both without regard to case; of like ones the first of the file comes first. */
static int
mailbox_cmp(const void *a, const void *b)
{
	const struct mailbox	*x = a, *y = b;
	int			 c;

	if ((c = strcasecmp(x->host, y->host)) != 0 || (c = strcasecmp(x->user, y->user)) != 0)
		return (c);
	return (x->record < y->record ? -1 : x->record > y->record);
}

static void
id_line(struct import *imp, struct mailboxes *boxes, char *text, unsigned int n)
{
	struct mailbox	 key = { .record = 0 };
	char		*at, *blank, *id;

	text += strspn(text, BLANKS);
	if ((at = strchr(text, '@')) == NULL || (blank = strchr(at, ' ')) == NULL) {
		if (*text != '\0' && *text != '\r' && boxes->bad_line == 0)
			boxes->bad_line = n;
		return;
	}
	id = blank + strspn(blank, " ");
	id[strcspn(id, " \t\r")] = '\0';
	while (blank[-1] == ' ' || blank[-1] == '\t')
		blank--;
	*blank = '\0';
	at = strrchr(text, '@');
	*at = '\0';
	key.user = text;
	key.host = at + 1;
	id_add(imp, boxes, &key, id, n);
}

/* The unique-id belongs to the first such record, and to others only if they are about the same mailbox. */
static void
id_add(struct import *imp, struct mailboxes *boxes, const struct mailbox *key, const char *id, unsigned int n)
{
	struct import_record	*first, *other;
	size_t			 i, k;

	i = array_search(key, boxes->v, boxes->n, sizeof(*boxes->v), mailbox_cmp);
	if (i == boxes->n || strcasecmp(boxes->v[i].host, key->host) != 0 || strcasecmp(boxes->v[i].user, key->user) != 0) {
		if (boxes->strange++ == 0)
			boxes->strange_line = n;
		return;
	}
	first = &imp->records[boxes->v[i].record];
	for (k = i; k < boxes->n && k < i + SHARED_MAX && strcasecmp(boxes->v[k].host, key->host) == 0 &&
	    strcasecmp(boxes->v[k].user, key->user) == 0; k++) {
		other = &imp->records[boxes->v[k].record];
		if (k > i && !one_mailbox(first, other))
			continue;
		import_seen(other, id, strlen(id));
		import_answer(other, "first_poll");	/* it was POP3 that it was polled by */
	}
}

static int
one_mailbox(const struct import_record *a, const struct import_record *b)
{
	const struct import_cell	*x = import_get(a, "domain"), *y = import_get(b, "domain");

	return (x != NULL && y != NULL && strcasecmp(x->value, y->value) == 0);
}

static void
told(struct import *imp, const struct mailboxes *boxes)
{
	const struct import_cell	*leave;
	struct import_record		*r;
	size_t				 i;

	if (boxes->bad_line != 0)
		import_note(imp, NULL, IMPORT_LOST, boxes->bad_line, NULL, "in the file of seen messages a line is not USER@HOST "
		    "UNIQUE-ID; such lines are left out");
	if (boxes->strange > 0)
		import_note(imp, NULL, IMPORT_LOST, boxes->strange_line, NULL, "%zu seen messages, from this line of their file "
		    "on, are of mailboxes that no record is about", boxes->strange);
	for (i = 0; i < imp->nrecords; i++) {
		r = &imp->records[i];
		if (r->nseen > 0 && (leave = import_get(r, "leave")) != NULL && leave->value[0] == '0')
			import_note(imp, r, IMPORT_NOTE, r->line, NULL, "fetchmail has left %zu messages on the server that it had "
			    "seen; with leave 0 those that are still there are deleted", r->nseen);
	}
}

/* A password of the file itself counts before one of .netrc. */
int
fm_netrc(struct import *imp, const char *octets, size_t len)
{
	const struct import_cell	*user;
	struct import_record		*r;
	struct netrc			 netrc;
	const char			*password;
	size_t				 i;
	unsigned int			 bad = netrc_read(&netrc, octets, len);

	if (bad != 0)
		import_note(imp, NULL, IMPORT_LOST, bad, NULL, "in .netrc there is a word that means nothing here; it is passed "
		    "over");
	for (i = 0; i < imp->nrecords; i++) {
		r = &imp->records[i];
		user = import_get(r, "auth_name");
		if (import_get(r, "password") != NULL || user == NULL || user->value == NULL || r->label == NULL)
			continue;
		if ((password = netrc_password(&netrc, r->label, user->value)) == NULL)
			password = netrc_password(&netrc, r->server, user->value);
		if (password == NULL || !usable(password))
			continue;
		import_set_text(r, "password", password);
		import_answer(r, "password");
	}
	netrc_free(&netrc);
	return (0);
}

/* As column password has it. */
static int
usable(const char *password)
{
	size_t	 len = strlen(password);

	return (len > 0 && len <= PASSWORD_MAX && password[strcspn(password, "\r\n")] == '\0');
}
