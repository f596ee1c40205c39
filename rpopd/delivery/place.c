/* SPDX-License-Identifier: ISC */
/*
 * What an administrator should know of the mail root: directories that committed mail waits for, and files that the deliverer found
 * in its spool, did not know, and set aside.  The deliverer's word is for people only; nothing is decided by it.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "delivery.h"

#define PLACES_MAX	1024	/* remembered */
#define ASIDE_MAX	100000	/* likewise */

struct place {
	TAILQ_ENTRY(place)	 entry;
	int			 error;
	char			 dest[PROTO_DEST_SIZE];
};

static TAILQ_HEAD(places, place)	 places = TAILQ_HEAD_INITIALIZER(places);
static uint32_t				 nplaces;
static struct {
	struct aside_file	*files;
	size_t			 nfiles, size;
	uint32_t		 n, fresh;	/* all, listed or not */
} aside;

static void	 place_forget(struct place *);
static void	 place_say(const struct place *, char *, size_t);

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

static void
place_say(const struct place *p, char *text, size_t size)
{
	snprintf(text, size, "%s/%s/new: %s; mail that was taken waits for it in the spool, new mail on its servers",
	    config_running->settings.mail_root, p->dest, strerror(p->error));
}

void
place_reset(void)
{
	struct place	*p;

	while ((p = TAILQ_FIRST(&places)) != NULL)
		place_forget(p);
	free(aside.files);
	memset(&aside, 0, sizeof(aside));
}

uint32_t
place_waiting(char *first, size_t size)
{
	char	 text[sizeof(config_running->settings.mail_root) + PROTO_DEST_SIZE + PROTO_TEXT_SIZE] = "";

	if (!TAILQ_EMPTY(&places))
		place_say(TAILQ_FIRST(&places), text, sizeof(text));
	strlcpy(first, text, size);
	return (nplaces);
}

/* --- files set aside --- */

void
aside_told(const struct msg_set_aside_file *m)
{
	char	 text[PROTO_LINK_SIZE * 4];

	aside.n++;
	aside.fresh += m->fresh;
	if (aside.nfiles == aside.size && aside.size < ASIDE_MAX) {
		aside.size += 1000;
		if ((aside.files = reallocarray(aside.files, aside.size, sizeof(*aside.files))) == NULL)
			fatal("aside");
	}
	if (aside.nfiles < aside.size) {
		aside.files[aside.nfiles].since = m->since;
		strlcpy(aside.files[aside.nfiles++].name, m->name, sizeof(aside.files[0].name));
	}
	if (m->fresh)
		log_warnx("spool/%s: no row knows it; set aside in spool/aside, %" PRIu64 " octets",
		    log_vis(text, sizeof(text), m->name, strlen(m->name)), m->octets);
}

void
aside_recovered(void)
{
	if (aside.fresh > 0)
		notice_send(config_running->settings.postmaster, NULL, "files were set aside in the spool",
		    "%u files were found in %s/spool that state.db does not know: mail that was waiting or in quarantine when another "
		    "state.db was in use, for instance before a backup was restored.\nThey are in %s/spool/aside; nothing was removed.\n"
		    "'rpopctl quarantine' lists them; its commands show, release and drop them.\n", aside.fresh,
		    config_running->settings.mail_root, config_running->settings.mail_root);
	aside.fresh = 0;
}

uint32_t
aside_count(void)
{
	return (aside.n);
}

const struct aside_file *
aside_nth(size_t i)
{
	return (i < aside.nfiles ? &aside.files[i] : NULL);
}

int
aside_known(const char *name)
{
	size_t	 i;

	for (i = 0; i < aside.nfiles; i++)
		if (strcmp(aside.files[i].name, name) == 0)
			return (1);
	return (0);
}

void
aside_gone(const char *name)
{
	size_t	 i;

	for (i = 0; i < aside.nfiles; i++)
		if (strcmp(aside.files[i].name, name) == 0) {
			aside.files[i] = aside.files[--aside.nfiles];
			aside.n--;
			return;
		}
}
