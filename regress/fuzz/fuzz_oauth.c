/* SPDX-License-Identifier: ISC */
/* links: oauth */
/* libs: -ljansson */
/* A response in one piece and in pieces is the same; what its JSON gives is of the promised alphabets. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/oauth.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
run(struct http *h, const uint8_t *p, size_t len, size_t seg)
{
	size_t	 off, n;
	int	 got = 0;

	http_init(h);
	for (off = 0; off < len && got == 0; off += n) {
		n = seg < len - off ? seg : len - off;
		got = http_feed(h, p + off, n);
	}
	return (got == 0 ? http_eof(h) : got);
}

static void
check(const char *s, char lowest)
{
	for (; *s != '\0'; s++)
		if (*s < lowest || *s > '~')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http	 a, b;
	static struct answer	 answer;
	static struct device	 device;
	int			 got;

	if (len < 2)
		return (0);
	json_init();
	got = run(&a, data + 1, len - 1, len);
	if (got != run(&b, data + 1, len - 1, (size_t)data[0] % 40 + 1) || (a.error == NULL) != (got == 1) ||
	    (got == 1 && (a.status != b.status || buf_len(&a.body) != buf_len(&b.body) ||
	    (buf_len(&a.body) > 0 && memcmp(buf_data(&a.body), buf_data(&b.body), buf_len(&a.body)) != 0))))
		abort();
	if (got == 1 && json_granted(buf_data(&a.body), buf_len(&a.body), &answer) == 0) {
		check(answer.access, '!');
		check(answer.refresh, ' ');
	}
	if (got == 1 && json_refused(buf_data(&a.body), buf_len(&a.body), &answer) == 0)
		check(answer.error, ' ');
	if (got == 1 && json_device(buf_data(&a.body), buf_len(&a.body), &device) == 0) {
		check(device.code, ' ');
		check(device.m.user_code, ' ');
		check(device.m.uri, '!');
		check(device.m.uri_complete, '!');
		if (device.code[0] == '\0' || device.m.user_code[0] == '\0' || strncmp(device.m.uri, "https://", 8) != 0 ||
		    device.m.lifetime == 0 || device.m.interval == 0 || device.m.interval > DEVICE_INTERVAL_MAX)
			abort();
	}
	http_free(&a);
	http_free(&b);
	return (0);
}
