/* SPDX-License-Identifier: ISC */
/* imsg: framing, partial reads and writes, descriptors, and what a lying peer may send. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc/imsg.h"

#define FD_MARK	0x80000000U

struct pair {
	struct imsgbuf	 a, b;
	int		 fd[2];
};

static int
setup(void **state)
{
	struct pair	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) == -1)
		return (-1);
	if (imsgbuf_init(&p->a, p->fd[0]) == -1 || imsgbuf_init(&p->b, p->fd[1]) == -1)
		return (-1);
	*state = p;
	return (0);
}

static int
teardown(void **state)
{
	struct pair	*p = *state;

	imsgbuf_clear(&p->a);
	imsgbuf_clear(&p->a);		/* allowed twice */
	imsgbuf_clear(&p->b);
	close(p->fd[0]);
	if (p->fd[1] != -1)
		close(p->fd[1]);
	free(p);
	return (0);
}

static void
put_header(uint8_t *buf, uint32_t type, uint32_t len)
{
	struct imsg_hdr	 hdr = { type, len, 0, 0 };

	memcpy(buf, &hdr, sizeof(hdr));
}

/* One raw sendmsg(2) with nfds copies of /dev/null. */
static void
send_raw(int sock, const void *data, size_t len, int nfds)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec	 iov = { (void *)(uintptr_t)data, len };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int		 fds[4], i;

	memset(&control, 0, sizeof(control));
	for (i = 0; i < nfds; i++)
		assert_true((fds[i] = open("/dev/null", O_RDWR)) != -1);
	if (nfds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		control.hdr.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.hdr), fds, (size_t)nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, 0), (ssize_t)len);
	for (i = 0; i < nfds; i++)
		close(fds[i]);
}

static int
count_fds(void)
{
	int	 fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return (n);
}

static void
test_roundtrip(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;
	uint32_t	 v = 7, got = 0;

	assert_int_equal(imsg_compose(&p->a, 3, 99, 0, -1, &v, sizeof(v)), 1);
	assert_int_equal(imsg_compose(&p->a, 4, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsgbuf_queuelen(&p->a), 2);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 0);
	assert_int_equal(imsgbuf_read(&p->b), 1);		/* EAGAIN is no error */
	assert_int_equal(imsgbuf_write(&p->a), 0);
	assert_int_equal(imsgbuf_queuelen(&p->a), 0);
	assert_int_equal(imsgbuf_read(&p->b), 1);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 3);
	assert_int_equal(imsg_get_id(&imsg), 99);
	assert_int_equal(imsg_get_len(&imsg), 4);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	assert_int_equal(imsg_get_data(&imsg, &got, 3), -1);	/* the exact length or nothing */
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(imsg_get_data(&imsg, &got, sizeof(got)), 0);
	assert_int_equal(got, 7);
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 4);
	assert_int_equal(imsg_get_len(&imsg), 0);
	assert_null(imsg.data);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 0);
}

static void
test_eof(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;

	imsg_compose(&p->a, 1, 0, 0, -1, "x", 1);
	imsgbuf_write(&p->a);
	shutdown(p->fd[0], SHUT_WR);
	assert_int_equal(imsgbuf_read(&p->b), 1);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_read(&p->b), 0);
	close(p->fd[1]);
	p->fd[1] = -1;
	imsg_compose(&p->a, 1, 0, 0, -1, "x", 1);
	assert_int_equal(imsgbuf_write(&p->a), -1);		/* and no SIGPIPE */
}

/* A peer that dies with our message unread is gone, not broken, and what it had sent arrives first. */
static void
test_reset(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;

	imsg_compose(&p->a, 7, 0, 0, -1, "last", 4);
	imsgbuf_write(&p->a);
	imsg_compose(&p->b, 8, 0, 0, -1, "unread", 6);
	imsgbuf_write(&p->b);
	close(p->fd[0]);
	assert_int_equal(imsgbuf_read(&p->b), 1);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 7);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_read(&p->b), 0);
	assert_true((p->fd[0] = open("/dev/null", O_RDONLY)) != -1);	/* for teardown() */
}

/* Each octet in a segment of its own: the message is there with the last one, not before. */
static void
test_octets(void **state)
{
	struct pair	*p = *state;
	uint8_t		 raw[IMSG_HEADER_SIZE + 5];
	struct imsg	 imsg;
	size_t		 i;

	put_header(raw, 5, sizeof(raw));
	memcpy(raw + IMSG_HEADER_SIZE, "hello", 5);
	for (i = 0; i < sizeof(raw); i++) {
		assert_int_equal(imsgbuf_get(&p->b, &imsg), 0);
		send_raw(p->fd[0], raw + i, 1, 0);
		assert_int_equal(imsgbuf_read(&p->b), 1);
	}
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_memory_equal(imsg.data, "hello", 5);
	imsg_free(&imsg);
}

