/* SPDX-License-Identifier: ISC */
/* rpopctl forget: everything of a record is to come once more. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

static int	 forget_request(void *, struct imsg *);
static int	 forget_record(const char *, char *, size_t);
static int	 forget_names(const char *, char *, char *, size_t, struct task **);
static int	 forget_busy(const char *);

const struct rule	 forget_rules[] = {
	{ IMSG_CTL_FORGET,	RULES_ANY,	forget_request },
};
const size_t		 forget_nrules = nitems(forget_rules);

/* IMSG_CTL_FORGET */
static int
forget_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 text[PROTO_TEXT_SIZE * 2];
	int		 ok;
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (!client_allowed(c, imsg, 1))
		return (0);
	ok = forget_record(m.name, text, sizeof(text)) == 0;
	client_reply(c, ok, text);
	return (0);
}

/*
 * Forget what is known of the record account/record, also of one that is no more.  0, or -1; text says what was done, or why it
 * was not.
 */
static int
forget_record(const char *name, char *text, size_t size)
{
	struct forgotten	 n;
	struct task		*t;
	char			 account[PROTO_RECORD_SIZE], record[PROTO_RECORD_SIZE], waiting[96] = "";

	if (forget_names(name, account, record, sizeof(account), &t) == -1) {
		snprintf(text, size, "%.150s: name one record, as account/record", name);
		return (-1);
	}
	if ((t != NULL && t->run != NULL) || forget_busy(name)) {
		snprintf(text, size, "%.150s: a session of this record is running; try again when it is over", name);
		return (-1);
	}
	if (state_forget(account, record, time(NULL), &n) != DB_OK) {
		snprintf(text, size, "%.150s: state.db cannot be written now; try again", name);
		return (-1);
	}
	if (n.mailboxes == 0) {
		snprintf(text, size, "%.150s: no such record, and none of that name in the last days", name);
		return (-1);
	}
	if (t != NULL) {
		spot_forget(t);
		counts_forget(t);
	}
	if (n.waiting > 0)
		snprintf(waiting, sizeof(waiting), "; %lld that wait for a next hop are not", (long long)n.waiting);
	snprintf(text, size, "%.120s: %lld messages are forgotten, those still on the server are retrieved again at the next poll%s", name,
	    (long long)n.messages, waiting);
	return (0);
}

/* The two names as the store spells them, and the record's task (NULL: there is none).  0, or -1: it is no account/record. */
static int
forget_names(const char *name, char *account, char *record, size_t size, struct task **task)
{
	const char	*at = strchr(name, '@'), *slash = at == NULL ? NULL : strchr(at, '/');
	size_t		 i;

	*task = NULL;
	if (slash == NULL || slash[1] == '\0' || strlen(name) >= size)
		return (-1);
	for (i = 0; i < sched_ntasks; i++)
		if (sched_named(&sched_tasks[i], name))
			*task = &sched_tasks[i];
	snprintf(account, size, "%.*s", (int)(slash - name), name);
	for (; *account != '\0'; account++)
		*account = tolower((unsigned char)*account);
	strlcpy(record, slash + 1, size);
	return (0);
}

/* 1: a session of that name runs; one that lost its record may still be ending.  0: none. */
static int
forget_busy(const char *name)
{
	const struct session	*s;

	SESSION_FOREACH(s)
		if (strcasecmp(s->label, name) == 0)
			return (1);
	return (0);
}
