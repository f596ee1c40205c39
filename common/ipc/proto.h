/* SPDX-License-Identifier: ISC */
/*
 * The wire format between the processes of one machine: what more than one channel shares.  messages.h lists the messages, the
 * other proto_*.h have the payloads of one channel each.
 *
 * Host byte order, payload structs zeroed before filling, strings in fixed arrays that end in NUL (proto_str() checks).  Nothing
 * here carries a pointer, a uid, a process id or an absolute path.  The receiver's rule table (rules.h) says which types it takes
 * and in which state; anything else ends the peer's work.  In comments M is the master, D the dialer, T a template, F a fetcher's
 * session, V the deliverer, C rpopctl, O a fork of oauth, S one of the sender, H one of auth, L popd's listener, P a session of
 * popd, X the process of a mailbox, W web's listener, R a request of web.
 */
#ifndef PROTO_H
#define PROTO_H

#include <sys/types.h>

#include <stdint.h>

#define PROTO_UID_MAX		70	/* RFC 1939: a unique-id is 1 to 70 octets, 0x21..0x7e */
#define PROTO_UID_DERIVED	"uid:"	/* and 64 hexadecimal digits: SHA-256 of what a server has in place of a unique-id */
#define PROTO_MSGS_MAX		1000000	/* messages in one remote mailbox */
#define PROTO_RCPT_MAX		2000	/* recipients of one message */
#define PROTO_HOST_SIZE		256	/* host name or literal, NUL included, as in every _SIZE of a string */
#define PROTO_USER_SIZE		513	/* login at the remote host */
#define PROTO_SECRET_MAX	1024	/* password octets */
#define PROTO_TOKEN_MAX		8192	/* octets of an OAuth access or refresh token */
#define PROTO_PEM_MAX		262144	/* octets of one PEM file of a record */
#define PROTO_DIGEST_LEN	32	/* SHA-256 */
#define PROTO_TEXT_SIZE		256	/* human-readable reason, already vis-encoded */
#define PROTO_RECORD_SIZE	448	/* "account/record" for logs and the trace field */
#define PROTO_LINK_SIZE		160	/* name in the spool, which is the file's name in new/ too */
#define PROTO_DEST_SIZE		512	/* directory below the mail root, e.g. example.org/anna/.Lists */
#define PROTO_DIR_SIZE		384	/* account's directory below the mail root: domain/local-part */
#define PROTO_MAILBOX_SIZE	128	/* Maildir++ folder: "Lists/bsd" or "Lists.bsd" */
#define PROTO_ADDR_SIZE		330	/* local-part@domain */
#define PROTO_SENDER_SIZE	776	/* reverse-path without brackets */
#define PROTO_MSGID_SIZE	256	/* Message-ID without brackets, vis-encoded; a longer one is cut */
#define PROTO_CLIENT_SIZE	48	/* numeric address of who gave a message to the provider */
#define PROTO_CIPHER_SIZE	48	/* a cipher suite, as OpenSSL names it */
#define PROTO_FIELD_SIZE	78	/* header field name */
#define PROTO_SPECIAL_SIZE	256	/* names of header fields, separated by spaces */
#define PROTO_DOMAINS_SIZE	1001	/* names of domains, separated by spaces */
#define PROTO_PREFIX_SIZE	64	/* before local parts */
#define PROTO_PINS_MAX		8	/* SHA-256 pins of one record */
#define PROTO_CIPHERS_SIZE	512	/* names of TLS ciphers, as column tls_ciphers has them */
#define PROTO_TRIED_SIZE	2048	/* where a message would go and why: lines of printable ASCII */
#define PROTO_ORIGIN_SIZE	512	/* which mailbox a state comes from, in words */
#define PROTO_SOCKET_SIZE	108	/* path of a socket */
#define PROTO_FRAME_MAX		16000	/* octets in one packed frame */

enum imsg_type {
	IMSG_NONE = 0,
#define MESSAGE(type, way, payload, descriptor)	type,
#include "messages.h"
#undef MESSAGE
	IMSG_MAX
};

