/* SPDX-License-Identifier: ISC */
/* The command table: what can be typed, and which request it becomes.  Words may be cut to the shortest unambiguous prefix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopctl.h"

/* The answer ends with a sentence; as a listing; with a sentence, whenever that comes.  LOCAL: no daemon is asked. */
enum { SENTENCE, LISTING, PATIENT, LOCAL };

struct command {
	const char		*name;
	const struct command	*sub;		/* further words, or NULL */
	const char		*usage;		/* argument, or two with a space between, "" if none */
	const char		*help;
	uint32_t		 type;		/* enum imsg_type of the request; 0: a further word is needed */
	uint32_t		 items[REQUEST_ITEMS];	/* what the answer consists of, see struct request */
	int			 answer;
	int			(*make)(struct request *, const char *);	/* payload, of the argument or name; NULL: none */
	int			(*run)(struct session *);	/* NULL; see struct request; beside a type for options only */
};

static const struct command	*command_find(const struct command *, const char *, char *, size_t);
static int			 command_optional(int, char *[]);
static const char		*command_plain(int *, char *[]);
static const char		*command_arguments(const struct command *, int, char *const [], struct request *, char *, size_t);
static int			 command_request(const struct command *, struct request *, const char *);
static int			 make_name(struct request *, const char *);
static int			 make_level(struct request *, const char *);
static int			 make_explain(struct request *, const char *);
static int			 make_move(struct request *, const char *);
static int			 make_quarantine(struct request *, enum quarantine_act, const char *);
static int			 make_list(struct request *, const char *);
static int			 make_show(struct request *, const char *);
static int			 make_release(struct request *, const char *);
static int			 make_drop(struct request *, const char *);
static int			 make_renumber(struct request *, const char *, uint32_t);
static int			 make_retrieve(struct request *, const char *);
static int			 make_seen(struct request *, const char *);

static const struct command show_commands[] = {
	{ "account", NULL, "NAME", "everything about the records of one account",
	    IMSG_CTL_ACCOUNT, { IMSG_CTL_RECORD }, LISTING, make_name, NULL },
	{ 0 }
};

static const struct command log_commands[] = {
	{ "crashes", NULL, "", "log what ends a process", IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ "failures", NULL, "", "and polls and deliveries that failed", IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ "major", NULL, "", "and start, stop, reload, and each message that was taken", IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ "problems", NULL, "", "and polls with work, and oddities", IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ "low", NULL, "", "and every step, command and answer of every session",
	    IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ "all", NULL, "", "and every message between processes", IMSG_CTL_LOG_LEVEL, { 0 }, SENTENCE, make_level, NULL },
	{ 0 }
};

static const struct command oauth_commands[] = {
	{ .name = "login", .usage = "RECORD", .help = "get a refresh token: a person agrees at the identity provider", .run = oauth_login },
	{ 0 }
};

static const struct command quarantine_commands[] = {
	{ "drop", NULL, "ID|all", "remove messages that are not delivered", IMSG_CTL_QUARANTINE, { 0 }, SENTENCE, make_drop, NULL },
	{ "list", NULL, "", "what is in quarantine, or set aside on its server (default)",
	    IMSG_CTL_QUARANTINE, { IMSG_CTL_QUEUED }, LISTING, make_list, NULL },
	{ "release", NULL, "ID|all [ADDRESS]", "deliver them after all, or try one of the queue now",
	    IMSG_CTL_QUARANTINE, { 0 }, SENTENCE, make_release, NULL },
	{ "show", NULL, "ID", "a message of the quarantine or the queue",
	    IMSG_CTL_QUARANTINE, { IMSG_CTL_LINE }, LISTING, make_show, NULL },
	{ 0 }
};

static const struct command queue_commands[] = {
	{ "list", NULL, "", "recipients that wait for a next hop, and the quarantine (default)",
	    IMSG_CTL_QUEUE, { IMSG_CTL_QUEUED }, LISTING, NULL, NULL },
	{ "move", NULL, "NEXTHOP NEXTHOP", "what waits for a next hop, that was removed perhaps, to another one",
	    IMSG_CTL_MOVE, { 0 }, SENTENCE, make_move, NULL },
	{ "retry", NULL, "NEXTHOP|ID|all", "try what waits now, whatever pauses there are",
	    IMSG_CTL_RETRY, { 0 }, SENTENCE, make_name, NULL },
	{ 0 }
};

