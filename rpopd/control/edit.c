/* SPDX-License-Identifier: ISC */
/* Rows of rpopd.db: clients look at them and change them, each within the rights of who it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/pop/pop.h"
#include "rpopd/sched/sched.h"
#include "control_int.h"

#define ROWS_CELLS	8
#define ROWS_PORTION	100
#define EDIT_FURTHER	2
#define OTHERS_CHANGES	20	/* of one batch, for others than root */
#define OTHERS_OCTETS	(256U << 10)

static void	 edit_portion(void *);
static void	 edit_take(void *, const uint8_t *, size_t);
static int	 edit_listener(const uint8_t *, size_t, struct cell *, int);
static int	 edit_account(const uint8_t *, size_t, struct cell *);
static void	 edit_cell(const uint8_t *, size_t, const char *, char *, size_t);
static void	 edit_listed(struct client *);
static int	 edit_begin(struct client *, const char *, char *, size_t);
static void	 edit_next(const char *, char *, size_t);
static void	 edit_refuse(struct client *, const char *);
static int	 edit_cells(const uint8_t *, size_t, struct cell *, size_t *);

const struct rule	 edit_rules[] = {
	{ IMSG_CTL_ROWS,	RULES_ANY,	edit_rows_request },
	{ IMSG_CTL_CHANGE,	RULES_ANY,	edit_change_request },
};
const size_t		 edit_nrules = nitems(edit_rules);

/* IMSG_CTL_ROWS */
int
edit_rows_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_rows	 m;
	struct cell	 cells[ROWS_CELLS];
	size_t		 len = imsg_get_len(imsg), n;
	uint8_t		*octets;

	if ((octets = malloc(len)) == NULL)
		fatal("request");
	if (imsg_get_data(imsg, octets, len) == -1) {
		free(octets);
		return (-1);
	}
	memcpy(&m, octets, sizeof(m));
	if (!proto_str(m.table, sizeof(m.table)) || edit_cells(octets + sizeof(m), len - sizeof(m), cells, &n) == -1) {
		free(octets);
		return (-1);
	}
	if (!client_allowed(c, imsg, 0)) {
		free(octets);
		return (0);
	}
	if (c->who.user)
		who_again(&c->who);
	memmove(octets, octets + sizeof(m), len - sizeof(m));
	strlcpy(c->rows.table, m.table, sizeof(c->rows.table));
	c->rows.octets = octets;
	c->rows.len = len - sizeof(m);
	rows_begin(&c->rows.place);
	client_busy(c, edit_portion, NULL);
	edit_portion(c);
	return (0);
}

/* So many rows more; the next ones follow when these have been taken. */
static void
edit_portion(void *arg)
{
	struct client	*c = arg;
	struct cell	 cells[ROWS_CELLS];
	char		 err[PROTO_TEXT_SIZE * 2];
	size_t		 ncells;
	ssize_t		 n;

	(void)edit_cells(c->rows.octets, c->rows.len, cells, &ncells);
	n = edit_rows(&c->who, c->rows.table, cells, ncells, &c->rows.place, ROWS_PORTION, edit_take, c, err, sizeof(err));
	if (n == ROWS_PORTION)
		return;
	edit_listed(c);
	client_end(c, n == -1 ? err : NULL);
}

/* A row, with what the daemon knows of it as further cells: they are no columns, and nobody sets them. */
static void
edit_take(void *arg, const uint8_t *row, size_t len)
{
	struct client	*c = arg;
	struct cell	 further[EDIT_FURTHER];
	uint8_t		 more[PROTO_FRAME_MAX];
	size_t		 used = len, n;
	int		 i, nfurther = 0;

	if (strcmp(c->rows.table, "listener") == 0 || strcmp(c->rows.table, "certificate") == 0)
		nfurther = edit_listener(row, len, further, strcmp(c->rows.table, "certificate") == 0);
	else if (strcmp(c->rows.table, "account") == 0)
		nfurther = edit_account(row, len, further);
	if (len > sizeof(more))
		nfurther = 0;
	if (nfurther > 0)
		memcpy(more, row, len);
	for (i = 0; i < nfurther && (n = cell_pack(more + used, sizeof(more) - used, &further[i])) > 0; i++)
		used += n;
	if (nfurther > 0 && i == nfurther)
		client_send(c, IMSG_CTL_ROW, more, used);
	else
		client_send(c, IMSG_CTL_ROW, row, len);
}

/*
 * What is in the way of a listener, or of a further certificate of one.  Returns the number of cells; what they point to is the next
 * call's.
 */
static int
edit_listener(const uint8_t *row, size_t len, struct cell *further, int certificate)
{
	const char	*text, *err;
	char		 address[PROTO_CLIENT_SIZE], port[8], cert[1024] = "";

	edit_cell(row, len, "address", address, sizeof(address));
	edit_cell(row, len, "port", port, sizeof(port));
	if (certificate)
		edit_cell(row, len, "cert", cert, sizeof(cert));
	further[0] = (struct cell){ .column = "trouble", .kind = CELL_NULL };
	if ((text = pop_trouble(address, (uint16_t)strtonum(port, 1, UINT16_MAX, &err), cert)) != NULL) {
		further[0].kind = CELL_TEXT;
		further[0].value = (const uint8_t *)text;
		further[0].len = strlen(text);
	}
	return (1);
}

