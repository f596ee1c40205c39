/* SPDX-License-Identifier: ISC */
/* The beginning of a connection to a next hop: a socket in the file system, and what the sender needs to log in. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "relay_int.h"

/* A non-blocking socket connected to path; -1 and a sentence: it cannot be connected. */
int
login_socket(const char *path, char *err, size_t errsize)
{
	struct sockaddr_un	 sun;
	int			 fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path))
		errno = ENAMETOOLONG;
	else if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) != -1) {
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
			return (fd);
		close(fd);
	}
	snprintf(err, errsize, "%s: %s", path, strerror(errno));
	return (-1);
}

/* The sender gets the connected socket fd, which is consumed, and what it needs to log in.  0, or -1 and a sentence. */
int
login_send(struct worker *sender, int fd, const struct nexthop_row *row, char *err, size_t errsize)
{
	struct msg_send_part	 part = { sender->id, 0 };
	struct msg_send_start	 m;
	struct pem		 ca = { NULL, 0 };
	uint8_t			 secret[PROTO_SECRET_MAX];
	ssize_t			 len = 0;

	if ((row->ca_file[0] != '\0' && pem_read(PEM_CA, row->ca_file, &ca, err, errsize) == -1) || (row->user[0] != '\0' &&
	    (len = config_nexthop_secret(options.store, row, secret, err, errsize)) == -1)) {
		pem_free(&ca);
		close(fd);
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	m.id = sender->id;
	m.protocol = row->protocol;
	m.tls = row->tls;
	m.own_ca = ca.len > 0;
	m.auth = row->user[0] != '\0';
	m.xclient = row->xclient;
	m.null_sender = row->null_sender;
	m.keep_trace = row->keep_trace;
	m.timeout = row->timeout * 1000;
	strlcpy(m.helo, row->helo[0] != '\0' ? row->helo : config_running->settings.hostname, sizeof(m.helo));
	strlcpy(m.tls_name, row->tls_name[0] != '\0' ? row->tls_name : row->host, sizeof(m.tls_name));
	strlcpy(m.user, row->user, sizeof(m.user));
	link_send(&sender->link, IMSG_SEND_START, fd, &m, sizeof(m));
	link_send_parts(&sender->link, IMSG_SEND_CA, &part, sizeof(part), ca.data, ca.len);
	link_send_part(&sender->link, IMSG_SEND_SECRET, &part, sizeof(part), secret, len);
	explicit_bzero(secret, sizeof(secret));
	pem_free(&ca);
	return (0);
}
