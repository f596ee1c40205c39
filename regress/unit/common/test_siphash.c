/* SPDX-License-Identifier: ISC */
/* links: common/siphash.c */
/* SipHash-2-4 against the vectors that its authors give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/siphash.h"

/* The key is 00 01 .. 0f, the input 00 01 .. and so on, of each length. */
static void
test_vectors(void **state)
{
	static const struct {
		size_t		 len;
		uint64_t	 hash;
	}	 vectors[] = {
		{ 0, 0x726fdb47dd0e0e31ULL }, { 1, 0x74f839c593dc67fdULL }, { 7, 0xab0200f58b01d137ULL }, { 8, 0x93f5f5799a932462ULL },
		{ 15, 0xa129ca6149be45e5ULL }, { 16, 0x3f2acc7f57c29bdbULL }, { 63, 0x958a324ceb064572ULL }
	};
	uint8_t	 key[SIPHASH_KEY_LEN], in[64];
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = i;
	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(key, in, vectors[i].len) == vectors[i].hash);
	key[0] ^= 1;
	assert_true(siphash(key, in, 8) != vectors[3].hash);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
