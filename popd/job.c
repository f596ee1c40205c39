/* SPDX-License-Identifier: ISC */
/*
 * Answers that may not fit into the output buffer: listings, messages, and what the mailbox is told at QUIT.  A session has one of
 * them at a time; job_step() does what there is room for.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/hook.h"
#include "common/log.h"
#include "popd.h"
#include "surrogate.h"

#define FILE_BUF	65536	/* octets of a message that are read at once */
#define LISTED_MAX	96	/* octets of a line of LIST or UIDL */
#define DELETE_QUEUE	16	/* messages to the mailbox that may wait for it */
#define DELETE_FRAME	(PROTO_FRAME_MAX / sizeof(uint32_t))

static int	 step_listing(struct session *);
static int	 head_look(struct session *);
static int	 head_make(struct job *, const uint8_t *, size_t);
static int	 head_long(struct session *);
static int	 step_send(struct session *);
static int	 send_read(struct session *);
static void	 send_end(struct session *);
static int	 step_delete(struct session *);
static size_t	 count(uint8_t *, size_t);
static void	 job_message(struct session *, const struct msg_box_message *, int);
static size_t	 digits(uint8_t *, uint64_t);

static uint8_t	 file_buf[FILE_BUF];

/* LIST or UIDL of all messages. */
void
job_listing(struct session *s, enum job_kind kind)
{
	reply_ok(&session_out, "%u message%s", s->listing.left, PLURAL(s->listing.left));
	s->job.kind = kind;
	s->job.msgno = 1;
}

/* RETR, or TOP with so many lines. */
void
job_fetch(struct session *s, uint32_t msgno, int top, uint64_t lines)
{
	uint32_t	 ask[AHEAD];
	size_t		 i, n;

	s->job.kind = JOB_FETCH;
	s->job.msgno = msgno;
	s->job.top = top;
	s->job.lines = lines;
	HOOK("popd.fetch");
	n = ahead_want(&s->ahead, &s->listing, msgno, ask);
	for (i = 0; i < n; i++)
		channel_put(&s->box, IMSG_BOX_FETCH, &ask[i], sizeof(ask[i]));
	channel_flush(&s->box);
	job_arrived(s);
}

/* Goes on if the message that the client waits for is here. */
void
job_arrived(struct session *s)
{
	struct msg_box_message	 m;
	int			 fd;

	if (s->job.kind == JOB_FETCH && ahead_get(&s->ahead, s->job.msgno, &m, &fd))
		job_message(s, &m, fd);
}

/* The mailbox has answered, with the message's file if there is no error. */
static void
job_message(struct session *s, const struct msg_box_message *m, int fd)
{
	struct job	*j = &s->job;

	if (m->error != 0) {
		j->kind = JOB_NONE;
		if (m->error == ENOENT)
			reply_err(&session_out, POP_CODE_NONE, "message %u is gone", m->msgno);
		else
			reply_err(&session_out, POP_CODE_SYS_TEMP, "message %u cannot be read", m->msgno);
		return;
	}
	j->kind = JOB_SEND;
	j->fd = fd;
	j->at = 0;
	j->end = m->file_octets;
	j->announced = m->octets;
	j->off = j->len = 0;
	retr_begin(&j->retr, j->top, j->lines);
	if (!s->utf8 && j->end > 0 && head_look(s) == -1)
		return;
	if (j->top)
		reply_ok(&session_out, "the beginning of message %u follows", m->msgno);
	else
		reply_ok(&session_out, "%llu octets", (unsigned long long)j->announced);
}

/* QUIT: the mailbox deletes, as soon as it has heard of everything that went out. */
void
job_update(struct session *s)
{
	s->state = POP_UPDATE;
	s->job.kind = JOB_DELETE;
	s->job.msgno = 1;
}

/* Goes on with what is not complete.  1: something was done. */
int
job_step(struct session *s)
{
	int	 done = 0;

	switch (s->job.kind) {
	case JOB_LIST:
	case JOB_UIDL:
		done = step_listing(s);
		break;
	case JOB_SEND:
		done = step_send(s);
		break;
	case JOB_DELETE:
		return (step_delete(s));
	case JOB_FETCH:
	case JOB_NONE:
		return (0);
	}
	if (s->job.kind == JOB_NONE && s->lost)
		session_end(s, POP_END_FAILED);
	return (done);
}

