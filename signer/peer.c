/* SPDX-License-Identifier: ISC */
/*
 * Sessions of popd, each with a channel of its own, on which it may ask for one signature: no handshake takes more.  A session that
 * asks again or breaks the rules has its channel closed; the others are served on, in the order in which they ask.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/ipc/link.h"
#include "common/log.h"
#include "signer.h"

#define BIT(state)	(1U << (state))

enum peer_state { PEER_NEW, PEER_SERVED };

struct peer {
	LIST_ENTRY(peer) entry;
	uint32_t	 listener;
	struct link	 link;
};

static int	 take_sign(void *, struct imsg *);
static void	 peer_down(void *, const char *);

static const struct rule	 peer_rules[] = {
	{ IMSG_SIGN,	BIT(PEER_NEW),	take_sign }
};

static LIST_HEAD(, peer)	 peers = LIST_HEAD_INITIALIZER(peers);

/* IMSG_SIGN_SESSION */
int
peer_new(void *arg __unused, struct imsg *imsg)
{
	struct peer	*p;
	uint32_t	 listener;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &listener) == -1) {
		close(fd);
		return (-1);
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("session");
	p->listener = listener;
	if (link_open(&p->link, fd, peer_rules, nitems(peer_rules), p, peer_down) == -1) {
		log_warn("channel to a session");
		free(p);
		return (0);
	}
	p->link.state = PEER_NEW;
	LIST_INSERT_HEAD(&peers, p, entry);
	return (0);
}

static int
take_sign(void *arg, struct imsg *imsg)
{
	struct peer	*p = arg;
	struct msg_sign	 m;
	uint8_t		 signature[PROTO_SIGNATURE_MAX];
	size_t		 n, len = imsg_get_len(imsg);

	if (len < sizeof(m))
		return (-1);
	memcpy(&m, imsg->data, sizeof(m));
	p->link.state = PEER_SERVED;
	HOOK("signer.asked");
	n = key_sign(p->listener, &m, (const uint8_t *)imsg->data + sizeof(m), len - sizeof(m), signature);
	if (n == 0)
		log_info("nothing is signed for a session: its listener has no such key, or it asked for something else");
	HOOK("signer.signed");
	(void)link_send(&p->link, IMSG_SIGNED, -1, signature, n);
	return (0);
}

/* The session has what it wanted, or is gone, or broke the rules. */
static void
peer_down(void *arg, const char *why)
{
	struct peer	*p = arg;

	if (why != NULL)
		log_warnx("a session broke the rules: %s", why);
	LIST_REMOVE(p, entry);
	free(p);
}
