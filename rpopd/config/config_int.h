/* SPDX-License-Identifier: ISC */
/* What the files of this room share; nobody else includes this. */
#ifndef CONFIG_INT_H
#define CONFIG_INT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "rpopd/db/db.h"
#include "config.h"

#define SOURCE_SIZE	501		/* of a list of numeric addresses */
#define OAUTH_NAME_SIZE	65
#define NEXTHOP_NAME_SIZE	65
#define SCHEDULE_SIZE	65		/* of a schedule's name */
#define CONFIG_SCHEMA	5		/* of etc/rpopd.sql */

struct domain_row {
	const char	*name, *address;
};

struct load {				/* a load under way */
	sqlite3		*db;
	struct config	*c;
	const char	*path;
	store_complain	 complain;
	void		*arg;
	unsigned int	 bad;			/* complaints so far */
	char		 row[1100];		/* "table key", encoded, for sentences */
	const char	*main_domain;		/* "" for NULL; NULL: there was no row of settings yet */
	struct domain_row *domains;		/* every local domain, sorted */
	size_t		 ndomains;
	int		 any_special;		/* a record has special, and needs the main domain's postmaster */
	int		 any_tls;		/* a server's certificate is verified by ca_dir */
};

/* --- row.c --- */

/*
 * Complaints about what is in the store: the load fails.  load_bad_value() names a column, its value and the rule that it breaks.
 */
