/* SPDX-License-Identifier: ISC */
/* How a listener, or a further certificate of one, is or is to be: a mode, and a pair of a certificate and the key to it. */
#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpopd/config/config.h"
#include "pop_int.h"

static void	 pair_mode(struct pair *, const struct listener_row *);
static void	 pair_digest(struct pair *);

/*
 * What a row and its files say, for pair_free() in any case.  Of a further certificate its own row counts, and the listener's does
 * not.  0, or -1: it cannot be read, and err says why.
 */
int
pair_read(struct pair *p, const struct listener_row *l, const struct certificate_row *further, char *err, size_t size)
{
	SHA2_CTX	 ctx;
	int		 r;

	memset(p, 0, sizeof(*p));
	if (further == NULL) {
		pair_mode(p, l);
		r = pem_listener(l, &p->cert, &p->key, err, size);
	} else
		r = pem_pair(further->cert, further->key, &p->cert, &p->key, err, size);
	if (r == -1)
		return (-1);
	SHA256Init(&ctx);
	SHA256Update(&ctx, p->key.data, p->key.len);
	SHA256Final(p->keysum, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
	pair_digest(p);
	return (0);
}

/* Another one with the certificate and the key that the signer has, in the mode of the row; NULL: it has none. */
void
pair_again(struct pair *p, const struct pair *force, const struct listener_row *l)
{
	memset(p, 0, sizeof(*p));
	if (l != NULL)
		pair_mode(p, l);
	p->again = 1;
	if (force->cert.len > 0) {
		if ((p->cert.data = malloc(force->cert.len)) == NULL)
			fatal("pair");
		memcpy(p->cert.data, force->cert.data, force->cert.len);
		p->cert.len = force->cert.len;
	}
	p->keyno = force->keyno;
	memcpy(p->keyid, force->keyid, sizeof(p->keyid));
	memcpy(p->keysum, force->keysum, sizeof(p->keysum));
	pair_digest(p);
}

static void
pair_mode(struct pair *p, const struct listener_row *l)
{
	p->tls = l->tls == TLS_MODE_TLS;
	p->channels = l->channels;
}

static void
pair_digest(struct pair *p)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)&p->tls, sizeof(p->tls));
	SHA256Update(&ctx, (const uint8_t *)&p->channels, sizeof(p->channels));
	SHA256Update(&ctx, p->keysum, sizeof(p->keysum));
	SHA256Update(&ctx, p->cert.data, p->cert.len);
	SHA256Final(p->digest, &ctx);
}

/* Whether nothing has to be asked for one of them in the place of the other, which a signer has if it needs one. */
int
pair_same(const struct pair *p, const struct pair *force)
{
	return (memcmp(p->digest, force->digest, sizeof(p->digest)) == 0 && (force->cert.len == 0 || force->keyno != 0));
}

/* Whether the certificate has expired; with 1 text says so. */
int
pair_expired(const struct pair *p, char *text, size_t size)
{
	char		 day[16];
	struct tm	 tm;
	time_t		 until = (time_t)p->until;

	if (p->cert.len == 0 || p->until > (int64_t)time(NULL) || gmtime_r(&until, &tm) == NULL)
		return (0);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	snprintf(text, size, "the certificate has expired on %s, and mail programs refuse it; put a renewed one in its place, the files are"
	    " looked at each minute", day);
	return (1);
}

void
pair_free(struct pair *p)
{
	pem_free(&p->cert);
	pem_free(&p->key);
	memset(p, 0, sizeof(*p));
}
