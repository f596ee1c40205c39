/* SPDX-License-Identifier: ISC */
/*
 * The pauses of next hops.  One that cannot be reached, or asks for a pause, is left alone with everything that waits for it, for
 * PAUSE_FIRST and twice as long after each further failure, and is then tried by one connection.
 */
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define PAUSE_FIRST	60000		/* ms; doubles */
#define PAUSE_MAX	1800000

/*
 * A connection to the next hop could not be made or used: everything that waits for it has a pause.  What is too old then
 * fails.
 */
void
hop_failed(struct relay_hop *h, const char *text)
{
	int64_t	 pause = PAUSE_MAX;
	char	 name[PROTO_TEXT_SIZE];

	if (h->until > clock_msec())
		return;			/* another connection has said so already */
	if (h->failures < 5)
		pause = PAUSE_FIRST << h->failures;
	if (h->failures++ == 0 || strcmp(text, h->text) != 0)
		log_warnx("next hop %s: %s; %u message%s, next try in %lld s", relay_hop_name(h->id, name, sizeof(name)), text,
		    h->mails, h->mails == 1 ? " waits" : "s wait", (long long)pause / 1000);
	h->until = clock_msec() + pause;
	strlcpy(h->text, text, sizeof(h->text));
	result_expire(h);
	turn_soon();
}

/* The next hop has answered: its pause and its failures are over. */
void
hop_works(struct relay_hop *h)
{
	char	 name[PROTO_TEXT_SIZE];

	if (h->failures == 0)
		return;
	log_info("next hop %s: works again after %u failure%s", relay_hop_name(h->id, name, sizeof(name)), h->failures, PLURAL(h->failures));
	h->failures = 0;
	h->until = 0;
	h->text[0] = '\0';
	turn_soon();
}
