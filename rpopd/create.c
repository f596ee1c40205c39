/* SPDX-License-Identifier: ISC */
/*
 * rpopd -I: a new rpopd.db, with the schema that is compiled in, as root's own file in a directory that only root enters.
 *
 *	killed				there is afterwards
 *	while it is written		no store; a file with .new behind its name, which the next -I removes
 *	behind the change of its name	the store
 */
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/db/db.h"
#include "rpopd.h"

extern const char	 config_schema[];

static int	 create_lower(const char *, char *, size_t);
static char	*create_sql(const char *);
static int	 create_free(const char *, char *, size_t);

/* The directory of the store, mode 0700, if there is none; or the end. */
void
create_directory(void)
{
	char	 dir[PATH_MAX], err[PATH_MAX * 2], *name;

	if (strlcpy(dir, options.store, sizeof(dir)) >= sizeof(dir))
		fatalx("%s: path too long", options.store);
	name = dirname(dir);
	if (mkdir(name, 0700) == -1) {
		if (errno != EEXIST)
			fatal("%s: cannot be created", name);
	} else if (file_directory(name, err, sizeof(err)) == -1)
		fatalx("%s", err);
}

/* The store, with the lock held; or the end, with a sentence on standard error and nothing changed. */
void
create_store(void)
{
	char	 domain[256], err[PATH_MAX * 2], *sql;

	if (create_lower(options.domain, domain, sizeof(domain)) == -1)
		fatalx("-D: a domain consists of labels of letters, digits and hyphens, joined by dots, 253 at most; the command 'idn2 NAME' "
		    "prints one with other letters in that form");
	sql = create_sql(domain);
	if (create_free(options.store, err, sizeof(err)) == -1 || sql_create(options.store, sql, err, sizeof(err)) == -1)
		fatalx("%s", err);
	free(sql);
	printf("%s: made", options.store);
	if (*domain != '\0')
		printf(", with domain %s and account postmaster@%s", domain, domain);
	putchar('\n');
}

/* 0, or -1 with a sentence: a store is there, or what is left of one, which SQLite would take for a part of the new one. */
static int
create_free(const char *path, char *err, size_t errsize)
{
	static const char *const	 suffixes[] = { "", "-journal", "-wal" };
	struct stat			 st;
	char				 name[PATH_MAX];
	size_t				 i;

	for (i = 0; i < nitems(suffixes); i++) {
		if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]) >= sizeof(name)) {
			snprintf(err, errsize, "%s: path too long", path);
			return (-1);
		}
		if (lstat(name, &st) == 0) {
			snprintf(err, errsize, i == 0 ? "%s: exists already; it stays as it is" :
			    "%s: is left of a store that is gone; restore that, or move this away", name);
			return (-1);
		}
		if (errno != ENOENT) {
			snprintf(err, errsize, "%s: %s", name, strerror(errno));
			return (-1);
		}
	}
	return (0);
}

/* The domain in lower case; empty for NULL.  0, or -1: it has characters that no domain has.  The schema says the rest about names. */
static int
create_lower(const char *domain, char *lower, size_t size)
{
	size_t	 i;

	*lower = '\0';
	if (domain == NULL)
		return (0);
	if (*domain == '\0' || strlcpy(lower, domain, size) >= size)
		return (-1);
	for (i = 0; lower[i] != '\0'; i++)
		lower[i] = tolower((unsigned char)lower[i]);
	return (strspn(lower, "abcdefghijklmnopqrstuvwxyz0123456789.-") == i ? 0 : -1);
}

/* The statements that make the store, with a main domain and its postmaster's account, unless it is empty.  For free(). */
static char *
create_sql(const char *domain)
{
	char	*sql;

	if (asprintf(&sql, *domain == '\0' ? "%s" : "%s;INSERT INTO domain (name) VALUES ('%s');"
	    "INSERT INTO account (name, domain) VALUES ('postmaster', '%s');UPDATE settings SET main_domain = '%s'", config_schema, domain,
	    domain, domain) == -1)
		fatal("schema");
	return (sql);
}
