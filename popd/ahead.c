/* SPDX-License-Identifier: ISC */
/*
 * Messages that the mailbox is asked for ahead of the client, if it retrieves one behind the other: the client waits for none of
 * them, and session and mailbox wake each other once for several.  The mailbox answers in the order in which it was asked.
 */
#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "popd.h"

static struct ahead_message	*ahead_find(struct ahead *, uint32_t);
static void	 ahead_remove(struct ahead *, struct ahead_message *);
static void	 ahead_forget(struct ahead *, const struct ahead_message *);
static void	 ahead_add(struct ahead *, uint32_t);
static uint32_t	 ahead_live(const struct ahead *);

/*
 * The client wants a message: writes those that the mailbox is to be asked for now to ask, and returns how many they are.  It is
 * none if it was asked for that before, and several if the client goes on in order.
 */
size_t
ahead_want(struct ahead *a, const struct listing *l, uint32_t msgno, uint32_t ask[AHEAD])
{
	struct ahead_message	*m = ahead_find(a, msgno);
	uint32_t		 next, live;
	size_t			 n = 0;

	ahead_forget(a, m);
	if (m == NULL)
		ahead_add(a, ask[n++] = msgno);
	if (a->last != 0 && msgno == a->last + 1 && (live = ahead_live(a)) <= AHEAD / 2)
		for (next = a->messages[a->n - 1].msgno; live < AHEAD && next < l->n;)
			if (!listing_deleted(l, ++next)) {
				ahead_add(a, ask[n++] = next);
				live++;
			}
	a->last = msgno;
	return (n);
}

/* What the mailbox has answered, and its descriptor, which may be -1.  0, or -1: it was not asked for that now; fd is the caller's. */
int
ahead_take(struct ahead *a, const struct msg_box_message *answer, int fd)
{
	uint32_t	 i;

	for (i = 0; i < a->n && a->messages[i].is == AHEAD_HERE; i++)
		continue;
	if (i == a->n || a->messages[i].msgno != answer->msgno)
		return (-1);
	if (a->messages[i].is == AHEAD_DROPPED) {
		if (fd != -1)
			close(fd);
		ahead_remove(a, &a->messages[i]);
		return (0);
	}
	a->messages[i].is = AHEAD_HERE;
	a->messages[i].answer = *answer;
	a->messages[i].fd = fd;
	return (0);
}

/* 1: the message that is wanted is here, *fd is the caller's, and the answer is forgotten; 0: it is waited for. */
int
ahead_get(struct ahead *a, uint32_t msgno, struct msg_box_message *answer, int *fd)
{
	struct ahead_message	*m = ahead_find(a, msgno);

	if (m == NULL || m->is != AHEAD_HERE)
		return (0);
	*answer = m->answer;
	*fd = m->fd;
	ahead_remove(a, m);
	return (1);
}

/* Nothing is wanted any more of what was asked for. */
void
ahead_drop(struct ahead *a)
{
	ahead_forget(a, NULL);
	a->last = 0;
}

/* What was asked for and is wanted still; NULL: it was not. */
static struct ahead_message *
ahead_find(struct ahead *a, uint32_t msgno)
{
	uint32_t	 i;

	for (i = 0; i < a->n; i++)
		if (a->messages[i].msgno == msgno && a->messages[i].is != AHEAD_DROPPED)
			return (&a->messages[i]);
	return (NULL);
}

static void
ahead_remove(struct ahead *a, struct ahead_message *m)
{
	memmove(m, m + 1, (size_t)(a->messages + a->n - (m + 1)) * sizeof(*m));
	a->n--;
}

/* Those that were asked for ahead of m are not wanted, or all of them: what is here goes, and what is to come will. */
static void
ahead_forget(struct ahead *a, const struct ahead_message *m)
{
	uint32_t	 msgno = m == NULL ? 0 : m->msgno, i = 0;

	while (i < a->n && (m == NULL || a->messages[i].msgno != msgno || a->messages[i].is == AHEAD_DROPPED)) {
		if (a->messages[i].is == AHEAD_HERE) {
			if (a->messages[i].fd != -1)
				close(a->messages[i].fd);
			ahead_remove(a, &a->messages[i]);
			continue;
		}
		a->messages[i++].is = AHEAD_DROPPED;
	}
}

/* The mailbox is asked for one more. */
static void
ahead_add(struct ahead *a, uint32_t msgno)
{
	if (a->n == nitems(a->messages))
		fatalx("more messages are asked for than there can be");
	a->messages[a->n++] = (struct ahead_message){ .msgno = msgno, .is = AHEAD_ASKED, .fd = -1 };
}

static uint32_t
ahead_live(const struct ahead *a)
{
	uint32_t	 i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->messages[i].is != AHEAD_DROPPED;
	return (n);
}
