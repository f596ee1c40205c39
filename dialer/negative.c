/* SPDX-License-Identifier: ISC */
/*
 * Names that did not resolve lately.  A thousand records on one dead name send one query; each failure in a row doubles the time
 * for which the last answer stands.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "dialer.h"
#include "common/log.h"

#define NEGATIVE_FIRST	5000	/* ms */
#define NEGATIVE_LAST	300000

struct negative {
	TAILQ_ENTRY(negative)	 entry;
	int64_t			 until;
	int64_t			 hold;		/* length of the current period, ms */
	enum fail_why		 why;
	const char		*text;		/* a constant phrase */
	char			 name[PROTO_HOST_SIZE];
};

static struct negative	*negative_find(const char *);

/* The most recently failed first. */
static TAILQ_HEAD(negatives, negative)	 negatives = TAILQ_HEAD_INITIALIZER(negatives);
static size_t				 nnegatives;

/* The seconds until DNS may be asked for a name again, and the failure to tell until then; 0: it may be asked now. */
uint32_t
negative_get(const char *name, enum fail_why *why, const char **text)
{
	struct negative	*n;
	int64_t		 left;

	if ((n = negative_find(name)) == NULL || (left = n->until - clock_msec()) <= 0)
		return (0);
	*why = n->why;
	*text = n->text;
	return ((uint32_t)((left + 999) / 1000));
}

/*
 * A name did not resolve.  Lookups that were under way together count as one failure.  A table that is full loses its oldest name.
 */
void
negative_add(const char *name, enum fail_why why, const char *text)
{
	struct negative	*n;
	int64_t		 now = clock_msec();

	if ((n = negative_find(name)) != NULL) {
		if (n->until > now)
			return;
		TAILQ_REMOVE(&negatives, n, entry);
		n->hold = n->hold * 2 > NEGATIVE_LAST ? NEGATIVE_LAST : n->hold * 2;
	} else {
		if (nnegatives == RESOLVE_NEGATIVE_MAX) {
			n = TAILQ_LAST(&negatives, negatives);
			TAILQ_REMOVE(&negatives, n, entry);
		} else {
			if ((n = malloc(sizeof(*n))) == NULL)
				fatal("negative cache");
			nnegatives++;
		}
		memset(n, 0, sizeof(*n));
		strlcpy(n->name, name, sizeof(n->name));
		n->hold = NEGATIVE_FIRST;
	}
	n->until = now + n->hold;
	n->why = why;
	n->text = text;
	TAILQ_INSERT_HEAD(&negatives, n, entry);
}

/* A name resolved: what is remembered of it is forgotten. */
void
negative_remove(const char *name)
{
	struct negative	*n;

	if ((n = negative_find(name)) == NULL)
		return;
	TAILQ_REMOVE(&negatives, n, entry);
	nnegatives--;
	free(n);
}

void
negative_clear(void)
{
	struct negative	*n;

	while ((n = TAILQ_FIRST(&negatives)) != NULL) {
		TAILQ_REMOVE(&negatives, n, entry);
		free(n);
	}
	nnegatives = 0;
}

static struct negative *
negative_find(const char *name)
{
	struct negative	*n;

	TAILQ_FOREACH(n, &negatives, entry)
		if (strcasecmp(n->name, name) == 0)
			return (n);
	return (NULL);
}
