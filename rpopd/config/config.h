/* SPDX-License-Identifier: ISC */
/*
 * The administrator's word: the command line, and rpopd.db behind a narrow C view, read-only, no lock and no page of it kept
 * between uses; nothing outside this room reads it.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "common/ipc/proto_popd.h"
#include "common/ipc/proto_sender.h"
#include "common/verifier.h"
#include "common/route/route.h"

/* options.c: how the daemon was started. */
struct options {
	const char	*store;		/* path of rpopd.db */
	const char	*libexec;	/* dialer, fetcher, deliverer */
	const char	*rundir;	/* control socket and jails */
	const char	*backup;	/* directory that both stores are to be copied to; NULL: none */
	const char	*domain;	/* main domain of a store to be made; NULL: it has none yet */
	int		 debug, verbose, check, once, no_seccomp, declare, create;
	const char	*hook_process, *hook;	/* test builds: -K process:point */
	const char	*probe_process, *probe;	/* test builds: -P process:what */
	const char	*fault_process, *fault;	/* test builds: -F process:call, in the first process of its kind */
};

extern struct options	 options;
void	 options_parse(struct options *, int, char **);
void	 options_state_path(char *, size_t);	/* of state.db, beside rpopd.db */

/* --- config/load.c, config/secret.c: rpopd.db --- */

enum pop_clear { POP_CLEAR_NEVER, POP_CLEAR_LOCAL, POP_CLEAR_ALWAYS };	/* LOCAL: from addresses of the loopback interface */

struct settings {
	char		 mail_root[1024];
	char		 ca_dir[1024];		/* hashed directory of CA certificates (openssl rehash) */
	char		 hostname[PROTO_HOST_SIZE];	/* empty in the store: gethostname() */
	char		 nameservers[256];	/* "ip[:port],..."; empty: resolv.conf */
	uint32_t	 processors;		/* concurrent sessions, 0: none */
	uint32_t	 use_apop;		/* 0: no record logs in by APOP */
	uint32_t	 idle_timeout;		/* s */
	uint32_t	 session_timeout;	/* s */
	uint32_t	 delay_failed_hosts;	/* s, first back-off of a host that could not be reached; doubles */
	uint32_t	 delay_failed_accounts;	/* s, first back-off of a record that failed; doubles */
	uint32_t	 host_sessions;		/* sessions at once with one host and port */
	uint32_t	 use_domain_addresses;	/* personal records connect from their domain's addresses */
	uint32_t	 self_poll;		/* addresses of this machine may be polled */
	enum log_level	 log_level;		/* what is logged */
	const char	*schedule;		/* when records are polled; "": always */
	const char	*source;		/* numeric addresses to connect from, by commas, one for each family; "": any */
	const char	*socks;			/* SOCKS5 server, ip:port or [v6]:port; "" = none */
	const char	*main_domain;		/* "": none */
	uint32_t	 postmaster;		/* account id: fallback of unified records; 0: none, then no record is unified */
	uint32_t	 report_nexthop;	/* id: reports of failures are handed on there; 0: none */
	const char	*archive;		/* address that gets a copy of every message; "": none */
	char		 detail;		/* between user and detail in addresses; NUL: none */
	uint32_t	 hop_limit;		/* Received fields; more is a loop */
	uint32_t	 keep_state_days;	/* state of mailboxes that no record names any more */
	uint32_t	 queue_age;		/* s a recipient may wait for its next hop */
	uint32_t	 queue_limit;		/* recipients that may wait; with more nothing is polled */
	uint32_t	 min_free;		/* MiB of a file system; with less nothing is polled; 0: whatever there is */
	uint32_t	 history_days;		/* what became of each message is kept; 0: it is not */
	uint32_t	 user_min_period;	/* s, the least that users may set for records of their own */
	uint32_t	 user_max_records;	/* that a user may have of his own */
	char		 unified_field[PROTO_FIELD_SIZE];	/* names, in a unified account's mail, the addresses that it came for */
	uint32_t	 pop_channels;		/* sessions of mail programs at once; 0: nothing listens */
	uint32_t	 pop_per_address;	/* of one address */
	uint32_t	 pop_login_delay;	/* s between two logins of an account */
	uint32_t	 pop_idle;		/* s without an octet of the mail program */
	enum pop_clear	 pop_clear;		/* from where passwords may come without TLS */
	uint32_t	 pop_apop;		/* 0: APOP is not offered */
	enum log_level	 pop_log_level;		/* what is logged of mail programs; 0: as log_level and -v have it */
	const char	*pop_auth;		/* who verifies passwords: "store", a socket's path, or POP_AUTH_PROGRAM and a command */
	const char	*pop_auth_user;		/* who runs that; "": the default */
	uint32_t	 pop_source;		/* enum auth_source, of pop_auth */
	uint32_t	 submit_nexthop;	/* id: mail to others that accounts send goes there; 0: none, and nobody sends */
	uint32_t	 submit_limit;		/* messages that an account sends in an hour */
	uint32_t	 submit_recipients;	/* addresses that one is sent to */
	uint32_t	 submit_size;		/* octets of one */
	char		 web_socket[104];	/* that a web server speaks FastCGI to; "": there is no web page */
	char		 web_group[33];		/* whose members may connect to that; "": root alone */
};

