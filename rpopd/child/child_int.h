/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef CHILD_INT_H
#define CHILD_INT_H

#include "child.h"

/* dial.c */
extern const struct rule	 dialer_rules[];	/* what a dialer may say */
extern const size_t		 dialer_nrules;
void	 dial_died(const struct child *);

/* worker.c */
extern const struct rule	 worker_rules[];	/* what a template says whose forks are workers */
extern const size_t		 worker_nrules;
void	 worker_template_died(const struct child *);
void	 worker_log_level(void);

/* refresh.c */
void	 refresh_dialer_starts(void);

#endif
