/* SPDX-License-Identifier: ISC */
/*
 * The sockets of table listener.  They are made here and stay open as long as their rows are there, whatever becomes of popd, which
 * gets copies of them: a connection that nobody takes yet waits for the next popd.  A socket that cannot be made, and one whose
 * certificate cannot be read or does not do, are told once and tried again each minute.
 *
 * A key goes to the signer, and is here only as long as that takes; then the certificate is tried by popd.  Both answer: only what
 * they have taken is in force, for each popd that follows, until others are taken.  Files that do not do change nothing.  A signer
 * that has died had the only copy of the key: its successor gets what the files hold, and as long as they do not do nobody gets
 * TLS.
 *
 * A further certificate of a listener, a row of table certificate, goes the same way when popd has the listener, and has its own
 * troubles: those that do not do hold up no others.  One whose row is gone leaves when those that may take its place have been
 * answered for, and its key stays with the signer until others go, for sessions that have its certificate.
 *
 * A new popd has the sockets before the one ahead of it is told to leave them.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/turn/turn.h"
#include "pop_int.h"

#define AGAIN		60000	/* ms until a listener that failed is tried again */

static void	 popd_greet(struct child *);
static void	 popd_died(struct child *);
static void	 popd_leave(void);
static int	 box_may_start(void);
static void	 listen_leave(void);
static void	 listen_part(void);
static int	 listener_asked(const struct listener *);
static void	 listener_free(struct listener *);
static void	 listener_park(struct listener *, uint32_t);
static int	 listener_may(const struct listener *);
static void	 listener_bind(struct listener *);
static void	 listener_give(struct listener *);
static int	 listener_read(struct listener *, struct pair *);
static void	 listener_try(struct listener *, struct pair *);
static void	 listener_ask(struct listener *);
static void	 listener_refused(struct listener *, const char *);
static void	 listener_drop(struct listener *);
static int	 listener_again(const struct listener *, struct pair *);
static int	 listen_answer(void *, struct imsg *);
static void	 listener_lost(struct listener *);
static void	 listener_sound(struct listener *);
static void	 listener_trouble(struct listener *, const char *);
static void	 listen_limits(void);
static void	 listen_again(void *);

static struct child		*popd;		/* that has the sockets; NULL: none */
static struct timer		 again;

void
listen_start(void)
{
	static const struct rule	 popd_rules[] = {
		{ IMSG_POP_SESSION,	RULES_ANY,	session_new },
		{ IMSG_POP_TURNED,	RULES_ANY,	session_turned },
		{ IMSG_POP_LISTENING,	RULES_ANY,	listen_answer },
	};
	static const struct child_owner	 owner = { popd_greet, NULL }, box = { NULL, box_may_start };
	static const struct child_watch	 watch = { ROLE_POPD, NULL, popd_died };

	child_rules(ROLE_POPD, popd_rules, nitems(popd_rules));
	child_own(ROLE_POPD, &owner);
	child_own(ROLE_MAILBOX, &box);
	child_watch(&watch, 1);
	signer_start();
	timer_init(&again, listen_again, NULL);
	listen_reload();
}

/* A mail root that is not there shows no empty mailboxes, whose mail programs would forget what they have. */
static int
box_may_start(void)
{
	return (mailroot_right());
}

/* A popd is locked in: it gets the sockets, and then the one that has had them leaves them. */
static void
popd_greet(struct child *c)
{
	struct listener	*l;

	if (c != child_of[ROLE_POPD])
		return;			/* it is let go already */
	popd_leave();
	popd = c;
	child_use(c);
	listen_limits();
	TAILQ_FOREACH(l, &listeners, entry)
		listener_give(l);
	child_set_ready(c);
}

/* A popd has died; a connection waits in its socket until there is another one. */
static void
popd_died(struct child *c)
{
	struct listener	*l;

	if (c != popd)
		return;
	popd = NULL;
	child_release(c);
	TAILQ_FOREACH(l, &listeners, entry)
		listener_lost(l);
	listen_part();
}

/* The popd that has the sockets leaves them; its sessions go on. */
static void
popd_leave(void)
{
	struct listener	*l;

	if (popd == NULL)
		return;
	TAILQ_FOREACH(l, &listeners, entry) {
		if (l->of == NULL && (l->given || l->asked == ASKED_POPD))
			link_send(&popd->link, IMSG_POP_UNLISTEN, -1, &l->id, sizeof(l->id));
		listener_lost(l);
	}
	child_linger(popd);
	popd = NULL;
	listen_part();
}

