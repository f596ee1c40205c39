/* SPDX-License-Identifier: ISC */
/* A line of the client's: which command it is, whether it may be given now, with what; and what is logged of it. */
#include <sys/types.h>

#include <string.h>

#include "common/log.h"
#include "popd.h"

static void	 pop3_command(struct session *, uint8_t *, size_t);
static void	 pop3_log(const struct session *, const struct command *, const uint8_t *, size_t);
static size_t	 sasl_limit(const uint8_t *, size_t);

/* Takes one line and does what it says.  0: there is none. */
int
pop3_line(struct session *s)
{
	enum line_kind	 kind;
	uint8_t		*line;
	size_t		 len;
	int		 sasl = s->state == POP_EXCHANGE || s->state == POP_REFUSED;

	if ((kind = line_next(&session_in, sasl ? sasl_limit : pop3_limit, &line, &len)) == LINE_NONE)
		return (0);
	if (sasl)
		login_response(s, kind == LINE_GOOD ? line : NULL, kind == LINE_GOOD ? len : 0);
	else if (kind == LINE_GOOD)
		pop3_command(s, line, len);
	else
		session_bad(s, kind == LINE_LONG ? "line too long" : "line with a NUL");
	return (1);
}

static size_t
sasl_limit(const uint8_t *line __unused, size_t len __unused)
{
	return (LINE_MAX_SASL);
}

/* Arguments that may be of a secret are wiped, unless they wait to be handed to an auth process. */
static void
pop3_command(struct session *s, uint8_t *line, size_t len)
{
	const struct command	*c;
	struct args		 args;
	size_t			 verb;
	uint32_t		 bad;

	c = pop3_find(line, len, &verb);
	pop3_log(s, c, line, len);
	if (c == NULL)
		session_bad(s, "unknown command");
	else if ((c->states & (1u << s->state)) == 0)
		session_bad(s, s->state == POP_TRANSACTION ? "%s: you are logged in" : "%s: log in first", c->verb);
	else if (pop3_args(c, line + verb, len - verb, &args) == -1)
		session_bad(s, "usage: %s", c->usage);
	else {
		/* What a command refuses itself is as bad as what is refused ahead of it; a login may yet be. */
		bad = s->told.bad;
		c->run(s, &args);
		if (s->told.bad == bad && s->state != POP_ASKED)
			s->bad_row = 0;
	}
	if (s->secret == NULL && (c == NULL || c->secret))
		line_wipe(line, len);
}

/* What is no command may be a password in the wrong place, and is not logged. */
static void
pop3_log(const struct session *s, const struct command *c, const uint8_t *line, size_t len)
{
	char	 vis[LOG_VIS_MAX * 4 + 1];

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (c == NULL)
		log_debug("POP %u: < unknown command, %zu octets", s->start.session, len);
	else if (c->secret)
		log_debug("POP %u: < %s%s", s->start.session, c->verb, len > strlen(c->verb) ? " ..." : "");
	else
		log_debug("POP %u: < %s", s->start.session, log_vis(vis, sizeof(vis), line, len));
}