static int
step_listing(struct session *s)
{
	const uint8_t	*uid = NULL;
	uint8_t		*p, number[20];
	size_t		 n, len = 0, numlen = digits(number, s->job.msgno);
	uint32_t	*i = &s->job.msgno, before = *i;

	for (; *i <= s->listing.n && out_room(&session_out) >= LISTED_MAX; (*i)++, numlen = count(number, numlen)) {
		if (s->job.kind == JOB_UIDL)
			uid = listing_next(&s->listing, *i, uid, &len);
		if (listing_deleted(&s->listing, *i))
			continue;
		p = out_space(&session_out);
		memcpy(p, number, n = numlen);
		p[n++] = ' ';
		if (s->job.kind == JOB_LIST)
			n += digits(p + n, listing_size(&s->listing, *i));
		else {
			memcpy(p + n, uid, len);
			n += len;
		}
		memcpy(p + n, "\r\n", 2);
		out_added(&session_out, n + 2);
	}
	if (*i > s->listing.n && out_room(&session_out) >= LISTED_MAX) {
		reply_line(&session_out, ".");
		s->job.kind = JOB_NONE;
		return (1);
	}
	return (*i != before);
}

/* One more than the number that these digits are.  Returns how many they are then. */
static size_t
count(uint8_t *number, size_t len)
{
	size_t	 i = len;

	while (i > 0 && number[i - 1] == '9')
		number[--i] = '0';
	if (i > 0) {
		number[i - 1]++;
		return (len);
	}
	number[0] = '1';
	number[len] = '0';
	return (len + 1);
}

/* Writes a number to where there is room for 20 digits, two of them at a time.  Returns how many they are. */
static size_t
digits(uint8_t *p, uint64_t n)
{
	static const char	 pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
	uint8_t			 text[20];
	size_t			 i = sizeof(text);

	for (; n >= 10; n /= 100)
		memcpy(text + (i -= 2), pairs + n % 100 * 2, 2);
	if (n > 0 || i == sizeof(text))
		text[--i] = (uint8_t)('0' + n);
	memcpy(p, text + i, sizeof(text) - i);
	return (sizeof(text) - i);
}

/*
 * A client that did not say UTF8 gets a surrogate of a header in UTF-8 (RFC 6856 section 2.1), or hears that it does not get the
 * message; the octets that are announced are those that go out.  0, or -1: the message does not go out.
 */
static int
head_look(struct session *s)
{
	struct job	*j = &s->job;
	size_t		 len;
	int		 rc = 0;

	if (send_read(s) == -1)
		return (-1);
	switch (surrogate_look(file_buf, j->len, j->at == j->end, &len)) {
	case SURROGATE_NONE:
		return (0);
	case SURROGATE_NEEDED:
		rc = head_make(j, file_buf, len);
		j->off = len;
		break;
	case SURROGATE_MORE:
		rc = head_long(s);
		break;
	}
	if (rc == -1) {
		buf_free(&j->head);
		close(j->fd);
		j->kind = JOB_NONE;
		reply_err(&session_out, POP_CODE_NONE, "[UTF8] message %u has a header that is too long for ASCII", j->msgno);
	}
	return (rc);
}

/* The first octets of the file are a header: what goes out in their place is made.  0, or -1: there is too much of it. */
static int
head_make(struct job *j, const uint8_t *p, size_t len)
{
	buf_init(&j->head, SURROGATE_MAX);
	if (surrogate_make(&j->head, p, len) == -1)
		return (-1);
	j->announced = j->announced - retr_size(p, len) + retr_size(buf_data(&j->head), buf_len(&j->head));
	return (0);
}

/* A header that the buffer does not hold.  0, or -1: it is in UTF-8, and too long. */
static int
head_long(struct session *s)
{
	struct job		*j = &s->job;
	uint8_t			*p = malloc(SURROGATE_LOOK);
	enum surrogate_look	 look;
	size_t			 len, n = 0, want = j->end < SURROGATE_LOOK ? (size_t)j->end : SURROGATE_LOOK;
	ssize_t			 r = 1;
	int			 rc = 0;

	while (p != NULL && n < want && (r = pread(j->fd, p + n, want - n, (off_t)n)) > 0)
		n += (size_t)r;
	if (p == NULL || (look = surrogate_look(p, n, n == j->end, &len)) == SURROGATE_MORE)
		rc = p != NULL && coder_ascii(p, n) ? 0 : -1;
	else if (look == SURROGATE_NEEDED) {
		rc = head_make(j, p, len);
		j->at = len;
		j->off = j->len = 0;
	}
	free(p);
	return (rc);
}