void	 load_bad(struct load *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
void	 load_bad_value(struct load *, sqlite3_stmt *, int col, const char *rule);
/* A complaint about a file that a row names: the load goes on. */
void	 load_unsound(struct load *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
/* What complaints call the row: the table and one or two key columns; key2 -1: one. */
void	 load_row_name(struct load *, const char *table, sqlite3_stmt *, int key, int key2);
/*
 * A text of less than size octets, "" for NULL and for what is no such text, which is complained of.  load_text() gives one that
 * lives as long as the config, load_peek() one that lives as long as the row.  NULL: no memory.
 */
const char *load_text(struct load *, sqlite3_stmt *, int col, size_t size);
const char *load_peek(struct load *, sqlite3_stmt *, int col, size_t size);
/* A number; min for what is none of this range, which is complained of. */
uint32_t load_number(struct load *, sqlite3_stmt *, int col, int64_t min, int64_t max);
int64_t	 load_number64(struct load *, sqlite3_stmt *, int col, int64_t min, int64_t max);
int	 load_null(sqlite3_stmt *, int col);

/* --- column.c --- */

struct word {				/* of a list that ends with NULL */
	const char	*text;
	int		 number;
};
extern const struct word	 tls_words[];
int	 word_number(const struct word *, const char *);

/* What stands in place of a secret in a SELECT, unless the secret is NULL. */
enum secret_fault { SECRET_GOOD, SECRET_TYPE, SECRET_LENGTH, SECRET_BREAKS };	/* BREAKS: CR, LF or NUL */

enum column_kind {
	COLUMN_TEXT,		/* a pointer, "" for NULL */
	COLUMN_BUFFER,		/* an array of octets, "" for NULL */
	COLUMN_NUMBER,		/* an unsigned integer, 0 for NULL */
	COLUMN_WORD,		/* an integer or enum, the number of a word; 0 for NULL */
	COLUMN_NEXTHOP,		/* an integer, the id of the next hop that is named; 0 for NULL */
	COLUMN_SECRET,		/* no member: its enum secret_fault is looked at by the table's own file */
	COLUMN_OTHER		/* no member, or not alone: taken by the table's own file */
};
struct column {
	const char		*name;
	enum column_kind	 kind;
	size_t			 offset, size;		/* of the member; size 0: there is none */
	int			 null;			/* NULL is permitted */
	int64_t			 min, max;		/* of a number; else of the octets, min not being judged */
	int			(*check)(const char *);	/* of a text; NULL: any is good */
	const char		*rule;			/* what a text that is refused, or that is no word, must be */
	const struct word	*words;
};
struct table {
	const char		*name;
	const struct column	*columns;
	size_t			 ncolumns;
	const char		*order;			/* behind the SELECT */
};
extern const struct table	 settings_table, nexthop_table, oauth_table, rights_table, rpop_table,
				 listener_table, certificate_table, acl_table;	/* of their files */
char	*table_select(const struct table *);
int	 table_load(struct load *, sqlite3_stmt *, const struct table *, void *row);
uint32_t load_nexthop_id(struct load *, sqlite3_stmt *, int col);

/*
 * A table of columns is written as a list X(name, kind(...)) whose members are those of ROW, and from which COLUMN makes the table
 * and COLUMN_PLACE the enum of places: a row's own file finds column name of a SELECT at AT_name.
 */
enum { REQUIRED, OPTIONAL };		/* whether NULL is permitted */
#define MEMBER(m)				offsetof(ROW, m), sizeof(((ROW *)0)->m)
#define TEXT(m, null, max, check, rule)		COLUMN_TEXT, MEMBER(m), null, 0, max, check, rule, NULL
#define BUFFER(m, null, max, check, rule)	COLUMN_BUFFER, MEMBER(m), null, 0, max, check, rule, NULL
#define NUMBER(m, null, min, max)		COLUMN_NUMBER, MEMBER(m), null, min, max, NULL, NULL, NULL
#define WORD(m, null, words, rule)		COLUMN_WORD, MEMBER(m), null, 0, 0, NULL, rule, words
#define NEXTHOP(m)				COLUMN_NEXTHOP, MEMBER(m), OPTIONAL, 0, 0, NULL, NULL, NULL
#define NEXTHOP_JUDGED				COLUMN_NEXTHOP, 0, 0, OPTIONAL, 0, 0, NULL, NULL, NULL
#define SECRET(max)				COLUMN_SECRET, 0, 0, OPTIONAL, 1, max, NULL, NULL, NULL
#define OTHER(null, max)			COLUMN_OTHER, 0, 0, null, 0, max, NULL, NULL, NULL
#define COLUMN(name, kind)			{ #name, kind },
#define COLUMN_PLACE(name, kind)		AT_##name,

/* --- loaders: each takes a row of a SELECT.  0, or -1: no memory. --- */

int	 load_settings(struct load *, sqlite3_stmt *);		/* settings.c */
int	 load_nexthop(struct load *, sqlite3_stmt *);		/* nexthop.c */
uint16_t load_nexthop_port(const struct nexthop_row *);	/* unless the address has one */
int	 load_table(struct load *);				/* route.c: an empty routing table of the right size */
int	 load_domain(struct load *, sqlite3_stmt *);
int	 load_account(struct load *, sqlite3_stmt *);
int	 load_route(struct load *, sqlite3_stmt *);
int	 load_rights(struct load *, sqlite3_stmt *);		/* admin.c */
int	 load_server_admin(struct load *, sqlite3_stmt *);
int	 load_domain_admin(struct load *, sqlite3_stmt *);
void	 load_routes_sound(struct load *);
const struct domain_row *load_domain_row(const struct load *, const char *);	/* NULL: no such domain */
int	 load_schedule(struct load *, sqlite3_stmt *);		/* net.c */
int	 load_oauth(struct load *, sqlite3_stmt *);
int	 load_has_schedule(const struct config *, const char *);
const struct oauth_row *load_oauth_row(const struct config *, const char *);	/* NULL: no such client */
int	 load_rpop(struct load *, sqlite3_stmt *);		/* record.c */
int	 load_listener(struct load *, sqlite3_stmt *);		/* pop.c */
int	 load_certificate(struct load *, sqlite3_stmt *);
int	 load_acl(struct load *, sqlite3_stmt *);
int	 load_home(struct load *, const struct domain_row *);
int	 load_domain_reader(struct load *, sqlite3_stmt *);
int	 load_pop_account(struct load *, const struct pop_account *);
void	 load_pop_whole(struct load *);

/* config/secret.c: a kept connection, for this file, config/grant.c and config/login.c */
/* The first three begin with domain or address, auth_name, tls. */
enum secret_sql { SECRET_PASSWORD, SECRET_GRANT, SECRET_NEXTHOP, SECRET_LOGIN, SECRET_STAND_IN, SECRET_MAX };
sqlite3_stmt	*secret_query(const char *path, enum secret_sql, char *err, size_t errsize);
sqlite3_stmt	*secret_row(const char *path, enum secret_sql, const struct record *, char *err, size_t errsize);
void	 secret_release(void);
void	 secret_close(void);

/* image.c */
struct image	*image_make(sqlite3 *store);		/* NULL: no memory, or the store cannot be read */

/* arena.c */
struct arena;
const char	*arena_add(struct arena **, const char *, size_t);
void	 arena_free(struct arena *);

/* config/check.c: one field each, NUL-terminated; 1 good, 0 not. */
int	 check_domain(const char *);			/* a local domain, lower case */
int	 check_local(const char *);			/* a local account's name: safe as a directory name */
int	 check_address(const char *);			/* an alias: local-part@domain, lower case */
int	 check_mailbox(const char *);			/* likewise, but not *@domain */
int	 check_printable(const char *);			/* no control characters */
int	 check_ascii(const char *);			/* printable ASCII */
int	 check_path(const char *);			/* absolute, no "..", no control characters */
int	 check_pop_auth(const char *);
int	 check_command(const char *);			/* a path, then words separated by single spaces */
int	 check_hostname(const char *);
int	 check_hostport(const char *, char *host, size_t hostsize, uint16_t *port);	/* port 0: none given */
int	 check_nameservers(const char *);
int	 check_addresses(const char *);			/* numeric, by commas */
int	 check_source(const char *);			/* likewise, one for each family at most */
int	 check_socks(const char *);			/* numeric address and port */
int	 check_listen(const char *);			/* one numeric address, or * */
int	 check_ciphers(const char *);
int	 check_tls_name(const char *);
int	 check_folder(const char *);
int	 check_unified_field(const char *);		/* one header field that may be taken out */
int	 check_field(const char *);			/* "*", or header fields that may be taken out, single spaces between */
int	 check_prefix(const char *);			/* before a local part */
int	 check_ca_dir(const char *);			/* holds hashed certificates */

#endif
