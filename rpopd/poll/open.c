/* SPDX-License-Identifier: ISC */
/* What a session is begun with: the dial, the deliverer's end of the message pipe, the credential. */
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto_dialer.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "poll.h"

/* The session's connection is asked for, or stays to be asked for while no dialer is ready. */
void
session_dial(struct session *s)
{
	const struct record	*rec = s->run.task->rec;

	s->dial = dial_start(s->id, rec->host, rec->port, (config_running->settings.self_poll ? DIAL_SELF : 0) |
	    (rec->self_service ? DIAL_PUBLIC : 0), rec->source, session_dialed, s);
	if (s->dial == NULL)
		return;
	session_state(s, SESSION_DIALING);
	log_debug("%s: session %u dialing %s", s->label, s->id, s->where);
}

void
session_open_deliverer(struct session *s, int fd)
{
	const struct record	*rec = s->run.task->rec;
	struct msg_session_open	 m;

	memset(&m, 0, sizeof(m));
	m.session = s->id;
	m.mode = rec->mode;
	m.account = rec->account;
	m.tls = rec->tls;
	m.try = s->trial != NULL;
	m.suppress = rec->suppress;
	m.special_nth = rec->special_nth;
	m.received_for = rec->received_for;
	m.mailbox_id = s->run.task->mailbox;
	strlcpy(m.trusted_hop, rec->trusted_hop, sizeof(m.trusted_hop));
	strlcpy(m.strip_prefix, rec->strip_prefix, sizeof(m.strip_prefix));
	strlcpy(m.domains, rec->domains, sizeof(m.domains));
	strlcpy(m.special, rec->mode == DIST_FIELD ? rec->special : "", sizeof(m.special));
	strlcpy(m.domain, rec->local_domain, sizeof(m.domain));
	strlcpy(m.mailbox, rec->mailbox, sizeof(m.mailbox));
	strlcpy(m.host, rec->host, sizeof(m.host));
	strlcpy(m.address, s->address, sizeof(m.address));
	strlcpy(m.record, s->label, sizeof(m.record));
	s->origin = (struct origin){ .account = rec->account, .personal = rec->mode == DIST_OWNER, .accounts_only = rec->mode == DIST_STAR };
	strlcpy(s->origin.folder, m.mailbox, sizeof(s->origin.folder));
	s->routing = routing_hold(config_routing);
	state_unfound_key(rec, s->looked_for, sizeof(s->looked_for));
	link_send(&child_of[ROLE_DELIVERER]->link, IMSG_SESSION_OPEN, fd, &m, sizeof(m));
	s->opened = 1;
}

/* Sent last; wiped here, in the message queue when it is written, and in the fetcher after login.  Without it, the end. */
void
session_secret(struct session *s)
{
	static uint8_t	 secret[PROTO_TOKEN_MAX];
	char		 err[PROTO_TEXT_SIZE];
	ssize_t		 len;

	if (s->token.grant != NULL) {
		if ((len = token_copy(&s->token, secret)) == -1)
			session_fail(s, STAGE_TOKEN, WHY_TOKEN_TEMP, "the access token has ended meanwhile");
	} else if ((len = config_secret(options.store, s->run.task->rec, secret, err, sizeof(err))) == -1)
		session_fail(s, STAGE_LOGIN, WHY_CONFIG, err);
	if (len == -1)
		session_kill(s);
	else
		link_send(&s->link, IMSG_FETCH_SECRET, -1, secret, (size_t)len);
	explicit_bzero(secret, sizeof(secret));
}
