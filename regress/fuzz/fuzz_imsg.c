/* SPDX-License-Identifier: ISC */
/* A hostile stream: octet 0 picks the segment size, bit 7 at a segment's start sends a descriptor; the last message is kept. */
#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
send_segment(int sock, const uint8_t *data, size_t len, int with_fd)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} control = { { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec	 iov = { (void *)(uintptr_t)data, len };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (with_fd) {
		memcpy(CMSG_DATA(&control.hdr), &sock, sizeof(sock));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imsgbuf	 in;
	struct imsg	 imsg, kept = { .buf = NULL };
	size_t		 n, step = size > 0 ? data[0] + 1U : 1;
	int		 fd[2], got = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1 || imsgbuf_init(&in, fd[1]) == -1)
		abort();
	imsgbuf_allow_fdpass(&in);
	for (; size > 0 && got != -1; data += n, size -= n) {
		n = size < step ? size : step;
		send_segment(fd[0], data, n, (data[0] & 0x80) != 0);
		if (imsgbuf_read(&in) != 1)
			break;
		while ((got = imsgbuf_get(&in, &imsg)) == 1) {
			if (imsg_get_len(&imsg) != imsg.hdr.len - IMSG_HEADER_SIZE || imsg.hdr.len > MAX_IMSGSIZE)
				abort();
			imsg_free(&kept);
			kept = imsg;
		}
	}
	imsgbuf_clear(&in);
	imsg_free(&kept);
	return (close(fd[0]) + close(fd[1]));
}