#define POP_AUTH_PROGRAM	"checkpassword:"

/* Strings of a config are never NULL; "" stands for the store's NULL.  They live as long as the config. */
struct record {				/* one row of rpop, without its secret */
	const char	*owner;			/* local-part@domain */
	const char	*local_domain;		/* completes bare local parts: the row's own, or the owner's */
	const char	*name;
	const char	*host;			/* lower case, without brackets */
	const char	*user;
	const char	*mailbox;
	const char	*special;		/* "*", or names of fields, single spaces between */
	const char	*trusted_hop, *strip_prefix, *domains;	/* "" = NULL */
	uint32_t	 special_nth;		/* 0 = all */
	uint32_t	 account;		/* id of the owner */
	uint32_t	 period;		/* s; 0 = disabled (NULL in the store) */
	enum dist_mode	 mode;
	enum tls_mode	 tls;
	uint16_t	 port;			/* explicit, or 110 / 995 by tls */
	uint8_t		 leave, apop, rset;
	uint8_t		 self_service;		/* written by its owner: public addresses only */
	uint8_t		 received_for;		/* without an address in special, that of the provider's Received field */
	uint8_t		 suppress;		/* no second copy to the same recipient; unified modes */
	uint8_t		 mark_first;		/* what is there at the first poll counts as delivered */
	uint8_t		 headers_only;		/* of messages over max_size; else they are skipped */
	uint8_t		 tls_min;		/* 10 to 13 for TLS 1.0 to 1.3; 0: the library's default */
	uint8_t		 npins;
	enum auth_mech	 auth;
	uint32_t	 leave_days;		/* 0 = as long as the server keeps them */
	uint32_t	 max_size;		/* octets, 0 = any */
	uint32_t	 session_messages;	/* at most in one session, 0 = all */
	uint64_t	 session_octets;	/* at most in one session, 0 = all; one message may pass it */
	const uint8_t	*pins;			/* npins * PROTO_DIGEST_LEN octets */
	const char	*tls_ciphers, *tls_name, *ca_file, *tls_cert, *tls_key;
	const char	*schedule;		/* of the record, beside the settings': both must permit a poll; "": none */
	const char	*source;		/* addresses to connect from: its domain's or the settings' */
	const char	*token_command, *token_user;	/* argv by spaces; "" = none */
	const struct oauth_row *client;		/* NULL = none; the refresh token stays in the store */
};

struct window {				/* a row of schedule; windows of one name are neighbours, by name, in config.windows */
	const char	*name;
	uint8_t		 days;			/* bit 0 = Monday ... bit 6 = Sunday: the day it begins */
	uint16_t	 begins, ends;		/* minutes of the day; ends <= begins: on the next day; ends may be 1440 */
	uint32_t	 pause;			/* s, least time between two polls of a record */
};

struct oauth_row {			/* a row of oauth_client, without its secret */
	const char	*name, *client_id, *scope, *ca_file;	/* "" for NULL */
	const char	*host, *path;		/* of token_url; path with its query, begins with / */
	const char	*device_host, *device_path;	/* of device_url, likewise; "" for NULL */
	uint16_t	 port, device_port;
	uint8_t		 client_credentials;	/* else refresh_token */
};

