/* SPDX-License-Identifier: ISC */
/*
 * What record add knows of providers, so that an address is enough.  Nothing is looked up anywhere.  All of them take POP3 at port
 * 995 with TLS from the start, which is what a record has unless it says otherwise.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "rpopctl.h"

#define APP_PASSWORD	"the password is an app password, made in the security settings of the account"
#define WEB_SWITCH	"switch on POP3 and IMAP in the settings of the web mail; with two-factor authentication the password is one " \
	"made for the program"

/* domains: of mail addresses, or names of the provider, for those who have a domain of their own there. */
static const struct provider	 providers[] = {
	{ "Google", "gmail.com googlemail.com", "pop.gmail.com", PROVIDER_ADDRESS,
	    "switch on POP in the settings, under Forwarding and POP/IMAP; the password is an app password, which 2-Step Verification "
	    "permits, or the record has an oauth_client" },
	{ "Microsoft", "outlook.com hotmail.com live.com msn.com office365.com", "outlook.office365.com", PROVIDER_ADDRESS,
	    "switch on POP in the settings of Outlook.com, or have the tenant's administrator do it in Microsoft 365; passwords are not "
	    "taken: the record needs an oauth_client" },
	{ "Yahoo", "yahoo.com yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.co.uk ymail.com rocketmail.com", "pop.mail.yahoo.com",
	    PROVIDER_ADDRESS, APP_PASSWORD },
	{ "AOL", "aol.com", "pop.aol.com", PROVIDER_ADDRESS, APP_PASSWORD },
	{ "GMX", "gmx.net gmx.de gmx.at gmx.ch", "pop.gmx.net", PROVIDER_ADDRESS, WEB_SWITCH },
	{ "GMX.com", "gmx.com", "pop.gmx.com", PROVIDER_ADDRESS, WEB_SWITCH },
	{ "WEB.DE", "web.de", "pop3.web.de", PROVIDER_ADDRESS, WEB_SWITCH },
	{ "Telekom", "t-online.de magenta.de", "securepop.t-online.de", PROVIDER_ADDRESS,
	    "the password is the one for mail programs, set in the customer centre, not that of the Telekom login" },
	{ "Orange", "orange.fr wanadoo.fr", "pop.orange.fr", PROVIDER_ADDRESS, "the password is that of the mailbox" },
	{ "Free", "free.fr", "pop.free.fr", PROVIDER_LOCAL, "the password is that of the mailbox" },
	{ "Yandex", "yandex.ru yandex.com yandex.by yandex.kz ya.ru", "pop.yandex.com", PROVIDER_ADDRESS,
	    "switch on access by mail programs in the settings of the web mail; " APP_PASSWORD },
	{ "Mail.ru", "mail.ru inbox.ru list.ru bk.ru", "pop.mail.ru", PROVIDER_ADDRESS, APP_PASSWORD },
	{ "Fastmail", "fastmail.com fastmail.fm", "pop.fastmail.com", PROVIDER_ADDRESS, APP_PASSWORD },
	{ "Posteo", "posteo.de posteo.net", "posteo.de", PROVIDER_ADDRESS, "the password is that of the mailbox" },
	{ "mailbox.org", "mailbox.org", "pop3.mailbox.org", PROVIDER_ADDRESS,
	    "the password is that of the mailbox; with two-factor authentication it is one made for the program" },
	{ "IONOS", "ionos.de 1und1.de online.de onlinehome.de", "pop.ionos.de", PROVIDER_ADDRESS, "the password is that of the mailbox" },
	{ "Strato", "strato.de", "pop3.strato.de", PROVIDER_ADDRESS, "the password is that of the mailbox" },
	{ "Apple", "icloud.com me.com mac.com", NULL, PROVIDER_ADDRESS, "iCloud Mail has no POP3, only IMAP: it cannot be polled" }
};

static void	 provider_text(const struct out *, const struct provider *);
static void	 provider_json(FILE *, const struct provider *);

