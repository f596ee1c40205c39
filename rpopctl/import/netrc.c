/* SPDX-License-Identifier: ISC */
/*
 * ~/.netrc: words between blanks and line ends.  Either quote may begin and end anywhere in a word, nothing is an escape, and a
 * word that begins with # ends its line.  A "macdef" goes on until an empty line.  A machine without a login does not count, nor
 * does "default".
 */
#include <ctype.h>
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "netrc.h"

enum key { KEY_NONE, KEY_MACHINE, KEY_DEFAULT, KEY_LOGIN, KEY_PASSWORD, KEY_ACCOUNT, KEY_MACRO };

static const struct {
	const char	*word;
	enum key	 key;
} keys[] = {
	{ "machine", KEY_MACHINE }, { "default", KEY_DEFAULT }, { "login", KEY_LOGIN }, { "user", KEY_LOGIN },
	{ "password", KEY_PASSWORD }, { "passwd", KEY_PASSWORD }, { "account", KEY_ACCOUNT }, { "macdef", KEY_MACRO }
};

struct reader {
	struct netrc		*netrc;
	struct netrc_entry	 entry;		/* what is being read */
	enum key		 key;		/* whose value the next word is */
	int			 begun;		/* there was a machine or a default */
	unsigned int		 bad;
};

static void	 line(struct reader *, const char *, size_t, unsigned int);
static size_t	 word(const char *, size_t, char *);
static void	 key(struct reader *, const char *, unsigned int);
static void	 value(struct reader *, const char *, unsigned int);
static void	 entry_end(struct reader *);
static int	 entry_cmp(const void *, const void *);
static void	 entry_free(struct netrc_entry *);

unsigned int
netrc_read(struct netrc *netrc, const char *octets, size_t len)
{
	struct reader	 rd = { .netrc = netrc };
	const char	*end = octets + len, *p, *nl;
	unsigned int	 n = 1;
	size_t		 i;

	memset(netrc, 0, sizeof(*netrc));
	for (p = octets; p < end; p = nl < end ? nl + 1 : end, n++) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		line(&rd, p, (size_t)(nl - p), n);
	}
	entry_end(&rd);
	for (i = 0; i < netrc->n; i++)
		netrc->entries[i].place = i;
	if (netrc->n > 0)
		qsort(netrc->entries, netrc->n, sizeof(*netrc->entries), entry_cmp);
	return (rd.bad);
}

void
netrc_free(struct netrc *netrc)
{
	size_t	 i;

	for (i = 0; i < netrc->n; i++)
		entry_free(&netrc->entries[i]);
	free(netrc->entries);
	memset(netrc, 0, sizeof(*netrc));
}

const char *
netrc_password(const struct netrc *netrc, const char *machine, const char *login)
{
	struct netrc_entry	 wanted = { .machine = (char *)(uintptr_t)machine, .login = (char *)(uintptr_t)login };
	size_t			 i = array_search(&wanted, netrc->entries, netrc->n, sizeof(wanted), entry_cmp);

	if (i == netrc->n || strcmp(netrc->entries[i].machine, machine) != 0 || strcmp(netrc->entries[i].login, login) != 0)
		return (NULL);
	return (netrc->entries[i].password);
}

/* Of like ones the first of the file comes first, and that one counts. */
static int
entry_cmp(const void *a, const void *b)
{
	const struct netrc_entry	*x = a, *y = b;
	int				 c;

	if ((c = strcmp(x->machine, y->machine)) != 0 || (c = strcmp(x->login, y->login)) != 0)
		return (c);
	return (x->place < y->place ? -1 : x->place > y->place);
}

static void
line(struct reader *rd, const char *p, size_t len, unsigned int n)
{
	size_t	 used, size = len + 1;
	char	*text;

	while (len > 0 && isspace((unsigned char)p[len - 1]))
		len--;
	if (len == 0 && rd->key == KEY_MACRO)
		rd->key = KEY_NONE;
	if (len == 0 || rd->key == KEY_MACRO)
		return;
	if ((text = malloc(size)) == NULL)
		err(1, NULL);
	for (; rd->key != KEY_MACRO; p += used, len -= used) {
		for (; len > 0 && isspace((unsigned char)*p); p++)
			len--;
		if (len == 0 || *p == '#')
			break;
		used = word(p, len, text);
		if (rd->key == KEY_NONE)
			key(rd, text, n);
		else
			value(rd, text, n);
	}
	freezero(text, size);
}

/* The word that begins here, into room for all that follows; how many octets it has taken. */
static size_t
word(const char *p, size_t len, char *to)
{
	size_t	 i;
	char	 quote = '\0';

	for (i = 0; i < len && (quote != '\0' || !isspace((unsigned char)p[i])); i++)
		if (quote != '\0' ? p[i] == quote : p[i] == '"' || p[i] == '\'')
			quote = quote == '\0' ? p[i] : '\0';
		else
			*to++ = p[i];
	*to = '\0';
	return (i);
}

static void
key(struct reader *rd, const char *text, unsigned int n)
{
	size_t	 i;

	for (i = 0; i < nitems(keys) && strcmp(text, keys[i].word) != 0; i++)
		continue;
	if (i == nitems(keys)) {
		if (rd->bad == 0)
			rd->bad = n;
		return;
	}
	if (keys[i].key == KEY_DEFAULT) {
		entry_end(rd);
		rd->begun = 1;
	} else
		rd->key = keys[i].key;
}

static void
value(struct reader *rd, const char *text, unsigned int n)
{
	char	**to = NULL, *old;

	if (rd->key == KEY_MACHINE) {
		entry_end(rd);
		rd->begun = 1;
		to = &rd->entry.machine;
	} else if (!rd->begun && rd->bad == 0)
		rd->bad = n;
	if (rd->begun && rd->key == KEY_LOGIN)
		to = &rd->entry.login;
	if (rd->begun && rd->key == KEY_PASSWORD)
		to = &rd->entry.password;
	rd->key = KEY_NONE;
	if (to == NULL)
		return;
	if ((old = *to) != NULL)
		freezero(old, strlen(old));
	if ((*to = strdup(text)) == NULL)
		err(1, NULL);
}

static void
entry_end(struct reader *rd)
{
	struct netrc	*netrc = rd->netrc;

	if (rd->entry.machine == NULL || rd->entry.login == NULL)
		entry_free(&rd->entry);
	else {
		if ((netrc->entries = array_grow(netrc->entries, netrc->n, sizeof(*netrc->entries))) == NULL)
			err(1, NULL);
		netrc->entries[netrc->n++] = rd->entry;
	}
	memset(&rd->entry, 0, sizeof(rd->entry));
	rd->begun = 0;
}

static void
entry_free(struct netrc_entry *e)
{
	free(e->machine);
	free(e->login);
	if (e->password != NULL)
		freezero(e->password, strlen(e->password));
}
