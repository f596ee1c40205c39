/* SPDX-License-Identifier: ISC */
/* Rows of rpopd.db as the daemon has them in force, and how they are shown: as columns to people, as objects to programs. */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/ipc/cells.h"
#include "rpopctl.h"

#define ROW_CELLS	64
#define CELL_WIDTH	40	/* columns of the terminal that a value takes at most */

struct row {
	char		*octets;		/* values, each with a NUL behind it */
	struct cell	 cells[ROW_CELLS];
	size_t		 n;
};
struct rows {
	struct row	*v;
	size_t		 n;
	int		 bad;			/* the daemon has sent what is no row */
};

static void	 rows_take(void *, const uint8_t *, size_t);
static const struct cell *rows_cell(const struct rows *, size_t, const char *);
static void	 rows_table(const struct out *, const struct rows *, const char *const []);
static void	 rows_json(FILE *, const struct rows *, const char *);

/*
 * The rows of a table that have these cells, pairs of column and value that end with NULL.  0: they are in *rows, for rows_free(); -1:
 * why not was said.
 */
int
rows_get(struct session *s, const char *table, const char *const cells[][2], struct rows **rows)
{
	uint8_t		 payload[sizeof(struct ctl_rows) + PROTO_FRAME_MAX];
	struct ctl_rows	 head;
	struct request	 req = { .type = IMSG_CTL_ROWS, .listing = 1, .row = rows_take, .data = payload, .len = sizeof(head) };
	struct reply	 rep;
	struct cell	 c;
	size_t		 i;
	int		 ok;

	memset(&head, 0, sizeof(head));
	strlcpy(head.table, table, sizeof(head.table));
	memcpy(payload, &head, sizeof(head));
	for (i = 0; cells != NULL && cells[i][0] != NULL; i++) {
		memset(&c, 0, sizeof(c));
		strlcpy(c.column, cells[i][0], sizeof(c.column));
		c.kind = CELL_TEXT;
		c.value = (const uint8_t *)cells[i][1];
		c.len = strlen(cells[i][1]);
		req.len += cell_pack(payload + req.len, sizeof(payload) - req.len, &c);
	}
	if ((*rows = calloc(1, sizeof(**rows))) == NULL)
		err(1, NULL);
	req.row_arg = *rows;
	if (session_ask(s, &req, &rep) == -1) {
		rows_free(*rows);
		return (-1);
	}
	ok = rep.ok && !(*rows)->bad;
	if (!ok) {
		if (rep.ok)
			strlcpy(rep.text.text, "rpopd has sent what is no row", sizeof(rep.text.text));
		rep.ok = 0;
		(void)session_answer(s, &req, &rep);
		rows_free(*rows);
	}
	reply_free(&rep);
	return (ok ? 0 : -1);
}

size_t
rows_number(const struct rows *rows)
{
	return (rows->n);
}

const char *
rows_value(const struct rows *rows, size_t row, const char *column)
{
	const struct cell	*c = rows_cell(rows, row, column);

	return (c == NULL || c->kind == CELL_NULL || c->kind == CELL_SECRET ? NULL : (const char *)c->value);
}

int
rows_secret(const struct rows *rows, size_t row, const char *column)
{
	const struct cell	*c = rows_cell(rows, row, column);

	return (c != NULL && c->kind == CELL_SECRET);
}

int
rows_quoted(const struct rows *rows, size_t row, const char *column)
{
	const struct cell	*c = rows_cell(rows, row, column);

	return (c != NULL && c->kind == CELL_TEXT);
}

const char *
rows_column(const struct rows *rows, size_t i)
{
	return (rows->n == 0 || i >= rows->v[0].n ? NULL : rows->v[0].cells[i].column);
}

/* Shows rows: these columns, NULL behind them, to people; everything to programs, in an array of this name. */
void
rows_print(struct session *s, const struct rows *rows, const char *json, const char *const columns[])
{
	if (s->json)
		rows_json(s->o->fp, rows, json);
	else if (rows->n == 0)
		fprintf(s->o->fp, "none\n");
	else
		rows_table(s->o, rows, columns);
}

void
rows_free(struct rows *rows)
{
	size_t	 i;

	for (i = 0; i < rows->n; i++)
		free(rows->v[i].octets);
	free(rows->v);
	free(rows);
}

