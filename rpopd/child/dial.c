/* SPDX-License-Identifier: ISC */
/*
 * Connections that are being made: who asked for one gets the connected socket, or the reason why there is none.  The dialer
 * knows a dial by the number that its asker gave it; the table here has whose it is.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/ipc/proto_dialer.h"
#include "rpopd/config/config.h"
#include "child_int.h"

struct dial {
	TAILQ_ENTRY(dial)	 entry;
	uint32_t		 id;
	struct child		*dialer;
	void			(*done)(void *, const struct dialed *);
	void			*arg;
};

static struct dial *dial_find(const struct child *, uint32_t);
static void	 dial_end(struct dial *, const struct dialed *);
static int	 dialer_option(int, int);
static int	 dialer_socket(int);
static int	 dialer_dialed(void *, struct imsg *);
static int	 dialer_failed(void *, struct imsg *);

const struct rule	 dialer_rules[] = {
	{ IMSG_DIALED,		RULES_ANY,	dialer_dialed },
	{ IMSG_DIAL_FAILED,	RULES_ANY,	dialer_failed },
};
const size_t	 dialer_nrules = nitems(dialer_rules);

static TAILQ_HEAD(, dial)	 dials = TAILQ_HEAD_INITIALIZER(dials);	/* in the order in which they were asked for */

/*
 * Ask for a connection.  id is the number by which the log names this dial, and no other one under way has it.  flags: enum
 * dial_flag.  source: numeric addresses by commas, of which the first PROTO_SOURCES_MAX count, "" for any; NULL: any, and not
 * through the SOCKS server either.  done(arg, how it ended) is called once, from the event loop, unless dial_cancel() comes
 * first.  NULL: no dialer is ready, and done is not called.
 */
struct dial *
dial_start(uint32_t id, const char *host, uint16_t port, uint16_t flags, const char *source,
    void (*done)(void *, const struct dialed *), void *arg)
{
	const struct settings	*set = &config_running->settings;
	struct child		*dialer = child_current(ROLE_DIALER);
	struct dial		*d;
	struct msg_dial		 m;
	size_t			 i, len;

	if (dialer == NULL)
		return (NULL);
	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("dial");
	d->id = id;
	d->dialer = dialer;
	d->done = done;
	d->arg = arg;
	TAILQ_INSERT_TAIL(&dials, d, entry);
	child_use(dialer);
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
	link_send(&dialer->link, IMSG_DIAL, -1, &m, sizeof(m));
	return (d);
}

/* The asker wants the connection no longer: done is not called, and the dial is freed.  A socket that is on its way is closed. */
void
dial_cancel(struct dial *d)
{
	link_send(&d->dialer->link, IMSG_DIAL_CANCEL, -1, &d->id, sizeof(d->id));
	TAILQ_REMOVE(&dials, d, entry);
	child_release(d->dialer);
	free(d);
}

/* A dialer has died: whoever waits for a connection of its hears so, in the order in which they were asked for. */
void
dial_died(const struct child *dialer)
{
	const struct dialed	 died = { .fd = -1, .died = 1, .why = WHY_LOCAL_TEMP, .text = "the dialer died" };
	struct dial		*d;

	do {
		TAILQ_FOREACH(d, &dials, entry)
			if (d->dialer == dialer)
				break;
		if (d != NULL)
			dial_end(d, &died);
	} while (d != NULL);
}

/* The dial that this dialer was asked for under that number; NULL: none, or it was cancelled. */
static struct dial *
dial_find(const struct child *dialer, uint32_t id)
{
	struct dial	*d;

	TAILQ_FOREACH(d, &dials, entry)
		if (d->id == id && d->dialer == dialer)
			return (d);
	return (NULL);
}

/* Tell the asker of the dial how it ended; the dial is freed. */
static void
dial_end(struct dial *d, const struct dialed *how)
{
	void	(*done)(void *, const struct dialed *) = d->done;
	void	*arg = d->arg;

	TAILQ_REMOVE(&dials, d, entry);
	child_release(d->dialer);
	free(d);
	done(arg, how);
}

/* The value of an option of the socket fd; -1: fd is no socket. */
static int
dialer_option(int fd, int option)
{
	socklen_t	 len;
	int		 value;

	len = sizeof(value);
	return (getsockopt(fd, SOL_SOCKET, option, &value, &len) == -1 ? -1 : value);
}

/*
 * Whether fd is a TCP socket that does not block, as the dialer is to make them: 1 or 0.  SO_LINGER is switched off, since with
 * it close(2) sleeps while the peer does not take what was sent to it, and the master may be the one who closes the socket.
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

/* IMSG_DIALED.  The success of a dial may cross with its cancellation: then nobody wants the descriptor, and it is closed. */
static int
dialer_dialed(void *arg, struct imsg *imsg)
{
	struct dial		*d;
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
	if ((d = dial_find(arg, m.id)) == NULL)
		close(fd);
	else
		dial_end(d, &(struct dialed){ .fd = fd, .address = m.address });
	return (0);
}

/* IMSG_DIAL_FAILED */
static int
dialer_failed(void *arg, struct imsg *imsg)
{
	struct dial		*d;
	struct msg_dial_failed	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.why == WHY_NONE || m.why >= WHY_MAX)
		return (-1);
	if ((d = dial_find(arg, m.id)) != NULL)
		dial_end(d, &(struct dialed){ .fd = -1, .why = m.why, .text = m.text });
	return (0);
}
