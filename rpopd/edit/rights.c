/* SPDX-License-Identifier: ISC */
/*
 * Who may do what.  Root, over the control socket, may do everything, and an account of table server_admin all but what root_columns
 * and the clients of OAuth are about.  A domain's administrator keeps the records of its accounts, and a user those of his own that he or his
 * administrator made for him (self_service).  Rights are those in force, which the image has; rows are the store's.
 */
#include <sys/types.h>

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "edit_int.h"

static void	 rights_account(struct who *, const char *, const char *);
static int	 rights_word(const char *const [], const char *);
static int	 rights_login(const struct doing *);
static int	 rights_root_only(const struct doing *);
static int	 rights_reserved(const struct doing *, char *, size_t);
static int	 rights_owner(struct doing *, const struct cell *, char *, size_t);
static int	 rights_theirs(struct doing *, char *, size_t);
static int	 rights_own(struct doing *, char *, size_t);
static int	 rights_password(const struct doing *, char *, size_t);
static int	 rights_limits(const struct doing *, char *, size_t);
static int	 rights_domain(const struct who *, const struct cell *, int64_t *);
static int	 rights_question(sqlite3 *, const char *, const struct cell *, const struct cell *, int64_t *);
static void	 rights_force(struct doing *);

/* Columns of a record that users and administrators of domains may set; all others are reserved. */
static const char *const	 open_columns[] = {
	"account", "name", "domain", "auth_name", "password", "period", "mailbox", "leave", "tls", "apop", "auth", "tls_min", "tls_name",
	"tls_pins", "max_size", "oversize", "session_messages", "session_octets", "leave_days", "first_poll", "rset", "self_service", NULL
};
/* Columns that run programs, name files, say where the mail lies, or lead every connection elsewhere. */
static const char *const	 root_columns[] = {
	"token_command", "token_user", "mail_root", "unix_user", "ca_file", "ca_dir", "tls_cert", "tls_key", "cert", "key",
	"nameservers", "socks", "pop_auth", "pop_auth_user", "web_socket", "web_group", NULL
};

void
who_user(struct who *who, uid_t uid)
{
	struct passwd	*pw;

	memset(who, 0, sizeof(*who));
	who->user = 1;
	who->uid = uid;
	if (uid != 0 && (pw = getpwuid(uid)) != NULL)
		rights_account(who, "SELECT address, EXISTS (SELECT 1 FROM server_admin WHERE account = address) FROM account"
		    " WHERE unix_user = ?1", pw->pw_name);
}

void
who_web(struct who *who, const char *account)
{
	char	 address[PROTO_ADDR_SIZE];

	strlcpy(address, account, sizeof(address));	/* which may be who's own */
	memset(who, 0, sizeof(*who));
	who->user = 1;
	who->uid = (uid_t)-1;
	strlcpy(who->web, address, sizeof(who->web));
	rights_account(who, "SELECT address, EXISTS (SELECT 1 FROM server_admin WHERE account = address) FROM account"
	    " WHERE address = ?1", address);
}

void
who_again(struct who *who)
{
	if (who->web[0] != '\0')
		who_web(who, who->web);
	else
		who_user(who, who->uid);
}

const char *
who_named(const struct who *who, char *text, size_t size)
{
	if (who->root)
		snprintf(text, size, "root");
	else if (who->web[0] != '\0')
		snprintf(text, size, "%s (web page)", who->web);
	else
		snprintf(text, size, "%s (uid %u)", who->account, (unsigned int)who->uid);
	return (text);
}

