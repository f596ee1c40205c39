/* SPDX-License-Identifier: ISC */
/* rpopctl import: its command line, and the files, of which every octet is in memory ahead of the sandbox. */
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "intake.h"

#define PART	65536		/* octets read at once */

static int	 options_take(struct intake *, int, char *[], char *, size_t);
static int	 option_take(struct intake *, int, const char *, char *, size_t);
static int	 answer_take(struct intake *, char *, char *, size_t);
static int	 files_read(struct intake *, char *, size_t);
static int	 file_read(struct intake_file *, size_t, char *, size_t);
static int	 file_readable(const struct intake_file *, char *, size_t);
static int	 column_ok(const char *);

static const struct import_format *const	 formats[] = { &import_communigate, &import_fdm, &import_fetchmail,
    &import_getmail, &import_mpop };

enum { OPT_SEEN = 256, OPT_NETRC, OPT_APPLY, OPT_REPLACE, OPT_REPLACE_ALL };
static const struct option	 longopts[] = {
	{ "seen",		required_argument,	NULL, OPT_SEEN },
	{ "netrc",		required_argument,	NULL, OPT_NETRC },
	{ "apply",		no_argument,		NULL, OPT_APPLY },
	{ "replace",		no_argument,		NULL, OPT_REPLACE },
	{ "replace-all",	no_argument,		NULL, OPT_REPLACE_ALL },
	{ NULL,			0,			NULL, 0 }
};

struct intake *
intake_command(int argc, char *argv[], char *error, size_t size)
{
	struct intake	*in;

	if ((in = calloc(1, sizeof(*in))) == NULL)
		err(1, NULL);
	import_init(&in->imp);
	if (options_take(in, argc, argv, error, size) == 0 && files_read(in, error, size) == 0)
		return (in);
	intake_free(in);
	return (NULL);
}

void
intake_free(struct intake *in)
{
	size_t	 i;

	for (i = 0; i < in->nseen; i++)
		freezero(in->seen[i].octets, in->seen[i].len);
	freezero(in->file.octets, in->file.len);
	freezero(in->netrc.octets, in->netrc.len);
	import_free(&in->imp);
	if (in->rows != NULL)
		rows_free(in->rows);
	free(in->leaving);
	free(in->plans);
	free(in->answers);
	free(in);
}

