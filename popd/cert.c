/* SPDX-License-Identifier: ISC */
/*
 * The certificates of a listener, by the names that they have.  A client that says which name it connected to (RFC 6066 section 3)
 * gets the certificate that has it as a dNSName, or else the one that has it with an asterisk in the place of the first label (RFC
 * 9525 section 6.3); any other client gets the listener's own.  How many there are makes no difference to a handshake: names are in
 * order, and all that a certificate takes was made when it came.
 *
 * libtls compares a name with one certificate after the other, and hides its contexts: OpenSSL is asked to tell each that is made.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/array.h"
#include "common/log.h"
#include "popd.h"

#define NAME_MAX_DNS	253
#define DAY		86400

struct cert {
	uint32_t		 id;		/* 0: the listener's own */
	X509			*leaf;
	STACK_OF(X509)		*chain;		/* behind it */
	int64_t			 until;		/* epoch */
	uint8_t			 keyid[PROTO_KEYID_LEN];
	char			**names;	/* in lower case */
	size_t			 nnames;
};

struct name {
	const char		*text;
	const struct cert	*cert;
};

struct certs {
	struct cert		*own;		/* NULL: the listener has no TLS */
	SSL_CTX			*context;	/* with that: the listener's */
	struct cert		*further[PROTO_CERTIFICATES_MAX * 2];	/* those to come beside those that go */
	size_t			 nfurther;
	struct name		*names;		/* in order, each once */
	size_t			 nnames;
};

static void	 cert_made(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static int	 cert_choose(SSL *, void *);
static int	 cert_show(SSL *, const struct cert *);
static int	 cert_parse(struct cert *, const void *, size_t);
static int	 cert_names(struct cert *);
static int	 cert_name(struct cert *, const uint8_t *, size_t);
static void	 certs_index(struct certs *);
static int	 name_order(const void *, const void *);
static int	 name_cmp(const void *, const void *);

static SSL_CTX	*made;			/* the last context */

/* Ahead of the lock-in, and of the first context.  A failure is fatal. */
void
cert_warm(void)
{
	tzset();			/* times of certificates are computed by functions that would read a file */
	if (SSL_CTX_get_ex_new_index(0, NULL, cert_made, NULL, NULL) == -1)
		fatalx("contexts of TLS are not told");
}

static void
cert_made(void *parent, void *ptr __unused, CRYPTO_EX_DATA *ad __unused, int place __unused, long argl __unused,
    void *argp __unused)
{
	made = parent;
}

/* The context that was made last has a client's wish heard, of these certificates. */
void
certs_follow(struct certs *all)
{
	SSL_CTX_set_cert_cb(made, cert_choose, all);
}

/* As SSL_CTX_set_cert_cb(3) has it: 1, or 0: the handshake fails. */
static int
cert_choose(SSL *ssl, void *arg)
{
	const struct certs	*all = arg;
	const char		*asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct cert	*c;

	if (asked == NULL || (c = certs_find(all, asked)) == NULL)
		c = all->own;
	if (c == NULL)
		return (0);
	sign_key(X509_get0_pubkey(c->leaf), c->keyid);
	if (c == all->own)
		return (1);
	return (cert_show(ssl, c));
}

/* The public half takes the place of the private one, as libtls has it for the listener's own.  1 or 0. */
static int
cert_show(SSL *ssl, const struct cert *c)
{
	SSL_certs_clear(ssl);
	return (SSL_use_cert_and_key(ssl, c->leaf, NULL, c->chain, 1) == 1);
}

/* Whose name it is; NULL: no certificate's. */
const struct cert *
certs_find(const struct certs *all, const char *asked)
{
	struct name		 key;
	const struct name	*found;
	char			 text[NAME_MAX_DNS + 1], *p;

	if (strlcpy(text, asked, sizeof(text)) >= sizeof(text) || all->nnames == 0)
		return (NULL);
	for (p = text; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	key.text = text;
	found = bsearch(&key, all->names, all->nnames, sizeof(*found), name_cmp);
	if (found == NULL && (p = strchr(text, '.')) != NULL && p > text) {
		*--p = '*';
		key.text = p;
		found = bsearch(&key, all->names, all->nnames, sizeof(*found), name_cmp);
	}
	return (found == NULL ? NULL : found->cert);
}

/* A chain in PEM, and the name of its key.  NULL: it cannot be read, and err says why. */
struct cert *
cert_new(uint32_t id, const void *chain, size_t len, const uint8_t keyid[PROTO_KEYID_LEN], char *err, size_t size)
{
	struct cert	*c = calloc(1, sizeof(*c));
	int		 days, seconds, ok;

	if (c == NULL)
		fatal("certificate");
	c->id = id;
	memcpy(c->keyid, keyid, sizeof(c->keyid));
	ok = cert_parse(c, chain, len) == 0 && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(c->leaf)) == 1;
	if (ok) {
		c->until = (int64_t)time(NULL) + (int64_t)days * DAY + seconds;
		ok = cert_names(c) == 0;
	}
	ERR_clear_error();
	if (ok)
		return (c);
	strlcpy(err, "the certificate cannot be read", size);
	cert_free(c);
	return (NULL);
}

/* The first certificate, and those behind it.  0 or -1. */
static int
cert_parse(struct cert *c, const void *chain, size_t len)
{
	BIO	*bio = len > INT32_MAX ? NULL : BIO_new_mem_buf(chain, (int)len);
	X509	*next;

	if (bio == NULL || (c->chain = sk_X509_new_null()) == NULL)
		fatalx("certificate: out of memory");
	c->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	/* What OpenSSL finds out about a certificate once, by this call, is found out ahead of the sessions. */
	if (c->leaf != NULL)
		(void)X509_check_purpose(c->leaf, -1, 0);
	while (c->leaf != NULL && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		(void)X509_check_purpose(next, -1, 0);
		if (sk_X509_push(c->chain, next) == 0)
			fatalx("certificate: out of memory");
	}
	BIO_free(bio);
	return (c->leaf == NULL ? -1 : 0);
}

/* The dNSNames that a client may mean.  0, or -1: the certificate cannot be read. */
static int
cert_names(struct cert *c)
{
	GENERAL_NAMES		*all;
	const GENERAL_NAME	*one;
	int			 i, found, r = 0;

	all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, &found, NULL);
	if (all == NULL)
		return (found == -1 ? 0 : -1);
	for (i = 0; i < sk_GENERAL_NAME_num(all) && r == 0; i++) {
		one = sk_GENERAL_NAME_value(all, i);
		if (one->type == GEN_DNS)
			r = cert_name(c, ASN1_STRING_get0_data(one->d.dNSName), (size_t)ASN1_STRING_length(one->d.dNSName));
	}
	GENERAL_NAMES_free(all);
	return (r);
}