/* More than socket and read buffer hold, in sizes that end anywhere; some messages are kept while reading goes on. */
static void
test_bulk(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg, kept[8];
	uint8_t		 data[16000];
	uint32_t	 sent = 0, got = 0, n = 1500, nkept = 0, i;
	size_t		 len;

	while (got < n) {
		while (sent < n && imsgbuf_queuelen(&p->a) < 100) {
			len = sent * 37 % 16000;
			memset(data, (int)(sent & 0xff), sizeof(data));
			assert_int_equal(imsg_compose(&p->a, sent, 0, 0, -1, data, len), 1);
			sent++;
		}
		assert_int_equal(imsgbuf_write(&p->a), 0);
		assert_int_equal(imsgbuf_read(&p->b), 1);
		while (imsgbuf_get(&p->b, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), got);
			assert_int_equal(imsg_get_len(&imsg), got * 37 % 16000);
			memset(data, (int)(got & 0xff), sizeof(data));
			assert_memory_equal(imsg.data == NULL ? data : imsg.data, data, imsg_get_len(&imsg));
			if (got++ % 200 == 100 && nkept < 8)
				kept[nkept++] = imsg;
			else
				imsg_free(&imsg);
		}
	}
	assert_int_equal(nkept, 7);
	imsgbuf_clear(&p->b);		/* what was taken out outlives the channel */
	for (i = 0; i < nkept; i++) {
		memset(data, (int)(imsg_get_type(&kept[i]) & 0xff), sizeof(data));
		assert_memory_equal(kept[i].data, data, imsg_get_len(&kept[i]));
		imsg_free(&kept[i]);
	}
}

static void
test_lengths(void **state)
{
	static const uint32_t	 bad[] = { 0, 15, MAX_IMSGSIZE + 1, 0x7fffffff, FD_MARK | 3 };
	struct pair		*p = *state;
	uint8_t			 raw[IMSG_HEADER_SIZE];
	struct imsgbuf		 b;
	struct imsg		 imsg;
	size_t			 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(imsgbuf_init(&b, p->fd[1]), 0);
		put_header(raw, 1, bad[i]);
		send_raw(p->fd[0], raw, sizeof(raw), 0);
		assert_int_equal(imsgbuf_read(&b), 1);
		assert_int_equal(imsgbuf_get(&b, &imsg), -1);
		assert_int_equal(errno, ERANGE);
		imsgbuf_clear(&b);
	}
	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, raw, MAX_IMSGSIZE), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, raw, SIZE_MAX), -1);
	assert_int_equal(imsgbuf_queuelen(&p->a), 0);
}

static void
test_maxsize(void **state)
{
	static uint8_t	 data[100000];
	struct pair	*p = *state;
	struct imsg	 imsg;
	int		 n;

	assert_int_equal(imsgbuf_set_maxsize(&p->a, 15), -1);
	assert_int_equal(imsgbuf_set_maxsize(&p->a, 200000), 0);
	assert_int_equal(imsgbuf_set_maxsize(&p->b, 200000), 0);
	memset(data, 'z', sizeof(data));
	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, data, sizeof(data)), 1);
	while ((n = imsgbuf_get(&p->b, &imsg)) == 0) {
		assert_int_equal(imsgbuf_write(&p->a), 0);
		assert_int_equal(imsgbuf_read(&p->b), 1);
	}
	assert_int_equal(n, 1);
	assert_int_equal(imsg_get_len(&imsg), sizeof(data));
	assert_memory_equal(imsg.data, data, sizeof(data));
	imsg_free(&imsg);
}