/*
 * The listeners of the configuration in force.  Those that are as they were are left alone; sockets that are not wanted any
 * more are closed first, so that a port can be taken over.
 */
void
listen_reload(void)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry) {
		l->row = NULL;
		l->further = NULL;
	}
	if (config_running->settings.pop_channels > 0 && !options.once)
		listener_rows();
	listen_leave();
	timer_stop(&again);
	TAILQ_FOREACH(l, &listeners, entry)
		listener_bind(l);
	if (TAILQ_EMPTY(&listeners))
		popd_leave();
	if (popd != NULL)
		listen_limits();
	TAILQ_FOREACH(l, &listeners, entry) {
		memset(l->refused, 0, sizeof(l->refused));
		listener_give(l);
	}
	listen_part();
}

/* What has no row any more leaves, but for a further certificate that popd has: it stays a moment, and its key longer. */
static void
listen_leave(void)
{
	struct listener	*l, *next;
	size_t		 i;

	TAILQ_FOREACH_SAFE(l, &listeners, entry, next) {
		if (l->of == NULL || l->row != NULL)
			continue;
		if (l->of->row == NULL || !l->given || l->asked != ASKED_NOBODY) {
			listener_free(l);
			continue;
		}
		for (i = 0; i < l->of->nparted; i++)
			signer_forget(l->of->parted[i]);
		l->of->nparted = 0;
	}
	TAILQ_FOREACH_SAFE(l, &listeners, entry, next)
		if (l->of == NULL && l->row == NULL)
			listener_free(l);
}

/* Further certificates that are to leave do, unless there are others of their listeners that are not answered for. */
static void
listen_part(void)
{
	struct listener	*l, *next;

	TAILQ_FOREACH_SAFE(l, &listeners, entry, next)
		if (l->of != NULL && l->row == NULL && !listener_asked(l->of))
			listener_free(l);
}

/* Whether an answer is waited for about any of its certificates. */
static int
listener_asked(const struct listener *of)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry)
		if ((l == of || l->of == of) && l->asked != ASKED_NOBODY)
			return (1);
	return (0);
}

/* The row is gone.  popd has a copy of the socket for a moment yet: where that is possible it stops to listen at once. */
static void
listener_free(struct listener *l)
{
	if ((l->given || l->asked == ASKED_POPD) && popd != NULL)
		link_send(&popd->link, IMSG_POP_UNLISTEN, -1, &l->id, sizeof(l->id));
	if (l->fd != -1) {
		log_notice("listener %s: listens no more", l->name);
		(void)shutdown(l->fd, SHUT_RDWR);
		close(l->fd);
	}
	TAILQ_REMOVE(&listeners, l, entry);
	listener_drop(l);
	if (l->of != NULL && l->of->row != NULL)
		listener_park(l->of, l->force.keyno);
	else
		signer_forget(l->force.keyno);
	signer_forget(l->former);
	while (l->nparted > 0)
		signer_forget(l->parted[--l->nparted]);
	pair_free(&l->force);
	free(l->cert);
	free(l);
}

/* The signer keeps the key of a further certificate that has left. */
static void
listener_park(struct listener *of, uint32_t key)
{
	if (key != 0 && of->nparted < nitems(of->parted))
		of->parted[of->nparted++] = key;
	else
		signer_forget(key);
}

/* The socket is made, unless it is there or cannot be. */
static void
listener_bind(struct listener *l)
{
	char	 text[PROTO_TEXT_SIZE];

	if (l->fd != -1 || l->of != NULL)
		return;
	if ((l->fd = socket_listen(l->family, l->address, l->port)) != -1) {
		l->trouble[0] = '\0';
		log_notice("listener %s: listens%s", l->name,
		    *l->address != '*' ? "" : l->family == AF_INET ? ", IPv4" : ", IPv6");
		return;
	}
	/* A machine with one family has what '*' can mean there. */
	if (*l->address == '*' && errno == EAFNOSUPPORT)
		return;
	snprintf(text, sizeof(text), "cannot listen%s: %s; %s; it is tried again each minute",
	    *l->address != '*' ? "" : l->family == AF_INET ? ", IPv4" : ", IPv6", strerror(errno), socket_remedy(errno));
	listener_trouble(l, text);
}

/*
 * Signer and popd are asked to take what the files hold, unless they have that; in the place of what they do not take, popd gets
 * what is in force.  While an answer is waited for nothing is asked.
 */
