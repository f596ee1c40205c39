/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>
#include <sha2.h>

#include "common/hex.h"
#include "world.h"

#define ROWS	1100
#define CELLS	24
#define ITEMS	64

struct world_row {
	char	*table, *column[CELLS], *value[CELLS];
	int	 secret[CELLS];
	size_t	 n;
};
struct table {
	size_t	 rows[ROWS], n;
	char	 hash[ROWS][65];
};
struct tag {
	const char	*at, *end;	/* in the page, from < to behind > */
	char		 name[16];
	int		 closing;
	struct { char name[32]; const char *value; size_t len; } a[24];
	size_t		 n;
};

struct visit	 world_v;
char		 world_log[65536];

static struct world_row	 rows[ROWS];
static size_t		 nrows;
static struct ctl_record *records;
static size_t		 nrecords;
static struct ctl_tried	 tried[ITEMS];
static size_t		 ntried;
static struct ctl_envelope envelopes[ITEMS];
static size_t		 nenvelopes;
static char		 refuse_what[8][256], refuse_why[8][512];
static size_t		 nrefuse;
static char		*page;

void
world_reset(const char *account, uint32_t rights)
{
	while (nrows > 0)
		world_drop(--nrows);
	nrecords = ntried = nenvelopes = nrefuse = 0;
	world_log[0] = '\0';
	memset(&world_v.me, 0, sizeof(world_v.me));
	world_v.me.entry = WEB_ENTERED;
	world_v.me.rights = rights;
	world_v.me.min_period = 300;
	world_v.me.max_records = 10;
	memset(world_v.me.form, 'A', sizeof(world_v.me.form));
	strlcpy(world_v.me.account, account, sizeof(world_v.me.account));
	strlcpy(world_v.me.host, "mail.example.org", sizeof(world_v.me.host));
}

size_t
world_row(const char *table, ...)
{
	struct world_row	*r = &rows[nrows];
	const char		*column;
	va_list			 ap;

	assert_true(nrows < ROWS);
	memset(r, 0, sizeof(*r));
	r->table = strdup(table);
	va_start(ap, table);
	while ((column = va_arg(ap, const char *)) != NULL) {
		const char	*value = va_arg(ap, const char *);

		assert_true(r->n < CELLS);
		r->secret[r->n] = *column == '!';
		r->column[r->n] = strdup(column + (*column == '!'));
		r->value[r->n++] = value == NULL ? NULL : strdup(value);
	}
	va_end(ap);
	return (nrows++);
}

void
world_set(size_t row, const char *column, const char *value)
{
	struct world_row	*r = &rows[row];
	size_t			 i;

	for (i = 0; i < r->n && strcmp(r->column[i], column) != 0; i++)
		continue;
	if (i == r->n) {
		assert_true(r->n < CELLS);
		r->column[r->n++] = strdup(column);
	} else
		free(r->value[i]);
	r->value[i] = value == NULL ? NULL : strdup(value);
}

void
world_drop(size_t row)
{
	size_t	 i;

	for (i = 0; i < rows[row].n; i++) {
		free(rows[row].column[i]);
		free(rows[row].value[i]);
	}
	free(rows[row].table);
	memset(&rows[row], 0, sizeof(rows[row]));
}

void
world_record(const struct ctl_record *r)
{
	records = reallocarray(records, nrecords + 1, sizeof(*records));
	assert_non_null(records);
	records[nrecords++] = *r;
}

void
world_tried(const struct ctl_tried *t)
{
	tried[ntried++ % ITEMS] = *t;
}

void
world_envelope(const struct ctl_envelope *e)
{
	envelopes[nenvelopes++ % ITEMS] = *e;
}

void
world_refuse(const char *what, const char *sentence)
{
	strlcpy(refuse_what[nrefuse], what, sizeof(refuse_what[0]));
	strlcpy(refuse_why[nrefuse++], sentence, sizeof(refuse_why[0]));
}

