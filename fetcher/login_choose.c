/* SPDX-License-Identifier: ISC */
/*
 * The choice of a way to log in, made once from the record and what the server offers.  Nothing leads to another choice later, so
 * that no refusal can make this program take a weaker one.
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "pop3.h"

/* What a way needs besides being offered; CLEAR: no TLS; PREPARED: user and password pass SASLprep (RFC 4013). */
enum need { NEEDS_KEY = 0x01, NEEDS_TOKEN = 0x02, NEEDS_PASSWORD = 0x04, NEEDS_CLEAR = 0x08, NEEDS_PREPARED = 0x10 };

static enum auth_mech	 choose_auto(struct pop3 *);
static int		 choose_usable(const struct pop3 *, unsigned int);
static int		 choose_named(struct pop3 *, enum auth_mech);
static int		 choose_apop(struct pop3 *);
static int		 host_msn(const char *);
static enum auth_mech	 wanted(const struct pop3 *);

/* With auth 'auto' the first way that fits is taken. */
static const struct {
	enum auth_mech	 mech;
	unsigned int	 needs;
} order[] = {
	{ AUTH_EXTERNAL,	NEEDS_KEY },
	{ AUTH_OAUTHBEARER,	NEEDS_TOKEN },
	{ AUTH_XOAUTH2,		NEEDS_TOKEN },
	{ AUTH_SCRAM_SHA_256,	NEEDS_PASSWORD | NEEDS_PREPARED },
	{ AUTH_SCRAM_SHA_1,	NEEDS_PASSWORD | NEEDS_PREPARED },
	{ AUTH_CRAM_MD5,	NEEDS_PASSWORD | NEEDS_PREPARED | NEEDS_CLEAR },
	{ AUTH_PLAIN,		NEEDS_PASSWORD },
	{ AUTH_LOGIN,		NEEDS_PASSWORD }
};

/* Whether a server without CAPA is to be asked for its mechanisms by an AUTH alone, because they may decide the choice. */
int
login_discovers(const struct pop3 *p)
{
	enum auth_mech	 mech = wanted(p);

	if (mech == AUTH_AUTO)
		return (!(p->start->apop && p->challenge[0] != '\0' && !p->start->token));
	return (sasl_is(mech) && !(mech == AUTH_MSN && p->start->auth != AUTH_MSN));
}

/* Returns the way to log in; AUTH_AUTO: there is none, and the session has failed. */
enum auth_mech
login_choose(struct pop3 *p)
{
	enum auth_mech	 mech = wanted(p);

	if (mech == AUTH_AUTO)
		return (choose_auto(p));
	return (choose_named(p, mech) == -1 ? AUTH_AUTO : mech);
}

static enum auth_mech
choose_auto(struct pop3 *p)
{
	char	 text[PROTO_TEXT_SIZE];
	size_t	 i;

	if (p->start->apop && p->challenge[0] != '\0' && !p->start->token &&
	    !(p->login.has_key && p->offer.mechs & 1U << AUTH_EXTERNAL))
		return (AUTH_APOP);
	for (i = 0; i < nitems(order); i++)
		if (p->offer.mechs & 1U << order[i].mech && sasl_supported(order[i].mech) && choose_usable(p, order[i].needs))
			return (order[i].mech);
	if (p->start->token) {
		if (!(p->caps & CAPA_SASL))
			return (AUTH_XOAUTH2);
		(void)pop3_fail(p, WHY_CONFIG, "the record has an access token, and the server takes none: it offers %s",
		    login_offered(p, text, sizeof(text)));
		return (AUTH_AUTO);
	}
	if (p->caps & CAPA_SASL && !(p->caps & (CAPA_USER | CAPA_NONE_AT_ALL)) && p->offer.list[0] != '\0') {
		/* Under TLS CRAM-MD5 has no advantage, but where a server offers nothing else it will do. */
		if (p->offer.mechs & 1U << AUTH_CRAM_MD5 && sasl_supported(AUTH_CRAM_MD5) &&
		    choose_usable(p, NEEDS_PASSWORD | NEEDS_PREPARED))
			return (AUTH_CRAM_MD5);
		(void)pop3_fail(p, WHY_CONFIG, "no way to log in that both sides know: the server offers %s, and not USER",
		    login_offered(p, text, sizeof(text)));
		return (AUTH_AUTO);
	}
	if (p->start->no_capa && !p->secure) {
		(void)pop3_fail(p, WHY_CONFIG, "the server does not stand CAPA, and without TLS no login is chosen in the dark: set auth "
		    "to user, if the password may be sent readable");
		return (AUTH_AUTO);
	}
	return (AUTH_USER);
}