/* When an account was last logged in to, and from where.  As edit_listener(). */
static int
edit_account(const uint8_t *row, size_t len, struct cell *further)
{
	static char	 seconds[24];
	const char	*client;
	char		 address[PROTO_ADDR_SIZE];
	int64_t		 at;

	edit_cell(row, len, "address", address, sizeof(address));
	further[0] = (struct cell){ .column = "last_login", .kind = CELL_NULL };
	further[1] = (struct cell){ .column = "last_client", .kind = CELL_NULL };
	if (!pop_last_login(address, &at, &client))
		return (2);
	snprintf(seconds, sizeof(seconds), "%lld", (long long)at);
	further[0].kind = CELL_NUMBER;
	further[0].value = (const uint8_t *)seconds;
	further[0].len = strlen(seconds);
	if (*client == '\0')
		return (2);
	further[1].kind = CELL_TEXT;
	further[1].value = (const uint8_t *)client;
	further[1].len = strlen(client);
	return (2);
}

/* The value of a row's cell as a string, empty if there is none, or no room for it. */
static void
edit_cell(const uint8_t *row, size_t len, const char *column, char *text, size_t size)
{
	struct cell	 c;

	*text = '\0';
	while (cell_next(&row, &len, &c) == 1)
		if (strcmp(c.column, column) == 0 && c.len < size) {
			memcpy(text, c.value, c.len);
			text[c.len] = '\0';
		}
}

/* IMSG_CTL_CHANGE: one more, or the last one of its batch. */
int
edit_change_request(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ctl_change	 m;
	char			 err[PROTO_TEXT_SIZE];
	size_t			 len = imsg_get_len(imsg);
	uint8_t			*octets;
	int			 rv = -1;

	if ((octets = malloc(len)) == NULL)
		fatal("request");
	if (imsg_get_data(imsg, octets, len) == 0) {
		memcpy(&m, octets, sizeof(m));
		if (m.more <= 1 && !c->busy && (c->who.root || (c->batch.n < OTHERS_CHANGES && c->batch.octets < OTHERS_OCTETS)))
			rv = batch_add(&c->batch, &m, octets + sizeof(m), len - sizeof(m));
	}
	freezero(octets, len);
	if (rv == -1) {
		batch_free(&c->batch);
		return (-1);
	}
	c->asked++;
	if (m.more)
		return (0);
	if (!client_allowed(c, imsg, 0))
		batch_free(&c->batch);
	else if (c->who.watcher)
		edit_refuse(c, "only root may do that");
	else if (c->who.user && user_change(c, err, sizeof(err)) == -1)
		edit_refuse(c, err);
	else
		wait_for(c, "", WAIT_STORE, edit_begin, edit_refuse);
	return (0);
}

/* Does the batch; the result is that of wait_begin. */
static int
edit_begin(struct client *c, const char *name, char *err, size_t errsize)
{
	char	 text[PROTO_TEXT_SIZE * 2], record[PROTO_RECORD_SIZE];
	int	 rv;

	(void)name;
	if (c->who.user)		/* who waits for a lock may be somebody else by then */
		who_again(&c->who);
	if ((rv = edit_run(&c->who, &c->batch, text, sizeof(text), record)) != 0) {
		strlcpy(err, text, errsize);
		return (rv);
	}
	batch_free(&c->batch);
	if (*record != '\0')
		edit_next(record, text, sizeof(text));
	client_done(c);
	client_reply(c, 1, text);
	return (0);
}

/* Adds when the record is polled next, if it is there and known. */
static void
edit_next(const char *record, char *text, size_t size)
{
	char	 when[64];
	int64_t	 next, now = time(NULL);
	size_t	 i, at = strlen(text);

	for (i = 0; i < sched_ntasks && !sched_named(&sched_tasks[i], record); i++)
		continue;
	if (i == sched_ntasks)
		return;
	(void)sched_state(&sched_tasks[i], &next);
	if (sched_tasks[i].rec->period == 0)
		strlcpy(when, "it is disabled, and not polled", sizeof(when));
	else if (sched_tasks[i].run != NULL)
		strlcpy(when, "it is being polled", sizeof(when));
	else if (next == 0)
		return;
	else if (next - now < 60)
		snprintf(when, sizeof(when), "next poll in %lld s", (long long)(next > now ? next - now : 0));
	else if (next - now < 7200)
		snprintf(when, sizeof(when), "next poll in %lld min", (long long)(next - now + 30) / 60);
	else
		snprintf(when, sizeof(when), "next poll in %lld h", (long long)(next - now + 1800) / 3600);
	snprintf(text + at, size - at, "; %s", when);
}

static void
edit_refuse(struct client *c, const char *why)
{
	batch_free(&c->batch);
	client_end(c, why);
}

/* The client is freed. */
void
edit_left(struct client *c)
{
	batch_free(&c->batch);
	edit_listed(c);
}

/* A listing is at its end; a batch that is not complete yet stays. */
static void
edit_listed(struct client *c)
{
	free(c->rows.octets);
	c->rows.octets = NULL;
	rows_begin(&c->rows.place);
}

/* Takes cells apart.  0, or -1: these are none. */
static int
edit_cells(const uint8_t *octets, size_t len, struct cell *cells, size_t *n)
{
	int	 rv;

	for (*n = 0; *n < ROWS_CELLS && (rv = cell_next(&octets, &len, &cells[*n])) == 1; (*n)++)
		continue;
	return (len == 0 ? 0 : -1);
}
