/* SPDX-License-Identifier: ISC */
/* What a record says about TLS, on its way to the fetcher session. */
#include <string.h>

#include "common/compat.h"
#include "rpopd/config/config.h"
#include "poll.h"

/* START's part of it. */
void
session_tls_start(const struct record *rec, struct msg_fetch_start *m)
{
	m->tls = rec->tls;
	m->tls_min = rec->tls_min;
	m->npins = rec->npins;
	if (rec->npins > 0)
		memcpy(m->pins, rec->pins, (size_t)rec->npins * PROTO_DIGEST_LEN);
	strlcpy(m->ciphers, rec->tls_ciphers, sizeof(m->ciphers));
	strlcpy(m->tls_name, rec->tls_name[0] != '\0' ? rec->tls_name : rec->host, sizeof(m->tls_name));
}

/*
 * The record's files, as they are now, in pieces between START and SECRET.  0, or -1: the session has failed.  No copy stays
 * here: the queue wipes what it has written.
 */
int
session_tls_files(struct session *s)
{
	struct pem	 pem;
	char		 err[PROTO_TEXT_SIZE];
	enum pem_kind	 kind;
	size_t		 off, len;

	for (kind = PEM_CA; kind < PEM_MAX; kind++) {
		if (pem_of(s->run.task->rec, kind, &pem, err, sizeof(err)) == -1) {
			session_fail(s, STAGE_TLS, WHY_CONFIG, err);
			session_kill(s);
			return (-1);
		}
		for (off = 0; off < pem.len; off += len) {
			len = pem.len - off < PROTO_FRAME_MAX ? pem.len - off : PROTO_FRAME_MAX;
			link_send(&s->link, IMSG_FETCH_CA + kind, -1, pem.data + off, len);
		}
		pem_free(&pem);
	}
	return (0);
}
