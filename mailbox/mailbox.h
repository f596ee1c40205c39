/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes.  A template forks a process for each one that is opened: it gets the name of one Maildir from the master, locks itself
 * into that, lists it to a session of popd, hands the session open messages, and removes what the session has named when it quits.
 * There is no lock of any kind: deliverers, other sessions and other programs may work on the same Maildir at the same time.  What
 * they rename is found again, what they remove is gone.
 *
 *	mailbox.c	the program, and a process's channel to the master
 *	session.c	its channel to the session
 *	open.c		from a path to a list of messages
 *	name.c		what a file's name says of its message
 *	list.c		the messages, in their order
 *	scan.c		directories read into the list
 *	index.c		the list kept in a file, so that directories need not be read
 *	stream.c	octets of that file, with their checksum
 *	message.c	a message's file and its octets
 *	filter.c	whom a message was delivered for, where one mailbox has the mail of several addresses
 *	change.c	what a session leaves behind: flags and deletions
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/compat.h"
#include "common/ipc/proto.h"
#include "common/ipc/proto_mailbox.h"

/* --- name.c --- */

#define NAME_LEN_MAX	255		/* octets of a file's name */

size_t	 name_base(const char *, size_t);
int	 name_order(const char *, size_t, const char *, size_t);
uint64_t name_time(const char *, size_t);
size_t	 name_unique(const char *, size_t);
size_t	 name_uid(const char *, size_t, int twin, char *);
int	 name_sizes(const char *, size_t, uint64_t *, uint64_t *);
int	 name_seen(const char *, size_t);
size_t	 name_set_seen(const char *, size_t, char *);

/* --- list.c --- */

enum { BOX_NEW, BOX_CUR, BOX_DIRS };	/* the Maildir's two directories that have messages */

#define MESSAGE_CUR	0x01		/* its file is in cur/, not in new/ */
#define MESSAGE_SIZED	0x02		/* octets and more are known */
#define MESSAGE_FOUND	0x04		/* by this reading of the directories */
#define MESSAGE_GONE	0x08		/* it was listed, and its file is there no longer */
#define MESSAGE_SEEN	0x10		/* it was retrieved whole, and its name does not say so yet */
#define MESSAGE_DELETE	0x20		/* it is to be deleted */
#define MESSAGE_COUNTED	0x40		/* they come from its file, not from its name */
#define MESSAGE_FOR	0x80		/* it is known which addresses it names */
#define MESSAGE_WANTED	0x100		/* it is for the address that the mailbox was opened for */
#define MESSAGE_TOLD	0x200		/* the log says already that it cannot be read */
#define MESSAGE_KEPT	(MESSAGE_CUR | MESSAGE_SIZED | MESSAGE_COUNTED | MESSAGE_FOR)	/* in the index */

#define MORE_MAX	UINT32_MAX	/* in place of so many or more */
#define PLACE_NONE	UINT32_MAX

/* There may be a million of them in a process. */
struct message {
	uint64_t	 octets;	/* on the wire: LF counted as CRLF, an end of line at the end, no dots stuffed */
	uint32_t	 more;		/* how many of them its file does not have */
	uint32_t	 name;		/* of its file: offset in the list's names, where it ends in NUL */
	uint32_t	 addresses;	/* with MESSAGE_FOR: likewise, in lower case, a comma between two */
	uint32_t	 place;		/* of its file among those that a reading of the directories found; PLACE_NONE: not known */
	uint8_t		 len;		/* of the name */
	uint8_t		 room;		/* octets of a name that fit there */
	uint16_t	 flags;		/* MESSAGE_* */
} __attribute__((__packed__, __aligned__(4)));

struct list {
	struct message	*v;
	uint32_t	 n, alloc;
	char		*names;
	size_t		 used, size;	/* octets of names */
	char		 field[PROTO_FIELD_SIZE];	/* of the header, that MESSAGE_FOR is about; empty: of none */
};

