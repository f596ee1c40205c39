/* SPDX-License-Identifier: ISC */
/* links: mailbox/name.c mailbox/list.c mailbox/index.c mailbox/stream.c */
/* libs: -lmd */
/*
 * An index of any octets, with and without the checksum that it would need: what is taken has names that a directory can have, and
 * comes back the same when it is written.  The first octet says whether the checksum is made right.
 */
#include <sys/types.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailbox/mailbox.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(int truth)
{
	if (!truth)
		abort();
}

static int
scratch(void)
{
	static char	 path[] = "/tmp/rpfuzz.XXXXXX";
	static int	 fd = -1;

	if (fd == -1)
		must(mkdtemp(path) != NULL && (fd = open(path, O_RDONLY | O_DIRECTORY)) != -1);
	return (fd);
}

static void
store(int dir, const uint8_t *p, size_t len, int right)
{
	static struct stream	 s;
	int			 fd = openat(dir, INDEX_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd != -1);
	if (right) {
		stream_begin(&s, fd, 0);
		stream_put(&s, p, len);
		must(stream_finish(&s) == 0);
	} else
		must(write(fd, p, len) == (ssize_t)len);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct snapshot	 taken, again;
	struct list	 l, copy;
	const char	*name;
	char		 uid[PROTO_UID_MAX];
	uint32_t	 i;
	size_t		 n;
	int		 dir = scratch();

	if (len == 0)
		return (0);
	memset(&l, 0, sizeof(l));
	memset(&copy, 0, sizeof(copy));
	store(dir, p + 1, len - 1, p[0] & 1);
	if (index_read(dir, &l, &taken) == -1) {
		must(l.n == 0 && l.v == NULL && l.names == NULL);
		return (0);
	}
	for (i = 0; i < l.n; i++) {
		name = list_name(&l, &l.v[i]);
		must(strlen(name) == l.v[i].len && l.v[i].len > 0 && name[0] != '.' && strchr(name, '/') == NULL);
		if (l.v[i].flags & MESSAGE_FOR)
			must(strlen(l.names + l.v[i].addresses) <= ADDRESSES_MAX);
		must(l.v[i].octets >= l.v[i].more && (l.v[i].flags & ~MESSAGE_KEPT) == 0);
		n = name_uid(name, l.v[i].len, (int)(i & 1), uid);
		must(n > 0 && n <= PROTO_UID_MAX);
	}
	must(index_write(dir, &l, &taken) == 0 && index_read(dir, &copy, &again) == 0);
	must(copy.n == l.n && memcmp(&taken, &again, sizeof(taken)) == 0);
	for (i = 0; i < l.n; i++)
		must(strcmp(list_name(&l, &l.v[i]), list_name(&copy, &copy.v[i])) == 0 && l.v[i].octets == copy.v[i].octets);
	must(list_sort(&l, 0) == 0);
	list_free(&l);
	list_free(&copy);
	return (0);
}
