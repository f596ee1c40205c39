/* SPDX-License-Identifier: ISC */
/* STAT, LIST, UIDL: what lies in the mailbox, as a whole or by a few probes. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/hook.h"
#include "pop3.h"

static int	 probe_next(struct pop3 *, uint32_t);
static void	 stat_tell(struct pop3 *, int);
static int	 uid_derive(struct pop3 *, const uint8_t **, size_t *, uint8_t *);

/*
 * Ask what lies in the mailbox; a server that pipelines is asked everything at once.  Probes stand in for the listing; whether the
 * mailbox has messages of their numbers shows in the answers.  0 or -1.
 */
int
pop3_survey(struct pop3 *p)
{
	uint32_t	 i;

	if (pop3_queue(p, CMD_STAT, 0) == -1)
		return (-1);
	if (!pop3_pipelines(p))
		return (0);
	if (p->start->probes == 0)
		return (list_again(p));
	for (i = 0; i < p->start->probes; i++)
		if (pop3_queue(p, CMD_PROBE, p->start->probe[i]) == -1)
			return (-1);
	return (0);
}

/* Ask for the listing as a whole; the answers to probes count for nothing then. */
int
list_again(struct pop3 *p)
{
	uint32_t	 i;

	if (p->partly) {
		for (i = 1; i <= p->count; i++)
			p->flags[i] &= (uint16_t)~FLAG_LISTING;
		p->named = p->good = p->derived = 0;
		p->confused = 0;
		p->partly = 0;
		pop3_enter(p, POP3_LIST);
	}
	if (p->start->want_sizes && (pop3_pipelines(p) || p->count > 0) && pop3_queue(p, CMD_LIST, 0) == -1)
		return (-1);
	return (pop3_pipelines(p) || !p->start->want_sizes || p->count == 0 ? pop3_queue(p, CMD_UIDL, 0) : 0);
}

int
list_stat(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	uint64_t	 count;
	char		 text[PROTO_TEXT_SIZE];

	if (!r->ok || pop3_reply_stat(r->text, r->len, &count, &p->octets) == -1)
		return (pop3_fail(p, pop3_reply_why(r, WHY_PROTO), "no mailbox size from STAT: %s",
		    pop3_text(p, text, sizeof(text), r)));
	if (count > PROTO_MSGS_MAX)
		return (pop3_fail(p, WHY_PROTO, "more than %u messages in the mailbox", PROTO_MSGS_MAX));
	p->count = (uint32_t)count;
	if ((p->flags = calloc(count + 1, sizeof(*p->flags))) == NULL ||
	    (p->start->want_sizes && (p->sizes = calloc(count + 1, sizeof(*p->sizes))) == NULL))
		return (pop3_fail(p, WHY_LOCAL_TEMP, "no memory for %u messages", p->count));
	if (p->start->probes > 0) {
		p->partly = 1;
		return (pop3_pipelines(p) ? 0 : probe_next(p, 0));
	}
	return (pop3_pipelines(p) ? 0 : list_again(p));
}

/*
 * The reply to a probe, "+OK n unique-id".  A refusal and a malformed unique-id are no answer; another number is the answer to
 * another question, or the begin of a whole listing.
 */
int
list_probe(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	const uint8_t	*uid;
	uint8_t		 derived[PROTO_UID_MAX];
	uint64_t	 n;
	size_t		 uidlen;
	int		 form;
	char		 text[PROTO_TEXT_SIZE];

	if (r->ok) {
		form = pop3_reply_uidl(r->text, r->len, &n, &uid, &uidlen);
		if (form == 1)
			form = uid_derive(p, &uid, &uidlen, derived);
		if (form == -1 || n != msgno)
			return (pop3_fail(p, WHY_PROTO, "not an answer to UIDL %u: %s", msgno,
			    pop3_text(p, text, sizeof(text), r)));
		if (msgno <= p->count) {
			p->probed++;
			stat_tell(p, 1);
			if (form == 0)
				p->ops->uid(p->arg, msgno, uid, uidlen);
		}
	}
	return (probe_next(p, msgno));
}

/* The probe behind that of number last, or their end.  If none was answered, the listing is needed. */
static int
probe_next(struct pop3 *p, uint32_t last)
{
	const struct msg_fetch_start	*start = p->start;
	uint32_t			 i;

	if (pop3_pipelines(p)) {
		if (last != start->probe[start->probes - 1])
			return (0);
	} else {
		for (i = 0; i < start->probes; i++)
			if (start->probe[i] > last && start->probe[i] <= p->count)
				return (pop3_queue(p, CMD_PROBE, start->probe[i]));
	}
	if (p->probed == 0)
		return (list_again(p));
	HOOK("fetcher.listed");
	p->ops->listed(p->arg, p->probed, LISTING_PROBED);
	pop3_enter(p, POP3_PLAN);
	return (0);
}