#define NEXTHOP_NAME_MAX	65	/* with its NUL */

struct nexthop_row {			/* a row of nexthop, without its password */
	uint32_t	 id;			/* of table hop in state.db, once state_hops() has given it; before that, as row */
	uint32_t	 row;			/* column id in rpopd.db */
	const char	*name;
	const char	*host;			/* lower case, without brackets; "": it is reached by path */
	const char	*path;			/* of a socket in the file system; "": none */
	const char	*tls_name, *ca_file;	/* "" for NULL */
	const char	*user;			/* to log in as, with a password; "" = does not log in */
	const char	*helo;			/* "" = settings.hostname */
	enum send_protocol protocol;
	enum tls_mode	 tls;
	enum null_sender null_sender;
	uint16_t	 port;			/* explicit, or 24 (LMTP), 25, 465 (SMTP with tls) */
	uint8_t		 xclient, keep_trace;
	const char	*bounce_to;		/* address here that hears of what must not be reported; "" = none */
	uint32_t	 connections;		/* at once */
	uint32_t	 timeout;		/* s */
};

struct listener_row {			/* a row of listener, by address and port */
	const char	*address;		/* numeric, without brackets; "*": all */
	const char	*cert, *key;		/* "" for NULL */
	enum tls_mode	 tls;
	uint16_t	 port;
	uint32_t	 channels;		/* sessions at once */
};

struct certificate_row {		/* a row of certificate, by address, port and cert: a further one of a listener with TLS */
	const char	*address;
	const char	*cert, *key;
	uint16_t	 port;
};

struct acl_row {			/* a row of acl, by owner, folder and who */
	const char	*owner, *folder, *who;
	uint32_t	 rights;		/* POP_RIGHT_* */
};

struct home {				/* a domain with addresses of its own */
	const char	*domain, *addresses;	/* numeric, by commas */
};

struct domain_reader {			/* an administrator of a domain who reads the mail there; by account and domain */
	const char	*account, *domain;
};

struct pop_account {			/* what a row of account says of reading mail with POP3 */
	uint32_t	 account;		/* id */
	uint8_t		 pop;			/* 0: its mail is not read so */
	uint8_t		 submit;		/* 1: its owner may send mail, too */
	uint32_t	 login_delay;		/* s */
	uint32_t	 sessions;		/* at once */
	uint32_t	 expire_days;		/* UINT32_MAX: never */
};

struct config {				/* everything of one good load; config_free() */
	struct settings		 settings;
	struct record		*records;
	size_t			 nrecords;
	struct route_table	*routes;	/* domains, accounts, rows of table route */
	struct nexthop_row	*nexthops;
	size_t			 nnexthops;
	struct window		*windows;
	size_t			 nwindows;
	struct oauth_row	*clients;
	size_t			 nclients;
	size_t			 nlogins;	/* accounts with a password; where somebody else verifies them, all */
	uint32_t		 login_kinds;	/* bit mask of 1u << enum verifier_kind: of the store's passwords, if these count */
	struct listener_row	*listeners;
	size_t			 nlisteners;
	struct certificate_row	*certificates;
	size_t			 ncertificates;
	struct acl_row		*acl;
	size_t			 nacl;
	struct home		*homes;		/* in the order of their names */
	size_t			 nhomes;
	struct domain_reader	*readers;
	size_t			 nreaders;
	struct pop_account	*pops;		/* accounts that are not as config_pop() has it for most, by id */
	size_t			 npops;
	int			 needs_ca_dir;	/* some server's certificate is verified by ca_dir */
	/* Complaints about files outside the store; those records will fail, the rest work. */
	uint32_t		 unsound;
	struct arena		*arena;		/* the strings; private to config/load.c */
};

typedef void	(*store_complain)(void *arg, const char *sentence);	/* one bad row, its table and key, and the remedy */

/*
 * Read and validate everything in one read transaction.  Returns a config, or NULL after every bad row was named to complain.
 * Checks file owner and mode (root's, closed to others), application_id, user_version, integrity, foreign keys, and each field.
 */
struct config	*config_load(const char *path, store_complain, void *arg);
void		 config_free(struct config *);

