/* SPDX-License-Identifier: ISC */
/* What the parsers of this room share: from the words of another retriever's file to columns of table rpop. */
#ifndef IMPORT_INT_H
#define IMPORT_INT_H

#include "import.h"

/* The octets of a text file, "" where there are none; NULL with an error if one of them is 0. */
const char *field_octets(struct import *, const char *, size_t);
int	 field_text(struct import *, const char *, size_t);		/* the same: 0, or -1 */

/* A record, or NULL with an error where IMPORT_RECORDS_MAX are there. */
struct import_record *field_record(struct import *, unsigned int line);

/* Column name: text without what a name may not have, and with a number where the file has that name already. */
void	 field_name(struct import *, struct import_record *, const char *text);

/*
 * Column domain, behind column tls: host, and port where it is neither 0 nor what tls has by itself.  A host that is none becomes
 * a question.  The record's server is the host as it stands there.
 */
void	 field_host(struct import *, struct import_record *, unsigned int line, const char *host, unsigned int port);
#define IMPORT_HOST_MAX	264		/* octets of a host, with its NUL */
unsigned int field_port(const struct import_record *);	/* the port of a record that has a domain, else 0 */

/*
 * A .netrc: the password for the server and the login of each record that has to be asked for it; where there is no login, both, if
 * the file has one login there.
 */
int	 field_netrc(struct import *, const char *, size_t);

/* Column account: the user or address that the text is, or that a path, or a command line, leads to.  Whether there was one. */
int	 field_owner(struct import_record *, const char *);
int	 field_owner_path(struct import *, struct import_record *, unsigned int line, const char *path);
int	 field_owner_command(struct import *, struct import_record *, unsigned int line, const char *command);

/* A column for a file: an absolute path, or what is lost is told. */
int	 field_file(struct import *, struct import_record *, unsigned int line, const char *column, const char *path);
/* Column ca_file; the system's own bundle stands for settings.ca_dir. */
void	 field_ca(struct import *, struct import_record *, unsigned int line, const char *path);

/* Limits that a column has: from 1 to max, or NULL for 0; what is beyond is told and cut. */
void	 field_limit(struct import *, struct import_record *, unsigned int line, const char *column, int64_t value, int64_t max);

/* Whether column special takes this name of a header field: it does not belong to the message, and says whom that was sent to. */
int	 field_special(const char *);

/* Columns whose values came from the file as they were: what the store would refuse becomes a question about that line. */
void	 field_check(struct import *, struct import_record *);

#endif
