/* SPDX-License-Identifier: ISC */
/*
 * A batch of changes: one transaction in rpopd.db, and one in the image of what is in force, which is loaded and judged as a reload
 * judges the store.
 *
 *	killed			rpopd.db	in force after the next start
 *	between two changes	as it was	what was
 *	ahead of COMMIT		as it was	what was
 *	behind COMMIT		changed		what was changed
 *
 * The running daemon takes a change over behind COMMIT, where nothing can fail any more.
 *
 * A batch is done in one turn of the event loop, however long it is, and so a change has to be cheap: its statements are parsed once
 * for all of the batch, and find their rows by an index.  In slices it could not be done: rows are listed from the image, and rights
 * judged by it, over the very connection that the transaction is in, and passwords are read from the store, where a transaction that
 * is too large for SQLite's memory keeps readers out until it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "edit_int.h"

struct complaint {			/* of the loader, about the image */
	char	 row[PROTO_RECORD_SIZE + 8];	/* how a sentence about the only changed record begins */
	char	 first[PROTO_TEXT_SIZE];	/* the first sentence, or the first about that record */
	int	 n, own;
};

static int	 run_open(sqlite3 **, char *, size_t);
static int	 run_changes(const struct who *, struct batch *, sqlite3 *, struct told *, int *, char *, size_t);
static struct config *run_load(const char *, char *, size_t);
static void	 run_complain(void *, const char *);
static int	 run_commit(sqlite3 *, char *, size_t);

static const struct edit_calls	*calls;

void
edit_init(const struct edit_calls *c)
{
	calls = c;
}

int
edit_run(const struct who *who, struct batch *b, char *text, size_t size, char record[PROTO_RECORD_SIZE])
{
	struct told	 told = { 0 };
	struct config	*config;
	sqlite3		*store = NULL;
	uint64_t	 version;
	int		 rv, records_only;

	*record = '\0';
	if (config_image == NULL) {
		snprintf(text, size, "the daemon is being started; try again");
		return (1);
	}
	if ((rv = run_open(&store, text, size)) == 0) {
		version = config_version(options.store);
		rv = -1;
		if (sql_exec(image_db(config_image), "BEGIN") == 0) {
			if (run_changes(who, b, store, &told, &records_only, text, size) == 0) {
				if (told.nlines == 0)
					rv = 0;
				else if ((config = run_load(told.record, text, size)) != NULL && calls->prepare(config, text, size) == 0) {
					if ((rv = run_commit(store, text, size)) == 0)
						calls->adopt(records_only);
					else
						calls->drop();
				}
			}
			(void)sql_exec(image_db(config_image), rv == 0 ? "COMMIT" : "ROLLBACK");
		}
		if (rv == 0 && told.nlines > 0 && version == config_loaded_version)
			config_loaded_version = config_version(options.store);
	}
	sqlite3_close(store);
	if (rv == 0) {
		told_log(&told, who);
		told_sentence(&told, text, size);
		strlcpy(record, told.record, PROTO_RECORD_SIZE);
	}
	told_free(&told);
	return (rv);
}

/* The store, locked for writing.  0; with a sentence 1: somebody else has it locked, or -1: it cannot be opened. */
static int
run_open(sqlite3 **store, char *err, size_t errsize)
{
	int	 busy;

	if ((*store = sql_open(options.store, SQL_EDIT, 0, err, errsize)) == NULL)
		return (-1);
	if (sql_exec(*store, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE") == 0)
		return (config_is_store(*store, options.store, err, errsize) ? 0 : -1);
	busy = (sqlite3_errcode(*store) & 0xff) == SQLITE_BUSY;
	sql_reason(*store, options.store, err, errsize);
	return (busy ? 1 : -1);
}

/* Each change in the store and in the image.  0, or -1 and a sentence.  *records_only: no other process has to be told. */
static int
run_changes(const struct who *who, struct batch *b, sqlite3 *store, struct told *told, int *records_only, char *err, size_t errsize)
{
	struct doing	*d;
	size_t		 i;
	int		 rv = 0;

	if ((d = calloc(1, sizeof(*d))) == NULL || (d->kept = kept_new()) == NULL)
		fatal("change");
	*records_only = 1;
	for (i = 0; i < b->n && rv == 0; i++) {
		HOOK("edit.change");
		d->who = who;
		d->change = &b->changes[i];
		d->store = store;
		d->told = told;
		d->nforced = 0;
		if ((rv = change_do(d, err, errsize)) == 0 && d->table->routing)
			*records_only = 0;
	}
	kept_free(d->kept);
	free(d);
	return (rv);
}

/*
 * A configuration of the image; NULL and a sentence: the change makes it none, or a file that a changed record names cannot be used.
 * With one record, which has this name, files of others do not count; with several, those that cannot be used since the last load do.
 */
static struct config *
run_load(const char *record, char *err, size_t errsize)
{
	struct complaint	 c = { .n = 0 };
	struct config		*config;

	snprintf(c.row, sizeof(c.row), "rpop %s: ", record);
	config = image_load(config_image, options.store, run_complain, &c);
	if (config != NULL && (*record == '\0' ? config->unsound <= config_running->unsound : !c.own))
		return (config);
	config_free(config);
	snprintf(err, errsize, "%s%s", c.first, c.n > 1 ? " (and more, see rpopd -n)" : "");
	return (NULL);
}

static void
run_complain(void *arg, const char *sentence)
{
	struct complaint	*c = arg;
	int			 own = strncmp(sentence, c->row, strlen(c->row)) == 0;

	if (c->n++ == 0 || (own && !c->own))
		strlcpy(c->first, sentence, sizeof(c->first));
	c->own |= own;
}

/* 0: the change counts from now on; with a sentence 1: somebody reads the store, try again, or -1: it cannot be written. */
static int
run_commit(sqlite3 *store, char *err, size_t errsize)
{
	int	 busy;

	HOOK("edit.done");
	if (sql_exec(store, "COMMIT") == 0) {
		HOOK("edit.committed");
		return (0);
	}
	busy = (sqlite3_errcode(store) & 0xff) == SQLITE_BUSY;
	sql_reason(store, options.store, err, errsize);
	return (busy ? 1 : -1);
}
