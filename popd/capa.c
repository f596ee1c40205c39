/* SPDX-License-Identifier: ISC */
/* What the server can do, in this state (RFC 2449): what is named here works, and nothing else is named.  UTF8 and LANG (RFC 6856). */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "popd.h"

static void	 capa_login(const struct session *);
static void	 capa_days(uint32_t, int);

static const char	*lang_find(const uint8_t *, size_t);

/* There is one text for both of them. */
static const struct {
	const char	*tag, *name;
} languages[] = {
	{ "en", "English" },
	{ "i-default", "English, as by default" }
};

void
pop3_capa(struct session *s, const struct args *a __unused)
{
	int		 in = s->state == POP_TRANSACTION;
	uint32_t	 delay = in ? s->opened.login_delay : s->start.login_delay;

	reply_ok(&session_out, "capabilities follow");
	reply_line(&session_out, "TOP");
	reply_line(&session_out, "UIDL");
	reply_line(&session_out, "RESP-CODES");
	reply_line(&session_out, "AUTH-RESP-CODE");
	reply_line(&session_out, "PIPELINING");
	if (!in)
		capa_login(s);
	if (delay > 0)
		reply_line(&session_out, "LOGIN-DELAY %u%s", delay, !in && s->start.login_delay_user ? " USER" : "");
	capa_days(in ? s->opened.expire : s->start.expire, !in && s->start.expire_user);
	reply_line(&session_out, "UTF8 USER");
	reply_line(&session_out, "LANG");
	reply_line(&session_out, "IMPLEMENTATION rpopd");
	reply_line(&session_out, ".");
}

/* The ways to log in. */
static void
capa_login(const struct session *s)
{
	char		 sasl[REPLY_MAX] = "SASL";
	const char	*name;
	unsigned int	 i;

	if (mech_clear(s))
		reply_line(&session_out, "USER");
	for (i = 0; (name = mech_name(s, i)) != NULL; i++) {
		strlcat(sasl, " ", sizeof(sasl));
		strlcat(sasl, name, sizeof(sasl));
	}
	if (i > 0)
		reply_line(&session_out, "%s", sasl);
	if (s->context != NULL && s->conn.tls == NULL)
		reply_line(&session_out, "STLS");
}

/* RFC 2449 section 6.7. */
static void
capa_days(uint32_t days, int user)
{
	const char	*differ = user ? " USER" : "";

	if (days == UINT32_MAX)
		reply_line(&session_out, "EXPIRE NEVER%s", differ);
	else
		reply_line(&session_out, "EXPIRE %u%s", days, differ);
}

/* Messages go out as they are from here on.  It is forgotten with STLS, ahead of which anybody may have said it. */
void
pop3_utf8(struct session *s, const struct args *a __unused)
{
	s->utf8 = 1;
	reply_ok(&session_out, "messages go out in UTF-8");
}

/* Without an argument it lists the languages that answers can have. */
void
pop3_lang(struct session *s __unused, const struct args *a)
{
	const char	*tag;
	size_t		 i;

	if (a->n == 0) {
		reply_ok(&session_out, "languages follow");
		for (i = 0; i < nitems(languages); i++)
			reply_line(&session_out, "%s %s", languages[i].tag, languages[i].name);
		reply_line(&session_out, ".");
	} else if ((tag = lang_find(a->rest, a->restlen)) == NULL)
		reply_err(&session_out, POP_CODE_NONE, "no such language, LANG lists those that there are");
	else
		reply_ok(&session_out, "%s answers are in this language", tag);
}

/* The language that is meant, found by leaving out subtags from the end (RFC 4647 section 3.4); NULL: there is none. */
static const char *
lang_find(const uint8_t *p, size_t n)
{
	size_t	 i;

	if (*p == '*')
		return (languages[0].tag);
	for (; n > 0; n--) {
		if (p[n - 1] == '-')
			continue;
		for (i = 0; i < nitems(languages); i++)
			if (strlen(languages[i].tag) == n && strncasecmp(languages[i].tag, (const char *)p, n) == 0)
				return (languages[i].tag);
		while (n > 1 && p[n - 2] != '-')
			n--;
	}
	return (NULL);
}
