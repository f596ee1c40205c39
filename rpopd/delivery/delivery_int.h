/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef DELIVERY_INT_H
#define DELIVERY_INT_H

#include "delivery.h"

/* Who is called, as struct delivery_calls says. */
void	 notice_start(void (*queued)(const struct relay_row *));
void	 spool_start(void (*moved)(int64_t pending));

/* What the deliverer has said, its form checked; 0, or -1: it breaks the rules. */
int	 notice_made(const struct msg_notice_made *);
void	 place_told(const struct msg_maildir_blocked *);
void	 set_aside_told(const struct msg_set_aside_file *);
void	 set_aside_gone(const char *name);
void	 spool_answered(uint32_t id, const struct spool_answer *);
int	 spool_moved(const struct msg_link *);

/* For rpopctl status. */
uint32_t place_waiting(char *first, size_t size);
uint32_t set_aside_count(void);

#endif
