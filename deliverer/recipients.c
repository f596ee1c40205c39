/* SPDX-License-Identifier: ISC */
/*
 * Who gets a message: its owner, or who stands in the provider's envelope fields, or in To, Cc and Bcc; and what comes back is
 * stopped.  submit.c has what else is asked of what is sent.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/route/strset.h"
#include "deliverer.h"

#define NOTE_LINE		240	/* octets that a line of the note may need */
#define UNREAD_NOTED		5	/* elements that could not be read and are told in the note */
#define UNREAD_SIZE		160
#define HOW(bare)		((bare) ? 'b' : 'a')	/* an address without a domain need not be in the record's domains */

/* A search for recipients in header fields. */
struct search {
	const struct msg_session_open *open;
	struct recipients	*to;
	enum notify		 notify;	/* of the recipients that are found */
	uint32_t		 unknown;	/* addresses not in the table */
	uint32_t		 outside;	/* addresses not in the record's domains */
	uint32_t		 doubtful;	/* list elements that are no address */
	struct strset		 looked;	/* addresses that were looked up, each behind the letter of HOW() */
	uint32_t		 rows;		/* of table route that may still be used */
	int			 spent;		/* 1: rows were not enough */
	uint32_t		 addresses;	/* that were looked up */
	char			*discarded;	/* an address that a row discards */
	int			 error;
	/* the address that is looked at */
	const char		*key;
	char			 original[PROTO_SENDER_SIZE], wire[PROTO_SENDER_SIZE];
	uint32_t		 found;		/* places that it leads to */
};

