/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef RPOPD_POP_INT_H
#define RPOPD_POP_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/link.h"
#include "common/ipc/proto_mailbox.h"
#include "common/ipc/proto_popd.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "pop.h"

#define POP_ADDRESS_LEN	16	/* what counts as one address of clients: one of IPv4, or a /64 of IPv6 */

/* A line about sessions of mail programs, which settings.pop_log_level decides about. */
#define pop_log(level, ...)	log_at(child_level(ROLE_POPD), level, __VA_ARGS__)

struct auth;
struct config;
struct imsg;
struct worker;

/*
 * A session of popd, from the connection to the end of its mailbox's process.
 *
 *	GREETED		it speaks with its client; nobody is logged in
 *	LOGIN		an auth process takes a login apart, and answers
 *	OPENING		the password was right; the process of the mailbox reads it
 *	READING		the session has the mailbox
 *	ENDED		its process has gone; that of the mailbox may have something to finish
 *
 * A login that ends any other way than with a mailbox leads back to GREETED, and the session hears POP_DENIED once.
 */
enum pop_state { POP_GREETED, POP_LOGIN, POP_OPENING, POP_READING, POP_ENDED };

struct pop_session {
	LIST_ENTRY(pop_session)	 entry;
	uint32_t		 id;		/* for log lines */
	enum pop_state		 state;
	struct worker		*worker;	/* its process; NULL: ENDED */
	struct worker		*box;		/* of the mailbox, from OPENING on; NULL: it has gone */
	int			 box_fd;	/* OPENING: the session's end of the channel to it, or -1 */
	struct timer		 clock;		/* OPENING: the mailbox is not waited for any longer; ENDED: its process neither */
	struct timer		 last;		/* stopped: its process is not waited for any longer */
	struct auth		*auth;		/* LOGIN */
	enum auth_mech		 mech;		/* of the last login */
	uint32_t		 listener;	/* id */
	uint32_t		 account;	/* id of who has logged in; 0: nobody yet */
	uint32_t		 owner;		/* id of whose mailbox it is */
	uint32_t		 mechs;		/* offered: bit mask of 1u << enum auth_mech */
	uint32_t		 rights;	/* POP_RIGHT_* in its mailbox, from OPENING on */
	uint32_t		 expire;	/* days, of its mailbox; UINT32_MAX: never */
	uint32_t		 clear;		/* 1: a password may come without TLS */
	int			 signs;		/* 1: it had a channel to the signer, for its one handshake */
	int			 secure;	/* 1: under TLS */
	int			 ended;		/* told is what it said at its end */
	int			 stopped;	/* 1: it was told to end */
	int			 refused;	/* 1: it was greeted with a refusal, and counts as none */
	struct submission	*xmit;		/* READING: a message that its client sends */
	int64_t			 alert;		/* id of the one that it was sent, until it has told it or asks for a login; 0: none */
	struct msg_pop_secure	 tls;		/* what it said of TLS; zeros: nothing yet */
	struct msg_pop_end	 told;
	int64_t			 since;		/* epoch: of the connection */
	uint8_t			 address[POP_ADDRESS_LEN];	/* of the client */
	uint32_t		 peer_port;
	char			 peer[PROTO_CLIENT_SIZE], local[PROTO_CLIENT_SIZE];
	char			 apop[PROTO_APOP_SIZE];
	char			 name[PROTO_ADDR_SIZE];	/* address of the account, of the last login if nobody is logged in */
	char			 mailbox[PROTO_ADDR_SIZE + PROTO_MAILBOX_SIZE + 2];	/* INBOX, a folder, or ~owner/folder */
};

/* --- listen.c --- */

void	 listen_start(void);
void	 listen_reload(void);
void	 listen_stop(void);
void	 listen_kept(const struct msg_sign_kept *);
void	 listen_signer(int ready);

/* --- pair.c --- */

struct pair {
	int		 tls;			/* 1: TLS from the first octet */
	uint32_t	 channels;
	struct pem	 cert;
	struct pem	 key;			/* until the signer has it; then empty */
	uint32_t	 keyno;			/* what the signer knows it by; 0: no signer has it */
	uint8_t		 keyid[PROTO_KEYID_LEN];	/* of the signer: its name */
	uint8_t		 keysum[PROTO_DIGEST_LEN];	/* of its file */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* of all of it */
	int64_t		 until;			/* of popd: epoch, when the certificate expires */
	int		 again;			/* it was in force already */
};

int	 pair_read(struct pair *, const struct listener_row *, const struct certificate_row *, char *err, size_t);
void	 pair_again(struct pair *, const struct pair *force, const struct listener_row *);
int	 pair_same(const struct pair *, const struct pair *force);
int	 pair_expired(const struct pair *, char *text, size_t);
void	 pair_free(struct pair *);

/* --- listener.c --- */

/* Whose answer is waited for about what is tried. */
enum asked { ASKED_NOBODY, ASKED_SIGNER, ASKED_POPD };

