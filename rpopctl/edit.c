/* SPDX-License-Identifier: ISC */
/*
 * Commands that look at rows of rpopd.db and change them: access, account, administrator, certificate, client, domain, listener,
 * nexthop, record, route, schedule and setting, with the same verbs.  Columns are called as in the store, and a secret is asked for,
 * never an argument.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl.h"

static void	 list_settings(FILE *, const struct rows *);
static void	 list_troubles(FILE *, const struct rows *, int);
static int	 list_servers(struct session *, const struct rows *);
static int	 edit_change(struct session *, enum change_act);
static int	 edit_server(struct session *, enum change_act, const char *);
static int	 secret_word(const char *, size_t);

static const struct noun	 nouns[] = {
	{ "access", "acl", { "owner", "folder", "who" }, 3, "acl", NULL, { "owner", "folder", "who", "rights" } },
	{ "account", "account", { "address" }, 1, "accounts", NULL,
	    { "address", "nexthop", "password", "can_modify_rpop", "max_records", "min_period", "unix_user", "pop", "login_delay",
	    "sessions", "expire_days", "unified", "submit", "last_login" } },
	{ "administrator", "domain_admin", { "account", "domain" }, 2, "domain_admins", NULL,
	    { "account", "domain", "can_modify_rpop", "can_access_mailboxes" } },
	{ "certificate", "certificate", { "address", "port", "cert" }, 3, "certificates", NULL, { "address", "port", "cert", "key" } },
	{ "client", "oauth_client", { "name" }, 1, "clients", "client_secret",
	    { "name", "token_url", "client_id", "client_secret", "grant_type" } },
	{ "domain", "domain", { "name" }, 1, "domains", NULL, { "name", "address", "source_routes" } },
	{ "listener", "listener", { "address", "port" }, 2, "listeners", NULL,
	    { "address", "port", "tls", "cert", "key", "channels" } },
	{ "nexthop", "nexthop", { "name" }, 1, "nexthops", "password",
	    { "name", "protocol", "address", "tls", "auth_name", "password", "connections" } },
	{ "record", "rpop", { "account", "name" }, 2, "records", "password",
	    { "account", "name", "domain", "auth_name", "password", "period", "leave", "tls", "special", "mailbox" } },
	{ "route", "route", { "address", "target" }, 1, "routes", NULL, { "address", "target", "folder", "nexthop", "action", "text" } },
	{ "schedule", "schedule", { "name", "days", "begins" }, 1, "windows", NULL, { "name", "days", "begins", "ends", "pause" } },
	{ "setting", "settings", { NULL }, 0, "settings", NULL, { NULL } }
};

const struct noun *
noun_find(const char *name)
{
	size_t	 i;

	for (i = 0; strcmp(nouns[i].name, name) != 0; i++)
		continue;
	return (&nouns[i]);
}

/*
 * A record is account/record, or account and record; with one word that has no '/', it is one of the user's own, whose account the
 * daemon knows.
 */
int
noun_keys(const struct noun *noun, int *argc, char ***argv, char *keys[NOUN_KEYS], size_t *nkeys)
{
	static char	 own[] = "";
	char		*slash;

	*nkeys = 0;
	if (*argc > 0 && noun->required > 0 && strcmp(noun->name, "record") == 0 &&
	    ((slash = strchr((*argv)[0], '/')) != NULL || *argc == 1 || strchr((*argv)[1], '=') != NULL)) {
		keys[0] = slash == NULL ? own : (*argv)[0];
		keys[1] = slash == NULL ? (*argv)[0] : slash + 1;
		if (slash != NULL)
			*slash = '\0';
		++*argv;
		--*argc;
		*nkeys = 2;
	} else
		while (*argc > 0 && *nkeys < NOUN_KEYS && noun->keys[*nkeys] != NULL && (*nkeys == 0 || strchr((*argv)[0], '=') == NULL)) {
			keys[(*nkeys)++] = *(*argv)++;
			--*argc;
		}
	if (*nkeys >= noun->required)
		return (0);
	warnx("which %s? %s is missing", noun->name, noun->keys[*nkeys]);
	return (-1);
}

