/* SPDX-License-Identifier: ISC */
/* What the protocol engine finds out becomes messages to the master and to the deliverer. */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "fetcher.h"

static void	 event_stat(void *, uint32_t, uint64_t, int);
static void	 event_uid(void *, uint32_t, const uint8_t *, size_t);
static void	 event_listed(void *, uint32_t, enum listing);
static void	 event_skipped(void *, uint32_t, enum fail_why, const char *);
static void	 event_denied(void *, uint32_t, enum fail_why, const char *);
static void	 event_deleted(void *, uint32_t);
static void	 event_begin(void *, uint32_t, uint32_t, int);
static void	 event_data(void *, const uint8_t *, size_t);
static void	 event_end(void *, uint32_t, uint64_t, const uint8_t *, const uint8_t *);
static void	 event_fingerprint(void *, uint32_t, const uint8_t *);
static void	 event_fingerprinted(void *);
static void	 sizes_send(struct session *);
static void	 event_text(struct session *, enum imsg_type, uint32_t, enum fail_why, const char *);
static uint8_t	*frame_room(struct session *, struct frame *, enum imsg_type, size_t);
static void	 frame_send(struct session *, struct frame *);

const struct pop3_ops events_ops = {
	.stat = event_stat,
	.uid = event_uid,
	.listed = event_listed,
	.skipped = event_skipped,
	.denied = event_denied,
	.deleted = event_deleted,
	.begin = event_begin,
	.data = event_data,
	.end = event_end,
	.fingerprint = event_fingerprint,
	.fingerprinted = event_fingerprinted
};

/* Sends the frames that are under construction. */
void
events_flush(struct session *s)
{
	frame_send(s, &s->uids);
	frame_send(s, &s->fingerprints);
	frame_send(s, &s->deleted);
}

static void
event_stat(void *arg, uint32_t count, uint64_t octets, int has_uidl)
{
	struct session		*s = arg;
	struct msg_fetch_stat	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.count = count;
	msg.octets = octets;
	msg.has_uidl = (uint32_t)has_uidl;
	msg.has_top = s->pop3.caps & (CAPA_TOP | CAPA_NONE_AT_ALL) ? 1 : 0;
	msg.login_delay = s->pop3.offer.login_delay;
	msg.expire = s->pop3.offer.expire;
	msg.capa_uidl = s->pop3.caps & CAPA_UIDL ? 1 : 0;
	if (!has_uidl)
		strlcpy(msg.refusal, s->pop3.uidl, sizeof(msg.refusal));
	strlcpy(msg.mech, auth_mech_str(s->pop3.login.mech), sizeof(msg.mech));
	strlcpy(msg.tls, s->conn.version, sizeof(msg.tls));
	if (s->pop3.offer.list[0] != '\0')
		(void)login_offered(&s->pop3, msg.offered, sizeof(msg.offered));
	outq_send(&s->master, IMSG_FETCH_STAT, &msg, sizeof(msg));
}

static void
event_uid(void *arg, uint32_t msgno, const uint8_t *uid, size_t len)
{
	struct session	*s = arg;
	uint8_t		*p, len8 = (uint8_t)len;

	p = frame_room(s, &s->uids, IMSG_FETCH_UIDS, sizeof(msgno) + 1 + len);
	memcpy(p, &msgno, sizeof(msgno));
	memcpy(p + sizeof(msgno), &len8, 1);
	memcpy(p + sizeof(msgno) + 1, uid, len);
}

static void
event_listed(void *arg, uint32_t lines, enum listing state)
{
	struct session		*s = arg;
	struct msg_fetch_listed	 msg;

	frame_send(s, &s->uids);
	sizes_send(s);
	memset(&msg, 0, sizeof(msg));
	msg.lines = lines;
	msg.state = state;
	msg.derived = s->pop3.derived;
	outq_send(&s->master, IMSG_FETCH_LISTED, &msg, sizeof(msg));
	s->state = SESSION_PLAN;
}

static void
event_skipped(void *arg, uint32_t msgno, enum fail_why why, const char *text)
{
	event_text(arg, IMSG_FETCH_SKIPPED, msgno, why, text);
}

