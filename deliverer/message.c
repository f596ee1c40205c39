/* SPDX-License-Identifier: ISC */
/* One message between its arrival and its places: its file, its recipients, what the master is told about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

static const struct spool_id *message_id(const struct message *, uint32_t);
static void	 message_last(struct places *, size_t);
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
	m->own_fd = -1;
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
 * Takes over what was decided.  Each Maildir is opened, and made if need be, before the message counts as taken.  The decision is
 * remembered if noted, or if it is not just a Maildir.  0, or -1 with the reason.
 */
int
message_decided(struct message *m, struct recipients *r, int noted, char *err, size_t errsize)
{
	struct places	*ps = &r->places;
	struct place	*p;
	char		 step[64] = "";

	if (ps->n == 0 || ps->n > PROTO_RCPT_MAX || message_recipients(m, ps->n) == -1) {
		snprintf(err, errsize, "%zu recipients", ps->n);
		return (-1);
	}
	if (r->fallback)
		message_last(ps, r->postmaster);
	for (p = ps->list; p < ps->list + ps->n; p++) {
		if (message_place(&m->rcpts[m->nrcpt], p, step, sizeof(step)) == -1) {
			spool_explain(p->dest, step, errno, err, errsize);
			return (-1);
		}
		m->nrcpt++;
		noted |= p->kind != RCPT_MAILDIR;
	}
	m->fallback = r->fallback != 0;
	m->unfound = r->unfound != 0;
	strlcpy(m->client, r->client, sizeof(m->client));
	if (noted && ((m->sender = strdup(r->sender)) == NULL ||
	    (m->note = strndup((const char *)buf_data(&r->note), buf_len(&r->note))) == NULL)) {
		snprintf(err, errsize, "note: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

/* Moves the postmaster to the end of the list: if his file is his own, the others are links of the first one. */
static void
message_last(struct places *ps, size_t i)
{
	struct place	 p = ps->list[i];

	ps->list[i] = ps->list[ps->n - 1];
	ps->list[ps->n - 1] = p;
}

/* The parts of the name of a recipient's file. */
static const struct spool_id *
message_id(const struct message *m, uint32_t rcpt)
{
	return (rcpt != 0 && rcpt == m->own ? &m->own_id : &m->id);
}

int
message_own(struct message *m)
{
	if ((m->own_fd = spool_own(&m->id, m->nrcpt - 1, &m->own_id)) == -1)
		return (-1);
	m->own = m->nrcpt - 1;
	HOOK("deliverer.own");
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
	p->who = NULL;
	if (p->kind == RCPT_MAILDIR)
		return ((rcpt->dir = maildir_get(p->dest, step, stepsize)) == NULL ? -1 : 0);
	rcpt->dest = p->dest;
	rcpt->original = p->original;
	rcpt->reason = p->reason;
	p->dest = p->original = p->reason = NULL;
	return (0);
}

void
message_free(struct message *m)
{
	struct rcpt	*r;

	if (m->fd != -1)
		close(m->fd);
	if (m->own_fd != -1)
		close(m->own_fd);
	for (r = m->rcpts; r != NULL && r < m->rcpts + m->nrcpt; r++) {
		if (r->dir != NULL)
			maildir_release(r->dir);
		free(r->dest);
		free(r->original);
		free(r->reason);
		free(r->who);
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
	if (m->own != 0)
		spool_unlink(&m->own_id, m->own);
	spool_remove(&m->id, m->own != 0 && m->links > m->own ? m->own : m->links);
	message_free(m);
}

void
message_writeback(struct message *m)
{
	if (m->written > m->started) {
		sync_start(m->fd, m->started, m->written - m->started);
		if (m->own_fd != -1)
			sync_start(m->own_fd, m->started, m->written - m->started);
	}
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
	master_send(IMSG_RECEIPT, &receipt, sizeof(receipt));
	if (m->note != NULL) {
		memset(&note, 0, sizeof(note));
		strlcpy(note.sender, m->sender != NULL ? m->sender : "", sizeof(note.sender));
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
 * goes to the account's Maildir or to its next hop, and by which of its addresses.
 */
static void
message_copy(const struct message *m, const struct rcpt *r, uint8_t copy[PROTO_COPY_LEN])
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	uint8_t			 digest[SHA256_DIGEST_LENGTH], kind = RCPT_MAILDIR;
	SHA2_CTX		 ctx;

	if (r->who == NULL || memcmp(m->identity, none, sizeof(none)) == 0)
		return;
	SHA256Init(&ctx);
	SHA256Update(&ctx, m->identity, sizeof(m->identity));
	SHA256Update(&ctx, &kind, sizeof(kind));
	SHA256Update(&ctx, (const uint8_t *)r->who, strlen(r->who));
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
