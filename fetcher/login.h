/* SPDX-License-Identifier: ISC */
/*
 * Logging in: what a server offers, the choice, the exchange, and keeping the credential out of every text.  Included by pop3.h.
 */
#ifndef LOGIN_H
#define LOGIN_H

#include <sys/types.h>

#include <stdint.h>

#include "common/sasl/auth_mask.h"
#include "common/buf.h"
#include "common/ipc/proto.h"
#include "common/sasl/sasl_line.h"

struct pop3;

/* pop3_reply.c: parsers of lines without their ends, whatever these are. */
enum reply_code {		/* of RFC 2449 section 8.1 and RFC 3206, and "ALERT:" */
	CODE_NONE, CODE_IN_USE, CODE_LOGIN_DELAY, CODE_SYS_TEMP, CODE_SYS_PERM, CODE_AUTH, CODE_ALERT, CODE_MAX
};

struct reply {
	int		 ok;		/* 1: +OK, 0: -ERR */
	enum reply_code	 code;		/* the code of an -ERR */
	const uint8_t	*text;		/* what follows the indicator and its blanks, the code included */
	size_t		 len;
};

/* SASL: there was a list of mechanisms; BY_USER: LOGIN-DELAY or EXPIRE may change with the login; NONE_AT_ALL: no CAPA. */
enum pop3_capa { CAPA_PIPELINING = 0x01, CAPA_STLS = 0x02, CAPA_TOP = 0x04, CAPA_UIDL = 0x08, CAPA_USER = 0x10, CAPA_SASL = 0x20,
	CAPA_RESP_CODES = 0x40, CAPA_AUTH_RESP_CODE = 0x80, CAPA_UTF8 = 0x100, CAPA_UTF8_USER = 0x200, CAPA_LOGIN_DELAY = 0x400,
	CAPA_EXPIRE = 0x800, CAPA_BY_USER = 0x1000, CAPA_NONE_AT_ALL = 0x2000 };

struct offer {			/* what a server offers; offer_init() ahead of the first line */
	uint32_t	 mechs;		/* 1 << enum auth_mech, for those that this program knows */
	uint32_t	 login_delay;	/* s, 0 = none said */
	uint32_t	 expire;	/* days, UINT32_MAX = never or not said */
	char		 list[120];	/* names of all mechanisms, for people; may be cut */
};

int	 pop3_reply_status(const uint8_t *, size_t, struct reply *);
int	 pop3_reply_more(const uint8_t *, size_t, const uint8_t **, size_t *);
enum fail_why pop3_reply_why(const struct reply *, enum fail_why);
void	 offer_init(struct offer *);
void	 offer_mechs(struct offer *, const uint8_t *, size_t);
uint32_t pop3_reply_capa(const uint8_t *, size_t, struct offer *);
int	 pop3_reply_stat(const uint8_t *, size_t, uint64_t *, uint64_t *);
int	 pop3_reply_list(const uint8_t *, size_t, uint64_t *, uint64_t *);
int	 pop3_reply_uidl(const uint8_t *, size_t, uint64_t *, const uint8_t **, size_t *);
size_t	 pop3_reply_challenge(const uint8_t *, size_t, const uint8_t **);

/* login_choose.c */
int	 login_discovers(const struct pop3 *);
enum auth_mech login_choose(struct pop3 *);
const char *login_offered(const struct pop3 *, char *text, size_t size);

/*
 * LISTAUTH: AUTH without a mechanism; RESPONSE: a line of a SASL exchange; RECAPA: CAPA after the login; PROBE: UIDL n; CHECK:
 * LIST n; COUNT: STAT again.
 */
enum pop3_cmd { CMD_GREETING, CMD_CAPA, CMD_STLS, CMD_LISTAUTH, CMD_UTF8, CMD_USER, CMD_PASS, CMD_APOP, CMD_AUTH, CMD_RESPONSE,
	CMD_CANCEL, CMD_RECAPA, CMD_STAT, CMD_LIST, CMD_UIDL, CMD_PROBE, CMD_RETR, CMD_TOP, CMD_CHECK, CMD_COUNT,
	CMD_RSET, CMD_DELE, CMD_QUIT, CMD_MAX };

/* login.c: the part of the engine from the greeting to the end of the login. */
struct login {
	enum auth_mech		 mech;		/* the way that was chosen, once */
	int			 has_key;	/* there is a client certificate */
	int			 one_line;	/* the +OK to CAPA itself names capabilities */
	int			 ahead;		/* the server is known to keep what it read ahead of the login */
	int			 follows;	/* the commands behind the login are on their way */
	struct sasl_line	 sasl;
};

int	 login_clean(const void *, size_t);
void	 login_init(struct pop3 *);
void	 login_end(struct pop3 *);
int	 login_write(struct pop3 *, enum pop3_cmd);
int	 login_greeting(struct pop3 *, uint32_t, const struct reply *);
int	 login_ask(struct pop3 *);
int	 login_capa(struct pop3 *, uint32_t, const struct reply *);
int	 login_capa_line(struct pop3 *, const uint8_t *, size_t);
int	 login_capa_end(struct pop3 *);
int	 login_stls(struct pop3 *, uint32_t, const struct reply *);
int	 login_list(struct pop3 *, uint32_t, const struct reply *);
int	 login_list_line(struct pop3 *, const uint8_t *, size_t);
int	 login_list_end(struct pop3 *);
int	 login_utf8(struct pop3 *, uint32_t, const struct reply *);
int	 login_user(struct pop3 *, uint32_t, const struct reply *);
int	 login_status(struct pop3 *, uint32_t, const struct reply *);
int	 login_more(struct pop3 *, const uint8_t *, size_t);
int	 login_cancelled(struct pop3 *, uint32_t, const struct reply *);
int	 login_cancelled_more(struct pop3 *, const uint8_t *, size_t);
int	 login_recapa(struct pop3 *, uint32_t, const struct reply *);
int	 login_recapa_line(struct pop3 *, const uint8_t *, size_t);
int	 login_recapa_end(struct pop3 *);

#endif
