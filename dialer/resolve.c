/* SPDX-License-Identifier: ISC */
/*
 * From a host name to addresses, in this order: a literal, localhost, hosts(5), DNS.  Only names reach DNS: c-ares would ask
 * even for a literal of the other family and believe the answer.
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dialer.h"
#include "common/log.h"

static int	 resolve_literal(struct lookup *);
static int	 resolve_localhost(struct lookup *);
static int	 resolve_hosts(struct lookup *);
static int	 resolve_negative(struct lookup *);
static int	 resolve_refuse(struct lookup *);
static void	 resolve_dns(struct lookup *);
static void	 resolve_answer(void *, enum family, enum fail_why, const char *, const struct address *, size_t);
static void	 resolve_learn(const struct lookup *);
static void	 resolve_set(struct answer *, enum fail_why, const char *, const struct address *, size_t);
static void	 resolve_known(struct lookup *, const struct address *, size_t, const struct address *, size_t);
static void	 resolve_fail(struct lookup *, enum fail_why, const char *);
static void	 resolve_free(struct lookup *);

/* Functions that may know a name's addresses without DNS, in this order.  1: the lookup has its answers. */
static int	(*const resolve_sources[])(struct lookup *) = {
	resolve_literal,
	resolve_refuse,
	resolve_localhost,
	resolve_hosts,
	resolve_negative
};

/* Lookups that have asked DNS and wait for its answers; others of the same name follow them, so that DNS is asked once. */
static TAILQ_HEAD(, lookup)	 leaders = TAILQ_HEAD_INITIALIZER(leaders);
static size_t			 nlookups;

/*
 * Start looking up host.  What is known at once is in answer[] on return; cb(arg) tells of each later change and is never
 * called from here.  The caller owns the lookup and gives it back to resolve_end(), be it finished or not.  NULL: too many.
 */
struct lookup *
resolve_start(const char *host, void (*cb)(void *), void *arg)
{
	struct lookup	*l;
	size_t		 i;

	if (nlookups >= RESOLVE_LOOKUPS_MAX)
		return (NULL);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("lookup");
	nlookups++;
	TAILQ_INIT(&l->followers);
	l->cb = cb;
	l->arg = arg;
	if (strlcpy(l->name, host, sizeof(l->name)) >= sizeof(l->name))
		l->name[0] = '\0';	/* too long for a name */
	for (i = 0; l->name[i] != '\0'; i++)
		l->name[i] = (char)tolower((unsigned char)l->name[i]);
	if (i > 0 && l->name[i - 1] == '.')
		l->name[i - 1] = '\0';
	for (i = 0; i < nitems(resolve_sources); i++)
		if (resolve_sources[i](l))
			return (l);
	resolve_dns(l);
	return (l);
}

void
resolve_end(struct lookup *l)
{
	l->cb = NULL;
	if (l->leader != NULL)
		TAILQ_REMOVE(&l->leader->followers, l, entry);
	if (l->leader != NULL || resolve_done(l))
		resolve_free(l);
}

int
resolve_done(const struct lookup *l)
{
	return (l->answer[FAMILY_V6].done && l->answer[FAMILY_V4].done);
}

/* Why a lookup without any address failed; a permanent reason only if both answers are permanent. */
enum fail_why
resolve_why(const struct lookup *l, const char **text)
{
	const struct answer	*a = &l->answer[FAMILY_V4];

	if (a->why == WHY_DNS_PERM && l->answer[FAMILY_V6].why != WHY_DNS_PERM)
		a = &l->answer[FAMILY_V6];
	*text = a->text;
	return (a->why);
}

static int
resolve_literal(struct lookup *l)
{
	struct address	 addr;

	if (!address_parse(l->name, &addr))
		return (0);
	address_unmap(&addr);
	if (!address_usable(&addr))
		resolve_fail(l, WHY_CONFIG, "not an address a server can have");
	else if (addr.u.sa.sa_family == AF_INET6)
		resolve_known(l, &addr, 1, NULL, 0);
	else
		resolve_known(l, NULL, 0, &addr, 1);
	return (1);
}

static int
resolve_refuse(struct lookup *l)
{
	if (host_valid(l->name))
		return (0);
	resolve_fail(l, WHY_CONFIG, "neither an address nor a host name");
	return (1);
}

