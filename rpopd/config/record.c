/* SPDX-License-Identifier: ISC */
/* Rows of table rpop, for config_load(). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hex.h"
#include "config_int.h"

#define REFRESH_MAX	8000	/* octets of a refresh token */

static void	 rpop_names(struct load *, struct record *);
static int	 rpop_where(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_login(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_secrets(struct load *, sqlite3_stmt *, const struct record *);
static void	 secret_judge(struct load *, sqlite3_stmt *, int);
static int	 rpop_tls(struct load *, sqlite3_stmt *, struct record *);
static int	 rpop_pins(struct load *, sqlite3_stmt *, struct record *, const char *);
static void	 rpop_mode(struct load *, sqlite3_stmt *, struct record *);
static void	 rpop_envelope(struct load *, sqlite3_stmt *, const struct record *);
static void	 rpop_domains(struct load *, sqlite3_stmt *, const char *);
static void	 rpop_source(const struct load *, struct record *, int);

static const struct word	 min_words[] = { { "1.0", 10 }, { "1.1", 11 }, { "1.2", 12 }, { "1.3", 13 }, { NULL, 0 } };
static const struct word	 oversize_words[] = { { "skip", 0 }, { "headers", 1 }, { NULL, 0 } };
static const struct word	 first_words[] = { { "retrieve", 0 }, { "mark", 1 }, { NULL, 0 } };

#define ROW	struct record
#define RPOP_COLUMNS(X) \
	X(account,	TEXT(owner, REQUIRED, PROTO_ADDR_SIZE - 1, NULL, NULL)) \
	X(name,		TEXT(name, REQUIRED, 127, NULL, NULL)) \
	X(domain,	OTHER(REQUIRED, PROTO_HOST_SIZE + 7)) \
	X(auth_name,	TEXT(user, REQUIRED, PROTO_USER_SIZE - 1, NULL, NULL)) \
	X(password,	SECRET(PROTO_SECRET_MAX)) \
	X(period,	NUMBER(period, OPTIONAL, 10, 31536000)) \
	X(mailbox,	TEXT(mailbox, OPTIONAL, PROTO_MAILBOX_SIZE - 1, check_folder, \
	    "must be a folder such as Lists or Lists/bsd, or NULL for the inbox")) \
	X(special,	TEXT(special, OPTIONAL, PROTO_SPECIAL_SIZE - 1, check_field, \
	    "must be '*', or names of header fields that may be taken out of the message, single spaces between")) \
	X(special_nth,	NUMBER(special_nth, OPTIONAL, 1, 100)) \
	X(trusted_hop,	TEXT(trusted_hop, OPTIONAL, PROTO_HOST_SIZE - 1, check_hostname, \
	    "must be the host name in the 'by' part of the provider's first Received field, or NULL")) \
	X(strip_prefix,	TEXT(strip_prefix, OPTIONAL, PROTO_PREFIX_SIZE - 1, check_prefix, \
	    "must be what the provider puts before local parts, without spaces, or NULL")) \
	X(received_for,	NUMBER(received_for, REQUIRED, 0, 1)) \
	X(domains,	TEXT(domains, OPTIONAL, PROTO_DOMAINS_SIZE - 1, NULL, NULL)) \
	X(suppress,	NUMBER(suppress, REQUIRED, 0, 1)) \
	X(local_domain,	TEXT(local_domain, OPTIONAL, PROTO_HOST_SIZE - 1, NULL, NULL)) \
	X(leave,	NUMBER(leave, REQUIRED, 0, 1)) \
	X(tls,		WORD(tls, REQUIRED, tls_words, "must be tls, stls or none")) \
	X(apop,		NUMBER(apop, REQUIRED, 0, 1)) \
	X(auth,		OTHER(REQUIRED, 31)) \
	X(oauth_client,	OTHER(OPTIONAL, OAUTH_NAME_SIZE - 1)) \
	X(refresh_token, SECRET(REFRESH_MAX)) \
	X(token_command, TEXT(token_command, OPTIONAL, 1023, check_command, \
	    "must be an absolute path, then words separated by single spaces")) \
	X(token_user,	TEXT(token_user, OPTIONAL, 32, NULL, NULL)) \
	X(tls_min,	WORD(tls_min, OPTIONAL, min_words, "must be 1.0, 1.1, 1.2 or 1.3, or NULL")) \
	X(tls_ciphers,	TEXT(tls_ciphers, OPTIONAL, PROTO_CIPHERS_SIZE - 1, check_ciphers, "must be an OpenSSL cipher list")) \
	X(tls_name,	TEXT(tls_name, OPTIONAL, PROTO_HOST_SIZE - 1, check_tls_name, "must be the host name in the server's certificate")) \
	X(tls_pins,	OTHER(OPTIONAL, 519)) \
	X(ca_file,	TEXT(ca_file, OPTIONAL, 1023, check_path, "must be an absolute path without ..")) \
	X(tls_cert,	TEXT(tls_cert, OPTIONAL, 1023, check_path, "must be an absolute path without ..")) \
	X(tls_key,	TEXT(tls_key, OPTIONAL, 1023, check_path, "must be an absolute path without ..")) \
	X(schedule,	TEXT(schedule, OPTIONAL, SCHEDULE_SIZE - 1, NULL, NULL)) \
	X(max_size,	NUMBER(max_size, OPTIONAL, 1, INT32_MAX)) \
	X(oversize,	WORD(headers_only, REQUIRED, oversize_words, "must be skip or headers")) \
	X(session_messages, NUMBER(session_messages, OPTIONAL, 1, PROTO_MSGS_MAX)) \
	X(session_octets, NUMBER(session_octets, OPTIONAL, 1, 1000000000000LL)) \
	X(leave_days,	NUMBER(leave_days, OPTIONAL, 1, 36500)) \
	X(first_poll,	WORD(mark_first, REQUIRED, first_words, "must be retrieve or mark")) \
	X(self_service,	NUMBER(self_service, REQUIRED, 0, 1)) \
	X(rset,		NUMBER(rset, REQUIRED, 0, 1))

enum { RPOP_COLUMNS(COLUMN_PLACE) RPOP_MAX };
static const struct column	 columns[] = { RPOP_COLUMNS(COLUMN) };
const struct table		 rpop_table = { "rpop", columns, RPOP_MAX, " ORDER BY account, name" };

/* A row of table rpop.  0, or -1: no memory. */
int
load_rpop(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct record	*r;
	unsigned int	 bad = ld->bad;
	char		 err[PROTO_TEXT_SIZE * 4];

	load_row_name(ld, "rpop", st, AT_account, AT_name);
	if ((r = array_grow(c->records, c->nrecords, sizeof(*r))) == NULL)
		return (-1);
	c->records = r;
	r += c->nrecords;
	memset(r, 0, sizeof(*r));
	if (table_load(ld, st, &rpop_table, r) == -1 || rpop_where(ld, st, r) == -1 || rpop_login(ld, st, r) == -1 ||
	    rpop_tls(ld, st, r) == -1)
		return (-1);
	/* A record with a CA or pins of its own needs no certificate in ca_dir. */
	ld->any_tls |= r->tls != TLS_MODE_NONE && r->period != 0 && load_null(st, AT_ca_file) && r->npins == 0;
	rpop_names(ld, r);
	if ((r->leave_days != 0 || r->mark_first) && !r->leave)
		load_bad(ld, "%s: leave_days, and first_poll 'mark', are for records with leave = 1", ld->row);
	rpop_secrets(ld, st, r);
	rpop_mode(ld, st, r);
	if (ld->bad == bad && r->period != 0 && pem_sound(r, err, sizeof(err)) == -1)
		load_unsound(ld, "%s: %s", ld->row, err);
	c->nrecords++;
	return (0);
}

/* The account that owns the record, the record's name, and the login. */
static void
rpop_names(struct load *ld, struct record *r)
{
	const struct route_account	*owner;

	if ((owner = route_account_by_address(ld->c->routes, r->owner)) == NULL)
		load_bad(ld, "%s: there is no such account; insert it into view accounts", ld->row);
	r->account = owner == NULL ? 0 : owner->id;
	if (r->name[0] == '\0' || !check_printable(r->name))
		load_bad(ld, "%s: name must be text without control characters; rename the record", ld->row);
	if (r->user[0] == '\0' || strpbrk(r->user, "\r\n") != NULL)
		load_bad(ld, "%s: auth_name must not be empty or contain CR, LF or NUL", ld->row);
}

/* Host and port of the server. */
static int
rpop_where(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*domain;
	char		 host[PROTO_HOST_SIZE] = "";

	if ((domain = load_peek(ld, st, AT_domain, PROTO_HOST_SIZE + 8)) == NULL)
		return (-1);
	if (!config_where(domain, r->tls, host, sizeof(host), &r->port))
		load_bad_value(ld, st, AT_domain, strchr(domain, '/') == NULL ? "must be host, host:port, [v6] or [v6]:port" :
		    "must be the host alone, or host:port, without a scheme such as https:// and without a path");
	return ((r->host = arena_add(&ld->c->arena, host, strlen(host))) == NULL ? -1 : 0);
}

int
config_where(const char *domain, enum tls_mode tls, char *host, size_t hostsize, uint16_t *port)
{
	if (!check_hostport(domain, host, hostsize, port))
		return (0);
	if (*port == 0)
		*port = tls == TLS_MODE_TLS ? 995 : 110;
	return (1);
}

/* The login mechanism, and where the credential comes from. */
static int
rpop_login(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*auth, *client;
	int		 tokens = !load_null(st, AT_oauth_client) || !load_null(st, AT_token_command);

	if ((auth = load_peek(ld, st, AT_auth, 32)) == NULL || (client = load_peek(ld, st, AT_oauth_client, OAUTH_NAME_SIZE)) == NULL)
		return (-1);
	for (r->auth = AUTH_AUTO; r->auth < AUTH_MAX && strcmp(auth, auth_mech_str(r->auth)) != 0; r->auth++)
		;
	if (r->auth == AUTH_MAX)
		load_bad_value(ld, st, AT_auth, "is no login mechanism; rpopd.db(5) lists them");
	if (!load_null(st, AT_oauth_client) && (r->client = load_oauth_row(ld->c, client)) == NULL)
		load_bad_value(ld, st, AT_oauth_client, "must be in table oauth_client, or NULL");
	if (!load_null(st, AT_token_user) && (load_null(st, AT_token_command) || strcmp(r->token_user, "root") == 0))
		load_bad_value(ld, st, AT_token_user, "must be the user, not root, that token_command runs as");
	if ((r->auth == AUTH_OAUTHBEARER || r->auth == AUTH_XOAUTH2) ? !tokens : tokens && r->auth != AUTH_AUTO)
		load_bad(ld, "%s: auth oauthbearer and xoauth2 need an oauth_client or a token_command, and these need one of "
		    "them, or auto", ld->row);
	if (tokens && r->tls == TLS_MODE_NONE)
		load_bad(ld, "%s: tokens are sent under TLS only; set tls to tls or stls", ld->row);
	return (0);
}

/* Which secrets there are, and whether they are sound, without taking them out of the store. */
static void
rpop_secrets(struct load *ld, sqlite3_stmt *st, const struct record *r)
{
	int	 password = !load_null(st, AT_password);

	if (password + (r->client != NULL) + (r->token_command[0] != '\0') > 1)
		load_bad(ld, "%s: password, oauth_client and token_command exclude each other; set all but one to NULL", ld->row);
	if (password)
		secret_judge(ld, st, AT_password);
	else if (r->period != 0 && r->client == NULL && r->token_command[0] == '\0' && r->auth != AUTH_EXTERNAL)
		load_bad(ld, "%s: the password is missing; set it, or set period to NULL", ld->row);
	if (!load_null(st, AT_refresh_token))
		secret_judge(ld, st, AT_refresh_token);
	else if (r->period != 0 && r->client != NULL && !r->client->client_credentials)
		load_bad(ld, "%s: refresh_token is missing; set it, or set period to NULL", ld->row);
	if (!load_null(st, AT_refresh_token) && r->client == NULL)
		load_bad(ld, "%s: refresh_token belongs to an oauth_client; set it to NULL", ld->row);
}

/* Complains of a secret that is not sound. */
static void
secret_judge(struct load *ld, sqlite3_stmt *st, int col)
{
	const struct column	*c = &columns[col];

	switch ((enum secret_fault)sqlite3_column_int(st, col)) {
	case SECRET_GOOD:
		break;
	case SECRET_TYPE:
		load_bad(ld, "%s: %s must be text in quotes, or a blob", ld->row, c->name);
		break;
	case SECRET_LENGTH:
		load_bad(ld, "%s: %s must be 1 to %lld octets", ld->row, c->name, (long long)c->max);
		break;
	case SECRET_BREAKS:
		load_bad(ld, "%s: %s must not contain CR, LF or NUL", ld->row, c->name);
		break;
	}
}

/* What differs from the default in how TLS is done; pem.c looks at the files. */
static int
rpop_tls(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	const char	*pins;
	int		 any = !load_null(st, AT_tls_ciphers) || !load_null(st, AT_tls_name) || !load_null(st, AT_ca_file) ||
			    !load_null(st, AT_tls_cert) || !load_null(st, AT_tls_key);

	if ((pins = load_peek(ld, st, AT_tls_pins, 520)) == NULL)
		return (-1);
	if ((any || r->tls_min != 0 || *pins != '\0') && r->tls == TLS_MODE_NONE)
		load_bad(ld, "%s: tls_min, tls_ciphers, tls_name, tls_pins, ca_file and tls_cert are for tls and stls", ld->row);
	if (load_null(st, AT_tls_cert) != load_null(st, AT_tls_key))
		load_bad(ld, "%s: tls_cert and tls_key belong together; set both or none", ld->row);
	if (r->auth == AUTH_EXTERNAL && load_null(st, AT_tls_cert))
		load_bad(ld, "%s: auth external needs tls_cert and tls_key", ld->row);
	return (*pins == '\0' ? 0 : rpop_pins(ld, st, r, pins));
}

/* Takes pins apart: 1 to PROTO_PINS_MAX SHA-256 sums of 64 hexadecimal digits, single spaces between.  0, or -1: no memory. */
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
		load_bad_value(ld, st, AT_tls_pins, "must be 1 to 8 SHA-256 sums, 64 hexadecimal digits each, separated by spaces");
		return (0);
	}
	r->npins = n / PROTO_DIGEST_LEN;
	return ((r->pins = (const uint8_t *)arena_add(&ld->c->arena, (const char *)pins, n)) == NULL ? -1 : 0);
}

