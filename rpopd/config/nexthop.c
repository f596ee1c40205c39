/* SPDX-License-Identifier: ISC */
/* Rows of table nexthop, for config_load(). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "config_int.h"

static const struct word	 protocol_words[] = { { "lmtp", SEND_LMTP }, { "smtp", SEND_SMTP }, { NULL, 0 } };
static const struct word	 sender_words[] = { { "auto", NULL_SENDER_AUTO }, { "never", NULL_SENDER_NEVER },
				    { "always", NULL_SENDER_ALWAYS }, { NULL, 0 } };

#define ROW	struct nexthop_row
#define NEXTHOP_COLUMNS(X) \
	X(id,		NUMBER(row, REQUIRED, 1, UINT32_MAX)) \
	X(name,		TEXT(name, REQUIRED, NEXTHOP_NAME_SIZE - 1, NULL, NULL)) \
	X(protocol,	WORD(protocol, REQUIRED, protocol_words, "must be lmtp or smtp")) \
	X(address,	OTHER(REQUIRED, PROTO_HOST_SIZE + 7)) \
	X(tls,		WORD(tls, REQUIRED, tls_words, "must be none, stls or tls")) \
	X(tls_name,	TEXT(tls_name, OPTIONAL, PROTO_HOST_SIZE - 1, check_tls_name, \
	    "must be the host name in the server's certificate, or NULL")) \
	X(ca_file,	TEXT(ca_file, OPTIONAL, 1023, check_path, "must be an absolute path without .., or NULL")) \
	X(auth_name,	TEXT(user, OPTIONAL, PROTO_USER_SIZE - 1, NULL, NULL)) \
	X(helo,		TEXT(helo, OPTIONAL, PROTO_HOST_SIZE - 1, check_hostname, "must be a host name, or NULL for settings.hostname")) \
	X(xclient,	NUMBER(xclient, REQUIRED, 0, 1)) \
	X(null_sender,	WORD(null_sender, REQUIRED, sender_words, "must be auto, never or always")) \
	X(connections,	NUMBER(connections, REQUIRED, 1, 100)) \
	X(timeout,	NUMBER(timeout, REQUIRED, 10, 3600)) \
	X(keep_trace,	NUMBER(keep_trace, REQUIRED, 0, 1)) \
	X(bounce_to,	TEXT(bounce_to, OPTIONAL, PROTO_ADDR_SIZE - 1, check_mailbox, \
	    "must be an address, local-part@domain in lower case, or NULL")) \
	X(password,	SECRET(PROTO_SECRET_MAX))

enum { NEXTHOP_COLUMNS(COLUMN_PLACE) NEXTHOP_MAX };
static const struct column	 columns[] = { NEXTHOP_COLUMNS(COLUMN) };
const struct table		 nexthop_table = { "nexthop", columns, NEXTHOP_MAX, " ORDER BY id" };

static int	 nexthop_where(struct load *, sqlite3_stmt *, struct nexthop_row *);
static void	 nexthop_login(struct load *, sqlite3_stmt *, const struct nexthop_row *);
static void	 nexthop_tls(struct load *, sqlite3_stmt *, const struct nexthop_row *);

/* A row of table nexthop.  0, or -1: no memory. */
int
load_nexthop(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct nexthop_row	*n;

	load_row_name(ld, "nexthop", st, AT_name, -1);
	if ((n = array_grow(c->nexthops, c->nnexthops, sizeof(*n))) == NULL)
		return (-1);
	c->nexthops = n;
	n += c->nnexthops;
	memset(n, 0, sizeof(*n));
	if (table_load(ld, st, &nexthop_table, n) == -1 || nexthop_where(ld, st, n) == -1)
		return (-1);
	n->id = n->row;
	if (n->name[0] == '\0' || !check_printable(n->name))
		load_bad(ld, "%s: name must be text without control characters", ld->row);
	if (check_mailbox(n->bounce_to) && n->null_sender == NULL_SENDER_ALWAYS)
		load_bad(ld, "%s: bounce_to and null_sender 'always' exclude each other", ld->row);
	nexthop_login(ld, st, n);
	nexthop_tls(ld, st, n);
	c->nnexthops++;
	return (0);
}

