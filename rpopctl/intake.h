/* SPDX-License-Identifier: ISC */
/*
 * rpopctl import: the configuration of another retriever becomes records.
 *
 *	intake_files.c	the command line and the files, which are read ahead of the sandbox
 *	intake.c	the way from the files to the daemon
 *	intake_answer.c	the administrator's answers, and what is open without them
 *	intake_show.c	what would be done, for people and for programs
 *	intake_apply.c	what is done
 */
#ifndef INTAKE_H
#define INTAKE_H

#include <stddef.h>

#include "import/import.h"
#include "rpopctl.h"

#define INTAKE_SEEN_FILES	64

struct intake_file {
	const char	*path;
	char		*octets;		/* len of them; wiped */
	size_t		 len;
};

struct intake_answer {			/* column=value, or RECORD:column=value */
	const char	*record;		/* NULL: of every record */
	const char	*column;
	const char	*value;			/* NULL: the store's NULL */
	int		 used;			/* a record has taken it */
};

struct intake {
	const struct import_format *format;
	struct intake_file	 file, netrc, seen[INTAKE_SEEN_FILES];	/* path NULL: none */
	size_t			 nseen;
	int			 apply, replace, replace_all;
	struct intake_answer	*answers;
	size_t			 nanswers;
	struct import		 imp;
	struct intake_plan	*plans;		/* of imp.records, of the same index */
	struct rows		*rows;		/* of table rpop, as they are in force */
	size_t			*leaving;	/* of rows: those that replace_all removes */
	size_t			 nleaving;
};

struct intake_plan {			/* what is to be done with a record of the file */
	ssize_t	 row;				/* of intake.rows: the record that has its name; -1: none */
	int	 ask;				/* its password is asked for, with apply */
	size_t	 open;				/* questions without an answer */
};

/* intake_files.c */
struct intake	*intake_command(int argc, char *argv[], char *err, size_t errsize);	/* NULL and a sentence */
void		 intake_free(struct intake *);

/* intake_answer.c */
int	 intake_answers(struct intake *, const char *main_domain, char *err, size_t errsize);	/* 0, or -1 and a sentence */
void	 intake_judge(struct intake *);
size_t	 intake_blocked(const struct intake *);		/* records that cannot be made as things are */
const char *intake_value(const struct import_record *, const char *column);	/* NULL: the store's, or not set */

/* intake_show.c */
void	 intake_show(struct session *, const struct intake *);
void	 intake_json(struct session *, const struct intake *, int ok, const char *text);

/* intake_apply.c */
int	 intake_apply(struct session *, struct intake *, char *text, size_t);	/* 0, or -1; text says what was done, or why not */

#endif
