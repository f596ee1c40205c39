/* SPDX-License-Identifier: ISC */
/* Next hops, for config_load(). */
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "config_int.h"

enum { N_ID, N_NAME, N_PROTOCOL, N_ADDRESS, N_TLS, N_TLS_NAME, N_CA_FILE, N_AUTH_NAME, N_HELO, N_XCLIENT, N_NULL_SENDER,
	N_CONNECTIONS, N_TIMEOUT, N_KEEP_TRACE, N_BOUNCE_TO, N_PW_TYPE, N_PW_LENGTH, N_PW_BREAKS };

static int	 nexthop_text(struct load *, sqlite3_stmt *, struct nexthop_row *);
static int	 nexthop_where(struct load *, sqlite3_stmt *, struct nexthop_row *);
static void	 nexthop_login(struct load *, sqlite3_stmt *, const struct nexthop_row *);
static void	 nexthop_tls(struct load *, sqlite3_stmt *, const struct nexthop_row *);
static uint32_t	 nexthop_word(struct load *, sqlite3_stmt *, int, const char *, const char *const *, const char *);

int
load_nexthop(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct nexthop_row	*n;

	load_row_name(ld, "nexthop", st, N_NAME, -1);
	if ((n = load_grow(c->nexthops, c->nnexthops, sizeof(*n))) == NULL)
		return (-1);
	c->nexthops = n;
	n += c->nnexthops;
	memset(n, 0, sizeof(*n));
	n->id = n->row = load_number(ld, st, N_ID, 1, UINT32_MAX);
	if (nexthop_text(ld, st, n) == -1 || nexthop_where(ld, st, n) == -1)
		return (-1);
	n->xclient = load_number(ld, st, N_XCLIENT, 0, 1);
	n->keep_trace = load_number(ld, st, N_KEEP_TRACE, 0, 1);
	n->connections = load_number(ld, st, N_CONNECTIONS, 1, 100);
	n->timeout = load_number(ld, st, N_TIMEOUT, 10, 3600);
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

uint16_t
load_nexthop_port(const struct nexthop_row *n)
{
	return (n->protocol == SEND_LMTP ? 24 : n->tls == TLS_MODE_TLS ? 465 : 25);
}

/* The id beside a next hop's name, 0 for NULL.  A name without an id is complained of. */
uint32_t
load_nexthop_id(struct load *ld, sqlite3_stmt *st, int name, int id)
{
	if (load_null(st, name))
		return (0);
	if (!load_null(st, id))
		return (load_number(ld, st, id, 1, UINT32_MAX));
	load_bad_value(ld, st, name, "which is not in table nexthop; insert it there");
	return (0);
}

static int
nexthop_text(struct load *ld, sqlite3_stmt *st, struct nexthop_row *n)
{
	static const char *const	 protocols[] = { "lmtp", "smtp", NULL }, *const senders[] = { "auto", "never", "always", NULL };
	const char			*protocol, *null_sender, *tls;

	if ((n->name = load_text(ld, st, N_NAME, NEXTHOP_NAME_SIZE)) == NULL ||
	    (protocol = load_text(ld, st, N_PROTOCOL, 16)) == NULL || (tls = load_text(ld, st, N_TLS, 16)) == NULL ||
	    (n->tls_name = load_text(ld, st, N_TLS_NAME, PROTO_HOST_SIZE)) == NULL ||
	    (n->ca_file = load_text(ld, st, N_CA_FILE, 1024)) == NULL ||
	    (n->user = load_text(ld, st, N_AUTH_NAME, PROTO_USER_SIZE)) == NULL ||
	    (n->helo = load_text(ld, st, N_HELO, PROTO_HOST_SIZE)) == NULL ||
	    (null_sender = load_text(ld, st, N_NULL_SENDER, 16)) == NULL ||
	    (n->bounce_to = load_text(ld, st, N_BOUNCE_TO, PROTO_ADDR_SIZE)) == NULL)
		return (-1);
	if (n->name[0] == '\0' || !check_printable(n->name))
		load_bad(ld, "%s: name must be text without control characters", ld->row);
	n->protocol = SEND_LMTP + nexthop_word(ld, st, N_PROTOCOL, protocol, protocols, "must be lmtp or smtp");
	n->null_sender = NULL_SENDER_AUTO + nexthop_word(ld, st, N_NULL_SENDER, null_sender, senders, "must be auto, never or always");
	if (!load_null(st, N_BOUNCE_TO) && (!check_address(n->bounce_to) || n->bounce_to[0] == '*'))
		load_bad_value(ld, st, N_BOUNCE_TO, "must be an address, local-part@domain in lower case, or NULL");
	else if (!load_null(st, N_BOUNCE_TO) && n->null_sender == NULL_SENDER_ALWAYS)
		load_bad(ld, "%s: bounce_to and null_sender 'always' exclude each other", ld->row);
	if (load_tls(tls, &n->tls) == -1)
		load_bad_value(ld, st, N_TLS, "must be none, stls or tls");
	if (!load_null(st, N_HELO) && !check_hostname(n->helo))
		load_bad_value(ld, st, N_HELO, "must be a host name, or NULL for settings.hostname");
	return (0);
}

/* S71: host and port, a numeric address, or a socket in the file system; nothing of it is looked up as MX. */
static int
nexthop_where(struct load *ld, sqlite3_stmt *st, struct nexthop_row *n)
{
	const char	*address;
	char		 host[PROTO_HOST_SIZE] = "";

	n->host = n->path = "";
	if ((address = load_text(ld, st, N_ADDRESS, PROTO_HOST_SIZE + 8)) == NULL)
		return (-1);
	if (address[0] == '/') {
		if (!check_path(address) || strlen(address) >= PROTO_SOCKET_SIZE)
			load_bad_value(ld, st, N_ADDRESS, "must be the absolute path of a socket, 107 octets at most");
		if (n->tls != TLS_MODE_NONE)
			load_bad(ld, "%s: a socket in the file system takes no tls", ld->row);
		n->path = address;
		return (0);
	}
	if (!check_hostport(address, host, sizeof(host), &n->port))
		load_bad_value(ld, st, N_ADDRESS, strchr(address, '/') == NULL ?
		    "must be host, host:port, [v6], [v6]:port, or the absolute path of a socket" :
		    "must be host or host:port alone, or the path of a socket, without a scheme such as smtp:// or unix:");
	if (n->port == 0)
		n->port = load_nexthop_port(n);
	return ((n->host = arena_add(&ld->c->arena, host, strlen(host))) == NULL ? -1 : 0);
}

static void
nexthop_login(struct load *ld, sqlite3_stmt *st, const struct nexthop_row *n)
{
	const char	*type = (const char *)sqlite3_column_text(st, N_PW_TYPE);
	int64_t		 len = sqlite3_column_int64(st, N_PW_LENGTH);

	if (load_null(st, N_AUTH_NAME) != load_null(st, N_PW_LENGTH))
		load_bad(ld, "%s: auth_name and password belong together", ld->row);
	if (!load_null(st, N_AUTH_NAME) && (n->user[0] == '\0' || strpbrk(n->user, "\r\n") != NULL))
		load_bad(ld, "%s: auth_name must not be empty or contain CR, LF or NUL", ld->row);
	if (load_null(st, N_PW_LENGTH))
		return;
	if (type == NULL || (strcmp(type, "text") != 0 && strcmp(type, "blob") != 0) || len < 1 || len > PROTO_SECRET_MAX ||
	    sqlite3_column_int64(st, N_PW_BREAKS) != 0)
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
	if (!load_null(st, N_TLS_NAME) && !check_tls_name(n->tls_name))
		load_bad_value(ld, st, N_TLS_NAME, "must be the host name in the server's certificate, or NULL");
	if (load_null(st, N_CA_FILE))
		ld->any_tls |= n->tls != TLS_MODE_NONE;
	else if (!check_path(n->ca_file))
		load_bad_value(ld, st, N_CA_FILE, "must be an absolute path without .., or NULL");
	else if (pem_read(PEM_CA, n->ca_file, &pem, err, sizeof(err)) == -1)
		load_unsound(ld, "%s: %s", ld->row, err);
	else
		pem_free(&pem);
}

/* The place of a word in a list; complained of, 0: it is not there. */
static uint32_t
nexthop_word(struct load *ld, sqlite3_stmt *st, int col, const char *word, const char *const *list, const char *rule)
{
	uint32_t	 i;

	for (i = 0; list[i] != NULL; i++)
		if (strcmp(word, list[i]) == 0)
			return (i);
	load_bad_value(ld, st, col, rule);
	return (0);
}