/* Every message gets its own descriptor, whatever is around it. */
static void
test_fds(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;
	struct stat	 st[2], sb;
	int		 fd[2], i, got, before = count_fds();

	imsgbuf_allow_fdpass(&p->a);
	imsgbuf_allow_fdpass(&p->b);
	assert_true((fd[0] = open("/dev/null", O_RDONLY)) != -1 && fstat(fd[0], &st[0]) == 0);
	assert_true((fd[1] = open("/dev/zero", O_RDONLY)) != -1 && fstat(fd[1], &st[1]) == 0);
	imsg_compose(&p->a, 0, 0, 0, -1, "a", 1);
	imsg_compose(&p->a, 1, 0, 0, fd[0], "b", 1);
	imsg_compose(&p->a, 2, 0, 0, -1, "c", 1);
	imsg_compose(&p->a, 3, 0, 0, fd[1], NULL, 0);
	assert_int_equal(imsgbuf_write(&p->a), 0);
	assert_int_equal(fcntl(fd[0], F_GETFD), -1);		/* ours went with the message */
	for (i = 0; i < 4; i++) {
		while ((got = imsgbuf_get(&p->b, &imsg)) == 0)
			assert_int_equal(imsgbuf_read(&p->b), 1);
		assert_int_equal(got, 1);
		assert_int_equal(imsg_get_type(&imsg), i);
		assert_int_equal(ibuf_fd_avail(imsg.buf), i % 2);
		if (i == 1) {
			got = imsg_get_fd(&imsg);
			assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
			assert_true(fstat(got, &sb) == 0 && sb.st_rdev == st[0].st_rdev);
			close(got);
		}
		imsg_free(&imsg);				/* closes the one nobody took */
	}
	assert_int_equal(count_fds(), before);
}

/* Unsent and unread descriptors are closed with the channel. */
static void
test_fd_cleanup(void **state)
{
	struct pair	*p = *state;
	int		 before = count_fds();

	imsgbuf_allow_fdpass(&p->a);
	imsgbuf_allow_fdpass(&p->b);
	imsg_compose(&p->a, 1, 0, 0, open("/dev/null", O_RDONLY), NULL, 0);
	imsgbuf_write(&p->a);
	imsg_compose(&p->a, 1, 0, 0, open("/dev/null", O_RDONLY), NULL, 0);
	assert_int_equal(imsgbuf_read(&p->b), 1);
	imsgbuf_clear(&p->a);
	imsgbuf_clear(&p->b);
	assert_int_equal(count_fds(), before);
}

static void
test_fd_lies(void **state)
{
	struct pair	*p = *state;
	uint8_t		 raw[IMSG_HEADER_SIZE];
	struct imsgbuf	 b;
	struct imsg	 imsg;
	int		 before = count_fds();

	/* not allowed on this channel */
	put_header(raw, 1, sizeof(raw) | FD_MARK);
	send_raw(p->fd[0], raw, sizeof(raw), 1);
	assert_int_equal(imsgbuf_init(&b, p->fd[1]), 0);
	assert_int_equal(imsgbuf_read(&b), -1);
	assert_int_equal(errno, EBADMSG);
	/* two with one message */
	imsgbuf_allow_fdpass(&b);
	send_raw(p->fd[0], raw, sizeof(raw), 2);
	assert_int_equal(imsgbuf_read(&b), -1);
	imsgbuf_clear(&b);
	/* marked, but none there */
	assert_int_equal(imsgbuf_init(&b, p->fd[1]), 0);
	imsgbuf_allow_fdpass(&b);
	send_raw(p->fd[0], raw, sizeof(raw), 0);
	assert_int_equal(imsgbuf_read(&b), 1);
	assert_int_equal(imsgbuf_get(&b, &imsg), -1);
	assert_int_equal(errno, EBADMSG);
	imsgbuf_clear(&b);
	/* there, but not marked: the next message shows it */
	assert_int_equal(imsgbuf_init(&b, p->fd[1]), 0);
	imsgbuf_allow_fdpass(&b);
	put_header(raw, 1, sizeof(raw));
	send_raw(p->fd[0], raw, sizeof(raw), 1);
	assert_int_equal(imsgbuf_read(&b), 1);
	assert_int_equal(imsgbuf_get(&b, &imsg), 1);
	assert_int_equal(ibuf_fd_avail(imsg.buf), 0);
	imsg_free(&imsg);
	send_raw(p->fd[0], raw, sizeof(raw), 0);
	assert_int_equal(imsgbuf_read(&b), 1);
	assert_int_equal(imsgbuf_get(&b, &imsg), -1);
	imsgbuf_clear(&b);
	assert_int_equal(count_fds(), before);
}

static void
test_fd_not_allowed_to_send(void **state)
{
	struct pair	*p = *state;

	imsg_compose(&p->a, 1, 0, 0, open("/dev/null", O_RDONLY), NULL, 0);
	assert_int_equal(imsgbuf_write(&p->a), -1);
	assert_int_equal(errno, EINVAL);
}