/* The cells of one more row.  Their values are copied, since those of the message are overwritten. */
static void
rows_take(void *arg, const uint8_t *octets, size_t len)
{
	struct rows	*rows = arg;
	struct row	*r;
	struct cell	*c;
	char		*at;
	int		 rv;

	if ((r = array_grow(rows->v, rows->n, sizeof(*r))) == NULL || (at = malloc(len + ROW_CELLS)) == NULL)
		err(1, NULL);
	rows->v = r;
	r += rows->n++;
	memset(r, 0, sizeof(*r));
	r->octets = at;
	while ((rv = r->n < ROW_CELLS ? cell_next(&octets, &len, &r->cells[r->n]) : -(len > 0)) == 1) {
		c = &r->cells[r->n++];
		memcpy(at, c->value, c->len);
		at[c->len] = '\0';
		c->value = (uint8_t *)at;
		at += c->len + 1;
	}
	rows->bad |= rv == -1;
}

static const struct cell *
rows_cell(const struct rows *rows, size_t row, const char *column)
{
	const struct row	*r = &rows->v[row];
	size_t			 i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->cells[i].column, column) == 0)
			return (&r->cells[i]);
	return (NULL);
}

/* A cell as people see it. */
static char *
cell_text(const struct rows *rows, size_t row, const char *column, char *text, size_t size)
{
	const char	*value = rows_value(rows, row, column), *wrong;

	if (value == NULL)
		strlcpy(text, rows_secret(rows, row, column) ? "set" : "-", size);
	else if (strcmp(column, "last_login") == 0)
		text_local(text, size, strtonum(value, INT64_MIN, INT64_MAX, &wrong));
	else
		text_vis(text, size, value);
	return (text);
}

/* Columns as wide as their widest value, under their names. */
static void
rows_table(const struct out *o, const struct rows *rows, const char *const columns[])
{
	char	 text[CELL_WIDTH + 1], head[CELL_COLUMN_SIZE], *p;
	size_t	 widths[ROW_CELLS], row, n, i;

	for (n = 0; columns[n] != NULL && n < nitems(widths); n++) {
		widths[n] = strlen(columns[n]);
		for (row = 0; row < rows->n; row++)
			if (strlen(cell_text(rows, row, columns[n], text, sizeof(text))) > widths[n])
				widths[n] = strlen(text);
	}
	for (i = 0; i < n; i++) {
		strlcpy(head, columns[i], sizeof(head));
		for (p = head; *p != '\0'; p++)
			*p = toupper((unsigned char)*p);
		fprintf(o->fp, "%-*s%s", i + 1 < n ? (int)widths[i] : 0, head, i + 1 < n ? "  " : "\n");
	}
	for (row = 0; row < rows->n; row++)
		for (i = 0; i < n; i++)
			fprintf(o->fp, "%-*s%s", i + 1 < n ? (int)widths[i] : 0, cell_text(rows, row, columns[i], text, sizeof(text)),
			    i + 1 < n ? "  " : "\n");
}

/* One object, with an array of this name. */
static void
rows_json(FILE *fp, const struct rows *rows, const char *name)
{
	fprintf(fp, "{\"ok\":true,\"%s\":", name);
	rows_array(fp, rows);
	fputs("}\n", fp);
}

/* One object a row, with all its columns.  A secret is true if there is one. */
void
rows_array(FILE *fp, const struct rows *rows)
{
	const struct cell	*c;
	size_t			 row, i;

	putc('[', fp);
	for (row = 0; row < rows->n; row++) {
		fputs(row == 0 ? "{" : ",{", fp);
		for (i = 0; i < rows->v[row].n; i++) {
			c = &rows->v[row].cells[i];
			fprintf(fp, "%s\"%s\":", i == 0 ? "" : ",", c->column);
			if (c->kind == CELL_NULL)
				fputs("null", fp);
			else if (c->kind == CELL_SECRET)
				fputs("true", fp);
			else if (c->kind == CELL_NUMBER)
				fwrite(c->value, 1, c->len, fp);
			else
				json_string(fp, (const char *)c->value, c->len);
		}
		putc('}', fp);
	}
	putc(']', fp);
}
