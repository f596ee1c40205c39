/* SPDX-License-Identifier: ISC */
/* Mail from us to an account: what its owner or the postmaster should hear of without looking for it. */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/log.h"
#include "rpopd.h"

#define NOTICE_PAUSE	86400000	/* ms between two notices about the same thing */
#define NOTICES_MAX	1024		/* remembered */

struct notice {
	TAILQ_ENTRY(notice)	 entry;
	uint32_t		 account;
	int64_t			 sent;
	char			 subject[PROTO_TEXT_SIZE];
};

static int	 notice_due(uint32_t, const char *);
static void	 notice_clean(char *, int);

/* The last sent first. */
static TAILQ_HEAD(notices, notice)	 notices = TAILQ_HEAD_INITIALIZER(notices);
static size_t				 nnotices;

/*
 * Write to the account's inbox, at most once a day about one subject.  record ("account/name") may be NULL.  What comes from
 * outside must be vis-encoded by the caller; lines of the text end in \n.  Nothing depends on it: without a deliverer there is
 * a line in the log only.
 */
void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	struct child		*c = master.current[ROLE_DELIVERER];
	struct msg_notice	 m;
	va_list			 ap;

	memset(&m, 0, sizeof(m));
	m.account = account;
	strlcpy(m.record, record != NULL ? record : "", sizeof(m.record));
	strlcpy(m.subject, subject, sizeof(m.subject));
	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	notice_clean(m.record, 0);
	notice_clean(m.subject, 0);
	notice_clean(m.text, 1);
	if (account == 0 || c == NULL || !c->ready) {
		log_info("%s%snotice not sent: %s", m.record, m.record[0] != '\0' ? ": " : "", m.subject);
		return;
	}
	if (!notice_due(account, m.subject))
		return;
	link_send(&c->link, IMSG_NOTICE, -1, &m, sizeof(m));
	log_info("%s%snotice sent: %s", m.record, m.record[0] != '\0' ? ": " : "", m.subject);
}

/* 1: nothing about it for a day; from now on there is. */
static int
notice_due(uint32_t account, const char *subject)
{
	struct notice	*n;
	int64_t		 now = clock_msec();

	TAILQ_FOREACH(n, &notices, entry)
		if (n->account == account && strcmp(n->subject, subject) == 0)
			break;
	if (n != NULL && now - n->sent < NOTICE_PAUSE)
		return (0);
	if (n == NULL && nnotices == NOTICES_MAX)
		n = TAILQ_LAST(&notices, notices);
	if (n != NULL)
		TAILQ_REMOVE(&notices, n, entry);
	else if ((n = calloc(1, sizeof(*n))) == NULL)
		fatal("notice");
	else
		nnotices++;
	n->account = account;
	n->sent = now;
	strlcpy(n->subject, subject, sizeof(n->subject));
	TAILQ_INSERT_HEAD(&notices, n, entry);
	return (1);
}

/* The deliverer takes printable ASCII only. */
static void
notice_clean(char *s, int lines)
{
	for (; *s != '\0'; s++)
		if ((*s < ' ' || *s > '~') && !(lines && *s == '\n'))
			*s = '?';
}