const struct nexthop_row *
config_nexthop(const struct config *c, uint32_t id)
{
	size_t	 i;

	for (i = 0; i < c->nnexthops; i++)
		if (c->nexthops[i].id == id)
			return (&c->nexthops[i]);
	return (NULL);
}

/* The port of a next hop whose address names none: that of LMTP (RFC 2033), of SMTP under TLS (RFC 8314), or of SMTP. */
uint16_t
load_nexthop_port(const struct nexthop_row *n)
{
	return (n->protocol == SEND_LMTP ? 24 : n->tls == TLS_MODE_TLS ? 465 : 25);
}

/*
 * Takes a next hop's address apart: host and port, a numeric address, or a socket in the file system; nothing of it is looked up
 * as MX.
 */
static int
nexthop_where(struct load *ld, sqlite3_stmt *st, struct nexthop_row *n)
{
	const char	*address;
	char		 host[PROTO_HOST_SIZE] = "";

	n->host = n->path = "";
	if ((address = load_text(ld, st, AT_address, PROTO_HOST_SIZE + 8)) == NULL)
		return (-1);
	if (address[0] == '/') {
		if (!check_path(address) || strlen(address) >= PROTO_SOCKET_SIZE)
			load_bad_value(ld, st, AT_address, "must be the absolute path of a socket, 107 octets at most");
		if (n->tls != TLS_MODE_NONE)
			load_bad(ld, "%s: a socket in the file system takes no tls", ld->row);
		n->path = address;
		return (0);
	}
	if (!check_hostport(address, host, sizeof(host), &n->port))
		load_bad_value(ld, st, AT_address, strchr(address, '/') == NULL ?
		    "must be host, host:port, [v6], [v6]:port, or the absolute path of a socket" :
		    "must be host or host:port alone, or the path of a socket, without a scheme such as smtp:// or unix:");
	if (n->port == 0)
		n->port = load_nexthop_port(n);
	return ((n->host = arena_add(&ld->c->arena, host, strlen(host))) == NULL ? -1 : 0);
}

static void
nexthop_login(struct load *ld, sqlite3_stmt *st, const struct nexthop_row *n)
{
	if (load_null(st, AT_auth_name) != load_null(st, AT_password))
		load_bad(ld, "%s: auth_name and password belong together", ld->row);
	if (!load_null(st, AT_auth_name) && (n->user[0] == '\0' || strpbrk(n->user, "\r\n") != NULL))
		load_bad(ld, "%s: auth_name must not be empty or contain CR, LF or NUL", ld->row);
	if (load_null(st, AT_password))
		return;
	if (sqlite3_column_int(st, AT_password) != SECRET_GOOD)
		load_bad(ld, "%s: password must be text in quotes, or a blob, of 1 to %d octets without CR, LF or NUL", ld->row,
		    PROTO_SECRET_MAX);
	if (n->tls == TLS_MODE_NONE && n->path[0] == '\0')
		load_bad(ld, "%s: a password is sent under TLS only, or to a socket; set tls to tls or stls", ld->row);
}

static void
nexthop_tls(struct load *ld, sqlite3_stmt *st, const struct nexthop_row *n)
{
	struct pem	 pem;
	char		 err[PROTO_TEXT_SIZE * 4];

	if (n->tls == TLS_MODE_NONE && (n->tls_name[0] != '\0' || n->ca_file[0] != '\0'))
		load_bad(ld, "%s: tls_name and ca_file are for tls and stls", ld->row);
	if (load_null(st, AT_ca_file))
		ld->any_tls |= n->tls != TLS_MODE_NONE;
	else if (!check_path(n->ca_file))
		return;
	else if (pem_read(PEM_CA, n->ca_file, &pem, err, sizeof(err)) == -1)
		load_unsound(ld, "%s: %s", ld->row, err);
	else
		pem_free(&pem);
}
