/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* The hosts(5) reader: whatever the file holds, what it gives is a valid name with a usable address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dialer/dialer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct address	 addr[RESOLVE_ADDRS_MAX];
	char		 name[PROTO_HOST_SIZE], numeric[ADDRESS_STRLEN];
	size_t		 i, n, used;
	int		 f;

	/* The text's first word is looked up too, so that the fuzzer can hit. */
	for (used = 0; used < len && used < sizeof(name) - 1 && data[used] > ' '; used++)
		name[used] = (char)data[used];
	name[used] = '\0';
	hosts_parse((const char *)data, len);
	for (f = 0; f < FAMILY_MAX; f++) {
		n = hosts_lookup(name, f, addr, RESOLVE_ADDRS_MAX);
		if (n > RESOLVE_ADDRS_MAX || (n > 0 && !host_valid(name)))
			abort();
		for (i = 0; i < n; i++)
			if (!address_usable(&addr[i]) || *address_str(&addr[i], numeric, sizeof(numeric)) == '?')
				abort();
	}
	hosts_free();
	return (0);
}
