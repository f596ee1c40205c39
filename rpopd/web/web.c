/* SPDX-License-Identifier: ISC */
/* The web page: its socket, by settings.web_socket, and the process that accepts connections there. */
#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "web_int.h"

#define AGAIN	60000	/* ms until a socket that cannot be made is tried again */

static void	 web_greet(struct child *);
static void	 web_died(struct child *);
static void	 web_leave(void);
static void	 web_open(void);
static void	 web_close(void);
static void	 web_give(void);
static void	 web_again(void *);

static const struct rule	 rules[] = {		/* what web's listener may say */
	{ IMSG_WEB_REQUEST,	RULES_ANY,	web_request_new },
};

static struct child	*listening;	/* the process that has the socket, or is to have it; NULL: none is ready */
static struct timer	 again;
static struct {
	int	 fd;			/* -1: there is none */
	char	 path[sizeof(config_running->settings.web_socket)];
	char	 group[sizeof(config_running->settings.web_group)];
	char	 trouble[PROTO_TEXT_SIZE];	/* what was told of it last; empty: nothing is wrong */
} sock = { .fd = -1 };

void
web_start(void)
{
	static const struct child_owner	 owner = { .greet = web_greet };
	static const struct child_watch	 watch = { ROLE_WEB, NULL, web_died };

	child_rules(ROLE_WEB, rules, nitems(rules));
	child_own(ROLE_WEB, &owner);
	child_watch(&watch, 1);
	timer_init(&again, web_again, NULL);
	web_open();
}

/* A process is locked in: it gets the socket, and then the one that has had it leaves it. */
static void
web_greet(struct child *c)
{
	if (c != child_of[ROLE_WEB])
		return;			/* it is let go already */
	web_leave();
	listening = c;
	child_use(c);
	web_give();
	child_set_ready(c);
}

/* A process has died; a connection waits in the socket until there is another one. */
static void
web_died(struct child *c)
{
	if (c != listening)
		return;
	listening = NULL;
	child_release(c);
}

/* The process that has the socket leaves it; its requests go on. */
static void
web_leave(void)
{
	if (listening == NULL)
		return;
	link_send(&listening->link, IMSG_WEB_UNLISTEN, -1, NULL, 0);
	child_linger(listening);
	listening = NULL;
}

/* The process gets the socket, if there is one. */
static void
web_give(void)
{
	int	 fd;

	if (listening == NULL || sock.fd == -1)
		return;
	if ((fd = dup(sock.fd)) == -1) {
		log_warn("web_socket %s", sock.path);
		timer_in(&again, AGAIN);
	} else
		link_send(&listening->link, IMSG_WEB_LISTEN, fd, NULL, 0);
}

/* Makes the socket that the settings name, if they name one. */
static void
web_open(void)
{
	const struct settings	*set = &config_running->settings;
	char			 err[PROTO_TEXT_SIZE];

	strlcpy(sock.path, set->web_socket, sizeof(sock.path));
	strlcpy(sock.group, set->web_group, sizeof(sock.group));
	if (sock.path[0] == '\0' || options.once || turn_stopping)
		return;
	if ((sock.fd = web_socket(sock.path, sock.group, err, sizeof(err))) != -1) {
		sock.trouble[0] = '\0';
		log_notice("web_socket %s: listens", sock.path);
		return;
	}
	if (strcmp(sock.trouble, err) != 0)
		log_warnx("%s; it is tried again each minute", err);
	strlcpy(sock.trouble, err, sizeof(sock.trouble));
	timer_in(&again, AGAIN);
}

static void
web_close(void)
{
	timer_stop(&again);
	if (sock.fd == -1)
		return;
	close(sock.fd);
	sock.fd = -1;
	(void)unlink(sock.path);
}

/* The socket could not be made, or not be handed over. */
static void
web_again(void *arg)
{
	(void)arg;
	if (sock.fd == -1)
		web_open();
	web_give();
}

void
web_reload(void)
{
	const struct settings	*set = &config_running->settings;

	/* The process is let go then. */
	if (set->web_socket[0] == '\0') {
		web_leave();
		browser_end_all();
	}
	if (sock.fd != -1 && strcmp(sock.path, set->web_socket) == 0 && strcmp(sock.group, set->web_group) == 0)
		return;
	web_close();
	sock.trouble[0] = '\0';
	web_open();
	web_give();
	/* What cannot be made in the place of the former one leaves none: the process has nothing to accept. */
	if (sock.fd == -1 && listening != NULL)
		link_send(&listening->link, IMSG_WEB_UNLISTEN, -1, NULL, 0);
}

void
web_stop(void)
{
	web_leave();
	web_close();
	browser_end_all();
}
