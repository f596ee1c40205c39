/* SPDX-License-Identifier: ISC */
/* What octets in messages may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/proto.h"

/* Every octet at every place of every length around eight octets, with neighbours that are the lowest, the highest and wrong ones. */
static void
test_visible(void **state __unused)
{
	static const uint8_t	 others[] = { 0x21, 0x7e, 0x50, 0x20, 0x7f, 0x00, 0x80, 0xff };
	uint8_t			 p[32] = { 0 };
	size_t			 len, at, i, k;
	unsigned int		 c;
	int			 right;

	assert_true(proto_visible(p, 0));
	for (i = 0; i < nitems(others); i++)
		for (len = 1; len < 26; len++)
			for (at = 0; at < len; at++)
				for (c = 0; c < 256; c++) {
					memset(p, 0x00, sizeof(p));
					memset(p, others[i], len);
					p[at] = (uint8_t)c;
					for (right = 1, k = 0; k < len; k++)
						right &= p[k] >= 0x21 && p[k] <= 0x7e;
					assert_int_equal(proto_visible(p, len), right);
				}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(test_visible) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
