/* SPDX-License-Identifier: ISC */
/*
 * Directories of the mail root that committed mail waits for, because the deliverer cannot write there.  The deliverer's word
 * is for people only; nothing is decided by it.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "delivery_int.h"

#define PLACES_MAX	1024	/* directories that are remembered */

struct place {
	TAILQ_ENTRY(place)	 entry;
	int			 error;		/* errno of the deliverer's attempt */
	char			 dest[PROTO_DEST_SIZE];
};

static TAILQ_HEAD(places, place)	 places = TAILQ_HEAD_INITIALIZER(places);
static uint32_t				 nplaces;

static void	 place_forget(struct place *);
static void	 place_say(const struct place *, char *, size_t);

/* The deliverer cannot move mail into a directory, or can again. */
void
place_told(const struct msg_maildir_blocked *m)
{
	struct place	*p;
	char		 text[sizeof(config_running->settings.mail_root) + PROTO_DEST_SIZE + PROTO_TEXT_SIZE];

	TAILQ_FOREACH(p, &places, entry)
		if (strcmp(p->dest, m->dest) == 0)
			break;
	if (m->error == 0) {
		if (p == NULL)
			return;
		log_notice("%s/%s/new: what waited for it was delivered", config_running->settings.mail_root, p->dest);
		place_forget(p);
		return;
	}
	if (p != NULL || nplaces == PLACES_MAX)
		return;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("place");
	strlcpy(p->dest, m->dest, sizeof(p->dest));
	p->error = (int)m->error;
	TAILQ_INSERT_TAIL(&places, p, entry);
	nplaces++;
	place_say(p, text, sizeof(text));
	log_warnx("%s", text);
}

static void
place_forget(struct place *p)
{
	TAILQ_REMOVE(&places, p, entry);
	free(p);
	nplaces--;
}

/* The sentence about a directory that mail waits for. */
static void
place_say(const struct place *p, char *text, size_t size)
{
	snprintf(text, size, "%s/%s/new: %s; mail that was taken waits for it in the spool, new mail on its servers",
	    config_running->settings.mail_root, p->dest, strerror(p->error));
}

/* A fresh deliverer says again what is wrong. */
void
place_reset(void)
{
	struct place	*p;

	while ((p = TAILQ_FIRST(&places)) != NULL)
		place_forget(p);
}

/* How many directories mail waits for, and a sentence about the first of them; empty if there is none. */
uint32_t
place_waiting(char *first, size_t size)
{
	char	 text[sizeof(config_running->settings.mail_root) + PROTO_DEST_SIZE + PROTO_TEXT_SIZE] = "";

	if (!TAILQ_EMPTY(&places))
		place_say(TAILQ_FIRST(&places), text, sizeof(text));
	strlcpy(first, text, size);
	return (nplaces);
}
