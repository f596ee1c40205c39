/* SPDX-License-Identifier: ISC */
/*
 * The master: the only process that opens a store, holds a secret at rest, or decides.  It never sees a byte of mail, TLS,
 * DNS or POP3; what reaches it are fixed, range-checked messages.
 */
#ifndef RPOPD_H
#define RPOPD_H

#include <stddef.h>

struct config;

/* reload.c */
int	 reload_sound(void);			/* 1: the store would load; 0: complaints are on stderr */
int	 reload_mail_root(char *path, size_t size);
int	 reload_load(char *err, size_t errsize);	/* all or nothing; 0 or -1 */
int	 reload_prepare(struct config *, char *err, size_t errsize);
void	 reload_switch(void);
void	 reload_drop(void);

/* create.c */
void	 create_directory(void);
void	 create_store(void);

/* backup.c */
int	 backup_stores(void);			/* the exit status */

/* sd_notify(3)'s one datagram: notify.c */
void	 notify_ready(void);

#endif
