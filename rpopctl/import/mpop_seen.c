/* SPDX-License-Identifier: ISC */
/*
 * mpop's file of unique-ids, by default ~/.mpop_uidls/USER_at_HOST.  It has a list for each mailbox:
 *
 *	# comments, ahead of the first list only
 *	 NUMBER HOST USER		a space, and how many lines follow that are unique-ids
 *	UNIQUE-ID
 *	...
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/log.h"
#include "mpop_int.h"

#define USER_MAX	1024
#define SHARED_MAX	16		/* records of one host and user that get its list */

/* A mailbox, by the name that mpop has for it. */
struct mailbox {
	const char	*user;
	size_t		 user_len;
	const char	*host;
	size_t		 record;
};

struct seen {
	struct import	*imp;
	struct mailbox	*mailboxes;	/* in the order of mailbox_cmp() */
	size_t		 n;
	long long	 left;		/* unique-ids that follow */
	char		 host[IMPORT_HOST_MAX];
	char		 user[USER_MAX];
	size_t		 first, end;	/* the mailboxes of the list that is being read */
};

static void	 mailboxes_find(struct seen *);
static void	 mailbox_add(struct seen *, size_t, size_t);
static int	 mailbox_cmp(const void *, const void *);
static int	 seen_read(struct seen *, const char *, size_t);
static int	 list_begin(struct seen *, unsigned int, const char *, size_t);
static int	 list_word(char *, size_t, const char **, const char *);
static void	 list_find(struct seen *, unsigned int);
static int	 list_uid(struct seen *, unsigned int, const char *, size_t);

int
mpop_seen(struct import *imp, const char *path, const char *octets, size_t len)
{
	struct seen	 seen = { .imp = imp };
	int		 result;

	(void)path;
	if ((octets = field_octets(imp, octets, len)) == NULL)
		return (-1);
	mailboxes_find(&seen);
	result = seen_read(&seen, octets, len);
	free(seen.mailboxes);
	return (result);
}

static void
mailboxes_find(struct seen *seen)
{
	const struct import_cell	*name, *auth;
	const char			*at;
	size_t				 i;

	for (i = 0; i < seen->imp->nrecords; i++) {
		name = import_get(&seen->imp->records[i], "auth_name");
		if (name == NULL || name->value == NULL || seen->imp->records[i].server == NULL)
			continue;
		mailbox_add(seen, i, name->len);
		auth = import_get(&seen->imp->records[i], "auth");
		if (auth != NULL && auth->value != NULL && strcmp(auth->value, "ntlm") == 0 && (at = strrchr(name->value, '@')) != NULL)
			mailbox_add(seen, i, (size_t)(at - name->value));	/* ntlmdomain stands behind it */
	}
	if (seen->n > 0)
		qsort(seen->mailboxes, seen->n, sizeof(*seen->mailboxes), mailbox_cmp);
}

static void
mailbox_add(struct seen *seen, size_t record, size_t user_len)
{
	struct mailbox	*m;

	if ((seen->mailboxes = array_grow(seen->mailboxes, seen->n, sizeof(*m))) == NULL)
		err(1, NULL);
	m = &seen->mailboxes[seen->n++];
	m->user = import_get(&seen->imp->records[record], "auth_name")->value;
	m->user_len = user_len;
	m->record = record;
	m->host = seen->imp->records[record].server;
}

static int
mailbox_cmp(const void *va, const void *vb)
{
	const struct mailbox	*a = va, *b = vb;
	int			 cmp;

	if ((cmp = strcmp(a->host, b->host)) != 0)
		return (cmp);
	if (a->user_len != b->user_len)
		return (a->user_len < b->user_len ? -1 : 1);
	return (memcmp(a->user, b->user, a->user_len));
}

static int
seen_read(struct seen *seen, const char *octets, size_t len)
{
	const char	*p, *end, *next;
	unsigned int	 line = 0;
	int		 comments = 1, result;

	for (p = octets; p < octets + len; p = next) {
		line++;
		end = memchr(p, '\n', (size_t)(octets + len - p));
		next = end == NULL ? octets + len : end + 1;
		if (end == NULL)
			end = next;
		if (comments && *p == '#')
			continue;
		comments = 0;
		result = seen->left == 0 ? list_begin(seen, line, p, (size_t)(end - p)) : list_uid(seen, line, p, (size_t)(end - p));
		if (result == -1)
			return (-1);
	}
	if (seen->left > 0)
		return (import_fail(seen->imp, line, "%lld unique-ids are missing behind this line, for %s at %s", seen->left, seen->user,
		    seen->host));
	return (0);
}

static int
list_begin(struct seen *seen, unsigned int line, const char *p, size_t len)
{
	char		 number[20];
	const char	*end = p + len;

	if (len == 0 || *p++ != ' ')
		return (import_fail(seen->imp, line, "a list of unique-ids begins with a space, a number, the host and the user"));
	if (!list_word(number, sizeof(number), &p, end) || (seen->left = strtonum(number, 1, INT32_MAX, NULL)) == 0)
		return (import_fail(seen->imp, line, "how many unique-ids follow must be a number above 0"));
	if (!list_word(seen->host, sizeof(seen->host), &p, end))
		return (import_fail(seen->imp, line, "the host is missing behind the number, or too long"));
	if (!list_word(seen->user, sizeof(seen->user), &p, end) || p != NULL)
		return (import_fail(seen->imp, line, "the user behind the host is missing, too long, or more than one word"));
	list_find(seen, line);
	return (0);
}

/* The word up to a space, which *p is behind then, or up to the end, where it is NULL; whether there is one. */
static int
list_word(char *word, size_t size, const char **p, const char *end)
{
	const char	*space;
	size_t		 len;

	if (*p == NULL)
		return (0);
	space = memchr(*p, ' ', (size_t)(end - *p));
	len = (size_t)((space == NULL ? end : space) - *p);
	if (len == 0 || len >= size)
		return (0);
	memcpy(word, *p, len);
	word[len] = '\0';
	*p = space == NULL ? NULL : space + 1;
	return (1);
}

static void
list_find(struct seen *seen, unsigned int line)
{
	struct mailbox	 key = { .user = seen->user, .user_len = strlen(seen->user), .host = seen->host };

	seen->first = array_search(&key, seen->mailboxes, seen->n, sizeof(key), mailbox_cmp);
	for (seen->end = seen->first; seen->end < seen->n && mailbox_cmp(&key, &seen->mailboxes[seen->end]) == 0; seen->end++)
		if (seen->end - seen->first == SHARED_MAX)
			break;
	if (seen->first == seen->end)
		import_note(seen->imp, NULL, IMPORT_NOTE, line, NULL, "%lld unique-id%s of %s at %s belong to no account of the mpoprc",
		    seen->left, PLURAL(seen->left), seen->user, seen->host);
}

static int
list_uid(struct seen *seen, unsigned int line, const char *p, size_t len)
{
	size_t	 i;

	if (len > 0 && *p == ' ')
		return (import_fail(seen->imp, line, "%lld unique-ids are missing above this line, for %s at %s", seen->left, seen->user,
		    seen->host));
	seen->left--;
	for (i = seen->first; i < seen->end; i++)
		import_seen(&seen->imp->records[seen->mailboxes[i].record], p, len);
	return (0);
}
