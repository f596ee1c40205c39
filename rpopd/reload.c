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
#include "rpopd/edit/edit.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd.h"

struct complaint {
	char	 first[PROTO_TEXT_SIZE];
	int	 n, quiet;
};

static struct {			/* what reload_prepare() made, for reload_switch() or reload_drop() */
	struct config	*config;
	struct routing	*routing;
	struct task	*tasks;
	int		 gone;		/* some mailbox is no record's any more, or may be */
} next;

static void		 reload_complain(void *, const char *);
static struct config	*reload_read(struct complaint *);
static int		 reload_same_daemon(const struct config *, char *, size_t);
static int		 reload_hops(struct config *, char *, size_t);
static struct task	*reload_tasks(const struct config *, char *, size_t);
static const struct task *reload_was(const struct record *, size_t *);
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
	struct image		*image = NULL;

	if ((config = config_load_image(options.store, reload_complain, &c, &image)) == NULL ||
	    (config->unsound > 0 && config_running != NULL)) {
		config_free(config);
		image_free(image);
		snprintf(err, errsize, "%s%s", c.first, c.n > 1 ? " (and more, see the log)" : "");
		return (-1);
	}
	if (reload_prepare(config, err, errsize) == -1) {
		image_free(image);
		return (-1);
	}
	image_free(config_image);
	config_image = image;
	config_loaded_version = config_version(options.store);
	reload_switch();
	config_loaded = time(NULL);
	reload_log_level();
	log_debug("%zu records loaded, routing table of %zu octets", config->nrecords, route_memory(config->routes));
	return (0);
}

/*
 * Makes all that could fail ahead of reload_switch().  0, or -1 with a sentence; the configuration is freed then.
 */
int
reload_prepare(struct config *config, char *err, size_t errsize)
{
	if (config->settings.hostname[0] == '\0')
		gethostname(config->settings.hostname, sizeof(config->settings.hostname));
	if (reload_same_daemon(config, err, errsize) == -1 ||
	    (config_running == NULL && mailroot_open(config->settings.mail_root, err, errsize) == -1) ||
	    jail_prepare(&options, config, err, errsize) == -1 ||
	    reload_hops(config, err, errsize) == -1 || (next.tasks = reload_tasks(config, err, errsize)) == NULL) {
		config_free(config);
		return (-1);
	}
	if ((next.routing = routing_new(config)) == NULL)
		fatal("routing table");
	next.config = config;
	return (0);
}

/* What was prepared is in force from now on. */
void
reload_switch(void)
{
	struct routing	*old = config_routing;

	config_routing = next.routing;
	config_running = next.config;
	state_keep_set(next.config->settings.keep_state_days * 86400LL);
	state_history_set(next.config->settings.history_days);
	sched_adopt(next.tasks, next.config->nrecords, reload_gone);
	if (next.gone)
		prune_mailboxes();
	token_reload();
	routing_release(old);
	memset(&next, 0, sizeof(next));
}

/* What was prepared does not come into force. */
void
reload_drop(void)
{
	free(next.tasks);
	routing_release(next.routing);
	memset(&next, 0, sizeof(next));
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

/*
 * One task for each record, in record order, with its mailbox and what the store knows of it; a record that names the same mailbox as
 * before has that from its task so far.  NULL and a sentence on failure.
 */
static struct task *
reload_tasks(const struct config *config, char *err, size_t errsize)
{
	const struct task	*was;
	struct task		*tasks, *t;
	size_t			 i, at = 0, known = 0;

	if ((tasks = calloc(config->nrecords + 1, sizeof(*tasks))) == NULL)
		fatal("tasks");
	for (i = 0; i < config->nrecords; i++) {
		t = &tasks[i];
		t->rec = &config->records[i];
		t->period = t->rec->period;
		t->expire = UINT32_MAX;
		t->due = INT64_MAX;
		if ((was = reload_was(t->rec, &at)) != NULL) {
			t->mailbox = was->mailbox;
			t->rs = was->rs;
			t->unfound = was->unfound;
			known++;
		} else if (state_mailbox(t->rec, &t->mailbox) != DB_OK || state_record_get(t->mailbox, &t->rs) != DB_OK ||
		    state_unfound_get(t->mailbox, t->rec, &t->unfound) != DB_OK) {
			snprintf(err, errsize, "state.db cannot be read or written");
			free(tasks);
			return (NULL);
		}
		t->slow = t->rs.failing != 0;	/* perhaps it stalled: why it failed is not kept */
	}
	next.gone = config_running == NULL || known < sched_ntasks;
	return (tasks);
}

/*
 * The task of a record that names the same mailbox, and distributes by the same fields; NULL: there was none.  Records and tasks are
 * in the same order, and *at follows them from 0 on.
 */
static const struct task *
reload_was(const struct record *r, size_t *at)
{
	const struct record	*was;
	int			 order = -1;

	for (; *at < sched_ntasks; ++*at) {
		was = sched_tasks[*at].rec;
		if ((order = strcmp(was->owner, r->owner)) == 0)
			order = strcmp(was->name, r->name);
		if (order >= 0)
			break;
	}
	return (order == 0 && strcmp(was->host, r->host) == 0 && was->port == r->port && strcmp(was->user, r->user) == 0 &&
	    strcmp(was->special, r->special) == 0 ? &sched_tasks[*at] : NULL);
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
