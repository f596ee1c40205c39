/* SPDX-License-Identifier: ISC */
/* The commands of TRANSACTION (RFC 1939 sections 5 to 7), and QUIT. */
#include <sys/types.h>

#include "common/log.h"
#include "popd.h"

static int	 message_there(struct session *, uint64_t);

/* Whether there is a message of this number that is not marked as deleted; the client is told if not. */
static int
message_there(struct session *s, uint64_t msgno)
{
	if (!listing_has(&s->listing, msgno)) {
		reply_err(&session_out, POP_CODE_NONE, "no such message, there are %u", s->listing.n);
		return (0);
	}
	if (listing_deleted(&s->listing, (uint32_t)msgno)) {
		reply_err(&session_out, POP_CODE_NONE, "message %u is deleted", (uint32_t)msgno);
		return (0);
	}
	return (1);
}

void
pop3_stat(struct session *s, const struct args *a __unused)
{
	reply_ok(&session_out, "%u %llu", s->listing.left, (unsigned long long)s->listing.octets);
}

void
pop3_list(struct session *s, const struct args *a)
{
	if (a->n == 0)
		job_listing(s, JOB_LIST);
	else if (message_there(s, a->msgno))
		reply_ok(&session_out, "%u %llu", (uint32_t)a->msgno,
		    (unsigned long long)listing_size(&s->listing, (uint32_t)a->msgno));
}

void
pop3_uidl(struct session *s, const struct args *a)
{
	const uint8_t	*uid;
	size_t		 len;

	if (a->n == 0)
		job_listing(s, JOB_UIDL);
	else if (message_there(s, a->msgno)) {
		uid = listing_uid(&s->listing, (uint32_t)a->msgno, &len);
		reply_ok(&session_out, "%u %.*s", (uint32_t)a->msgno, (int)len, (const char *)uid);
	}
}

void
pop3_retr(struct session *s, const struct args *a)
{
	if (message_there(s, a->msgno))
		job_fetch(s, (uint32_t)a->msgno, 0, 0);
}

void
pop3_top(struct session *s, const struct args *a)
{
	if (message_there(s, a->msgno))
		job_fetch(s, (uint32_t)a->msgno, 1, a->lines);
}

void
pop3_dele(struct session *s, const struct args *a)
{
	if (!message_there(s, a->msgno))
		return;
	if ((s->opened.rights & POP_RIGHT_DELETE) == 0) {
		reply_err(&session_out, POP_CODE_NONE, "you may not delete messages in this mailbox");
		return;
	}
	listing_delete(&s->listing, (uint32_t)a->msgno);
	reply_ok(&session_out, "message %u deleted", (uint32_t)a->msgno);
}

void
pop3_noop(struct session *s __unused, const struct args *a __unused)
{
	reply_ok(&session_out, "nothing done");
}

void
pop3_rset(struct session *s, const struct args *a __unused)
{
	listing_reset(&s->listing);
	reply_ok(&session_out, "%u message%s (%llu octets)", s->listing.left, PLURAL(s->listing.left),
	    (unsigned long long)s->listing.octets);
}

/* Behind the login the mailbox deletes what was marked, and the answer is what came of that. */
void
pop3_quit(struct session *s, const struct args *a __unused)
{
	if (s->state == POP_TRANSACTION) {
		job_update(s);
		return;
	}
	reply_ok(&session_out, "bye");
	session_end(s, POP_END_QUIT);
}
