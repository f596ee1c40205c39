/* SPDX-License-Identifier: ISC */
/* rpopctl who: the sessions of mail programs, as they are when it is asked, sent in portions as the channel drains. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/pop/pop.h"
#include "control_int.h"

#define WHO_PORTION	32	/* sessions in the channel at once */

struct who_answer {			/* an answer that is under way */
	LIST_ENTRY(who_answer)	 entry;
	struct client		*client;
	struct ctl_reader	*readers;
	size_t			 n, next;
};

static int	 who_request(void *, struct imsg *);
static struct who_answer *who_of(const struct client *);
static void	 who_portion(void *);
static void	 who_left(struct client *);
static void	 who_end(struct who_answer *);

const struct rule	 who_rules[] = {
	{ IMSG_CTL_WHO,		RULES_ANY,	who_request },
};
const size_t		 who_nrules = nitems(who_rules);

static LIST_HEAD(, who_answer)	 answers = LIST_HEAD_INITIALIZER(answers);

/* IMSG_CTL_WHO */
static int
who_request(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct who_answer	*a;

	if (!client_allowed(c, imsg, 0))
		return (0);
	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("who");
	a->client = c;
	a->n = pop_readers(&a->readers);
	LIST_INSERT_HEAD(&answers, a, entry);
	client_busy(c, who_portion, who_left);
	who_portion(c);
	return (0);
}

/* The answer to this client; NULL: there is none. */
static struct who_answer *
who_of(const struct client *c)
{
	struct who_answer	*a;

	LIST_FOREACH(a, &answers, entry)
		if (a->client == c)
			break;
	return (a);
}

/* The next portion, whenever the channel has drained. */
static void
who_portion(void *arg)
{
	struct client		*c = arg;
	struct who_answer	*a = who_of(c);
	size_t			 i;

	if (a == NULL)
		return;
	for (i = 0; i < WHO_PORTION && a->next < a->n; i++, a->next++)
		client_send(c, IMSG_CTL_READER, &a->readers[a->next], sizeof(a->readers[a->next]));
	if (a->next < a->n)
		return;
	who_end(a);
	client_end(c, NULL);
}

/* The client has left. */
static void
who_left(struct client *c)
{
	struct who_answer	*a = who_of(c);

	if (a != NULL)
		who_end(a);
}

static void
who_end(struct who_answer *a)
{
	LIST_REMOVE(a, entry);
	free(a->readers);
	free(a);
}