/* The provider of this mail domain; NULL: none that is known. */
const struct provider *
provider_find(const char *domain)
{
	const char	*p;
	size_t		 i, n, len = strlen(domain);

	for (i = 0; i < nitems(providers); i++)
		for (p = providers[i].domains; *p != '\0'; p += n + (p[n] == ' '))
			if ((n = strcspn(p, " ")) == len && strncasecmp(p, domain, len) == 0)
				return (&providers[i]);
	return (NULL);
}

const struct provider *
provider_nth(size_t i)
{
	return (i < nitems(providers) ? &providers[i] : NULL);
}

/*
 * What a new record has to have as domain and auth_name; domain and name are those given, NULL if none is.  1: the host of *p, and
 * login, of size octets, empty without a name; 0: nothing is to be filled in; -1: there is no server to be polled, which was said.
 */
int
provider_fill(const char *domain, const char *name, const struct provider **p, char *login, size_t size)
{
	const char	*at = name == NULL ? NULL : strrchr(name, '@');
	char		 shown[320];

	if (domain == NULL && at == NULL) {
		warnx("domain= is missing, the provider's POP3 server; rpopctl providers lists those for which auth_name=ADDRESS is enough");
		return (-1);
	}
	if ((*p = provider_find(domain != NULL ? domain : at + 1)) == NULL && domain == NULL) {
		warnx("%s is at none of the providers that rpopctl providers lists; give domain=, the POP3 server of yours",
		    text_vis(shown, sizeof(shown), at + 1));
		return (-1);
	}
	if (*p == NULL)
		return (0);
	if ((*p)->host == NULL) {
		warnx("%s: %s", (*p)->name, (*p)->note);
		return (-1);
	}
	if (strlcpy(login, name == NULL ? "" : name, size) >= size) {
		warnx("auth_name: that is too long for a login");
		return (-1);
	}
	if ((*p)->login == PROVIDER_LOCAL && at != NULL && provider_find(at + 1) == *p)
		login[at - name] = '\0';
	return (1);
}

/* rpopctl providers; no daemon is asked. */
int
provider_list(struct session *s)
{
	size_t	 i;

	if (s->argc > 1) {
		warnx("providers: too many arguments");
		return (1);
	}
	if (s->json)
		fputs("{\"ok\":true,\"providers\":[", s->o->fp);
	for (i = 0; i < nitems(providers); i++)
		if (!s->json)
			provider_text(s->o, &providers[i]);
		else {
			fputs(i == 0 ? "" : ",", s->o->fp);
			provider_json(s->o->fp, &providers[i]);
		}
	if (s->json)
		fputs("]}\n", s->o->fp);
	return (session_flush(s->o));
}

static void
provider_text(const struct out *o, const struct provider *p)
{
	fprintf(o->fp, "%-12s", p->name);
	print_wrapped(o, p->domains, 12);
	if (p->host != NULL)
		fprintf(o->fp, "%12s%s, port 995, TLS; the login is the %s\n", "", p->host,
		    p->login == PROVIDER_LOCAL ? "local part of the address" : "address");
	fprintf(o->fp, "%12s", "");
	print_wrapped(o, p->note, 12);
}

static void
provider_json(FILE *fp, const struct provider *p)
{
	const char	*d;
	size_t		 n;

	fputs("{\"name\":", fp);
	json_string(fp, p->name, strlen(p->name));
	fputs(",\"domains\":[", fp);
	for (d = p->domains; *d != '\0'; d += n + (d[n] == ' ')) {
		n = strcspn(d, " ");
		fputs(d == p->domains ? "" : ",", fp);
		json_string(fp, d, n);
	}
	if (p->host == NULL)
		fputs("],\"host\":null,\"port\":null,\"tls\":null,\"login\":null,\"note\":", fp);
	else
		fprintf(fp, "],\"host\":\"%s\",\"port\":995,\"tls\":\"tls\",\"login\":\"%s\",\"note\":", p->host,
		    p->login == PROVIDER_LOCAL ? "local-part" : "address");
	json_string(fp, p->note, strlen(p->note));
	putc('}', fp);
}
