/* SPDX-License-Identifier: ISC */
/*
 * The deliverer takes messages from fetcher sessions, decides who gets them, keeps them in the spool until the master has
 * committed, and moves them into Maildirs.  It has no network, no SQL and no secrets; its root is the mail root.
 */
#ifndef DELIVERER_H
#define DELIVERER_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/mail/mailaddr.h"
#include "common/ipc/proto_deliverer.h"
#include "common/ipc/proto_pipe.h"
#include "common/ipc/rules.h"
#include "common/route/route.h"
#include "common/route/strset.h"
#include "header.h"

#define REASON_SIZE	200

/*
 * routes.c: the routing table, which is replaced as a whole.  Accounts are sent first, then domains, then rows.  What is found in a
 * table is valid until the next one is complete.  Ahead of the first table these functions return NULL, 0, "".
 */
int	 routes_start(const struct msg_route_start *);
int	 routes_account(const struct msg_route_account *);	/* -1: hostile or malformed directory */
int	 routes_domain(const struct msg_route_domain *);
int	 routes_rows(const void *frame, size_t len);		/* IMSG_ROUTE_ROWS */
int	 routes_end(const struct msg_route_start *);		/* -1: counts differ, the old table stays */
const struct route_table	*routes_table(void);
const struct route_account	*routes_by_id(uint32_t);
const struct route_account	*routes_postmaster(void);
const char	*routes_hostname(void);
const char	*routes_archive(void);				/* address that gets a copy of everything; "": none */
uint32_t	 routes_hop_limit(void);
const char	*routes_unified_field(void);
const uint8_t	*routes_mark(void);				/* key of the trace mark, PROTO_DIGEST_LEN octets */

/* places.c: where a message goes. */
#define PLACES_SLOTS	8192		/* power of two, well over twice PROTO_RCPT_MAX */

struct place {				/* as in struct msg_rcpt; the strings belong to the list, NULL: none */
	enum rcpt_kind	 kind;
	enum notify	 notify;
	uint32_t	 nexthop;
	int		 plain;		/* dest is the account's own address, without a detail */
	char		*dest, *original, *reason;
	char		*who;		/* the account's Maildir, also if its mail goes another way; NULL: no account's */
	int		 unified;	/* it is in a unified account, and the file names the addresses that led here: */
	struct buf	 names;		/* as a header field has them: commas, one a line */
};

struct places {
	struct place	*list;		/* the places, each once */
	size_t		 n;
	int		 full;		/* 1: there were more than PROTO_RCPT_MAX, or more names of a place than a header can have */
	size_t		 last;		/* index in list of what the last places_add() was about */
	struct strset	 named;		/* the names of all places, each behind its place's index */
	uint16_t	 set[PLACES_SLOTS];	/* hash table of list, by who and by dest: index plus one, 0 is free */
};

int	 places_add(struct places *, const struct place *);	/* copies the strings */
int	 places_account(struct places *, const struct route_account *, const char *folder, const char *address,
	    const char *original, enum notify);
int	 places_name(struct places *, const char *address);
int	 places_quarantine(struct places *, const char *reason);
void	 places_clear(struct places *);
void	 places_free(struct places *);

/* missed.c: addresses that could not be placed, for the postmaster's own copy. */
#define MISSED_MAX	200		/* addresses that are kept; more are only counted */
#define MISSED_SHOWN	50		/* addresses that stand in a header */

struct missed {
	char		**list;		/* the addresses, each once, in printable ASCII */
	struct strset	  set;		/* the addresses in lower case */
	size_t		  n;
	uint32_t	  more;		/* number of addresses beyond MISSED_MAX */
};

int	 missed_add(struct missed *, const uint8_t *, size_t);
int	 missed_who(const struct missed *, const char *dir, char *who, size_t);
int	 missed_write(const struct missed *, struct buf *);
void	 missed_free(struct missed *);

/* address.c: detours, a record's domains, and how an address is written. */
int	 address_source_route(struct mailaddr *);	/* 1: rewritten, 0: nothing to do, -1: no address */
int	 address_permitted(const struct msg_session_open *, const char *domain);
int	 address_wire(const char *address, char *wire, size_t size);

/* recipients.c: who gets the message. */
#define RECIPIENTS_ROWS	65536		/* rows of table route that all addresses of one message may use together */

