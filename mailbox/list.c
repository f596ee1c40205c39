/* SPDX-License-Identifier: ISC */
/* The messages of a mailbox in the order of their delivery.  Their names lie one behind the other in one piece of memory. */
#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox.h"

struct sort {			/* a message on its way to its place */
	uint64_t	 time;
	uint32_t	 i;		/* its index */
};

static int	 sort_cmp(const void *, const void *);
static int	 message_cmp(const struct list *, const struct message *, const struct message *);
static int	 list_merge(struct list *, uint32_t, const struct sort *);

static const struct list	*sorting;	/* for sort_cmp() */

void
list_free(struct list *l)
{
	free(l->v);
	free(l->names);
	memset(l, 0, sizeof(*l));
}

/* Room for n more messages, and octets more of names, NULs included.  0, or -1 and errno. */
int
list_reserve(struct list *l, uint32_t n, size_t octets)
{
	struct message	*v;
	char		*names;
	size_t		 want;

	if (n > PROTO_MSGS_MAX || l->n + n > PROTO_MSGS_MAX) {
		errno = E2BIG;
		return (-1);
	}
	if (l->n + n > l->alloc) {
		want = l->n + n + l->alloc / 2;
		if ((v = reallocarray(l->v, want, sizeof(*v))) == NULL)
			return (-1);
		l->v = v;
		l->alloc = (uint32_t)want;
	}
	if (octets > UINT32_MAX - l->used) {
		errno = E2BIG;
		return (-1);
	}
	if (l->used + octets > l->size) {
		want = l->used + octets + l->size / 2;
		if ((names = realloc(l->names, want)) == NULL)
			return (-1);
		l->names = names;
		l->size = want;
	}
	return (0);
}

/* A further message, behind all others, whose file has this name.  NULL and errno: E2BIG, there are too many, or no memory. */
struct message *
list_add(struct list *l, const char *name, size_t len)
{
	struct message	*m;

	if (list_reserve(l, 1, len + 1) == -1)
		return (NULL);
	m = &l->v[l->n];
	memset(m, 0, sizeof(*m));
	m->name = (uint32_t)l->used;
	m->place = PLACE_NONE;
	m->room = m->len = (uint8_t)len;
	memcpy(l->names + l->used, name, len);
	l->names[l->used + len] = '\0';
	l->used += len + 1;
	l->n++;
	return (m);
}

/* Another name for its file.  0, or -1 and errno: it has the old one. */
int
list_rename(struct list *l, struct message *m, const char *name, size_t len)
{
	if (len > m->room) {
		if (list_reserve(l, 0, len + 1) == -1)
			return (-1);
		m->name = (uint32_t)l->used;
		m->room = (uint8_t)len;
		l->used += len + 1;
	}
	m->len = (uint8_t)len;
	memcpy(l->names + m->name, name, len);
	l->names[m->name + len] = '\0';
	return (0);
}

/* Notes the addresses that a message names, of ADDRESSES_MAX octets at most.  0, or -1 and errno. */
int
list_address(struct list *l, struct message *m, const char *addresses, size_t len)
{
	if (list_reserve(l, 0, len + 1) == -1)
		return (-1);
	m->addresses = (uint32_t)l->used;
	m->flags |= MESSAGE_FOR;
	memcpy(l->names + l->used, addresses, len);
	l->names[l->used + len] = '\0';
	l->used += len + 1;
	return (0);
}

const char *
list_name(const struct list *l, const struct message *m)
{
	return (l->names + m->name);
}

/* Octets of its name ahead of the flags. */
size_t
list_base(const struct list *l, const struct message *m)
{
	return (name_base(list_name(l, m), m->len));
}

/* Keeps the messages whose flags, of those named, have this value; their order stays. */
void
list_keep(struct list *l, uint16_t flags, uint16_t value)
{
	uint32_t	 i, n = 0;

	for (i = 0; i < l->n; i++) {
		if ((l->v[i].flags & flags) != value)
			continue;
		if (i != n)
			l->v[n] = l->v[i];
		n++;
	}
	l->n = n;
}

static int
sort_cmp(const void *a, const void *b)
{
	const struct sort	*x = a, *y = b;
	const struct message	*m = &sorting->v[x->i], *k = &sorting->v[y->i];

	if (x->time != y->time)
		return (x->time < y->time ? -1 : 1);
	return (name_order(list_name(sorting, m), m->len, list_name(sorting, k), k->len));
}

static int
message_cmp(const struct list *l, const struct message *a, const struct message *b)
{
	uint64_t	 x = name_time(list_name(l, a), a->len), y = name_time(list_name(l, b), b->len);

	if (x != y)
		return (x < y ? -1 : 1);
	return (name_order(list_name(l, a), a->len, list_name(l, b), b->len));
}

/* Puts messages into their order, the first known of which are in it already.  0, or -1: no memory. */
int
list_sort(struct list *l, uint32_t known)
{
	struct sort	*s;
	uint32_t	 i, n = l->n - known;
	int		 r;

	if (n == 0)
		return (0);
	if ((s = reallocarray(NULL, n, sizeof(*s))) == NULL)
		return (-1);
	for (i = 0; i < n; i++) {
		s[i].i = known + i;
		s[i].time = name_time(list_name(l, &l->v[s[i].i]), l->v[s[i].i].len);
	}
	sorting = l;
	qsort(s, n, sizeof(*s), sort_cmp);
	r = list_merge(l, known, s);
	free(s);
	return (r);
}

/* Whether all messages are in their order, and no two of them have one name. */
int
list_ordered(const struct list *l)
{
	uint64_t	 time, before = 0;
	uint32_t	 i;

	for (i = 0; i < l->n; i++, before = time) {
		time = name_time(list_name(l, &l->v[i]), l->v[i].len);
		if (i > 0 && (time < before || (time == before && message_cmp(l, &l->v[i - 1], &l->v[i]) >= 0)))
			return (0);
	}
	return (1);
}

/* Which of the first n messages, which are in their order, has a name that begins with these octets ahead of its flags; n: none. */
uint32_t
list_search(const struct list *l, uint32_t n, const char *name, size_t base)
{
	const uint64_t		 time = name_time(name, base);
	const struct message	*m;
	uint64_t		 t;
	uint32_t		 low = 0, high = n, i;
	int			 r;

	while (low < high) {
		i = low + (high - low) / 2;
		m = &l->v[i];
		t = name_time(list_name(l, m), m->len);
		r = t != time ? (t < time ? -1 : 1) : name_order(list_name(l, m), m->len, name, base);
		if (r == 0)
			return (i);
		if (r < 0)
			low = i + 1;
		else
			high = i;
	}
	return (n);
}

/* From the last one on: new messages are the newest, for the most part, and those ahead of them stay where they are. */
static int
list_merge(struct list *l, uint32_t known, const struct sort *s)
{
	struct message	*new;
	uint32_t	 i = known, j = l->n - known, k = l->n;

	if ((new = reallocarray(NULL, j, sizeof(*new))) == NULL)
		return (-1);
	memcpy(new, l->v + known, j * sizeof(*new));
	while (j > 0) {
		if (i > 0 && message_cmp(l, &l->v[i - 1], &new[s[j - 1].i - known]) > 0)
			l->v[--k] = l->v[--i];
		else
			l->v[--k] = new[s[--j].i - known];
	}
	free(new);
	return (0);
}
