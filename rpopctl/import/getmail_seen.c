/* SPDX-License-Identifier: ISC */
/*
 * getmail's file of messages that it has retrieved, oldmail-SERVER-PORT-USER below its directory: lines of a unique-id, an octet 0
 * and the time when it was seen.  getmail writes - in the place of / in unique-ids, so that one with - may stand for one with /.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto.h"
#include "getmail_int.h"

#define PREFIX	"oldmail-"

static int	 seen_line(struct import_record *, const char *, size_t);

int
getmail_seen(struct import *imp, const char *path, const char *octets, size_t len)
{
	struct import_record		*r = imp->records;
	const struct import_cell	*user;
	const char		*name = strrchr(path, '/'), *p, *end, *next;
	char			 want[1024];
	unsigned int		 line = 0;
	int			 slashes = 0;

	name = name == NULL ? path : name + 1;
	if (imp->nrecords == 0 || len == 0)
		return (0);
	user = import_get(r, "auth_name");
	getmail_seen_name(r, want, sizeof(want));
	if (import_get(r, "domain") != NULL && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	    strncmp(name, want, user == NULL || user->value == NULL ? strlen(want) : sizeof(want)) != 0)
		return (import_fail(imp, 0, "the file is of another mailbox: that of this getmailrc is named %s", want));
	for (p = octets; p < octets + len; p = next) {
		line++;
		end = memchr(p, '\n', (size_t)(octets + len - p));
		next = end == NULL ? octets + len : end + 1;
		slashes += seen_line(r, p, (size_t)((end == NULL ? next : end) - p));
	}
	if (line > 0 && r->nseen == 0)
		return (import_fail(imp, line, "no line has a unique-id, an octet 0 and a time, as getmail writes them"));
	if (slashes > 0)
		import_note(imp, r, IMPORT_NOTE, 0, NULL, "getmail writes - for / in unique-ids: %d of them count as seen in both forms",
		    slashes);
	return (0);
}

/* The name of the file, as getmail makes it: each run of these characters becomes one hyphen. */
void
getmail_seen_name(const struct import_record *r, char *want, size_t size)
{
	const struct import_cell	*user = import_get(r, "auth_name");
	char				 plain[1024];
	const char			*p;
	size_t				 n = 0;

	snprintf(plain, sizeof(plain), PREFIX "%s-%u-%s", r->server == NULL ? "" : r->server, field_port(r),
	    user == NULL || user->value == NULL ? "" : user->value);
	for (p = plain; *p != '\0' && n < size - 1; p++)
		if (strchr("/:;<>|", *p) == NULL)
			want[n++] = *p;
		else if (p == plain || strchr("/:;<>|", p[-1]) == NULL)
			want[n++] = '-';
	want[n] = '\0';
}

/* Whether the unique-id has a hyphen. */
static int
seen_line(struct import_record *r, const char *p, size_t len)
{
	char		 slashed[PROTO_UID_MAX];
	const char	*nul = memchr(p, '\0', len);
	size_t		 n, i, before = r->nseen;

	if (nul == NULL)
		return (0);
	while (p < nul && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	n = (size_t)(nul - p);
	import_seen(r, p, n);
	if (r->nseen == before || memchr(p, '-', n) == NULL)
		return (0);
	for (i = 0; i < n; i++)
		slashed[i] = p[i] == '-' ? '/' : p[i];
	import_seen(r, slashed, n);
	return (1);
}