struct recipients {
	struct places	 places;
	uint32_t	 rows;		/* rows of table route that were used */
	int		 fallback;	/* 1: the postmaster is among them because of reason */
	int		 unfound;	/* 1: a special field was looked for, and none counted */
	struct missed	 missed;	/* the addresses because of which the postmaster is among them */
	size_t		 postmaster;	/* with fallback: index of his place in the list */
	int		 loop;		/* 1: the message goes into quarantine because of reason */
	char		 reason[REASON_SIZE];	/* in printable ASCII; empty: there is neither */
	char		 mark[MARK_SIZE];	/* the trace mark that is put into the message; empty: none */
	char		 sender[PROTO_SENDER_SIZE];	/* "" = null reverse-path */
	/* Numeric address of the host that gave the message to the trusted hop; empty: not known. */
	char		 client[PROTO_CLIENT_SIZE];
	struct buf	 note;		/* how it was decided: lines of printable ASCII, fewer than PROTO_NOTE_SIZE octets */
	/* Of what is sent: */
	char		 refusal[PROTO_TEXT_SIZE];	/* why nobody gets it, in printable ASCII; empty: it goes */
	char		 date[64];	/* what Date and Message-ID are to be, the latter without brackets; empty: it has them */
	char		 msgid[PROTO_MSGID_SIZE];
};
/*
 * Decides by a header that is finished, or too big.  0; -1: there is no memory, or no table, or the record's owner is no longer in
 * it, and the message stays on the server.  The caller frees the result, also after -1.
 */
int	 recipients_decide(const struct msg_session_open *, const struct header *, struct recipients *);
void	 recipients_free(struct recipients *);

/* submit.c: what a client of popd sends. */
/* Judges the header but for its recipients, and finds the reverse-path.  0: to->refusal may say why not; -1: as above. */
int	 submit_judge(const struct msg_session_open *, const struct header *, struct recipients *);
/* Fills in what the header lacks. */
void	 submit_complete(const struct msg_session_open *, const struct header *, struct recipients *);
/* Refuse it: the first word counts.  submit_unread(): something is no address. */
void	 submit_unread(struct recipients *, const char *where, const uint8_t *, size_t);
void	 submit_refuse(struct recipients *, const char *, ...) __attribute__((__format__(printf, 2, 3)));

/* strip.c: a header without the fields of one name, wherever and however they stand in it. */
struct strip {
	char		 field[PROTO_FIELD_SIZE];
	int		 inside, dropping;
	struct buf	 held;		/* begin of a line that may be such a field */
};
void	 strip_init(struct strip *, const char *field);
/* Appends the octets of a header, with LF at the end of lines, to out, except for those fields.  0, or -1: no memory. */
int	 strip_feed(struct strip *, const uint8_t *, size_t, struct buf *out);
int	 strip_finish(struct strip *, struct buf *out);	/* the header has ended; 0 or -1, and everything is freed */

/* prologue.c: the lines put on top. */
/*
 * Appends Return-Path, the field with names (NULL: none), Received (of this poll), X-Rpopd-Mark and X-Rpopd-Reason to out, the last
 * one with what was missed if missed is set.  0 or -1.
 */
int	 prologue_write(const struct msg_session_open *, uint32_t msgno, const struct recipients *, int missed, const char *names,
	    struct buf *out);
int	 prologue_names(const char *names, struct buf *out);
int	 prologue_header_only(uint32_t size, struct buf *out);	/* X-Rpopd-Reason of a header without its message */
const char	*prologue_date(void);	/* the present time, as RFC 5322 has it */

/* ask.c */
int	 ask_route(const struct msg_route_ask *);	/* answered by IMSG_ROUTE_TOLD; -1: breaks the rules */
void	 tried_tell(const struct msg_session_open *, uint32_t msgno, const struct header *, struct recipients *);

/* spool.c: the files between arrival and commit, and the table of their states. */
#define SPOOL_DIR	"spool"

