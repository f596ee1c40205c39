/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/*
 * What the header parser and the address parser make of any octets, for tests that know the answer from elsewhere
 * (regress/e2e/lib/drive.py).  Standard input: any number of requests
 *
 *	KIND PIECE LENGTH [FIELD] LF, then LENGTH octets
 *
 * KIND: list, bare (an address list, with bare local parts), path (Return-Path); owner, star, field (a message in this mode, fed
 * PIECE octets at a time; 0: all at once).  Standard output: a line for each result, octets in hexadecimal behind an x, then
 * "end N".
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

static void
show(const char *what, const void *p, size_t len)
{
	const uint8_t	*s = p;
	size_t		 i;

	printf("%s x", what);
	for (i = 0; i < len; i++)
		printf("%02x", s[i]);
}

static void
show_address(const struct mailaddr *a)
{
	show("addr", a->local, strlen(a->local));
	show("", a->domain, strlen(a->domain));
	putchar('\n');
}

static int
drive_one(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	(void)arg;
	if (a != NULL)
		show_address(a);
	else {
		show("dropped", text, len);
		putchar('\n');
	}
	return (0);
}

static int
drive_list(const uint8_t *p, size_t len, int flags)
{
	int	 bad;

	mailaddr_list(p, len, flags, drive_one, NULL, &bad);
	return (bad);
}

static int
drive_path(const uint8_t *p, size_t len)
{
	struct mailaddr	 a;
	int		 what = mailaddr_path(p, len, &a);

	if (what == 1)
		show_address(&a);
	else if (what == 0)
		puts("null");
	return (what == -1);
}

static void
feed(struct header *h, const uint8_t *p, size_t len, size_t piece, size_t *at)
{
	ssize_t	 used;
	size_t	 n;

	for (*at = 0; !h->done && *at < len; *at += used) {
		n = len - *at < piece || piece == 0 ? len - *at : piece;
		if ((used = header_feed(h, p + *at, n)) == -1)
			errx(1, "header_feed");
	}
	if (!h->done && header_finish(h) == -1)
		errx(1, "header_finish");
}

static int
drive_header(const uint8_t *p, size_t len, size_t piece, enum dist_mode mode, const char *name)
{
	static const char *const	 kinds[] = {
		[FIELD_RETURN_PATH] = "return-path", [FIELD_SPECIAL] = "special", [FIELD_TO] = "to", [FIELD_CC] = "cc",
		[FIELD_BCC] = "bcc"
	};
	struct header	 h;
	size_t		 i, kind, at;
	int		 toobig;

	header_init(&h, mode, name);
	feed(&h, p, len, piece, &at);
	for (i = 0; i < h.nfields; i++) {
		if ((kind = h.fields[i].kind) >= nitems(kinds) || kinds[kind] == NULL)
			continue;
		show(kinds[kind], h.fields[i].len > 0 ? buf_data(&h.bodies) + h.fields[i].off : NULL,
		    h.fields[i].len);
		putchar('\n');
	}
	show("kept", buf_len(&h.kept) > 0 ? buf_data(&h.kept) : NULL, buf_len(&h.kept));
	show("", p + at, len - at);
	putchar('\n');
	toobig = h.toobig;
	header_free(&h);
	return (toobig);
}

static int
drive(const char *kind, const uint8_t *p, size_t len, size_t piece, const char *name)
{
	if (strcmp(kind, "list") == 0)
		return (drive_list(p, len, 0));
	if (strcmp(kind, "bare") == 0)
		return (drive_list(p, len, MAILADDR_BARE));
	if (strcmp(kind, "path") == 0)
		return (drive_path(p, len));
	if (strcmp(kind, "owner") == 0)
		return (drive_header(p, len, piece, DIST_OWNER, ""));
	if (strcmp(kind, "star") == 0)
		return (drive_header(p, len, piece, DIST_STAR, ""));
	if (strcmp(kind, "field") == 0)
		return (drive_header(p, len, piece, DIST_FIELD, name));
	errx(1, "kind %s", kind);
}

int
main(void)
{
	char	 line[256], kind[16], name[128];
	uint8_t	*p;
	size_t	 piece, len;
	int	 result;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		name[0] = '\0';
		if (sscanf(line, "%15s %zu %zu %127s", kind, &piece, &len, name) < 3)
			errx(1, "request");
		/* Each in an allocation of its size, so that a sanitizer sees a step too far. */
		if ((p = malloc(len > 0 ? len : 1)) == NULL || fread(p, 1, len, stdin) != len)
			errx(1, "octets");
		result = drive(kind, p, len, piece, name);
		printf("end %d\n", result);
		free(p);
	}
	return (0);
}
