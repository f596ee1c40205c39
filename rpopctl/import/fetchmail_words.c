/* SPDX-License-Identifier: ISC */
/* The words of fetchmail's language, as release 6.4.37 has them, and what stands behind each option. */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fetchmail_int.h"

#define OPTION(name, option)	{ name, FM_OPTION, option, FM_PLAIN }
#define PROTO(name, value)	{ name, FM_PROTOCOL_WORD, value, FM_PLAIN }
#define AUTH(name, value)	{ name, FM_AUTH_WORD, value, FM_PLAIN }
#define NO(name)		{ name, FM_NO_OPTION, 0, FM_PLAIN }

struct key {
	const char	*word;
	size_t		 len;
};

/* In the order of strcmp(3).  Case counts; protocols have two. */
static const struct fm_word	 words[] = {
	PROTO("APOP", FM_PROTO_APOP), PROTO("AUTO", FM_PROTO_AUTO), PROTO("ETRN", FM_PROTO_ETRN), PROTO("IMAP", FM_PROTO_IMAP),
	PROTO("KPOP", FM_PROTO_KPOP), PROTO("ODMR", FM_PROTO_ODMR), PROTO("POP2", FM_PROTO_POP2), PROTO("POP3", FM_PROTO_POP3),
	PROTO("RPOP", FM_PROTO_RPOP), PROTO("SDPS", FM_PROTO_SDPS),
	{ "accept", FM_HEADER_WORD, 1, FM_PLAIN },
	OPTION("aka", FM_AKA),
	{ "and", FM_NOISE, 0, FM_PLAIN },
	OPTION("antispam", FM_ANTISPAM),
	AUTH("any", FM_AUTH_ANY),
	PROTO("apop", FM_PROTO_APOP),
	{ "auth", FM_OPTION, FM_AUTH, FM_AUTHTYPE },
	{ "authenticate", FM_OPTION, FM_AUTH, FM_AUTHTYPE },
	PROTO("auto", FM_PROTO_AUTO),
	OPTION("bad-header", FM_BADHEADER), OPTION("batchlimit", FM_BATCHLIMIT), OPTION("bouncemail", FM_SET_BOUNCEMAIL),
	OPTION("bsmtp", FM_BSMTP), OPTION("checkalias", FM_CHECKALIAS),
	AUTH("cram", FM_AUTH_CRAM_MD5), AUTH("cram-md5", FM_AUTH_CRAM_MD5),
	OPTION("daemon", FM_SET_DAEMON),
	{ "defaults", FM_DEFAULTS, 0, FM_PLAIN },
	OPTION("dns", FM_DNS), OPTION("dropdelivered", FM_DROPDELIVERED), OPTION("dropstatus", FM_DROPSTATUS),
	OPTION("envelope", FM_ENVELOPE), OPTION("esmtpname", FM_ESMTPNAME), OPTION("esmtppassword", FM_ESMTPPASSWORD),
	PROTO("etrn", FM_PROTO_ETRN),
	OPTION("expunge", FM_EXPUNGE),
	AUTH("external", FM_AUTH_EXTERNAL),
	OPTION("fastuidl", FM_FASTUIDL), OPTION("fetchall", FM_FETCHALL), OPTION("fetchdomains", FM_FETCHDOMAINS),
	OPTION("fetchlimit", FM_FETCHLIMIT), OPTION("fetchsizelimit", FM_FETCHSIZELIMIT), OPTION("flush", FM_FLUSH),
	OPTION("folder", FM_FOLDER), OPTION("folders", FM_FOLDER), OPTION("forcecr", FM_FORCECR),
	AUTH("gssapi", FM_AUTH_GSSAPI),
	{ "has", FM_NOISE, 0, FM_PLAIN },
	{ "here", FM_HERE, 0, FM_PLAIN },
	OPTION("idfile", FM_SET_IDFILE), OPTION("idle", FM_IDLE),
	PROTO("imap", FM_PROTO_IMAP),
	OPTION("interface", FM_INTERFACE), OPTION("interval", FM_INTERVAL), OPTION("invisible", FM_SET_INVISIBLE),
	{ "is", FM_OPTION, FM_IS, FM_NAME },
	OPTION("keep", FM_KEEP),
	AUTH("kerberos", FM_AUTH_KERBEROS4), AUTH("kerberos4", FM_AUTH_KERBEROS4), AUTH("kerberos5", FM_AUTH_KERBEROS5),
	AUTH("kerberos_v4", FM_AUTH_KERBEROS4), AUTH("kerberos_v5", FM_AUTH_KERBEROS5),
	PROTO("kpop", FM_PROTO_KPOP),
	OPTION("limit", FM_LIMIT), OPTION("limitflush", FM_LIMITFLUSH), OPTION("lmtp", FM_LMTP), OPTION("local", FM_LOCALDOMAINS),
	OPTION("localdomains", FM_LOCALDOMAINS), OPTION("logfile", FM_SET_LOGFILE), OPTION("mda", FM_MDA),
	OPTION("mimedec", FM_MIMEDECODE), OPTION("mimedecode", FM_MIMEDECODE), OPTION("monitor", FM_MONITOR),
	AUTH("msn", FM_AUTH_MSN),
	{ "no", FM_NO, 0, FM_PLAIN },
	NO("nobouncemail"), NO("nocheckalias"), NO("nodns"), NO("nodropdelivered"), NO("nodropstatus"), NO("noenvelope"),
	NO("nofetchall"), NO("noflush"), NO("noforcecr"), NO("noidle"), NO("nokeep"), NO("nolimitflush"), NO("nomimedec"),
	NO("nomimedecode"), NO("nopass8"), NO("nopass8bits"), NO("norewrite"), NO("nospambounce"), NO("nostripcr"), NO("nouidl"),
	AUTH("ntlm", FM_AUTH_NTLM),
	PROTO("odmr", FM_PROTO_ODMR),
	AUTH("opie", FM_AUTH_OTP),
	{ "options", FM_NOISE, 0, FM_PLAIN },
	AUTH("otp", FM_AUTH_OTP),
	{ "pass", FM_OPTION, FM_PASSWORD, FM_NAME },
	OPTION("pass8", FM_PASS8BITS), OPTION("pass8bits", FM_PASS8BITS),
	{ "password", FM_OPTION, FM_PASSWORD, FM_NAME },
	OPTION("pidfile", FM_SET_PIDFILE), OPTION("plugin", FM_PLUGIN), OPTION("plugout", FM_PLUGOUT),
	{ "poll", FM_POLL, 0, FM_PLAIN },
	PROTO("pop2", FM_PROTO_POP2), PROTO("pop3", FM_PROTO_POP3),
	OPTION("port", FM_PORT), OPTION("post", FM_POSTCONNECT), OPTION("postconnect", FM_POSTCONNECT),
	OPTION("postmaster", FM_SET_POSTMASTER), OPTION("pre", FM_PRECONNECT),
	{ "preauth", FM_OPTION, FM_AUTH, FM_AUTHTYPE },
	{ "preauthenticate", FM_OPTION, FM_AUTH, FM_AUTHTYPE },
	OPTION("preconnect", FM_PRECONNECT), OPTION("principal", FM_PRINCIPAL), OPTION("properties", FM_PROPERTIES),
	OPTION("proto", FM_PROTOCOL), OPTION("protocol", FM_PROTOCOL), OPTION("qvirtual", FM_QVIRTUAL),
	{ "reject", FM_HEADER_WORD, 0, FM_PLAIN },
	OPTION("rewrite", FM_REWRITE),
	PROTO("rpop", FM_PROTO_RPOP), PROTO("sdps", FM_PROTO_SDPS),
	{ "server", FM_POLL, 0, FM_PLAIN },
	OPTION("service", FM_SERVICE),
	{ "set", FM_SET, 0, FM_PLAIN },
	OPTION("showdots", FM_SET_SHOWDOTS),
	{ "skip", FM_SKIP, 0, FM_PLAIN },
	OPTION("smtp", FM_SMTPHOST), OPTION("smtpaddress", FM_SMTPADDRESS), OPTION("smtphost", FM_SMTPHOST),
	OPTION("smtpname", FM_SMTPNAME), OPTION("softbounce", FM_SET_SOFTBOUNCE), OPTION("spambounce", FM_SET_SPAMBOUNCE),
	AUTH("ssh", FM_AUTH_SSH),
	OPTION("ssl", FM_SSL), OPTION("sslcert", FM_SSLCERT), OPTION("sslcertck", FM_SSLCERTCK),
	OPTION("sslcertfile", FM_SSLCERTFILE), OPTION("sslcertpath", FM_SSLCERTPATH), OPTION("sslcommonname", FM_SSLCOMMONNAME),
	OPTION("sslfingerprint", FM_SSLFINGERPRINT), OPTION("sslkey", FM_SSLKEY), OPTION("sslproto", FM_SSLPROTO),
	OPTION("stripcr", FM_STRIPCR), OPTION("syslog", FM_SET_SYSLOG),
	{ "there", FM_THERE, 0, FM_PLAIN },
	OPTION("timeout", FM_TIMEOUT),
	{ "to", FM_OPTION, FM_TO, FM_NAME },
	OPTION("tracepolls", FM_TRACEPOLLS), OPTION("uidl", FM_UIDL),
	{ "user", FM_OPTION, FM_USER, FM_NAME },
	{ "username", FM_OPTION, FM_USER, FM_NAME },
	OPTION("via", FM_VIA),
	{ "wants", FM_NOISE, 0, FM_PLAIN },
	OPTION("warnings", FM_WARNINGS),
	{ "with", FM_NOISE, 0, FM_PLAIN },
};