static void
test_forward(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;
	char		 buf[4];

	imsgbuf_allow_fdpass(&p->a);
	imsgbuf_allow_fdpass(&p->b);
	imsg_compose(&p->a, 9, 8, 0, open("/dev/null", O_RDONLY), "data", 4);
	imsgbuf_write(&p->a);
	imsgbuf_read(&p->b);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	imsg_get_data(&imsg, buf, 4);
	assert_int_equal(imsg_forward(&p->b, &imsg), 1);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_write(&p->b), 0);
	imsgbuf_read(&p->a);
	assert_int_equal(imsgbuf_get(&p->a, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 9);
	assert_int_equal(imsg_get_id(&imsg), 8);
	assert_memory_equal(imsg.data, "data", 4);
	assert_int_equal(ibuf_fd_avail(imsg.buf), 1);
	imsg_free(&imsg);
}

static void
test_ibuf(void **state)
{
	struct ibuf	*buf;
	char		 s[8];
	uint8_t		 n8;
	uint16_t	 n16;
	uint32_t	 n32;
	uint64_t	 n64;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(1, 64));
	assert_int_equal(ibuf_add_n8(buf, 0x100), -1);
	assert_int_equal(ibuf_add_n8(buf, 0xfe), 0);
	assert_int_equal(ibuf_add_n16(buf, 0x0102), 0);
	assert_int_equal(ibuf_add_n32(buf, UINT64_C(1) << 32), -1);
	assert_int_equal(ibuf_add_n32(buf, 0x01020304), 0);
	assert_int_equal(ibuf_add_n64(buf, UINT64_MAX - 1), 0);
	assert_memory_equal(ibuf_data(buf), "\xfe\1\2\1\2\3\4", 7);	/* network order */
	assert_int_equal(ibuf_add_strbuf(buf, "12345678", 8), -1);
	assert_int_equal(ibuf_add_strbuf(buf, "1234567", 8), 0);
	assert_int_equal(ibuf_add_zero(buf, 2), 0);
	assert_int_equal(ibuf_size(buf), 25);
	assert_int_equal(ibuf_left(buf), 39);
	assert_int_equal(ibuf_get_n8(buf, &n8), 0);
	assert_int_equal(ibuf_get_n16(buf, &n16), 0);
	assert_int_equal(ibuf_get_n32(buf, &n32), 0);
	assert_int_equal(ibuf_get_n64(buf, &n64), 0);
	assert_int_equal(ibuf_get_strbuf(buf, s, sizeof(s)), 0);
	assert_int_equal(n8, 0xfe);
	assert_int_equal(n16, 0x0102);
	assert_int_equal(n32, 0x01020304);
	assert_true(n64 == UINT64_MAX - 1);
	assert_string_equal(s, "1234567");
	assert_int_equal(ibuf_get_n32(buf, &n32), -1);		/* two bytes left: nothing is consumed */
	assert_int_equal(ibuf_skip(buf, 3), -1);
	assert_int_equal(ibuf_skip(buf, 2), 0);
	assert_int_equal(ibuf_size(buf), 0);
	assert_null(ibuf_reserve(buf, 40));
	assert_null(ibuf_reserve(buf, SIZE_MAX));
	assert_non_null(ibuf_reserve(buf, 39));
	assert_int_equal(ibuf_add(buf, "x", 1), -1);
	assert_int_equal(errno, ERANGE);
	ibuf_free(buf);
	assert_null(ibuf_open(0));
	ibuf_free(NULL);
}

static void
test_get_ibuf(void **state)
{
	struct pair	*p = *state;
	struct imsg	 imsg;
	struct ibuf	 view;
	char		 s[3];

	imsg_compose(&p->a, 1, 0, 0, -1, "abc", 3);
	imsg_compose(&p->a, 1, 0, 0, -1, NULL, 0);
	imsgbuf_write(&p->a);
	imsgbuf_read(&p->b);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_int_equal(imsg_get_ibuf(&imsg, &view), 0);
	assert_int_equal(imsg_get_len(&imsg), 0);
	assert_int_equal(ibuf_size(&view), 3);
	assert_int_equal(ibuf_add(&view, "x", 1), -1);		/* read-only */
	assert_int_equal(ibuf_get_strbuf(&view, s, 3), -1);	/* no NUL at its end */
	assert_int_equal(errno, EOVERFLOW);
	assert_string_equal(s, "ab");
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p->b, &imsg), 1);
	assert_int_equal(imsg_get_ibuf(&imsg, &view), -1);
	imsg_free(&imsg);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_roundtrip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_eof, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bulk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_maxsize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd_cleanup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd_lies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd_not_allowed_to_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forward, setup, teardown),
		cmocka_unit_test_setup_teardown(test_get_ibuf, setup, teardown),
		cmocka_unit_test(test_ibuf),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
