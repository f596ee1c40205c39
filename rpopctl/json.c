/* SPDX-License-Identifier: ISC */
/* -j: one JSON object per command (RFC 8259), times as RFC 3339 UTC strings, null for what never happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/utf8.h"
#include "rpopctl.h"

#define CHARACTER_MAX	4		/* octets of a character */

static size_t	 json_character(FILE *, const uint8_t *, size_t);
static void	 json_items(FILE *, const struct reply_kind *, const struct items *);
static void	 json_item(FILE *, const struct reply_kind *, const char *);
static void	 json_field(FILE *, const struct field *, const char *);
static void	 json_text(FILE *, const char *);
static void	 json_lines(FILE *, const char *);
static void	 json_unless(FILE *, uint64_t, uint64_t);
static void	 json_time(FILE *, int64_t);

/* A quoted string of any octets. */
void
json_string(FILE *fp, const char *s, size_t len)
{
	const uint8_t	*p = (const uint8_t *)s, *end = p + len;

	putc('"', fp);
	while (p < end)
		p += json_character(fp, p, end - p);
	putc('"', fp);
}

/*
 * A character inside of a quoted string, which is valid UTF-8 whatever the octets are: one that is no part of a well-formed
 * sequence becomes U+FFFD; C0 and C1 controls, which a terminal might obey, are written as \u escapes.  Returns its length, at
 * least 1 and at most len.
 */
static size_t
json_character(FILE *fp, const uint8_t *p, size_t len)
{
	size_t	 n = utf8_length(p, len);

	if (n == 0)
		fputs("\\ufffd", fp);
	else if (*p == '"' || *p == '\\')
		fprintf(fp, "\\%c", *p);
	else if (*p < 0x20 || *p == 0x7f)
		fprintf(fp, "\\u%04x", *p);
	else if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		fprintf(fp, "\\u%04x", p[1]);
	else
		fwrite(p, 1, n, fp);
	return (n == 0 ? 1 : n);
}

/*
 * The message that fd is open for, to its end: an object with the array of its lines, of any length.  A character may lie across
 * the end of what was read, so the last octets wait for what follows them.  0, or -1: the object is not complete.
 */
int
json_mail(FILE *fp, int fd)
{
	const char	*begin = "\"";
	uint8_t		 data[16384], *p;
	size_t		 len = 0, used;
	ssize_t		 n;
	int		 inside = 0;		/* of a line */

	fputs("{\"ok\":true,\"lines\":[", fp);
	do {
		if ((n = read(fd, data + len, sizeof(data) - len)) == -1)
			return (-1);
		len += n;
		for (p = data; len >= (n > 0 ? CHARACTER_MAX : 1); p += used, len -= used) {
			if (!inside)
				fputs(begin, fp);
			begin = ",\"";
			used = 1;
			if ((inside = *p != '\n'))
				used = json_character(fp, p, len);
			else
				putc('"', fp);
		}
		memmove(data, p, len);
	} while (n > 0);
	fputs(inside ? "\"]}\n" : "]}\n", fp);
	return (0);
}

/* One object with a new line behind it.  A listing that failed is its failure alone. */
void
json_reply(FILE *fp, const struct request *req, const struct reply *rep)
{
	const struct reply_kind	*k;
	const char		*between = "{";
	size_t			 i;

	if (!rep->ok || !req->listing) {
		fprintf(fp, "{\"ok\":%s,\"text\":", rep->ok ? "true" : "false");
		json_text(fp, rep->text.text);
		between = ",";
	} else if (req->type != IMSG_CTL_STATUS && req->type != IMSG_CTL_ACCOUNT) {
		fputs("{\"ok\":true", fp);
		between = ",";
	}
	for (i = 0; i < REQUEST_ITEMS && req->items[i] != 0 && (rep->ok || !req->listing); i++) {
		k = reply_kind(req->items[i]);
		fprintf(fp, "%s\"%s\":", between, k->json);
		json_items(fp, k, reply_items(rep, k->type));
		between = ",";
	}
	fputs("}\n", fp);
}

/* One message by itself, as an object with its kind's name, with a new line behind it. */
void
json_message(FILE *fp, const struct reply_kind *k, const void *item)
{
	fprintf(fp, "{\"%s\":", k->json);
	json_item(fp, k, item);
	fputs("}\n", fp);
}

/* All messages of one kind: an array, or the object that is due once. */
static void
json_items(FILE *fp, const struct reply_kind *k, const struct items *items)
{
	size_t	 i;

	if (k->max > 1)
		putc('[', fp);
	for (i = 0; i < items->n; i++) {
		if (i > 0)
			putc(',', fp);
		json_item(fp, k, (const char *)items->v + i * k->size);
	}
	if (k->max > 1)
		putc(']', fp);
}

/* An object of the fields of a message; of a single field, its value alone. */
static void
json_item(FILE *fp, const struct reply_kind *k, const char *item)
{
	size_t	 i;

	if (k->nfields == 1) {
		json_field(fp, &k->fields[0], item);
		return;
	}
	for (i = 0; i < k->nfields; i++) {
		fprintf(fp, "%c\"%s\":", i == 0 ? '{' : ',', k->fields[i].json);
		json_field(fp, &k->fields[i], item);
	}
	putc('}', fp);
}

/* The value of a field. */
static void
json_field(FILE *fp, const struct field *f, const char *item)
{
	const char	*p = item + f->offset;

	switch (f->kind) {
	case FIELD_TEXT:
		json_text(fp, p);
		break;
	case FIELD_STRING:
		json_string(fp, p, strlen(p));
		break;
	case FIELD_LINES:
		json_lines(fp, p);
		break;
	case FIELD_NUMBER:
	case FIELD_OCTETS:
		fprintf(fp, "%" PRIu64, field_number(f, item));
		break;
	case FIELD_NUMBER_OR_NULL:
		json_unless(fp, field_number(f, item), 0);
		break;
	case FIELD_BOOL:
		fputs(field_number(f, item) != 0 ? "true" : "false", fp);
		break;
	case FIELD_TIME:
		json_time(fp, (int64_t)field_number(f, item));
		break;
	case FIELD_NUMBER_OR_MAX:
		json_unless(fp, field_number(f, item), UINT32_MAX);
		break;
	case FIELD_NAME:
		json_text(fp, f->name((uint32_t)field_number(f, item)));
		break;
	case FIELD_MADE:
		json_text(fp, f->made(item));
		break;
	}
}

/* Empty strings mean "none" in most places of the control protocol. */
static void
json_text(FILE *fp, const char *s)
{
	if (*s == '\0')
		fputs("null", fp);
	else
		json_string(fp, s, strlen(s));
}

/* An array of the lines of a text. */
static void
json_lines(FILE *fp, const char *text)
{
	char	 line[PROTO_TRIED_SIZE];

	putc('[', fp);
	while (*text != '\0') {
		text = text_line(text, line, sizeof(line));
		json_string(fp, line, strlen(line));
		if (*text != '\0')
			putc(',', fp);
	}
	putc(']', fp);
}

/* A number, or null for the one that means "none". */
static void
json_unless(FILE *fp, uint64_t value, uint64_t none)
{
	if (value == none)
		fputs("null", fp);
	else
		fprintf(fp, "%" PRIu64, value);
}

/* null for what never happened, and for a time that RFC 3339 cannot express. */
static void
json_time(FILE *fp, int64_t when)
{
	char	 buf[64];

	text_utc(buf, sizeof(buf), when);
	json_text(fp, when == 0 || *buf == '?' ? "" : buf);
}
