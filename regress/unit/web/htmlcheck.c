/* SPDX-License-Identifier: ISC */
/* A judge of a page: tags are closed in their order, fields are labelled, references lead somewhere, and text is escaped. */
#include <sys/types.h>

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adminrig.h"

#define DEEP	64
#define IDS	512
#define VALUE	2048

struct tag {
	char	 name[16];
	struct { char name[32], value[VALUE]; } attr[16];
	size_t	 n;
	int	 end;
};

static char	 stack[DEEP][16];
static size_t	 depth;
static char	 ids[IDS][128], labels[IDS][128], refs[IDS][128], loose[IDS][128];
static size_t	 nids, nlabels, nrefs, nloose;

static const char	*const voids[] = { "input", "br", NULL };
/* What may not be in a paragraph. */
static const char	*const blocks[] = { "p", "div", "form", "table", "fieldset", "section", "h1", "h2", "dl", "ul", "main",
	NULL };
static const char	*const parents[][2] = {
	{ "td", "tr" }, { "th", "tr" }, { "thead", "table" }, { "tbody", "table" }, { "dt", "dl" }, { "dd", "dl" },
	{ "option", "select" }, { "legend", "fieldset" }, { NULL, NULL }
};

static int
among(const char *const words[], const char *word)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return (1);
	return (0);
}

static int
within(const char *name)
{
	size_t	 i;

	for (i = 0; i < depth; i++)
		if (strcmp(stack[i], name) == 0)
			return (1);
	return (0);
}

static const char *
attr(const struct tag *t, const char *name)
{
	size_t	 i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->attr[i].name, name) == 0)
			return (t->attr[i].value);
	return (NULL);
}

static void
remember(char (*list)[128], size_t *n, const char *words)
{
	size_t	 len;

	for (; *words != '\0'; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		assert_true(*n < IDS && len < 128 && len > 0);
		snprintf(list[(*n)++], 128, "%.*s", (int)len, words);
	}
}

static int
known(char (*list)[128], size_t n, const char *word)
{
	while (n > 0)
		if (strcmp(list[--n], word) == 0)
			return (1);
	return (0);
}

/* An entity at p, or a letter that may be there as it is.  Octets. */
static size_t
letter(const char *p)
{
	static const char *const	 entities[] = { "&lt;", "&gt;", "&amp;", "&quot;", "&#39;" };
	size_t				 i;

	for (i = 0; *p == '&' && i < nitems(entities); i++)
		if (strncmp(p, entities[i], strlen(entities[i])) == 0)
			return (strlen(entities[i]));
	if (*p == '&' || *p == '<')
		fail_msg("not escaped: %.60s", p);
	return (1);
}

/* Takes the tag at p apart; returns what is behind it. */
static const char *
tag_read(const char *p, struct tag *t)
{
	const char	*start = p++;
	size_t		 n, i;

	memset(t, 0, sizeof(*t));
	if (*p == '/') {
		t->end = 1;
		p++;
	}
	for (n = 0; islower((unsigned char)*p) || isdigit((unsigned char)*p); p++) {
		assert_true(n < sizeof(t->name) - 1);
		t->name[n++] = *p;
	}
	assert_true(n > 0);
	while (*p == ' ') {
		p++;
		assert_true(t->n < nitems(t->attr));
		for (n = 0; islower((unsigned char)*p) || *p == '-'; p++)
			t->attr[t->n].name[n++] = *p;
		if (n == 0)
			fail_msg("no attribute: %.80s", start);
		for (i = 0; i < t->n; i++)
			assert_string_not_equal(t->attr[i].name, t->attr[t->n].name);
		if (*p == '=') {
			if (*++p != '"')
				fail_msg("not quoted: %.80s", start);
			for (p++, n = 0; *p != '"'; n++) {
				assert_true(*p != '\0' && n < VALUE - 1);
				if (letter(p) > 1) {
					p += letter(p) - 1;
					t->attr[t->n].value[n] = '&';
				} else
					t->attr[t->n].value[n] = *p;
				p++;
			}
			p++;
		}
		t->n++;
	}
	if (*p != '>')
		fail_msg("no end: %.80s", start);
	return (p + 1);
}