/*
 * Converts as much of the message as there is room for.  What is retrieved whole is noted with its place in what goes out; where
 * there is no room for the note, others go out first.
 */
static int
step_send(struct session *s)
{
	struct job	*j = &s->job;
	uint64_t	 before = session_out.made;
	const uint8_t	*p;
	size_t		 made, n, read, head;

	while (out_room(&session_out) >= OUT_COMMAND) {
		head = buf_len(&j->head);
		if (head == 0 && j->off == j->len && j->at < j->end && !retr_enough(&j->retr) && send_read(s) == -1)
			return (1);
		p = head > 0 ? buf_data(&j->head) : file_buf + j->off;
		n = head > 0 ? head : j->len - j->off;
		if (n == 0 || retr_enough(&j->retr)) {
			if (s->nseen == SEEN_MAX)
				break;
			send_end(s);
			return (1);
		}
		read = retr_convert(&j->retr, p, n, out_space(&session_out), out_room(&session_out), &made);
		if (head > 0)
			buf_consume(&j->head, read);
		else
			j->off += read;
		out_added(&session_out, made);
	}
	return (session_out.made != before);
}

/*
 * Reads on in the file.  0, or -1: it has become shorter, or cannot be read; a message that is not whole must not look as if it
 * were.
 */
static int
send_read(struct session *s)
{
	struct job	*j = &s->job;
	uint64_t	 left = j->end - j->at;
	ssize_t		 n;

	n = pread(j->fd, file_buf, left < sizeof(file_buf) ? (size_t)left : sizeof(file_buf), (off_t)j->at);
	if (n <= 0) {
		if (n == -1)
			log_warn("POP %u: message %u", s->start.session, j->msgno);
		else
			log_warnx("POP %u: message %u has become shorter while it was read", s->start.session, j->msgno);
		close(j->fd);
		session_end(s, POP_END_FAILED);
		return (-1);
	}
	j->at += (uint64_t)n;
	j->off = 0;
	j->len = (size_t)n;
	return (0);
}

/* The message is in the output buffer, up to its end. */
static void
send_end(struct session *s)
{
	struct job	*j = &s->job;

	out_added(&session_out, retr_end(&j->retr, out_space(&session_out)));
	close(j->fd);
	buf_free(&j->head);
	HOOK("popd.sent");
	j->kind = JOB_NONE;
	if (j->top) {
		s->told.topped++;
		return;
	}
	if (retr_octets(&j->retr) != j->announced)
		log_warnx("POP %u: message %u has %llu octets, not %llu as the mailbox said", s->start.session, j->msgno,
		    (unsigned long long)retr_octets(&j->retr), (unsigned long long)j->announced);
	s->seen[s->nseen].msgno = j->msgno;
	s->seen[s->nseen++].at = session_out.made;
}

/* Tells the mailbox what is to be deleted, not faster than it hears. */
static int
step_delete(struct session *s)
{
	static uint32_t	 msgno[DELETE_FRAME];
	uint32_t	*i = &s->job.msgno;
	size_t		 n;

	if (out_waiting(&session_out) > 0)
		return (0);
	if (!s->box.open) {
		session_lost(s);
		return (1);
	}
	while (*i <= s->listing.n) {
		if (imsgbuf_queuelen(&s->box.ibuf) >= DELETE_QUEUE)
			return (0);
		for (n = 0; n < nitems(msgno) && *i <= s->listing.n; (*i)++)
			if (listing_deleted(&s->listing, *i))
				msgno[n++] = *i;
		if (n > 0)
			channel_send(&s->box, IMSG_BOX_DELETE, msgno, n * sizeof(msgno[0]));
	}
	HOOK("popd.quit");
	channel_send(&s->box, IMSG_BOX_QUIT, NULL, 0);
	s->job.kind = JOB_NONE;
	return (1);
}

/* Gives the buffer back to the system. */
void
job_release(void)
{
	heap_release(file_buf, sizeof(file_buf));
}
