/* SPDX-License-Identifier: ISC */
/*
 * What a session is begun with: the dial, the deliverer's end of the message pipe, the fetcher's parameters, files and
 * credential.
 */
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto_dialer.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "poll.h"

static void	 open_tls(const struct record *, struct msg_fetch_start *);
static int	 open_files(struct session *);
static void	 open_secret(struct session *);

/*
 * Ask the dialer for a connection to the record's server; session_dialed() gets the answer.  While no dialer is ready, it stays
 * to be asked.
 */
void
open_dial(struct session *s)
{
	const struct record	*rec = s->run.task->rec;

	s->dial = dial_start(s->id, rec->host, rec->port, (config_running->settings.self_poll ? DIAL_SELF : 0) |
	    (rec->self_service ? DIAL_PUBLIC : 0), rec->source, session_dialed, s);
	if (s->dial == NULL)
		return;
	session_state(s, SESSION_DIALING);
	log_debug("%s: session %u dialing %s", s->label, s->id, s->where);
}

/* Tell the deliverer whose mail comes over its end of the message pipe, which is fd, and by which rules it is distributed. */
void
open_deliverer(struct session *s, int fd)
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
	s->origin = (struct origin){ .account = rec->account, .personal = rec->mode == DIST_OWNER,
	    .accounts_only = rec->mode == DIST_STAR };
	strlcpy(s->origin.folder, m.mailbox, sizeof(s->origin.folder));
	s->routing = routing_hold(config_routing);
	state_unfound_key(rec, s->looked_for, sizeof(s->looked_for));
	link_send(&child_of[ROLE_DELIVERER]->link, IMSG_SESSION_OPEN, fd, &m, sizeof(m));
	s->opened = 1;
}

/* Tell the fetcher what to do: the record's columns and settings, then the files that belong to it, and the credential at last. */
void
open_parameters(struct session *s)
{
	const struct record	*rec = s->run.task->rec;
	const struct settings	*set = &config_running->settings;
	struct msg_fetch_start	 m;

	memset(&m, 0, sizeof(m));
	m.session = s->id;
	open_tls(rec, &m);
	m.auth = rec->auth;
	m.apop = (rec->apop || rec->auth == AUTH_APOP) && set->use_apop;
	m.token = s->token.grant != NULL;
	m.port = rec->port;
	m.leave = rec->leave;
	m.no_capa = s->no_capa;
	m.rset = rec->rset;
	quota_start(s, &m);
	m.idle_timeout = set->idle_timeout * 1000;
	m.total_timeout = set->session_timeout * 1000;
	strlcpy(m.host, rec->host, sizeof(m.host));
	strlcpy(m.user, rec->user, sizeof(m.user));
	strlcpy(m.record, s->label, sizeof(m.record));
	link_send(&s->link, IMSG_FETCH_START, -1, &m, sizeof(m));
	if (open_files(s) == 0)
		open_secret(s);
}

/* What the record says about TLS. */
static void
open_tls(const struct record *rec, struct msg_fetch_start *m)
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
 * The record's certificates and key, as the files are now, in pieces.  0, or -1: the session has failed.  No copy stays in the
 * master: the message queue wipes what it has written.
 */
static int
open_files(struct session *s)
{
	struct pem	 pem;
	char		 err[PROTO_TEXT_SIZE];
	enum pem_kind	 kind;

	for (kind = PEM_CA; kind < PEM_MAX; kind++) {
		if (pem_of(s->run.task->rec, kind, &pem, err, sizeof(err)) == -1) {
			session_fail(s, STAGE_TLS, WHY_CONFIG, err);
			session_kill(s);
			return (-1);
		}
		link_send_parts(&s->link, IMSG_FETCH_CA + kind, NULL, 0, pem.data, pem.len);
		pem_free(&pem);
	}
	return (0);
}

/*
 * The credential, a password or an access token, is what the fetcher gets last.  It is wiped here, in the message queue when it
 * is written, and in the fetcher after the login.  The session fails if there is none.
 */
static void
open_secret(struct session *s)
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
