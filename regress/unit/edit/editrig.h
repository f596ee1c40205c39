/* SPDX-License-Identifier: ISC */
/* A store made from etc/rpopd.sql in a directory of its own, loaded as the daemon does it, and batches that are done in it. */
#ifndef EDITRIG_H
#define EDITRIG_H

#include <sqlite3.h>

#include "rpopd/config/config.h"
#include "rpopd/edit/edit.h"

#define PM	"postmaster@example.org"
#define ANNA	"anna@example.org"
#define BERT	"bert@example.org"
#define CARL	"carl@example.com"

extern const struct who	 root;
extern struct batch	 batch;
extern char		 text[];		/* what edit_run() said at last */
extern char		 touched[];		/* the only record that it changed */

int	 rig_setup(void **);
int	 rig_teardown(void **);
struct who rig_user(const char *account);	/* of the users' socket */
void	 rig_sql(const char *sql);		/* in the store, as an administrator with sqlite3(1) */
char	*rig_rows(sqlite3 *db, const char *sql);	/* a line a row, free(3) */
void	 rig_reload(void);			/* the store comes into force */
void	 rig_is(const char *sql, const char *rows);	/* of the store */
void	 rig_in_force(const char *sql, const char *rows);
/* Everything in the store, and in force: "" behind a statement that is not of the tables. */
char	*rig_store(void);
char	*rig_image(void);
void	 rig_cell(const char *column, enum cell_kind, const void *, size_t);	/* of the change that rig_add() puts into the batch */
int	 rig_add(enum change_act, const char *table, size_t nkeys);
/* A change of texts in the batch: column, value and so on, NULL behind them; value "" is NULL. */
void	 rig_put(enum change_act, const char *table, size_t nkeys, ...);
int	 rig_run(const struct who *);		/* does the batch, and empties it */
void	 rig_refused(const struct who *, const char *sentence);	/* and nothing changed */
void	 rig_done(const struct who *, const char *sentence);

#endif
