/* SPDX-License-Identifier: ISC */
/* Commands about records that are more than a change of a row: their servers are tried, and passwords asked for. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl.h"

#define DEFAULT_PERIOD	"600"		/* s, as in the schema */

static int	 record_option(int *, char **, const char *);
static int	 record_provider(const struct session *, int, char **, char **, char [2][PROTO_USER_SIZE + 16]);
static void	 record_drop(int *, char **, const char *);
static const char *record_word(int, char **, const char *);
static int	 record_secret(const char *, struct changes *);
static int	 record_moves(struct session *, char *const [], int, char **);
static int	 record_period(struct session *, const char *);
static int	 record_tried(struct session *, struct changes *, char *const [], const char *);
static void	 record_change(struct changes *, enum change_act, char *const []);
static int	 record_request(struct session *, uint32_t, int);

/*
 * A record is made disabled, its server is tried, and only then is it polled: so nothing is retrieved with a record that turns out
 * wrong, and one that does is removed again.
 */
int
record_add(struct session *s)
{
	const struct noun	*noun = noun_find("record");
	struct changes		*b = changes_new();
	char			*keys[NOUN_KEYS], **argv = s->argv + 1, **words = NULL, number[32], text[2][PROTO_USER_SIZE + 16];
	const char		*period, *auth;
	size_t			 nkeys;
	int			 argc = s->argc - 1, try = !record_option(&argc, argv, "--no-try"), n, status = 1;

	if (noun_keys(noun, &argc, &argv, keys, &nkeys) == -1 || (words = calloc(argc + 3, sizeof(*words))) == NULL)
		goto done;
	if ((period = record_word(argc, argv, "period")) != NULL &&
	    (period = duration_value("rpop", "period", period, number, sizeof(number))) == NULL)
		goto done;
	auth = record_word(argc, argv, "auth");
	try = try && (period == NULL || *period != '\0');
	if ((n = record_provider(s, argc, argv, words, text)) == -1)
		goto done;
	if (try)
		record_drop(&n, words, "period");
	if (noun_change(b, noun, CHANGE_ADD, keys, nkeys, n, words) == 0 &&
	    (record_word(argc, argv, "oauth_client") != NULL || record_word(argc, argv, "token_command") != NULL ||
	    (auth != NULL && strcmp(auth, "external") == 0) || record_secret(keys[1], b) == 0)) {
		if (try && changes_cell(b, "period", NULL, 0) == 0)
			status = record_tried(s, b, keys, period == NULL ? DEFAULT_PERIOD : period);
		else
			status = noun_send(s, b);
	}
done:
	free(words);
	changes_free(b);
	return (status);
}

/* With another host or login the password is given again. */
int
record_set(struct session *s)
{
	const struct noun	*noun = noun_find("record");
	struct changes		*b = changes_new();
	char			*keys[NOUN_KEYS], **argv = s->argv + 1;
	size_t			 nkeys;
	int			 argc = s->argc - 1, moves, status = 1;

	if (noun_keys(noun, &argc, &argv, keys, &nkeys) == 0 && (moves = record_moves(s, keys, argc, argv)) != -1 &&
	    noun_change(b, noun, CHANGE_SET, keys, nkeys, argc, argv) == 0 && (!moves || record_secret(keys[1], b) == 0))
		status = noun_send(s, b);
	changes_free(b);
	return (status);
}

int
record_disable(struct session *s)
{
	return (record_period(s, NULL));
}

int
record_enable(struct session *s)
{
	const char	*period = DEFAULT_PERIOD;

	if (s->argc == 3) {
		period = s->argv[2];
		s->argc = 2;
	}
	return (record_period(s, period));
}

int
record_try(struct session *s)
{
	return (record_request(s, IMSG_CTL_TRY, 1));
}

int
record_poll(struct session *s)
{
	return (record_request(s, IMSG_CTL_POLL, 0));
}

/* 1: the option was among the words, and is taken out. */
static int
record_option(int *argc, char **argv, const char *option)
{
	int	 i;

	for (i = 0; i < *argc && strcmp(argv[i], option) != 0; i++)
		continue;
	if (i == *argc)
		return (0);
	memmove(&argv[i], &argv[i + 1], (*argc - i - 1) * sizeof(*argv));
	--*argc;
	return (1);
}

