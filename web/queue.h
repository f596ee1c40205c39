/* SPDX-License-Identifier: ISC */
/* What the pages of the queue and of the quarantine have in common: rows of struct ctl_queued, and buttons about them. */
#ifndef QUEUE_H
#define QUEUE_H

#include "web.h"

#define QUEUED_SHOWN	500	/* on a page; the others are counted */
#define QUEUED_NAME_SIZE	(PROTO_LINK_SIZE + PROTO_UID_MAX * 4 + 24)

struct queued_list {		/* zeroed at first; free(v) */
	struct ctl_queued	*v;		/* the first ones */
	size_t			 n, all;	/* how many these are, and how many there are */
	int			 waiting;	/* 1: without those in quarantine, which are counted in others */
	size_t			 others;
};

int	 queued_get(struct visit *, uint32_t type, const void *, size_t, struct queued_list *);	/* as ask() */
char	*queued_name(const struct ctl_queued *, char *, size_t);	/* what others call it by: "12", "3-uid", "aside/file" */
int	 queued_parse(const char *name, struct ctl_quarantine *);	/* the other way round, "all" too; 0, or -1: it is none */
void	 queued_boxes(struct visit *, const struct queued_list *,
	    void (*actions)(struct visit *, const struct ctl_queued *, const char *name));
/* A form with nothing but a button.  get: it changes nothing. */
void	 queued_button(struct visit *, int get, const char *path, const char *field, const char *name, const char *label,
	    const char *class);

#endif
