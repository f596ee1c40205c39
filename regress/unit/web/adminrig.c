/* SPDX-License-Identifier: ISC */
/* Stubs of what is below the pages of administrators. */
#include <sys/types.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adminrig.h"

#define ROWS	256
#define CELLS	64

struct table {
	char	 name[32];
	struct {
		char	 columns[CELLS][32], values[CELLS][1024];
		int	 null[CELLS];
		size_t	 n;
	}	 rows[ROWS];
	size_t	 n;
};

struct visit	 rig;
struct asked	 rig_asked[16];
size_t		 rig_nasked;
struct changed	 rig_changed;
size_t		 rig_nchanged;
const char	*rig_hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static struct table	 tables[8];
static size_t		 ntables;
static struct item { uint32_t request, type; void *data; size_t len; int fd; } items[2048];
static size_t		 nitems_;
static struct { uint32_t request; char said[256]; } refused[8];
static size_t		 nrefused;
static char		 good[256];
static struct field	 fields[64];

void
rig_begin(const char *path, int post)
{
	while (nitems_ > 0)
		free(items[--nitems_].data);
	ntables = nrefused = rig_nasked = rig_nchanged = 0;
	good[0] = '\0';
	buf_free(&rig.answer.body);
	memset(&rig, 0, sizeof(rig));
	rig.answer.status = 200;
	rig.answer.type = "text/html; charset=utf-8";
	buf_init(&rig.answer.body, 16U << 20);
	rig.me.entry = WEB_ENTERED;
	rig.me.rights = WEB_SERVER_ADMIN;
	rig.req.method = post ? METHOD_POST : METHOD_GET;
	strlcpy(rig.req.path, path, sizeof(rig.req.path));
	strlcpy(rig.req.base, "/mail", sizeof(rig.req.base));
	rig.req.form.v = fields;
	rig.req.query.v = fields;
}

void
rig_field(const char *name, const char *value)
{
	struct form	*f = rig.req.method == METHOD_POST ? &rig.req.form : &rig.req.query;

	assert_true(f->n < nitems(fields));
	fields[f->n].name = (char *)(uintptr_t)name;
	fields[f->n++].value = (char *)(uintptr_t)value;
}

static struct table *
table_named(const char *name)
{
	size_t	 i;

	for (i = 0; i < ntables && strcmp(tables[i].name, name) != 0; i++)
		;
	if (i == ntables) {
		assert_true(ntables++ < nitems(tables));
		strlcpy(tables[i].name, name, sizeof(tables[i].name));
		tables[i].n = 0;
	}
	return (&tables[i]);
}

void
rig_row(const char *table, const char *column, ...)
{
	struct table	*t = table_named(table);
	va_list		 ap;

	assert_true(t->n < ROWS);
	t->rows[t->n++].n = 0;
	va_start(ap, column);
	for (; column != NULL; column = va_arg(ap, const char *))
		rig_cell(table, column, va_arg(ap, const char *));
	va_end(ap);
}

void
rig_cell(const char *table, const char *column, const char *value)
{
	struct table	*t = table_named(table);
	size_t		 k = t->rows[t->n - 1].n++;

	assert_true(k < CELLS);
	strlcpy(t->rows[t->n - 1].columns[k], column, 32);
	strlcpy(t->rows[t->n - 1].values[k], value == NULL ? "" : value, 1024);
	t->rows[t->n - 1].null[k] = value == NULL;
}

void
rig_item(uint32_t request, uint32_t type, const void *data, size_t len, int fd)
{
	struct item	*i = &items[nitems_++];

	assert_true(nitems_ <= nitems(items));
	i->request = request;
	i->type = type;
	i->len = len;
	i->fd = fd;
	i->data = malloc(len + 1);
	assert_non_null(i->data);
	memcpy(i->data, data, len);
}

void
rig_refuse(uint32_t request, const char *said)
{
	refused[nrefused].request = request;
	strlcpy(refused[nrefused++].said, said, sizeof(refused[0].said));
}

void
rig_ok(const char *said)
{
	strlcpy(good, said, sizeof(good));
}

