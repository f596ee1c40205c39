/* SPDX-License-Identifier: ISC */
/*
 * Log lines of the other processes.  Any of them may be in the hands of a server one day, so none may fill the log or crowd
 * others out of it: each has a budget of its own, which its channel identifies, and there is one for all together.
 *
 *				at once		and in each LOG_WINDOW
 *	a fetcher session	20		1
 *	another child		500		50
 *	all together				2000
 *
 * Details, which are wanted only when something is looked for, have budgets of their own and crowd out nothing that matters.
 * What is left out is counted, and the number is told: of a session once, at its end.
 */
#include <stdio.h>
#include <string.h>
#include <vis.h>

#include "common/clock.h"
#include "common/log.h"
#include "child.h"

#define LOG_WINDOW	10000	/* ms */

enum { LINES, DETAILS, KINDS };

static const struct {
	uint32_t	 burst[KINDS], window[KINDS];
} allowed[] = {
	[LOG_PEER_SESSION] =	{ { 20, 20000 },	{ 1, 20000 } },
	[LOG_PEER_CHILD] =	{ { 500, 50000 },	{ 50, 20000 } },
	[LOG_PEER_ALL] =	{ { 2000, 50000 },	{ 2000, 50000 } },
};

static int	 childlog_take(struct log_budget *, enum log_peer, int);

static struct log_budget	 everybody;

/*
 * IMSG_LOG of a peer: the line is encoded once more, whoever sent it, and written if its level is at most that and the peer has not
 * used up its budget.  0, or -1: it breaks the rules.
 */
int
childlog(const char *who, enum log_level most, enum log_peer peer, struct log_budget *budget, struct imsg *imsg)
{
	struct msg_log	 m;
	char		 text[sizeof(m.text) * 4], line[sizeof(text) + PROTO_RECORD_SIZE];
	int		 kind;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.level < LOG_LEVEL_CRASHES ||
	    m.level > LOG_LEVEL_ALL)
		return (-1);
	if (m.level > most)
		return (0);
	kind = m.level > LOG_LEVEL_PROBLEMS ? DETAILS : LINES;
	if (!childlog_take(budget, peer, kind) || !childlog_take(&everybody, LOG_PEER_ALL, kind)) {
		budget->lost++;
		return (0);
	}
	if (peer == LOG_PEER_CHILD)
		childlog_lost(who, budget);
	strnvis(text, m.text, sizeof(text), VIS_NL | VIS_CSTYLE | VIS_NOSLASH);
	snprintf(line, sizeof(line), "%s: %s", who, text);
	log_line(most, m.level, line);
	return (0);
}

/* How much was left out since it was last said; nothing if there was nothing. */
void
childlog_lost(const char *who, struct log_budget *budget)
{
	if (budget->lost > 0)
		log_warnx("%s: %u line%s left out of the log: too many at a time", who, budget->lost, budget->lost == 1 ? "" : "s");
	budget->lost = 0;
}

/* 1: one more line is within the budget, 0: it is not. */
static int
childlog_take(struct log_budget *budget, enum log_peer peer, int kind)
{
	int64_t	 now = clock_msec(), windows, left;
	int	 i;

	if (!budget->begun) {
		budget->begun = 1;
		budget->since = now;
		memcpy(budget->left, allowed[peer].burst, sizeof(budget->left));
	}
	windows = (now - budget->since) / LOG_WINDOW;
	budget->since += windows * LOG_WINDOW;
	for (i = 0; i < KINDS && windows > 0; i++) {
		left = budget->left[i] + (windows < UINT16_MAX ? windows : UINT16_MAX) * allowed[peer].window[i];
		budget->left[i] = left < allowed[peer].burst[i] ? left : allowed[peer].burst[i];
	}
	if (budget->left[kind] == 0)
		return (0);
	budget->left[kind]--;
	return (1);
}
