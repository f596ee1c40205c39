/* SPDX-License-Identifier: ISC */
/* Rows of tables schedule and oauth_client, for config_load(). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "config_int.h"

static int	 schedule_time(const char *);
static int	 oauth_id(const char *);
static int	 oauth_url(struct load *, sqlite3_stmt *, int, const char **, const char **, uint16_t *);

enum { W_NAME, W_DAYS, W_BEGINS, W_ENDS, W_PAUSE };

static const struct word	 grant_words[] = { { "refresh_token", 0 }, { "client_credentials", 1 }, { NULL, 0 } };

#define ROW	struct oauth_row
#define OAUTH_COLUMNS(X) \
	X(name,		TEXT(name, REQUIRED, OAUTH_NAME_SIZE - 1, NULL, NULL)) \
	X(token_url,	OTHER(REQUIRED, 1000)) \
	X(device_url,	OTHER(OPTIONAL, 1000)) \
	X(client_id,	TEXT(client_id, REQUIRED, 512, oauth_id, "must be printable ASCII characters")) \
	X(client_secret, SECRET(PROTO_SECRET_MAX)) \
	X(scope,	TEXT(scope, OPTIONAL, 1000, check_printable, "must be printable ASCII characters, or NULL")) \
	X(grant_type,	WORD(client_credentials, REQUIRED, grant_words, "must be refresh_token or client_credentials")) \
	X(ca_file,	TEXT(ca_file, OPTIONAL, 1023, check_path, "must be an absolute path without .., or NULL"))

enum { OAUTH_COLUMNS(COLUMN_PLACE) OAUTH_MAX };
static const struct column	 oauth_columns[] = { OAUTH_COLUMNS(COLUMN) };
const struct table		 oauth_table = { "oauth_client", oauth_columns, OAUTH_MAX, " ORDER BY name" };

/* A row of table schedule.  0, or -1: no memory. */
int
load_schedule(struct load *ld, sqlite3_stmt *st)
{
	struct config	*c = ld->c;
	struct window	*w;
	const char	*days, *begins, *ends, *p;
	int		 from, to;

	load_row_name(ld, "schedule", st, W_NAME, W_BEGINS);
	if ((w = array_grow(c->windows, c->nwindows, sizeof(*w))) == NULL)
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

/* A row of table oauth_client.  0, or -1: no memory. */
int
load_oauth(struct load *ld, sqlite3_stmt *st)
{
	struct config		*c = ld->c;
	struct oauth_row	*o;
	int			 fault = sqlite3_column_int(st, AT_client_secret);

	load_row_name(ld, "oauth_client", st, AT_name, -1);
	if ((o = array_grow(c->clients, c->nclients, sizeof(*o))) == NULL)
		return (-1);
	c->clients = o;
	o += c->nclients;
	memset(o, 0, sizeof(*o));
	if (table_load(ld, st, &oauth_table, o) == -1 ||
	    oauth_url(ld, st, AT_token_url, &o->host, &o->path, &o->port) == -1 ||
	    oauth_url(ld, st, AT_device_url, &o->device_host, &o->device_path, &o->device_port) == -1)
		return (-1);
	c->nclients++;
	ld->any_tls |= load_null(st, AT_ca_file);
	if (o->name[0] == '\0' || !check_printable(o->name))
		load_bad(ld, "%s: name must be text without control characters", ld->row);
	if (o->client_credentials && load_null(st, AT_client_secret))
		load_bad(ld, "%s: client_credentials need a client_secret", ld->row);
	if (!load_null(st, AT_client_secret) && (fault == SECRET_TYPE || fault == SECRET_LENGTH))
		load_bad(ld, "%s: client_secret must be text in quotes, or a blob, of 1 to %d octets", ld->row, PROTO_SECRET_MAX);
	return (0);
}

static int
oauth_id(const char *s)
{
	return (*s != '\0' && check_printable(s));
}

/* The row of a client by its name; NULL: there is none. */
const struct oauth_row *
load_oauth_row(const struct config *c, const char *name)
{
	size_t	 i;

	for (i = 0; i < c->nclients; i++)
		if (strcmp(c->clients[i].name, name) == 0)
			return (&c->clients[i]);
	return (NULL);
}

/* The minute of the day of a text hh:mm, 00:00 to 24:00; -1: the text is none. */
static int
schedule_time(const char *s)
{
	int	 minutes;

	if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 || strspn(s + 3, "0123456789") != 2)
		return (-1);
	minutes = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] - '0';
	return (s[3] > '5' || minutes > 1440 ? -1 : minutes);
}

/*
 * Takes an endpoint apart: https://host[:port]/path, nothing else, no user and no fragment; NULL is permitted where the column
 * permits it.  0, or -1: no memory.
 */
static int
oauth_url(struct load *ld, sqlite3_stmt *st, int col, const char **hostp, const char **pathp, uint16_t *port)
{
	char		 where[PROTO_HOST_SIZE + 8], host[PROTO_HOST_SIZE] = "";
	const char	*url, *path = NULL;
	size_t		 len;

	*hostp = *pathp = "";
	if (oauth_columns[col].null && load_null(st, col))
		return (0);
	if ((url = load_peek(ld, st, col, 1001)) == NULL)
		return (-1);
	if (strncmp(url, "https://", 8) == 0 && (path = strchr(url + 8, '/')) != NULL) {
		len = path - (url + 8);
		if (len < sizeof(where)) {
			memcpy(where, url + 8, len);
			where[len] = '\0';
			if (!check_hostport(where, host, sizeof(host), port))
				host[0] = '\0';
		}
	}
	if (host[0] == '\0' || strpbrk(url, "@# ") != NULL || !check_printable(url))
		load_bad_value(ld, st, col, "must be https://host/path or https://host:port/path");
	if (*port == 0)
		*port = 443;
	*pathp = path == NULL ? "/" : arena_add(&ld->c->arena, path, strlen(path));
	*hostp = arena_add(&ld->c->arena, host, strlen(host));
	return (*pathp == NULL || *hostp == NULL ? -1 : 0);
}
