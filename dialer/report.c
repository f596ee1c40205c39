/* SPDX-License-Identifier: ISC */
/*
 * The sentence about a job that failed: what was tried, what each address said, what may help.  It goes into the log and into
 * rpopctl's table, so all of it is printable.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dialer.h"
#include "../common/log.h"

#define REPORT_NAME_MAX	64	/* of the host's name; the rest is for the errors */

static void	 report_item(struct dial_report *, const char *, const char *);
static void	 report_rank(struct dial_report *, enum fail_why, int);
static const char *report_remedy(enum fail_why);

/* What an errno of socket(2) or connect(2) means.  Of several addresses the failure with the highest rank names the whole. */
static const struct {
	int		 error;
	enum fail_why	 why;
	int		 rank;
} report_errors[] = {
	{ ECONNREFUSED,	WHY_REFUSED,	 2 },
	{ ECONNRESET,	WHY_REFUSED,	 2 },
	{ ETIMEDOUT,	WHY_TIMEOUT,	 3 },
	{ EMFILE,	WHY_LOCAL_TEMP,	 4 },
	{ ENFILE,	WHY_LOCAL_TEMP,	 4 },
	{ ENOBUFS,	WHY_LOCAL_TEMP,	 4 },
	{ ENOMEM,	WHY_LOCAL_TEMP,	 4 }
};

static const struct {
	enum fail_why	 why;
	const char	*text;
} report_remedies[] = {
	{ WHY_DNS_TEMP,		"check the name servers in resolv.conf" },
	{ WHY_DNS_PERM,		"check the host's name" },
	{ WHY_CONFIG,		"check the record's host" },
	{ WHY_REFUSED,		"check port and server" },
	{ WHY_UNREACHABLE,	"check this machine's network" },
	{ WHY_TIMEOUT,		"a firewall may be in between" },
	{ WHY_LOCAL_TEMP,	"this machine is short of resources" }
};

void
report_init(struct dial_report *r, const char *host, uint16_t port, uint32_t timeout)
{
	memset(r, 0, sizeof(*r));
	log_vis(r->host, sizeof(r->host), host, strnlen(host, REPORT_NAME_MAX));
	r->port = port;
	r->timeout = timeout;
}

/* One address failed with an errno. */
void
report_address(struct dial_report *r, const struct address *addr, int error)
{
	char		 numeric[ADDRESS_STRLEN];
	enum fail_why	 why = WHY_UNREACHABLE;
	size_t		 i;
	int		 rank = 1;

	for (i = 0; i < nitems(report_errors); i++)
		if (report_errors[i].error == error) {
			why = report_errors[i].why;
			rank = report_errors[i].rank;
		}
	report_rank(r, why, rank);
	report_item(r, address_str(addr, numeric, sizeof(numeric)), strerror(error));
}

/* One family could not be looked up while the other could. */
void
report_family(struct dial_report *r, enum family family, const char *text)
{
	report_item(r, family == FAMILY_V6 ? "AAAA" : "A", text);
}

/* No address at all; retry as in struct lookup. */
void
report_lookup(struct dial_report *r, enum fail_why why, const char *text, uint32_t retry)
{
	char	 item[96];

	report_rank(r, why, 5);
	if (retry > 0) {
		snprintf(item, sizeof(item), "%s; DNS is asked again in %u s", text, retry);
		text = item;
	}
	report_item(r, NULL, text);
	r->lookup = 1;
}

/* Writes the whole sentence to text; returns the reason. */
enum fail_why
report_finish(const struct dial_report *r, char *text, size_t size)
{
	const char	*remedy = report_remedy(r->why), *open = "", *close = "";
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

/* Room is left for the rest of the sentence; what does not fit is counted. */
static void
report_item(struct dial_report *r, const char *name, const char *text)
{
	char	 item[128];
	size_t	 used = strlen(r->items), room = PROTO_TEXT_SIZE - 104;
	int	 n;

	n = snprintf(item, sizeof(item), "%s%s%s%s", used > 0 ? "; " : "", name != NULL ? name : "", name != NULL ? ": " : "", text);
	if (n < 0 || used + strlen(r->host) + (size_t)n > room)
		r->omitted++;
	else
		strlcat(r->items, item, sizeof(r->items));
}

static void
report_rank(struct dial_report *r, enum fail_why why, int rank)
{
	if (rank > r->rank) {
		r->rank = rank;
		r->why = why;
	}
}

static const char *
report_remedy(enum fail_why why)
{
	size_t	 i;

	for (i = 0; i < nitems(report_remedies); i++)
		if (report_remedies[i].why == why)
			return (report_remedies[i].text);
	return ("try again later");
}