struct listener {
	TAILQ_ENTRY(listener)	 entry;
	uint32_t		 id;
	int			 family;
	const struct listener_row *row;		/* in the configuration in force; of a further certificate NULL: it is to leave */
	struct listener		*of;		/* a further certificate's listener; NULL: it is a listener itself */
	const struct certificate_row *further;	/* with that: its row, if there is row */
	char			*cert;		/* likewise: the file that the row names */
	char			 name[PROTO_TEXT_SIZE * 2];	/* in the log: address, port and file */
	char			 address[PROTO_CLIENT_SIZE];
	uint16_t		 port;
	int			 fd;		/* -1: there is no socket */
	struct pair		 force;		/* what a popd has taken; with taken 0: nothing */
	struct pair		 tried;		/* what signer and popd are asked to take; ASKED_NOBODY: nothing */
	uint32_t		 former;	/* key of what was in force ahead of that, for sessions that have its certificate */
	uint32_t		 parted[PROTO_CERTIFICATES_MAX];	/* keys of further ones that have left, for the same reason */
	size_t			 nparted;
	uint8_t			 refused[PROTO_DIGEST_LEN];	/* digest of what was not taken last; zeros: nothing */
	int			 taken;
	int			 given;		/* this popd has what is in force */
	enum asked		 asked;		/* SIGN_KEPT or POP_LISTENING is waited for */
	int			 changed;	/* there may be something else to be tried when that has come */
	char			 trouble[PROTO_TEXT_SIZE * 5];	/* what was told of it last; empty: nothing is wrong */
	int			 expired;	/* that is that its certificate has expired: it works */
};

extern TAILQ_HEAD(listeners, listener)	 listeners;	/* each ahead of its further certificates */

void	 listener_rows(void);
struct listener	*listener_find(uint32_t id);
int	 listen_is_tls(uint32_t listener);	/* 1: TLS from the first octet */
uint32_t listen_channels(uint32_t listener);	/* 0: there is no such one any more */
void	 listen_sums(struct ctl_daemon *);

/* --- socket.c --- */

int	 socket_listen(int family, const char *address, uint16_t port);
const char *socket_remedy(int error);

/* --- signer.c --- */

void	 signer_start(void);
uint32_t signer_give(uint32_t listener, struct pem *key);
void	 signer_forget(uint32_t key);
int	 signer_session(uint32_t listener);

/* --- session.c --- */

int	 session_new(void *, struct imsg *);		/* POP_SESSION */
int	 session_turned(void *, struct imsg *);		/* POP_TURNED */
void	 session_reload(void);
void	 session_stop_all(void);
uint32_t session_of(uint32_t account);			/* how many have this account logged in */
int	 session_alerting(int64_t alert);		/* 1: some session has it on its way */
void	 session_denied(struct pop_session *, enum pop_code, const char *, ...) __attribute__((__format__(printf, 3, 4)));
void	 session_box_gone(struct pop_session *);
/* What a session's greeting says of accounts, of the configuration in force. */
void	 session_offers(void);

/* --- descriptors.c --- */

void	 descriptors_begin(void);
uint32_t descriptors_channels(void);
void	 descriptors_tell(void);

/* --- counts.c --- */

/* Since the start: those of limits are in the order of enum pop_limit. */
enum pop_count {
	COUNT_CONNECTIONS,	/* sessions that were greeted */
	COUNT_CHANNELS, COUNT_LISTENER, COUNT_ADDRESS,	/* connections that were sent away, by what there were too many of */
	COUNT_BLOCKED,		/* sent away for failed logins from their network */
	COUNT_LOGINS,		/* that got a mailbox */
	COUNT_WRONG,		/* name and password do not fit */
	COUNT_LIMITED,		/* for account.sessions or login_delay */
	COUNT_FAILED,		/* for something that does not work */
	COUNT_RETRIEVED, COUNT_LOOKED, COUNT_DELETED,	/* messages: RETR, TOP, DELE behind QUIT */
	COUNT_OCTETS,		/* that went out to clients */
	COUNT_MAX
};
void	 count_add(enum pop_count, uint64_t);
void	 count_running(uint32_t);
void	 count_denied(enum pop_code);
void	 count_ended(const struct msg_pop_end *);
void	 count_sums(struct ctl_daemon *);

/* --- login.c --- */

int	 login_begin(void *, struct imsg *);		/* POP_LOGIN, of a session */
void	 login_end(struct pop_session *);		/* the session has ended */
uint32_t login_mechs(const struct pop_session *);

/* --- alert.c --- */

void	 alert_reload(void);
int	 alert_due(struct pop_session *, const char *address);
int	 alert_told(void *, struct imsg *);		/* POP_ALERTED, of a session */

/* --- xmit.c --- */

void	 xmit_start(const struct pop_calls *);
int	 xmit_begin(void *, struct imsg *);		/* POP_XMIT, of a session */
void	 xmit_end(struct pop_session *);		/* the session has ended */
int	 xmit_may(const struct config *, uint32_t account);	/* 1: it has the right, and there is a next hop for others */

/* --- last.c --- */

void	 last_start(void);
void	 last_reload(void);
void	 last_stop(void);
void	 last_login(uint32_t account, const char *client);
uint32_t last_left(uint32_t account, uint32_t delay);

#endif
