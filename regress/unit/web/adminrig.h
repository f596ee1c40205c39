/* SPDX-License-Identifier: ISC */
/* What pages of web/ stand on, in the place of the daemon: forms, tables, answers of the control channel; a judge of the HTML. */
#ifndef ADMINRIG_H
#define ADMINRIG_H

#include "web/web.h"

#define HOSTILE	"\"'><script>alert(1)</script>&amp;<b"
#define HOSTILE_TEXT	"&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&lt;b"

struct asked {				/* a request at the control channel */
	uint32_t	 type;
	uint8_t		 data[16384];
	size_t		 len;
};

struct changed {			/* a call of table_change() */
	enum change_act	 act;
	char		 table[32], was[80];
	char		 columns[64][32], values[64][1024];
	int		 null[64];
	size_t		 n, nkeys;
};

extern struct visit	 rig;
extern struct asked	 rig_asked[16];
extern size_t		 rig_nasked;
extern struct changed	 rig_changed;
extern size_t		 rig_nchanged;
extern const char	*rig_hash;	/* of each row */

void		 rig_begin(const char *path, int post);		/* a request; nothing is known, nothing is answered */
void		 rig_field(const char *name, const char *value);	/* of the query, or of the form that was posted */
/* A row of a table: columns and values in turns, then NULL.  A value that is NULL is the store's NULL. */
void		 rig_row(const char *table, const char *column, ...);
void		 rig_cell(const char *table, const char *column, const char *value);	/* one more of the last row */
void		 rig_item(uint32_t request, uint32_t type, const void *, size_t, int fd);	/* comes in answer to request */
void		 rig_refuse(uint32_t request, const char *said);	/* a request of this type fails; table_change(): CHANGE */
void		 rig_ok(const char *said);			/* what the daemon says where nothing is refused */
const char	*rig_page(void);				/* what was answered, with a NUL behind it */
void		 rig_has(const char *);				/* it does */
void		 rig_lacks(const char *);
size_t		 rig_count(const char *);			/* how often */
void		 rig_valid(void);				/* HTML is whole, fields are labelled, references lead somewhere */

#endif
