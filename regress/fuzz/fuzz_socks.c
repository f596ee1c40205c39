/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* A SOCKS server that answers anything, in pieces whose sizes it chooses: the verdict comes within the longest answer's octets. */
#include <stdint.h>
#include <stdlib.h>

#include "dialer/dialer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct address	 to;
	struct socks	 s;
	size_t		 n, taken = 0;
	int		 rv, said = 0;

	if (len < 1 || !address_parse_port(data[0] & 1 ? "192.0.2.1:995" : "[2001:db8::1]:995", &to))
		return (0);
	socks_init(&s, &to);
	for (data++, len--; len > 1; data += n, len -= n) {
		if (socks_want(&s) == 0) {
			if (++said > 2 || s.len == 0 || s.len > 22)
				abort();
			(void)socks_input(&s, NULL, 0);
		}
		n = *data++ % 32 + 1;
		len--;
		n = n > socks_want(&s) ? socks_want(&s) : n;
		n = n > len ? len : n;
		if (n == 0)
			return (0);
		taken += n;
		if ((rv = socks_input(&s, data, n)) != 0) {
			if (rv > 1 || (rv == 1 && said != 2) || taken > 2 + 7 + 255)
				abort();
			return (0);
		}
	}
	return (0);
}