struct spool_id {			/* what a file name is made of */
	int64_t		 sec;
	uint32_t	 usec, session, msgno;
	const char	*host;		/* encoded; spool.c keeps it for good */
	int		 final;		/* 1: all octets were written, and the name has their number: */
	uint64_t	 octets, wire;	/* S and W, see spool.c */
};
int	 spool_open(int rootfd);	/* opens or creates spool/ below the mail root; 0, or -1 with the reason logged */
void	 spool_close(void);
void	 spool_outside(const char *root, const char *owner);	/* names of the mail root and its user, for error texts */
void	 spool_explain(const char *path, const char *step, int error, char *text, size_t size);
int	 spool_fd(void);
dev_t	 spool_dev(void);
void	 spool_host(const char *);	/* this machine's name, for the names of files from now on */
void	 spool_name(const struct spool_id *, uint32_t rcpt, char *name, size_t size);
int	 spool_parse(const char *name, struct spool_id *, uint32_t *rcpt);	/* 0, or -1: no name of the spool */
int	 spool_create(struct spool_id *, uint32_t session, uint32_t msgno);	/* descriptor of link 0, or -1 and errno */
/* A further file of a message, whose nth it is, in place of a link: its descriptor, or -1 and errno. */
int	 spool_further(const struct spool_id *, uint32_t nth, uint32_t rcpt, struct spool_id *);
int	 spool_read(const struct spool_id *, uint32_t rcpt);	/* a descriptor to read its file by, or -1 and errno */
/* LFs that have no CR ahead of them; before: the octet ahead of the first one. */
uint64_t spool_bare(const void *, size_t, uint8_t before);
/*
 * Gives the file of that number its final name, for so many octets and bare LFs, and notes them in the id.  0, or -1 and errno: it
 * has the name that it had.
 */
int	 spool_final(struct spool_id *, uint32_t rcpt, uint64_t octets, uint64_t bare);
int	 spool_link(const struct spool_id *, uint32_t from, uint32_t rcpt);	/* one more name for a link; 0, or -1 and errno */
void	 spool_remove(const struct spool_id *, uint32_t links);	/* links 0..links-1, the last one first */
void	 spool_unlink(const struct spool_id *, uint32_t rcpt);
int	 spool_has(const char *name);	/* 1: the spool has this name, 0 */
void	 spool_drop(const char *name);
int	 spool_sync(void);		/* fsync of the directory; 0, or -1 and errno */
int	 spool_each(int (*cb)(void *, const char *name), void *arg);	/* 0, or -1: it cannot be read */

/* set_aside.c: files that no row knows. */
#define SET_ASIDE_DIR	"aside"		/* below the spool */
int	 set_aside_put(const char *link);	/* sets aside a link of the spool and tells the master; 0, or -1 and errno */
void	 set_aside_list(void);		/* tells the master all files that are set aside */
void	 set_aside_close(void);
int	 set_aside_open(const struct msg_set_aside_act *, struct msg_spool_opened *);	/* as queue_open() */
int	 set_aside_act(const struct msg_set_aside_act *);	/* RELEASE or DROP, durably; 0, or -1 and errno */

/* maildir.c: directories that mail goes to, each known once, of which a bounded number is open. */
#define MAILDIR_OPEN_MAX	64
struct maildir;
int	 maildir_init(int rootfd);	/* after spool_open(); 0/-1 */
void	 maildir_exit(void);
int	 maildir_folder(const char *mailbox, char *folder, size_t size);	/* "A/B" or "A.B" to ".A.B", INBOX to ""; 0/-1 */
/*
 * The Maildir at a path below the mail root, made (0700, durable) if it is missing, with its new/ open and on the spool's file
 * system.  NULL: errno, and the step that failed in err.  The caller owes a maildir_release().
 */
struct maildir	*maildir_get(const char *path, char *err, size_t errsize);
struct maildir	*maildir_ref(const char *path);	/* the Maildir without a look at the disk; NULL: no memory, or a hostile path */
void	 maildir_release(struct maildir *);
const char	*maildir_path(const struct maildir *);
/*
 * Moves a file from the spool to new/ under the same name.  1: moved; 0: it is not in the spool, having been moved earlier; -1 and
 * errno.  A directory that was removed meanwhile is made again.
 */
int	 maildir_take(struct maildir *, const char *name);
/* Moves a file of the directory dir, to a Maildir of maildir_get(). */
int	 maildir_put(struct maildir *, int dir, const char *name);
/* Calls fsync(2) once for each new/ that got a file since the last call.  0, or -1: at least one failed, which is logged. */
int	 maildir_sync(void);
int	 maildir_nopen(void);
int	 maildir_has(const char *path, const char *name);
int	 maildir_root(void);		/* descriptor of the mail root */
/* Is called when mail begins to wait for a directory; error 0: no longer. */
void	 maildir_on_place(void (*)(const char *path, int error));

/* sync_linux.c, sync_posix.c: many files become durable at once. */
struct sync_item {
	int	 fd;
	int	 error;			/* result: 0 or an errno, after which the descriptor is not to be used again */
};
void	 sync_init(void);		/* ahead of the lock-in */
void	 sync_start(int fd, off_t off, off_t len);	/* starts writing back, and does not wait */
void	 sync_files(struct sync_item *, size_t);	/* octets and metadata of each file are durable, or it has an error */