const char *
rig_page(void)
{
	assert_int_equal(buf_add(&rig.answer.body, "", 1), 0);
	rig.answer.body.len--;
	return ((const char *)buf_data(&rig.answer.body));
}

void
rig_has(const char *s)
{
	if (strstr(rig_page(), s) == NULL)
		fail_msg("%s\nis not in\n%s", s, rig_page());
}

void
rig_lacks(const char *s)
{
	if (strstr(rig_page(), s) != NULL)
		fail_msg("%s\nis in\n%s", s, rig_page());
}

size_t
rig_count(const char *s)
{
	const char	*p;
	size_t		 n = 0;

	for (p = rig_page(); (p = strstr(p, s)) != NULL; p++)
		n++;
	return (n);
}

/* Whether a request is refused, and what is said then. */
static int
answered(uint32_t request)
{
	size_t	 i;

	strlcpy(rig.said, good, sizeof(rig.said));
	for (i = 0; i < nrefused; i++)
		if (refused[i].request == request) {
			strlcpy(rig.said, refused[i].said, sizeof(rig.said));
			return (-1);
		}
	return (0);
}

/* --- form.c, answer.c, html.c --- */

const char *
form_get(const struct form *f, const char *name)
{
	size_t	 i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i].name, name) == 0)
			return (f->v[i].value);
	return (NULL);
}

void
answer_see(struct answer *a, const struct request *r, const char *path)
{
	a->status = 303;
	snprintf(a->location, sizeof(a->location), "%s%s", r->base, path);
}

void
put(struct answer *a, const char *literal)
{
	assert_int_equal(buf_add(&a->body, literal, strlen(literal)), 0);
}

void
putf(struct answer *a, const char *fmt, ...)
{
	char	 line[1024];
	va_list	 ap;

	assert_null(strstr(fmt, "%s"));
	va_start(ap, fmt);
	assert_true(vsnprintf(line, sizeof(line), fmt, ap) < (int)sizeof(line));
	va_end(ap);
	put(a, line);
}

void
text(struct answer *a, const char *s)
{
	text_len(a, s, strlen(s));
}

void
text_len(struct answer *a, const char *s, size_t len)
{
	char	 c[2] = "";

	for (; len > 0; len--) {
		c[0] = *s++;
		put(a, c[0] == '<' ? "&lt;" : c[0] == '>' ? "&gt;" : c[0] == '&' ? "&amp;" : c[0] == '"' ? "&quot;" :
		    c[0] == '\'' ? "&#39;" : c);
	}
}

void
text_time(struct answer *a, int64_t epoch)
{
	putf(a, "<time datetime=\"x\">@%lld</time>", (long long)epoch);
}

void
put_path(struct answer *a, const struct request *r, const char *path)
{
	text(a, r->base);
	text(a, path);
}

/* --- page.c --- */

void
page_begin(struct visit *v, const char *title)
{
	put(&v->answer, "<main><h1>");
	text(&v->answer, title);
	put(&v->answer, "</h1>\n");
}

void
page_end(struct visit *v)
{
	put(&v->answer, "</main>\n");
}

void
page_form(struct visit *v, const char *path)
{
	put(&v->answer, "<form method=\"post\" action=\"");
	put_path(&v->answer, &v->req, path);
	put(&v->answer, "\"><input type=\"hidden\" name=\"form\" value=\"0\">");
}

void
page_note(struct visit *v, const char *kind, const char *sentence)
{
	assert_true(strcmp(kind, "good") == 0 || strcmp(kind, "bad") == 0 || strcmp(kind, "hint") == 0);
	put(&v->answer, "<p class=\"note ");
	put(&v->answer, kind);
	put(&v->answer, "\">");
	text(&v->answer, sentence);
	put(&v->answer, "</p>\n");
}

void
page_error(struct visit *v, int status, const char *sentence)
{
	v->answer.status = status;
	page_begin(v, "Error");
	page_note(v, "bad", sentence);
	page_end(v);
}

/* --- ask.c, table.c --- */

