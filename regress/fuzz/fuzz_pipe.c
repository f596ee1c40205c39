/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* A hostile session.  Input: mode, then frames: type, length (2), payload; type 0 is raw.  BEGIN and odd ENDs are made right. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "deliverer/deliverer.h"
#include "regress/unit/deliverer/spoolroot.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char *const	 people[] = { "postmaster", "anna", "bo" };
	static struct msg_session_open	 open = { .session = 1, .account = 2, .special = "X-Real-To", .domain = "example.org" };
	static const uint32_t		 types[] = { 0, IMSG_MSG_BEGIN, IMSG_MSG_DATA, IMSG_MSG_END, IMSG_MSG_ABORT };
	struct imsg_hdr			 hdr = { 0, 0, 0, 0 };
	static struct msg_begin		 begin = { .msgno = 1, .size = 70000 };
	struct msg_end			 end = { .msgno = 1 };
	size_t				 n, files;
	int				 sp[2];

	if (len < 1 || root_setup(NULL) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp) == -1)
		return (0);
	root_routes(people, 3);
	open.mode = DIST_OWNER + *p % 3;
	begin.headers = *p >> 7;
	open.try = *p >> 6 & 1;
	ingest_open(&open, sp[0]);
	for (p++, len--; len >= 3; p += n, len -= n) {
		hdr.type = types[p[0] % 5];
		n = (p[1] << 8 | p[2]) % PROTO_DATA_MAX;
		p += 3;
		len -= 3;
		n = n < len ? n : len;
		struct iovec	 iov[2] = { { &hdr, hdr.type != 0 ? sizeof(hdr) : 0 }, { (uint8_t *)(uintptr_t)p, n } };
		if (hdr.type == IMSG_MSG_BEGIN)
			iov[1] = (struct iovec){ &begin, sizeof(begin) };
		else if (hdr.type == IMSG_MSG_END && n > 0 && *p % 2 == 1)
			iov[1] = (struct iovec){ &end, sizeof(end) };
		hdr.len = sizeof(hdr) + iov[1].iov_len;
		(void)!writev(sp[1], iov, 2);
		end.octets = hdr.type == IMSG_MSG_BEGIN ? 0 : end.octets + (hdr.type == IMSG_MSG_DATA ? n : 0);
		event_loop(EVLOOP_NONBLOCK);
	}
	close(sp[1]);
	event_loop(EVLOOP_NONBLOCK);
	batch_close();
	root_commit(COMMIT_DELIVER);
	files = root_count("example.org/anna/new") + root_count("example.org/bo/new") + root_count("example.org/postmaster/new");
	if (root_unsized("example.org/anna/new") > 0 || root_unsized("example.org/bo/new") > 0 ||
	    root_unsized("example.org/postmaster/new") > 0)
		abort();
	if (notes_count(IMSG_SESSION_CLOSED) != 1 || root_count(SPOOL_DIR) != 0 || notes_count(IMSG_RECEIPT_RCPT) != files ||
	    (open.try ? files > 0 : notes_count(IMSG_SESSION_TRIED) > 0))
		abort();
	ingest_exit();
	return (root_teardown(NULL));
}