static int	 recipients_owner(struct search *);
static int	 recipients_envelope(const struct header *, struct search *);
static void	 recipients_received(const struct header *, struct envelope *, struct search *);
static int	 recipients_star(const struct header *, struct search *);
static int	 recipients_submit(const struct header *, struct search *);
static int	 recipients_over(const struct search *);
static int	 recipients_toomany(struct search *);
static void	 recipients_scan(const struct header *, const struct field *, int, struct search *);
static int	 recipients_found(void *, const struct mailaddr *, const uint8_t *, size_t);
static int	 recipients_first(struct search *, int);
static void	 recipients_unread(struct recipients *, const uint8_t *, size_t);
static void	 recipients_lookup(struct search *, const char *);
static int	 recipients_address(struct search *, const struct mailaddr *);
static void	 recipients_missed(struct search *, const char *);
static int	 recipients_place(void *, const struct route_place *);
static int	 recipients_onward(struct search *, enum rcpt_kind, const struct route_place *);
static int	 recipients_elsewhere(struct search *);
static int	 recipients_account(struct search *, const struct route_place *);
static int	 recipients_archive(struct search *);
static int	 recipients_archived(void *, const struct route_place *);
static int	 recipients_loop(const struct header *, struct search *);
static int	 recipients_postmaster(struct recipients *, int only);
static int	 recipients_fallback(struct recipients *);
static void	 recipients_reason(struct recipients *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
static void	 recipients_sender(const struct header *, struct recipients *);
static void	 recipients_note(struct recipients *, const char *, ...) __attribute__((__format__(printf, 2, 3)));

int
recipients_decide(const struct msg_session_open *open, const struct header *h, struct recipients *to)
{
	struct search	 s;
	int		 error;

	memset(to, 0, sizeof(*to));
	buf_init(&to->note, PROTO_NOTE_SIZE - 1);
	if (routes_table() == NULL)
		return (-1);
	recipients_sender(h, to);
	memset(&s, 0, sizeof(s));
	s.open = open;
	s.to = to;
	s.rows = RECIPIENTS_ROWS;
	/* Failures are reported for the special field, and of what is sent. */
	s.notify = open->mode == DIST_FIELD || open->mode == DIST_SUBMIT ? NOTIFY_FAILURE : NOTIFY_NEVER;
	if (open->mode == DIST_SUBMIT)
		error = recipients_submit(h, &s);
	else if (open->mode == DIST_OWNER)
		error = recipients_owner(&s);
	else if (h->toobig) {
		recipients_reason(to, "the header is too large to find the recipients in it");
		error = recipients_postmaster(to, 1);
	} else
		error = open->mode == DIST_FIELD ? recipients_envelope(h, &s) : recipients_star(h, &s);
	free(s.discarded);
	strset_free(&s.looked);
	to->rows = RECIPIENTS_ROWS - s.rows;
	if (error == -1 || (open->mode != DIST_SUBMIT && recipients_loop(h, &s) == -1))
		return (-1);
	if (to->refusal[0] != '\0')
		return (0);
	return (to->loop ? 0 : recipients_archive(&s));
}

void
recipients_free(struct recipients *to)
{
	places_free(&to->places);
	buf_free(&to->note);
	missed_free(&to->missed);
	memset(to, 0, sizeof(*to));
}

/* Mode OWNER: the message is the owner's, whatever its header says. */
static int
recipients_owner(struct search *s)
{
	const struct route_account	*owner = routes_by_id(s->open->account);
	char				 own[PROTO_ADDR_SIZE];

	recipients_note(s->to, "to the owner");
	return (places_account(&s->to->places, owner, s->open->mailbox, NULL, NULL, s->notify) == -1 ||
	    route_account_address(owner, own, sizeof(own)) == -1 ? -1 : places_name(&s->to->places, own));
}

/* Mode FIELD: every address of the envelope fields is a recipient; those without a place make the postmaster one, too. */
static int
recipients_envelope(const struct header *h, struct search *s)
{
	struct recipients	*to = s->to;
	struct envelope		 e;
	struct place		 discard = { .kind = RCPT_DISCARD };
	size_t			 i;

	envelope_choose(s->open, h, &e);
	if (e.hop && s->open->trusted_hop[0] != '\0')
		client_find(header_text(h, &h->fields[e.limit]), h->fields[e.limit].len, s->open->trusted_hop, to->client);
	recipients_note(to, "%u of the fields %.60s count%s%.60s", e.fields, e.text,
	    s->open->trusted_hop[0] != '\0' ? ", above Received by " : "", s->open->trusted_hop);
	for (i = e.first; e.found && i < e.limit && !recipients_over(s); i++) {
		if (h->fields[i].kind != FIELD_SPECIAL || h->fields[i].name != e.name)
			continue;
		recipients_scan(h, &h->fields[i], MAILADDR_BARE, s);
		if (e.one)
			break;
	}
	if (s->open->received_for && e.hop && !s->error && to->places.n == 0 && s->discarded == NULL &&
	    s->unknown + s->outside + s->doubtful == 0)
		recipients_received(h, &e, s);
	if (s->error)
		return (-1);
	to->unfound = !e.found;
	if (recipients_toomany(s))
		return (recipients_postmaster(to, 1));
	if (!e.found && !e.hop)
		recipients_reason(to, "there is no Received field by %.60s", s->open->trusted_hop);
	else if (!e.found && e.distrusted > 0)
		recipients_reason(to, "no %.60s field stands above the Received field by %.60s", e.text, s->open->trusted_hop);
	else if (!e.found)
		recipients_reason(to, "there is no %.120s field", e.text);
	else if (s->unknown > 0)
		recipients_reason(to, "an envelope recipient in the %.60s field is unknown here", e.text);
	else if (s->outside > 0)
		recipients_reason(to, "an envelope recipient in the %.60s field is not in the record's domains", e.text);
	else if (s->doubtful > 0)
		recipients_reason(to, "an address in the %.60s field cannot be understood", e.text);
	else if (to->places.n > 0)
		return (0);
	else if (s->discarded != NULL) {
		discard.dest = s->discarded;
		return (places_add(&to->places, &discard));
	} else
		recipients_reason(to, "there is no address in the %.60s field", e.text);
	return (recipients_postmaster(to, 0));
}

/* No envelope field has an address: the one behind "for" in the provider's own Received counts, where the record allows that. */
static void
recipients_received(const struct header *h, struct envelope *e, struct search *s)
{
	struct mailaddr	 a;
	const uint8_t	*text;
	size_t		 len;

	switch (envelope_for(s->open, h, e, &text, &len)) {
	case 0:
		recipients_note(s->to, "nothing behind for in Received down to that by %.60s", s->open->trusted_hop);
		return;
	case 1:
		if (mailaddr_path(text, len, &a) == 1)
			break;
		recipients_unread(s->to, text, len);
		/* FALLTHROUGH */
	default:
		recipients_note(s->to, "what is behind for in Received down to that by %.60s is in doubt", s->open->trusted_hop);
		return;
	}
	recipients_note(s->to, "the address behind for in Received counts");
	e->found = 1;
	strlcpy(e->text, "Received", sizeof(e->text));
	recipients_address(s, &a);
}

/*
 * Mode STAR: accounts of this daemon in To, Cc and Bcc are recipients; other addresses do not count.  An element that cannot be
 * read may name one of them, so that the postmaster gets the message, too.
 */
static int
recipients_star(const struct header *h, struct search *s)
{
	struct recipients	*to = s->to;
	uint32_t		 fields = 0;
	size_t			 i;

	for (i = 0; i < h->nfields && !recipients_over(s); i++) {
		if (h->fields[i].kind < FIELD_TO || h->fields[i].kind > FIELD_BCC)
			continue;
		recipients_scan(h, &h->fields[i], 0, s);
		fields++;
	}
	recipients_note(to, "%u fields To, Cc, Bcc; %u addresses are not of accounts here, %u cannot be read", fields,
	    s->unknown + s->outside, s->doubtful);
	if (s->error)
		return (-1);
	if (recipients_toomany(s))
		return (recipients_postmaster(to, 1));
	if (fields == 0)
		recipients_reason(to, "there is no To, Cc or Bcc field");
	else if (s->doubtful > 0) {
		recipients_reason(to, "an address in To, Cc or Bcc cannot be understood");
		return (recipients_postmaster(to, 0));
	} else if (to->places.n == 0)
		recipients_reason(to, "no address in To, Cc or Bcc belongs to an account here");
	else
		return (0);
	return (recipients_postmaster(to, 1));
}

/*
 * Mode SUBMIT: every address in To, Cc and Bcc is a recipient, here or elsewhere; one that is none, or that nobody has here, is a
 * refusal of the whole message: its sender is there to hear of it.
 */
static int
recipients_submit(const struct header *h, struct search *s)
{
	struct recipients	*to = s->to;
	struct place		 discard = { .kind = RCPT_DISCARD };
	size_t			 i;

	if (submit_judge(s->open, h, to) == -1)
		return (-1);
	for (i = 0; i < h->nfields && !recipients_over(s); i++)
		if (h->fields[i].kind >= FIELD_TO && h->fields[i].kind <= FIELD_BCC)
			recipients_scan(h, &h->fields[i], 0, s);
	if (s->error)
		return (-1);
	if (to->places.full || s->spent)
		submit_refuse(to, "there are too many recipients");
	else if (s->addresses == 0)
		submit_refuse(to, "there is no recipient in To, Cc or Bcc");
	if (to->refusal[0] != '\0')
		return (0);
	recipients_note(to, "sent by a client of popd, to %u addresses", s->addresses);
	submit_complete(s->open, h, to);
	if (to->places.n > 0)
		return (0);
	discard.dest = s->discarded;
	return (s->discarded == NULL ? -1 : places_add(&to->places, &discard));
}

/* Whether nothing more is to be looked for. */
static int
recipients_over(const struct search *s)
{
	return (s->to->places.full || s->spent || s->error || s->to->refusal[0] != '\0');
}

/* Whether the message has more addresses than one may have; the reason is given then. */
static int
recipients_toomany(struct search *s)
{
	if (s->to->places.full)
		recipients_reason(s->to, s->to->places.n == PROTO_RCPT_MAX ? "more than %d recipients" :
		    "more addresses of one account than a header field has room for", PROTO_RCPT_MAX);
	else if (s->spent)
		recipients_reason(s->to, "its addresses lead through more than %d rows of table route", RECIPIENTS_ROWS);
	return (s->to->places.full || s->spent);
}

static void
recipients_scan(const struct header *h, const struct field *f, int flags, struct search *s)
{
	mailaddr_list(header_text(h, f), f->len, flags, recipients_found, s, NULL);
}

/* An element of an address list. */
static int
recipients_found(void *arg, const struct mailaddr *found, const uint8_t *text, size_t len)
{
	struct search	*s = arg;

	if (found != NULL)
		return (recipients_address(s, found));
	if ((s->open->mode == DIST_STAR || s->open->mode == DIST_SUBMIT) && field_nobody(text, len))
		return (0);
	if (s->open->mode == DIST_SUBMIT) {
		submit_unread(s->to, "To, Cc or Bcc", text, len);
		return (1);
	}
	if (++s->doubtful <= UNREAD_NOTED)
		recipients_unread(s->to, text, len);
	s->error |= missed_add(&s->to->missed, text, len) == -1;
	return (s->error);
}

/*
 * Whether an address was not looked up before in this message, as a header has room for tens of thousands of names of one alias.  0
 * also when there is no memory.
 */
static int
recipients_first(struct search *s, int bare)
{
	char	 as[PROTO_SENDER_SIZE + 1];
	int	 n;

	as[0] = HOW(bare);
	n = strset_add(&s->looked, as, 1 + strlcpy(as + 1, s->wire, sizeof(as) - 1));
	s->error |= n == -1;
	if (n == 1 && ++s->addresses > s->open->recipients && s->open->mode == DIST_SUBMIT)
		submit_refuse(s->to, "there are more than %u recipients", s->open->recipients);
	return (n == 1);
}

/* Notes an element that could not be read, as far as a line of the note has room for it. */
static void
recipients_unread(struct recipients *to, const uint8_t *text, size_t len)
{
	char	 vis[UNREAD_SIZE], line[UNREAD_SIZE + 32];

	for (; len > 0 && (*text == ' ' || *text == '\t'); len--)
		text++;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	log_vis(vis, sizeof(vis), text, len);
	snprintf(line, sizeof(line), "cannot be read: %s%s\n", vis, strlen(vis) + sizeof("\\377") >= sizeof(vis) ? "..." : "");
	(void)buf_add(&to->note, line, strlen(line));
}

/*
 * Looks up an address: without the record's prefix, in the record's domain if it has none, without the detours that its domain
 * allows.
 */
static int
recipients_address(struct search *s, const struct mailaddr *found)
{
	const struct msg_session_open	*open = s->open;
	struct recipients		*to = s->to;
	struct mailaddr			 a = *found;
	size_t				 n = strlen(open->strip_prefix);
	char				 key[PROTO_ADDR_SIZE];
	int				 bare = a.domain[0] == '\0', detour;

	if (n > 0 && strncasecmp(a.local, open->strip_prefix, n) == 0 && a.local[n] != '\0')
		memmove(a.local, a.local + n, strlen(a.local + n) + 1);
	if (bare && (mailaddr_key(&a, open->domain, key, sizeof(key)) == -1 ||
	    strlcpy(a.domain, strrchr(key, '@') + 1, sizeof(a.domain)) >= sizeof(a.domain)))
		a.domain[0] = '\0';
	if (mailaddr_format(&a, s->original, sizeof(s->original)) == -1 || strlen(s->original) >= PROTO_ADDR_SIZE)
		s->original[0] = '\0';
	detour = address_source_route(&a);
	s->found = 0;
	s->key = key;
	if (detour == -1 || mailaddr_key(&a, open->domain, key, sizeof(key)) == -1 ||
	    mailaddr_format(&a, s->wire, sizeof(s->wire)) == -1) {
		s->unknown++;
		recipients_missed(s, found->domain);
	} else if (!recipients_first(s, bare && !detour))
		return (s->error);
	else if ((!bare || detour) && !address_permitted(open, a.domain)) {
		s->outside++;
		recipients_missed(s, a.domain);
		recipients_note(to, "%.200s: not in the record's domains", s->original);
	} else
		recipients_lookup(s, a.domain);
	return (recipients_over(s));
}

/* Adds the places that the address in hand leads to. */
static void
recipients_lookup(struct search *s, const char *domain)
{
	struct buf	*note = &s->to->note;
	int		 full, found_all;

	full = buf_len(note) + NOTE_LINE > note->max || (s->open->mode == DIST_STAR && s->unknown > 4);
	errno = 0;
	found_all = route_lookup_within(routes_table(), s->key, recipients_place, s, full ? NULL : note, &s->rows) != -1;
	s->error |= !found_all && errno == ENOMEM;
	s->spent |= !found_all && s->rows == 0;
	if (s->found == 0 && found_all && s->open->mode == DIST_SUBMIT && !route_is_local(routes_table(), domain))
		s->error |= recipients_elsewhere(s) == -1;
	else if (s->found == 0 || !found_all) {
		s->unknown++;
		recipients_missed(s, domain);
	}
}

/* The address in hand has no place.  In mode STAR only those in domains of this daemon are missed. */
static void
recipients_missed(struct search *s, const char *domain)
{
	const char	*text = s->original[0] != '\0' ? s->original : "an address that is too long";

	if (s->open->mode == DIST_STAR && !route_is_local(routes_table(), domain))
		return;
	if (s->open->mode == DIST_SUBMIT) {
		submit_refuse(s->to, "no such recipient here: %.200s", text);
		return;
	}
	s->error |= missed_add(&s->to->missed, (const uint8_t *)text, strlen(text)) == -1;
}

/* Adds a place that the address leads to; in mode STAR only accounts count. */
static int
recipients_place(void *arg, const struct route_place *p)
{
	struct search	*s = arg;
	int		 error = 0;

	if (s->open->mode == DIST_STAR && (p->what != PLACE_ACCOUNT || p->alien))
		return (0);
	s->found++;
	switch (p->what) {
	case PLACE_ACCOUNT:
		error = recipients_account(s, p);
		break;
	case PLACE_NEXTHOP:
		error = recipients_onward(s, RCPT_RELAY, p);
		break;
	case PLACE_REJECT:
		if (s->open->mode == DIST_SUBMIT)
			submit_refuse(s->to, "%.150s: %.90s", s->wire, p->text[0] != '\0' ? p->text : "refused");
		else
			error = recipients_onward(s, RCPT_REJECT, p);
		break;
	case PLACE_DISCARD:
		if (s->discarded == NULL && (s->discarded = strdup(s->wire)) == NULL)
			error = -1;
		break;
	}
	s->error |= error == -1;
	return (s->to->places.full || s->error);
}

/* Adds an account.  A unified one's mail names the address that a row leads from to it. */
static int
recipients_account(struct search *s, const struct route_place *p)
{
	char	 name[PROTO_ADDR_SIZE];

	if (p->account->unified && address_wire(p->individual, name, sizeof(name)) == -1) {
		s->unknown++;
		recipients_missed(s, strrchr(s->key, '@') + 1);
		return (0);
	}
	if (places_account(&s->to->places, p->account, p->folder, p->address[0] != '\0' ? p->address : NULL, s->original,
	    s->notify) == -1)
		return (-1);
	return (p->account->unified ? places_name(&s->to->places, name) : 0);
}

/*
 * Adds an address at a next hop, or a refusal.  An address that no row has changed keeps its letter case; one that does not fit
 * into a command of SMTP in quotes has no place.
 */
static int
recipients_onward(struct search *s, enum rcpt_kind kind, const struct route_place *p)
{
	struct place	 new = { .kind = kind, .notify = s->notify, .nexthop = p->nexthop, .dest = s->wire };
	char		 wire[PROTO_SENDER_SIZE];

	if (kind == RCPT_REJECT)
		new.reason = (char *)(p->text[0] != '\0' ? p->text : "refused by a row of table route");
	else if (strcmp(p->address, s->key) != 0) {
		new.dest = wire;
		if (address_wire(p->address, wire, sizeof(wire)) == -1)
			wire[0] = '\0';
	}
	if (new.dest[0] == '\0' || strlen(new.dest) >= PROTO_ADDR_SIZE) {
		s->unknown++;
		recipients_missed(s, strrchr(s->key, '@') != NULL ? strrchr(s->key, '@') + 1 : "");
		return (0);
	}
	if (s->original[0] != '\0' && strcmp(s->original, new.dest) != 0)
		new.original = s->original;
	return (places_add(&s->to->places, &new));
}

/* Adds an address that is none of ours, of something that is sent.  0, or -1: no memory. */
static int
recipients_elsewhere(struct search *s)
{
	struct place	 new = { .kind = RCPT_RELAY, .notify = s->notify, .nexthop = s->open->nexthop, .dest = s->wire };

	if (strlen(s->wire) >= PROTO_ADDR_SIZE || s->open->nexthop == 0) {
		recipients_missed(s, "");
		return (0);
	}
	if (s->original[0] != '\0' && strcmp(s->original, s->wire) != 0)
		new.original = s->original;
	return (places_add(&s->to->places, &new));
}

/* The archive gets a copy of everything that goes to somebody, except for what goes straight into a folder. */
static int
recipients_archive(struct search *s)
{
	struct places	*ps = &s->to->places;
	const char	*archive = routes_archive();
	size_t		 i;

	for (i = 0; i < ps->n && (ps->list[i].kind == RCPT_REJECT || ps->list[i].kind == RCPT_DISCARD); i++)
		;
	if (i == ps->n || archive[0] == '\0' || (s->open->mode == DIST_OWNER && s->open->mailbox[0] != '\0'))
		return (0);
	s->notify = NOTIFY_NEVER;
	s->original[0] = '\0';
	s->key = archive;
	strlcpy(s->wire, archive, sizeof(s->wire));
	recipients_note(s->to, "archive %.200s", archive);
	errno = 0;
	if (route_lookup(routes_table(), archive, recipients_archived, s, NULL) == -1 && errno == ENOMEM)
		return (-1);
	return (s->error ? -1 : 0);
}

static int
recipients_archived(void *arg, const struct route_place *p)
{
	struct search	*s = arg;

	if (p->what == PLACE_ACCOUNT)
		s->error |= recipients_account(s, p) == -1;
	else if (p->what == PLACE_NEXTHOP)
		s->error |= recipients_onward(s, RCPT_RELAY, p) == -1;
	return (s->error);
}

/* A message that has come back goes into quarantine and nowhere else. */
static int
recipients_loop(const struct header *h, struct search *s)
{
	struct recipients	*to = s->to;
	uint32_t		 limit = routes_hop_limit();

	if (!h->toobig)			/* a header that is too big has fields of the mark that are not known yet */
		mark_make(routes_mark(), s->open->mailbox_id, &h->identity, to->mark);
	if (limit > 0 && h->hops > limit)
		recipients_reason(to, "a mail loop: there are more than %u Received fields", limit);
	else if (mark_found(h, to->mark))
		recipients_reason(to, "a mail loop: this message was retrieved from the same remote mailbox before");
	else
		return (0);
	to->loop = 1;
	to->fallback = 0;
	if (places_quarantine(&to->places, to->reason) == -1)
		return (-1);
	if (to->places.n > 0)
		return (0);
	if (recipients_postmaster(to, 1) == -1)
		return (-1);
	return (places_quarantine(&to->places, to->reason));
}

/* Adds the postmaster's normal delivery, besides the places that there are or in place of them. */
static int
recipients_postmaster(struct recipients *to, int only)
{
	if (only)
		places_clear(&to->places);
	if (recipients_fallback(to) == -1)
		return (-1);
	if (!to->places.full)
		return (0);
	places_clear(&to->places);
	return (recipients_fallback(to));
}

/* The postmaster's copy is known by the addresses, too: one about another address is another message. */
static int
recipients_fallback(struct recipients *to)
{
	const struct route_account	*postmaster = routes_postmaster();
	struct place			*p;
	char				 who[PROTO_DEST_SIZE], own[PROTO_ADDR_SIZE];

	if (places_account(&to->places, postmaster, "", NULL, NULL, NOTIFY_NEVER) == -1 ||
	    route_account_address(postmaster, own, sizeof(own)) == -1 || places_name(&to->places, own) == -1)
		return (-1);
	to->postmaster = to->places.last;
	if (to->places.full || to->missed.n == 0)
		return (0);
	p = &to->places.list[to->postmaster];
	free(p->who);
	return (missed_who(&to->missed, postmaster->dir, who, sizeof(who)) == -1 || (p->who = strdup(who)) == NULL ? -1 : 0);
}

/* Sets the reason, of which only printable ASCII gets through, although the administrator writes the names of fields in it. */
static void
recipients_reason(struct recipients *to, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	va_start(ap, fmt);
	vsnprintf(to->reason, sizeof(to->reason), fmt, ap);
	va_end(ap);
	for (p = to->reason; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	to->fallback = 1;
	recipients_note(to, "%s", to->reason);
}

/* The sender is the address of the first Return-Path that can be read; "<>" can. */
static void
recipients_sender(const struct header *h, struct recipients *to)
{
	struct mailaddr	 a;
	size_t		 i;
	int		 what = -1;

	for (i = 0; i < h->nfields && what == -1; i++)
		if (h->fields[i].kind == FIELD_RETURN_PATH)
			what = mailaddr_path(header_text(h, &h->fields[i]), h->fields[i].len, &a);
	if (what != 1 || mailaddr_format(&a, to->sender, sizeof(to->sender)) == -1)
		to->sender[0] = '\0';
}

/* Adds a line to the note; one that does not fit is left out. */
static void
recipients_note(struct recipients *to, const char *fmt, ...)
{
	char	 line[2 * NOTE_LINE], vis[4 * NOTE_LINE];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_vis(vis, sizeof(vis), line, strlen(line));
	strlcat(vis, "\n", sizeof(vis));
	(void)buf_add(&to->note, vis, strlen(vis));
}