/*
 * Who gets the mail: everything goes to the owner, into a folder of his, or each message to whom its special field, or its To, Cc
 * and Bcc name.  Only the postmaster of the main domain has records of the latter kinds.
 */
static void
rpop_mode(struct load *ld, sqlite3_stmt *st, struct record *r)
{
	int	 own = !load_null(st, AT_local_domain);

	r->mode = DIST_OWNER;
	if (own && load_domain_row(ld, r->local_domain) == NULL)
		load_bad_value(ld, st, AT_local_domain, "must be in table domain, or NULL");
	if (!own && strchr(r->owner, '@') != NULL)
		r->local_domain = strchr(r->owner, '@') + 1;
	if (!load_null(st, AT_schedule) && !load_has_schedule(ld->c, r->schedule))
		load_bad_value(ld, st, AT_schedule, "must be in table schedule, or NULL");
	rpop_source(ld, r, load_null(st, AT_special));
	rpop_envelope(ld, st, r);
	if (load_null(st, AT_special)) {
		if (own)
			load_bad(ld, "%s: local_domain is for records with special; set it to NULL", ld->row);
		return;
	}
	r->mode = strcmp(r->special, "*") == 0 ? DIST_STAR : DIST_FIELD;
	ld->any_special = 1;
	if (!load_null(st, AT_mailbox))
		load_bad(ld, "%s: mailbox and special exclude each other; set one to NULL", ld->row);
	if (strncmp(r->owner, "postmaster@", 11) != 0 || ld->main_domain == NULL || strcmp(r->owner + 11, ld->main_domain) != 0)
		load_bad(ld, "%s: special is for records of the postmaster of settings.main_domain only", ld->row);
}

