/* SPDX-License-Identifier: ISC */
/* The conversation in the log at LOG_LEVEL_LOW: commands without what is secret in them, first lines of answers. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "pop3.h"

/*
 * A command was queued: verb and message number (0: none) are all that is written of it.  A verb that is not known to have no
 * secret behind it, or none (an answer in the middle of AUTH), gets asterisks.
 */
void
pop3_trace_sent(const char *verb, uint32_t msgno)
{
	static const char *const	 clean[] = { "CAPA", "STLS", "UTF8", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE",
	    "QUIT", "NOOP", "*" };
	char				 number[16] = "";
	size_t				 i;

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (msgno != 0)
		snprintf(number, sizeof(number), " %u", msgno);
	for (i = 0; i < nitems(clean) && strcmp(verb, clean[i]) != 0; i++)
		;
	log_debug("> %s%s%s", verb, number, i < nitems(clean) ? "" : *verb != '\0' ? " ****" : "****");
}

/* A status line came in.  Challenges of a login may hold what the password can be guessed from. */
void
pop3_trace_got(const struct pop3 *p, const uint8_t *line, size_t len)
{
	char	 text[PROTO_TEXT_SIZE];

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (len > 0 && line[0] == '+' && (len < 3 || memcmp(line, "+OK", 3) != 0))
		strlcpy(text, "+ ****", sizeof(text));
	else
		auth_mask_text(&p->mask, text, sizeof(text), line, len);
	log_debug("< %s", text);
}