static void
world_visit(void (*f)(struct visit *), const char *path)
{
	strlcpy(world_v.req.path, path, sizeof(world_v.req.path));
	answer_begin(&world_v.answer);
	world_v.said[0] = '\0';
	world_v.me.entry = WEB_ENTERED;
	f(&world_v);
	assert_int_equal(world_v.answer.full, 0);
	free(page);
	page = strndup(buf_len(&world_v.answer.body) == 0 ? "" : (const char *)buf_data(&world_v.answer.body),
	    buf_len(&world_v.answer.body));
	assert_non_null(page);
	form_free(&world_v.req.form);
	form_free(&world_v.req.query);
}

const char *
world_get(void (*f)(struct visit *), const char *path, const char *query)
{
	world_v.req.method = METHOD_GET;
	assert_int_equal(form_parse(&world_v.req.query, (const uint8_t *)query, strlen(query)), 0);
	world_visit(f, path);
	return (page);
}

const char *
world_post(void (*f)(struct visit *), const char *path, const char *body)
{
	world_v.req.method = METHOD_POST;
	assert_int_equal(form_parse(&world_v.req.form, (const uint8_t *)body, strlen(body)), 0);
	world_visit(f, path);
	return (page);
}

const char *
world_encoded(const char *s)
{
	static char	 out[8][8192];
	static size_t	 turn;
	char		*p = out[turn = (turn + 1) % nitems(out)];

	for (; *s != '\0'; s++)
		p += sprintf(p, "%%%02x", (unsigned char)*s);
	*p = '\0';
	return (out[turn]);
}

/* --- the daemon --- */

static void	 log_line(const char *, ...) __attribute__((__format__(printf, 1, 2)));

static void
log_line(const char *fmt, ...)
{
	va_list	 ap;
	size_t	 n = strlen(world_log);

	va_start(ap, fmt);
	vsnprintf(world_log + n, sizeof(world_log) - n, fmt, ap);
	va_end(ap);
}

/* The last line was asked for.  0, or -1: it is refused. */
static int
judged(struct visit *v, const char *done)
{
	char	*line = strrchr(world_log, '\n');
	size_t	 i;

	if (line == NULL || line == world_log)
		line = world_log;
	else {
		*line = '\0';
		line = strrchr(world_log, '\n') == NULL ? world_log : strrchr(world_log, '\n') + 1;
		world_log[strlen(world_log)] = '\n';
	}
	strlcpy(v->said, done, sizeof(v->said));
	for (i = 0; i < nrefuse; i++)
		if (strstr(line, refuse_what[i]) != NULL) {
			strlcpy(v->said, refuse_why[i], sizeof(v->said));
			return (-1);
		}
	return (0);
}

static int
give(int (*take)(void *, uint32_t, struct imsg *), void *arg, uint32_t type, const void *data, size_t len)
{
	struct imsg	 imsg;
	struct ibuf	*b = ibuf_open(len);
	int		 rv;

	assert_non_null(b);
	assert_int_equal(ibuf_add(b, data, len), 0);
	memset(&imsg, 0, sizeof(imsg));
	imsg.hdr.type = type;
	imsg.hdr.len = IMSG_HEADER_SIZE + len;
	imsg.data = ibuf_data(b);
	imsg.buf = b;
	rv = take(arg, type, &imsg);
	ibuf_free(b);
	return (rv);
}