static const struct command renumbered_commands[] = {
	{ "retrieve", NULL, "NAME", "retrieve the unknown messages of a renumbered account/record",
	    IMSG_CTL_RENUMBER, { 0 }, SENTENCE, make_retrieve, NULL },
	{ "seen", NULL, "NAME", "count them as delivered", IMSG_CTL_RENUMBER, { 0 }, SENTENCE, make_seen, NULL },
	{ 0 }
};

#define EDIT(name, usage, help, run)	{ name, NULL, usage, help, 0, { 0 }, 0, NULL, run }

static const struct command record_commands[] = {
	EDIT("add", "RECORD COLUMN=VALUE ...", "make a record, once its server has been tried", record_add),
	EDIT("disable", "RECORD", "do not poll it any more", record_disable),
	EDIT("enable", "RECORD [PERIOD]", "poll it again", record_enable),
	EDIT("list", "[ACCOUNT]", "records of all accounts, or of one (default)", edit_list),
	EDIT("password", "RECORD", "another password, which is asked for", edit_password),
	EDIT("poll", "RECORD", "poll it now", record_poll),
	EDIT("remove", "RECORD", "remove it", edit_remove),
	EDIT("set", "RECORD COLUMN=VALUE ...", "change columns", record_set),
	EDIT("try", "RECORD", "say where its messages would go; change nothing", record_try),
	{ 0 }
};

static const struct command edit_commands[] = {
	EDIT("add", "NAME COLUMN=VALUE ...", "make one", edit_add),
	EDIT("list", "[NAME]", "what there is (default)", edit_list),
	EDIT("remove", "NAME", "remove it", edit_remove),
	EDIT("set", "NAME COLUMN=VALUE ...", "change columns", edit_set),
	{ 0 }
};

static const struct command secret_commands[] = {
	EDIT("add", "NAME COLUMN=VALUE ...", "make one", edit_add),
	EDIT("list", "[NAME]", "what there is (default)", edit_list),
	EDIT("password", "NAME", "another password, which is asked for", edit_password),
	EDIT("remove", "NAME", "remove it", edit_remove),
	EDIT("set", "NAME COLUMN=VALUE ...", "change columns", edit_set),
	{ 0 }
};

static const struct command account_commands[] = {
	EDIT("add", "NAME COLUMN=VALUE ...", "make one", edit_add),
	EDIT("check", "[NAME]", "whether a password, which is asked for, is its owner's", account_check),
	EDIT("list", "[NAME]", "what there is (default)", edit_list),
	EDIT("password", "[NAME]", "another password for its owner; --plain, --scram: in that form, --none: no login", account_password),
	EDIT("remove", "NAME", "remove it", edit_remove),
	EDIT("set", "NAME COLUMN=VALUE ...", "change columns", edit_set),
	{ 0 }
};

static const struct command alert_commands[] = {
	EDIT("list", "[ADDRESS]", "what users are told at their next logins at the POP3 server (default)", alert_list),
	EDIT("remove", "ID|ADDRESS", "remove an alert, or all of an account", alert_remove),
	{ 0 }
};

static const struct command setting_commands[] = {
	EDIT("list", "", "all settings (default)", edit_list),
	EDIT("set", "COLUMN=VALUE ...", "change settings", edit_set),
	{ 0 }
};

