/* SPDX-License-Identifier: ISC */
/* An fdm.conf, as it is read: accounts, settings, and how much of it is actions and rules. */
#ifndef FDM_INT_H
#define FDM_INT_H

#include "fdm_lex.h"

/* A number; what is not known of it. */
struct fdm_number {
	int64_t	 n;
	int	 unknown;
};

enum fdm_only {
	FDM_ALL, FDM_NEW, FDM_OLD
};

struct fdm_account {
	unsigned int		 line;
	struct fdm_value	 name, host, port, user, pass, cache, owner;
	unsigned int		 host_line, user_line, pass_line, cache_line, owner_line;
	size_t			 owners;	/* users that get its mail */
	const char		*lost;		/* what it is, if rpopd has no such thing */
	int			 tls, starttls, insecure, verify, apop, uidl, keep, disabled;
	enum fdm_only		 only;
};

struct fdm {
	struct fdm_lexer	 lx;
	struct fdm_account	*accounts;
	size_t			 naccounts;
	struct fdm_value	 default_user;
	unsigned int		 default_user_line;
	int64_t			 max_size, purge_after;		/* 0: not set */
	unsigned int		 max_size_line, purge_after_line;
	int			 verify;			/* set verify-certificates */
	size_t			 actions, rules, caches, includes;
	unsigned int		 actions_line, rules_line, caches_line, includes_line;
	unsigned int		 keep_line;			/* where something that is not an account keeps mail; 0: nowhere */
	int			 open;				/* rules whose } is missing */
};

/* --- fdm_term.c: what statements are made of; -1 with an error, else 0, and the token behind it is next --- */

int	 fdm_is(const struct fdm *, const char *);	/* whether the next token is that word or sign */
int	 fdm_take(struct fdm *, const char *);		/* it is, and was taken: 1; 0: it is not; -1 */
int	 fdm_want(struct fdm *, const char *);
int	 fdm_unexpected(struct fdm *, const char *wanted);
int	 fdm_string_next(const struct fdm *);		/* whether a string is next */
int	 fdm_string(struct fdm *, struct fdm_value *);	/* strv: strings with + between them */
int	 fdm_replaced(struct fdm *, struct fdm_value *);	/* replstrv: and %[tags] put in */
int	 fdm_strings(struct fdm *, struct fdm_value *first, size_t *n);	/* "a", or { "a" "b" } */
int	 fdm_number_next(const struct fdm *);
int	 fdm_number_here(struct fdm *, struct fdm_number *);	/* it stays the next token */
int	 fdm_number(struct fdm *, struct fdm_number *);
int	 fdm_size(struct fdm *, struct fdm_number *);	/* with a unit */
int	 fdm_time(struct fdm *, struct fdm_number *);

int	 fdm_account(struct fdm *);		/* fdm_account.c: behind "account" */
int	 fdm_action(struct fdm *);		/* fdm_rule.c: behind "action" */
int	 fdm_match(struct fdm *);		/* behind "match" */
int	 fdm_close(struct fdm *);		/* behind "}" */
int	 fdm_server(struct fdm *, struct fdm_account *);	/* fdm_account.c */
int	 fdm_login(struct fdm *, struct fdm_account *);
void	 fdm_account_free(struct fdm_account *);

int	 fdm_records(struct fdm *);		/* fdm_record.c: what the accounts become */
int	 fdm_seen(struct import *, const char *, const char *, size_t);

#endif