static void
event_denied(void *arg, uint32_t msgno, enum fail_why why, const char *text)
{
	event_text(arg, IMSG_FETCH_DENIED, msgno, why, text);
}

static void
event_deleted(void *arg, uint32_t msgno)
{
	struct session	*s = arg;

	memcpy(frame_room(s, &s->deleted, IMSG_FETCH_DELETED, sizeof(msgno)), &msgno, sizeof(msgno));
}

static void
event_begin(void *arg, uint32_t msgno, uint32_t size, int headers)
{
	struct session	*s = arg;
	struct msg_begin msg;

	memset(&msg, 0, sizeof(msg));
	msg.msgno = msgno;
	msg.size = size;
	msg.headers = (uint32_t)headers;
	outq_send(&s->pipe, IMSG_MSG_BEGIN, &msg, sizeof(msg));
	s->begun = msgno;
	HOOK("fetcher.begin");
}

static void
event_data(void *arg, const uint8_t *data, size_t len)
{
	struct session	*s = arg;

	outq_send(&s->pipe, IMSG_MSG_DATA, data, len);
	HOOK("fetcher.data");
}

static void
event_end(void *arg, uint32_t msgno, uint64_t octets, const uint8_t *digest, const uint8_t *fingerprint)
{
	struct session	*s = arg;
	struct msg_end	 msg;

	HOOK("fetcher.end");
	memset(&msg, 0, sizeof(msg));
	msg.msgno = msgno;
	msg.octets = octets;
	memcpy(msg.digest, digest, sizeof(msg.digest));
	memcpy(msg.fingerprint, fingerprint, sizeof(msg.fingerprint));
	outq_send(&s->pipe, IMSG_MSG_END, &msg, sizeof(msg));
	s->begun = 0;
}

/*
 * A fingerprint.  The last frame of them stays until all are known to be in step, because the master makes its next plan when it
 * has all.
 */
static void
event_fingerprint(void *arg, uint32_t msgno, const uint8_t *fingerprint)
{
	struct session	*s = arg;
	uint8_t		*p = frame_room(s, &s->fingerprints, IMSG_FETCH_FINGERPRINTS, sizeof(msgno) + PROTO_DIGEST_LEN);

	memcpy(p, &msgno, sizeof(msgno));
	memcpy(p + sizeof(msgno), fingerprint, PROTO_DIGEST_LEN);
}

static void
event_fingerprinted(void *arg)
{
	struct session	*s = arg;

	frame_send(s, &s->fingerprints);
	s->state = SESSION_PLAN;
}

/* Sends the sizes of all messages that LIST has told, if LIST was asked. */
static void
sizes_send(struct session *s)
{
	uint32_t	 i, *sizes = s->pop3.sizes;
	uint8_t		*p;

	for (i = 1; i <= s->pop3.count && sizes != NULL; i++) {
		if (sizes[i] == 0)
			continue;
		p = frame_room(s, &s->uids, IMSG_FETCH_SIZES, 2 * sizeof(i));
		memcpy(p, &i, sizeof(i));
		memcpy(p + sizeof(i), &sizes[i], sizeof(i));
	}
	frame_send(s, &s->uids);
}

static void
event_text(struct session *s, enum imsg_type type, uint32_t msgno, enum fail_why why, const char *text)
{
	struct msg_fetch_text	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.msgno = msgno;
	msg.why = why;
	strlcpy(msg.text, text, sizeof(msg.text));
	outq_send(&s->master, type, &msg, sizeof(msg));
}

/* Room for len octets at the end of a frame, which is sent first if it has none left. */
static uint8_t *
frame_room(struct session *s, struct frame *f, enum imsg_type type, size_t len)
{
	uint8_t	*p;

	if (len > sizeof(f->data) - f->len)
		frame_send(s, f);
	f->type = type;
	p = f->data + f->len;
	f->len += len;
	return (p);
}

static void
frame_send(struct session *s, struct frame *f)
{
	if (f->len == 0)
		return;
	outq_send(&s->master, f->type, f->data, f->len);
	f->len = 0;
}