/* What is no name of a host, perhaps with an asterisk as its first label, is left out.  Returns 0. */
static int
cert_name(struct cert *c, const uint8_t *text, size_t len)
{
	char	**names, *name;
	size_t	 i, skip = len > 2 && memcmp(text, "*.", 2) == 0 ? 2 : 0;

	if (len == 0 || len > NAME_MAX_DNS || memchr(text, '\0', len) != NULL || memchr(text + skip, '*', len - skip) != NULL)
		return (0);
	if ((names = array_grow(c->names, c->nnames, sizeof(*names))) == NULL || (name = malloc(len + 1)) == NULL)
		fatal("certificate");
	c->names = names;
	c->names[c->nnames++] = name;
	for (i = 0; i < len; i++)
		name[i] = (char)tolower(text[i]);
	name[len] = '\0';
	return (0);
}

int
cert_named(const struct cert *c)
{
	return (c->nnames > 0);
}

int64_t
cert_until(const struct cert *c)
{
	return (c->until);
}

/* Whether it has expired, and is to take the place of one that has not; with 1 err says so. */
int
cert_worse(const struct cert *c, const struct cert *old, char *err, size_t size)
{
	struct tm	 tm;
	int64_t		 now = time(NULL);

	if (old == NULL || old->until <= now || c->until > now)
		return (0);
	memset(&tm, 0, sizeof(tm));
	(void)ASN1_TIME_to_tm(X509_get0_notAfter(c->leaf), &tm);
	snprintf(err, size, "the certificate has expired on %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	return (1);
}

void
cert_free(struct cert *c)
{
	if (c == NULL)
		return;
	while (c->nnames > 0)
		free(c->names[--c->nnames]);
	free(c->names);
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	free(c);
}

struct certs *
certs_new(void)
{
	struct certs	*all = calloc(1, sizeof(*all));

	if (all == NULL)
		fatal("certificates");
	return (all);
}

/* The listener's own from now on, of the context that was made last; NULL: it has none. */
void
certs_own(struct certs *all, struct cert *own)
{
	cert_free(all->own);
	all->own = own;
	all->context = own == NULL ? NULL : made;
	certs_index(all);
}

/* Whether a session of the listener could show it; else err says why not. */
void
certs_try(const struct certs *all, const struct cert *c, char *err, size_t size)
{
	SSL		*ssl = all->context == NULL ? NULL : SSL_new(all->context);
	const char	*why;

	if (ssl == NULL || !cert_show(ssl, c)) {
		why = ssl == NULL ? "the listener has no TLS" : ERR_reason_error_string(ERR_peek_last_error());
		snprintf(err, size, "the certificate cannot be used: %s", why == NULL ? "unknown" : why);
	}
	SSL_free(ssl);
	ERR_clear_error();
}

/* The further one of this id, with 0 the listener's own; NULL: there is none. */
const struct cert *
certs_has(const struct certs *all, uint32_t id)
{
	size_t	 i;

	if (id == 0)
		return (all->own);
	for (i = 0; i < all->nfurther; i++)
		if (all->further[i]->id == id)
			return (all->further[i]);
	return (NULL);
}

/* Adds a further one, in the place of one of its id.  0, or -1: there are too many. */
int
certs_add(struct certs *all, struct cert *c)
{
	(void)certs_remove(all, c->id);
	if (all->nfurther == nitems(all->further))
		return (-1);
	all->further[all->nfurther++] = c;
	certs_index(all);
	return (0);
}

/* 1, or 0: there was none of this id. */
int
certs_remove(struct certs *all, uint32_t id)
{
	size_t	 i;

	for (i = 0; all != NULL && i < all->nfurther; i++)
		if (all->further[i]->id == id) {
			cert_free(all->further[i]);
			all->further[i] = all->further[--all->nfurther];
			certs_index(all);
			return (1);
		}
	return (0);
}

void
certs_free(struct certs *all)
{
	if (all == NULL)
		return;
	cert_free(all->own);
	while (all->nfurther > 0)
		cert_free(all->further[--all->nfurther]);
	free(all->names);
	free(all);
}

/* Puts the names in order anew.  Of certificates with the same name one is chosen, whatever order they came in. */
static void
certs_index(struct certs *all)
{
	const struct cert	*c;
	size_t			 i, k, n = all->own == NULL ? 0 : all->own->nnames, kept = 0;

	for (i = 0; i < all->nfurther; i++)
		n += all->further[i]->nnames;
	free(all->names);
	if ((all->names = calloc(n + 1, sizeof(*all->names))) == NULL)
		fatal("certificates");
	for (i = 0, n = 0; i <= all->nfurther; i++) {
		c = i < all->nfurther ? all->further[i] : all->own;
		for (k = 0; c != NULL && k < c->nnames; k++)
			all->names[n++] = (struct name){ c->names[k], c };
	}
	qsort(all->names, n, sizeof(*all->names), name_order);
	for (i = 0; i < n; i++)
		if (kept == 0 || name_cmp(&all->names[kept - 1], &all->names[i]) != 0)
			all->names[kept++] = all->names[i];
	all->nnames = kept;
}

/* By name, then the listener's own, then what is valid longest; the rest is as good as any order, and always the same. */
static int
name_order(const void *a, const void *b)
{
	const struct name	*x = a, *y = b;
	const struct cert	*c = x->cert, *d = y->cert;
	int			 order = name_cmp(a, b);

	if (order == 0)
		order = (d->id == 0) - (c->id == 0);
	if (order == 0 && c->until != d->until)
		order = c->until > d->until ? -1 : 1;
	return (order == 0 ? memcmp(c->keyid, d->keyid, sizeof(c->keyid)) : order);
}

static int
name_cmp(const void *a, const void *b)
{
	return (strcmp(((const struct name *)a)->text, ((const struct name *)b)->text));
}