static const struct command commands[] = {
	{ .name = "access", .sub = edit_commands, .run = edit_list },
	{ .name = "account", .sub = account_commands, .run = edit_list },
	{ .name = "administrator", .sub = edit_commands, .run = edit_list },
	{ .name = "alert", .sub = alert_commands, .usage = "ADDRESS TEXT",
	    .help = "tell the user of an account something at the next login at the POP3 server", .run = alert_run },
	{ "backup", NULL, "[-f STORE] DIRECTORY", "copy rpopd.db and state.db, as they are at one moment, into a new directory",
	    0, { 0 }, LOCAL, NULL, store_backup },
	{ .name = "certificate", .sub = edit_commands, .run = edit_list },
	{ .name = "client", .sub = secret_commands, .run = edit_list },
	{ .name = "domain", .sub = edit_commands, .run = edit_list },
	{ "explain", NULL, "RECORD UID", "why a message that was taken went where it went",
	    IMSG_CTL_EXPLAIN, { IMSG_CTL_LINE }, LISTING, make_explain, NULL },
	EDIT("export", "FORMAT [ACCOUNT]", "records as communigate has them, or the store as sql or json", export_run),
	{ "find", NULL, "KEY ...", "messages that came: id=, from=, to=, day=, limit=, or a word that is any of the first three",
	    0, { 0 }, LISTING, NULL, find_run },
	{ "forget", NULL, "RECORD", "retrieve everything of an account/record again, copies included",
	    IMSG_CTL_FORGET, { 0 }, SENTENCE, make_name, NULL },
	EDIT("import", "FORMAT FILE ...", "records of the configuration of another retriever; without --apply they are shown", intake_run),
	{ "init", NULL, "[-f STORE] [--domain DOMAIN]", "make a new rpopd.db, with its main domain perhaps",
	    0, { 0 }, LOCAL, NULL, store_init },
	{ .name = "listener", .sub = edit_commands, .run = edit_list },
	{ .name = "log", .sub = log_commands },
	{ .name = "nexthop", .sub = secret_commands, .run = edit_list },
	{ .name = "oauth", .sub = oauth_commands },
	{ "poll", NULL, "NAME|all", "poll an account, an account/record, or everything now; -w: wait for the end",
	    IMSG_CTL_POLL, { 0 }, SENTENCE, make_name, wait_run },
	{ "providers", NULL, "", "providers of which record add knows the server", 0, { 0 }, LOCAL, NULL, provider_list },
	{ "quarantine", quarantine_commands, "", NULL, IMSG_CTL_QUARANTINE, { IMSG_CTL_QUEUED }, LISTING, make_list, NULL },
	{ "queue", queue_commands, "", NULL, IMSG_CTL_QUEUE, { IMSG_CTL_QUEUED }, LISTING, NULL, NULL },
	{ .name = "record", .sub = record_commands, .run = edit_list },
	{ "reload", NULL, "", "read rpopd.db again", IMSG_CTL_RELOAD, { 0 }, SENTENCE, NULL, NULL },
	{ .name = "renumbered", .sub = renumbered_commands },
	{ "route", edit_commands, "ADDRESS", "what becomes of mail for an address, rule by rule",
	    IMSG_CTL_ROUTE, { IMSG_CTL_LINE }, LISTING, make_name, NULL },
	{ .name = "schedule", .sub = edit_commands, .run = edit_list },
	{ .name = "setting", .sub = setting_commands, .run = edit_list },
	{ .name = "show", .sub = show_commands },
	{ "status", NULL, "", "the daemon and all records (default); --failing: records that fail or are held up",
	    IMSG_CTL_STATUS, { IMSG_CTL_DAEMON, IMSG_CTL_RECORD }, LISTING, NULL, failing_run },
	{ "stop", NULL, "", "finish the current messages and exit", IMSG_CTL_STOP, { 0 }, SENTENCE, NULL, NULL },
	{ "top", NULL, "", "the sessions and what waits for one, each second; q ends it",
	    0, { 0 }, LISTING, NULL, top_run },
	{ "try", NULL, "RECORD", "say where the messages of an account/record would go; change nothing",
	    IMSG_CTL_TRY, { IMSG_CTL_TRIED, IMSG_CTL_ENVELOPE }, PATIENT, make_name, NULL },
	{ "who", NULL, "", "sessions of mail programs", IMSG_CTL_WHO, { IMSG_CTL_READER }, LISTING, NULL, NULL },
	{ 0 }
};

/*
 * The options of rpopctl itself that are meant wherever they stand: take -j and -s out of the words, up to "--".  Returns 0, or -1:
 * the name that belongs to -s is missing.
 */
