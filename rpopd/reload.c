/* SPDX-License-Identifier: ISC */
/*
 * Loading the administrator's store: all or nothing.  A store with a bad row leaves the running configuration in force.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd.h"

struct complaint {
	char	 first[PROTO_TEXT_SIZE];
	int	 n, quiet;
};

static void		 reload_complain(void *, const char *);
static struct config	*reload_read(struct complaint *);
static int		 reload_same_daemon(const struct config *, char *, size_t);
static int		 reload_hops(struct config *, char *, size_t);
static struct task	*reload_tasks(const struct config *, char *, size_t);
static void		 reload_gone(struct task *);
static void		 reload_log_level(void);

/* 1: the store would load; 0: it would not, and every bad row was named on standard error. */
int
reload_sound(void)
{
	struct complaint	 c = { "", 0, 1 };
	struct config		*config;
	char			 state[PATH_MAX], sentence[PATH_MAX * 2];
	int			 sound;

	if ((config = reload_read(&c)) == NULL)
		return (0);
	sound = config->unsound == 0;
	options_state_path(state, sizeof(state));
	if (!mailroot_sound(config->settings.mail_root, state, sentence, sizeof(sentence))) {
		reload_complain(&c, sentence);
		sound = 0;
	}
	if (!child_installed(sentence, sizeof(sentence))) {
		reload_complain(&c, sentence);
		sound = 0;
	}
	config_free(config);
	return (sound);
}

/* Where a sound store says that the mail root is.  0, or -1 with every bad row named on standard error. */
int
reload_mail_root(char *path, size_t size)
{
	struct complaint	 c = { "", 0, 1 };
	struct config		*config;

	if ((config = reload_read(&c)) == NULL)
		return (-1);
	strlcpy(path, config->settings.mail_root, size);
	config_free(config);
	return (0);
}

/*
 * Read, validate, switch.  0, or -1 with a sentence and nothing changed.  At the start a record whose files are missing is no
 * reason to leave the others unpolled: it fails by itself.
 */
int
reload_load(char *err, size_t errsize)
{
	struct complaint	 c = { "", 0, 0 };
	struct config		*config;
	struct routing		*routing, *old = config_routing;
	struct task		*tasks;

	if ((config = reload_read(&c)) == NULL || (config->unsound > 0 && config_running != NULL)) {
		config_free(config);
		snprintf(err, errsize, "%s%s", c.first, c.n > 1 ? " (and more, see the log)" : "");
		return (-1);
	}
	if (config->settings.hostname[0] == '\0')
		gethostname(config->settings.hostname, sizeof(config->settings.hostname));
	if (reload_same_daemon(config, err, errsize) == -1 ||
	    (config_running == NULL && mailroot_open(config->settings.mail_root, err, errsize) == -1) ||
	    jail_prepare(&options, config, err, errsize) == -1 ||
	    reload_hops(config, err, errsize) == -1 || (tasks = reload_tasks(config, err, errsize)) == NULL) {
		config_free(config);
		return (-1);
	}
	if ((routing = routing_new(config)) == NULL)
		fatal("routing table");
	config_routing = routing;
	config_running = config;
	state_keep_set(config->settings.keep_state_days * 86400LL);
	config_loaded_version = config_version(options.store);
	sched_adopt(tasks, config->nrecords, reload_gone);
	prune_mailboxes();
	token_reload();
	routing_release(old);
	config_loaded = time(NULL);
	reload_log_level();
	log_debug("%zu records loaded, routing table of %zu octets", config->nrecords, route_memory(config->routes));
	return (0);
}

/* The store as it is now, with every bad row told to c; NULL: it cannot be read. */
static struct config *
reload_read(struct complaint *c)
{
	return (config_load(options.store, reload_complain, c));
}

/* One bad row.  The first is kept; quiet: they go to standard error, and not to the log. */
static void
reload_complain(void *arg, const char *sentence)
{
	struct complaint	*c = arg;

	if (c->n++ == 0)
		strlcpy(c->first, sentence, sizeof(c->first));
	if (c->quiet)
		fprintf(stderr, "rpopd: %s\n", sentence);
	else
		log_warnx("%s", sentence);
}

/* 0, or -1 with a sentence: the store wants something that only a restart can change. */
static int
reload_same_daemon(const struct config *config, char *err, size_t errsize)
{
	if (config_running == NULL || strcmp(config_running->settings.mail_root, config->settings.mail_root) == 0)
		return (0);
	snprintf(err, errsize, "settings: mail_root was changed: restart rpopd");
	return (-1);
}

/* Find out which next hops of the store are those that mail waits for already.  0, or -1 with a sentence. */
static int
reload_hops(struct config *config, char *err, size_t errsize)
{
	if (state_hops(config, time(NULL)) == DB_OK)
		return (0);
	snprintf(err, errsize, "state.db cannot be read or written");
	return (-1);
}

/* One task for each record, in record order, with its mailbox and what the store knows of it.  NULL and a sentence on failure. */
static struct task *
reload_tasks(const struct config *config, char *err, size_t errsize)
{
	struct task	*tasks;
	size_t		 i;

	if ((tasks = calloc(config->nrecords + 1, sizeof(*tasks))) == NULL)
		fatal("tasks");
	for (i = 0; i < config->nrecords; i++) {
		tasks[i].rec = &config->records[i];
		tasks[i].period = config->records[i].period;
		tasks[i].expire = UINT32_MAX;
		tasks[i].due = INT64_MAX;
		if (state_mailbox(tasks[i].rec, &tasks[i].mailbox) != DB_OK ||
		    state_record_get(tasks[i].mailbox, &tasks[i].rs) != DB_OK ||
		    state_unfound_get(tasks[i].mailbox, tasks[i].rec, &tasks[i].unfound) != DB_OK) {
			snprintf(err, errsize, "state.db cannot be read or written");
			free(tasks);
			return (NULL);
		}
		tasks[i].slow = tasks[i].rs.failing != 0;	/* perhaps it stalled: why it failed is not kept */
	}
	return (tasks);
}

/* What other rooms keep for a task that is about to be freed; its record's new task begins afresh with that. */
static void
reload_gone(struct task *t)
{
	spot_forget(t);
	counts_forget(t);
}

/* Log what settings.log_level says; -v asks for more. */
static void
reload_log_level(void)
{
	enum log_level	 level = config_running->settings.log_level;

	if (options.verbose > 0 && level < LOG_LEVEL_LOW)
		level = LOG_LEVEL_LOW;
	if (options.verbose > 1)
		level = LOG_LEVEL_ALL;
	session_log_level(level);
}
