/* SPDX-License-Identifier: ISC */
/* A daemon and a browser for the pages of web/: a store with rows, what was asked of it, and HTML taken apart as a browser does. */
#ifndef WEB_WORLD_H
#define WEB_WORLD_H

#include "web/web.h"

#define WORLD_FORM	"4141414141414141414141414141414141414141414141414141414141414141"

extern struct visit	 world_v;
extern char		 world_log[65536];	/* what was asked, a line each */

void		 world_reset(const char *account, uint32_t rights);
size_t		 world_row(const char *table, ...);	/* pairs of column and value, NULL behind them; "!column" is a secret */
void		 world_set(size_t row, const char *column, const char *value);	/* somebody else changes it */
void		 world_drop(size_t row);
void		 world_record(const struct ctl_record *);
void		 world_tried(const struct ctl_tried *);
void		 world_envelope(const struct ctl_envelope *);
void		 world_refuse(const char *what, const char *sentence);	/* every request whose line has what in it */

const char	*world_get(void (*)(struct visit *), const char *path, const char *query);	/* the page */
const char	*world_post(void (*)(struct visit *), const char *path, const char *body);
const char	*world_encoded(const char *);	/* for queries and bodies; one of some buffers */

/* The last page. */
char		*page_skeleton(void);		/* its elements and the names of their attributes; it is valid; free() */
char		*page_value(const char *id, const char *attribute);	/* decoded; NULL: none; free() */
char		*page_text(const char *class);	/* of the first element with the class; decoded; NULL: none; free() */
size_t		 page_count(const char *name, const char *id);	/* elements with this name, and this id unless that is NULL */
/* What a browser sends of the form with this button: pairs of name and value change fields first ("" unchecks), NULL behind them. */
char		*page_submit(const char *button, ...);

#endif
