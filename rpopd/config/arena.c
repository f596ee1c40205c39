/* SPDX-License-Identifier: ISC */
/* The strings of a configuration: they never move, and go all at once. */
#include <stdlib.h>
#include <string.h>

#include "config_int.h"

#define ARENA_CHUNK	65536

struct arena {				/* newest chunk first */
	struct arena	*next;
	size_t		 used, size;
	char		 bytes[];
};

/* A copy that lives as long as the arena; NULL: no memory. */
const char *
arena_add(struct arena **head, const char *text, size_t len)
{
	struct arena	*a = *head;
	size_t		 size = len + 1 > ARENA_CHUNK ? len + 1 : ARENA_CHUNK;
	char		*to;

	if (len == 0)
		return ("");
	if (a == NULL || a->size - a->used < len + 1) {
		if ((a = malloc(sizeof(*a) + size)) == NULL)
			return (NULL);
		a->next = *head;
		a->used = 0;
		a->size = size;
		*head = a;
	}
	to = a->bytes + a->used;
	memcpy(to, text, len);
	to[len] = '\0';
	a->used += len + 1;
	return (to);
}

void
arena_free(struct arena *a)
{
	struct arena	*next;

	for (; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
}