int
who_rights(const char *account, struct who_rights *r)
{
	sqlite3_stmt	*st;
	int		 found;

	memset(r, 0, sizeof(*r));
	if (config_image == NULL || sqlite3_prepare_v2(image_db(config_image), "SELECT"
	    " EXISTS (SELECT 1 FROM server_admin WHERE account = address), EXISTS (SELECT 1 FROM domain_admin WHERE account = address),"
	    " can_modify_rpop, ifnull(min_period, (SELECT user_min_period FROM settings)),"
	    " ifnull(max_records, (SELECT user_max_records FROM settings)) FROM account WHERE address = ?1", -1, &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC);
	if ((found = sqlite3_step(st) == SQLITE_ROW)) {
		r->server_admin = sqlite3_column_int(st, 0);
		r->domain_admin = sqlite3_column_int(st, 1);
		r->modify = sqlite3_column_int(st, 2);
		r->min_period = (uint32_t)sqlite3_column_int64(st, 3);
		r->max_records = (uint32_t)sqlite3_column_int64(st, 4);
	}
	sqlite3_finalize(st);
	return (found ? 0 : -1);
}

/* The account, and whether it administers the server, that a question about ?1 is answered with; none: who stays nobody. */
static void
rights_account(struct who *who, const char *sql, const char *name)
{
	sqlite3_stmt	*st;

	if (config_image == NULL || sqlite3_prepare_v2(image_db(config_image), sql, -1, &st, NULL) != SQLITE_OK)
		return;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW) {
		strlcpy(who->account, (const char *)sqlite3_column_text(st, 0), sizeof(who->account));
		who->server_admin = sqlite3_column_int(st, 1);
	}
	sqlite3_finalize(st);
}

int
who_sees(const struct who *who, const char *account)
{
	struct cell	 c = { .kind = CELL_TEXT, .value = (const uint8_t *)account, .len = strlen(account) };
	int64_t		 modify;

	return (who->root || who->watcher || who->server_admin || strcmp(who->account, account) == 0 ||
	    rights_domain(who, &c, &modify) == 0);
}

int
who_keeps(const struct who *who, const char *account)
{
	struct cell	 c = { .kind = CELL_TEXT, .value = (const uint8_t *)account, .len = strlen(account) };
	int64_t		 modify;

	return (who->root || who->server_admin || (who->account[0] != '\0' && rights_domain(who, &c, &modify) == 0 && modify == 1));
}

int
rights_change(struct doing *d, char *err, size_t errsize)
{
	const struct who	*who = d->who;
	const struct cell	*account;

	if (who->root)
		return (rights_password(d, err, errsize));
	if (who->watcher || who->account[0] == '\0') {
		snprintf(err, errsize, who->watcher ? "only root may do that" : WHO_NOBODY);
		return (-1);
	}
	if (who->proved && rights_login(d))
		return (0);
	if (rights_root_only(d)) {
		snprintf(err, errsize, "%s: only root may set that, over the control socket", d->key);
		return (-1);
	}
	if (who->server_admin)
		return (rights_password(d, err, errsize));
	if (strcmp(d->table->name, "rpop") != 0) {
		snprintf(err, errsize, "only an administrator of the server may do that");
		return (-1);
	}
	account = &d->change->cells[0];
	if (rights_owner(d, account, err, errsize) == -1 || rights_reserved(d, err, errsize) == -1)
		return (-1);
	/* A record that moves to another account is his there, too. */
	if (change_cell(d->change, "account") != account && rights_owner(d, change_cell(d->change, "account"), err, errsize) == -1)
		return (-1);
	return (rights_password(d, err, errsize));
}

int
rights_result(const struct doing *d, char *err, size_t errsize)
{
	if (d->who->root || d->who->server_admin || strcmp(d->table->name, "rpop") != 0)
		return (0);
	return (rights_limits(d, err, errsize));
}

const char *
rights_seen(const struct who *who, const struct edit_table *t)
{
	static const struct {
		const char	*table, *condition;
	} seen[] = {
		{ "rpop", "(account = :who OR substr(account, instr(account, '@') + 1) IN"
		    " (SELECT domain FROM domain_admin WHERE account = :who))" },
		{ "account", "(address = :who OR domain IN (SELECT domain FROM domain_admin WHERE account = :who))" },
		{ "domain", "name IN (SELECT domain FROM domain_admin WHERE account = :who)" },
		{ "domain_admin", "account = :who" }
	};
	size_t	 i;

	if (who->root || who->watcher || who->server_admin)
		return ("1");
	for (i = 0; who->account[0] != '\0' && i < nitems(seen); i++)
		if (strcmp(seen[i].table, t->name) == 0)
			return (seen[i].condition);
	return (NULL);
}

