/* SPDX-License-Identifier: ISC */
/*
 * The line in the log about each message that was committed: by which record it came, what it is, from whom, and what became of each
 * recipient, in the words and with the keys of rpopctl find.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/state/state.h"
#include "poll.h"

#define LINE_SIZE	900		/* octets of a line; recipients that do not fit are counted */
#define WORD_SIZE	256		/* octets of what was encoded, in one place */

static int	 handled_rcpt(char *, size_t, const struct receipt *, uint32_t);

/* Logs what became of a message. */
void
handled_log(const char *who, const struct receipt *r)
{
	char		 line[LINE_SIZE + 32], label[32], uid[WORD_SIZE], from[WORD_SIZE];
	size_t		 len;
	uint32_t	 i;

	if (log_getlevel() < LOG_LEVEL_MAJOR)
		return;
	snprintf(label, sizeof(label), "mailbox %lld", (long long)r->mailbox);
	snprintf(line, LINE_SIZE, "uid=%s id=<%s> size=%llu from=<%s>", log_vis(uid, sizeof(uid), r->uid, r->uidlen), r->msgid,
	    (unsigned long long)r->octets, log_vis(from, sizeof(from), r->sender, strlen(r->sender)));
	for (i = 0; i < r->nrcpt && !r->known; i++)
		if (handled_rcpt(line, LINE_SIZE, r, i) == -1)
			break;
	len = strlen(line);
	if (r->known)
		strlcat(line, " known already", sizeof(line));
	else if (i < r->nrcpt)
		snprintf(line + len, sizeof(line) - len, ", and %u more", r->nrcpt - i);
	log_notice("%s: %s", who != NULL ? who : label, line);
}

/* Adds what became of a recipient.  0, or -1: there is no room for it. */
static int
handled_rcpt(char *line, size_t size, const struct receipt *r, uint32_t i)
{
	char	 text[PROTO_DEST_SIZE + PROTO_ADDR_SIZE + 2 * PROTO_TEXT_SIZE + 64], vis[2 * WORD_SIZE];
	size_t	 len = strlen(line);

	state_rcpt_result(&r->rcpts[i], (enum commit_verdict)r->verdicts[i], text, sizeof(text));
	log_vis(vis, sizeof(vis), text, strlen(text));
	if ((size_t)snprintf(line + len, size - len, "%s %s", i == 0 ? "" : ",", vis) < size - len)
		return (0);
	line[len] = '\0';
	return (-1);
}