enum fail_why {			/* what kind of failure; decides back-off and wording */
	WHY_NONE = 0,
	WHY_DNS_TEMP, WHY_DNS_PERM,
	WHY_REFUSED, WHY_UNREACHABLE, WHY_TIMEOUT,
	WHY_TLS,		/* handshake or certificate */
	WHY_AUTH,		/* login refused */
	WHY_BUSY,		/* mailbox locked, try later */
	WHY_PROTO,		/* the server broke the protocol */
	WHY_CLOSED,		/* connection lost */
	WHY_CONFIG,		/* this record cannot work as written */
	WHY_LOCAL_TEMP,		/* our side: disk full, I/O error, process died */
	WHY_STOPPED,
	WHY_TOO_SOON,		/* LOGIN-DELAY: the server wants fewer logins (RFC 2449) */
	WHY_ALERT,		/* the server has a text for the user and refuses until it is read; the credentials are fine */
	WHY_SERVER_TEMP,	/* SYS/TEMP: the server's trouble, will pass (RFC 3206) */
	WHY_SERVER_PERM,	/* SYS/PERM: the server's trouble, needs somebody there */
	WHY_SELF,		/* the address is one of this machine's own */
	WHY_POLICY,		/* the address is not for self-service records; one neutral text */
	WHY_TOKEN_TEMP,		/* no access token now */
	WHY_TOKEN_PERM,		/* the grant is gone: suspended until the row changes */
	WHY_RENUMBERED,		/* the server has renumbered its messages; the administrator decides */
	WHY_CROWDED,		/* no progress while others waited for a processor */
	WHY_BUDGET,		/* our side: other sessions have listed too many messages just now */
	WHY_MAX
};

/* Where in a poll a failure happened. */
enum fetch_stage { STAGE_CONNECT, STAGE_TLS, STAGE_GREETING, STAGE_CAPA, STAGE_LOGIN, STAGE_LIST, STAGE_RETR, STAGE_DELE,
	STAGE_QUIT, STAGE_DELIVER, STAGE_TOKEN, STAGE_MAX };

enum tls_mode { TLS_MODE_TLS = 1, TLS_MODE_STLS, TLS_MODE_NONE };
enum pem_kind { PEM_CA, PEM_CERT, PEM_KEY, PEM_MAX };	/* IMSG_FETCH_CA + kind carries it */
/* AUTO: what the server offers, best first, as the record allows.  Names: auth_mech_str(). */
enum auth_mech { AUTH_AUTO = 1, AUTH_EXTERNAL, AUTH_OAUTHBEARER, AUTH_XOAUTH2, AUTH_SCRAM_SHA_256, AUTH_SCRAM_SHA_1, AUTH_CRAM_MD5,
	AUTH_PLAIN, AUTH_LOGIN, AUTH_USER, AUTH_APOP, AUTH_NTLM, AUTH_MSN, AUTH_MAX };
enum dist_mode { DIST_OWNER = 1, DIST_FIELD, DIST_STAR, DIST_SUBMIT }; /* personal; special header; To/Cc/Bcc; sent here */
enum notify { NOTIFY_NEVER = 0, NOTIFY_FAILURE };	/* DSN's NOTIFY (RFC 3461) of a recipient */
enum quarantine_act { QUARANTINE_LIST = 1, QUARANTINE_SHOW, QUARANTINE_RELEASE, QUARANTINE_DROP };

struct msg_log {
	uint32_t	 level;			/* enum log_level */
	char		 text[512];
};

struct msg_fork_exit {
	uint32_t	 id;			/* from IMSG_FORK */
	uint32_t	 signaled;		/* 1: code is a signal number, 0: exit status */
	uint32_t	 code;
};

/* messages.c */
struct message_kind {
	const char	*name;			/* without IMSG_ */
	size_t		 min, max;		/* octets of the payload */
	int		 fd;			/* 0, 1, or MESSAGE_FD_MAYBE */
};

#define MESSAGE_FD_MAYBE	2	/* the handler looks for a descriptor */

const struct message_kind	*message_kind(uint32_t type);	/* NULL: no message has that number */
const char		*message_name(uint32_t type);	/* never NULL, so that a peer's nonsense can be logged */
uint32_t		 message_version(void);		/* equal in programs that have the same list of messages */

/* proto.c: names are never NULL; the checks return 1 or 0 */
const char	*fail_why_str(uint32_t);
const char	*fetch_stage_str(uint32_t);
const char	*tls_mode_str(uint32_t);	/* as in column tls */
const char	*auth_mech_str(uint32_t);	/* as in column auth */
int		 proto_str(const char *, size_t);	/* the array holds a NUL */
int		 proto_text(const char *, size_t);	/* it does, and no control characters ahead of that */
int		 proto_visible(const void *, size_t);	/* all octets are 0x21..0x7e */
int		 proto_client(const char *, size_t);	/* it does, and nothing or a numeric address ahead of that */

#endif