int
ask(struct visit *v, uint32_t type, const void *data, size_t len, int (*take)(void *, uint32_t, struct imsg *), void *arg)
{
	struct imsgbuf	 from, to;
	struct imsg	 imsg;
	struct asked	*a = &rig_asked[rig_nasked++];
	size_t		 i;
	int		 pair[2], got, failed;

	(void)v;
	assert_true(rig_nasked <= nitems(rig_asked) && len <= sizeof(a->data));
	a->type = type;
	a->len = len;
	if (len > 0)
		memcpy(a->data, data, len);
	if ((failed = answered(type)) == -1)
		return (-1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(imsgbuf_init(&from, pair[0]), 0);
	assert_int_equal(imsgbuf_init(&to, pair[1]), 0);
	imsgbuf_allow_fdpass(&from);
	imsgbuf_allow_fdpass(&to);
	for (i = 0; i < nitems_ && !failed; i++) {
		if (items[i].request != type)
			continue;
		assert_int_equal(imsg_compose(&from, items[i].type, 0, 0, items[i].fd, items[i].data, items[i].len), 1);
		assert_int_equal(imsgbuf_flush(&from), 0);
		while ((got = imsgbuf_get(&to, &imsg)) == 0)
			assert_int_equal(imsgbuf_read(&to), 1);
		assert_int_equal(got, 1);
		failed = take(arg, imsg_get_type(&imsg), &imsg) == -1;
		imsg_free(&imsg);
	}
	imsgbuf_clear(&from);
	imsgbuf_clear(&to);
	close(pair[0]);
	close(pair[1]);
	if (failed)
		strlcpy(rig.said, "an answer that nobody asked for", sizeof(rig.said));
	return (failed ? -1 : 0);
}

int
ask_name(struct visit *v, uint32_t type, const char *name)
{
	struct ctl_name	 m;

	memset(&m, 0, sizeof(m));
	assert_true(strlcpy(m.name, name, sizeof(m.name)) < sizeof(m.name));
	return (ask(v, type, &m, sizeof(m), NULL, NULL));
}

struct table *
table_get(struct visit *v, const char *table, const struct pair *pairs, size_t npairs)
{
	static struct table	 none;
	size_t			 i;

	(void)v;
	(void)pairs;
	assert_int_equal(npairs, 0);
	if (answered(IMSG_CTL_ROWS) == -1)
		return (NULL);
	for (i = 0; i < ntables; i++)
		if (strcmp(tables[i].name, table) == 0)
			return (&tables[i]);
	return (&none);
}

size_t
table_rows(const struct table *t)
{
	return (t->n);
}

const char *
table_value(const struct table *t, size_t row, const char *column)
{
	size_t	 i;

	assert_true(row < t->n);
	for (i = 0; i < t->rows[row].n; i++)
		if (strcmp(t->rows[row].columns[i], column) == 0)
			return (t->rows[row].null[i] ? NULL : t->rows[row].values[i]);
	return (NULL);
}

const char *
table_hash(const struct table *t, size_t row)
{
	assert_true(row < t->n);
	return (rig_hash);
}

void
table_free(struct table *t)
{
	assert_non_null(t);
}

int
table_change(struct visit *v, enum change_act act, const char *table, const struct pair *pairs, size_t npairs, size_t nkeys,
    const char *was, int more)
{
	struct changed	*c = &rig_changed;

	(void)v;
	assert_int_equal(more, 0);
	rig_nchanged++;
	c->act = act;
	strlcpy(c->table, table, sizeof(c->table));
	strlcpy(c->was, was == NULL ? "" : was, sizeof(c->was));
	c->nkeys = nkeys;
	assert_true(npairs <= nitems(c->columns));
	for (c->n = 0; c->n < npairs; c->n++) {
		strlcpy(c->columns[c->n], pairs[c->n].column, sizeof(c->columns[0]));
		c->null[c->n] = pairs[c->n].value == NULL;
		strlcpy(c->values[c->n], pairs[c->n].value == NULL ? "" : pairs[c->n].value, sizeof(c->values[0]));
	}
	return (answered(IMSG_CTL_CHANGE));
}
