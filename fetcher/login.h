/* SPDX-License-Identifier: ISC */
/*
 * Logging in: what a server offers, the choice, the exchange, and keeping the credential out of every text.  Included by pop3.h.
 */
#ifndef LOGIN_H
#define LOGIN_H

#include <sys/types.h>

#include <stdint.h>

#include "../common/buf.h"
#include "../common/proto.h"

#define AUTH_LINE_MAX	255		/* of an AUTH command with initial response (RFC 5034), line end included */
#define SASL_ROUNDS	5		/* continuations of one exchange */
#define SASL_TEXT	160
struct pop3;
struct Gsasl_session;

/* pop3_reply.c: total parsers over (pointer, length), line end already stripped. */
enum reply_code {		/* RFC 2449 section 8.1, RFC 3206, and the alerts of S61 */
	CODE_NONE, CODE_IN_USE, CODE_LOGIN_DELAY, CODE_SYS_TEMP, CODE_SYS_PERM, CODE_AUTH, CODE_ALERT, CODE_MAX
};

struct reply {
	int		 ok;		/* 1: +OK, 0: -ERR */
	enum reply_code	 code;		/* of an -ERR */
	const uint8_t	*text;		/* behind the indicator and its blanks, code included */
	size_t		 len;
};

/* SASL: there was a list of mechanisms; BY_USER: LOGIN-DELAY or EXPIRE may be another one after the login. */
enum pop3_capa { CAPA_PIPELINING = 0x01, CAPA_STLS = 0x02, CAPA_TOP = 0x04, CAPA_UIDL = 0x08, CAPA_USER = 0x10, CAPA_SASL = 0x20,
	CAPA_RESP_CODES = 0x40, CAPA_AUTH_RESP_CODE = 0x80, CAPA_UTF8 = 0x100, CAPA_UTF8_USER = 0x200, CAPA_LOGIN_DELAY = 0x400,
	CAPA_EXPIRE = 0x800, CAPA_BY_USER = 0x1000, CAPA_NONE_AT_ALL = 0x2000 };

struct offer {			/* of a server; offer_init() before the first line */
	uint32_t	 mechs;		/* 1 << enum auth_mech: those we know, too */
	uint32_t	 login_delay;	/* s, 0 = none said */
	uint32_t	 expire;	/* days, UINT32_MAX = never or not said */
	char		 list[120];	/* all of them, for people; may be cut */
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

/* auth_mask.c */
enum auth_masked { MASK_SECRET, MASK_CODED, MASK_SENT, MASK_MAX };	/* as it is; in base64; the last response, in base64 */

struct auth_mask {		/* knows a secret when it sees it, but not what it is */
	uint8_t		 salt[16];
	int		 runs;		/* long runs that look like base64 are hidden, too */
	struct {
		uint8_t	 digest[PROTO_DIGEST_LEN];
		uint32_t sum;		/* of its octets: cheap first look */
		size_t	 len;		/* 0: none */
	} of[MASK_MAX];
};

int	 auth_mask_init(struct auth_mask *, const void *, size_t);
int	 auth_mask_set(struct auth_mask *, enum auth_masked, const void *, size_t);
char	*auth_mask_text(const struct auth_mask *, char *, size_t, const uint8_t *, size_t);

/* auth.c */
int	 auth_clean(const void *, size_t);
int	 auth_ascii(const char *);
int	 auth_plain(struct buf *, const char *, const void *, size_t);
int	 auth_apop(struct buf *, const char *, const char *, const void *, size_t);

/* base64.c */
int	 base64_encode(struct buf *, const uint8_t *, size_t);
ssize_t	 base64_decode(uint8_t *, size_t, const uint8_t *, size_t);

/* sasl.c, sasl_check.c: one exchange.  MORE: the server must ask again; LAST: nothing more to say, the server decides. */
enum sasl_result { SASL_FAILED = -1, SASL_MORE, SASL_LAST };

struct sasl_credential {	/* the caller's; must last as long as the exchange */
	const char	*user, *host;
	uint32_t	 port;
	const uint8_t	*secret;
	size_t		 len;
};

struct sasl {
	const struct sasl_mech	*mech;
	const struct sasl_credential *cred;
	struct Gsasl_session	*session;	/* NULL: the exchange is done by hand */
	int			 step;		/* responses given */
	int			 done;		/* LAST was said: +OK may come */
	enum fail_why		 why;		/* of SASL_FAILED, and what to say; no remote text in it */
	char			 text[SASL_TEXT];
	uint8_t			 refusal[SASL_TEXT];	/* what an OAuth server said of the token; remote text */
	size_t			 refusallen;
};

void	 sasl_warm(void);
int	 sasl_is(enum auth_mech);
int	 sasl_supported(enum auth_mech);
int	 sasl_prepared(const void *, size_t);
const char *sasl_name(enum auth_mech);
int	 sasl_begin(struct sasl *, enum auth_mech, const struct sasl_credential *);
int	 sasl_speaks_first(const struct sasl *);
int	 sasl_initial(const struct sasl *);
enum sasl_result sasl_step(struct sasl *, const uint8_t *, size_t, struct buf *);
void	 sasl_end(struct sasl *);
const char *sasl_scram_check(const uint8_t *, size_t);
const char *sasl_ntlm_check(const uint8_t *, size_t);

/* login_choose.c */
int	 login_discovers(const struct pop3 *);
enum auth_mech login_choose(struct pop3 *);

/*
 * LISTAUTH: AUTH without a mechanism; RESPONSE: a line of a SASL exchange; RECAPA: CAPA after the login; PROBE: UIDL n; CHECK:
 * LIST n; COUNT: STAT again.
 */
enum pop3_cmd { CMD_GREETING, CMD_CAPA, CMD_STLS, CMD_LISTAUTH, CMD_UTF8, CMD_USER, CMD_PASS, CMD_APOP, CMD_AUTH, CMD_RESPONSE,
	CMD_CANCEL, CMD_RECAPA, CMD_STAT, CMD_LIST, CMD_UIDL, CMD_PROBE, CMD_RETR, CMD_TOP, CMD_CHECK, CMD_COUNT,
	CMD_DELE, CMD_QUIT, CMD_MAX };

/* login.c: the part of the engine from the greeting to the end of the login. */
struct login {
	enum auth_mech		 mech;		/* chosen, once */
	int			 has_key;	/* there is a client certificate */
	int			 on_line;	/* the first response stands on the AUTH line */
	int			 waiting;	/* it is in response, and not known to be taken */
	int			 rounds;	/* continuations so far */
	int			 ahead;		/* the server is known to keep what it read ahead of the login */
	int			 follows;	/* the commands behind the login are in flight */
	struct sasl_credential	 cred;
	struct sasl		 sasl;
	struct buf		 response;	/* base64 */
	enum fail_why		 why;		/* the exchange is being cancelled because of this */
	char			 text[PROTO_TEXT_SIZE];
};

void	 login_init(struct pop3 *);
void	 login_end(struct pop3 *);
int	 login_write(struct pop3 *, enum pop3_cmd);
int	 login_greeting(struct pop3 *, uint32_t, const struct reply *);
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
int	 login_auth_more(struct pop3 *, const uint8_t *, size_t);
int	 login_more(struct pop3 *, const uint8_t *, size_t);
int	 login_cancelled(struct pop3 *, uint32_t, const struct reply *);
int	 login_cancelled_more(struct pop3 *, const uint8_t *, size_t);
int	 login_recapa(struct pop3 *, uint32_t, const struct reply *);
int	 login_recapa_line(struct pop3 *, const uint8_t *, size_t);
int	 login_recapa_end(struct pop3 *);

#endif
