/* SPDX-License-Identifier: ISC */
/*
 * A mailbox that has the mail of several addresses, as one of them sees it.  The deliverer writes the addresses that a message came
 * for into a field above its own Received; what a sender writes is below that, and counts for nothing.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/log.h"
#include "mailbox.h"

#define PROLOGUE_MAX	65536		/* octets of a message that are looked at */

static size_t	 field_add(const uint8_t *, size_t, char *, size_t);
static size_t	 filter_one(const char *, size_t);
static int	 is_field(const uint8_t *, size_t, const char *);
static int	 message_for(struct box *, struct message *, const char *, int);

/* Whether a line begins a field of this name (RFC 5322 section 2.2). */
static int
is_field(const uint8_t *line, size_t len, const char *name)
{
	size_t	 n = strlen(name);

	if (len <= n || strncasecmp((const char *)line, name, n) != 0)
		return (0);
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	return (n < len && line[n] == ':');
}

/* Adds a piece of a field's value to the addresses, without white space, in lower case; returns how long they are now. */
static size_t
field_add(const uint8_t *p, size_t len, char *addresses, size_t n)
{
	for (; len > 0; len--, p++)
		if (*p > ' ' && *p != 0x7f)
			addresses[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : (char)*p;
	return (n);
}

/*
 * Writes the addresses that the begin of a message names in a field above the first Received, a comma between two, to a buffer of
 * as many octets; returns their length.  A line whose end is not there counts for nothing.
 */
size_t
filter_addresses(const uint8_t *p, size_t len, const char *field, char *addresses)
{
	const uint8_t	*end;
	size_t		 n = 0, line, colon;
	int		 inside = 0;

	for (; len > 0 && (end = memchr(p, '\n', len)) != NULL; p += line + 1, len -= line + 1) {
		line = (size_t)(end - p);
		if (line == 0 || (line == 1 && p[0] == '\r'))
			break;
		if (p[0] == ' ' || p[0] == '\t') {
			if (inside)
				n = field_add(p, line, addresses, n);
			continue;
		}
		if (is_field(p, line, "Received"))
			break;
		if (!(inside = is_field(p, line, field)))
			continue;
		if (n > 0)
			addresses[n++] = ',';
		colon = (size_t)((const uint8_t *)memchr(p, ':', line) - p) + 1;
		n = field_add(p + colon, line - colon, addresses, n);
	}
	return (n);
}

/*
 * Whether an address, in lower case, is one of these, or one of these is that with a detail.  A comma in quotes is part of an address,
 * which whoever sends to it may choose.
 */
int
filter_match(const char *addresses, size_t n, const char *address, int detail)
{
	const char	*at = strrchr(address, '@');
	size_t		 len = strlen(address), local = at == NULL ? len : (size_t)(at - address), one;

	for (; n > 0; addresses += one, n -= one) {
		one = filter_one(addresses, n);
		if (one == len && memcmp(addresses, address, len) == 0)
			return (1);
		if (detail != '\0' && one > len && addresses[local] == detail && memcmp(addresses, address, local) == 0 &&
		    memcmp(addresses + one - (len - local), address + local, len - local) == 0)
			return (1);
		one += one < n;
	}
	return (0);
}

/* Octets of the first one of these addresses. */
static size_t
filter_one(const char *addresses, size_t n)
{
	size_t	 i;
	int	 quoted = 0;

	for (i = 0; i < n && (quoted || addresses[i] != ','); i++) {
		if (addresses[i] == '"')
			quoted = !quoted;
		else if (quoted && addresses[i] == '\\')
			i++;
	}
	return (i < n ? i : n);
}

/* Whether a message is for an address, and notes whom it is for.  1, 0, or -1 and errno. */
static int
message_for(struct box *b, struct message *m, const char *address, int detail)
{
	static uint8_t	 prologue[PROLOGUE_MAX];
	static char	 addresses[PROLOGUE_MAX];
	size_t		 n;
	ssize_t		 len;
	int		 fd, saved;

	if (m->flags & MESSAGE_FOR)
		return (filter_match(b->list.names + m->addresses, strlen(b->list.names + m->addresses), address, detail));
	if ((fd = message_file(b, m)) == -1)
		return (-1);
	len = pread(fd, prologue, sizeof(prologue), 0);
	saved = errno;
	close(fd);
	errno = saved;
	if (len == -1)
		return (-1);
	n = filter_addresses(prologue, (size_t)len, b->list.field, addresses);
	if (n <= ADDRESSES_MAX) {
		if (list_address(&b->list, m, addresses, n) == -1)
			return (-1);
		b->learned = 1;
	}
	return (filter_match(addresses, n, address, detail));
}

/*
 * Leaves only the messages that name the address in the field, with a detail perhaps.  The index is written before that, since it is of all messages.
 * What cannot be read is for nobody; the next opening looks again.  0, or -1 and errno.
 */
int
filter_box(struct box *b, const char *field, const char *address, int detail)
{
	uint32_t	 i;
	int		 r;

	if (strcasecmp(b->list.field, field) != 0) {
		strlcpy(b->list.field, field, sizeof(b->list.field));
		for (i = 0; i < b->list.n; i++)
			b->list.v[i].flags &= (uint16_t)~MESSAGE_FOR;
	}
	for (i = 0; i < b->list.n; i++) {
		if ((r = message_for(b, &b->list.v[i], address, detail)) == -1 && errno == ENOMEM)
			return (-1);
		if (r == -1 && errno != ENOENT)
			log_warn("a message whose addresses cannot be read");
		if (r == 1)
			b->list.v[i].flags |= MESSAGE_WANTED;
	}
	box_note(b);
	list_keep(&b->list, MESSAGE_WANTED, MESSAGE_WANTED);
	for (i = 0; i < b->list.n; i++)
		b->list.v[i].flags &= (uint16_t)~MESSAGE_WANTED;
	b->filtered = 1;
	return (0);
}
