/* SPDX-License-Identifier: ISC */
/* Rows of rpopd.db, as the daemon gives them to whoever is logged in, and changes of them. */
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hex.h"
#include "web.h"

#define ROWS_MAX	100000		/* in one answer */

struct row {
	char		*octets;	/* cells, as row_read() copies them */
	size_t		 len, used;
	char		 hash[2 * PROTO_DIGEST_LEN + 1];
};

struct table {
	struct row	*v;
	size_t		 n;
};

static int	 table_take(void *, uint32_t, struct imsg *);
static int	 row_read(struct row *, const uint8_t *, size_t);
static int	 cell_further(const struct cell *);
static const char	*row_value(const struct table *, size_t, const char *, enum cell_kind *);
static size_t	 pairs_pack(uint8_t *, size_t, const struct pair *, size_t);

/* What the daemon tells of a row besides its columns, behind them. */
static const char *const	 further[] = { "trouble", "last_login", "last_client" };

struct table *
table_get(struct visit *v, const char *name, const struct pair *pairs, size_t npairs)
{
	static uint8_t	 payload[sizeof(struct ctl_rows) + PROTO_FRAME_MAX];
	struct ctl_rows	 head;
	struct table	*t;
	size_t		 n;

	memset(&head, 0, sizeof(head));
	strlcpy(head.table, name, sizeof(head.table));
	memcpy(payload, &head, sizeof(head));
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (n = pairs_pack(payload + sizeof(head), PROTO_FRAME_MAX, pairs, npairs)) == SIZE_MAX) {
		free(t);
		strlcpy(v->said, "What was asked for is too long.", sizeof(v->said));
		return (NULL);
	}
	if (ask(v, IMSG_CTL_ROWS, payload, sizeof(head) + n, table_take, t) == -1) {
		table_free(t);
		return (NULL);
	}
	return (t);
}

/* Packs pairs as cells.  Octets, or SIZE_MAX: there is no room for them. */
static size_t
pairs_pack(uint8_t *p, size_t room, const struct pair *pairs, size_t npairs)
{
	struct cell	 c;
	size_t		 i, n, used = 0;

	for (i = 0; i < npairs; i++) {
		memset(&c, 0, sizeof(c));
		c.kind = pairs[i].value == NULL ? CELL_NULL : CELL_TEXT;
		c.value = (const uint8_t *)pairs[i].value;
		c.len = pairs[i].value == NULL ? 0 : strlen(pairs[i].value);
		if (strlcpy(c.column, pairs[i].column, sizeof(c.column)) >= sizeof(c.column) ||
		    (n = cell_pack(p + used, room - used, &c)) == 0)
			return (SIZE_MAX);
		used += n;
	}
	return (used);
}

static int
table_take(void *arg, uint32_t type, struct imsg *imsg)
{
	struct table	*t = arg;
	struct row	*v;

	if (type != IMSG_CTL_ROW || t->n >= ROWS_MAX || (v = array_grow(t->v, t->n, sizeof(*v))) == NULL)
		return (-1);
	t->v = v;
	memset(&v[t->n], 0, sizeof(*v));
	return (row_read(&v[t->n++], imsg->data, imsg_get_len(imsg)));
}

/*
 * Copies the cells of a row, each as its kind, its name with a NUL, and its value with a NUL, which takes no more octets than they
 * came in.  The hash is of the columns alone, as they came: the daemon makes it of the row in its store.
 */
static int
row_read(struct row *r, const uint8_t *p, size_t len)
{
	uint8_t		 digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX	 ctx;
	struct cell	 c;
	const uint8_t	*begin = p;
	char		*at;
	size_t		 i;
	int		 rv, columns = 1;

	r->len = len;
	if ((at = r->octets = calloc(1, len)) == NULL)
		return (-1);
	SHA256Init(&ctx);
	for (; (rv = cell_next(&p, &len, &c)) == 1; begin = p) {
		columns = columns && !cell_further(&c);
		if (columns)
			SHA256Update(&ctx, begin, (size_t)(p - begin));
		*at++ = (char)c.kind;
		at += strlcpy(at, c.column, sizeof(c.column)) + 1;
		for (i = 0; i < c.len; i++)
			*at++ = c.value[i] == '\0' ? '\1' : (char)c.value[i];
		*at++ = '\0';
	}
	r->used = (size_t)(at - r->octets);
	SHA256Final(digest, &ctx);
	hex_encode(r->hash, digest, sizeof(digest));
	return (rv);
}

static int
cell_further(const struct cell *c)
{
	size_t	 i;

	for (i = 0; i < nitems(further); i++)
		if (strcmp(c->column, further[i]) == 0)
			return (1);
	return (0);
}

/* The value of a row's cell, and its kind; NULL: there is no such cell. */
static const char *
row_value(const struct table *t, size_t row, const char *column, enum cell_kind *kind)
{
	const char	*p, *end, *name, *value;

	if (row >= t->n)
		return (NULL);
	for (p = t->v[row].octets, end = p + t->v[row].used; p < end; p = value + strlen(value) + 1) {
		*kind = (enum cell_kind)*p;
		name = p + 1;
		value = name + strlen(name) + 1;
		if (strcmp(name, column) == 0)
			return (value);
	}
	return (NULL);
}

size_t
table_rows(const struct table *t)
{
	return (t->n);
}

const char *
table_value(const struct table *t, size_t row, const char *column)
{
	enum cell_kind	 kind;
	const char	*value = row_value(t, row, column, &kind);

	return (value == NULL || kind == CELL_NULL ? NULL : value);
}

int
table_secret(const struct table *t, size_t row, const char *column)
{
	enum cell_kind	 kind;

	return (row_value(t, row, column, &kind) != NULL && kind == CELL_SECRET);
}

const char *
table_hash(const struct table *t, size_t row)
{
	return (row < t->n ? t->v[row].hash : "");
}

void
table_free(struct table *t)
{
	size_t	 i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		freezero(t->v[i].octets, t->v[i].len);
	free(t->v);
	free(t);
}

int
table_change(struct visit *v, enum change_act act, const char *table, const struct pair *pairs, size_t npairs, size_t nkeys,
    const char *was, int more)
{
	static uint8_t		 payload[sizeof(struct ctl_change) + PROTO_FRAME_MAX];
	struct ctl_change	 head;
	size_t			 n;
	int			 rv;

	memset(&head, 0, sizeof(head));
	head.act = act;
	head.more = more != 0;
	head.nkeys = (uint32_t)nkeys;
	strlcpy(head.table, table, sizeof(head.table));
	if (was != NULL) {
		head.guarded = 1;
		if (strlen(was) != 2 * sizeof(head.was) || hex_decode(head.was, sizeof(head.was), was) == -1) {
			strlcpy(v->said, "The form is not one of this page.", sizeof(v->said));
			return (-1);
		}
	}
	memcpy(payload, &head, sizeof(head));
	if ((n = pairs_pack(payload + sizeof(head), PROTO_FRAME_MAX, pairs, npairs)) == SIZE_MAX) {
		strlcpy(v->said, "A value is too long.", sizeof(v->said));
		return (-1);
	}
	n += sizeof(head);
	rv = more ? ask_queue(v, IMSG_CTL_CHANGE, payload, n) : ask(v, IMSG_CTL_CHANGE, payload, n, NULL, NULL);
	explicit_bzero(payload, n);
	return (rv);
}
