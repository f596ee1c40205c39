/* SPDX-License-Identifier: ISC */
/*
 * The sentence about a job that failed: what was tried, what each address said, what may help.  It goes into the log and into
 * rpopctl's table, so all of it is printable.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dialer.h"
#include "common/log.h"

#define FAILURE_NAME_MAX	64	/* octets of the host's name that are shown; the rest is for the errors */

static void	 failure_item(struct dial_failure *, const char *, const char *);
static void	 failure_rank(struct dial_failure *, enum fail_why, int);
static const char *failure_remedy(enum fail_why);

/*
 * What an errno or enum attempt_error of an attempt means.  Of several addresses the failure with the highest rank names the
 * whole.
 */
static const struct {
	int		 error;
	enum fail_why	 why;
	int		 rank;
	const char	*text;	/* NULL: strerror(3) */
} failure_errors[] = {
	{ ECONNREFUSED,	WHY_REFUSED,	 2, NULL },
	{ ECONNRESET,	WHY_REFUSED,	 2, NULL },
	{ ETIMEDOUT,	WHY_TIMEOUT,	 3, NULL },
	{ EMFILE,	WHY_LOCAL_TEMP,	 4, NULL },
	{ ENFILE,	WHY_LOCAL_TEMP,	 4, NULL },
	{ ENOBUFS,	WHY_LOCAL_TEMP,	 4, NULL },
	{ ENOMEM,	WHY_LOCAL_TEMP,	 4, NULL },
	{ SOCKS_FAILED,	WHY_UNREACHABLE, 1, "the SOCKS server could not connect" },
	{ SOCKS_DENIED,	WHY_CONFIG,	 4, "the SOCKS server does not allow it" },
	{ SOCKS_NET,	WHY_UNREACHABLE, 1, "network unreachable from the SOCKS server" },
	{ SOCKS_HOST,	WHY_UNREACHABLE, 1, "host unreachable from the SOCKS server" },
	{ SOCKS_REFUSED, WHY_REFUSED,	 2, "Connection refused, says the SOCKS server" },
	{ SOCKS_EXPIRED, WHY_UNREACHABLE, 1, "too far away from the SOCKS server" },
	{ SOCKS_COMMAND, WHY_CONFIG,	 4, "the SOCKS server does not connect for anybody" },
	{ SOCKS_FAMILY,	WHY_UNREACHABLE, 1, "the SOCKS server does not know this family of addresses" },
	{ SOCKS_LOGIN,	WHY_CONFIG,	 4, "the SOCKS server wants a login" },
	{ SOCKS_GARBAGE, WHY_CONFIG,	 4, "settings.socks is not a SOCKS5 server" },
	{ SOCKS_CLOSED,	WHY_UNREACHABLE, 1, "the SOCKS server closed the connection" }
};

static const struct {
	enum fail_why	 why;
	const char	*text;
} failure_remedies[] = {
	{ WHY_DNS_TEMP,		"check the name servers in resolv.conf" },
	{ WHY_DNS_PERM,		"check the host's name" },
	{ WHY_CONFIG,		"check the record's host" },
	{ WHY_REFUSED,		"check port and server" },
	{ WHY_UNREACHABLE,	"check this machine's network" },
	{ WHY_TIMEOUT,		"a firewall may be in between" },
	{ WHY_LOCAL_TEMP,	"this machine is short of resources" }
};

void
failure_init(struct dial_failure *r, const char *host, uint16_t port, uint32_t timeout)
{
	memset(r, 0, sizeof(*r));
	log_vis(r->host, sizeof(r->host), host, strnlen(host, FAILURE_NAME_MAX));
	r->port = port;
	r->timeout = timeout;
}

/* An attempt at one address failed; proxy: the SOCKS server could not be reached. */
void
failure_address(struct dial_failure *r, const struct address *addr, int error, int proxy)
{
	char		 numeric[ADDRESS_STRLEN], text[80];
	enum fail_why	 why = WHY_UNREACHABLE;
	size_t		 i;
	int		 rank = 1;

	snprintf(text, sizeof(text), "%s%s", proxy && error > 0 ? "SOCKS server: " : "", error > 0 ? strerror(error) : "failed");
	for (i = 0; i < nitems(failure_errors); i++)
		if (failure_errors[i].error == error) {
			why = proxy && error > 0 && failure_errors[i].rank < 4 ? WHY_UNREACHABLE : failure_errors[i].why;
			rank = failure_errors[i].rank;
			if (failure_errors[i].text != NULL)
				strlcpy(text, failure_errors[i].text, sizeof(text));
		}
	failure_rank(r, why, rank);
	failure_item(r, address_str(addr, numeric, sizeof(numeric)), text);
}

