/* SPDX-License-Identifier: ISC */
/* The command table: what can be typed, and which request it becomes.  Words may be cut to the shortest unambiguous prefix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopctl.h"

struct command {
	const char		*name;
	const struct command	*sub;		/* further words, or NULL */
	int			(*make)(struct request *, const char *arg);	/* arg or name; 0, or -1: too long or empty */
	const char		*usage;		/* argument, or two with a space between, "" if none; NULL: only sub */
	const char		*help;
};

static const struct command	*command_find(const struct command *, const char *, char *, size_t);
static int			 make_status(struct request *, const char *);
static int			 make_account(struct request *, const char *);
static int			 make_reload(struct request *, const char *);
static int			 make_poll(struct request *, const char *);
static int			 make_route(struct request *, const char *);
static int			 make_level(struct request *, const char *);
static int			 make_stop(struct request *, const char *);
static int			 make_try(struct request *, const char *);
static int			 make_explain(struct request *, const char *);
static int			 make_queue(struct request *, const char *);
static int			 make_queue_move(struct request *, const char *);
static int			 make_queue_retry(struct request *, const char *);
static int			 make_quarantine_list(struct request *, const char *);
static int			 make_quarantine_show(struct request *, const char *);
static int			 make_quarantine_release(struct request *, const char *);
static int			 make_quarantine_drop(struct request *, const char *);
static int			 make_explain(struct request *, const char *);
static int			 make_forget(struct request *, const char *);
static int			 make_renumber(struct request *, const char *, uint32_t);
static int			 make_renumber_retrieve(struct request *, const char *);
static int			 make_renumber_seen(struct request *, const char *);

