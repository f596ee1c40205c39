/* SPDX-License-Identifier: ISC */
/* The RPOP dictionary's rows for config_load(). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "common/hex.h"
#include "rpopd/sched/sched.h"
#include "config_int.h"

#define REFRESH_MAX	8000	/* octets of a refresh token */

static int	 rpop_text(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_where(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_login(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_secret(struct load *, sqlite3_stmt *, const struct record *);
static void	 secret_sound(struct load *, sqlite3_stmt *, const char *, int, int64_t);
static int	 rpop_tls(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_pins(struct load *, sqlite3_stmt *, struct record *, const char *);
static void	 rpop_numbers(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_mode(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_envelope(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_domains(struct load *, sqlite3_stmt *, const char *);
static void	 rpop_source(const struct load *, struct record *, int);

enum { R_ACCOUNT, R_NAME, R_DOMAIN, R_AUTH_NAME, R_TLS, R_PERIOD, R_LEAVE, R_APOP, R_MAILBOX, R_SPECIAL, R_LOCAL_DOMAIN,
	R_AUTH, R_CLIENT, R_COMMAND, R_COMMAND_USER, R_TLS_MIN, R_CIPHERS, R_TLS_NAME, R_PINS, R_CA_FILE, R_CERT, R_KEY, R_SCHEDULE,
	R_MAX_SIZE, R_OVERSIZE, R_MESSAGES, R_OCTETS, R_LEAVE_DAYS, R_FIRST, R_SELF_SERVICE,
	R_NTH, R_HOP, R_PREFIX, R_FOR, R_DOMAINS, R_SUPPRESS, R_RSET,
	R_PW_TYPE, R_PW_LENGTH, R_PW_BREAKS, R_REFRESH_TYPE, R_REFRESH_LENGTH, R_REFRESH_BREAKS };

const char	 load_rpop_sql[] = "SELECT account, name, domain, auth_name, tls, period, leave, apop, mailbox, special, local_domain,"
    " auth, oauth_client, token_command, token_user, tls_min, tls_ciphers, tls_name, tls_pins, ca_file, tls_cert, tls_key,"
    " schedule, max_size, oversize, session_messages, session_octets, leave_days, first_poll, self_service,"
    " special_nth, trusted_hop, strip_prefix, received_for, domains, suppress, rset, "
    SECRET_COLUMNS("password") ", " SECRET_COLUMNS("refresh_token") " FROM rpop ORDER BY account, name";

/* As a loader does. */
int
load_rpop(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct record	*r;
	unsigned int	 bad = ld->bad;
	char		 err[PROTO_TEXT_SIZE * 4];

	load_row_name(ld, "rpop", st, R_ACCOUNT, R_NAME);
	if ((r = load_grow(c->records, c->nrecords, sizeof(*r))) == NULL)
		return (-1);
	c->records = r;
	r += c->nrecords;
	memset(r, 0, sizeof(*r));
	if (rpop_text(ld, st, r) == -1)
		return (-1);
	if (!load_null(st, R_PERIOD))
		r->period = load_number(ld, st, R_PERIOD, 10, 31536000);
	if (rpop_where(ld, st, r) == -1 || rpop_login(ld, st, r) == -1 || rpop_tls(ld, st, r) == -1)
		return (-1);
	/* One with a CA or certificates of its own needs none of ca_dir. */
	ld->any_tls |= r->tls != TLS_MODE_NONE && r->period != 0 && load_null(st, R_CA_FILE) && r->npins == 0;
	rpop_numbers(ld, st, r);
	rpop_secret(ld, st, r);
	rpop_mode(ld, st, r);
	if (ld->bad == bad && r->period != 0 && pem_sound(r, err, sizeof(err)) == -1)
		load_unsound(ld, "%s: %s", ld->row, err);
	c->nrecords++;
	return (0);
}

static int
rpop_text(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const struct route_account	*owner;

	if ((r->owner = load_text(ld, st, R_ACCOUNT, PROTO_ADDR_SIZE)) == NULL ||
	    (r->name = load_text(ld, st, R_NAME, 128)) == NULL ||
	    (r->user = load_text(ld, st, R_AUTH_NAME, PROTO_USER_SIZE)) == NULL ||
	    (r->mailbox = load_text(ld, st, R_MAILBOX, PROTO_MAILBOX_SIZE)) == NULL ||
	    (r->special = load_text(ld, st, R_SPECIAL, PROTO_SPECIAL_SIZE)) == NULL ||
	    (r->local_domain = load_text(ld, st, R_LOCAL_DOMAIN, PROTO_HOST_SIZE)) == NULL ||
	    (r->trusted_hop = load_text(ld, st, R_HOP, PROTO_HOST_SIZE)) == NULL ||
	    (r->strip_prefix = load_text(ld, st, R_PREFIX, PROTO_PREFIX_SIZE)) == NULL ||
	    (r->domains = load_text(ld, st, R_DOMAINS, PROTO_DOMAINS_SIZE)) == NULL ||
	    (r->schedule = load_text(ld, st, R_SCHEDULE, SCHEDULE_SIZE)) == NULL)
		return (-1);
	if ((owner = route_account_by_address(ld->c->routes, r->owner)) == NULL)
		load_bad(ld, "%s: there is no such account; insert it into view accounts", ld->row);
	r->account = owner == NULL ? 0 : owner->id;
	if (r->name[0] == '\0' || !check_printable(r->name))
		load_bad(ld, "%s: name must be text without control characters; rename the record", ld->row);
	if (r->user[0] == '\0' || strpbrk(r->user, "\r\n") != NULL)
		load_bad(ld, "%s: auth_name must not be empty or contain CR, LF or NUL", ld->row);
	return (0);
}

/* Host, port and transport. */
static int
rpop_where(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*domain, *tls;
	char		 host[PROTO_HOST_SIZE] = "";

	if ((domain = load_text(ld, st, R_DOMAIN, PROTO_HOST_SIZE + 8)) == NULL || (tls = load_text(ld, st, R_TLS, 64)) == NULL)
		return (-1);
	if (load_tls(tls, &r->tls) == -1)
		load_bad_value(ld, st, R_TLS, "must be tls, stls or none");
	if (!check_hostport(domain, host, sizeof(host), &r->port))
		load_bad_value(ld, st, R_DOMAIN, strchr(domain, '/') == NULL ? "must be host, host:port, [v6] or [v6]:port" :
		    "must be the host alone, or host:port, without a scheme such as https:// and without a path");
	if (r->port == 0)
		r->port = r->tls == TLS_MODE_TLS ? 995 : 110;
	return ((r->host = arena_add(&ld->c->arena, host, strlen(host))) == NULL ? -1 : 0);
}

/* Who we are there: mechanism, and where the credential comes from. */
static int
rpop_login(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*auth, *client;
	int		 tokens;

	if ((auth = load_text(ld, st, R_AUTH, 32)) == NULL || (client = load_text(ld, st, R_CLIENT, OAUTH_NAME_SIZE)) == NULL ||
	    (r->token_command = load_text(ld, st, R_COMMAND, 1024)) == NULL ||
	    (r->token_user = load_text(ld, st, R_COMMAND_USER, 33)) == NULL)
		return (-1);
	for (r->auth = AUTH_AUTO; r->auth < AUTH_MAX && strcmp(auth, auth_mech_str(r->auth)) != 0; r->auth++)
		;
	if (r->auth == AUTH_MAX)
		load_bad_value(ld, st, R_AUTH, "is no login mechanism; rpopd.db(5) lists them");
	if (!load_null(st, R_CLIENT) && (r->client = load_oauth_row(ld->c, client)) == NULL)
		load_bad_value(ld, st, R_CLIENT, "must be in table oauth_client, or NULL");
	if (!load_null(st, R_COMMAND) && (!check_path(r->token_command) || strstr(r->token_command, "  ") != NULL))
		load_bad_value(ld, st, R_COMMAND, "must be an absolute path, then words separated by single spaces");
	if (!load_null(st, R_COMMAND_USER) && (load_null(st, R_COMMAND) || strcmp(r->token_user, "root") == 0))
		load_bad_value(ld, st, R_COMMAND_USER, "must be the user, not root, that token_command runs as");
	tokens = !load_null(st, R_CLIENT) || !load_null(st, R_COMMAND);
	if ((r->auth == AUTH_OAUTHBEARER || r->auth == AUTH_XOAUTH2) ? !tokens : tokens && r->auth != AUTH_AUTO)
		load_bad(ld, "%s: auth oauthbearer and xoauth2 need an oauth_client or a token_command, and these need one of "
		    "them, or auto", ld->row);
	if (tokens && r->tls == TLS_MODE_NONE)
		load_bad(ld, "%s: tokens are sent under TLS only; set tls to tls or stls", ld->row);
	return (0);
}

/* Judged without taking it out of the store. */
static void
rpop_secret(struct load *ld, sqlite3_stmt *st, const struct record *r)
{
	int	 password = !load_null(st, R_PW_LENGTH);

	if (password + (r->client != NULL) + (r->token_command[0] != '\0') > 1)
		load_bad(ld, "%s: password, oauth_client and token_command exclude each other; set all but one to NULL", ld->row);
	if (password)
		secret_sound(ld, st, "password", R_PW_TYPE, PROTO_SECRET_MAX);
	else if (r->period != 0 && r->client == NULL && r->token_command[0] == '\0' && r->auth != AUTH_EXTERNAL)
		load_bad(ld, "%s: the password is missing; set it, or set period to NULL", ld->row);
	if (!load_null(st, R_REFRESH_LENGTH))
		secret_sound(ld, st, "refresh_token", R_REFRESH_TYPE, REFRESH_MAX);
	else if (r->period != 0 && r->client != NULL && !r->client->client_credentials)
		load_bad(ld, "%s: refresh_token is missing; set it, or set period to NULL", ld->row);
	if (!load_null(st, R_REFRESH_LENGTH) && r->client == NULL)
		load_bad(ld, "%s: refresh_token belongs to an oauth_client; set it to NULL", ld->row);
}

/* Its type, its length and the number of CR, LF, NUL in it are three neighbouring columns. */
static void
secret_sound(struct load *ld, sqlite3_stmt *st, const char *what, int col, int64_t max)
{
	const char	*type = (const char *)sqlite3_column_text(st, col);
	int64_t		 len = sqlite3_column_int64(st, col + 1);

	if (type == NULL || (strcmp(type, "text") != 0 && strcmp(type, "blob") != 0))
		load_bad(ld, "%s: %s must be text in quotes, or a blob", ld->row, what);
	else if (len < 1 || len > max)
		load_bad(ld, "%s: %s must be 1 to %lld octets", ld->row, what, (long long)max);
	else if (sqlite3_column_int64(st, col + 2) != 0)
		load_bad(ld, "%s: %s must not contain CR, LF or NUL", ld->row, what);
}

/* What differs from the default in how TLS is done; pem.c looks at the files. */
static int
rpop_tls(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	static const struct {
		int	 col;
		size_t	 off, size;
		int	(*check)(const char *);
		const char *rule;
	}	 texts[] = {
		{ R_CIPHERS, offsetof(struct record, tls_ciphers), PROTO_CIPHERS_SIZE, check_ciphers, "must be an OpenSSL cipher list" },
		{ R_TLS_NAME, offsetof(struct record, tls_name), PROTO_HOST_SIZE, check_tls_name,
		    "must be the host name in the server's certificate" },
		{ R_CA_FILE, offsetof(struct record, ca_file), 1024, check_path, "must be an absolute path without .." },
		{ R_CERT, offsetof(struct record, tls_cert), 1024, check_path, "must be an absolute path without .." },
		{ R_KEY, offsetof(struct record, tls_key), 1024, check_path, "must be an absolute path without .." }
	};
	const char	*min, *pins, *text;
	size_t		 i;
	int		 any = 0;

	for (i = 0; i < nitems(texts); i++) {
		if ((text = load_text(ld, st, texts[i].col, texts[i].size)) == NULL)
			return (-1);
		memcpy((char *)r + texts[i].off, &text, sizeof(text));
		if (!load_null(st, texts[i].col) && !texts[i].check(text))
			load_bad_value(ld, st, texts[i].col, texts[i].rule);
		any |= !load_null(st, texts[i].col);
	}
	if ((min = load_text(ld, st, R_TLS_MIN, 8)) == NULL || (pins = load_text(ld, st, R_PINS, 520)) == NULL)
		return (-1);
	if (*min != '\0')
		r->tls_min = min[0] == '1' && min[1] == '.' && min[2] >= '0' && min[2] <= '3' && min[3] == '\0' ? 10 + min[2] - '0' : 0;
	if (!load_null(st, R_TLS_MIN) && r->tls_min == 0)
		load_bad_value(ld, st, R_TLS_MIN, "must be 1.0, 1.1, 1.2 or 1.3, or NULL");
	if ((any || r->tls_min != 0 || *pins != '\0') && r->tls == TLS_MODE_NONE)
		load_bad(ld, "%s: tls_min, tls_ciphers, tls_name, tls_pins, ca_file and tls_cert are for tls and stls", ld->row);
	if (load_null(st, R_CERT) != load_null(st, R_KEY))
		load_bad(ld, "%s: tls_cert and tls_key belong together; set both or none", ld->row);
	if (r->auth == AUTH_EXTERNAL && load_null(st, R_CERT))
		load_bad(ld, "%s: auth external needs tls_cert and tls_key", ld->row);
	return (*pins == '\0' ? 0 : rpop_pins(ld, st, r, pins));
}

/* 1 to PROTO_PINS_MAX groups of 64 hexadecimal digits. */
static int
rpop_pins(struct load *ld, sqlite3_stmt *st, struct record *r, const char *text)
{
	uint8_t	 pins[PROTO_PINS_MAX * PROTO_DIGEST_LEN];
	size_t	 i, n = 0, len = strlen(text);
	int	 high, low;

	for (i = 0; i < len && n < sizeof(pins); i += 2) {
		if (n % PROTO_DIGEST_LEN == 0 && n > 0 && text[i++] != ' ')
			break;
		if ((high = hex_digit(text[i])) == -1 || (low = hex_digit(text[i + 1])) == -1)
			break;
		pins[n++] = high << 4 | low;
	}
	if (n == 0 || n % PROTO_DIGEST_LEN != 0 || len != n * 2 + n / PROTO_DIGEST_LEN - 1) {
		load_bad_value(ld, st, R_PINS, "must be 1 to 8 SHA-256 sums, 64 hexadecimal digits each, separated by spaces");
		return (0);
	}
	r->npins = n / PROTO_DIGEST_LEN;
	return ((r->pins = (const uint8_t *)arena_add(&ld->c->arena, (const char *)pins, n)) == NULL ? -1 : 0);
}

/* Flags and limits; NULL is no limit. */
static void
rpop_numbers(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*oversize = (const char *)sqlite3_column_text(st, R_OVERSIZE);
	const char	*first = (const char *)sqlite3_column_text(st, R_FIRST);

	r->leave = load_number(ld, st, R_LEAVE, 0, 1);
	r->apop = load_number(ld, st, R_APOP, 0, 1);
	r->rset = load_number(ld, st, R_RSET, 0, 1);
	r->self_service = load_number(ld, st, R_SELF_SERVICE, 0, 1);
	if (!load_null(st, R_MAX_SIZE))
		r->max_size = load_number(ld, st, R_MAX_SIZE, 1, INT32_MAX);
	if (!load_null(st, R_MESSAGES))
		r->session_messages = load_number(ld, st, R_MESSAGES, 1, PROTO_MSGS_MAX);
	if (!load_null(st, R_OCTETS))
		r->session_octets = load_number64(ld, st, R_OCTETS, 1, 1000000000000LL);
	if (!load_null(st, R_LEAVE_DAYS))
		r->leave_days = load_number(ld, st, R_LEAVE_DAYS, 1, 36500);
	r->headers_only = oversize != NULL && strcmp(oversize, "headers") == 0;
	if (!r->headers_only && (oversize == NULL || strcmp(oversize, "skip") != 0))
		load_bad_value(ld, st, R_OVERSIZE, "must be skip or headers");
	r->mark_first = first != NULL && strcmp(first, "mark") == 0;
	if (!r->mark_first && (first == NULL || strcmp(first, "retrieve") != 0))
		load_bad_value(ld, st, R_FIRST, "must be retrieve or mark");
	if ((r->leave_days != 0 || r->mark_first) && !r->leave)
		load_bad(ld, "%s: leave_days, and first_poll 'mark', are for records with leave = 1", ld->row);
}

/* Who gets the mail: rows S30, S32, S38. */
static void
rpop_mode(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	int	 own = !load_null(st, R_LOCAL_DOMAIN);

	r->mode = DIST_OWNER;
	if (!load_null(st, R_MAILBOX) && !check_folder(r->mailbox))
		load_bad_value(ld, st, R_MAILBOX, "must be a folder such as Lists or Lists/bsd, or NULL for the inbox");
	if (own && load_domain_row(ld, r->local_domain) == NULL)
		load_bad_value(ld, st, R_LOCAL_DOMAIN, "must be in table domain, or NULL");
	if (!own && strchr(r->owner, '@') != NULL)
		r->local_domain = strchr(r->owner, '@') + 1;
	if (!load_null(st, R_SCHEDULE) && !load_has_schedule(ld->c, r->schedule))
		load_bad_value(ld, st, R_SCHEDULE, "must be in table schedule, or NULL");
	rpop_source(ld, r, load_null(st, R_SPECIAL));
	rpop_envelope(ld, st, r);
	if (load_null(st, R_SPECIAL)) {
		if (own)
			load_bad(ld, "%s: local_domain is for records with special; set it to NULL", ld->row);
		return;
	}
	r->mode = strcmp(r->special, "*") == 0 ? DIST_STAR : DIST_FIELD;
	ld->any_special = 1;
	if (!check_field(r->special))
		load_bad_value(ld, st, R_SPECIAL, "must be '*', or names of header fields that may be taken out of the message, single spaces "
		    "between");
	if (!load_null(st, R_MAILBOX))
		load_bad(ld, "%s: mailbox and special exclude each other; set one to NULL", ld->row);
	if (strncmp(r->owner, "postmaster@", 11) != 0 || ld->main_domain == NULL || strcmp(r->owner + 11, ld->main_domain) != 0)
		load_bad(ld, "%s: special is for records of the postmaster of settings.main_domain only", ld->row);
}

/* How the envelope is read out of the header: rows S75, P18. */
static void
rpop_envelope(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	int	 field = !load_null(st, R_SPECIAL) && strcmp(r->special, "*") != 0;

	r->suppress = load_number(ld, st, R_SUPPRESS, 0, 1);
	if (!load_null(st, R_NTH))
		r->special_nth = load_number(ld, st, R_NTH, 1, 100);
	if (!load_null(st, R_HOP) && !check_hostname(r->trusted_hop))
		load_bad_value(ld, st, R_HOP, "must be the host name in the 'by' part of the provider's first Received field, or NULL");
	if (!load_null(st, R_PREFIX) && !check_prefix(r->strip_prefix))
		load_bad_value(ld, st, R_PREFIX, "must be what the provider puts before local parts, without spaces, or NULL");
	r->received_for = load_number(ld, st, R_FOR, 0, 1);
	if (r->received_for && load_null(st, R_HOP))
		load_bad(ld, "%s: received_for needs trusted_hop, or anybody could write such a field", ld->row);
	if (!field && (!load_null(st, R_NTH) || !load_null(st, R_HOP) || !load_null(st, R_PREFIX)))
		load_bad(ld, "%s: special_nth, trusted_hop and strip_prefix are for records with a special header field; set them to NULL",
		    ld->row);
	if (load_null(st, R_DOMAINS))
		return;
	if (load_null(st, R_SPECIAL))
		load_bad(ld, "%s: domains is for records with special; set it to NULL", ld->row);
	rpop_domains(ld, st, r->domains);
}

/* Names of table domain, single spaces between. */
static void
rpop_domains(struct load *ld, sqlite3_stmt *st, const char *list)
{
	char		 name[PROTO_HOST_SIZE];
	const char	*word;
	size_t		 len;

	for (word = list;; word += len + 1) {
		len = strcspn(word, " ");
		if (len == 0 || len >= sizeof(name))
			break;
		memcpy(name, word, len);
		name[len] = '\0';
		if (load_domain_row(ld, name) == NULL)
			break;
		if (word[len] == '\0')
			return;
	}
	load_bad_value(ld, st, R_DOMAINS, "must be names of table domain, single spaces between, or NULL for all");
}

/* Rows S12 to S14: a personal record connects from its domain's addresses, if it has any and that is wanted. */
static void
rpop_source(const struct load *ld, struct record *r, int personal)
{
	const struct domain_row	*domain;
	const char		*at = strchr(r->owner, '@');

	r->source = ld->c->settings.source;
	if (ld->use_domain_addresses && personal && at != NULL && (domain = load_domain_row(ld, at + 1)) != NULL &&
	    domain->address[0] != '\0')
		r->source = domain->address;
}