/* How the envelope is read out of the header. */
static void
rpop_envelope(struct load *ld, sqlite3_stmt *st, const struct record *r)
{
	int	 field = !load_null(st, AT_special) && strcmp(r->special, "*") != 0;

	if (r->received_for && load_null(st, AT_trusted_hop))
		load_bad(ld, "%s: received_for needs trusted_hop, or anybody could write such a field", ld->row);
	if (!field && (!load_null(st, AT_special_nth) || !load_null(st, AT_trusted_hop) || !load_null(st, AT_strip_prefix)))
		load_bad(ld, "%s: special_nth, trusted_hop and strip_prefix are for records with a special header field; set them to NULL",
		    ld->row);
	if (load_null(st, AT_domains))
		return;
	if (load_null(st, AT_special))
		load_bad(ld, "%s: domains is for records with special; set it to NULL", ld->row);
	rpop_domains(ld, st, r->domains);
}

/* Judges column domains: names of table domain, single spaces between. */
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
	load_bad_value(ld, st, AT_domains, "must be names of table domain, single spaces between, or NULL for all");
}

/* A personal record connects from the addresses of its owner's domain, if it has any and settings.use_domain_addresses says so. */
static void
rpop_source(const struct load *ld, struct record *r, int personal)
{
	const struct domain_row	*domain;
	const char		*at = strchr(r->owner, '@');

	r->source = ld->c->settings.source;
	if (ld->c->settings.use_domain_addresses && personal && at != NULL && (domain = load_domain_row(ld, at + 1)) != NULL &&
	    domain->address[0] != '\0')
		r->source = domain->address;
}
