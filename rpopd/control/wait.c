/* SPDX-License-Identifier: ISC */
/*
 * Requests that cannot be served yet, because the daemon has just been started, a record is being polled or every processor is
 * busy: the client waits, but not for ever, and then hears what it waited for.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/timer.h"
#include "control_int.h"

#define WAIT_LOOK	100	/* ms between two looks */

struct waiter {
	LIST_ENTRY(waiter)	 entry;
	struct client		*client;
	char			 name[PROTO_RECORD_SIZE];
	wait_begin		 begin;
	wait_refuse		 refuse;
	int64_t			 until;
};

static int	 wait_try(struct waiter *, int);
static void	 wait_left(struct client *);
static void	 wait_look(void *);

static LIST_HEAD(, waiter)	 waiters = LIST_HEAD_INITIALIZER(waiters);
static struct timer		 look;

/*
 * Begin what a client asks for, or let it wait: begin is called now, and again and again as long as it returns 1; refuse gets the
 * sentence, behind the name of what is asked for, if it has one, if begin returns 0 at no time within patience ms.
 */
void
wait_for(struct client *c, const char *name, int64_t patience, wait_begin begin, wait_refuse refuse)
{
	struct waiter	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		fatal("request");
	w->client = c;
	strlcpy(w->name, name, sizeof(w->name));
	w->begin = begin;
	w->refuse = refuse;
	w->until = clock_msec() + patience;
	client_busy(c, NULL, wait_left);
	if (wait_try(w, 0) == 0) {
		free(w);
		return;
	}
	LIST_INSERT_HEAD(&waiters, w, entry);
	timer_init(&look, wait_look, NULL);
	timer_in(&look, WAIT_LOOK);
}

/*
 * One more look at a request that waits.  0: it has begun, or never will; 1: the client goes on waiting.  last: it waits no
 * longer.
 */
static int
wait_try(struct waiter *w, int last)
{
	char	 err[PROTO_TEXT_SIZE * 2], text[PROTO_RECORD_SIZE + PROTO_TEXT_SIZE * 2 + 2];
	int	 rv;

	if ((rv = w->begin(w->client, w->name, err, sizeof(err))) == 0 || (rv == 1 && !last))
		return (rv);
	snprintf(text, sizeof(text), "%s%s%s", w->name, *w->name == '\0' ? "" : ": ", err);
	w->refuse(w->client, text);
	return (0);
}

static void
wait_look(void *arg)
{
	struct waiter	*w, *next;
	int64_t		 now = clock_msec();

	(void)arg;
	LIST_FOREACH_SAFE(w, &waiters, entry, next)
		if (wait_try(w, now >= w->until) == 0) {
			LIST_REMOVE(w, entry);
			free(w);
		}
	if (!LIST_EMPTY(&waiters))
		timer_in(&look, WAIT_LOOK);
}

/* The client has left. */
static void
wait_left(struct client *c)
{
	struct waiter	*w, *next;

	LIST_FOREACH_SAFE(w, &waiters, entry, next)
		if (w->client == c) {
			LIST_REMOVE(w, entry);
			free(w);
		}
}