/*
 * image.c: the store as it is in force, in memory: as it was loaded, with each change since then that was made through the
 * daemon.  Edits of an administrator that were not loaded yet are not in it, and no secret is: {PLAIN}* stands in the place of
 * each, or what has the form of an account's verifier.
 */
struct image;
struct kept;
struct sqlite3;
struct sqlite3_stmt;
int		 config_is_store(struct sqlite3 *, const char *path, char *err, size_t errsize);	/* 1, or 0 and a sentence */
/* As config_load(), and *image is a copy of what was loaded, for image_free(); unchanged if NULL is returned. */
struct config	*config_load_image(const char *path, store_complain, void *arg, struct image **image);
/* A configuration of what is in the image; path is the store's, for sentences.  As config_load(). */
struct config	*image_load(struct image *, const char *path, store_complain, void *arg);
struct sqlite3	*image_db(struct image *);
/*
 * Copies those rows of the table that where, a condition, names in the store; the image has none of them yet.  bind() binds the
 * condition's parameters.  The statements are among those kept then.  0, or -1: no memory, or the store cannot be read.
 */
int		 image_copy(struct image *, struct kept *, struct sqlite3 *store, const char *table, const char *where,
		    void (*bind)(struct sqlite3_stmt *, void *), void *arg);
void		 image_free(struct image *);		/* NULL: nothing */
/*
 * The password of one record into secret (size PROTO_SECRET_MAX); length, or -1 (row gone or edited since the load, or error;
 * sentence in err).  The caller wipes it.  No page of the store stays in memory.
 */
ssize_t		 config_secret(const char *path, const struct record *, uint8_t *secret, char *err, size_t errsize);

const struct nexthop_row *config_nexthop(const struct config *, uint32_t id);	/* NULL: none */
/* The password of a next hop, as config_secret() gives one of a record. */
ssize_t		 config_nexthop_secret(const char *path, const struct nexthop_row *, uint8_t *secret, char *err, size_t errsize);

struct grant_secret {			/* what a token request needs; the caller wipes it */
	uint8_t		 origin[PROTO_DIGEST_LEN];	/* names the grant: digest of the refresh token, or of the client */
	uint8_t		 cause[PROTO_DIGEST_LEN];	/* digest of everything that a refusal could be about */
	uint8_t		 refresh[PROTO_TOKEN_MAX];	/* the administrator's */
	uint8_t		 client[PROTO_SECRET_MAX];
	size_t		 refresh_len, client_len;
};
/* The grant of a record that has a client.  0, or -1: as config_secret(). */
int		 config_grant(const char *path, const struct record *, struct grant_secret *, char *err, size_t errsize);
/* The client's secret for a login that is to bring a refresh token; the rest of g is zeroes.  0, or -1: as config_secret(). */
int		 config_grant_client(const char *path, const struct record *, struct grant_secret *g, char *err, size_t errsize);
void		 config_origin(const uint8_t *refresh, size_t, uint8_t *origin);	/* as grant_secret.origin */
/* The origin of every grant of the store; cb returns 0 to go on.  0/-1. */
int		 config_origins(const char *path, int (*cb)(void *, const uint8_t *), void *arg);
/* A number that changes whenever somebody commits to the file; 0 if unknown. */
uint64_t	 config_version(const char *path);

/*
 * Host and port of a record, as its columns domain and tls say.  1, or 0: domain is not host, host:port, [v6] or [v6]:port, or
 * longer than that can be.
 */
int		 config_where(const char *domain, enum tls_mode, char *host, size_t hostsize, uint16_t *port);

struct pop_account	config_pop(const struct config *, uint32_t account);	/* what counts for this account */
/* The domain that has this numeric address, if it is one domain; else the main domain, "" if there is none. */
const char	*config_home(const struct config *, const char *address);
/*
 * The directory of a folder ("", INBOX, Lists/bsd, Lists.bsd) of an account, which is below its own dir.  0, or -1: it is no
 * folder's name.
 */
int		 config_folder(const struct route_account *, const char *folder, char *dir, size_t size);
/* The rights (POP_RIGHT_*) of an account, by its address, in a folder of another one, or his own; INBOX is called so. */
uint32_t	 config_acl(const struct config *, const char *owner, const char *folder, const char *who);

