/* SPDX-License-Identifier: ISC */
/*
 * rpopctl find: messages by their words and days, the last one first, sent in portions as the channel drains.  A portion is a slice of
 * the search; where a slice found nothing, the next one comes from the event loop.
 */
#include <stdlib.h>
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

#define FIND_PORTION	16		/* messages in the channel at once */

struct finding {			/* an answer that is under way */
	LIST_ENTRY(finding)	 entry;
	struct client		*client;
	struct ctl_find		 asked;	/* the words of search are in it */
	struct history_search	 search;
	uint32_t		 left;	/* messages that may still be told */
	uint32_t		 told;	/* in this portion */
	struct timer		 go_on;
};

static int	 find_request(void *, struct imsg *);
static struct finding *find_of(const struct client *);
static void	 find_portion(void *);
static void	 find_go_on(void *);
static void	 find_message(void *, const struct history_row *);
static void	 find_results(struct ctl_found *, const char *);
static void	 find_left(struct client *);
static void	 find_end(struct finding *);

const struct rule	 find_rules[] = {
	{ IMSG_CTL_FIND,	RULES_ANY,	find_request },
};
const size_t		 find_nrules = nitems(find_rules);

static LIST_HEAD(, finding)	 findings = LIST_HEAD_INITIALIZER(findings);

/* IMSG_CTL_FIND: where messages came from, and where they went. */
static int
find_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct finding	*f;
	struct ctl_find	 m;
	size_t		 i;

	if (rules_payload(imsg, &m) == -1 || (m.given & ~((1U << nitems(m.words)) - 1)) != 0 || m.limit == 0 || m.limit > CTL_FIND_MAX ||
	    m.since < 0 || m.until < m.since)
		return (-1);
	for (i = 0; i < nitems(m.words); i++)
		if (!proto_str(m.words[i], sizeof(m.words[i])))
			return (-1);
	if (!client_allowed(c, imsg, 0))
		return (0);
	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal("find");
	f->client = c;
	f->asked = m;
	f->left = m.limit;
	f->search.since = m.since;
	f->search.until = m.until;
	for (i = 0; i < nitems(m.words); i++)
		f->search.words[i] = m.given & 1U << i ? f->asked.words[i] : NULL;
	timer_init(&f->go_on, find_go_on, f);
	LIST_INSERT_HEAD(&findings, f, entry);
	client_busy(c, find_portion, find_left);
	find_portion(c);
	return (0);
}

/* The answer to this client; NULL: there is none. */
static struct finding *
find_of(const struct client *c)
{
	struct finding	*f;

	LIST_FOREACH(f, &findings, entry)
		if (f->client == c)
			return (f);
	return (NULL);
}

/* The next slice of the search, whenever the channel has drained. */
static void
find_portion(void *arg)
{
	struct client	*c = arg;
	struct finding	*f = find_of(c);
	enum db		 result;

	if (f == NULL || timer_armed(&f->go_on))
		return;
	f->told = 0;
	result = state_history_find(&f->search, f->left < FIND_PORTION ? f->left : FIND_PORTION, find_message, f);
	f->left -= f->told;
	if (result == DB_MORE && f->left > 0) {
		if (f->told == 0)
			timer_in(&f->go_on, 0);
		return;
	}
	find_end(f);
	client_end(c, result == DB_OK || result == DB_MORE ? NULL : "state.db cannot be read now; try again");
}

/* Nothing was sent that the channel could drain. */
static void
find_go_on(void *arg)
{
	struct finding	*f = arg;

	find_portion(f->client);
}

static void
find_message(void *arg, const struct history_row *row)
{
	struct finding		*f = arg;
	struct ctl_found	 m;

	memset(&m, 0, sizeof(m));
	m.since = row->since;
	m.mailbox = row->mailbox;
	m.size = row->size;
	if (row->record != NULL)
		strlcpy(m.record, row->record, sizeof(m.record));
	log_vis(m.uid, sizeof(m.uid), row->uid, row->uidlen);
	strlcpy(m.message_id, row->msgid, sizeof(m.message_id));
	strlcpy(m.sender, row->sender, sizeof(m.sender));
	find_results(&m, row->results);
	f->told++;
	client_send(f->client, IMSG_CTL_FOUND, &m, sizeof(m));
}

/* What became of the recipients: whole lines, and the last ones say what is new, so that they are there if there is no room for all. */
static void
find_results(struct ctl_found *m, const char *results)
{
	static const char	 more[] = "(more: see rpopctl explain)\n";
	size_t			 len = strlen(results), begin, end;

	if (len < sizeof(m->results)) {
		strlcpy(m->results, results, sizeof(m->results));
		return;
	}
	for (begin = sizeof(m->results) / 2; begin > 0 && results[begin - 1] != '\n'; begin--)
		;
	for (end = len - sizeof(m->results) / 2 + sizeof(more) + 1; end < len && results[end - 1] != '\n'; end++)
		;
	memcpy(m->results, results, begin);
	m->results[begin] = '\0';
	strlcat(m->results, more, sizeof(m->results));
	strlcat(m->results, results + end, sizeof(m->results));
}

/* The client has left. */
static void
find_left(struct client *c)
{
	struct finding	*f = find_of(c);

	if (f != NULL)
		find_end(f);
}

/* The answer is over, and freed. */
static void
find_end(struct finding *f)
{
	timer_stop(&f->go_on);
	LIST_REMOVE(f, entry);
	free(f);
}
