/* SPDX-License-Identifier: ISC */
/* One message between its arrival and its places: its file, its recipients, what the master is told about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

static const struct spool_id *message_id(const struct message *, uint32_t);
static int	 message_files(struct message *);
static int	 message_further(struct message *, uint32_t);
static int	 message_alike(const struct rcpt *, const struct rcpt *);
static int	 message_place(struct rcpt *, struct place *, char *, size_t);
static void	 message_copy(const struct message *, const struct rcpt *, uint8_t [PROTO_COPY_LEN]);

struct message *
message_new(struct session *s, uint32_t session, uint32_t msgno)
{
	struct message	*m;
	int		 saved;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	if ((m->fd = spool_create(&m->id, session, msgno)) == -1) {
		saved = errno;
		free(m);
		errno = saved;
		return (NULL);
	}
	m->session = s;
	m->links = 1;
	return (m);
}

/* Allocates so many recipients, all clear; nrcpt counts those that the caller has filled in.  0 or -1. */
int
message_recipients(struct message *m, uint32_t n)
{
	m->rcpts = n == 1 ? &m->single : calloc(n, sizeof(*m->rcpts));
	return (m->rcpts == NULL ? -1 : 0);
}

/*
 * Takes over what was decided.  Each Maildir is opened, and made if need be, before the message counts as taken.  Why it was decided
 * so is remembered if noted, or if there is not just a Maildir.  0, or -1 with the reason.
 */