int
ask(struct visit *v, uint32_t type, const void *data, size_t len, int (*take)(void *, uint32_t, struct imsg *), void *arg)
{
	const struct ctl_password	*m = data;
	const char			*octets = (const char *)(m + 1);
	size_t				 i;

	if (type == IMSG_CTL_PASSWORD)
		log_line("PASSWORD '%s' set %u old '%.*s' new %.3s... of %d\n", m->account, m->set, (int)m->old, octets, octets + m->old,
		    len - sizeof(*m) - m->old > 50 ? 1 : 0);
	else
		log_line("%s %s\n", message_name(type), (const char *)data);
	if (judged(v, "it is done") == -1)
		return (-1);
	for (i = 0; type == IMSG_CTL_ACCOUNT && i < nrecords; i++)
		assert_int_equal(give(take, arg, IMSG_CTL_RECORD, &records[i], sizeof(records[i])), 0);
	for (i = 0; type == IMSG_CTL_TRY && i < ntried; i++)
		assert_int_equal(give(take, arg, IMSG_CTL_TRIED, &tried[i], sizeof(tried[i])), 0);
	for (i = 0; type == IMSG_CTL_TRY && i < nenvelopes; i++)
		assert_int_equal(give(take, arg, IMSG_CTL_ENVELOPE, &envelopes[i], sizeof(envelopes[i])), 0);
	return (0);
}

int
ask_name(struct visit *v, uint32_t type, const char *name)
{
	struct ctl_name	 m;

	memset(&m, 0, sizeof(m));
	assert_true(strlcpy(m.name, name, sizeof(m.name)) < sizeof(m.name));
	return (ask(v, type, &m, sizeof(m), NULL, NULL));
}

static const char *
cell(size_t row, const char *column)
{
	size_t	 i;

	for (i = 0; i < rows[row].n; i++)
		if (strcmp(rows[row].column[i], column) == 0 && !rows[row].secret[i])
			return (rows[row].value[i]);
	return (NULL);
}

static void
row_hash(size_t row, char hex[65])
{
	uint8_t		 digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX	 ctx;
	size_t		 i;

	SHA256Init(&ctx);
	for (i = 0; i < rows[row].n; i++) {
		SHA256Update(&ctx, (const uint8_t *)rows[row].column[i], strlen(rows[row].column[i]) + 1);
		if (rows[row].value[i] != NULL && !rows[row].secret[i])
			SHA256Update(&ctx, (const uint8_t *)rows[row].value[i], strlen(rows[row].value[i]) + 1);
	}
	SHA256Final(digest, &ctx);
	hex_encode(hex, digest, sizeof(digest));
	hex[64] = '\0';
}

static int
row_has(size_t row, const char *table, const struct pair *pairs, size_t n)
{
	size_t	 i;

	if (rows[row].table == NULL || strcmp(rows[row].table, table) != 0)
		return (0);
	for (i = 0; i < n; i++)
		if (cell(row, pairs[i].column) == NULL || strcmp(cell(row, pairs[i].column), pairs[i].value) != 0)
			return (0);
	return (1);
}

struct table *
table_get(struct visit *v, const char *table, const struct pair *pairs, size_t npairs)
{
	struct table	*t;
	size_t		 i;

	log_line("ROWS %s\n", table);
	if (judged(v, "") == -1)
		return (NULL);
	t = calloc(1, sizeof(*t));
	assert_non_null(t);
	for (i = 0; i < nrows; i++)
		if (row_has(i, table, pairs, npairs)) {
			row_hash(i, t->hash[t->n]);
			t->rows[t->n++] = i;
		}
	return (t);
}

size_t
table_rows(const struct table *t)
{
	return (t->n);
}

const char *
table_value(const struct table *t, size_t row, const char *column)
{
	assert_true(row < t->n);
	return (cell(t->rows[row], column));
}

int
table_secret(const struct table *t, size_t row, const char *column)
{
	const struct world_row	*r = &rows[t->rows[row]];
	size_t			 i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->column[i], column) == 0)
			return (r->secret[i]);
	return (0);
}

const char *
table_hash(const struct table *t, size_t row)
{
	assert_true(row < t->n);
	return (t->hash[row]);
}

void
table_free(struct table *t)
{
	free(t);
}