void		 list_free(struct list *);
int		 list_reserve(struct list *, uint32_t, size_t);
struct message	*list_add(struct list *, const char *, size_t);
int		 list_address(struct list *, struct message *, const char *, size_t);
int		 list_rename(struct list *, struct message *, const char *, size_t);
const char	*list_name(const struct list *, const struct message *);
size_t		 list_base(const struct list *, const struct message *);
int		 list_ordered(const struct list *);
uint32_t	 list_search(const struct list *, uint32_t, const char *, size_t);
int		 list_sort(struct list *, uint32_t);
void		 list_keep(struct list *, uint16_t flags, uint16_t value);

/* --- scan.c --- */

/* The two directories as they were when they were read. */
struct snapshot {
	int64_t		 mtime[BOX_DIRS];	/* ns since the epoch; 0: the directory is not there */
	int64_t		 at;		/* when they were read, on the same clock; 0: something may have happened meanwhile */
	int64_t		 expired;	/* s since the epoch: when old messages were looked for last; 0: never */
	int64_t		 hold;		/* likewise: none is removed ahead of this */
};

struct box {
	int		 dir;		/* the Maildir, or -1: there is none, and it is empty */
	int		 fd[BOX_DIRS];	/* its directories, each of which may be -1 */
	struct list	 list;
	struct snapshot	 snapshot;
	int		 scanned;	/* directories were read at the opening */
	int		 learned;	/* 1: the index does not have all that is known now */
	int		 restless;	/* searches in a row that proved nothing, since others rename without a pause */
	int		 filtered;	/* 1: the list has not all messages any more, and the index is left as it is */
	uint32_t	 seen;		/* messages with MESSAGE_SEEN */
};

int	 scan_current(const struct box *);
int	 scan_all(struct box *);
int	 scan_again(struct box *, struct message *, int *tries);

/* --- index.c, stream.c --- */

#define INDEX_NAME	"popd.index"
#define INDEX_TEMPORARY	"popd.index.new"

int	 index_read(int dir, struct list *, struct snapshot *);
int	 index_write(int dir, const struct list *, const struct snapshot *);

#define STREAM_BLOCK	65536		/* octets that are read, written and summed up at once */

struct stream {
	int		 fd;
	int		 failed;	/* errno; EBADMSG: the file is shorter */
	uint64_t	 sum;		/* of all blocks before this one */
	uint64_t	 blocks;
	size_t		 off, len;	/* in the block */
	uint64_t	 left;		/* octets of the file that were not read */
	uint8_t		 block[STREAM_BLOCK];
};

void	 stream_begin(struct stream *, int fd, uint64_t octets);
void	 stream_get(struct stream *, void *, size_t);
int	 stream_got(struct stream *);
void	 stream_put(struct stream *, const void *, size_t);
int	 stream_finish(struct stream *);

/* --- message.c --- */

int	 message_open(struct box *, uint32_t, struct msg_box_message *);
int	 message_size(struct box *, struct message *);
int	 message_file(struct box *, struct message *);
int	 octets_count(int, uint64_t *file, uint64_t *wire);

/* --- filter.c --- */

#define ADDRESSES_MAX	255		/* octets that are noted in the index; who names more is read anew each time */

size_t	 filter_addresses(const uint8_t *, size_t, const char *, char *);
int	 filter_match(const char *, size_t, const char *, int detail);
int	 filter_box(struct box *, const char *, const char *, int detail);

/* --- open.c --- */

void	 box_note(struct box *);
int	 box_open(struct box *, const struct msg_box_start *, struct msg_box_failed *);

/* --- change.c --- */

uint32_t change_seen(struct box *);
void	 change_expire(struct box *, uint32_t days);
void	 change_delete(struct box *, struct msg_box_done *);

/* --- session.c: the channel to the session --- */

void	 session_begin(const struct msg_box_start *, int);	/* the descriptor is consumed */
void	 session_ready(void);
void	 session_late(void);

#endif