static int
rights_word(const char *const words[], const char *word)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return (1);
	return (0);
}

/* 1: the change sets what the user himself logs in with, and nothing else. */
static int
rights_login(const struct doing *d)
{
	const struct change	*c = d->change;
	const char		*own = d->who->account;

	return (c->act == CHANGE_SET && strcmp(d->table->name, "account") == 0 && c->nkeys == 1 && c->ncells == 2 &&
	    c->cells[0].len == strlen(own) && memcmp(c->cells[0].value, own, c->cells[0].len) == 0 &&
	    strcmp(c->cells[1].column, "password") == 0);
}

/* 1: the change is one that only root makes. */
static int
rights_root_only(const struct doing *d)
{
	const struct change	*c = d->change;
	size_t			 i;

	/* A client's endpoint gets the tokens of all its records; a next hop's socket is connected to by root. */
	if (strcmp(d->table->name, "oauth_client") == 0)
		return (1);
	for (i = 0; i < c->ncells; i++)
		if (c->cells[i].kind != CELL_NULL && (rights_word(root_columns, c->cells[i].column) || (c->cells[i].len > 0 &&
		    c->cells[i].value[0] == '/' && strcmp(d->table->name, "nexthop") == 0)))
			return (1);
	return (0);
}

/* The change sets no reserved column.  0, or -1 and a sentence. */
static int
rights_reserved(const struct doing *d, char *err, size_t errsize)
{
	const struct change	*c = d->change;
	size_t			 i;

	for (i = 0; i < c->ncells; i++) {
		if (strcmp(c->cells[i].column, "self_service") == 0 && (c->cells[i].len != 1 || *c->cells[i].value != '1'))
			break;
		if (table_column(d->columns, d->ncolumns, c->cells[i].column) != NULL && !rights_word(open_columns, c->cells[i].column))
			break;
	}
	if (i == c->ncells)
		return (0);
	snprintf(err, errsize, "%s: only an administrator of the server may set %s", d->key, c->cells[i].column);
	return (-1);
}

/*
 * He keeps records of this account: it is his own, or one of his domain's.  0, or -1 and a sentence, which is the same for an account
 * that does not exist.
 */
static int
rights_owner(struct doing *d, const struct cell *account, char *err, size_t errsize)
{
	const char	*own = d->who->account;
	int64_t		 modify = -1;

	if (rights_domain(d->who, account, &modify) == 0 && modify == 1)
		return (rights_theirs(d, err, errsize));
	if (account->len == strlen(own) && memcmp(account->value, own, account->len) == 0)
		return (rights_own(d, err, errsize));
	if (modify == 0)
		snprintf(err, errsize, "%s: you may look at the records of this domain, and not change them", d->key);
	else
		snprintf(err, errsize, "%s: is no account of yours", d->key);
	return (-1);
}

/*
 * A domain's administrator and a record there.  What has reserved columns, and so may distribute mail to other domains, is not for
 * him to lead elsewhere.  0, or -1 and a sentence.
 */
static int
rights_theirs(struct doing *d, char *err, size_t errsize)
{
	static const char *const	 leads[] = { "domain", "auth_name", "password", "tls", "auth", "account" };
	const struct cell		*c;
	size_t				 i;
	int64_t				 plain;

	if (d->change->act >= CHANGE_SET && rights_question(d->store, "SELECT coalesce(special, token_command, tls_cert, ca_file,"
	    " oauth_client) IS NULL FROM rpop WHERE account = ?1 AND name = ?2", &d->change->cells[0], &d->change->cells[1], &plain) == 0 &&
	    plain != 1) {
		snprintf(err, errsize, "%s: was made by an administrator of the server; you may look at it only", d->key);
		return (-1);
	}
	for (i = 0; i < nitems(leads); i++)
		if (d->change->act <= CHANGE_NEED || ((c = change_cell(d->change, leads[i])) != NULL &&
		    c >= d->change->cells + d->change->nkeys))
			rights_force(d);
	return (0);
}