/* Nothing is changed in the rows: the log has what was asked for.  A guard that is not the row's is refused as the master does. */
int
table_change(struct visit *v, enum change_act act, const char *table, const struct pair *pairs, size_t npairs, size_t nkeys,
    const char *was, int more)
{
	static const char *const	 acts[] = { "ADD", "NEED", "SET", "REMOVE" };
	char				 hash[65];
	size_t				 i;

	log_line("%s %s", acts[act], table);
	for (i = 0; i < npairs; i++)
		log_line("%s%s=%s", i < nkeys ? " " : ", ", pairs[i].column, pairs[i].value == NULL ? "NULL" : pairs[i].value);
	log_line("%s\n", more ? " +" : "");
	for (i = 0; i < nrows && !row_has(i, table, pairs, nkeys); i++)
		continue;
	if (act >= CHANGE_SET) {
		assert_true(was != NULL && i < nrows);
		row_hash(i, hash);
		if (strcmp(hash, was) != 0) {
			snprintf(v->said, sizeof(v->said), "%s: somebody has changed it meanwhile: look at it again", pairs[nkeys - 1].value);
			log_line("stale\n");
			return (-1);
		}
	}
	return (judged(v, "1 record changed: so and so"));
}

/* --- the frame of pages --- */

void
page_begin(struct visit *v, const char *title)
{
	put(&v->answer, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
	text(&v->answer, title);
	put(&v->answer, "</title></head><body><main><h1>");
	text(&v->answer, title);
	put(&v->answer, "</h1>\n");
}

void
page_end(struct visit *v)
{
	put(&v->answer, "</main></body></html>\n");
}

void
page_form(struct visit *v, const char *path)
{
	put(&v->answer, "<form method=\"post\" action=\"");
	put_path(&v->answer, &v->req, path);
	put(&v->answer, "\"><input type=\"hidden\" name=\"form\" value=\"" WORLD_FORM "\">\n");
}

void
page_note(struct visit *v, const char *kind, const char *what)
{
	put(&v->answer, "<p class=\"note ");
	put(&v->answer, kind);
	put(&v->answer, "\">");
	text(&v->answer, what);
	put(&v->answer, "</p>\n");
}

void
page_error(struct visit *v, int status, const char *what)
{
	answer_begin(&v->answer);
	v->answer.status = status;
	page_begin(v, "That did not work");
	page_note(v, "bad", what);
	page_end(v);
}

/* --- the browser --- */

/* The next tag at or behind p; 0: there is none.  What is no tag as it should be fails the test. */
static int
tag_next(const char *p, struct tag *t)
{
	size_t	 n;

	memset(t, 0, sizeof(*t));
	for (; *p != '\0' && *p != '<'; p++)
		assert_true(*p != '>');
	if (*p == '\0')
		return (0);
	t->at = p++;
	if (strncmp(p, "!DOCTYPE html>", 14) == 0) {
		t->end = p + 14;
		strlcpy(t->name, "!", sizeof(t->name));
		return (1);
	}
	if ((t->closing = *p == '/'))
		p++;
	n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789");
	assert_true(n > 0 && n < sizeof(t->name));
	strlcpy(t->name, p, n + 1);
	for (p += n; *p == ' ';) {
		p++;
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz-");
		assert_true(n > 0 && n < sizeof(t->a[0].name) && t->n < nitems(t->a) && !t->closing);
		strlcpy(t->a[t->n].name, p, n + 1);
		p += n;
		if (*p == '=') {
			assert_true(p[1] == '"');
			t->a[t->n].value = p += 2;
			t->a[t->n].len = strcspn(p, "\"");
			assert_true(memchr(p, '<', t->a[t->n].len) == NULL && memchr(p, '>', t->a[t->n].len) == NULL);
			p += t->a[t->n].len;
			assert_true(*p++ == '"');
		}
		t->n++;
	}
	assert_true(*p == '>');
	t->end = p + 1;
	return (1);
}

static int
tag_has(const struct tag *t, const char *name, const char *value)
{
	size_t	 i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->a[i].name, name) == 0)
			return (value == NULL || (t->a[i].len == strlen(value) && strncmp(t->a[i].value, value, t->a[i].len) == 0));
	return (0);
}

