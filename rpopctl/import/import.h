/* SPDX-License-Identifier: ISC */
/*
 * What the configuration of another retriever becomes: records of table rpop, notes about what is not carried over and why, and
 * questions that an administrator has to answer first.  Nothing here opens a file, runs a command or asks the daemon: the parsers
 * take octets and fill a struct import.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stddef.h>
#include <stdint.h>

#define IMPORT_FILE_MAX		(4U << 20)	/* octets of a configuration file */
#define IMPORT_SEEN_MAX		(256U << 20)	/* octets of a file of seen unique-ids */
#define IMPORT_RECORDS_MAX	10000

/*
 * A column of table rpop and its value as an administrator would write it; password is one of them.  value NULL stands for the
 * store's NULL.
 */
struct import_cell {
	const char	*column;		/* a constant */
	char		*value;			/* len octets and a NUL; the import's own, wiped when it is freed */
	size_t		 len;
};

enum import_weight {
	IMPORT_NOTE,			/* carried over, with something that should be known */
	IMPORT_LOST,			/* not carried over, and why */
	IMPORT_QUESTION			/* the record cannot be made before column has an answer, which is one of the command line's */
};

struct import_note {
	enum import_weight	 weight;
	unsigned int		 line;		/* of the file; 0: none in particular */
	const char		*column;	/* of a question: what answers it; a constant */
	char			*text;		/* a sentence, vis-encoded, without line and without a final stop; the import's own */
};

struct import_uid {			/* a unique-id that the retriever has seen */
	char		*uid;			/* len octets; the import's own */
	size_t		 len;
};

struct import_record {
	unsigned int		 line;		/* where the file begins to speak of it */
	/*
	 * What other files of the retriever are known by: a label, such as the name that the file gives to the server or to the
	 * file of seen unique-ids, and a host.  NULL: nothing else than domain has it.
	 */
	char			*label, *server;
	struct import_cell	*cells;		/* account, name, domain, auth_name and so on; each column once at most */
	size_t			 ncells;
	struct import_note	*notes;
	size_t			 nnotes;
	struct import_uid	*seen;
	size_t			 nseen;
};

/*
 * An owner that the file gives without a domain stands in column account as a local part alone; the command completes it with
 * settings.main_domain.  A record that distributes has "postmaster" there.
 */
struct import {
	struct import_record	*records;
	size_t			 nrecords;
	struct import_note	*notes;		/* about the file as a whole, or about something that becomes no record */
	size_t			 nnotes;
	unsigned int		 error_line;	/* of error */
	char			*error;		/* a sentence: the file cannot be understood, and nothing of it is used; NULL: it can */
};

/* --- import.c: filling and freeing.  Memory that cannot be had ends the program. --- */

void	 import_init(struct import *);
void	 import_free(struct import *);		/* wipes every value */
struct import_record *import_record_add(struct import *, unsigned int line);	/* good until the next one is added */
/* The column's value from now on, in the place of an earlier one; value NULL: the store's NULL. */
void	 import_set(struct import_record *, const char *column, const char *value, size_t len);
void	 import_set_text(struct import_record *, const char *column, const char *value);
void	 import_set_number(struct import_record *, const char *column, int64_t);
const struct import_cell *import_get(const struct import_record *, const char *column);	/* NULL: not set */
void	 import_note(struct import *, struct import_record *, enum import_weight, unsigned int line, const char *column,
	    const char *fmt, ...) __attribute__((__format__(printf, 6, 7)));	/* record NULL: about the file */
void	 import_answer(struct import_record *, const char *column);	/* questions that column answers are none any more */
void	 import_seen(struct import_record *, const char *uid, size_t len);	/* what is no unique-id of RFC 1939 is left out */
/* The first error stands; -1, so that a parser can end with it. */
int	 import_fail(struct import *, unsigned int line, const char *fmt, ...) __attribute__((__format__(printf, 3, 4)));

/* --- the parsers: 0, or -1 with error and error_line --- */

struct import_format {
	const char	*name;			/* fetchmail, getmail, mpop, fdm, communigate */
	int		(*parse)(struct import *, const char *, size_t);
	/*
	 * The file of seen unique-ids, for the records of parse(); path is its name, which some formats carry meaning in.  NULL: the
	 * format has no such file.
	 */
	int		(*seen)(struct import *, const char *path, const char *, size_t);
	/* A ~/.netrc, for passwords that the file leaves to it; NULL: the format has no use for one. */
	int		(*netrc)(struct import *, const char *, size_t);
};

extern const struct import_format	 import_fetchmail, import_getmail, import_mpop, import_fdm, import_communigate;

#endif