/* A user and a record of his own.  0, or -1 and a sentence. */
static int
rights_own(struct doing *d, char *err, size_t errsize)
{
	struct cell	 own = { .kind = CELL_TEXT, .value = (const uint8_t *)d->who->account, .len = strlen(d->who->account) };
	int64_t		 n;

	if (rights_question(image_db(config_image), "SELECT can_modify_rpop FROM account WHERE address = ?1", &own, NULL, &n) == -1 ||
	    n != 1) {
		snprintf(err, errsize, "%s: records of %s are kept by administrators; they may let you do it (account.can_modify_rpop)",
		    d->key, d->who->account);
		return (-1);
	}
	if (d->change->act >= CHANGE_SET && d->change->nkeys == 2 && rights_question(d->store, "SELECT self_service = 1 AND"
	    " coalesce(special, token_command, tls_cert, ca_file, oauth_client) IS NULL FROM rpop WHERE account = ?1 AND name = ?2",
	    &d->change->cells[0], &d->change->cells[1], &n) == 0 && n != 1) {
		snprintf(err, errsize, "%s: was made by an administrator; you may look at it only", d->key);
		return (-1);
	}
	rights_force(d);
	return (0);
}

/* Records that users and administrators of domains write are polled as such: public addresses only. */
static void
rights_force(struct doing *d)
{
	struct cell	*c;

	if (d->change->act == CHANGE_REMOVE || d->nforced > 0 || change_cell(d->change, "self_service") != NULL)
		return;
	c = &d->forced[d->nforced++];
	strlcpy(c->column, "self_service", sizeof(c->column));
	c->kind = CELL_TEXT;
	c->value = (const uint8_t *)"1";
	c->len = 1;
}

/*
 * A password is for the host, port and login that it was given for: with others it is given anew, or nobody could be kept from
 * having it sent elsewhere.  0, or -1 and a sentence.
 */
static int
rights_password(const struct doing *d, char *err, size_t errsize)
{
	static const struct {
		const char	*table, *column, *secret, *question;
	} bound[] = {
		{ "rpop", "domain", "password", "SELECT password IS NOT NULL AND domain IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "auth_name", "password",
		    "SELECT password IS NOT NULL AND auth_name IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "account", "password",
		    "SELECT password IS NOT NULL AND account IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "oauth_client", "refresh_token",
		    "SELECT refresh_token IS NOT NULL AND oauth_client IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "domain", "refresh_token",
		    "SELECT refresh_token IS NOT NULL AND domain IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "account", "refresh_token",
		    "SELECT refresh_token IS NOT NULL AND account IS NOT ?3 FROM rpop WHERE account = ?1 AND name = ?2" },
		{ "rpop", "tls", "password", "SELECT password IS NOT NULL AND tls IS NOT ?3 AND ?3 = 'none' FROM rpop"
		    " WHERE account = ?1 AND name = ?2" },
		{ "nexthop", "address", "password", "SELECT password IS NOT NULL AND address IS NOT ?3 FROM nexthop WHERE name = ?1" },
		{ "nexthop", "auth_name", "password", "SELECT password IS NOT NULL AND auth_name IS NOT ?3 FROM nexthop WHERE name = ?1" },
		{ "oauth_client", "token_url", "client_secret",
		    "SELECT client_secret IS NOT NULL AND token_url IS NOT ?3 FROM oauth_client WHERE name = ?1" }
	};
	const struct change	*c = d->change;
	const struct cell	*cell;
	sqlite3_stmt		*st;
	size_t			 i, k;
	int			 moved;

	for (i = 0; c->act == CHANGE_SET && i < nitems(bound); i++) {
		if (strcmp(bound[i].table, d->table->name) != 0 || (cell = change_cell(c, bound[i].column)) == NULL ||
		    cell < c->cells + c->nkeys || change_cell(c, bound[i].secret) != NULL)
			continue;
		if ((st = kept_get(d->kept, d->store, bound[i].question)) == NULL) {
			sql_reason(d->store, "rpopd.db", err, errsize);
			return (-1);
		}
		for (k = 0; k < c->nkeys; k++)
			sqlite3_bind_text(st, k + 1, (const char *)c->cells[k].value, c->cells[k].len, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, (const char *)cell->value, cell->len, SQLITE_STATIC);
		moved = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0);
		(void)kept_done(st);
		if (moved) {
			snprintf(err, errsize, "%s: its %s was given for another %s; give it again with this one", d->key, bound[i].secret,
			    bound[i].column);
			return (-1);
		}
	}
	return (0);
}

