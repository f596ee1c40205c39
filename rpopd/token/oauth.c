/* SPDX-License-Identifier: ISC */
/* What an oauth process may say: one answer to the request it was forked for. */
#include <string.h>

#include "common/ipc/proto_oauth.h"
#include "rpopd/child/child.h"
#include "token_int.h"


static int	 oauth_rotated(void *, struct imsg *);
static int	 oauth_granted(void *, struct imsg *);
static int	 oauth_device(void *, struct imsg *);
static int	 oauth_pending(void *, struct imsg *);
static int	 oauth_failed(void *, struct imsg *);
static const struct request_calls *oauth_over(struct token_request *, void **);
static int	 oauth_ascii(const char *, size_t, char);
static int	 oauth_token(struct imsg *, uint8_t, void *, size_t, struct ibuf *);

const struct rule	 oauth_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_TOKEN_ROTATED,	RULES_ANY,	oauth_rotated },
	{ IMSG_TOKEN_GRANTED,	RULES_ANY,	oauth_granted },
	{ IMSG_TOKEN_DEVICE,	RULES_ANY,	oauth_device },
	{ IMSG_TOKEN_PENDING,	RULES_ANY,	oauth_pending },
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
	struct token_request	*r;
	struct ibuf		 ibuf;

	if (oauth_token(imsg, ' ', &part, sizeof(part), &ibuf) == -1 || (r = request_of(arg, part.id)) == NULL ||
	    r->calls->rotated == NULL)
		return (-1);
	r->calls->rotated(r->arg, ibuf_data(&ibuf), ibuf_size(&ibuf));
	return (0);
}

/* IMSG_TOKEN_GRANTED: the answer had an access token. */
static int
oauth_granted(void *arg, struct imsg *imsg)
{
	const struct request_calls	*calls;
	struct msg_token_granted	 m;
	struct token_request		*r;
	struct ibuf			 ibuf;
	void				*asker;

	if (oauth_token(imsg, '!', &m, sizeof(m), &ibuf) == -1 || (r = request_of(arg, m.id)) == NULL ||
	    r->calls->granted == NULL || m.lifetime > INT32_MAX || m.refresh_lifetime > INT32_MAX)
		return (-1);
	calls = oauth_over(r, &asker);
	calls->granted(asker, &m, ibuf_data(&ibuf), ibuf_size(&ibuf));
	return (0);
}

/* IMSG_TOKEN_DEVICE: the answer had a device code, and what a person is to be told. */
static int
oauth_device(void *arg, struct imsg *imsg)
{
	const struct request_calls	*calls;
	struct msg_token_device		 m;
	struct token_request		*r;
	struct ibuf			 ibuf;
	void				*asker;

	if (oauth_token(imsg, ' ', &m, sizeof(m), &ibuf) == -1 || (r = request_of(arg, m.id)) == NULL || r->calls->device == NULL ||
	    !oauth_ascii(m.user_code, sizeof(m.user_code), ' ') || !oauth_ascii(m.uri, sizeof(m.uri), '!') ||
	    !oauth_ascii(m.uri_complete, sizeof(m.uri_complete), '!') || m.user_code[0] == '\0' || m.uri[0] == '\0' ||
	    m.lifetime == 0 || m.lifetime > INT32_MAX || m.interval == 0 || m.interval > INT32_MAX)
		return (-1);
	calls = oauth_over(r, &asker);
	calls->device(asker, &m, ibuf_data(&ibuf), ibuf_size(&ibuf));
	return (0);
}

/* IMSG_TOKEN_PENDING: the person has not decided yet. */
static int
oauth_pending(void *arg, struct imsg *imsg)
{
	const struct request_calls	*calls;
	struct msg_token_pending	 m;
	struct token_request		*r;
	void				*asker;

	if (rules_payload(imsg, &m) == -1 || m.slow_down > 1 || (r = request_of(arg, m.id)) == NULL || r->calls->pending == NULL)
		return (-1);
	calls = oauth_over(r, &asker);
	calls->pending(asker, (int)m.slow_down);
	return (0);
}

/* A request is over: it is freed.  Returns whom its end is told to, with *asker as the argument. */
static const struct request_calls *
oauth_over(struct token_request *r, void **asker)
{
	const struct request_calls	*calls = r->calls;

	*asker = r->arg;
	request_free(r);
	return (calls);
}

/* 1: the array holds a string in which no octet is below lowest or above a tilde. */
static int
oauth_ascii(const char *s, size_t size, char lowest)
{
	if (!proto_str(s, size))
		return (0);
	for (; *s >= lowest && *s <= '~'; s++)
		continue;
	return (*s == '\0');
}

/* IMSG_TOKEN_FAILED: there was no answer, or a refusal. */
static int
oauth_failed(void *arg, struct imsg *imsg)
{
	struct msg_token_failed	 m;
	struct token_request	*r;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) ||
	    (m.why != WHY_TOKEN_TEMP && m.why != WHY_TOKEN_PERM) || (r = request_of(arg, m.id)) == NULL)
		return (-1);
	request_failed(r, m.why, m.text);
	return (0);
}