/*
 * Copies the words of a new record, and fills in the server and the login that its provider wants, which is told; text is the room
 * for them.  Returns the number of words, or -1: there is no server, which was said.
 */
static int
record_provider(const struct session *s, int argc, char **argv, char **words, char text[2][PROTO_USER_SIZE + 16])
{
	const struct provider	*p;
	const char		*domain = record_word(argc, argv, "domain"), *name = record_word(argc, argv, "auth_name");
	char			 login[PROTO_USER_SIZE], shown[sizeof(login) * 4];
	int			 n = argc, rv;

	memcpy(words, argv, argc * sizeof(*words));
	if ((rv = provider_fill(domain, name, &p, login, sizeof(login))) != 1)
		return (rv == -1 ? -1 : n);
	record_drop(&n, words, "domain");
	snprintf(text[0], sizeof(text[0]), "domain=%s", p->host);
	words[n++] = text[0];
	if (name != NULL) {
		record_drop(&n, words, "auth_name");
		snprintf(text[1], sizeof(text[1]), "auth_name=%s", login);
		words[n++] = text[1];
	}
	if (!s->json) {
		fprintf(s->o->fp, "%s: domain=%s auth_name=%s; %s\n", p->name, p->host, text_vis(shown, sizeof(shown), login), p->note);
		fflush(s->o->fp);
	}
	return (n);
}

/* Takes the words for the column out. */
static void
record_drop(int *n, char **words, const char *column)
{
	size_t	 len = strlen(column);
	int	 i, left = 0;

	for (i = 0; i < *n; i++)
		if (strncmp(words[i], column, len) != 0 || words[i][len] != '=')
			words[left++] = words[i];
	*n = left;
}

/* The value of the word for the column; NULL: there is none. */
static const char *
record_word(int argc, char **argv, const char *column)
{
	size_t	 len = strlen(column);
	int	 i;

	for (i = 0; i < argc; i++)
		if (strncmp(argv[i], column, len) == 0 && argv[i][len] == '=')
			return (argv[i] + len + 1);
	return (NULL);
}

/* Asks for the record's password, and adds it to the change at hand.  0, or -1: why not was said. */
static int
record_secret(const char *name, struct changes *b)
{
	char		 secret[SECRET_MAX + 1], prompt[256], shown[160];
	const char	*wrong;
	int		 rv;

	snprintf(prompt, sizeof(prompt), "password of %s: ", text_vis(shown, sizeof(shown), name));
	if ((wrong = secret_read(prompt, secret, sizeof(secret), 0)) != NULL) {
		warnx("%s", wrong);
		return (-1);
	}
	rv = changes_cell(b, "password", secret, strlen(secret));
	explicit_bzero(secret, sizeof(secret));
	return (rv);
}

/* Whether these words give a record that has a password another host, port or login.  1, 0, or -1: why not was said. */
static int
record_moves(struct session *s, char *const keys[], int argc, char **argv)
{
	static const char *const	 columns[] = { "domain", "auth_name", "tls", "account" };
	const char			*cells[3][2] = { { "name", keys[1] }, { NULL, NULL }, { NULL, NULL } }, *old, *new;
	struct rows			*rows;
	size_t				 i;
	int				 moves = 0;

	for (i = 0; i < nitems(columns) && record_word(argc, argv, columns[i]) == NULL; i++)
		continue;
	if (i == nitems(columns))
		return (0);
	if (*keys[0] != '\0') {
		cells[1][0] = "account";
		cells[1][1] = keys[0];
	}
	if (rows_get(s, "rpop", cells, &rows) == -1)
		return (-1);
	for (i = 0; i < nitems(columns) && rows_number(rows) == 1 && rows_secret(rows, 0, "password"); i++)
		if ((new = record_word(argc, argv, columns[i])) != NULL && (old = rows_value(rows, 0, columns[i])) != NULL &&
		    strcmp(old, new) != 0 && (strcmp(columns[i], "tls") != 0 || strcmp(new, "none") == 0))
			moves = 1;
	rows_free(rows);
	return (moves);
}

