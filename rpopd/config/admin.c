/* SPDX-License-Identifier: ISC */
/*
 * Who may keep records, and how accounts log in: columns of table account that routing has no use for, and the tables of
 * administrators.  They are judged here, and of them only what concerns POP3 is kept: who asks for something is looked up when he
 * does.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "config_int.h"

struct rights_row {
	uint32_t		 max_records, min_period;
	uint8_t			 can_modify_rpop, unified;
	struct pop_account	 pop;
};

static int	 check_user(const char *);
static void	 admin_password(struct load *, sqlite3_stmt *, int);
static void	 admin_account(struct load *, sqlite3_stmt *, int);

#define ROW	struct rights_row
#define RIGHTS_COLUMNS(X) \
	X(name,		OTHER(REQUIRED, 64)) \
	X(domain,	OTHER(REQUIRED, PROTO_HOST_SIZE - 1)) \
	X(nexthop,	OTHER(OPTIONAL, NEXTHOP_NAME_SIZE - 1)) \
	X(password,	OTHER(OPTIONAL, VERIFIER_MAX)) \
	X(can_modify_rpop, NUMBER(can_modify_rpop, REQUIRED, 0, 1)) \
	X(max_records,	NUMBER(max_records, OPTIONAL, 0, 1000)) \
	X(min_period,	NUMBER(min_period, OPTIONAL, 10, 31536000)) \
	X(unix_user,	OTHER(OPTIONAL, 32)) \
	X(pop,		NUMBER(pop.pop, REQUIRED, 0, 1)) \
	X(login_delay,	NUMBER(pop.login_delay, OPTIONAL, 0, 86400)) \
	X(sessions,	NUMBER(pop.sessions, REQUIRED, 1, 1000)) \
	X(expire_days,	NUMBER(pop.expire_days, OPTIONAL, 1, 36500)) \
	X(unified,	NUMBER(unified, REQUIRED, 0, 1)) \
	X(submit,	NUMBER(pop.submit, REQUIRED, 0, 1))

enum { RIGHTS_COLUMNS(COLUMN_PLACE) RIGHTS_MAX };
static const struct column	 columns[] = { RIGHTS_COLUMNS(COLUMN) };
const struct table		 rights_table = { "account", columns, RIGHTS_MAX, " ORDER BY domain, name" };

/* What a row of table account says of rights and logins.  0, or -1: no memory. */
int
load_rights(struct load *ld, sqlite3_stmt *st)
{
	const struct route_account	*account;
	struct rights_row		 row;
	const char			*user;
	char				 address[PROTO_ADDR_SIZE];

	load_row_name(ld, "account", st, AT_name, AT_domain);
	memset(&row, 0, sizeof(row));
	if (table_load(ld, st, &rights_table, &row) == -1 || (user = load_peek(ld, st, AT_unix_user, 33)) == NULL)
		return (-1);
	if (!load_null(st, AT_unix_user) && !check_user(user))
		load_bad_value(ld, st, AT_unix_user, "must be the name of a system user, not root, or NULL");
	admin_password(ld, st, AT_password);
	snprintf(address, sizeof(address), "%s@%s", (const char *)sqlite3_column_text(st, AT_name),
	    (const char *)sqlite3_column_text(st, AT_domain));
	if ((account = route_account_by_address(ld->c->routes, address)) == NULL)
		return (0);
	route_account_unified(ld->c->routes, account->id, row.unified);
	row.pop.account = account->id;
	if (load_null(st, AT_login_delay))
		row.pop.login_delay = ld->c->settings.pop_login_delay;
	if (load_null(st, AT_expire_days))
		row.pop.expire_days = UINT32_MAX;
	return (load_pop_account(ld, &row.pop));
}

/* How the account's owner logs in.  No sentence shows anything of it. */
static void
admin_password(struct load *ld, sqlite3_stmt *st, int col)
{
	const char	*wrong;
	int		 type = sqlite3_column_type(st, col);

	if (type == SQLITE_NULL)
		return;
	wrong = type != SQLITE_TEXT && type != SQLITE_BLOB ? "must be text in quotes, or a blob" :
	    verifier_wrong(sqlite3_column_blob(st, col), (size_t)sqlite3_column_bytes(st, col));
	if (wrong != NULL)
		load_bad(ld, "%s: password %s; set it with rpopctl account password", ld->row, wrong);
	else
		ld->c->login_kinds |= 1U << verifier_kind(sqlite3_column_blob(st, col), (size_t)sqlite3_column_bytes(st, col));
	ld->c->nlogins++;
}

int
load_server_admin(struct load *ld, sqlite3_stmt *st)
{
	load_row_name(ld, "server_admin", st, 0, -1);
	admin_account(ld, st, 0);
	return (0);
}

int
load_domain_admin(struct load *ld, sqlite3_stmt *st)
{
	const char	*domain;

	load_row_name(ld, "domain_admin", st, 0, 1);
	admin_account(ld, st, 0);
	if ((domain = load_peek(ld, st, 1, PROTO_HOST_SIZE)) == NULL)
		return (-1);
	if (load_domain_row(ld, domain) == NULL)
		load_bad_value(ld, st, 1, "must be in table domain");
	load_number(ld, st, 2, 0, 1);
	return (load_number(ld, st, 3, 0, 1) ? load_domain_reader(ld, st) : 0);
}

/* An administrator is an account of this store. */
static void
admin_account(struct load *ld, sqlite3_stmt *st, int col)
{
	const char	*address;

	if ((address = load_peek(ld, st, col, PROTO_ADDR_SIZE)) == NULL ||
	    route_account_by_address(ld->c->routes, address) == NULL)
		load_bad_value(ld, st, col, "must be the address of an account");
}

static int
check_user(const char *s)
{
	return (*s != '\0' && *s != '-' && strcmp(s, "root") != 0 && strspn(s,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s));
}