static void
field(const struct tag *t)
{
	const char	*type = attr(t, "type"), *id = attr(t, "id");

	if (strcmp(t->name, "input") == 0)
		assert_non_null(type);
	if (type != NULL && strcmp(type, "hidden") == 0) {
		assert_true(within("form"));
		return;
	}
	if (!within("form"))
		fail_msg("a field outside of a form: %s", attr(t, "name"));
	if (attr(t, "aria-label") != NULL || within("label"))
		return;
	if (id == NULL)
		fail_msg("a field without a label: %s", attr(t, "name"));
	remember(loose, &nloose, id);
}

static void
tag_open(const struct tag *t)
{
	static const char *const	 pointers[] = { "aria-describedby", "aria-labelledby" };
	const char			*p = depth > 0 ? stack[depth - 1] : "";
	size_t				 i;

	for (i = 0; parents[i][0] != NULL; i++)
		if (strcmp(parents[i][0], t->name) == 0)
			assert_string_equal(p, parents[i][1]);
	if (strcmp(t->name, "tr") == 0)
		assert_true(strcmp(p, "thead") == 0 || strcmp(p, "tbody") == 0);
	if (within("p") && among(blocks, t->name))
		fail_msg("<%s> in a paragraph", t->name);
	if (strcmp(t->name, "form") == 0)
		assert_false(within("form"));
	if (strcmp(t->name, "a") == 0 || strcmp(t->name, "button") == 0)
		assert_false(within("a") || within("button"));
	assert_true(strcmp(t->name, "script") != 0 && strcmp(t->name, "style") != 0 && attr(t, "style") == NULL);
	for (i = 0; i < t->n; i++)
		assert_true(strncmp(t->attr[i].name, "on", 2) != 0);
	if (attr(t, "id") != NULL) {
		if (known(ids, nids, attr(t, "id")))
			fail_msg("twice: id %s", attr(t, "id"));
		remember(ids, &nids, attr(t, "id"));
	}
	for (i = 0; i < nitems(pointers); i++)
		if (attr(t, pointers[i]) != NULL)
			remember(refs, &nrefs, attr(t, pointers[i]));
	if (strcmp(t->name, "label") == 0 && attr(t, "for") != NULL) {
		remember(refs, &nrefs, attr(t, "for"));
		remember(labels, &nlabels, attr(t, "for"));
	}
	if (strcmp(t->name, "input") == 0 || strcmp(t->name, "select") == 0 || strcmp(t->name, "textarea") == 0)
		field(t);
	if (!among(voids, t->name)) {
		assert_true(depth < DEEP);
		strlcpy(stack[depth++], t->name, sizeof(stack[0]));
	}
}

void
rig_valid(void)
{
	const char	*p = rig_page();
	struct tag	 t;
	size_t		 i;

	depth = nids = nlabels = nrefs = nloose = 0;
	while (*p != '\0') {
		if (*p != '<') {
			p += letter(p);
			continue;
		}
		p = tag_read(p, &t);
		if (!t.end)
			tag_open(&t);
		else {
			if (depth == 0 || strcmp(stack[depth - 1], t.name) != 0)
				fail_msg("</%s> within <%s>: ...%.60s", t.name, depth == 0 ? "" : stack[depth - 1], p);
			depth--;
		}
	}
	assert_int_equal(depth, 0);
	for (i = 0; i < nrefs; i++)
		if (!known(ids, nids, refs[i]))
			fail_msg("no id %s", refs[i]);
	for (i = 0; i < nloose; i++)
		if (!known(labels, nlabels, loose[i]))
			fail_msg("no label for %s", loose[i]);
	assert_int_equal(rig.answer.full, 0);
}