static void
listener_give(struct listener *l)
{
	struct pair	 pair;
	int		 fallback = !l->given;

	if (!listener_may(l))
		return;
	l->changed = l->asked != ASKED_NOBODY;
	if (l->changed)
		return;
	if (listener_read(l, &pair) == 0) {
		if (l->given && pair_same(&pair, &l->force))
			listener_sound(l);
		else if (!(l->taken && pair_same(&pair, &l->force)) && memcmp(pair.digest, l->refused, sizeof(pair.digest)) != 0) {
			listener_try(l, &pair);
			fallback = 0;
		}
	}
	pair_free(&pair);
	if (fallback && listener_again(l, &pair))
		listener_try(l, &pair);
}

/* Whether popd may be asked about it: a further certificate needs a listener that popd has. */
static int
listener_may(const struct listener *l)
{
	return (popd != NULL && l->row != NULL && (l->of == NULL ? l->fd != -1 : l->of->given));
}

/* What the row and its files say, for pair_free() in any case.  0, or -1: it cannot be read, which is told. */
static int
listener_read(struct listener *l, struct pair *pair)
{
	char	 err[PROTO_TEXT_SIZE * 5];

	if (pair_read(pair, l->row, l->further, err, sizeof(err)) == 0)
		return (0);
	listener_trouble(l, err);
	return (-1);
}

/* What is in force, in the row's mode: 1, and it is copied; 0: nothing is, or nothing that does for this mode. */
static int
listener_again(const struct listener *l, struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	if (!l->taken || (l->row->tls == TLS_MODE_TLS && l->force.cert.len == 0))
		return (0);
	pair_again(pair, &l->force, l->of == NULL ? l->row : NULL);
	return (1);
}

/*
 * The signer is asked to take the key, if there is one here, then popd the certificate.  The pair is the listener's then.  Without
 * a signer a new popd gets what is in force, and what the files hold waits for the next signer.
 */
static void
listener_try(struct listener *l, struct pair *pair)
{
	if (pair->key.len > 0 && (pair->keyno = signer_give(l->of == NULL ? l->id : l->of->id, &pair->key)) == 0) {
		pair_free(pair);
		if (child_hopeless(ROLE_SIGNER))
			listener_trouble(l, "the signer, which is to have its key, cannot start; the log says why");
		else if (!timer_armed(&again))
			timer_in(&again, AGAIN);
		if (l->given || !listener_again(l, pair))
			return;
	}
	l->tried = *pair;
	memset(pair, 0, sizeof(*pair));
	if (l->tried.keyno != 0 && !l->tried.again)
		l->asked = ASKED_SIGNER;
	else
		listener_ask(l);
}

/* popd is asked to take what is tried. */
static void
listener_ask(struct listener *l)
{
	const struct pair		*pair = &l->tried;
	struct msg_pop_certificate	 further;
	struct msg_pop_listen		 m;
	struct msg_pop_part		 part = { l->id, 0 };
	int				 fd = -1;

	if (l->of == NULL && (fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		listener_drop(l);
		listener_trouble(l, "no descriptor for popd; it is tried again each minute");
		return;
	}
	if (pair->cert.len > 0)
		link_send_parts(&popd->link, IMSG_POP_CHAIN, &part, sizeof(part), pair->cert.data, pair->cert.len);
	l->asked = ASKED_POPD;
	if (l->of != NULL) {
		memset(&further, 0, sizeof(further));
		further.id = l->id;
		further.listener = l->of->id;
		further.pem = (uint32_t)pair->cert.len;
		memcpy(further.keyid, pair->keyid, sizeof(further.keyid));
		link_send(&popd->link, IMSG_POP_CERTIFICATE, -1, &further, sizeof(further));
		return;
	}
	memset(&m, 0, sizeof(m));
	m.id = l->id;
	m.tls = (uint32_t)pair->tls;
	m.channels = pair->channels;
	m.pem = (uint32_t)pair->cert.len;
	memcpy(m.keyid, pair->keyid, sizeof(m.keyid));
	link_send(&popd->link, IMSG_POP_LISTEN, fd, &m, sizeof(m));
}

/* The signer has a key, or says why not. */
void
listen_kept(const struct msg_sign_kept *m)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry)
		if (l->asked == ASKED_SIGNER && l->tried.keyno == m->id)
			break;
	if (l == NULL)
		return;			/* it was told meanwhile to forget it */
	if (m->refused)
		listener_refused(l, m->text);
	else {
		memcpy(l->tried.keyid, m->keyid, sizeof(l->tried.keyid));
		listener_ask(l);
	}
	if (l->asked == ASKED_NOBODY && l->changed)
		listener_give(l);
	listen_part();
}