/* FORMAT FILE, options and answers.  0, or -1 and a sentence. */
static int
options_take(struct intake *in, int argc, char *argv[], char *error, size_t size)
{
	char	 known[128] = "";
	size_t	 i;
	int	 ch, n;

	opterr = 0;
	optind = 0;			/* anew, in another order: both systems understand that */
	while ((ch = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		if (option_take(in, ch, ch == '?' ? argv[optind - 1] : optarg, error, size) == -1)
			return (-1);
	for (n = optind; n < argc; n++) {
		if (in->format == NULL) {
			for (i = 0; i < nitems(formats); i++) {
				strlcat(known, i == 0 ? "" : ", ", sizeof(known));
				strlcat(known, formats[i]->name, sizeof(known));
				if (strcmp(formats[i]->name, argv[n]) == 0)
					in->format = formats[i];
			}
			if (in->format == NULL) {
				snprintf(error, size, "import: no format %.40s; one of %s", argv[n], known);
				return (-1);
			}
		} else if (in->file.path == NULL)
			in->file.path = argv[n];
		else if (answer_take(in, argv[n], error, size) == -1)
			return (-1);
	}
	if (in->file.path == NULL) {
		snprintf(error, size, "import: %s missing", in->format == NULL ? "FORMAT FILE" : "FILE");
		return (-1);
	}
	if ((in->nseen > 0 && in->format->seen == NULL) || (in->netrc.path != NULL && in->format->netrc == NULL)) {
		snprintf(error, size, "import: %s has no use for --%s", in->format->name, in->netrc.path != NULL ? "netrc" :
		    "seen");
		return (-1);
	}
	return (0);
}

static int
option_take(struct intake *in, int ch, const char *arg, char *error, size_t size)
{
	switch (ch) {
	case OPT_SEEN:
		if (in->nseen == INTAKE_SEEN_FILES) {
			snprintf(error, size, "import: more than %d files of seen unique-ids; import in several steps",
			    INTAKE_SEEN_FILES);
			return (-1);
		}
		in->seen[in->nseen++].path = arg;
		return (0);
	case OPT_NETRC:
		in->netrc.path = arg;
		return (0);
	case OPT_APPLY:
		in->apply = 1;
		return (0);
	case OPT_REPLACE_ALL:
		in->replace_all = 1;
		/* FALLTHROUGH */
	case OPT_REPLACE:
		in->replace = 1;
		return (0);
	default:
		snprintf(error, size, "import: no option %.60s, or its argument is missing; there are --seen FILE, --netrc FILE, "
		    "--apply, "
		    "--replace and --replace-all", arg);
		return (-1);
	}
}

/* column=value or RECORD:column=value, which is cut up where it stands. */
static int
answer_take(struct intake *in, char *word, char *error, size_t size)
{
	struct intake_answer	*a;
	char			*value = strchr(word, '='), *colon;

	if ((a = array_grow(in->answers, in->nanswers, sizeof(*a))) == NULL)
		err(1, NULL);
	in->answers = a;
	a += in->nanswers++;
	memset(a, 0, sizeof(*a));
	if (value == NULL) {
		snprintf(error, size, "import: %.80s is no answer, which is column=value, or RECORD:column=value", word);
		return (-1);
	}
	*value++ = '\0';
	a->column = word;
	if ((colon = strrchr(word, ':')) != NULL) {
		*colon = '\0';
		a->record = word;
		a->column = colon + 1;
	}
	a->value = *value == '\0' ? NULL : value;
	if (!column_ok(a->column)) {
		snprintf(error, size, "import: %.60s is no column's name", a->column);
		return (-1);
	}
	if (strcmp(a->column, "password") == 0 || strcmp(a->column, "refresh_token") == 0) {
		snprintf(error, size, "import: %s is no answer of the command line, where others see it; what is missing is "
		    "asked for with "
		    "--apply", a->column);
		return (-1);
	}
	return (0);
}

static int
column_ok(const char *name)
{
	return (*name != '\0' && strlen(name) < 32 && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0');
}

static int
files_read(struct intake *in, char *error, size_t size)
{
	size_t	 i;

	if (file_read(&in->file, IMPORT_FILE_MAX, error, size) == -1 ||
	    (in->netrc.path != NULL && file_read(&in->netrc, IMPORT_FILE_MAX, error, size) == -1))
		return (-1);
	for (i = 0; i < in->nseen; i++)
		if (file_read(&in->seen[i], IMPORT_SEEN_MAX, error, size) == -1)
			return (-1);
	return (0);
}

/* Reads a file, or standard input, whole.  0, or -1 and a sentence. */
static int
file_read(struct intake_file *f, size_t max, char *error, size_t size)
{
	size_t	 room = 0;
	ssize_t	 n;
	char	*grown;
	int	 fd = strcmp(f->path, "-") == 0 ? dup(STDIN_FILENO) : open(f->path, O_RDONLY | O_CLOEXEC);

	if (fd == -1) {
		snprintf(error, size, "%.200s: %s", f->path, strerror(errno));
		return (-1);
	}
	do {
		if (f->len == room) {
			/* What was there is wiped, since it may hold passwords. */
			if ((grown = malloc(room == 0 ? PART : room * 2)) == NULL)
				err(1, NULL);
			if (f->len > 0)
				memcpy(grown, f->octets, f->len);
			freezero(f->octets, f->len);
			f->octets = grown;
			room = room == 0 ? PART : room * 2;
		}
		if ((n = read(fd, f->octets + f->len, room - f->len)) > 0)
			f->len += (size_t)n;
	} while ((n > 0 && f->len <= max) || (n == -1 && errno == EINTR));
	if (n == -1)
		snprintf(error, size, "%.200s: %s", f->path, strerror(errno));
	else if (f->len > max)
		snprintf(error, size, "%.200s: is larger than %zu MiB, which no such file is", f->path, max >> 20);
	close(fd);
	return (n == -1 || f->len > max ? -1 : file_readable(f, error, size));
}

/* Whether the file is in clear, for all that its name and its beginning say. */
static int
file_readable(const struct intake_file *f, char *error, size_t size)
{
	static const char *const	 suffixes[] = { ".gpg", ".pgp", ".asc", ".age" };
	static const char *const	 beginnings[] = { "-----BEGIN PGP MESSAGE", "-----BEGIN AGE ENCRYPTED",
	    "age-encryption.org/" };
	size_t				 len = strlen(f->path), i;
	int				 encrypted = 0;

	for (i = 0; i < nitems(suffixes); i++)
		encrypted |= len > 4 && strcmp(f->path + len - 4, suffixes[i]) == 0;
	for (i = 0; i < nitems(beginnings); i++)
		encrypted |= f->len > strlen(beginnings[i]) && memcmp(f->octets, beginnings[i], strlen(beginnings[i])) == 0;
	if (!encrypted)
		return (0);
	snprintf(error, size, "%.200s: is encrypted; decrypt it into a pipe, and name the file '-': gpg -d FILE | rpopctl import "
	    "FORMAT -",
	    f->path);
	return (-1);
}
