/* SPDX-License-Identifier: ISC */
/* What an oauth process may say: one answer to the request it was forked for. */
#include <string.h>

#include "common/ipc/proto_oauth.h"
#include "rpopd/child/child.h"
#include "token_int.h"


static int	 oauth_rotated(void *, struct imsg *);
static int	 oauth_granted(void *, struct imsg *);
static int	 oauth_failed(void *, struct imsg *);
static int	 oauth_token(struct imsg *, uint8_t, void *, size_t, struct ibuf *);

const struct rule	 oauth_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_TOKEN_ROTATED,	RULES_ANY,	oauth_rotated },
	{ IMSG_TOKEN_GRANTED,	RULES_ANY,	oauth_granted },
	{ IMSG_TOKEN_FAILED,	RULES_ANY,	oauth_failed },
};
const size_t	 oauth_nrules = nitems(oauth_rules);

/*
 * Take a message of a structure, into head, and of a token behind it, in which no octet is below lowest or above a tilde.  0,
 * or -1: it is not like that.
 */
static int
oauth_token(struct imsg *imsg, uint8_t lowest, void *head, size_t size, struct ibuf *token)
{
	const uint8_t	*p;
	size_t		 i;

	if (imsg_get_ibuf(imsg, token) == -1 || ibuf_get(token, head, size) == -1)
		return (-1);
	p = ibuf_data(token);
	for (i = 0; i < ibuf_size(token); i++)
		if (p[i] < lowest || p[i] > '~')
			return (-1);
	return (0);
}

/* IMSG_TOKEN_ROTATED: the answer had a new refresh token. */
static int
oauth_rotated(void *arg, struct imsg *imsg)
{
	struct msg_token_part	 part;
	struct grant		*g;
	struct ibuf		 ibuf;

	if (oauth_token(imsg, ' ', &part, sizeof(part), &ibuf) == -1 || (g = request_grant(arg, part.id)) == NULL ||
	    !request_refreshes(g))
		return (-1);
	token_rotated(g, ibuf_data(&ibuf), ibuf_size(&ibuf));
	return (0);
}

/* IMSG_TOKEN_GRANTED: the answer had an access token. */
static int
oauth_granted(void *arg, struct imsg *imsg)
{
	struct msg_token_granted	 m;
	struct grant			*g;
	struct ibuf			 ibuf;
	int				 refreshes;

	if (oauth_token(imsg, '!', &m, sizeof(m), &ibuf) == -1 || (g = request_grant(arg, m.id)) == NULL ||
	    m.lifetime > INT32_MAX || m.refresh_lifetime > INT32_MAX)
		return (-1);
	refreshes = request_refreshes(g);
	request_free(g);
	if (refreshes && m.refresh_lifetime > 0)
		expiry_said(g, m.refresh_lifetime);
	token_granted(g, ibuf_data(&ibuf), ibuf_size(&ibuf), m.lifetime);
	return (0);
}

/* IMSG_TOKEN_FAILED: there was no answer, or a refusal. */
static int
oauth_failed(void *arg, struct imsg *imsg)
{
	struct msg_token_failed	 m;
	struct grant		*g;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) ||
	    (m.why != WHY_TOKEN_TEMP && m.why != WHY_TOKEN_PERM) || (g = request_grant(arg, m.id)) == NULL)
		return (-1);
	request_failed(g, m.why, m.text);
	return (0);
}
