/* SPDX-License-Identifier: ISC */
/* The oauth program: a template that forks a process for each token request, and that process's channel to the master. */
#include <string.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/work.h"
#include "oauth.h"


static int	 token_start(void *, struct imsg *);
static int	 token_ca(void *, struct imsg *);
static int	 token_client(void *, struct imsg *);
static int	 token_credential(void *, struct imsg *);
static void	 token_send(uint32_t, const void *, size_t, const char *);

static const struct rule	 master_rules[] = {
	{ IMSG_TOKEN_START,	RULES_ANY,	token_start },
	{ IMSG_TOKEN_CA,	RULES_ANY,	token_ca },
	{ IMSG_TOKEN_CLIENT,	RULES_ANY,	token_client },
	{ IMSG_TOKEN_CREDENTIAL,	RULES_ANY,	token_credential },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

static const struct work	 oauth = {
	.role = SANDBOX_OAUTH,
	.rules = master_rules,
	.nrules = nitems(master_rules),
	.warm = request_init,
	.ready = request_ready,
	.late = request_late
};

int
main(int argc, char *argv[])
{
	work_main(&oauth, argc, argv);
}

static int
token_start(void *arg __unused, struct imsg *imsg)
{
	struct msg_token_start	 m;
	int			 fd;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.host, sizeof(m.host)) || !proto_str(m.path, sizeof(m.path)) ||
	    !proto_str(m.client_id, sizeof(m.client_id)) || !proto_str(m.scope, sizeof(m.scope)) || m.port == 0 ||
	    m.ask >= TOKEN_ASK_MAX || (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (request_begin(&m, fd));
}

static int
token_ca(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_token_part), request_ca));
}

static int
token_client(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_token_part), request_client));
}

static int
token_credential(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_token_part), request_go));
}

/* Sends a message of a head, of at most sizeof(struct msg_token_device), and a token or a code behind it. */
static void
token_send(uint32_t type, const void *head, size_t size, const char *token)
{
	uint8_t	 data[sizeof(struct msg_token_device) + PROTO_TOKEN_MAX];
	size_t	 len = strlen(token);

	memcpy(data, head, size);
	memcpy(data + size, token, len);
	work_send(type, data, size + len);
	explicit_bzero(data, sizeof(data));
}

/*
 * The provider has given a token.  A new refresh token goes first, because the master stores it before it uses the access token,
 * and because this may be its only copy.
 */
void
oauth_granted(uint32_t id, const struct answer *a, int rotated)
{
	struct msg_token_part		 part = { id, 0 };
	struct msg_token_granted	 granted = { id, a->lifetime, a->refresh_lifetime, 0 };

	if (HOOK_ACTING("others"))
		for (granted.id = id > 8 ? id - 8 : 1; granted.id < id + 8; granted.id += granted.id == id - 1 ? 2 : 1)
			token_send(IMSG_TOKEN_GRANTED, &granted, sizeof(granted), a->access);
	if (rotated)
		token_send(IMSG_TOKEN_ROTATED, &part, sizeof(part), a->refresh);
	token_send(IMSG_TOKEN_GRANTED, &granted, sizeof(granted), a->access);
}

/* The provider has given a device code. */
void
oauth_device(uint32_t id, struct device *d)
{
	d->m.id = id;
	token_send(IMSG_TOKEN_DEVICE, &d->m, sizeof(d->m), d->code);
}

/* The person has not decided yet. */
void
oauth_pending(uint32_t id, int slow_down)
{
	struct msg_token_pending	 m = { id, slow_down };

	work_send(IMSG_TOKEN_PENDING, &m, sizeof(m));
}

void
oauth_failed(uint32_t id, enum fail_why why, const char *text)
{
	struct msg_token_failed	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.why = why;
	strlcpy(m.text, text, sizeof(m.text));
	log_debug("%s", text);
	work_send(IMSG_TOKEN_FAILED, &m, sizeof(m));
}