static int
choose_usable(const struct pop3 *p, unsigned int needs)
{
	if (needs & NEEDS_KEY && !p->login.has_key)
		return (0);
	if (needs & NEEDS_TOKEN && !p->start->token)
		return (0);
	if (needs & NEEDS_PASSWORD && p->start->token)
		return (0);
	if (needs & NEEDS_CLEAR && p->secure)
		return (0);
	return (!(needs & NEEDS_PREPARED) || (sasl_prepared(p->start->user, strlen(p->start->user)) &&
	    sasl_prepared(p->secret, p->secretlen)));
}

/*
 * Whether the way that the record names can be used: a server may offer no list of mechanisms, but not one without this mechanism.
 * 0, or -1: the session has failed.
 */
static int
choose_named(struct pop3 *p, enum auth_mech mech)
{
	char	 text[PROTO_TEXT_SIZE];
	int	 oauth = mech == AUTH_OAUTHBEARER || mech == AUTH_XOAUTH2;

	if (mech == AUTH_APOP)
		return (choose_apop(p));
	if (oauth != (p->start->token != 0))
		return (pop3_fail(p, WHY_CONFIG, oauth ? "auth %s needs an access token, not a password" :
		    "auth %s does not take an access token", auth_mech_str(mech)));
	if (!sasl_is(mech))
		return (0);
	if (!sasl_supported(mech))
		return (pop3_fail(p, WHY_CONFIG, "libgsasl on this machine does not have %s", sasl_name(mech)));
	if (p->start->auth == mech && p->caps & CAPA_SASL && !(p->offer.mechs & 1U << mech))
		return (pop3_fail(p, WHY_CONFIG, "the server does not offer %s, but %s", sasl_name(mech),
		    login_offered(p, text, sizeof(text))));
	return (0);
}

/* Puts the server's list of mechanisms into text, encoded, as it is remote text. */
const char *
login_offered(const struct pop3 *p, char *text, size_t size)
{
	if (p->offer.list[0] == '\0')
		return ("no mechanism");
	return (auth_mask_text(&p->mask, text, size, (const uint8_t *)p->offer.list, strlen(p->offer.list)));
}

/* Whether APOP can be used: it needs a strict challenge, and not one that came ahead of STLS.  0, or -1: the session has failed. */
static int
choose_apop(struct pop3 *p)
{
	if (!p->start->apop)
		return (pop3_fail(p, WHY_CONFIG, "auth is apop, but settings.use_apop is 0"));
	if (p->challenge[0] != '\0')
		return (0);
	return (pop3_fail(p, WHY_CONFIG, p->start->tls == TLS_MODE_STLS ?
	    "auth is apop, but with stls the timestamp of the greeting came in clear: set tls to tls or auth to auto" :
	    "auth is apop, but the greeting has no timestamp that is fit for APOP"));
}

/* The way that the record names; for hosts of MSN, without a token, their own; or AUTH_AUTO. */
static enum auth_mech
wanted(const struct pop3 *p)
{
	if (p->start->auth > AUTH_AUTO)
		return (p->start->auth);
	return (host_msn(p->start->host) && !p->start->token ? AUTH_MSN : AUTH_AUTO);
}

static int
host_msn(const char *host)
{
	static const char	 suffix[] = ".msn.com";
	size_t			 len = strlen(host), n = sizeof(suffix) - 1;

	if (len > 0 && host[len - 1] == '.')
		len--;
	return (len > n && strncasecmp(host + len - n, suffix, n) == 0);
}