/* There is a signer, which has no key yet; or there is none any more. */
void
listen_signer(int ready)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry) {
		if (ready) {
			listener_give(l);
			continue;
		}
		l->force.keyno = l->tried.keyno = l->former = 0;
		l->nparted = 0;
		if (l->asked == ASKED_SIGNER)
			listener_drop(l);
	}
	listen_part();
}

/* What was tried does not do. */
static void
listener_refused(struct listener *l, const char *why)
{
	char	 text[PROTO_TEXT_SIZE * 5];

	/* What was in force and does no longer has no other to take its place. */
	l->changed |= !l->given && !l->tried.again;
	if (!l->tried.again)
		memcpy(l->refused, l->tried.digest, sizeof(l->refused));
	listener_drop(l);
	snprintf(text, sizeof(text), "certificate and key cannot be used%s: %s; correct the files, they are tried again each"
	    " minute; cert %s, key %s", l->taken ? ", those before them are used on" : "", why,
	    l->of == NULL ? l->row->cert : l->further->cert, l->of == NULL ? l->row->key : l->further->key);
	listener_trouble(l, text);
}

/* Nothing is tried any more. */
static void
listener_drop(struct listener *l)
{
	if (!l->tried.again)
		signer_forget(l->tried.keyno);
	pair_free(&l->tried);
	l->asked = ASKED_NOBODY;
}

/* IMSG_POP_LISTENING: popd has taken what it was asked to take, or says why not. */
static int
listen_answer(void *arg, struct imsg *imsg)
{
	struct msg_pop_listening	 m;
	struct listener			*l, *k;

	if (rules_payload(imsg, &m) == -1 || m.refused > 1 || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	if (arg != popd || (l = listener_find(m.id)) == NULL)
		return (0);		/* it was told meanwhile to leave the listener */
	if (l->asked != ASKED_POPD)
		return (-1);
	l->asked = ASKED_NOBODY;
	if (!m.refused) {
		if (l->force.keyno != l->tried.keyno) {
			signer_forget(l->former);
			l->former = l->force.keyno;
		}
		pair_free(&l->force);
		l->force = l->tried;
		memset(&l->tried, 0, sizeof(l->tried));
		l->force.until = m.until;
		l->taken = l->given = 1;
		l->changed = 1;
	} else
		listener_refused(l, m.text);
	if (l->changed)
		listener_give(l);
	TAILQ_FOREACH(k, &listeners, entry)
		if (k->of == l && !k->given)
			listener_give(k);
	listen_part();
	return (0);
}

/* popd has nothing of the listener any more, and what it was asked is not answered. */
static void
listener_lost(struct listener *l)
{
	l->given = 0;
	listener_drop(l);
}

static void
listen_limits(void)
{
	struct msg_pop_limits	 m;

	memset(&m, 0, sizeof(m));
	m.channels = descriptors_channels();
	m.per_address = config_running->settings.pop_per_address;
	link_send(&popd->link, IMSG_POP_LIMITS, -1, &m, sizeof(m));
}

/* popd has what the files hold. */
static void
listener_sound(struct listener *l)
{
	char	 text[PROTO_TEXT_SIZE];

	if (pair_expired(&l->force, text, sizeof(text))) {
		listener_trouble(l, text);
		l->expired = 1;
	} else
		l->trouble[0] = '\0';
}

/* What is in the way of a listener: said once, as long as it stays the same. */
static void
listener_trouble(struct listener *l, const char *text)
{
	if (strcmp(l->trouble, text) != 0)
		log_warnx("listener %s: %s", l->name, text);
	strlcpy(l->trouble, text, sizeof(l->trouble));
	l->expired = 0;
	if (!timer_armed(&again))
		timer_in(&again, AGAIN);
}

static void
listen_again(void *arg)
{
	struct listener	*l;

	(void)arg;
	if (turn_stopping)
		return;
	TAILQ_FOREACH(l, &listeners, entry) {
		listener_bind(l);
		if (l->given && l->trouble[0] == '\0')
			continue;
		memset(l->refused, 0, sizeof(l->refused));
		listener_give(l);
	}
}

void
listen_stop(void)
{
	struct listener	*l;

	timer_stop(&again);
	TAILQ_FOREACH(l, &listeners, entry)
		l->row = NULL;
	listen_leave();
	popd_leave();
}