static int
record_period(struct session *s, const char *period)
{
	struct changes	*b = changes_new();
	char		*keys[NOUN_KEYS], **argv = s->argv + 1, number[32];
	size_t		 nkeys;
	int		 argc = s->argc - 1, status = 1;

	if (noun_keys(noun_find("record"), &argc, &argv, keys, &nkeys) == 0) {
		if (argc > 0)
			warnx("too many arguments");
		else if (period == NULL || (period = duration_value("rpop", "period", period, number, sizeof(number))) != NULL) {
			record_change(b, CHANGE_SET, keys);
			(void)changes_cell(b, "period", period, period == NULL ? 0 : strlen(period));
			status = noun_send(s, b);
		}
	}
	changes_free(b);
	return (status);
}

/* Begins one more change of this record. */
static void
record_change(struct changes *b, enum change_act act, char *const keys[])
{
	changes_add(b, act, "rpop", 2);
	(void)changes_cell(b, "account", keys[0], strlen(keys[0]));
	(void)changes_cell(b, "name", keys[1], strlen(keys[1]));
}

/*
 * Makes the record of the batch, which is disabled, has its server tried, and then enables it with this period, or removes it.
 * Returns the exit status.
 */
static int
record_tried(struct session *s, struct changes *b, char *const keys[], const char *period)
{
	struct request	 try = { .type = IMSG_CTL_TRY, .items = { IMSG_CTL_TRIED, IMSG_CTL_ENVELOPE }, .patient = 1,
			    .len = sizeof(try.u.name) };
	struct changes	*then = changes_new();
	struct reply	 rep;
	char		 text[sizeof(rep.text.text) * 4];
	int		 status = 1, found;

	if (changes_send(s, b, &rep) == -1)
		goto done;
	found = rep.ok;
	if (!found)
		status = session_answer(s, &(struct request){ .type = IMSG_CTL_CHANGE }, &rep);
	reply_free(&rep);
	if (!found)
		goto done;
	snprintf(try.u.name.name, sizeof(try.u.name.name), "%s/%s", keys[0], keys[1]);
	screen_signals();
	found = session_ask(s, &try, &rep) == 0 && rep.ok;
	if (screen_signal() != 0) {
		warnx("interrupted: the record is there, disabled; rpopctl record remove takes it away, record enable keeps it");
		status = screen_die(screen_signal());
		goto done;
	}
	text_vis(text, sizeof(text), rep.text.text);
	if (found && !s->json)
		envelope_print(s->o, &try, reply_items(&rep, IMSG_CTL_ENVELOPE));
	reply_free(&rep);
	if (found && !s->json) {
		fprintf(s->o->fp, "%s\n", text);
		fflush(s->o->fp);
	} else if (!found)
		warnx("%s", text);
	if (found) {
		record_change(then, CHANGE_SET, keys);
		(void)changes_cell(then, "period", period, strlen(period));
		if ((status = noun_send(s, then)) == 0)
			goto done;
		changes_free(then);
		then = changes_new();
	}
	record_change(then, CHANGE_REMOVE, keys);
	if (changes_send(s, then, &rep) == 0 && rep.ok)
		warnx("the record was not kept%s", found ? "" : "; with --no-try it is kept untested");
	reply_free(&rep);
done:
	changes_free(then);
	return (status);
}

/* A request about one record that has a command of its own, too. */
static int
record_request(struct session *s, uint32_t type, int patient)
{
	struct request	 req = { .type = type, .patient = patient, .len = sizeof(req.u.name) };
	char		*keys[NOUN_KEYS], **argv = s->argv + 1;
	size_t		 nkeys;
	int		 argc = s->argc - 1;

	if (noun_keys(noun_find("record"), &argc, &argv, keys, &nkeys) == -1)
		return (1);
	if (patient) {
		req.items[0] = IMSG_CTL_TRIED;
		req.items[1] = IMSG_CTL_ENVELOPE;
	}
	snprintf(req.u.name.name, sizeof(req.u.name.name), "%s/%s", keys[0], keys[1]);
	return (session_request(s, &req));
}