int
command_options(int *argc, char *argv[], int *json, const char **path)
{
	int	 i, n = 0, missing = 0;

	for (i = 0; i < *argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-j") == 0)
			*json = 1;
		else if (strcmp(argv[i], "-s") == 0 && i + 1 == *argc)
			missing = 1;
		else if (strcmp(argv[i], "-s") == 0)
			*path = argv[++i];
		else
			argv[n++] = argv[i];
	while (i < *argc)
		argv[n++] = argv[i++];
	*argc = n;
	return (missing ? -1 : 0);
}

/*
 * Turn the words after the options into a request; none means status.  Returns 0, or -1 with a sentence in err.
 */
int
command_parse(int argc, char *argv[], struct request *req, char *err, size_t errsize)
{
	static char		*status[] = { "status" };
	const struct command	*c, *table = commands;
	const char		*arg;
	const char		*noun = NULL;
	char			 shown[64];
	int			 i = 0;

	memset(req, 0, sizeof(*req));
	if (argc == 0)
		return (command_parse(1, status, req, err, errsize));
	for (;;) {
		if ((c = command_find(table, argv[i++], err, errsize)) == NULL)
			return (-1);
		if (c->sub == NULL || (i == argc && (c->type != 0 || c->run != NULL)))
			break;
		if (i == argc) {
			snprintf(err, errsize, "%s: what? one of", c->name);
			for (table = c->sub; table->name != NULL; table++) {
				strlcat(err, table == c->sub ? " " : ", ", errsize);
				strlcat(err, table->name, errsize);
			}
			return (-1);
		}
		if (table == commands)
			noun = c->name;
		/* Where a command takes an argument, too, what is no further word is that. */
		if (c->usage != NULL && *c->usage != '\0' && (c->make != NULL || c->run != NULL) &&
		    command_find(c->sub, argv[i], err, errsize) == NULL)
			break;
		table = c->sub;
	}
	if (c->run != NULL && (c->type == 0 || command_optional(argc - i, argv + i))) {
		req->run = c->run;
		req->local = c->answer == LOCAL;
		req->noun = noun == NULL ? c->name : noun;
		req->argc = argc - i + 1;
		req->argv = argv + i - 1;
		return (0);
	}
	argc -= i;
	argv += i;
	if ((arg = command_plain(&argc, argv)) != NULL) {
		snprintf(err, errsize, "%s: no option %s; '--' goes ahead of an argument that begins with '-'", c->name,
		    text_vis(shown, sizeof(shown), arg));
		return (-1);
	}
	if ((arg = command_arguments(c, argc, argv, req, err, errsize)) == NULL)
		return (-1);
	if (command_request(c, req, arg) == -1) {
		snprintf(err, errsize, "%s: wants %s; what was given is empty, too long or none", c->name, c->usage);
		return (-1);
	}
	return (0);
}

/* 1: there is an option among these words. */
static int
command_optional(int argc, char *argv[])
{
	int	 i;

	for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			return (1);
	return (0);
}

/*
 * The arguments of a command that has no options: "--", which may stand ahead of some of them, is taken out.  NULL, or a word ahead
 * of that which must be meant as an option.
 */
static const char *
command_plain(int *argc, char *argv[])
{
	int	 i;

	for (i = 0; i < *argc && (argv[i][0] != '-' || argv[i][1] == '\0'); i++)
		;
	if (i == *argc)
		return (NULL);
	if (strcmp(argv[i], "--") != 0)
		return (argv[i]);
	memmove(&argv[i], &argv[i + 1], (*argc - i - 1) * sizeof(*argv));
	--*argc;
	return (NULL);
}

/* What the command is about: the first argument, or its own name.  A second one is put into req.  NULL with a sentence in err. */
static const char *
command_arguments(const struct command *c, int argc, char *const argv[], struct request *req, char *err, size_t errsize)
{
	const char	*second = strchr(c->usage, ' ');
	int		 most = *c->usage == '\0' ? 0 : second == NULL ? 1 : 2;

	if (most > 0 && argc == 0)
		snprintf(err, errsize, "%s: %s missing", c->name, c->usage);
	else if (argc == 1 && most == 2 && second[1] != '[')
		snprintf(err, errsize, "%s: %s missing", c->name, second + 1);
	else if (argc > most)
		snprintf(err, errsize, "%s: too many arguments", c->name);
	else {
		if (argc == 2)
			req->second = argv[1];
		return (most == 0 ? c->name : argv[0]);
	}
	return (NULL);
}

/* The request of a command.  0, or -1: its argument is not one. */
static int
command_request(const struct command *c, struct request *req, const char *arg)
{
	req->type = c->type;
	memcpy(req->items, c->items, sizeof(req->items));
	req->listing = c->answer == LISTING;
	req->patient = c->answer == PATIENT;
	return (c->make == NULL ? 0 : c->make(req, arg));
}

/* A line for each command. */
void
command_usage(FILE *fp)
{
	const struct command	*c, *s;

	fprintf(fp, "usage: rpopctl [-hjV] [-s socket] [command [argument ...]]\n\ncommands:\n");
	for (c = commands; c->name != NULL; c++) {
		if (c->sub == NULL || c->help != NULL)
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
	char			 shown[64], list[128] = "", all[384] = "";
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
make_name(struct request *req, const char *arg)
{
	req->len = sizeof(req->u.name);
	return (*arg == '\0' || strlcpy(req->u.name.name, arg, sizeof(req->u.name.name)) >= sizeof(req->u.name.name) ? -1 : 0);
}

static int
make_level(struct request *req, const char *name)
{
	req->len = sizeof(req->u.level);
	req->u.level = log_level_parse(name);
	return (0);
}

/* The record by its name, or its mailbox by the number in state.db. */
static int
make_explain(struct request *req, const char *arg)
{
	struct ctl_explain	*m = &req->u.explain;
	const char		*error;

	req->len = sizeof(*m);
	m->mailbox = strtonum(arg, 1, INT64_MAX, &error);
	if (error != NULL && strlcpy(m->name, arg, sizeof(m->name)) >= sizeof(m->name))
		return (-1);
	return (*arg == '\0' || *req->second == '\0' || strlcpy(m->uid, req->second, sizeof(m->uid)) >= sizeof(m->uid) ? -1 : 0);
}

static int
make_move(struct request *req, const char *arg)
{
	struct ctl_move	*m = &req->u.move;

	req->len = sizeof(*m);
	return (*arg == '\0' || *req->second == '\0' || strlcpy(m->from, arg, sizeof(m->from)) >= sizeof(m->from) ||
	    strlcpy(m->to, req->second, sizeof(m->to)) >= sizeof(m->to) ? -1 : 0);
}

/*
 * arg is a row's number, "all", mailbox-uid of a message that is set aside on its server, or aside/file of the spool; with NULL, as
 * with "all", the request is about no single one.
 */
static int
make_quarantine(struct request *req, enum quarantine_act act, const char *arg)
{
	struct ctl_quarantine	*m = &req->u.quarantine;
	const char		*error, *uid;
	char			 number[32];

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
make_list(struct request *req, const char *arg __unused)
{
	return (make_quarantine(req, QUARANTINE_LIST, NULL));
}

static int
make_show(struct request *req, const char *arg)
{
	return (make_quarantine(req, QUARANTINE_SHOW, arg));
}

static int
make_release(struct request *req, const char *arg)
{
	return (make_quarantine(req, QUARANTINE_RELEASE, arg));
}

static int
make_drop(struct request *req, const char *arg)
{
	return (make_quarantine(req, QUARANTINE_DROP, arg));
}

static int
make_renumber(struct request *req, const char *arg, uint32_t seen)
{
	struct ctl_renumber	*m = &req->u.renumber;

	req->len = sizeof(*m);
	m->seen = seen;
	return (*arg == '\0' || strlcpy(m->name, arg, sizeof(m->name)) >= sizeof(m->name) ? -1 : 0);
}

static int
make_retrieve(struct request *req, const char *arg)
{
	return (make_renumber(req, arg, 0));
}

static int
make_seen(struct request *req, const char *arg)
{
	return (make_renumber(req, arg, 1));
}