int
list_list(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	if (!r->ok)
		return (list_sizes_end(p));
	p->part = PART_LINES;
	return (0);
}

/* A line of the listing by LIST.  Sizes are hints, so a bad line is passed over. */
int
list_size(struct pop3 *p, const uint8_t *line, size_t len)
{
	uint64_t	 msgno, size;

	if (pop3_reply_list(line, len, &msgno, &size) == 0 && msgno >= 1 && msgno <= p->count)
		p->sizes[msgno] = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	return (0);
}

int
list_sizes_end(struct pop3 *p)
{
	return (pop3_pipelines(p) ? 0 : pop3_queue(p, CMD_UIDL, 0));
}

/* The reply to UIDL, which is sent whatever CAPA says.  The master decides what is done without unique-ids. */
int
list_uidl(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	if (!r->ok)
		pop3_text(p, p->uidl, sizeof(p->uidl), r);
	stat_tell(p, r->ok);
	if (r->ok) {
		p->part = PART_LINES;
		return (0);
	}
	HOOK("fetcher.listed");
	p->ops->listed(p->arg, 0, LISTING_PARTIAL);
	pop3_enter(p, POP3_PLAN);
	return (0);
}

static void
stat_tell(struct pop3 *p, int has_uidl)
{
	if (p->told)
		return;
	p->told = 1;
	p->ops->stat(p->arg, p->count, p->octets, has_uidl);
}

/*
 * What the server has in place of a unique-id breaks RFC 1939: it is too long, or has a blank, a control or an 8-bit octet in it.
 * If there is anything, its digest does as well, and cannot be taken for another unique-id.  Returns what pop3_reply_uidl() does;
 * derived has room for PROTO_UID_MAX octets.
 */
static int
uid_derive(struct pop3 *p, const uint8_t **uid, size_t *uidlen, uint8_t *derived)
{
	uint8_t	 digest[PROTO_DIGEST_LEN];
	size_t	 n = strlen(PROTO_UID_DERIVED);

	if (*uidlen == 0 || EVP_Digest(*uid, *uidlen, digest, NULL, stream_sha256(), NULL) != 1)
		return (1);
	memcpy(derived, PROTO_UID_DERIVED, n);
	hex_encode(derived + n, digest, sizeof(digest));
	*uid = derived;
	*uidlen = n + 2 * sizeof(digest);
	p->derived++;
	return (0);
}

/*
 * A line of the listing by UIDL.  A bad line spoils nothing but itself.  A number that is named twice has no unique-id: the master
 * drops that when it hears of it twice, so a malformed second line is told with a stand-in, and a good one after a malformed one is
 * not told.
 */
int
list_uid(struct pop3 *p, const uint8_t *line, size_t len)
{
	const uint8_t	*uid;
	uint8_t		 derived[PROTO_UID_MAX];
	uint64_t	 msgno;
	size_t		 uidlen;
	uint16_t	*flags;
	int		 r;

	r = pop3_reply_uidl(line, len, &msgno, &uid, &uidlen);
	if (r == -1)
		return (0);
	if (msgno == 0 || msgno > p->count) {
		p->confused |= msgno == 0 ? CONFUSED_FOR_SURE : CONFUSED_IF_GAPS;
		return (0);
	}
	if (r == 1)
		r = uid_derive(p, &uid, &uidlen, derived);
	flags = &p->flags[msgno];
	if (*flags & FLAG_LISTED)
		p->confused |= CONFUSED_FOR_SURE;
	else
		p->named++;
	if (*flags & FLAG_TOLD)
		p->ops->uid(p->arg, (uint32_t)msgno, r == 0 ? uid : (const uint8_t *)"!", r == 0 ? uidlen : 1);
	else if (r == 0 && !(*flags & FLAG_LISTED)) {
		p->ops->uid(p->arg, (uint32_t)msgno, uid, uidlen);
		*flags |= FLAG_TOLD;
		p->good++;
	}
	*flags |= FLAG_LISTED;
	return (0);
}

/*
 * The listing is over.  It is complete only if it names each message once and well: no other listing may make a unique-id "gone".
 * A number beyond STAT may be a message that has just arrived; with a gap elsewhere the list is off by one.
 */
int
list_uids_end(struct pop3 *p)
{
	enum listing	 state = LISTING_PARTIAL;

	if ((p->confused & CONFUSED_FOR_SURE) || ((p->confused & CONFUSED_IF_GAPS) && p->named < p->count))
		state = LISTING_CONFUSED;
	else if (p->lines == p->count && p->good == p->count)
		state = LISTING_COMPLETE;
	HOOK("fetcher.listed");
	p->ops->listed(p->arg, (uint32_t)p->lines, state);
	pop3_enter(p, POP3_PLAN);
	return (0);
}