/* localhost and names below it, for which DNS is never asked (RFC 6761 section 6.3). */
static int
resolve_localhost(struct lookup *l)
{
	static const char	 suffix[] = ".localhost";
	struct in_addr		 v4 = { htonl(INADDR_LOOPBACK) };
	struct address		 a6, a4;
	size_t			 len = strlen(l->name);

	if (strcmp(l->name, suffix + 1) != 0 &&
	    (len < sizeof(suffix) || strcmp(l->name + len - (sizeof(suffix) - 1), suffix) != 0))
		return (0);
	address_set(&a6, FAMILY_V6, &in6addr_loopback);
	address_set(&a4, FAMILY_V4, &v4);
	resolve_known(l, &a6, 1, &a4, 1);
	return (1);
}

static int
resolve_hosts(struct lookup *l)
{
	struct address	 a6[RESOLVE_ADDRS_MAX], a4[RESOLVE_ADDRS_MAX];
	size_t		 n6, n4;

	n6 = hosts_lookup(l->name, FAMILY_V6, a6, nitems(a6));
	n4 = hosts_lookup(l->name, FAMILY_V4, a4, nitems(a4));
	if (n6 + n4 == 0)
		return (0);
	resolve_known(l, a6, n6, a4, n4);
	return (1);
}

static int
resolve_negative(struct lookup *l)
{
	enum fail_why	 why;
	const char	*text;

	if (negative_get(l->name, &why, &text) == 0)
		return (0);
	resolve_fail(l, why, text);
	return (1);
}

/* Ask DNS for both families, AAAA first (RFC 8305 section 3), or follow a lookup that has asked for the same name. */
static void
resolve_dns(struct lookup *l)
{
	struct lookup	*leader;

	TAILQ_FOREACH(leader, &leaders, entry)
		if (strcmp(leader->name, l->name) == 0) {
			memcpy(l->answer, leader->answer, sizeof(l->answer));
			l->leader = leader;
			TAILQ_INSERT_TAIL(&leader->followers, l, entry);
			return;
		}
	TAILQ_INSERT_TAIL(&leaders, l, entry);
	l->starting = 1;
	dns_query(l->name, FAMILY_V6, resolve_answer, l);
	dns_query(l->name, FAMILY_V4, resolve_answer, l);
	l->starting = 0;
}

/* DNS has answered for one family.  A leader is told behind its followers; each of them may be freed by being told. */
static void
resolve_answer(void *arg, enum family family, enum fail_why why, const char *text, const struct address *addr, size_t n)
{
	struct lookup	*l = arg, *f, *next;
	int		 finished;

	resolve_set(&l->answer[family], why, text, addr, n);
	if ((finished = resolve_done(l))) {
		TAILQ_REMOVE(&leaders, l, entry);
		resolve_learn(l);
	}
	TAILQ_FOREACH_SAFE(f, &l->followers, entry, next) {
		f->answer[family] = l->answer[family];
		if (finished) {
			TAILQ_REMOVE(&l->followers, f, entry);
			f->leader = NULL;
		}
		f->cb(f->arg);
	}
	if (l->starting)
		return;
	if (l->cb != NULL)
		l->cb(l->arg);
	else if (finished)
		resolve_free(l);
}

/* Remember whether the name resolved.  What failed on this machine is not the name's fault, and not remembered. */
static void
resolve_learn(const struct lookup *l)
{
	enum fail_why	 why;
	const char	*text;

	if (l->answer[FAMILY_V6].n + l->answer[FAMILY_V4].n > 0) {
		negative_remove(l->name);
		return;
	}
	why = resolve_why(l, &text);
	if (why == WHY_DNS_PERM || why == WHY_DNS_TEMP)
		negative_add(l->name, why, text);
}

static void
resolve_set(struct answer *a, enum fail_why why, const char *text, const struct address *addr, size_t n)
{
	if (n > 0)
		memcpy(a->addr, addr, n * sizeof(*addr));
	a->n = n;
	a->why = why;
	a->text = text;
	a->done = 1;
}

/* The addresses of both families are known without DNS; a family without any is no failure worth telling. */
static void
resolve_known(struct lookup *l, const struct address *a6, size_t n6, const struct address *a4, size_t n4)
{
	resolve_set(&l->answer[FAMILY_V6], WHY_NONE, NULL, a6, n6);
	resolve_set(&l->answer[FAMILY_V4], WHY_NONE, NULL, a4, n4);
}

static void
resolve_fail(struct lookup *l, enum fail_why why, const char *text)
{
	resolve_set(&l->answer[FAMILY_V6], why, text, NULL, 0);
	resolve_set(&l->answer[FAMILY_V4], why, text, NULL, 0);
}

static void
resolve_free(struct lookup *l)
{
	nlookups--;
	free(l);
}