int
message_decided(struct message *m, struct recipients *r, int noted, char *err, size_t errsize)
{
	struct places	*ps = &r->places;
	struct place	*p;
	struct rcpt	*rcpt;
	char		 step[64] = "";

	if (ps->n == 0 || ps->n > PROTO_RCPT_MAX || message_recipients(m, ps->n) == -1) {
		snprintf(err, errsize, "%zu recipients", ps->n);
		return (-1);
	}
	for (p = ps->list; p < ps->list + ps->n; p++) {
		rcpt = &m->rcpts[m->nrcpt++];
		if (message_place(rcpt, p, step, sizeof(step)) == -1) {
			spool_explain(p->dest, step, errno, err, errsize);
			return (-1);
		}
		rcpt->missed = r->fallback && r->missed.n > 0 && p == &ps->list[r->postmaster];
		noted |= p->kind != RCPT_MAILDIR;
	}
	m->fallback = r->fallback != 0;
	strlcpy(m->field, routes_unified_field(), sizeof(m->field));
	m->unfound = r->unfound != 0;
	strlcpy(m->client, r->client, sizeof(m->client));
	strlcpy(m->msgid, r->msgid, sizeof(m->msgid));
	if (message_files(m) == -1 || (m->sender = strdup(r->sender)) == NULL ||
	    (noted && (m->note = strndup((const char *)buf_data(&r->note), buf_len(&r->note))) == NULL)) {
		snprintf(err, errsize, "note: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

/*
 * Decides who has which file.  The message's own one is that of a recipient in whose file nothing is stripped, if there is such: best
 * without lines of his own.  He becomes the first recipient.  0, or -1: no memory.
 */
static int
message_files(struct message *m)
{
	struct rcpt	 first;
	struct rcpt	*r, *best = m->rcpts;
	uint32_t	 i;

	for (r = m->rcpts; r < m->rcpts + m->nrcpt; r++)
		if ((best->names != NULL) * 2 + best->missed > (r->names != NULL) * 2 + r->missed)
			best = r;
	first = *best;
	*best = m->rcpts[0];
	m->rcpts[0] = first;
	for (r = m->rcpts + 1; r < m->rcpts + m->nrcpt; r++) {
		if (message_alike(r, m->rcpts))
			continue;
		for (i = 0; i < m->nfurther && !message_alike(r, &m->rcpts[m->further[i].rcpt]); i++)
			;
		if (i == m->nfurther && message_further(m, (uint32_t)(r - m->rcpts)) == -1)
			return (-1);
		r->file = i + 1;
	}
	return (0);
}

/* One more further file, this recipient's.  0, or -1: no memory. */
static int
message_further(struct message *m, uint32_t rcpt)
{
	struct further	*f;

	if ((f = array_grow(m->further, m->nfurther, sizeof(*f))) == NULL)
		return (-1);
	m->further = f;
	f += m->nfurther++;
	memset(f, 0, sizeof(*f));
	f->rcpt = rcpt;
	f->fd = -1;
	buf_init(&f->top, SIZE_MAX);
	return (0);
}

/* Whether the same lines stand on top of the files of two recipients. */
static int
message_alike(const struct rcpt *a, const struct rcpt *b)
{
	if (a->missed != b->missed || (a->names == NULL) != (b->names == NULL))
		return (0);
	return (a->names == NULL || strcmp(a->names, b->names) == 0);
}

/* The parts of the name of a recipient's file. */
static const struct spool_id *
message_id(const struct message *m, uint32_t rcpt)
{
	return (m->nfurther == 0 || m->rcpts[rcpt].file == 0 ? &m->id : &m->further[m->rcpts[rcpt].file - 1].id);
}

int
message_final(struct message *m)
{
	return (spool_final(&m->id, 0, m->written, m->bare));
}

int
message_links(struct message *m, const char **step)
{
	struct further	*f;
	uint32_t	 i;

	for (i = 1; i < m->nrcpt; i++) {
		f = m->rcpts[i].file == 0 ? NULL : &m->further[m->rcpts[i].file - 1];
		if (f != NULL && !f->made) {
			if (further_make(m, f, step) == -1) {
				m->links += f->made != 0;
				return (-1);
			}
		} else {
			*step = "link";
			if (spool_link(message_id(m, i), f == NULL ? 0 : f->rcpt, i) == -1)
				return (-1);
		}
		m->links++;
	}
	return (0);
}

/* Fills in a recipient, who takes over the strings of the place.  0, or -1 and errno. */
static int
message_place(struct rcpt *rcpt, struct place *p, char *step, size_t stepsize)
{
	rcpt->kind = p->kind;
	rcpt->nexthop = p->nexthop;
	rcpt->notify = p->notify;
	rcpt->who = p->who;
	rcpt->original = p->original;
	p->who = p->original = NULL;
	if (buf_len(&p->names) > 0 && (rcpt->names = strndup((const char *)buf_data(&p->names), buf_len(&p->names))) == NULL) {
		strlcpy(step, "note", stepsize);
		return (-1);
	}
	if (p->kind == RCPT_MAILDIR)
		return ((rcpt->dir = maildir_get(p->dest, step, stepsize)) == NULL ? -1 : 0);
	rcpt->dest = p->dest;
	rcpt->reason = p->reason;
	p->dest = p->reason = NULL;
	return (0);
}

void
message_free(struct message *m)
{
	struct further	*f;
	struct rcpt	*r;

	if (m->fd != -1)
		close(m->fd);
	for (f = m->further; f != NULL && f < m->further + m->nfurther; f++) {
		if (f->fd != -1)
			close(f->fd);
		buf_free(&f->top);
	}
	free(m->further);
	for (r = m->rcpts; r != NULL && r < m->rcpts + m->nrcpt; r++) {
		if (r->dir != NULL)
			maildir_release(r->dir);
		free(r->dest);
		free(r->original);
		free(r->reason);
		free(r->who);
		free(r->names);
	}
	if (m->rcpts != &m->single)
		free(m->rcpts);
	free(m->sender);
	free(m->note);
	free(m);
}

void
message_drop(struct message *m)
{
	uint32_t	 i;

	for (i = m->links; i-- > 0;)
		spool_unlink(message_id(m, i), i);
	message_free(m);
}

void
message_writeback(struct message *m)
{
	if (m->written > m->started)
		sync_start(m->fd, m->started, m->written - m->started);
	m->started = m->written;
}

/* Sends a message's receipt, its note and its recipients. */
void
message_receipt(const struct message *m)
{
	struct msg_receipt	 receipt;
	struct msg_receipt_note		 note;
	struct msg_rcpt		 rcpt;
	const struct rcpt	*r;
	uint32_t		 i;

	memset(&receipt, 0, sizeof(receipt));
	receipt.session = m->id.session;
	receipt.msgno = m->id.msgno;
	receipt.recipients = m->nrcpt;
	receipt.fallback = m->fallback;
	receipt.unfound = m->unfound;
	receipt.octets = m->octets;
	receipt.noted = m->note != NULL;
	memcpy(receipt.digest, m->digest, sizeof(receipt.digest));
	memcpy(receipt.fingerprint, m->fingerprint, sizeof(receipt.fingerprint));
	memcpy(receipt.identity, m->identity, sizeof(receipt.identity));
	strlcpy(receipt.msgid, m->msgid, sizeof(receipt.msgid));
	strlcpy(receipt.sender, m->sender != NULL ? m->sender : "", sizeof(receipt.sender));
	master_send(IMSG_RECEIPT, &receipt, sizeof(receipt));
	if (m->note != NULL) {
		memset(&note, 0, sizeof(note));
		strlcpy(note.note, m->note, sizeof(note.note));
		strlcpy(note.client, m->client, sizeof(note.client));
		master_send(IMSG_RECEIPT_NOTE, &note, sizeof(note));
	}
	for (i = 0; i < m->nrcpt; i++) {
		r = &m->rcpts[i];
		memset(&rcpt, 0, sizeof(rcpt));
		rcpt.kind = r->kind;
		rcpt.nexthop = r->nexthop;
		rcpt.notify = r->notify;
		rcpt.named = r->names != NULL;
		spool_name(message_id(m, i), i, rcpt.link, sizeof(rcpt.link));
		strlcpy(rcpt.dest, r->kind == RCPT_MAILDIR ? maildir_path(r->dir) : r->dest, sizeof(rcpt.dest));
		strlcpy(rcpt.original, r->original != NULL ? r->original : "", sizeof(rcpt.original));
		strlcpy(rcpt.reason, r->reason != NULL ? r->reason : "", sizeof(rcpt.reason));
		message_copy(m, r, rcpt.copy);
		HOOK_DEST(rcpt.dest, sizeof(rcpt.dest));
		master_send(IMSG_RECEIPT_RCPT, &rcpt, sizeof(rcpt));
	}
}

/*
 * The digest that a message and one recipient are known by, so that copies are found.  Mail for an account is the same whether it
 * goes to the account's Maildir or to its next hop, and by which of its addresses; but for a unified account's, where each of them
 * looks for its own.
 */
static void
message_copy(const struct message *m, const struct rcpt *r, uint8_t copy[PROTO_COPY_LEN])
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	uint8_t			 digest[SHA256_DIGEST_LENGTH], kind = RCPT_MAILDIR;
	const char		*who = r->who;
	SHA2_CTX		 ctx;

	if (who == NULL && r->names != NULL)
		who = r->kind == RCPT_MAILDIR ? maildir_path(r->dir) : r->dest;
	if (who == NULL || memcmp(m->identity, none, sizeof(none)) == 0)
		return;
	SHA256Init(&ctx);
	SHA256Update(&ctx, m->identity, sizeof(m->identity));
	SHA256Update(&ctx, &kind, sizeof(kind));
	SHA256Update(&ctx, (const uint8_t *)who, strlen(who));
	if (r->names != NULL)
		SHA256Update(&ctx, (const uint8_t *)r->names, strlen(r->names) + 1);
	SHA256Final(digest, &ctx);
	memcpy(copy, digest, PROTO_COPY_LEN);
}

/*
 * Carries out a verdict for each recipient: links that nobody gets are removed, those of Maildirs are to be moved, the others stay,
 * as does every link that is held for somebody whose own one was missing.
 */
void
message_decide(struct message *m, const uint8_t *verdicts)
{
	struct rcpt	*r;
	uint32_t	 i;

	for (i = m->nrcpt; i-- > 0;) {
		if (verdicts[i] == COMMIT_DELIVER)
			continue;
		r = &m->rcpts[i];
		if (verdicts[i] == COMMIT_DISCARD) {
			HOOK("deliverer.discard");
			spool_unlink(message_id(m, i), i);
		}
		if (r->dir != NULL)
			maildir_release(r->dir);
		r->dir = NULL;
	}
}

/* Moves the links that were not moved yet.  0, or -1 and errno: at least one could not be moved. */
int
message_move(struct message *m)
{
	struct rcpt	*r;
	char		 name[PROTO_LINK_SIZE];
	uint32_t	 i;
	int		 n, error = 0;

	for (i = 0; i < m->nrcpt; i++) {
		r = &m->rcpts[i];
		if (r->dir == NULL)
			continue;
		spool_name(message_id(m, i), i, name, sizeof(name));
		HOOK("deliverer.rename");
		if ((n = maildir_take(r->dir, name)) == -1) {
			error = errno;
			continue;
		}
		if (n == 0 && !maildir_has(maildir_path(r->dir), name)) {
			log_warnx("%s/%s: gone before it was delivered", SPOOL_DIR, name);
			master_missing(name);
		}
		maildir_release(r->dir);
		r->dir = NULL;
	}
	errno = error;
	return (error == 0 ? 0 : -1);
}
