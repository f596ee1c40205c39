/* SPDX-License-Identifier: ISC */
/* Activity schedules (S6) and OAuth clients, for config_load(). */
#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "config_int.h"

static int	 schedule_time(const char *);
static int	 oauth_url(struct load *, sqlite3_stmt *, struct oauth_row *, const char *);

enum { W_NAME, W_DAYS, W_BEGINS, W_ENDS, W_PAUSE };
enum { O_NAME, O_URL, O_ID, O_SECRET_TYPE, O_SECRET_LENGTH, O_SCOPE, O_GRANT, O_CA_FILE };

int
load_schedule(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct window	*w;
	const char	*days, *begins, *ends, *p;
	int		 from, to;

	load_row_name(ld, "schedule", st, W_NAME, W_BEGINS);
	if ((w = load_grow(c->windows, c->nwindows, sizeof(*w))) == NULL)
		return (-1);
	c->windows = w;
	w += c->nwindows;
	memset(w, 0, sizeof(*w));
	if ((w->name = load_text(ld, st, W_NAME, SCHEDULE_SIZE)) == NULL || (days = load_text(ld, st, W_DAYS, 8)) == NULL ||
	    (begins = load_text(ld, st, W_BEGINS, 8)) == NULL || (ends = load_text(ld, st, W_ENDS, 8)) == NULL)
		return (-1);
	c->nwindows++;
	for (p = days; *p >= '1' && *p <= '7'; p++)
		w->days |= 1 << (*p - '1');
	if (*days == '\0' || *p != '\0')
		load_bad_value(ld, st, W_DAYS, "must be digits 1 (Monday) to 7 (Sunday)");
	from = schedule_time(begins);
	to = schedule_time(ends);
	if (from == -1 || from == 1440)
		load_bad_value(ld, st, W_BEGINS, "must be a time of day, 00:00 to 23:59");
	if (to == -1 || to == from)
		load_bad_value(ld, st, W_ENDS, "must be a time of day, 00:00 to 24:00, other than begins");
	w->begins = from;
	w->ends = to;
	w->pause = load_number(ld, st, W_PAUSE, 0, 86400);
	if (w->name[0] == '\0' || !check_printable(w->name))
		load_bad(ld, "%s: name must be text without control characters", ld->row);
	return (0);
}

int
load_has_schedule(const struct config *c, const char *name)
{
	size_t	 i;

	for (i = 0; i < c->nwindows; i++)
		if (strcmp(c->windows[i].name, name) == 0)
			return (1);
	return (0);
}

int
load_oauth(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct oauth_row	*o;
	const char		*url, *grant, *type = (const char *)sqlite3_column_text(st, O_SECRET_TYPE);

	load_row_name(ld, "oauth_client", st, O_NAME, -1);
	if ((o = load_grow(c->clients, c->nclients, sizeof(*o))) == NULL)
		return (-1);
	c->clients = o;
	o += c->nclients;
	memset(o, 0, sizeof(*o));
	if ((o->name = load_text(ld, st, O_NAME, OAUTH_NAME_SIZE)) == NULL || (url = load_text(ld, st, O_URL, 1001)) == NULL ||
	    (o->client_id = load_text(ld, st, O_ID, 513)) == NULL || (o->scope = load_text(ld, st, O_SCOPE, 1001)) == NULL ||
	    (grant = load_text(ld, st, O_GRANT, 32)) == NULL || (o->ca_file = load_text(ld, st, O_CA_FILE, 1024)) == NULL ||
	    oauth_url(ld, st, o, url) == -1)
		return (-1);
	c->nclients++;
	ld->any_tls |= load_null(st, O_CA_FILE);
	if (o->name[0] == '\0' || !check_printable(o->name))
		load_bad(ld, "%s: name must be text without control characters", ld->row);
	if (o->client_id[0] == '\0' || !check_printable(o->client_id))
		load_bad_value(ld, st, O_ID, "must be printable ASCII characters");
	if (!check_printable(o->scope))
		load_bad_value(ld, st, O_SCOPE, "must be printable ASCII characters, or NULL");
	if (!load_null(st, O_CA_FILE) && !check_path(o->ca_file))
		load_bad_value(ld, st, O_CA_FILE, "must be an absolute path without .., or NULL");
	o->client_credentials = strcmp(grant, "client_credentials") == 0;
	if (!o->client_credentials && strcmp(grant, "refresh_token") != 0)
		load_bad_value(ld, st, O_GRANT, "must be refresh_token or client_credentials");
	if (o->client_credentials && load_null(st, O_SECRET_LENGTH))
		load_bad(ld, "%s: client_credentials need a client_secret", ld->row);
	if (!load_null(st, O_SECRET_LENGTH) && (type == NULL || (strcmp(type, "text") != 0 && strcmp(type, "blob") != 0) ||
	    sqlite3_column_int64(st, O_SECRET_LENGTH) < 1 || sqlite3_column_int64(st, O_SECRET_LENGTH) > PROTO_SECRET_MAX))
		load_bad(ld, "%s: client_secret must be text in quotes, or a blob, of 1 to %d octets", ld->row, PROTO_SECRET_MAX);
	return (0);
}

/* NULL: no such client. */
const struct oauth_row *
load_oauth_row(const struct config *c, const char *name)
{
	size_t	 i;

	for (i = 0; i < c->nclients; i++)
		if (strcmp(c->clients[i].name, name) == 0)
			return (&c->clients[i]);
	return (NULL);
}

/* Minutes of "hh:mm", 00:00 to 24:00; -1. */
static int
schedule_time(const char *s)
{
	int	 minutes;

	if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 || strspn(s + 3, "0123456789") != 2)
		return (-1);
	minutes = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] - '0';
	return (s[3] > '5' || minutes > 1440 ? -1 : minutes);
}

/* https://host[:port]/path, nothing else: no user, no fragment. */
static int
oauth_url(struct load *ld, sqlite3_stmt *st, struct oauth_row *o, const char *url)
{
	char		 where[PROTO_HOST_SIZE + 8], host[PROTO_HOST_SIZE] = "";
	const char	*path = NULL;
	size_t		 len;

	if (strncmp(url, "https://", 8) == 0 && (path = strchr(url + 8, '/')) != NULL) {
		len = path - (url + 8);
		if (len < sizeof(where)) {
			memcpy(where, url + 8, len);
			where[len] = '\0';
			if (!check_hostport(where, host, sizeof(host), &o->port))
				host[0] = '\0';
		}
	}
	if (host[0] == '\0' || strpbrk(url, "@# ") != NULL || !check_printable(url))
		load_bad_value(ld, st, O_URL, "must be https://host/path or https://host:port/path");
	if (o->port == 0)
		o->port = 443;
	o->path = path == NULL ? "/" : arena_add(&ld->c->arena, path, strlen(path));
	o->host = arena_add(&ld->c->arena, host, strlen(host));
	return (o->path == NULL || o->host == NULL ? -1 : 0);
}
