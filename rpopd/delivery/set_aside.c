/* SPDX-License-Identifier: ISC */
/*
 * Files that the deliverer found in its spool at its start, that no row of state.db knows, and that it has set aside.  The
 * deliverer's word is for people only; nothing is decided by it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "delivery_int.h"

#define SET_ASIDE_MAX	100000	/* files whose names are remembered; more are only counted */

static struct {
	struct set_aside	*files;
	size_t			 nfiles;
	uint32_t		 n;		/* all of them, remembered or not */
	uint32_t		 fresh;		/* of these, set aside just now: the postmaster was not told yet */
} set_aside;

/* The deliverer has a file set aside, since just now or since an earlier start. */
void
set_aside_told(const struct msg_set_aside_file *m)
{
	char	 text[PROTO_LINK_SIZE * 4];

	set_aside.n++;
	set_aside.fresh += m->fresh;
	if (set_aside.nfiles < SET_ASIDE_MAX) {
		if ((set_aside.files = array_grow(set_aside.files, set_aside.nfiles, sizeof(*set_aside.files))) == NULL)
			fatal("set aside");
		set_aside.files[set_aside.nfiles].since = m->since;
		strlcpy(set_aside.files[set_aside.nfiles++].name, m->name, sizeof(set_aside.files[0].name));
	}
	if (m->fresh)
		log_warnx("spool/%s: no row knows it; set aside in spool/aside, %" PRIu64 " octets",
		    log_vis(text, sizeof(text), m->name, strlen(m->name)), m->octets);
}

/* A deliverer has told all of its files and takes work: the postmaster hears of those that are new. */
void
set_aside_ready(struct child *deliverer)
{
	(void)deliverer;
	if (set_aside.fresh > 0)
		notice_send(config_running->settings.postmaster, NULL, "files were set aside in the spool",
		    "%u files were found in %s/spool that state.db does not know: mail that was waiting or in quarantine when another "
		    "state.db was in use, for instance before a backup was restored.\nThey are in %s/spool/aside; nothing was removed.\n"
		    "'rpopctl quarantine' lists them; its commands show, release and drop them.\n", set_aside.fresh,
		    config_running->settings.mail_root, config_running->settings.mail_root);
	set_aside.fresh = 0;
}

/* A fresh deliverer tells all of its files anew. */
void
set_aside_reset(void)
{
	free(set_aside.files);
	memset(&set_aside, 0, sizeof(set_aside));
}

/* How many files are set aside. */
uint32_t
set_aside_count(void)
{
	return (set_aside.n);
}

/* The file of that number, from 0, among those whose names are remembered; NULL: there are no more. */
const struct set_aside *
set_aside_nth(size_t i)
{
	return (i < set_aside.nfiles ? &set_aside.files[i] : NULL);
}

/* 1: a file of that name is set aside, 0: none. */
int
set_aside_known(const char *name)
{
	size_t	 i;

	for (i = 0; i < set_aside.nfiles; i++)
		if (strcmp(set_aside.files[i].name, name) == 0)
			return (1);
	return (0);
}

/* The file was released or dropped. */
void
set_aside_gone(const char *name)
{
	size_t	 i;

	for (i = 0; i < set_aside.nfiles; i++)
		if (strcmp(set_aside.files[i].name, name) == 0) {
			set_aside.files[i] = set_aside.files[--set_aside.nfiles];
			set_aside.n--;
			return;
		}
}
