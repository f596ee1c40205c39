/* SPDX-License-Identifier: ISC */
/* The oauth process's main program and its end of the channel to the master. */
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/hook.h"
#include "../common/link.h"
#include "../common/log.h"
#include "../common/proc.h"
#include "oauth.h"

#define PART(max)	sizeof(struct msg_token_part), sizeof(struct msg_token_part) + (max)

static int	 token_start(void *, struct imsg *);
static int	 token_ca(void *, struct imsg *);
static int	 token_client(void *, struct imsg *);
static int	 token_refresh(void *, struct imsg *);
static int	 token_part(struct imsg *, int (*)(struct request *, const void *, size_t));
static void	 token_send(uint32_t, const void *, size_t, const char *);
static void	 master_down(void *, const char *) __dead;

static const struct rule	 master_rules[] = {
	{ IMSG_TOKEN_START, sizeof(struct msg_token_start), sizeof(struct msg_token_start), 1, RULES_ANY, token_start },
	{ IMSG_TOKEN_CA, PART(PROTO_FRAME_MAX), 0, RULES_ANY, token_ca },
	{ IMSG_TOKEN_CLIENT, PART(PROTO_SECRET_MAX), 0, RULES_ANY, token_client },
	{ IMSG_TOKEN_REFRESH, PART(PROTO_TOKEN_MAX), 0, RULES_ANY, token_refresh },
	{ IMSG_LOG_LEVEL, sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, proc_log_level }
};

static struct link		 master;

int
main(int argc, char *argv[])
{
	struct proc_conf	 conf;
	uint32_t		 version = PROTO_VERSION;

	proc_getopts(&conf, argc, argv);
	log_init(conf.progname, 1, conf.level);
	if (event_init() == NULL)
		fatalx("event_init");
	if (link_open(&master, PROC_FD, master_rules, nitems(master_rules), NULL, master_down) == -1)
		fatal("channel to the master");
	proc_log_to(&master.ibuf);
	request_init();
	proc_lock_in(&conf, SANDBOX_OAUTH, 0);
	link_send(&master, IMSG_READY, -1, &version, sizeof(version));
	event_dispatch();
	fatalx("the event loop ended");
}

static int
token_start(void *arg __unused, struct imsg *imsg)
{
	struct msg_token_start	 m;
	int			 fd;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.host, sizeof(m.host)) || !proto_str(m.path, sizeof(m.path)) ||
	    !proto_str(m.client_id, sizeof(m.client_id)) || !proto_str(m.scope, sizeof(m.scope)) || m.port == 0 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (request_new(&m, fd) == NULL ? -1 : 0);
}

/* Its octets go to the request it names.  One that has ended by the clock meanwhile has been answered. */
static int
token_part(struct imsg *imsg, int (*take)(struct request *, const void *, size_t))
{
	struct msg_token_part	 part;
	struct request		*r;
	struct ibuf		 ibuf;

	if (imsg_get_ibuf(imsg, &ibuf) == -1 || ibuf_get(&ibuf, &part, sizeof(part)) == -1)
		return (-1);
	if ((r = request_find(part.id)) == NULL)
		return (0);
	return (take(r, ibuf_data(&ibuf), ibuf_size(&ibuf)));
}

static int
token_ca(void *arg __unused, struct imsg *imsg)
{
	return (token_part(imsg, request_ca));
}

static int
token_client(void *arg __unused, struct imsg *imsg)
{
	return (token_part(imsg, request_client));
}

static int
token_refresh(void *arg __unused, struct imsg *imsg)
{
	return (token_part(imsg, request_go));
}

/* A struct of at most sizeof(struct msg_token_granted), and a token behind it. */
static void
token_send(uint32_t type, const void *head, size_t size, const char *token)
{
	uint8_t	 data[sizeof(struct msg_token_granted) + PROTO_TOKEN_MAX];
	size_t	 len = strlen(token);

	memcpy(data, head, size);
	memcpy(data + size, token, len);
	if (link_send(&master, type, -1, data, size + len) == -1)
		fatal("channel to the master");
	explicit_bzero(data, sizeof(data));
}

/* The new refresh token goes first: the master stores it before it uses the access token. */
void
oauth_granted(uint32_t id, const struct answer *a, int rotated)
{
	struct msg_token_part		 part = { id, 0 };
	struct msg_token_granted	 granted = { id, a->lifetime, a->refresh_lifetime, 0 };

	if (rotated)
		token_send(IMSG_TOKEN_ROTATED, &part, sizeof(part), a->refresh);
	token_send(IMSG_TOKEN_GRANTED, &granted, sizeof(granted), a->access);
	/* At once where possible: an answer that does not reach the master may be the only copy of a refresh token. */
	(void)imsgbuf_write(&master.ibuf);
}

void
oauth_failed(uint32_t id, enum fail_why why, const char *text)
{
	struct msg_token_failed	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.why = why;
	strlcpy(m.text, text, sizeof(m.text));
	log_debug("request %u: %s", id, text);
	if (link_send(&master, IMSG_TOKEN_FAILED, -1, &m, sizeof(m)) == -1)
		fatal("channel to the master");
}

/* The master is gone, and so is who wants an answer.  A master that breaks the rules is worse. */
static void
master_down(void *arg __unused, const char *why)
{
	if (why != NULL)
		fatalx("channel to the master: %s", why);
	_exit(0);
}
