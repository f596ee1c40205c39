/* SPDX-License-Identifier: ISC */
/*
 * rpopctl explain: what is remembered of one message, why it went where it went, and what became of each recipient.  Each line is
 * "word: text".  Messages of personal records leave no note of why: theirs follows from the record.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vis.h>

#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

static int	 explain_request(void *, struct imsg *);
static int	 explain(struct client *, const struct ctl_explain *, char *, size_t);
static struct task *explain_task(const struct ctl_explain *, int64_t *);
static enum db	 explain_find(int64_t, char *, size_t, struct explanation *);
static int	 explain_held(void *, const struct relay_row *);
static void	 explain_message(struct client *, const struct explanation *, uint32_t);
static void	 explain_state(struct client *, const struct explanation *, uint32_t);
static void	 explain_personal(struct client *, const struct task *);
static void	 explain_lines(struct client *, const char *, const char *);
static int	 explain_row(void *, const struct relay_row *);
static void	 explain_say(struct client *, const char *, const char *, ...) __attribute__((__format__(printf, 3, 4)));
static const char *explain_time(int64_t, char [32]);

const struct rule	 explain_rules[] = {
	{ IMSG_CTL_EXPLAIN,	RULES_ANY,	explain_request },
};
const size_t		 explain_nrules = nitems(explain_rules);

/* IMSG_CTL_EXPLAIN: where a message went, and why. */
static int
explain_request(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ctl_explain	 m;
	char			 err[PROTO_TEXT_SIZE * 3];

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)) || !proto_str(m.uid, sizeof(m.uid)))
		return (-1);
	if (client_allowed(c, imsg, 0))
		client_end(c, explain(c, &m, err, sizeof(err)) == -1 ? err : NULL);
	return (0);
}

/* The lines about a message.  0, or -1 with a sentence: nothing is known of it. */
static int
explain(struct client *c, const struct ctl_explain *m, char *err, size_t errsize)
{
	struct explanation	 e;
	struct task		*task;
	uint32_t		 held = 0;
	int64_t			 mailbox;
	char			 uid[sizeof(m->uid)], vis[sizeof(m->uid) * 4];
	enum db			 known;

	task = explain_task(m, &mailbox);
	if (mailbox == 0) {
		snprintf(err, errsize, "%s: no such record; name it as account/record, or by its number in state.db", m->name);
		return (-1);
	}
	strlcpy(uid, m->uid, sizeof(uid));
	if ((known = explain_find(mailbox, uid, sizeof(uid), &e)) == DB_FAILED) {
		strlcpy(err, "state.db cannot be read now; try again", errsize);
		return (-1);
	}
	log_vis(vis, sizeof(vis), uid, strlen(uid));
	if (known == DB_NONE) {
		snprintf(err, errsize, "nothing is known of a message with the unique-id %.120s in mailbox %lld", vis,
		    (long long)mailbox);
		return (-1);
	}
	if (task != NULL)
		explain_say(c, "record", "%s/%s, %s:%u", task->rec->owner, task->rec->name, task->rec->host, task->rec->port);
	else
		explain_say(c, "record", "removed since, or pointed elsewhere");
	explain_say(c, "mailbox", "%lld", (long long)mailbox);
	explain_say(c, "unique-id", "%s", vis);
	(void)state_relay_of(mailbox, (const uint8_t *)uid, strlen(uid), explain_held, &held);
	explain_message(c, &e, held);
	if ((e.note == NULL || *e.note == '\0') && e.state != SEEN_MARKED && e.state != SEEN_NEVER)
		explain_personal(c, task);
	if (state_relay_of(mailbox, (const uint8_t *)uid, strlen(uid), explain_row, c) != DB_OK)
		explain_say(c, "queue", "state.db cannot be read now");
	explanation_free(&e);
	return (0);
}

/*
 * The task of the record that is asked for by its name or by the number of its mailbox; NULL: there is none now.  *mailbox:
 * that number, or 0: not known either.
 */
static struct task *
explain_task(const struct ctl_explain *m, int64_t *mailbox)
{
	size_t	 i;

	*mailbox = m->name[0] == '\0' ? m->mailbox : 0;
	for (i = 0; i < sched_ntasks; i++) {
		if (m->name[0] != '\0' ? strchr(m->name, '/') == NULL || !sched_named(&sched_tasks[i], m->name) :
		    sched_tasks[i].mailbox != m->mailbox)
			continue;
		*mailbox = sched_tasks[i].mailbox;
		return (&sched_tasks[i]);
	}
	return (NULL);
}

/*
 * A message by its unique-id as it was given, else by the one that is shown like that, which uid becomes.  DB_OK, DB_NONE,
 * DB_FAILED.
 */
static enum db
explain_find(int64_t mailbox, char *uid, size_t size, struct explanation *e)
{
	char	 plain[sizeof(((struct ctl_explain *)0)->uid)];
	enum db	 known;

	if ((known = state_explain(mailbox, (const uint8_t *)uid, strlen(uid), e)) != DB_NONE || strunvis(plain, uid) == -1)
		return (known);
	explanation_free(e);
	if ((known = state_explain(mailbox, (const uint8_t *)plain, strlen(plain), e)) == DB_OK)
		strlcpy(uid, plain, size);
	return (known);
}

/* Counts recipients who do not have the message, because theirs is in quarantine. */
static int
explain_held(void *arg, const struct relay_row *r)
{
	uint32_t	*n = arg;

	*n += r->state == RELAY_QUARANTINED && r->body == BODY_HERE;
	return (0);
}

