/* SPDX-License-Identifier: ISC */
/*
 * The signer, as the master has it: keys of listeners are read here, handed over and wiped, and sessions of popd get channels to
 * it.  A signer that dies takes all keys with it; the next one gets those that the files hold then.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "pop_int.h"

#define QUEUE_MAX	256	/* messages that the signer has not taken yet, beyond which sessions get no channel */

static void	 signer_ready(struct child *);
static void	 signer_died(struct child *);
static int	 signer_kept(void *, struct imsg *);

void
signer_start(void)
{
	static const struct rule	 rules[] = {
		{ IMSG_SIGN_KEPT,	RULES_ANY,	signer_kept },
	};
	static const struct child_watch	 watch = { ROLE_SIGNER, signer_ready, signer_died };

	child_rules(ROLE_SIGNER, rules, nitems(rules));
	child_watch(&watch, 1);
}

static void
signer_ready(struct child *c)
{
	if (c == child_of[ROLE_SIGNER])
		listen_signer(1);
}

static void
signer_died(struct child *c __unused)
{
	if (child_of[ROLE_SIGNER] == NULL)
		listen_signer(0);
}

/*
 * Hands a key over for the sessions of a listener, and wipes it.  Returns its number, for which listen_kept() hears; 0: no signer.
 */
uint32_t
signer_give(uint32_t listener, struct pem *key)
{
	static uint32_t		 last;
	struct child		*c = child_current(ROLE_SIGNER);
	struct msg_sign_part	 part;
	struct msg_sign_key	 m;

	if (c == NULL) {
		pem_free(key);
		return (0);
	}
	if (++last == 0)
		last = 1;
	memset(&part, 0, sizeof(part));
	part.id = last;
	memset(&m, 0, sizeof(m));
	m.id = last;
	m.listener = listener;
	m.octets = (uint32_t)key->len;
	link_send_parts(&c->link, IMSG_SIGN_PEM, &part, sizeof(part), key->data, key->len);
	pem_free(key);
	link_send(&c->link, IMSG_SIGN_KEY, -1, &m, sizeof(m));
	return (last);
}

/* The key of this number is not wanted any more; 0: there is none. */
void
signer_forget(uint32_t key)
{
	struct child	*c = child_current(ROLE_SIGNER);

	if (c != NULL && key != 0)
		link_send(&c->link, IMSG_SIGN_FORGET, -1, &key, sizeof(key));
}

/*
 * The signer gets a channel to a session of a listener.  Returns the session's end of it; -1: there is no signer now, or it is so far
 * behind that more would only pile up here.
 */
int
signer_session(uint32_t listener)
{
	struct child	*c = child_current(ROLE_SIGNER);
	int		 sp[2];

	if (c == NULL || link_queued(&c->link) >= QUEUE_MAX)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sp) == -1) {
		log_warn("socketpair");
		return (-1);
	}
	link_send(&c->link, IMSG_SIGN_SESSION, sp[0], &listener, sizeof(listener));
	return (sp[1]);
}

/* IMSG_SIGN_KEPT */
static int
signer_kept(void *arg __unused, struct imsg *imsg)
{
	struct msg_sign_kept	 m;

	if (rules_payload(imsg, &m) == -1 || m.refused > 1 || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	listen_kept(&m);
	return (0);
}