/* One address was not tried: it is this machine's own, which the configuration does not allow. */
void
failure_self(struct dial_failure *r, const struct address *addr)
{
	char	 numeric[ADDRESS_STRLEN];

	address_str(addr, numeric, sizeof(numeric));
	if (r->self[0] == '\0')
		strlcpy(r->self, numeric, sizeof(r->self));
	failure_item(r, numeric, "this machine");
}

/* One address was not tried: there is nothing to connect from.  error: ATTEMPT_FAMILY or ATTEMPT_SOURCE, with its errno. */
void
failure_source(struct dial_failure *r, const struct path *path, int error, int number)
{
	char	 numeric[ADDRESS_STRLEN];
	size_t	 i;

	if (error == ATTEMPT_SOURCE)
		r->source_errno = number;
	r->sources[0] = '\0';
	for (i = 0; i < path->nsource && i < 2; i++) {
		strlcat(r->sources, i > 0 ? ", " : "", sizeof(r->sources));
		strlcat(r->sources, address_str(&path->source[i], numeric, sizeof(numeric)), sizeof(r->sources));
	}
	if (path->nsource > 2)
		strlcat(r->sources, ", ...", sizeof(r->sources));
}

/*
 * The sentence about a job that tried no address because none may be tried, or there is no source address for any.  Returns the
 * reason; WHY_NONE: it is another one.
 */
enum fail_why
failure_untried(const struct dial_failure *r, char *text, size_t size)
{
	if (r->self[0] != '\0') {
		snprintf(text, size, "%s is this machine (%s); set settings.self_poll = 1 to poll it", r->host, r->self);
		return (WHY_SELF);
	}
	if (r->sources[0] == '\0')
		return (WHY_NONE);
	if (r->source_errno != 0)
		snprintf(text, size, "connect from %s: %s (correct settings.source_address or domain.address)", r->sources,
		    strerror(r->source_errno));
	else
		snprintf(text, size, "no address of %s can be reached from source_address %s (it has addresses of the other family "
		    "only)", r->host, r->sources);
	return (WHY_CONFIG);
}

/* The addresses of one family could not be looked up, while those of the other could. */
void
failure_family(struct dial_failure *r, enum family family, const char *text)
{
	failure_item(r, family == FAMILY_V6 ? "AAAA" : "A", text);
}

/* The host has no address.  Whether DNS said so now or lately is not told: what counts is when the record is polled again. */
void
failure_lookup(struct dial_failure *r, enum fail_why why, const char *text)
{
	failure_rank(r, why, 5);
	failure_item(r, NULL, text);
	r->lookup = 1;
}

/* Writes the whole sentence to text; returns the reason. */
enum fail_why
failure_finish(const struct dial_failure *r, char *text, size_t size)
{
	const char	*remedy = failure_remedy(r->why), *open = "", *close = "";
	char		 more[32] = "", late[32] = "";

	if (strchr(r->host, ':') != NULL && r->host[0] != '[') {
		open = "[";
		close = "]";
	}
	if (r->omitted > 0)
		snprintf(more, sizeof(more), "; and %u more", r->omitted);
	if (r->expired)
		snprintf(late, sizeof(late), "; gave up after %u s", r->timeout / 1000);
	snprintf(text, size, "%s %s%s%s:%u: %s%s%s (%s)", r->lookup ? "look up" : "connect to", open, r->host, close, r->port,
	    r->items, more, late, remedy);
	return (r->why);
}

/*
 * Adds what is to be said of one address; where there is no room beside the rest of the sentence, the address is counted instead.
 */
static void
failure_item(struct dial_failure *r, const char *name, const char *text)
{
	char	 item[128];
	size_t	 used = strlen(r->items), room = PROTO_TEXT_SIZE - 104;
	int	 n;

	n = snprintf(item, sizeof(item), "%s%s%s%s", used > 0 ? "; " : "", name != NULL ? name : "", name != NULL ? ": " : "",
	    text);
	if (n < 0 || used + strlen(r->host) + (size_t)n > room)
		r->omitted++;
	else
		strlcat(r->items, item, sizeof(r->items));
}

static void
failure_rank(struct dial_failure *r, enum fail_why why, int rank)
{
	if (rank > r->rank) {
		r->rank = rank;
		r->why = why;
	}
}

static const char *
failure_remedy(enum fail_why why)
{
	size_t	 i;

	for (i = 0; i < nitems(failure_remedies); i++)
		if (failure_remedies[i].why == why)
			return (failure_remedies[i].text);
	return ("try again later");
}
