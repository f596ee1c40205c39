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

struct domain_row {
	const char	*name, *address;
};

/* config/settings.c, config/route.c, config/nexthop.c, config/net.c, config/record.c: row by row judgement, for config_load(). */
struct load {
	sqlite3		*db;
	struct config	*c;
	const char	*path;
	store_complain	 complain;
	void		*arg;
	unsigned int	 bad;			/* complaints so far */
	char		 row[1100];		/* "table key", encoded, for sentences */
	const char	*main_domain;		/* "" = NULL; NULL: no settings row yet */
	struct domain_row *domains;		/* sorted */
	size_t		 ndomains;
	uint32_t	 use_domain_addresses;	/* S13 */
	int		 any_special, any_tls;
};
/* What can be known of a secret without having it: type, length, and whether CR, LF or NUL are in it. */
#define SECRET_COLUMNS(c)	"typeof(" c "), length(CAST(" c " AS BLOB)), instr(CAST(" c " AS BLOB), x'0d') + instr(CAST(" c \
				" AS BLOB), x'0a') + instr(CAST(" c " AS BLOB), x'00')"
struct loader {
	const char	*sql;
	int		(*row)(struct load *, sqlite3_stmt *);	/* -1: memory */
};
extern const struct loader	 load_loaders[];	/* in this order */
extern const size_t		 load_nloaders;
void	 load_bad(struct load *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
void	 load_unsound(struct load *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
int	 load_tls(const char *, enum tls_mode *);
const struct domain_row *load_domain_row(const struct load *, const char *);	/* NULL: no such domain */
void	 load_bad_value(struct load *, sqlite3_stmt *, int, const char *);
void	 load_row_name(struct load *, const char *, sqlite3_stmt *, int, int);
const char *load_text(struct load *, sqlite3_stmt *, int, size_t);
const char *load_peek(struct load *, sqlite3_stmt *, int, size_t);
uint32_t load_number(struct load *, sqlite3_stmt *, int, int64_t, int64_t);
int64_t	 load_number64(struct load *, sqlite3_stmt *, int, int64_t, int64_t);
int	 load_null(sqlite3_stmt *, int);
void	*load_grow(void *, size_t, size_t);
int	 load_table(struct load *);				/* config/route.c */
int	 load_domain(struct load *, sqlite3_stmt *);
int	 load_account(struct load *, sqlite3_stmt *);
int	 load_route(struct load *, sqlite3_stmt *);
void	 load_routes_sound(struct load *);
int	 load_nexthop(struct load *, sqlite3_stmt *);		/* config/nexthop.c */
uint16_t load_nexthop_port(const struct nexthop_row *);	/* unless the address has one */
uint32_t load_nexthop_id(struct load *, sqlite3_stmt *, int name, int id);
int	 load_schedule(struct load *, sqlite3_stmt *);		/* config/net.c */
int	 load_oauth(struct load *, sqlite3_stmt *);
int	 load_has_schedule(const struct config *, const char *);
const struct oauth_row *load_oauth_row(const struct config *, const char *);
int	 load_rpop(struct load *, sqlite3_stmt *);		/* config/record.c */
extern const char	 load_rpop_sql[];

/* config/secret.c: a kept connection, for this file and config/grant.c */
enum secret_sql { SECRET_PASSWORD, SECRET_GRANT, SECRET_NEXTHOP, SECRET_MAX };	/* all begin with domain or address, auth_name, tls */
sqlite3_stmt	*secret_row(const char *path, enum secret_sql, const struct record *, char *err, size_t errsize);
void	 secret_release(void);
void	 secret_close(void);

/* config/load.c */
struct arena;
const char	*arena_add(struct arena **, const char *, size_t);

/* config/check.c: one field each, NUL-terminated; 1 good, 0 not. */
int	 check_domain(const char *);			/* a local domain, lower case */
int	 check_local(const char *);			/* a local account's name: safe as a directory name */
int	 check_address(const char *);			/* an alias: local-part@domain, lower case */
int	 check_printable(const char *);			/* no control characters */
int	 check_ascii(const char *);			/* printable ASCII */
int	 check_path(const char *);			/* absolute, no "..", no control characters */
int	 check_hostname(const char *);
int	 check_hostport(const char *, char *host, size_t hostsize, uint16_t *port);	/* port 0: none given */
int	 check_nameservers(const char *);
int	 check_addresses(const char *, int one_per_family);	/* numeric, by commas */
int	 check_socks(const char *);			/* numeric address and port */
int	 check_ciphers(const char *);
int	 check_tls_name(const char *);
int	 check_folder(const char *);
int	 check_field(const char *);			/* "*", or header fields that may be taken out, single spaces between */
int	 check_prefix(const char *);			/* before a local part */
int	 check_ca_dir(const char *);			/* holds hashed certificates */

#endif