static char *
decoded(const char *s, size_t len)
{
	static const struct { const char *name; char c; } entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
		{ "&quot;", '"' }, { "&#39;", '\'' } };
	char	*out = malloc(len + 1), *p = out;
	size_t	 i, k;

	assert_non_null(out);
	for (i = 0; i < len;) {
		for (k = 0; k < nitems(entities) && (s[i] != '&' || strncmp(s + i, entities[k].name, strlen(entities[k].name)) != 0); k++)
			continue;
		assert_true(s[i] != '&' || k < nitems(entities));
		*p++ = k < nitems(entities) ? entities[k].c : s[i];
		i += k < nitems(entities) ? strlen(entities[k].name) : 1;
	}
	*p = '\0';
	return (out);
}

static char *
tag_value(const struct tag *t, const char *name)
{
	size_t	 i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->a[i].name, name) == 0)
			return (decoded(t->a[i].value == NULL ? "" : t->a[i].value, t->a[i].len));
	return (NULL);
}

static int
tag_void(const char *name)
{
	static const char *const	 names[] = { "!", "meta", "input", "br", "link", "hr" };
	size_t				 i;

	for (i = 0; i < nitems(names); i++)
		if (strcmp(names[i], name) == 0)
			return (1);
	return (0);
}

/* Each field that people see has a label, and each label a field; no id is there twice. */
static void
check_labels(void)
{
	struct tag	 t, u;
	const char	*p, *q;
	char		*id;
	int		 n;

	for (p = page; tag_next(p, &t); p = t.end) {
		if (t.closing)
			continue;
		if ((id = tag_value(&t, "id")) != NULL) {
			for (n = 0, q = page; tag_next(q, &u); q = u.end)
				n += tag_has(&u, "id", id);
			assert_int_equal(n, 1);
			for (q = page; tag_next(q, &u) && !tag_has(&u, "for", id); q = u.end)
				continue;
			if (strcmp(t.name, "input") == 0 || strcmp(t.name, "select") == 0)
				assert_non_null(u.at == NULL || u.n == 0 ? NULL : u.at);
			free(id);
		} else
			assert_true((strcmp(t.name, "input") != 0 || tag_has(&t, "type", "hidden")) && strcmp(t.name, "select") != 0);
		if ((id = tag_value(&t, "for")) != NULL || (id = tag_value(&t, "aria-describedby")) != NULL ||
		    (id = tag_value(&t, "form")) != NULL) {
			assert_int_equal(page_count(NULL, id), 1);
			free(id);
		}
	}
}

char *
page_skeleton(void)
{
	struct tag	 t;
	char		 open[64][16], *out = calloc(1, strlen(page) + 1);
	const char	*p;
	size_t		 depth = 0, i;

	assert_non_null(out);
	for (p = page; tag_next(p, &t); p = t.end) {
		if (t.closing) {
			assert_true(depth > 0 && strcmp(open[depth - 1], t.name) == 0);
			depth--;
		} else if (!tag_void(t.name)) {
			assert_true(depth < nitems(open));
			for (i = 0; i < depth; i++)
				assert_false(strcmp(open[i], t.name) == 0 && (strcmp(t.name, "form") == 0 || strcmp(t.name, "p") == 0 ||
				    strcmp(t.name, "a") == 0 || strcmp(t.name, "button") == 0 || strcmp(t.name, "label") == 0));
			for (i = 0; i < depth; i++)	/* nothing but phrases within p */
				assert_false(strcmp(open[i], "p") == 0 && (strcmp(t.name, "div") == 0 || strcmp(t.name, "form") == 0 ||
				    strcmp(t.name, "ul") == 0 || strcmp(t.name, "table") == 0));
			strlcpy(open[depth++], t.name, sizeof(open[0]));
		}
		strcat(out, t.closing ? "/" : "");
		strcat(out, t.name);
		for (i = 0; i < t.n; i++) {
			strcat(out, " ");
			strcat(out, t.a[i].name);
		}
		strcat(out, "\n");
	}
	assert_int_equal(depth, 0);
	check_labels();
	return (out);
}