/* batch.c: group commit. */
#define BATCH_MESSAGES	256		/* a batch ends at this many messages, */
#define BATCH_OCTETS	(16 * 1048576)	/* or octets, */
#define BATCH_LINKS	4096		/* or recipients; with those of one more message still PROTO_BATCH_RCPTS */
#define BATCH_GRACE	1		/* or ms without a further message */
#define BATCH_SETTLE	10		/* ms without a batch until renames are made durable on their own */
#define BATCH_RETRY	5		/* s between tries to move what could not be moved */
/* Messages waiting for RECEIPT_COMMITTED above which no pipe is read; at half of it pipes are read again. */
#define BATCH_INFLIGHT	1024
/* Further files of one message that wait for its batch; those beyond are made durable at once. */
#define BATCH_FURTHER	16

#define ROOTMARK_SECONDS	5		/* s until the counter in the mail root is made durable, if no batch does it */

/* rootmark.c: the mail root's file .rpopd. */
int	 rootmark_open(int rootfd, const struct msg_root_identity *);	/* 0, or -1: not the master's mail root */
void	 rootmark_close(void);
int	 rootmark_counter(uint64_t);
int	 rootmark_item(struct sync_item *);
void	 rootmark_synced(int error);
void	 rootmark_settle(void);
void	 rootmark_started(void);

struct session;

/* A recipient; the nth has link n of the message's file. */
struct rcpt {
	enum rcpt_kind	 kind;
	enum notify	 notify;
	uint32_t	 nexthop;	/* RELAY; QUARANTINE: where it was meant to go, 0: a Maildir */
	struct maildir	*dir;		/* MAILDIR; NULL once moved */
	uint32_t	 file;		/* 0: the message's; else a further one, by its number from 1 */
	int		 missed;	/* 1: the file names the addresses because of which the postmaster has the message */
	/* strings of the message's own, NULL: none */
	char		*dest;		/* not with MAILDIR: as in struct msg_rcpt */
	char		*original, *reason, *who, *names;	/* as in struct place; with names the file has them */
};

/*
 * A further file of a message, with other lines on top, and without what incoming fields say of recipients if it has names.  It is
 * made of the message's file when that is whole.
 */
struct further {
	struct spool_id	 id;
	uint32_t	 rcpt;		/* the first recipient who has it; the others have links */
	int		 fd;		/* -1: it is not made yet, or durable */
	int		 made;
	struct buf	 top;		/* the lines on top */
};

struct message {
	TAILQ_ENTRY(message)	 entry;
	struct session		*session;	/* NULL when its receipt was sent */
	struct spool_id		 id;
	int			 fd;		/* -1 when it is durable */
	uint64_t		 octets;	/* as received */
	uint64_t		 written;	/* octets written to the file */
	uint64_t		 bare;		/* LFs that were put into it without a CR ahead */
	uint8_t			 last;		/* the octet that was put into it last */
	uint64_t		 started;	/* octets whose write-back was started */
	uint8_t			 digest[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];
	uint32_t		 links;		/* names in the spool: 0..links-1 */
	char			 field[PROTO_FIELD_SIZE];	/* that names the addresses, of the table that has decided */
	uint64_t		 top, head;	/* octets of its file up to the end of the lines on top, and of the header */
	struct further		*further;	/* nfurther of them */
	uint32_t		 nfurther;
	uint32_t		 nrcpt, fallback, unfound;
	struct rcpt		*rcpts;		/* nrcpt of them; the first one has the message's file */
	struct rcpt		 single;	/* room for the usual case */
	uint8_t			 identity[PROTO_DIGEST_LEN];	/* all zero: copies are not suppressed */
	char			 client[PROTO_CLIENT_SIZE];	/* as in struct recipients */
	char			 msgid[PROTO_MSGID_SIZE];	/* as in struct msg_receipt */
	char			*sender, *note;	/* note NULL: nothing is remembered of why */
};

/* message.c */
struct message	*message_new(struct session *, uint32_t session, uint32_t msgno);	/* makes its file, too; NULL and errno */
int	 message_recipients(struct message *, uint32_t);	/* room in rcpts; 0/-1 */
int	 message_decided(struct message *, struct recipients *, int noted, char *err, size_t errsize);	/* 0/-1 */
int	 message_final(struct message *);	/* everything is written: its file gets its final name; 0, or -1 and errno */
/* Makes all further files and links.  0, or -1 and errno, and step is the step that failed. */
int	 message_links(struct message *, const char **step);
void	 message_receipt(const struct message *);
void	 message_decide(struct message *, const uint8_t *verdicts);
int	 message_move(struct message *);
void	 message_free(struct message *);
void	 message_drop(struct message *);	/* removes its files and frees it */
void	 message_writeback(struct message *);	/* starts writing back, and does not wait */

