/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef RPOPD_WEB_INT_H
#define RPOPD_WEB_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto.h"
#include "common/ipc/proto_web.h"
#include "common/timer.h"
#include "web.h"

struct auth;
struct imsg;
struct worker;

/* --- socket.c --- */

/* A socket at path, which listens, for root and the members of the group (""; none).  -1 with a sentence: it cannot be made. */
int	 web_socket(const char *path, const char *group, char *err, size_t errsize);

/* --- request.c --- */

/*
 * A request at the web page.
 *
 *	CAME		nothing is known of it
 *	KNOWN		it was told whose it is, or that it is nobody's
 *	LOGIN		an auth process takes a login apart, and answers
 */
enum web_state { WEB_CAME, WEB_KNOWN, WEB_LOGIN };

struct web_request {
	LIST_ENTRY(web_request)	 entry;
	uint32_t		 id;		/* for log lines */
	struct worker		*worker;
	struct timer		 clock;		/* its process is not waited for any longer */
	struct auth		*auth;		/* LOGIN */
	int			 change;	/* 1: its session's browser has brought back what the form had */
	uint8_t			 browser[PROTO_DIGEST_LEN];	/* with change: name of that session */
	char			 client[PROTO_CLIENT_SIZE];	/* of the login: numeric address, or empty */
	char			 account[PROTO_ADDR_SIZE];	/* likewise: whose it is, if it is right */
	uint8_t			 proof[PROTO_DIGEST_LEN];	/* likewise: of its password, ahead of the login */
};

int	 web_request_new(void *, struct imsg *);	/* IMSG_WEB_REQUEST */
void	 web_request_state(struct web_request *, enum web_state);

/* --- login.c --- */

int	 web_login(void *, struct imsg *);		/* IMSG_WEB_BEGIN, of a request */

/* --- browser.c --- */

/*
 * A session of a browser, which shows its token with each request.  Of the token itself nothing stays here.  A session ends half an
 * hour behind its last request, eight hours behind the login, and as soon as its account has gone or has another password than at the
 * login, whoever changed that and however.
 */
struct browser;

int		 browser_proof(const char *account, uint8_t proof[PROTO_DIGEST_LEN]);
void		 browser_new(const char *account, const uint8_t proof[PROTO_DIGEST_LEN], uint8_t token[PROTO_TOKEN_LEN]);
struct browser	*browser_find(const uint8_t token[PROTO_TOKEN_LEN]);
const char	*browser_account(const struct browser *);
void		 browser_name(const struct browser *, uint8_t name[PROTO_DIGEST_LEN]);
void		 browser_form(const struct browser *, uint8_t form[PROTO_TOKEN_LEN]);
int		 browser_form_is(const struct browser *, const uint8_t form[PROTO_TOKEN_LEN]);
void		 browser_end(const uint8_t name[PROTO_DIGEST_LEN]);
void		 browser_end_all(void);

#endif