static const struct command show_commands[] = {
	{ "account",	NULL, make_account,	"NAME", "everything about the records of one account" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct command log_commands[] = {
	{ "crashes",	NULL, make_level,	"", "log what ends a process" },
	{ "failures",	NULL, make_level,	"", "and polls and deliveries that failed" },
	{ "major",	NULL, make_level,	"", "and start, stop and reload" },
	{ "problems",	NULL, make_level,	"", "and polls with work, and oddities" },
	{ "low",	NULL, make_level,	"", "and every step, command and answer of every session" },
	{ "all",	NULL, make_level,	"", "and every message between processes" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct command quarantine_commands[] = {
	{ "drop",	NULL, make_quarantine_drop, "ID|all", "remove messages that are not delivered" },
	{ "list",	NULL, make_quarantine_list, "",	"what is in quarantine, or set aside on its server (default)" },
	{ "release",	NULL, make_quarantine_release, "ID|all [ADDRESS]", "deliver them after all, or try one of the queue now" },
	{ "show",	NULL, make_quarantine_show, "ID", "a message of the quarantine or the queue" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct command queue_commands[] = {
	{ "list",	NULL, make_queue,	"", "recipients that wait for a next hop, and the quarantine (default)" },
	{ "move",	NULL, make_queue_move,	"NEXTHOP NEXTHOP", "what waits for a next hop, that was removed perhaps, to another one" },
	{ "retry",	NULL, make_queue_retry,	"NEXTHOP|ID|all", "try what waits now, whatever pauses there are" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct command renumbered_commands[] = {
	{ "retrieve",	NULL, make_renumber_retrieve, "NAME", "retrieve the unknown messages of a renumbered account/record" },
	{ "seen",	NULL, make_renumber_seen, "NAME", "count them as delivered" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct command commands[] = {
	{ "explain",	NULL, make_explain,	"RECORD UID", "why a message that was taken went where it went" },
	{ "forget",	NULL, make_forget,	"RECORD", "retrieve everything of an account/record again, copies included" },
	{ "log",	log_commands, NULL,	NULL, NULL },
	{ "poll",	NULL, make_poll,	"NAME|all", "poll an account, an account/record, or everything now" },
	{ "quarantine",	quarantine_commands, make_quarantine_list, NULL, NULL },
	{ "queue",	queue_commands, make_queue, NULL, NULL },
	{ "reload",	NULL, make_reload,	"", "read rpopd.db again" },
	{ "renumbered",	renumbered_commands, NULL, NULL, NULL },
	{ "route",	NULL, make_route,	"ADDRESS", "what becomes of mail for an address, rule by rule" },
	{ "show",	show_commands, NULL,	NULL, NULL },
	{ "status",	NULL, make_status,	"", "the daemon and all records (default)" },
	{ "stop",	NULL, make_stop,	"", "finish the current messages and exit" },
	{ "try",	NULL, make_try,		"RECORD", "say where the messages of an account/record would go; change nothing" },
	{ NULL, NULL, NULL, NULL, NULL }
};

/*
 * Turn the words after the options into a request; none means status.  Returns 0, or -1 with a sentence in err.
 */
int
command_parse(int argc, char *const argv[], struct request *req, char *err, size_t errsize)
{
	const struct command	*c, *table = commands;
	const char		*arg;
	int			 i = 0;

	memset(req, 0, sizeof(*req));
	if (argc == 0)
		return (make_status(req, NULL));
	for (;;) {
		if ((c = command_find(table, argv[i++], err, errsize)) == NULL)
			return (-1);
		if (c->sub == NULL)
			break;
		if (i == argc && c->make != NULL)
			return (c->make(req, NULL));
		if (i == argc) {
			snprintf(err, errsize, "%s: what? one of", c->name);
			for (table = c->sub; table->name != NULL; table++) {
				strlcat(err, table == c->sub ? " " : ", ", errsize);
				strlcat(err, table->name, errsize);
			}
			return (-1);
		}
		table = c->sub;
	}
	arg = c->name;
	if (*c->usage != '\0') {
		if (i == argc) {
			snprintf(err, errsize, "%s: %s missing", c->name, c->usage);
			return (-1);
		}
		arg = argv[i++];
		if (i < argc && strchr(c->usage, ' ') != NULL)
			req->second = argv[i++];
		else if (strchr(c->usage, ' ') != NULL && strstr(c->usage, " [") == NULL) {
			snprintf(err, errsize, "%s: %s missing", c->name, strchr(c->usage, ' ') + 1);
			return (-1);
		}
	}
	if (i != argc) {
		snprintf(err, errsize, "%s: too many arguments", c->name);
		return (-1);
	}
	if (c->make(req, arg) == -1) {
		snprintf(err, errsize, "%s: wants %s; what was given is empty, too long or none", c->name, c->usage);
		return (-1);
	}
	return (0);
}

void
command_usage(FILE *fp)
{
	const struct command	*c, *s;

	fprintf(fp, "usage: rpopctl [-hjV] [-s socket] [command [argument ...]]\n\ncommands:\n");
	for (c = commands; c->name != NULL; c++) {
		if (c->sub == NULL)
			fprintf(fp, "  %-6s %-14s %s\n", c->name, c->usage, c->help);
		for (s = c->sub; s != NULL && s->name != NULL; s++)
			fprintf(fp, "  %-6s %-8s %-5s %s\n", c->name, s->name, s->usage, s->help);
	}
	fprintf(fp, "\nWords may be cut short as long as they stay unambiguous.\n");
}

/* The one entry of the table that word names in full or by prefix; NULL with a sentence in err if there is none or several. */
static const struct command *
command_find(const struct command *table, const char *word, char *err, size_t errsize)
{
	const struct command	*c, *found = NULL;
	char			 shown[64], list[128] = "", all[256] = "";
	size_t			 len = strlen(word), n = 0;

	for (c = table; c->name != NULL; c++) {
		if (c != table)
			strlcat(all, ", ", sizeof(all));
		strlcat(all, c->name, sizeof(all));
		if (strncmp(c->name, word, len) != 0)
			continue;
		if (c->name[len] == '\0')
			return (c);
		found = c;
		if (n++ > 0)
			strlcat(list, ", ", sizeof(list));
		strlcat(list, c->name, sizeof(list));
	}
	if (n == 1)
		return (found);
	text_vis(shown, sizeof(shown), word);
	if (n == 0)
		snprintf(err, errsize, "%s: unknown %s; one of %s", shown, table == log_commands ? "level" : "command", all);
	else
		snprintf(err, errsize, "%s: could be %s", shown, list);
	return (NULL);
}

static int
make_name(struct request *req, uint32_t type, const char *arg)
{
	req->type = type;
	req->len = sizeof(req->u.name);
	if (*arg == '\0' || strlcpy(req->u.name.name, arg, sizeof(req->u.name.name)) >= sizeof(req->u.name.name))
		return (-1);
	return (0);
}

static int
make_status(struct request *req, const char *arg __unused)
{
	req->type = IMSG_CTL_STATUS;
	req->listing = 1;
	return (0);
}

static int
make_account(struct request *req, const char *arg)
{
	req->listing = 1;
	return (make_name(req, IMSG_CTL_ACCOUNT, arg));
}

static int
make_reload(struct request *req, const char *arg __unused)
{
	req->type = IMSG_CTL_RELOAD;
	return (0);
}

static int
make_poll(struct request *req, const char *arg)
{
	return (make_name(req, IMSG_CTL_POLL, arg));
}

static int
make_route(struct request *req, const char *arg)
{
	req->lines = 1;
	return (make_name(req, IMSG_CTL_ROUTE, arg));
}

static int
make_level(struct request *req, const char *name)
{
	req->type = IMSG_CTL_LOG_LEVEL;
	req->len = sizeof(req->u.level);
	req->u.level = log_level_parse(name);
	return (0);
}

static int
make_stop(struct request *req, const char *arg __unused)
{
	req->type = IMSG_CTL_STOP;
	return (0);
}

/* The record by its name, or its mailbox by the number in state.db. */
static int
make_explain(struct request *req, const char *arg)
{
	struct ctl_explain	*m = &req->u.explain;
	const char		*error;

	req->type = IMSG_CTL_EXPLAIN;
	req->lines = 1;
	req->len = sizeof(*m);
	m->mailbox = strtonum(arg, 1, INT64_MAX, &error);
	if (error != NULL && strlcpy(m->name, arg, sizeof(m->name)) >= sizeof(m->name))
		return (-1);
	return (*arg == '\0' || *req->second == '\0' || strlcpy(m->uid, req->second, sizeof(m->uid)) >= sizeof(m->uid) ? -1 : 0);
}

static int
make_try(struct request *req, const char *arg)
{
	req->patient = 1;
	return (make_name(req, IMSG_CTL_TRY, arg));
}

static int
make_queue(struct request *req, const char *arg __unused)
{
	req->type = IMSG_CTL_QUEUE;
	req->queue = 1;
	return (0);
}

static int
make_queue_move(struct request *req, const char *arg)
{
	struct ctl_move	*m = &req->u.move;

	req->type = IMSG_CTL_MOVE;
	req->len = sizeof(*m);
	return (*arg == '\0' || *req->second == '\0' || strlcpy(m->from, arg, sizeof(m->from)) >= sizeof(m->from) ||
	    strlcpy(m->to, req->second, sizeof(m->to)) >= sizeof(m->to) ? -1 : 0);
}

static int
make_queue_retry(struct request *req, const char *arg)
{
	return (make_name(req, IMSG_CTL_RETRY, arg));
}

/* arg: a row's number, "all" as 0, or mailbox-uid of a message set aside on its server, or aside/file of the spool. */
static int
make_quarantine(struct request *req, enum quarantine_act act, const char *arg)
{
	struct ctl_quarantine	*m = &req->u.quarantine;
	const char		*error, *uid;
	char			 number[32];

	req->type = IMSG_CTL_QUARANTINE;
	req->len = sizeof(*m);
	m->act = act;
	if (req->second != NULL && (*req->second == '\0' || strlcpy(m->to, req->second, sizeof(m->to)) >= sizeof(m->to)))
		return (-1);
	if (arg == NULL || (strcmp(arg, "all") == 0 && act != QUARANTINE_SHOW))
		return (0);
	if (strncmp(arg, "aside/", 6) == 0)
		return (arg[6] == '\0' || strlcpy(m->file, arg + 6, sizeof(m->file)) >= sizeof(m->file) ? -1 : 0);
	if ((uid = strchr(arg, '-')) != NULL) {
		snprintf(number, sizeof(number), "%.*s", (int)(uid - arg), arg);
		m->mailbox = strtonum(number, 1, INT64_MAX, &error);
		if (uid[1] == '\0' || strlcpy(m->uid, uid + 1, sizeof(m->uid)) >= sizeof(m->uid))
			return (-1);
	} else
		m->id = strtonum(arg, 1, INT64_MAX, &error);
	return (error == NULL && (uid == NULL || act != QUARANTINE_SHOW) ? 0 : -1);
}

static int
make_quarantine_list(struct request *req, const char *arg __unused)
{
	req->queue = 1;
	return (make_quarantine(req, QUARANTINE_LIST, NULL));
}

static int
make_quarantine_show(struct request *req, const char *arg)
{
	req->lines = 1;
	return (make_quarantine(req, QUARANTINE_SHOW, arg));
}

static int
make_quarantine_release(struct request *req, const char *arg)
{
	return (make_quarantine(req, QUARANTINE_RELEASE, arg));
}

static int
make_quarantine_drop(struct request *req, const char *arg)
{
	return (make_quarantine(req, QUARANTINE_DROP, arg));
}

static int
make_forget(struct request *req, const char *arg)
{
	return (make_name(req, IMSG_CTL_FORGET, arg));
}

static int
make_renumber(struct request *req, const char *arg, uint32_t seen)
{
	req->type = IMSG_CTL_RENUMBER;
	req->len = sizeof(req->u.renumber);
	req->u.renumber.seen = seen;
	if (*arg == '\0' || strlcpy(req->u.renumber.name, arg, sizeof(req->u.renumber.name)) >= sizeof(req->u.renumber.name))
		return (-1);
	return (0);
}

static int
make_renumber_retrieve(struct request *req, const char *arg)
{
	return (make_renumber(req, arg, 0));
}

static int
make_renumber_seen(struct request *req, const char *arg)
{
	return (make_renumber(req, arg, 1));
}
