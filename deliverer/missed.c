/* SPDX-License-Identifier: ISC */
/*
 * The addresses of a message that could not be placed, which the postmaster's own copy is about.  Nobody else may read them, as
 * they may be those of blind copies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hex.h"
#include "common/log.h"
#include "deliverer.h"

static int	 missed_cmp(const void *, const void *);
static char	 missed_lower(char);

/*
 * Adds an address, or a text that is none.  One that is too long is cut; those beyond MISSED_MAX are only counted.  0, or -1: no
 * memory.
 */
int
missed_add(struct missed *m, const uint8_t *text, size_t len)
{
	char	 vis[PROTO_ADDR_SIZE], lower[PROTO_ADDR_SIZE], **list;
	size_t	 n;

	for (; len > 0 && (*text == ' ' || *text == '\t'); len--)
		text++;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	log_vis(vis, sizeof(vis), text, len);
	for (n = 0; vis[n] != '\0'; n++)
		lower[n] = missed_lower(vis[n]);
	if (m->n == MISSED_MAX) {
		m->more += !strset_has(&m->set, lower, n);
		return (0);
	}
	switch (strset_add(&m->set, lower, n)) {
	case 0:
		return (0);
	case -1:
		return (-1);
	}
	if ((list = array_grow(m->list, m->n, sizeof(*list))) == NULL)
		return (-1);
	m->list = list;
	if ((m->list[m->n] = strdup(vis)) == NULL)
		return (-1);
	m->n++;
	return (0);
}

/*
 * Writes what the postmaster's copy is known by: his Maildir, dir, and a digest of the addresses, in whatever order and letter
 * case; with no addresses only dir.  0, or -1: there is no room.
 */
int
missed_who(const struct missed *m, const char *dir, char *who, size_t size)
{
	uint8_t			 digest[SHA256_DIGEST_LENGTH];
	char			*sorted[MISSED_MAX], lower;
	SHA2_CTX		 ctx;
	size_t			 i, k, n = strlcpy(who, dir, size);

	if (m->n == 0)
		return (n < size ? 0 : -1);
	if (n + 2 + 2 * sizeof(digest) >= size)
		return (-1);
	memcpy(sorted, m->list, m->n * sizeof(*sorted));
	qsort(sorted, m->n, sizeof(*sorted), missed_cmp);
	SHA256Init(&ctx);
	for (i = 0; i < m->n; i++) {
		for (k = 0; sorted[i][k] != '\0'; k++) {
			lower = missed_lower(sorted[i][k]);
			SHA256Update(&ctx, (const uint8_t *)&lower, 1);
		}
		SHA256Update(&ctx, (const uint8_t *)"\n", 1);
	}
	SHA256Final(digest, &ctx);
	who[n++] = '\n';
	hex_encode(who + n, digest, sizeof(digest));
	who[n + 2 * sizeof(digest)] = '\0';
	return (0);
}

/* Appends the addresses to a header field, which has its text already, a line for each, as many as a reader needs.  0 or -1. */
int
missed_write(const struct missed *m, struct buf *out)
{
	char	 line[PROTO_ADDR_SIZE + 32];
	size_t	 i, more = m->more + (m->n > MISSED_SHOWN ? m->n - MISSED_SHOWN : 0);
	int	 n;

	for (i = 0; i < m->n && i < MISSED_SHOWN; i++) {
		n = snprintf(line, sizeof(line), "%s\n\t%s", i == 0 ? ":" : ",", m->list[i]);
		if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1)
			return (-1);
	}
	if (more == 0)
		return (0);
	n = snprintf(line, sizeof(line), "\n\tand %zu more", more);
	return (buf_add(out, line, n));
}

void
missed_free(struct missed *m)
{
	while (m->n > 0)
		free(m->list[--m->n]);
	free(m->list);
	strset_free(&m->set);
	memset(m, 0, sizeof(*m));
}

static int
missed_cmp(const void *a, const void *b)
{
	return (strcasecmp(*(char *const *)a, *(char *const *)b));
}

static char
missed_lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}
