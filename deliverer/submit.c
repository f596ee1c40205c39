/* SPDX-License-Identifier: ISC */
/*
 * What a client of popd sends (XTND XMIT): it is from the account that has logged in, or it does not go; and what its header lacks
 * is made up for.  An address is the account's own if the routing table has mail for it go to this account, and to nobody else.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

#define SHOWN	400		/* octets of an address in a refusal, encoded; more are cut */

struct author {			/* the addresses in From and Sender */
	const struct route_account	*account;
	const struct msg_session_open	*open;
	struct recipients		*to;
	const char			*field;
	uint32_t			 n;
	uint32_t			 own, others;	/* places of the address in hand */
};

static void	 submit_fields(const struct header *, struct recipients *);
static int	 submit_author(void *, const struct mailaddr *, const uint8_t *, size_t);
static int	 submit_place(void *, const struct route_place *);

int
submit_judge(const struct msg_session_open *open, const struct header *h, struct recipients *to)
{
	struct author	 a = { .account = routes_by_id(open->account), .open = open, .to = to };
	size_t		 i;

	if (route_account_address(a.account, to->sender, PROTO_ADDR_SIZE) == -1)
		return (-1);
	submit_fields(h, to);
	for (i = 0; i < h->nfields && to->refusal[0] == '\0'; i++) {
		if (h->fields[i].kind != FIELD_FROM && h->fields[i].kind != FIELD_SENDER)
			continue;
		a.field = h->fields[i].kind == FIELD_FROM ? "From" : "Sender";
		a.n = 0;
		mailaddr_list(header_text(h, &h->fields[i]), h->fields[i].len, 0, submit_author, &a, NULL);
		if (a.n == 0)
			submit_refuse(to, "there is no address in %s", a.field);
	}
	return (0);
}

/* Whether the fields are there as often as they may be (RFC 5322 section 3.6). */
static void
submit_fields(const struct header *h, struct recipients *to)
{
	uint32_t	 n[FIELD_RESENT + 1] = { 0 }, limit = routes_hop_limit();
	size_t		 i;

	for (i = 0; i < h->nfields; i++)
		n[h->fields[i].kind]++;
	if (h->toobig)
		submit_refuse(to, "the header is too large");
	else if (limit > 0 && h->hops > limit)
		submit_refuse(to, "there are more than %u Received fields", limit);
	else if (n[FIELD_RESENT] > 0)
		submit_refuse(to, "a message with Resent fields is not sent from here");
	else if (n[FIELD_FROM] != 1)
		submit_refuse(to, n[FIELD_FROM] == 0 ? "there is no From field" : "there are several From fields");
	else if (n[FIELD_SENDER] > 1)
		submit_refuse(to, "there are several Sender fields");
}

/* An address in From or Sender. */
static int
submit_author(void *arg, const struct mailaddr *found, const uint8_t *text, size_t len)
{
	struct author	*a = arg;
	char		 key[PROTO_ADDR_SIZE], vis[SHOWN], shown[PROTO_SENDER_SIZE];

	a->n++;
	if (found == NULL) {
		submit_unread(a->to, a->field, text, len);
		return (1);
	}
	a->own = a->others = 0;
	if (mailaddr_key(found, a->open->domain, key, sizeof(key)) != -1 &&
	    route_lookup(routes_table(), key, submit_place, a, NULL) > 0 && a->own > 0 && a->others == 0)
		return (0);
	if (mailaddr_format(found, shown, sizeof(shown)) == -1)
		strlcpy(shown, "an address that is too long", sizeof(shown));
	submit_refuse(a->to, "the address in %s is not one of yours: %.150s", a->field,
	    log_vis(vis, sizeof(vis), shown, strlen(shown)));
	return (1);
}

/* A place that such an address leads to. */
static int
submit_place(void *arg, const struct route_place *p)
{
	struct author	*a = arg;

	if (p->what == PLACE_ACCOUNT && p->account == a->account)
		a->own++;
	else
		a->others++;
	return (0);
}

void
submit_complete(const struct msg_session_open *open, const struct header *h, struct recipients *to)
{
	struct timespec	 now;

	if (h->identity.date.fields == 0)
		strlcpy(to->date, prologue_date(), sizeof(to->date));
	if (h->identity.msgid.fields > 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(to->msgid, sizeof(to->msgid), "%llx.%lx.S%u@%.200s", (unsigned long long)now.tv_sec, now.tv_nsec, open->session,
	    routes_hostname());
}

void
submit_unread(struct recipients *to, const char *where, const uint8_t *text, size_t len)
{
	char	 vis[SHOWN];

	for (; len > 0 && (*text == ' ' || *text == '\t'); len--)
		text++;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	submit_refuse(to, "there is something in %s that is no address: %.100s", where, log_vis(vis, sizeof(vis), text, len));
}

void
submit_refuse(struct recipients *to, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	if (to->refusal[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(to->refusal, sizeof(to->refusal), fmt, ap);
	va_end(ap);
	for (p = to->refusal; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}