/* Limits for the user whose account it is, counted with what this transaction has done.  0, or -1 and a sentence. */
static int
rights_limits(const struct doing *d, char *err, size_t errsize)
{
	const struct cell	*account = change_cell(d->change, "account"), *period = change_cell(d->change, "period");
	int64_t			 n, least, most, modify;
	int			 new = d->change->act <= CHANGE_NEED || account != &d->change->cells[0];	/* or moved there */

	if (rights_domain(d->who, account, &modify) == 0 && modify == 1)
		return (0);
	if (rights_question(image_db(config_image), "SELECT ifnull(min_period, (SELECT user_min_period FROM settings)) FROM account"
	    " WHERE address = ?1", account, NULL, &least) == -1 || rights_question(image_db(config_image),
	    "SELECT ifnull(max_records, (SELECT user_max_records FROM settings)) FROM account WHERE address = ?1", account, NULL, &most) ==
	    -1 || rights_question(d->store, "SELECT count(*) FROM rpop WHERE account = ?1 AND self_service = 1", account, NULL, &n) == -1) {
		snprintf(err, errsize, "%s: is no account that is in force", d->key);
		return (-1);
	}
	if (new && n > most) {
		snprintf(err, errsize, "%s: an account may have %lld record%s of its user's own", d->key, (long long)most, PLURAL(most));
		return (-1);
	}
	if ((period != NULL || new) && rights_question(d->store, "SELECT period FROM rpop WHERE account = ?1 AND"
	    " name = ?2 AND period IS NOT NULL", account, change_cell(d->change, "name"), &n) == 0 && n < least) {
		snprintf(err, errsize, "%s: period must be %lld seconds at least", d->key, (long long)least);
		return (-1);
	}
	return (0);
}

/* Whether he administers the domain of an address, and changes records there.  0: *modify says so, or -1: he does not. */
static int
rights_domain(const struct who *who, const struct cell *address, int64_t *modify)
{
	struct cell	 domain, own = { .kind = CELL_TEXT, .value = (const uint8_t *)who->account, .len = strlen(who->account) };
	const uint8_t	*at;

	if ((at = memchr(address->value, '@', address->len)) == NULL)
		return (-1);
	domain = own;
	domain.value = at + 1;
	domain.len = address->value + address->len - domain.value;
	return (rights_question(image_db(config_image), "SELECT can_modify_rpop FROM domain_admin WHERE account = ?1 AND domain = ?2",
	    &own, &domain, modify));
}

/* The number that a question about ?1 and ?2 is answered with.  0, or -1: there is no row. */
static int
rights_question(sqlite3 *db, const char *sql, const struct cell *a, const struct cell *b, int64_t *n)
{
	sqlite3_stmt	*st;
	int		 found;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_text(st, 1, (const char *)a->value, a->len, SQLITE_STATIC);
	if (b != NULL)
		sqlite3_bind_text(st, 2, (const char *)b->value, b->len, SQLITE_STATIC);
	if ((found = sqlite3_step(st) == SQLITE_ROW))
		*n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return (found ? 0 : -1);
}
