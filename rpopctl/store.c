/* SPDX-License-Identifier: ISC */
/* Commands about the stores as a whole, which need no running daemon: rpopd itself does them, as a program of the caller's. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "rpopctl.h"

#define STORE_ARGS	8

struct store_command {			/* what the words of a command say */
	const char	*store;		/* NULL: where rpopd has it */
	const char	*domain;	/* NULL: none was given */
	const char	*directory;	/* likewise */
};

static int	 store_words(const struct session *, struct store_command *);
static const char *store_value(const char *, int *, const struct session *);
static int	 store_run(const struct session *, const char *const []);

/* init: a new rpopd.db.  The exit status; if all goes well it does not return. */
int
store_init(struct session *s)
{
	struct store_command	 c = { 0 };
	const char		*argv[STORE_ARGS] = { "rpopd", "-I" };
	size_t			 n = 2;

	if (store_words(s, &c) == -1)
		return (1);
	if (c.directory != NULL) {
		warnx("init: too many arguments; the name of the store goes behind -f");
		return (1);
	}
	if (c.store != NULL) {
		argv[n++] = "-f";
		argv[n++] = c.store;
	}
	if (c.domain != NULL) {
		argv[n++] = "-D";
		argv[n++] = c.domain;
	}
	return (store_run(s, argv));
}

/* backup: both stores into a new directory.  As store_init(). */
int
store_backup(struct session *s)
{
	struct store_command	 c = { 0 };
	const char		*argv[STORE_ARGS] = { "rpopd", "-B" };

	if (store_words(s, &c) == -1)
		return (1);
	if (c.directory == NULL || c.domain != NULL) {
		warnx(c.directory == NULL ? "backup: DIRECTORY missing, which is made" : "backup: no option --domain");
		return (1);
	}
	argv[2] = c.directory;
	if (c.store != NULL) {
		argv[3] = "-f";
		argv[4] = c.store;
	}
	return (store_run(s, argv));
}

/* Takes the words of a command apart.  0, or -1: what is wrong was said. */
static int
store_words(const struct session *s, struct store_command *c)
{
	const char	*word, **value;
	char		 shown[256];
	int		 i, options = 1;

	for (i = 1; i < s->argc; i++) {
		word = s->argv[i];
		if (options && strcmp(word, "--") == 0) {
			options = 0;
			continue;
		}
		if (!options || word[0] != '-')
			value = &c->directory;
		else if (strncmp(word, "-f", 2) == 0)
			value = &c->store;
		else if (strcmp(word, "--domain") == 0 || strncmp(word, "--domain=", 9) == 0)
			value = &c->domain;
		else {
			warnx("%s: no option %s", s->argv[0], text_vis(shown, sizeof(shown), word));
			return (-1);
		}
		if (*value != NULL || (*value = value == &c->directory ? word : store_value(word, &i, s)) == NULL || **value == '\0') {
			warnx("%s: %s %s", s->argv[0], text_vis(shown, sizeof(shown), word), *value == NULL || **value == '\0' ?
			    "what? its value is missing" : "is one too many");
			return (-1);
		}
	}
	if (s->json)
		warnx("-j: %s has no JSON; its exit status says all", s->argv[0]);
	return (s->json ? -1 : 0);
}

/* The value of the option at word i: what is behind its name, or the next word; NULL: there is none. */
static const char *
store_value(const char *word, int *i, const struct session *s)
{
	const char	*eq = strchr(word, '=');

	if (word[1] == '-' && eq != NULL)
		return (eq + 1);
	if (word[1] != '-' && word[2] != '\0')
		return (word + 2);
	return (*i + 1 < s->argc ? s->argv[++*i] : NULL);
}

/* Becomes rpopd: the one beside this rpopctl, if that was called by a path, else the installed one.  1: it cannot, which was said. */
static int
store_run(const struct session *s, const char *const argv[])
{
	const char	*slash = strrchr(s->program, '/');
	char		 path[1024];
	int		 n;

	n = slash == NULL ? snprintf(path, sizeof(path), RPOPD_SBINDIR "/rpopd") :
	    snprintf(path, sizeof(path), "%.*s/rpopd", (int)(slash - s->program), s->program);
	if (n >= 0 && (size_t)n < sizeof(path))
		execv(path, (char *const *)(uintptr_t)argv);
	warn("%s: cannot be run", path);
	return (1);
}
