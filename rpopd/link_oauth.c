/* SPDX-License-Identifier: ISC */
/* What the oauth process may say: one answer to each request it has. */
#include <string.h>

#include "token.h"

#define PART(max)	sizeof(struct msg_token_part) + 1, sizeof(struct msg_token_part) + (max)

static int	 oauth_rotated(void *, struct imsg *);
static int	 oauth_granted(void *, struct imsg *);
static int	 oauth_failed(void *, struct imsg *);
static struct grant *oauth_part(struct child *, struct imsg *, uint8_t, struct msg_token_part *, struct ibuf *);

const struct rule	 oauth_rules[] = {
	{ IMSG_READY, sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, child_ready },
	{ IMSG_LOG, sizeof(struct msg_log), sizeof(struct msg_log), 0, RULES_ANY, child_log },
	{ IMSG_TOKEN_ROTATED, PART(PROTO_TOKEN_MAX), 0, RULES_ANY, oauth_rotated },
	{ IMSG_TOKEN_GRANTED, PART(PROTO_TOKEN_MAX), 0, RULES_ANY, oauth_granted },
	{ IMSG_TOKEN_FAILED, sizeof(struct msg_token_failed), sizeof(struct msg_token_failed), 0, RULES_ANY, oauth_failed },
};
const size_t	 oauth_nrules = nitems(oauth_rules);

/* Its request, and its octets, of which none is below lowest; or NULL. */
static struct grant *
oauth_part(struct child *c, struct imsg *imsg, uint8_t lowest, struct msg_token_part *part, struct ibuf *ibuf)
{
	const uint8_t	*p;
	size_t		 i;

	if (imsg_get_ibuf(imsg, ibuf) == -1 || ibuf_get(ibuf, part, sizeof(*part)) == -1)
		return (NULL);
	p = ibuf_data(ibuf);
	for (i = 0; i < ibuf_size(ibuf); i++)
		if (p[i] < lowest || p[i] > '~')
			return (NULL);
	return (request_grant(c, part->id));
}

static int
oauth_rotated(void *arg, struct imsg *imsg)
{
	struct msg_token_part	 part;
	struct grant		*g;
	struct ibuf		 ibuf;

	if ((g = oauth_part(arg, imsg, ' ', &part, &ibuf)) == NULL || !request_refreshes(g))
		return (-1);
	token_rotated(g, ibuf_data(&ibuf), ibuf_size(&ibuf));
	return (0);
}

static int
oauth_granted(void *arg, struct imsg *imsg)
{
	struct msg_token_part	 part;
	struct grant		*g;
	struct ibuf		 ibuf;

	if ((g = oauth_part(arg, imsg, '!', &part, &ibuf)) == NULL || part.value > INT32_MAX)
		return (-1);
	request_free(g);
	token_granted(g, ibuf_data(&ibuf), ibuf_size(&ibuf), part.value);
	request_run();
	return (0);
}

static int
oauth_failed(void *arg, struct imsg *imsg)
{
	struct msg_token_failed	 m;
	struct grant		*g;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) ||
	    (m.why != WHY_TOKEN_TEMP && m.why != WHY_TOKEN_PERM) || (g = request_grant(arg, m.id)) == NULL)
		return (-1);
	request_failed(g, m.why, m.text);
	request_run();
	return (0);
}