#define ALL(argument)		{ FM_OF_ALL, FM_ARG_##argument, 1 }
#define SERVER(argument)	{ FM_OF_SERVER, FM_ARG_##argument, 0 }
#define USER(argument)		{ FM_OF_USER, FM_ARG_##argument, 0 }

const struct fm_rule	 fm_rules[FM_OPTIONS] = {
	[FM_SET_BOUNCEMAIL] = ALL(SWITCH), [FM_SET_DAEMON] = ALL(NUMBER), [FM_SET_IDFILE] = ALL(TEXT),
	[FM_SET_INVISIBLE] = ALL(SWITCH), [FM_SET_LOGFILE] = ALL(TEXT), [FM_SET_PIDFILE] = ALL(TEXT),
	[FM_SET_POSTMASTER] = ALL(TEXT), [FM_SET_SHOWDOTS] = ALL(SWITCH), [FM_SET_SOFTBOUNCE] = ALL(SWITCH),
	[FM_SET_SPAMBOUNCE] = ALL(SWITCH), [FM_SET_SYSLOG] = ALL(SWITCH),

	[FM_AKA] = { FM_OF_SERVER, FM_ARG_LIST, 1 }, [FM_AUTH] = SERVER(AUTH), [FM_BADHEADER] = SERVER(HEADER),
	[FM_CHECKALIAS] = SERVER(SWITCH), [FM_DNS] = SERVER(SWITCH), [FM_ENVELOPE] = SERVER(ENVELOPE),
	[FM_ENVELOPE_SKIP] = SERVER(NUMBER), [FM_ESMTPNAME] = { FM_OF_SERVER, FM_ARG_TEXT, 1 },
	[FM_ESMTPPASSWORD] = { FM_OF_SERVER, FM_ARG_TEXT, 1 }, [FM_INTERFACE] = SERVER(TEXT), [FM_INTERVAL] = SERVER(NUMBER),
	[FM_LOCALDOMAINS] = SERVER(LIST), [FM_MONITOR] = SERVER(TEXT), [FM_PLUGIN] = SERVER(TEXT), [FM_PLUGOUT] = SERVER(TEXT),
	[FM_PORT] = SERVER(NUMBER), [FM_PRINCIPAL] = SERVER(TEXT), [FM_PROTOCOL] = SERVER(PROTOCOL), [FM_QVIRTUAL] = SERVER(TEXT),
	[FM_SERVICE] = SERVER(SERVICE), [FM_TIMEOUT] = SERVER(NUMBER), [FM_TRACEPOLLS] = SERVER(SWITCH), [FM_UIDL] = SERVER(SWITCH),
	[FM_VIA] = SERVER(TEXT),

	[FM_ANTISPAM] = USER(NUMBERS), [FM_BATCHLIMIT] = USER(NUMBER), [FM_BSMTP] = USER(TEXT), [FM_DROPDELIVERED] = USER(SWITCH),
	[FM_DROPSTATUS] = USER(SWITCH), [FM_EXPUNGE] = USER(NUMBER), [FM_FASTUIDL] = USER(NUMBER), [FM_FETCHALL] = USER(SWITCH),
	[FM_FETCHDOMAINS] = USER(LIST), [FM_FETCHLIMIT] = USER(NUMBER), [FM_FETCHSIZELIMIT] = USER(NUMBER),
	[FM_FLUSH] = USER(SWITCH), [FM_FOLDER] = USER(LIST), [FM_FORCECR] = USER(SWITCH), [FM_IDLE] = USER(SWITCH),
	[FM_IS] = USER(NAMES), [FM_KEEP] = USER(SWITCH), [FM_LIMIT] = USER(NUMBER), [FM_LIMITFLUSH] = USER(SWITCH),
	[FM_LMTP] = USER(MARK), [FM_MDA] = USER(TEXT), [FM_MIMEDECODE] = USER(SWITCH), [FM_PASS8BITS] = USER(SWITCH),
	[FM_PASSWORD] = USER(TEXT), [FM_POSTCONNECT] = USER(TEXT), [FM_PRECONNECT] = USER(TEXT),
	[FM_PROPERTIES] = { FM_OF_ALL | FM_OF_USER, FM_ARG_TEXT, 0 }, [FM_REWRITE] = USER(SWITCH), [FM_SMTPADDRESS] = USER(TEXT),
	[FM_SMTPHOST] = USER(LIST), [FM_SMTPNAME] = USER(TEXT), [FM_SSL] = USER(SWITCH), [FM_SSLCERT] = USER(TEXT),
	[FM_SSLCERTCK] = USER(SWITCH), [FM_SSLCERTFILE] = USER(TEXT), [FM_SSLCERTPATH] = USER(TEXT),
	[FM_SSLCOMMONNAME] = USER(TEXT), [FM_SSLFINGERPRINT] = USER(TEXT), [FM_SSLKEY] = USER(TEXT), [FM_SSLPROTO] = USER(TEXT),
	[FM_STRIPCR] = USER(SWITCH), [FM_TO] = USER(NAMES), [FM_USER] = USER(TEXT), [FM_WARNINGS] = USER(NUMBER),
	[FM_WILDCARD] = USER(MARK),
};

static int
word_cmp(const void *key, const void *word)
{
	const struct key	*k = key;
	const char		*name = ((const struct fm_word *)word)->name;
	int			 c;

	if ((c = strncmp(k->word, name, k->len)) != 0)
		return (c);
	return (name[k->len] == '\0' ? 0 : -1);
}

const struct fm_word *
fm_word(const char *word, size_t len)
{
	struct key	 key = { word, len };

	return (bsearch(&key, words, nitems(words), sizeof(words[0]), word_cmp));
}