/* further.c */
int	 further_make(struct message *, struct further *, const char **step);	/* 0, or -1 and errno, and the step that failed */

void	 batch_init(void);
void	 batch_exit(void);
void	 batch_add(struct message *);		/* a message that is complete, written and linked; the batch owns it from now on */
void	 batch_close(void);			/* makes the open batch durable and sends its receipts */
/* One for each recipient; 0, or -1: they are not what is due. */
int	 batch_committed(uint32_t id, uint32_t count, const uint8_t *verdicts);
void	 batch_settle_soon(void);		/* something was moved */
void	 batch_settle_by(int seconds);		/* something has to be durable by then */
int	 batch_full(void);			/* 1: more than BATCH_INFLIGHT messages are in flight */
int	 batch_idle(void);			/* 1: there is no batch of any kind */

/* queue.c: links that the master has rows for. */
int	 queue_hold(const char *link);		/* ahead of recover_end(); 0, or -1: it is no link */
int	 queue_holds(const char *link);
void	 queue_wait(struct maildir *, const char *link);	/* during the start */
uint32_t queue_release(void);			/* the start is over; returns how many links were held */
/* Returns a descriptor, or -1, and answer->error says why. */
int	 queue_open(const struct msg_link *, struct msg_spool_opened *);
int	 queue_open_at(int dir, const char *name, uint32_t id, struct msg_spool_opened *);
void	 queue_remove(const char *link);
int	 queue_move(const struct msg_rcpt *);	/* SPOOL_MOVED follows; 0, or -1: no link or no Maildir */
void	 queue_settle(int durable);		/* from batch.c: what was moved so far is durable, or (0) may not be */
void	 queue_exit(void);

/* ingest.c: message pipes. */
struct session	*ingest_open(const struct msg_session_open *, int fd);	/* fd is consumed; NULL on failure */
struct session	*ingest_find(uint32_t);
void	 ingest_receipt(struct session *, struct message *);	/* its receipt, or refusal, was sent; NULL is fine */
void	 ingest_pause(int);				/* 1: no pipe is read; 0: all are */
void	 ingest_exit(void);

/* notice.c, dsn.c: messages of the deliverer's own; notices, and delivery status notifications. */
#define NOTICE_SESSION	0		/* the session in the spool names of notices and DSNs; no session has it */
int	 notice_deliver(const struct msg_notice *, struct msg_notice_made *);	/* 0, or -1: breaks the rules */
/* Appends up to 1023 octets; 0 or -1. */
int	 notice_add(struct buf *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
int	 notice_wrap(struct buf *, size_t column, const char *);
int	 notice_write(int fd, struct spool_id *, struct buf *);	/* the file gets its final name, too */
void	 notice_host(char *, size_t);
int	 dsn_begin(const struct msg_dsn *);	/* 0, or -1: nonsense, or one is under way */
int	 dsn_rcpt(const struct msg_dsn_rcpt *, struct msg_dsn_made *);	/* 1: the last, answer it; 0; -1: not due */

/* recover.c: what earlier lives have left in the spool. */
void	 recover_init(void);
void	 recover_begin(uint32_t life, int proven);	/* as in struct msg_root_identity; without this call nothing is proven */
void	 recover_replay(const struct msg_rcpt *);
void	 recover_spent(const char *link);
void	 recover_end(int sure);		/* all rows were told; 0: some could not be.  master_recovered() follows */

/* orders.c: what the master says.  Some of it may be said only before the replay has ended, some only behind it. */
enum { ORDERS_RECOVERING, ORDERS_RUNNING };	/* states of the channel; it begins in the first */
extern const struct rule	 order_rules[];
extern const size_t	 order_nrules;

/* master.c: what the master is told. */
void	 master_send(uint32_t type, const void *, size_t);
void	 master_flush(void);		/* write now what can be written */
void	 master_refuse(const struct spool_id *, uint32_t why, const char *text);
void	 master_recovered(int durable);	/* sessions may come */
void	 master_missing(const char *link);	/* a link that was committed, and whose file is nowhere */
void	 master_place(const char *path, int error);	/* mail waits for this directory; error 0: no longer */

#endif