char *
page_value(const char *id, const char *attribute)
{
	struct tag	 t;
	const char	*p;

	for (p = page; tag_next(p, &t); p = t.end)
		if (tag_has(&t, "id", id) || tag_has(&t, "name", id))
			return (tag_value(&t, attribute));
	return (NULL);
}

char *
page_text(const char *class)
{
	struct tag	 t;
	const char	*p;

	for (p = page; tag_next(p, &t); p = t.end)
		if (tag_has(&t, "class", class))
			return (decoded(t.end, strcspn(t.end, "<")));
	return (NULL);
}

size_t
page_count(const char *name, const char *id)
{
	struct tag	 t;
	const char	*p;
	size_t		 n = 0;

	for (p = page; tag_next(p, &t); p = t.end)
		n += !t.closing && (name == NULL || strcmp(t.name, name) == 0) && (id == NULL || tag_has(&t, "id", id));
	return (n);
}

static void
submit_add(char *out, size_t size, const char *name, const char *value)
{
	if (*out != '\0')
		strlcat(out, "&", size);
	strlcat(out, world_encoded(name), size);
	strlcat(out, "=", size);
	assert_true(strlcat(out, world_encoded(value), size) < size);
}

char *
page_submit(const char *button, ...)
{
	static char	 out[1 << 20];
	struct tag	 t, begin;
	const char	*p, *changed[32][2];
	char		*name, *value, select[64] = "";
	size_t		 n = 0, i;
	va_list		 ap;
	int		 found = 0;

	va_start(ap, button);
	while ((changed[n][0] = va_arg(ap, const char *)) != NULL)
		changed[n++][1] = va_arg(ap, const char *);
	va_end(ap);
	memset(&begin, 0, sizeof(begin));
	for (p = page; tag_next(p, &t); p = t.end) {	/* the form that has the button */
		if (strcmp(t.name, "form") == 0 && !t.closing)
			begin = t;
		else if (strcmp(t.name, "button") == 0 && !t.closing && tag_has(&t, "name", button) && !tag_has(&t, "form", NULL))
			break;
	}
	assert_true(p != NULL && t.at != NULL && begin.at != NULL);
	*out = '\0';
	for (p = begin.end; tag_next(p, &t) && strcmp(t.name, "form") != 0; p = t.end) {
		if (strcmp(t.name, "select") == 0) {
			*select = '\0';
			if (!t.closing && (name = tag_value(&t, "name")) != NULL) {
				strlcpy(select, name, sizeof(select));
				free(name);
			}
			continue;
		}
		name = strcmp(t.name, "option") == 0 && *select != '\0' ? strdup(select) :
		    strcmp(t.name, "input") == 0 ? tag_value(&t, "name") : NULL;
		if (name == NULL || t.closing || tag_has(&t, "disabled", NULL)) {
			free(name);
			continue;
		}
		for (i = 0; i < n && strcmp(changed[i][0], name) != 0; i++)
			continue;
		if ((value = tag_value(&t, "value")) == NULL)
			value = strdup("");
		if (strcmp(t.name, "option") == 0) {
			if (i < n ? strcmp(changed[i][1], value) == 0 : tag_has(&t, "selected", NULL))
				submit_add(out, sizeof(out), name, value);
		} else if (tag_has(&t, "type", "checkbox")) {
			if (i < n ? *changed[i][1] != '\0' : tag_has(&t, "checked", NULL))
				submit_add(out, sizeof(out), name, value);
		} else
			submit_add(out, sizeof(out), name, i < n ? changed[i][1] : value);
		found += i < n;
		free(name);
		free(value);
	}
	assert_true(found >= (int)n);
	submit_add(out, sizeof(out), button, "1");
	return (out);
}
