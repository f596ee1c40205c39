/* SPDX-License-Identifier: ISC */
/*
 * Rows as they travel, into a table with a few accounts; then the table is judged, asked about every address in it, and packed again.
 * The first octet is the detail's character.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/route/route.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
complain(void *arg, const char *sentence)
{
	*(size_t *)arg += strlen(sentence);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct route_account	 accounts[] = { { 1, 0, "a/x", 0 }, { 2, 7, "b/y+z", 1 } };
	struct route_table			*t, *copy;
	struct route_row			 r;
	struct buf				 trail;
	uint8_t					 frame[PROTO_FRAME_MAX];
	uint32_t				 next = 0, i;
	size_t					 told = 0, n;
	int					 sound;

	if (len == 0 || len > PROTO_FRAME_MAX || (t = route_new(2, 2, 4096, data[0])) == NULL)
		return (0);
	if (route_account_add(t, &accounts[0]) == -1 || route_account_add(t, &accounts[1]) == -1 ||
	    route_domain_add(t, "a", 0) == -1 || route_domain_add(t, "b", 1) == -1 || (copy = route_new(0, 0, 4096, 0)) == NULL)
		abort();
	(void)route_rows_unpack(t, data + 1, len - 1);
	sound = route_check(t, complain, &told);
	if (sound == -1 || (sound > 0) != (told > 0))
		abort();
	buf_init(&trail, 4096);
	for (i = 0; route_row_get(t, i, &r) == 0; i++)
		if (route_lookup(t, r.address, NULL, NULL, &trail) == -1 && sound == 0)
			abort();	/* what was found sound leads on to an end */
	buf_free(&trail);
	while ((n = route_rows_pack(t, &next, frame, sizeof(frame))) > 0)
		if (route_rows_unpack(copy, frame, n) == -1)
			abort();
	if (next != i)
		abort();
	route_free(copy);
	route_free(t);
	return (0);
}
