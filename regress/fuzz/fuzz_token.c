/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/token_stubs.c rpopd/token rpopd/turn */
/* libs: -levent_core */
/*
 * An oauth process in bad hands against the master: whatever it answers, what is stored or told is of the promised alphabet
 * (token_stubs.c checks), and only the request it had gets it.  Input: records of type (1 octet), id (1), length (2), payload; the
 * request is a grant's, or one that takes every answer, as those of a login do between them, if the first octet is odd.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpopd/poll/poll.h"
#include "rpopd/token/token_int.h"
#include "token_stubs.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
dispatch(uint32_t type, uint32_t id, const uint8_t *p, size_t len)
{
	struct ibuf	*buf = ibuf_open(len + sizeof(id));
	struct imsg	 imsg = { .hdr = { .type = type, .len = IMSG_HEADER_SIZE + len + sizeof(id) }, .buf = buf };
	char		 err[256];
	int		 rv;

	ibuf_add(buf, &id, sizeof(id));
	ibuf_add(buf, p, len);
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(oauth_rules, oauth_nrules, 0, stub_worker, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const uint8_t	 types[] = { IMSG_TOKEN_ROTATED, IMSG_TOKEN_GRANTED, IMSG_TOKEN_FAILED, IMSG_LOG, IMSG_TOKEN_DEVICE,
				    IMSG_TOKEN_PENDING };
	struct session		*s = stub_session();
	size_t			 n;
	int			 any = len > 0 && p[0] % 2 == 1;

	stub_worker = NULL;
	if ((any ? stub_request() : token_get(&s->token, &s->run)) == 0) {
		request_run();
		stub_dialed(stub_grant, &(struct dialed){ .fd = open("/dev/null", O_RDONLY), .address = "192.0.2.1" });
	}
	for (p++, len -= len > 0; len >= 4 && stub_worker != NULL;) {
		if ((n = p[2] | (size_t)p[3] << 8) > len - 4)
			n = len - 4;
		if (dispatch(types[p[0] % nitems(types)], p[1] == 0 ? stub_id : p[1], p + 4, n) == -1)
			break;
		p += 4 + n;
		len -= 4 + n;
	}
	if (stub_worker != NULL && stub_worker->arg != NULL)
		stub_worker->died(stub_worker->arg);
	stub_request_free();
	stub_end(s);
	return (0);
}
