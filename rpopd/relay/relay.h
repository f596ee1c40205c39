/* SPDX-License-Identifier: ISC */
/* Recipients that are handed on to a next hop, and the quarantine; relay.c says which file has what. */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "rpopd/state/state.h"

struct child;
struct ctl_daemon;
struct ctl_move;
struct ctl_quarantine;
struct spool_answer;
struct spool_ask;

/* --- relay.c --- */

void	 relay_start(void (*tried)(int64_t id));
void	 relay_run(void);
void	 relay_reload(void);
void	 relay_stop(void);
void	 relay_add(const struct relay_row *);
void	 relay_committed(const struct relay_row *, size_t);
void	 relay_attached(const struct receipt *);
int	 relay_full(void);
int	 relay_busy(void);
int	 relay_idle(void);
void	 relay_sums(struct ctl_daemon *);

/* --- queue.c --- */

const char *relay_hop_name(uint32_t id, char *buf, size_t size);
const char *relay_hop_text(uint32_t id);

/* --- job.c --- */

void	 job_template_died(struct child *);

/* --- result.c --- */

char	*relay_status(const char *, char *dst, size_t);
void	 result_doubts(void);

/* --- body.c --- */

void	 body_sweep(void);

/* --- writable.c --- */

int	 writable_failed(void);

/* --- dsn.c --- */

void	 dsn_died(struct child *);

/* --- move.c --- */

int	 move_all(const struct ctl_move *, char *text, size_t);
int	 move_retry(const char *, char *text, size_t size);

/* --- quarantine.c --- */

int	 quarantine_act(const struct ctl_quarantine *, char *text, size_t);
struct spool_ask *quarantine_file(const struct ctl_quarantine *, void (*done)(void *, const struct spool_answer *), void *arg,
	    char *text, size_t size);

/* --- quarantine_note.c --- */

int	 quarantine_note_due(void);

#endif
