/* SPDX-License-Identifier: ISC */
/* What the dialer may say. */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/proto_dialer.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/token/token.h"
#include "child.h"

static int	 dialer_option(int, int);
static int	 dialer_socket(int);
static int	 dialer_dialed(void *, struct imsg *);
static int	 dialer_failed(void *, struct imsg *);

const struct rule	 dialer_rules[] = {
	{ IMSG_READY,		RULES_ANY,	child_ready },
	{ IMSG_LOG,		RULES_ANY,	child_log },
	{ IMSG_DIALED,		RULES_ANY,	dialer_dialed },
	{ IMSG_DIAL_FAILED,	RULES_ANY,	dialer_failed },
};
const size_t	 dialer_nrules = nitems(dialer_rules);

/*
 * Ask for a connection; the answer carries id.  flags: enum dial_flag; source: numeric addresses by commas, of which the first
 * PROTO_SOURCES_MAX count, "" for any; NULL: any, and not through the SOCKS server either.
 */
void
dialer_request(struct child *d, uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source)
{
	const struct settings	*set = &config_running->settings;
	struct msg_dial		 m;
	size_t			 i, len;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.port = port;
	m.flags = flags;
	m.timeout = set->idle_timeout * 1000;
	strlcpy(m.host, host, sizeof(m.host));
	if (source == NULL)
		source = "";
	else
		strlcpy(m.socks, set->socks, sizeof(m.socks));
	for (i = 0; i < nitems(m.source) && *source != '\0'; i++) {
		len = strcspn(source, ",");
		snprintf(m.source[i], sizeof(m.source[i]), "%.*s", (int)len, source);
		source += len + (source[len] == ',');
	}
	link_send(&d->link, IMSG_DIAL, -1, &m, sizeof(m));
}

/* The value of one of a socket's options, -1: it is no socket. */
static int
dialer_option(int fd, int option)
{
	socklen_t	 len;
	int		 value;

	len = sizeof(value);
	return (getsockopt(fd, SOL_SOCKET, option, &value, &len) == -1 ? -1 : value);
}

/*
 * 1: a TCP socket that does not block, as the dialer is to make them.  It is made one that nobody has to wait for who closes it,
 * which may be us: with SO_LINGER and octets that the peer does not take, close(2) would sleep.
 */
static int
dialer_socket(int fd)
{
	struct sockaddr_storage	 ss;
	struct linger		 off = { 0, 0 };
	socklen_t		 len = sizeof(ss);

	return (setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)) == 0 && dialer_option(fd, SO_TYPE) == SOCK_STREAM &&
	    dialer_option(fd, SO_PROTOCOL) == IPPROTO_TCP && dialer_option(fd, SO_ACCEPTCONN) == 0 &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0 && (ss.ss_family == AF_INET || ss.ss_family == AF_INET6) &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

/* A cancelled dial may cross with its success: then nobody wants the descriptor. */
static int
dialer_dialed(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct session		*s;
	struct msg_dialed	 m;
	int			 fd;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.address, sizeof(m.address)))
		return (-1);
	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (!dialer_socket(fd)) {
		close(fd);
		return (-1);
	}
	if (token_dialed(c, m.id, fd) || job_dialed(c, m.id, fd))
		return (0);
	if ((s = session_by_id(m.id)) == NULL || s->dialer != c) {
		close(fd);
		return (0);
	}
	session_dialed(s, fd, m.address);
	return (0);
}

static int
dialer_failed(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct session		*s;
	struct msg_dial_failed	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.why == WHY_NONE || m.why >= WHY_MAX)
		return (-1);
	token_dial_failed(c, m.id, m.text);
	if (job_dial_failed(c, m.id, m.text))
		return (0);
	if ((s = session_by_id(m.id)) == NULL || s->dialer != c)
		return (0);
	s->dialer = NULL;
	child_release(c);
	session_fail(s, STAGE_CONNECT, m.why, m.text);
	return (0);
}
