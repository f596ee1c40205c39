/* SPDX-License-Identifier: ISC */
/* What a column does not take is asked for, ahead of the store, which would refuse the record as a whole. */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "import_int.h"

#define HOST_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"

static int	 line_ok(const struct import_cell *, size_t);
static int	 auth_name_ok(const struct import_cell *);
static int	 password_ok(const struct import_cell *);
static int	 tls_name_ok(const struct import_cell *);
static int	 special_ok(const struct import_cell *);

static const struct check {
	const char	*column;
	int		(*ok)(const struct import_cell *);
	const char	*text;
} checks[] = {
	{ "auth_name", auth_name_ok, "the user to log in as must be 1 to 512 octets without a line end" },
	{ "password", password_ok, "the password must be 1 to 1024 octets without a line end" },
	{ "tls_name", tls_name_ok, "the name in the server's certificate is no host name" },
	{ "special", special_ok, "that field belongs to the message, or does not say whom it was sent to; which field of the header has "
	    "the envelope recipient" },
};

void
field_check(struct import *imp, struct import_record *r)
{
	const struct import_cell	*c;
	size_t				 i;

	for (i = 0; i < nitems(checks); i++) {
		if ((c = import_get(r, checks[i].column)) == NULL || c->value == NULL || checks[i].ok(c))
			continue;
		import_note(imp, r, IMPORT_QUESTION, r->line, checks[i].column, "%s", checks[i].text);
		import_set(r, checks[i].column, NULL, 0);
		if (strcmp(checks[i].column, "special") == 0)
			import_set(r, "special_nth", NULL, 0);
	}
}

static int
line_ok(const struct import_cell *c, size_t max)
{
	return (c->len > 0 && c->len <= max && strpbrk(c->value, "\r\n") == NULL);
}

static int
auth_name_ok(const struct import_cell *c)
{
	return (line_ok(c, 512));
}

static int
password_ok(const struct import_cell *c)
{
	return (line_ok(c, 1024));
}

static int
tls_name_ok(const struct import_cell *c)
{
	return (c->len > 0 && c->len <= 253 && strspn(c->value, HOST_CHARS) == c->len);
}

/* Names, single spaces between, or the star. */
static int
special_ok(const struct import_cell *c)
{
	char	 names[256], *next = names, *name;

	if (strlcpy(names, c->value, sizeof(names)) >= sizeof(names))
		return (0);
	while ((name = strsep(&next, " ")) != NULL)
		if (*name == '\0' || !field_special(name))
			return (0);
	return (1);
}

int
field_special(const char *name)
{
	static const char *const	 names[] = { "to", "cc", "bcc", "received", "return-path", "from", "sender", "reply-to", "date",
	    "subject",
	    "message-id", "in-reply-to", "references", "mime-version", "dkim-signature", "comments", "keywords", "authentication-results",
	    "received-spf", "mail-followup-to", "errors-to", "return-receipt-to", "disposition-notification-to" };
	static const char *const	 families[] = { "content-", "resent-", "list-", "arc-", "x-rpopd-" };
	size_t				 i;

	for (i = 0; i < nitems(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return (0);
	for (i = 0; i < nitems(families); i++)
		if (strncasecmp(name, families[i], strlen(families[i])) == 0)
			return (0);
	return (1);
}