/* --- pem.c: files that records and listeners name --- */

struct pem {
	uint8_t		*data;
	size_t		 len;			/* 1..PROTO_PEM_MAX; 0: none */
};
int	 pem_read(enum pem_kind, const char *path, struct pem *, char *err, size_t errsize);
int	 pem_of(const struct record *, enum pem_kind, struct pem *, char *err, size_t errsize);
int	 pem_sound(const struct record *, char *err, size_t errsize);
int	 pem_listener(const struct listener_row *, struct pem *cert, struct pem *key, char *err, size_t errsize);
int	 pem_pair(const char *cert_path, const char *key_path, struct pem *cert, struct pem *key, char *err, size_t errsize);
void	 pem_free(struct pem *);


/*
 * schedule.c: minutes of the week, in local time, in which polling is permitted.  What counts is what a clock on the wall shows:
 * an hour that is left out in spring permits nothing, one that comes twice in autumn permits twice.
 */
#define SCHEDULE_NEVER		INT64_MAX
#define SCHEDULE_MINUTES	(7 * 24 * 60)

struct schedule {
	uint8_t			 minutes[SCHEDULE_MINUTES / 8];
	const struct window	*windows[2];	/* of both names, in the config */
	size_t			 n[2];
};

/* "" permits everything; two names permit what both do. */
void		 schedule_init(struct schedule *, const struct config *, const char *, const char *);
/* The first second (epoch) from `at` on that is permitted, or is not; SCHEDULE_NEVER: none. */
int64_t		 schedule_opens(const struct schedule *, int64_t at);
int64_t		 schedule_closes(const struct schedule *, int64_t at);
/* Least seconds between two polls of a record, in the windows that permit `at`; 0 if none does. */
uint32_t	 schedule_pause(const struct schedule *, int64_t at);

/* --- login.c --- */

struct login {				/* what an account's password is compared with */
	int		 stand_in;	/* 1: the account has none, or does not exist: no password fits */
	size_t		 len;
	uint8_t		 verifier[VERIFIER_MAX];
};

int	 config_login(const char *path, const char *address, struct login *, char *err, size_t errsize);
void	 config_login_key(const uint8_t key[PROTO_DIGEST_LEN]);
int	 config_stand_in(const char *path, const char *name, struct login *, char *err, size_t errsize);

/* --- decide.c: whether the routing table gives what the deliverer says of a recipient --- */

struct decider;
struct msg_rcpt;
struct route_table;

struct origin {				/* the record that a message comes from, as it was when its session began */
	uint32_t	 account;	/* its owner's id */
	int		 personal;
	int		 accounts_only;	/* by To, Cc and Bcc */
	char		 folder[PROTO_MAILBOX_SIZE];	/* personal; "": normal delivery */
	uint32_t	 nexthop;	/* id: takes mail to any domain that is not here; 0: none, it is nothing that was sent */
};

struct decider	*decide_new(const struct route_table *, const char *archive);
void		 decide_free(struct decider *);
int		 decide_rcpt(const struct decider *, const struct origin *, const struct msg_rcpt *);	/* 1: so it is, 0: not */
int		 decide_form(const char *dir);	/* 1: it may be, or may have been, a directory of some account's mail; 0: not */

/* A good load: its configuration, for as long as it is the running one or somebody holds it. */
struct routing {
	struct config	*config;
	struct decider	*decider;
	uint32_t	 refs;
};
struct routing	*routing_new(struct config *);	/* NULL: memory; else config is its own */
struct routing	*routing_hold(struct routing *);
void		 routing_release(struct routing *);	/* NULL: nothing */

/* running.c: what the daemon runs on, and when it was loaded. */
extern struct config	*config_running;	/* the last good load */
extern struct routing	*config_routing;	/* and its routing */
extern struct image	*config_image;		/* and the store as it was then; NULL: rows are not changed through this daemon */
extern int64_t		 config_loaded;		/* when it was loaded, epoch */
extern uint64_t		 config_loaded_version;	/* config_version() of the file at that time */
extern char		 config_load_error[PROTO_TEXT_SIZE];	/* why a later load was refused; "": none was */

#endif