static void
explain_message(struct client *c, const struct explanation *e, uint32_t held)
{
	char	 when[32];

	explain_state(c, e, held);
	if (e->state != SEEN_NEVER && e->state != SEEN_MARKED)
		explain_say(c, "taken", "%s, %llu octets", explain_time(e->since, when), (unsigned long long)e->size);
	if (e->gone != 0)
		explain_say(c, "gone", "from the server, since %s at the latest", explain_time(e->gone, when));
	if (e->oversize != OVERSIZE_NONE)
		explain_say(c, "flag", "over max_size: %s", e->oversize == OVERSIZE_HEADER ? "its header was delivered" :
		    e->oversize == OVERSIZE_REFUSED ? "skipped, the server did not give its header" : "skipped");
	if (e->deaths + e->failures > 0)
		explain_say(c, "flag", "suspect: %u deaths of the deliverer, %u failed sessions%s", e->deaths, e->failures,
		    e->deaths >= SUSPECT_DEATHS || e->failures >= SUSPECT_FAILURES ? "; set aside" : "");
	if (e->note == NULL)
		return;
	explain_say(c, "handled", "%s", explain_time(e->handled, when));
	if (*e->msgid != '\0')
		explain_say(c, "message-id", "<%s>", e->msgid);
	explain_say(c, "sender", "<%s>", e->sender);
	explain_lines(c, "why", e->note);
	explain_lines(c, "result", e->results);
}

/*
 * The line about the message's state.  held: so many recipients' copies are in quarantine, of which it must not be said that
 * they were delivered.
 */
static void
explain_state(struct client *c, const struct explanation *e, uint32_t held)
{
	static const char *const	 states[] = {
		[SEEN_KEPT] = "delivered, left on the server",
		[SEEN_DELETING] = "delivered, its deletion on the server is not confirmed",
		[SEEN_DENIED] = "delivered, the server has refused to delete it",
		[SEEN_DELETED] = "delivered, deleted on the server",
		[SEEN_MARKED] = "counts as delivered, was never retrieved",
		[SEEN_WAITING] = "taken, not every recipient has it for good; stays on the server until then",
		[SEEN_NEVER] = "not delivered",
	};

	static const char		 delivered[] = "delivered, ";
	const char			*text = (size_t)e->state < nitems(states) ? states[e->state] : "unknown";

	if (held > 0 && strncmp(text, delivered, sizeof(delivered) - 1) == 0)
		explain_say(c, "state", "taken, for %u recipient%s in quarantine here; %s", held, PLURAL(held),
		    text + sizeof(delivered) - 1);
	else
		explain_say(c, "state", "%s", text);
}

static void
explain_personal(struct client *c, const struct task *task)
{
	if (task == NULL)
		return;
	if (task->rec->mode != DIST_OWNER)
		explain_say(c, "why", "no note was kept, or it has expired");
	else if (task->rec->mailbox[0] != '\0')
		explain_say(c, "why", "personal record: everything to %s, folder %s", task->rec->owner, task->rec->mailbox);
	else
		explain_say(c, "why", "personal record: everything to %s", task->rec->owner);
}

/* Each line of a text becomes one of the answer. */
static void
explain_lines(struct client *c, const char *word, const char *text)
{
	size_t	 n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		explain_say(c, word, "%.*s", (int)n, text);
	}
}

static int
explain_row(void *arg, const struct relay_row *r)
{
	struct client	*c = arg;
	char		 when[32], hop[PROTO_TEXT_SIZE], status[PROTO_TEXT_SIZE];

	relay_status(r->status, status, sizeof(status));
	if (r->body != BODY_HERE)
		explain_say(c, "queue", "%lld: %s, %s%s%s", (long long)r->id, r->dest, r->body == BODY_LOST ? "lost" : "wanted again",
		    status[0] != '\0' ? ": " : "", status);
	else if (r->state == RELAY_WAITING && r->nexthop == 0)
		explain_say(c, "queue", "%lld: %s, retrieved again, on its way into its Maildir", (long long)r->id, r->dest);
	else if (r->state == RELAY_WAITING)
		explain_say(c, "queue", "%lld: %s at next hop %s, tried %u time%s, next %s%s%s", (long long)r->id, r->dest,
		    relay_hop_name(r->nexthop, hop, sizeof(hop)), r->tries, r->tries == 1 ? "" : "s", explain_time(r->next, when),
		    status[0] != '\0' ? ": " : "", status);
	else
		explain_say(c, "queue", "%lld: %s, %s%s%s", (long long)r->id, r->dest,
		    r->state == RELAY_QUARANTINED ? "quarantined" : "failed, its report is due", status[0] != '\0' ? ": " : "",
		    status);
	return (0);
}

/* A line "word: text"; what is too long for one message goes on in the next. */
static void
explain_say(struct client *c, const char *word, const char *fmt, ...)
{
	char	 text[PROTO_DEST_SIZE + PROTO_SENDER_SIZE + PROTO_NOTE_SIZE], line[PROTO_TEXT_SIZE * 2], *p = text;
	va_list	 ap;
	int	 room = (int)(sizeof(line) - strlen(word) - sizeof(": "));

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	do {
		snprintf(line, sizeof(line), "%s: %.*s", word, room, p);
		client_line(c, line);
		p += strnlen(p, room);
	} while (*p != '\0');
}

static const char *
explain_time(int64_t when, char text[32])
{
	time_t		 t = when;
	struct tm	 tm;

	if (localtime_r(&t, &tm) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strlcpy(text, "?", 32);
	return (text);
}