int
noun_change(struct changes *b, const struct noun *noun, enum change_act act, char *const keys[], size_t nkeys, int argc, char **argv)
{
	const char	*value;
	char		 column[64], *eq, number[32], shown[256];
	size_t		 i;
	int		 bad = 0;

	changes_add(b, act, noun->table, nkeys);
	for (i = 0; i < nkeys; i++)
		bad |= changes_cell(b, noun->keys[i], keys[i], strlen(keys[i]));
	for (; argc > 0; argc--, argv++) {
		if ((eq = strchr(*argv, '=')) == NULL || eq == *argv || (size_t)(eq - *argv) >= sizeof(column)) {
			warnx("%s: is no column=value", text_vis(shown, sizeof(shown), *argv));
			return (-1);
		}
		if (secret_word(*argv, eq - *argv)) {
			warnx("%.*s: is never an argument, which others can see; it is asked for, or read from standard input",
			    (int)(eq - *argv), *argv);
			return (-1);
		}
		snprintf(column, sizeof(column), "%.*s", (int)(eq - *argv), *argv);
		if (strspn(column, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(column)) {
			warnx("%s: is no name of a column", text_vis(shown, sizeof(shown), column));
			return (-1);
		}
		if ((value = duration_value(noun->table, column, eq + 1, number, sizeof(number))) == NULL)
			return (-1);
		bad |= changes_cell(b, column, *value == '\0' ? NULL : value, strlen(value));
	}
	if (bad)
		warnx("that is too long for any column");
	return (bad ? -1 : 0);
}

int
noun_send(struct session *s, struct changes *b)
{
	static const struct request	 change = { .type = IMSG_CTL_CHANGE };
	struct reply			 rep;
	int				 status;

	if (changes_send(s, b, &rep) == -1)
		return (1);
	status = session_answer(s, &change, &rep);
	reply_free(&rep);
	return (status);
}

int
edit_list(struct session *s)
{
	const struct noun	*noun = noun_find(s->noun);
	const char		*cells[2][2] = { { NULL, NULL }, { NULL, NULL } };
	struct rows		*rows;
	int			 status = 0;

	if (s->argc > 2 || (s->argc == 2 && noun->required == 0)) {
		warnx("%s list: too many arguments", noun->name);
		return (1);
	}
	if (s->argc == 2) {
		cells[0][0] = noun->keys[0];
		cells[0][1] = s->argv[1];
	}
	if (rows_get(s, noun->table, cells, &rows) == -1)
		return (1);
	if (strcmp(noun->name, "administrator") == 0)
		status = list_servers(s, rows);
	else if (noun->columns[0] == NULL && !s->json)
		list_settings(s->o->fp, rows);
	else
		rows_print(s, rows, noun->json, noun->columns);
	if ((strcmp(noun->name, "listener") == 0 || strcmp(noun->name, "certificate") == 0) && !s->json)
		list_troubles(s->o->fp, rows, strcmp(noun->name, "certificate") == 0);
	rows_free(rows);
	return (fflush(s->o->fp) == EOF ? 1 : status);
}

int
edit_add(struct session *s)
{
	return (edit_change(s, CHANGE_ADD));
}

int
edit_set(struct session *s)
{
	return (edit_change(s, CHANGE_SET));
}

int
edit_remove(struct session *s)
{
	return (edit_change(s, CHANGE_REMOVE));
}

/* Another secret for the one column of the row that holds one. */
int
edit_password(struct session *s)
{
	const struct noun	*noun = noun_find(s->noun);
	struct changes		*b;
	char			*keys[NOUN_KEYS], **argv = s->argv + 1, secret[SECRET_MAX + 1], prompt[256], shown[160];
	const char		*wrong;
	size_t			 nkeys;
	int			 argc = s->argc - 1, status = 1;

	if (noun_keys(noun, &argc, &argv, keys, &nkeys) == -1)
		return (1);
	if (argc > 0) {
		warnx("a password is never an argument, which others can see; it is asked for, or read from standard input");
		return (1);
	}
	snprintf(prompt, sizeof(prompt), "%s of %s: ", noun->secret, text_vis(shown, sizeof(shown), keys[nkeys - 1]));
	if ((wrong = secret_read(prompt, secret, sizeof(secret), 0)) != NULL) {
		warnx("%s", wrong);
		return (1);
	}
	b = changes_new();
	if (noun_change(b, noun, CHANGE_SET, keys, nkeys, 0, NULL) == 0 && changes_cell(b, noun->secret, secret, strlen(secret)) == 0)
		status = noun_send(s, b);
	explicit_bzero(secret, sizeof(secret));
	changes_free(b);
	return (status);
}

/* One change of one row, as the words say it. */
static int
edit_change(struct session *s, enum change_act act)
{
	const struct noun	*noun = noun_find(s->noun);
	struct changes		*b;
	char			*keys[NOUN_KEYS], **argv = s->argv + 1, *at;
	size_t			 nkeys;
	int			 argc = s->argc - 1, status = 1;

	if (noun_keys(noun, &argc, &argv, keys, &nkeys) == -1)
		return (1);
	if (strcmp(noun->name, "administrator") == 0 && strcmp(keys[1], "server") == 0)
		return (edit_server(s, act, keys[0]));
	b = changes_new();
	/* An account brings its domain with it. */
	if (act == CHANGE_ADD && strcmp(noun->name, "account") == 0 && (at = strchr(keys[0], '@')) != NULL && at[1] != '\0') {
		changes_add(b, CHANGE_NEED, "domain", 1);
		(void)changes_cell(b, "name", at + 1, strlen(at + 1));
	}
	if (noun_change(b, noun, act, keys, nkeys, argc, argv) == 0)
		status = noun_send(s, b);
	changes_free(b);
	return (status);
}

/* An administrator of the server, in place of a domain's. */
static int
edit_server(struct session *s, enum change_act act, const char *account)
{
	struct changes	*b = changes_new();
	int		 status;

	changes_add(b, act, "server_admin", 1);
	(void)changes_cell(b, "account", account, strlen(account));
	status = noun_send(s, b);
	changes_free(b);
	return (status);
}

/* Each setting on a line of its own. */
static void
list_settings(FILE *fp, const struct rows *rows)
{
	const char	*column, *value;
	char		 shown[1024];
	size_t		 i;

	for (i = 0; rows_number(rows) > 0 && (column = rows_column(rows, i)) != NULL; i++)
		if (strcmp(column, "id") != 0)
			fprintf(fp, "%s=%s\n", column, (value = rows_value(rows, 0, column)) == NULL ? "" :
			    text_vis(shown, sizeof(shown), value));
}

/* What is in the way of listeners, a line each. */
static void
list_troubles(FILE *fp, const struct rows *rows, int further)
{
	const char	*trouble, *cert;
	char		 shown[2048], file[1100];
	size_t		 i;

	for (i = 0; i < rows_number(rows); i++)
		if ((trouble = rows_value(rows, i, "trouble")) != NULL) {
			cert = further ? rows_value(rows, i, "cert") : NULL;
			fprintf(fp, "%s/%s%s%s: %s\n", rows_value(rows, i, "address"), rows_value(rows, i, "port"), cert == NULL ? "" : " ",
			    cert == NULL ? "" : text_vis(file, sizeof(file), cert), text_vis(shown, sizeof(shown), trouble));
		}
}

/* Administrators of domains, and those of the server with "server" in the place of one. */
static int
list_servers(struct session *s, const struct rows *domains)
{
	struct rows	*servers;
	char		 shown[512];
	size_t		 i;

	if (rows_get(s, "server_admin", NULL, &servers) == -1)
		return (1);
	if (s->json)
		rows_print(s, servers, "server_admins", NULL);
	for (i = 0; !s->json && i < rows_number(servers); i++)
		fprintf(s->o->fp, "%s  server\n", text_vis(shown, sizeof(shown), rows_value(servers, i, "account")));
	if (s->json || rows_number(domains) > 0 || rows_number(servers) == 0)
		rows_print(s, domains, "domain_admins", noun_find("administrator")->columns);
	rows_free(servers);
	return (0);
}

/* 1: the column holds a secret. */
static int
secret_word(const char *word, size_t len)
{
	static const char *const	 secrets[] = { "password", "client_secret", "refresh_token" };
	size_t				 i;

	for (i = 0; i < nitems(secrets); i++)
		if (strlen(secrets[i]) == len && strncmp(secrets[i], word, len) == 0)
			return (1);
	return (0);
}
