/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* fetchmailrc: every option and what it becomes, words and their quotes, users, defaults, and the two other files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "importrig.h"

#define SERVER	"poll pop.example.net proto pop3 "
#define USER	"user anna pass p is anna here "
#define MULTI	"user m pass p is * here "
#define NOTE(words)	"note 1 " words
#define LOST(words)	"lost 1 " words
#define ASK(words)	"question 1 " words

static void
whole(void **state)
{
	char	*text = told_file(&import_fetchmail, "set daemon 300\n" SERVER "\n" USER "ssl keep limit 100000\n");

	(void)state;
	assert_string_equal(text, "record "
	    "3\nname=pop.example.net\naccount=anna\ntls=tls\ndomain=pop.example.net\nauth_name=anna\npassword=p\n"
	    "period=300\nleave=1\nmax_size=100000\n"
	    "file note 0 1 record leaves mail on the server: without fetchmail's file of seen messages, ~/.fetchids or that of "
	    "idfile, all of "
	    "it is retrieved once more\n"
	    "file note 0 fetchmail hands mail to the mail server of this machine, and rpopd delivers it into Maildirs below "
	    "settings.mail_root; a row of table nexthop, named in settings.nexthop or account.nexthop, hands mail on as before\n");
	free(text);
}

/* Options of a server, ahead of one whose mail is one user's. */
static const struct told_case	 server_options[] = {
	{ "", { "account=anna\n", "auth_name=anna\n", "password=p\n", "leave=0\n", "tls=stls\n", "period=600\n" } },
	{ "port 110", { "domain=pop.example.net\n" } },
	{ "port 1110", { "domain=pop.example.net:1110\n" } },
	{ "port 0", { ASK("domain: the service 0 is no port"), "!domain=" } },
	{ "port -1", { ASK("domain: "), "!domain=" } },
	{ "port 65536", { ASK("domain: "), "!domain=" } },
	{ "service 995", { "domain=pop.example.net:995\n" } },
	{ "service \"1995\"", { "domain=pop.example.net:1995\n" } },
	{ "service \"pop3\"", { "domain=pop.example.net\n" } },
	{ "service pop3s", { "domain=pop.example.net:995\n" } },
	{ "service mail", { ASK("domain: the service mail is no port") } },
	{ "via 192.0.2.1", { "domain=192.0.2.1\n", "name=pop.example.net\n" } },
	{ "via ::1", { "error 1 1 cannot stand here: a text is due" } },
	{ "via '::1' port 1110", { "domain=[::1]:1110\n" } },
	{ "via 'no host'", { ASK("domain: the server no host is no host name") } },
	{ "via mail.example.net.", { "domain=mail.example.net\n" } },
	{ "interval 3", { "period=1800\n" } }, { "interval 0", { "period=600\n" } }, { "interval -4", { "period=600\n" } },
	{ "interval 100000", { "period=31536000\n", NOTE("it is polled every 31536000 seconds in place of 60000000") } },
	{ "auth any", { "!auth=" } }, { "auth password", { "auth=user\n" } }, { "authenticate cram-md5", { "auth=cram-md5\n" } },
	{ "preauth cram", { "auth=cram-md5\n" } }, { "preauthenticate ntlm", { "auth=ntlm\n" } }, { "auth msn", { "auth=msn\n" } },
	{ "auth gssapi", { ASK("auth: gssapi logs in by Kerberos"), "!auth=" } },
	{ "auth kerberos", { ASK("auth: rpopd does not have Kerberos") } }, { "auth kerberos4", { ASK("auth: ") } },
	{ "auth kerberos_v4", { ASK("auth: ") } }, { "auth kerberos5", { ASK("auth: ") } }, { "auth kerberos_v5", { ASK("auth: "
	    "") } },
	{ "auth ssh", { ASK("auth: ssh means no login") } }, { "auth external", { ASK("auth: fetchmail has external for IMAP") } },
	{ "auth otp", { ASK("auth: rpopd does not have one-time") } }, { "auth opie", { ASK("auth: ") } },
	{ "auth pass", { "error 1 pass cannot stand here: a way to log in is due" } },
	{ "auth plain", { "error 1 plain cannot stand here" } },
	{ "plugin \"ssh %h nc localhost 110\"", { ASK("domain: pop.example.net is reached through a command"), LOST("plugin: no "
	    "command"),
	    "!domain=" } },
	{ "plugout x", { LOST("plugout: no command") } },
	{ "interface \"eth0/192.0.2.1\"", { LOST("interface: ") } }, { "monitor ppp0", { LOST("monitor: ") } },
	{ "principal x", { LOST("principal: ") } },
	{ "esmtpname x", { LOST("esmtpname: ") } }, { "esmtppassword x", { LOST("esmtppassword: ") } },
	{ "timeout 30", { NOTE("timeout: ") } }, { "timeout 0", { "!note 1 timeout" } },
	{ "tracepolls", { LOST("tracepolls: ") } }, { "no tracepolls", { "!lost" } },
	{ "bad-header accept", { NOTE("bad-header: ") } }, { "bad-header reject", { NOTE("bad-header: ") } },
	{ "bad-header keep", { "error 1 keep, a word of fetchmail's language, cannot stand here: accept or reject is due; to be a "
	    "value" } },
	{ "checkalias", { LOST("checkalias: ") } }, { "nocheckalias", { "!lost" } }, { "no checkalias", { "!lost" } },
	{ "dns", { "record 1\n", "!note 1 dns" } }, { "nodns", { "record 1\n", "!note 1 dns" } },
	{ "uidl", { "!note 1 uidl" } }, { "nouidl", { NOTE("no uidl: ") } }, { "no uidl", { NOTE("no uidl: ") } },
	{ "aka a.example b.example", { NOTE("aka says nothing"), "!domains=" } },
	{ "local a.example", { NOTE("localdomains says nothing"), "!domains=" } },
	{ "localdomains a.example", { NOTE("localdomains says nothing") } },
	{ "envelope X-Original-To", { NOTE("envelope says nothing"), "!special" } }, { "noenvelope", { "!special" } },
	{ "envelope 3", { "error 1 user, a word of fetchmail's language, cannot stand here: the name of a header field is due" } },
	{ "qvirtual x-", { NOTE("qvirtual says nothing"), "!strip_prefix" } },
	{ "with, and: has wants options;", { "record 1\n" } },
};

static void
of_server(void **state)
{
	(void)state;
	told_cases(&import_fetchmail, server_options, nitems(server_options), SERVER, " " USER "\n");
}

/* Options of a user. */
static const struct told_case	 user_options[] = {
	{ "keep", { "leave=1\n", "!note 1", "!lost" } }, { "nokeep", { "leave=0\n" } }, { "keep no keep", { "leave=0\n" } },
	{ "keep flush", { "leave=1\n", "leave_days=1\n", NOTE("keep with flush: ") } },
	{ "flush", { "leave=0\n", "!leave_days", NOTE("flush: ") } }, { "noflush", { "!note 1" } },
	{ "keep fetchall", { LOST("fetchall: ") } }, { "fetchall", { "!lost" } }, { "keep nofetchall", { "!lost" } },
	{ "limit 5000", { "max_size=5000\n" } }, { "limit 0", { "!max_size" } }, { "limit -1", { "!max_size" } },
	{ "limit 99999999999", { "error 1 the number 99999999999 is beyond what fetchmail can hold" } },
	{ "limit \"5\"", { "error 1 \"5\" cannot stand here: a number is due" } },
	{ "limitflush", { LOST("limitflush: ") } }, { "nolimitflush", { "!lost" } },
	{ "fetchlimit 7", { "session_messages=7\n", NOTE("fetchlimit: behind 7") } }, { "fetchlimit 0", { "!session_messages" } },
	{ "fetchlimit 2000000", { "session_messages=1000000\n" } },
	{ "expunge 9", { "session_messages=9\n", "!note 1" } }, { "expunge 9 fetchlimit 20", { "session_messages=9\n" } },
	{ "expunge 20 fetchlimit 9", { "session_messages=9\n" } }, { "expunge 9 keep", { "!session_messages" } },
	{ "fetchsizelimit 1", { NOTE("fetchsizelimit: ") } }, { "fastuidl 2", { NOTE("fastuidl: ") } },
	{ "batchlimit 5", { NOTE("batchlimit: ") } }, { "warnings 60", { NOTE("warnings: ") } },
	{ "antispam 550, 571 -1", { LOST("antispam: ") } },
	{ "mda \"/usr/bin/procmail -d %T\"", { LOST("mda: "), "!file note 0 fetchmail hands" } },
	{ "bsmtp -", { LOST("bsmtp: ") } }, { "lmtp smtphost localhost/24", { LOST("lmtp: "), LOST("smtphost: ") } },
	{ "smtp a b, c", { LOST("smtphost: ") } }, { "fetchdomains a b", { LOST("fetchdomains ") } },
	{ "smtpaddress Example.org", { "account=anna@example.org\n", "!lost" } },
	{ "smtpaddress localhost", { "account=anna\n" } }, { "smtpaddress [192.0.2.1]", { "account=anna\n" } },
	{ "smtpname bert@example.org", { "account=bert@example.org\n" } },
	{ "smtpname bert@example.org mda x", { "account=anna\n" } },
	{ "preconnect x", { LOST("preconnect: ") } }, { "pre x", { LOST("preconnect: ") } },
	{ "postconnect x", { LOST("postconnect: ") } }, { "post x", { LOST("postconnect: ") } },
	{ "folder x", { LOST("folder: ") } }, { "folders x, y", { LOST("folder: ") } },
	{ "idle", { LOST("idle: ") } }, { "noidle", { "!lost" } },
	{ "rewrite", { LOST("rewrite: ") } }, { "norewrite", { "!lost" } }, { "no rewrite", { "!lost" } },
	{ "mimedecode", { LOST("mimedecode: ") } }, { "mimedec", { LOST("mimedecode: ") } }, { "nomimedec", { "!lost" } },
	{ "forcecr", { NOTE("forcecr: ") } }, { "stripcr", { NOTE("stripcr: ") } }, { "noforcecr nostripcr", { NOTE("stripcr: "
	    "") } },
	{ "pass8bits", { NOTE("pass8bits: ") } }, { "pass8", { NOTE("pass8bits: ") } }, { "nopass8 nopass8bits", { "!note 1" } },
	{ "dropstatus", { LOST("dropstatus: ") } }, { "nodropstatus", { "!lost" } },
	{ "dropdelivered", { NOTE("dropdelivered: ") } }, { "nodropdelivered", { "!note 1" } },
	{ "properties \"a b\"", { LOST("properties: ") } },
	{ "pass \"\"", { ASK("password: the password is empty"), "!password=" } },
	{ "pass \"a\nb\"", { ASK("password: the password is empty") } },
	{ "no limit 3", { "error 1 limit, a word of fetchmail's language, cannot stand here: it is no switch" } },
	{ "no lmtp", { "error 1 lmtp" } }, { "no is", { "error 1 is" } },
	{ "timeout 5", { "error 1 timeout, a word of fetchmail's language, cannot stand here: it is an option of the server" } },
	{ "no dns", { "error 1 no, a word of fetchmail's language, cannot stand here: it is an option of the server" } },
	{ "passwordfile x", { "error 1 passwordfile cannot stand here" } },
	{ "nosslcertck", { "error 1 nosslcertck cannot stand here" } },
	{ "KEEP", { "error 1 KEEP cannot stand here: it is no option that fits" } },
};

static void
of_user(void **state)
{
	(void)state;
	told_cases(&import_fetchmail, user_options, nitems(user_options), SERVER USER, "\n");
}

static const struct told_case	 tls[] = {
	{ "", { "tls=stls\n", "!tls_min", "!question" } },
	{ "ssl", { "tls=tls\n" } }, { "no ssl", { "tls=stls\n" } },
	{ "no sslcertck", { ASK("tls: fetchmail uses STLS if the server offers it"), "!tls=" } },
	{ "no sslcertck sslcertfile /x", { ASK("tls: "), LOST("/x is not carried over"), "!ca_file" } },
	{ "sslcertck", { "tls=stls\n", "!lost" } },
	{ "no sslcertck sslfingerprint 'AA:BB'", { "tls=stls\n", LOST("sslfingerprint is an MD5 sum"), LOST("no sslcertck: ") } },
	{ "ssl no sslcertck", { "tls=tls\n", LOST("no sslcertck: rpopd verifies every certificate") } },
	{ "sslproto ''", { "tls=none\n", NOTE("the connection is in clear text"), "!question" } },
	{ "sslproto '' sslcertck sslcertfile /x sslfingerprint 'AA'", { "tls=none\n", "!ca_file", "!lost" } },
	{ "ssl sslproto ''", { "tls=tls\n", "!note 1" } },
	{ "sslproto auto", { "error 1 auto, a word of fetchmail's language, cannot stand here" } },
	{ "no sslcertck sslproto 'auto'", { "tls=stls\n", "!tls_min", "!note 1" } }, { "sslproto ssl23", { "tls=stls\n", "!note "
	    "1" } },
	{ "sslproto tls1+", { "tls=stls\n", "!note 1" } }, { "sslproto TLS1.2+", { "tls=stls\n", "tls_min=1.2\n", "!note 1" } },
	{ "sslproto tls1.2", { "tls_min=1.2\n", NOTE("sslproto tls1.2: TLS 1.3 is used as well") } },
	{ "ssl sslproto TLS1.3", { "tls=tls\n", "tls_min=1.3\n" } }, { "sslproto tls1.3+", { "tls_min=1.3\n" } },
	{ "sslproto tls1", { "!tls_min", NOTE("sslproto tls1: TLS 1.0 is broken") } },
	{ "sslproto tls1.1", { "!tls_min", NOTE("sslproto tls1.1: ") } }, { "sslproto tls1.1+", { NOTE("sslproto tls1.1+: ") } },
	{ "sslproto ssl3", { "tls=stls\n", NOTE("sslproto ssl3: rpopd does not have SSLv3") } }, { "sslproto SSL3+",
	    { NOTE("sslproto ssl3+: ") } },
	{ "sslproto ssl2", { "tls=stls\n", NOTE("sslproto ssl2 is no word that fetchmail knows") } },
	{ "ssl sslcertfile /etc/x.pem", { "ca_file=/etc/x.pem\n" } },
	{ "ssl sslcertfile /etc/ssl/certs/ca-certificates.crt", { "!ca_file", NOTE("/etc/ssl/certs/ca-certificates.crt is "
	    "what") } },
	{ "ssl sslcertfile x.pem", { "!ca_file", ASK("ca_file: sslcertfile x.pem is a name relative to") } },
	{ "ssl sslcertpath /etc/ssl/certs", { "!lost" } }, { "ssl sslcertpath /x", { LOST("sslcertpath: ") } },
	{ "ssl sslcommonname mail.example.net", { "tls_name=mail.example.net\n" } },
	{ "ssl sslcommonname \"*.example.net\"", { "!tls_name", LOST("sslcommonname *.example.net is no host name") } },
	{ "ssl sslcert /c sslkey /k", { "tls_cert=/c\n", "tls_key=/k\n", NOTE("sslcert: ") } },
	{ "ssl sslcert /c", { "tls_cert=/c\n", "tls_key=/c\n" } }, { "ssl sslkey /k", { "tls_cert=/k\n", "tls_key=/k\n" } },
	{ "ssl sslcert c sslkey /k", { "!tls_cert", "!tls_key", ASK("tls_cert: ") } },
	{ "ssl sslcert c", { ASK("tls_cert: "), ASK("tls_key: ") } },
	{ "ssl sslcert /../c", { "tls_cert=NULL\n", "tls_key=NULL\n", LOST("tls_cert must be an absolute path") } },
};

static void
of_tls(void **state)
{
	(void)state;
	told_cases(&import_fetchmail, tls, nitems(tls), SERVER USER, "\n");
}

/* Whose mail it is, of one user or of several. */
static const struct told_case	 owners[] = {
	{ "user anna pass p is bert here", { "account=bert\n", "auth_name=anna\n" } },
	{ "user anna there pass p is bert", { "account=bert\n", "auth_name=anna\n" } },
	{ "user bert here is anna there pass p", { "account=bert\n", "auth_name=anna\n" } },
	{ "user anna pass p to bert keep", { "account=bert\n", "leave=1\n" } },
	{ "user anna pass p is Bert@Example.org here", { "account=bert@example.org\n" } },
	{ "user anna pass p is \"a b\" here", { ASK("account: a b is no name that an account can have"), "!account=" } },
	{ "user anna pass p is bert=carl here", { "account=bert\n", NOTE("bert=carl alone: fetchmail delivers to bert") } },
	{ "user anna pass p", { ASK("account: the entry does not say whose mail it is"), "!account=" } },
	{ "user anna pass p mda '/usr/bin/procmail -d bert'", { "account=bert\n", NOTE("the owner is bert"), "!question" } },
	{ "user anna pass p mda '/usr/bin/procmail -d %T'", { ASK("account: ") } },
	{ "pass p is bert here", { "account=bert\n", ASK("auth_name: no user is named") } },
	{ "", { ASK("auth_name: "), ASK("account: "), ASK("password: ") } },
	{ "user '' pass p is bert", { ASK("auth_name: the user's name is empty") } },
	{ "user a pass p is a\nuser b pass q is b here ssl", { "record 1\n", "record 2\n", "name=pop.example.net-a\n",
	    "name=pop.example.net-b\n",
	    "account=b\n", "tls=tls\n" } },
	{ "user a is a here user b there is b here user c here", { "account=a\n", "account=b\n", "account=c\n", "auth_name=b\n",
	    "!auth_name=c" } },
	{ "pass p user a", { "error 1 user, a word of fetchmail's language, cannot stand here: the user comes ahead" } },
	{ "user a b", { "error 2 the end of the file cannot stand here: several names behind user are local ones" } },
	{ "user a b here is c there pass p", { "account=postmaster\n", "auth_name=c\n", "special=*\n" } },
	{ "user a is b c there", { "error 1 there, a word of fetchmail's language, cannot stand here" } },
	{ "user a to b there", { "error 1 there" } },
	{ "user a is here", { "auth_name=a\n", "account=here\n" } },
	{ "user a is b keep here", { "error 1 here" } },
	{ "user a is =b", { "error 1 = cannot stand here: behind is and to stands a name" } },
	{ "user m pass p is a b here", { "account=postmaster\n", "special=*\n", "!domains", NOTE("the names a, b are not part of "
	    "the record"),
	    NOTE("no field of the provider is named"), "!lost" } },
	{ "user m pass p is a=b c=d here", { "account=postmaster\n", LOST("the names a=b, c=d are not part of the record") } },
	{ "user m pass p is a is b", { "account=postmaster\n" } },
	{ "user m pass p is a * here smtpaddress x.example smtpname a@b", { LOST("smtpaddress: "), LOST("smtpname: ") } },
	{ "user m pass p is 1 2 3 4 5 6 7 8 9 10 here", { "error 1 2 cannot stand here" } },
	{ "user m pass p is a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1", { NOTE("the names a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, ... are "
	    "not") } },
};

static void
of_owner(void **state)
{
	(void)state;
	told_cases(&import_fetchmail, owners, nitems(owners), SERVER, "\n");
}

static const struct told_case	 distributed[] = {
	{ "", { "account=postmaster\n", "special=*\n", "!special_nth", NOTE("no field of the provider is named") } },
	{ "envelope Received", { "special=*\n", "!special_nth", NOTE("no field of the provider") } },
	{ "no envelope", { "special=*\n", "!note 1 no field" } },
	{ "envelope X-Original-To", { "special=X-Original-To\n", "special_nth=1\n" } },
	{ "envelope \"Delivered-To:\"", { "special=Delivered-To\n", "special_nth=1\n" } },
	{ "envelope 1 \"Delivered-To: \"", { "special=Delivered-To\n", "special_nth=2\n" } },
	{ "envelope 0 X-A", { "special_nth=1\n" } }, { "envelope -3 X-A", { "special_nth=1\n" } },
	{ "envelope 99 X-A", { "special_nth=100\n" } },
	{ "envelope 100 X-A", { ASK("special_nth: envelope skips 100 fields"), "!special_nth" } },
	{ "envelope To", { "special=*\n", "!special_nth" } }, { "envelope \"cc:\"", { "special=*\n" } },
	{ "envelope From", { ASK("special: envelope From is no field"), "!special=" } },
	{ "envelope Resent-To", { ASK("special: ") } }, { "envelope \"X Y\"", { ASK("special: ") } }, { "envelope \"\"",
	    { ASK("special: ") } },
	{ "envelope '*'", { ASK("special: ") } },
	{ "envelope X-A qvirtual mbox-", { "strip_prefix=mbox-\n" } }, { "envelope X-A qvirtual \"a b\"", { ASK("strip_prefix: "
	    "") } },
	{ "envelope X-A qvirtual ''", { "!strip_prefix", "!question" } },
	{ "qvirtual mbox-", { "special=*\n", "!strip_prefix" } },
	{ "localdomains Example.org b.example, example.org", { "domains=example.org b.example\n", NOTE("localdomains and aka "
	    "became domains") } },
	{ "local c.example aka d.example", { "domains=c.example d.example\n" } },
	{ "localdomains .org", { "!domains", LOST(".org is not in domains") } },
	{ "localdomains a_b ok.example", { "domains=ok.example\n", LOST("a_b is not in domains") } },
	{ "dns", { NOTE("dns: ") } }, { "no dns", { NOTE("dns: ") } },
};

static void
of_many(void **state)
{
	static const struct told_case	 sdps[] = {
		{ "poll h proto sdps " MULTI, { "account=postmaster\n", ASK("special: SDPS tells the recipients"), "!special=" } },
	};

	(void)state;
	told_cases(&import_fetchmail, distributed, nitems(distributed), SERVER, " " MULTI "\n");
	told_cases(&import_fetchmail, sdps, nitems(sdps), "", "\n");
}

static const struct told_case	 protocols[] = {
	{ "proto pop3", { "record 1\n" } }, { "protocol POP3", { "record 1\n" } }, { "proto sdps", { "record 1\n", "tls=stls\n" } },
	{ "proto SDPS", { "record 1\n" } }, { "proto apop", { "auth=apop\n", "tls=none\n" } }, { "proto APOP", { "auth=apop\n" } },
	{ "proto imap", { "!record", "file lost 1 h, user anna becomes no record: it is polled by IMAP" } }, { "proto IMAP",
	    { "file lost 1 h" } },
	{ "proto pop2", { "!record", "file lost 1 h" } }, { "proto POP2", { "!record" } }, { "proto rpop", { "!record", "file "
	    "lost 1 h" } },
	{ "proto RPOP", { "!record" } }, { "proto etrn", { "!record", "file lost 1 h" } }, { "proto ETRN", { "!record" } },
	{ "proto odmr", { "!record", "file lost 1 h" } }, { "proto ODMR", { "!record" } }, { "proto kpop", { "!record", "file "
	    "lost 1 h" } },
	{ "proto KPOP", { "!record" } }, { "proto Pop3", { "error 1 Pop3 cannot stand here: a protocol is due" } },
	{ "", { "record 1\n", NOTE("no protocol is named, so fetchmail has tried IMAP first; here it is POP3"), "!question" } },
	{ "proto auto", { NOTE("no protocol is named") } }, { "proto AUTO", { NOTE("no protocol is named") } },
	{ "port 110", { "record 1\n", "!note 1" } }, { "service pop3s", { "record 1\n", "!note 1" } },
	{ "port 143", { "!record", "file lost 1 h" } }, { "service imaps", { "!record" } }, { "proto auto port 993",
	    { "!record" } },
};

static void
of_protocol(void **state)
{
	static const struct told_case	 kept[] = { { "poll h " USER "keep", { ASK("first_poll: no protocol is named"),
	    "leave=1\n" } } };
	static const struct told_case	 secure[] = { { "poll h proto apop " USER "ssl", { "auth=apop\n", "tls=tls\n" } } };

	(void)state;
	told_cases(&import_fetchmail, protocols, nitems(protocols), "poll h ", " " USER "\n");
	told_cases(&import_fetchmail, kept, nitems(kept), "", "\n");
	told_cases(&import_fetchmail, secure, nitems(secure), "", "\n");
}

static const struct told_case	 files[] = {
	{ "set daemon 900\npoll h " USER, { "period=900\n", "!file note 0 how often" } },
	{ "set daemon 5\npoll h " USER, { "period=10\n", NOTE("it is polled every 10 seconds in place of 5") } },
	{ "set daemon 0\npoll h " USER, { "period=600\n", "file note 1 how often fetchmail is run is not in the file" } },
	{ "set daemon 100\npoll h interval 3 " USER, { "period=300\n" } },
	{ "set daemon = 300", { "error 1 300 cannot stand here: a number is due, without quotes and without = ahead of it" } },
	{ "set logfile = \"/x\"", { "file lost 1 set logfile: " } }, { "set idfile x", { "file note 1 set idfile: " } },
	{ "set pidfile x", { "file lost 1 set pidfile: " } }, { "set postmaster x", { "file note 1 set postmaster: " } },
	{ "set bouncemail", { "file note 1 set bouncemail: " } }, { "set no bouncemail", { "file note 1 set bouncemail: " } },
	{ "set nobouncemail", { "file note 1 set bouncemail: " } }, { "set nospambounce", { "file lost 1 set spambounce: " } },
	{ "set softbounce", { "file note 1 set softbounce: " } }, { "set no softbounce", { "file note 1 set softbounce: " } },
	{ "set syslog", { "file note 1 set syslog: " } }, { "set no syslog", { "file note 1 set syslog: " } },
	{ "set invisible", { "file lost 1 set invisible: " } }, { "set no invisible", { "file lost 1 set invisible: " } },
	{ "set showdots", { "file lost 1 set showdots: " } }, { "set no showdots", { "file lost 1 set showdots: " } },
	{ "set properties 'x'", { "file lost 1 set properties: " } }, { "set spambounce", { "file lost 1 set spambounce: " } },
	{ "set nosyslog", { "error 1 nosyslog cannot stand here" } }, { "set keep", { "error 1 keep, a word" } },
	{ "set", { "error 2 the end of the file cannot stand here: behind set" } },
	{ "set no daemon 3", { "error 1 daemon" } },
	{ "server h " USER, { "record 1\n", "name=h\n" } },
	{ "skip h proto pop3 user a is a here", { "period=NULL\n", NOTE("skip: it is not polled until"), "note 1 the file has no "
	    "password", "!question" } },
	{ "poll", { "error 2 the end of the file cannot stand here: behind poll" } },
	{ "poll 123 " USER, { "error 1 123 cannot stand here: behind poll and skip stands the name of a server, in quotes" } },
	{ "poll poll", { "error 1 poll, a word of fetchmail's language, cannot stand here" } },
	{ "poll defaults proto pop3", { "error 1 defaults, a word" } },
	{ "keep", { "error 1 keep" } },
	{ "", { "!record", "!error" } },
	{ "# nothing\n\n;:,\\\n", { "!record", "!error" } },
	{ "defaults proto pop3 " USER "keep\npoll a\npoll b user c no keep", { "name=a\n", "auth_name=anna\n", "auth_name=c\n",
	    "leave=0\n",
	    "leave=1\n", "!record 1" } },
	{ "defaults proto pop3 aka x envelope 2 X-A localdomains y.example\npoll a envelope X-B is * user", { "error 2 user" } },
	{ "defaults proto pop3 aka x.example envelope 2 X-A localdomains y.example\npoll a envelope X-B is *", { "special=X-B\n",
	    "special_nth=3\n", "domains=y.example\n" } },
	{ "defaults auth password\npoll a auth any proto pop3", { "auth=user\n" } },
	{ "defaults proto pop3 timeout 3\npoll a user b\npoll c user d", { "file note 1 timeout: ", "!note 1 timeout", "!note 2 "
	    "timeout" } },
	{ "poll a\ndefaults user b", { "error 2 only the first entry can be defaults" } },
	{ "defaults user a user b\npoll c", { "error 1 only the first entry can be defaults" } },
	{ "poll \"defaults\" proto pop3\npoll c", { "!record 1", "record 2\n" } },
	{ "poll h proto pop3 user a\npoll h proto pop3 user a port 3", { "error 2 port" } },
	{ "poll h proto pop3 user a\npoll h proto pop3 port 3 user a", { "name=h-a\n", "name=h-a 2\n", "domain=h:3\n" } },
	{ "poll \"a\xff\x01" "b\" via h", { "name=a?b\n", "domain=h\n" } },
};

static void
of_file(void **state)
{
	(void)state;
	told_cases(&import_fetchmail, files, nitems(files), "", "\n");
}

/* Fetchmail 6.4.37 has shown what each of these passwords is for it. */
static const struct told_case	 words[] = {
	{ "\"a b\"", { "password=a b\n" } }, { "'a \"b'", { "password=a \"b\n" } },
	{ "\"ab\"c", { "password=\"ab\"c\n" } }, { "\"a\\\"b\"", { "password=\"a\"b\"\n" } }, { "\"a\\x22b\"",
	    { "password=a\"b\n" } },
	{ "a'b", { "password=a'b\n" } }, { "\"a", { "password=\"a\n" } }, { "\"x\"#y", { "password=\"x\"#y\n" } },
	{ "a#b", { "password=a#b\n" } }, { "#a\nb", { "password=b\n" } }, { "ab\\\nkeep", { "password=ab\n", "leave=1\n" } },
	{ "\"a\\\nb\"", { "password=ab\n" } }, { "123", { "password=123\n" } }, { "-5", { "password=-5\n" } }, { "keep",
	    { "password=keep\n" } },
	{ "is", { "password=is\n" } }, { "nokeep", { "password=nokeep\n" } }, { "with", { "password=with\n" } },
	{ "a\\065b", { "password=a5b\n" } }, { "a\\65b", { "password=aAb\n" } }, { "\\0012", { "password=\x01" "2\n" } },
	{ "\\0101", { "password=\b1\n" } }, { "a\\999", { "password=a\xe7\n" } }, { "a\\256b", { "password=a\n" } }, { "a\\0b",
	    { "password=a\n" } },
	{ "\\x41\\x4g\\X414", { "password=A\x04gA4\n" } }, { "a\\x", { "password=a\n" } }, { "\\t\\b\\q\\\\",
	    { "password=\t\bq\\\n" } },
	{ "\xe4\xff", { "password=\xe4\xff\n" } }, { "a\vb", { "password=a\vb\n" } }, { "a\rkeep", { "password=a\n",
	    "leave=1\n" } },
	{ "a;keep", { "password=a\n", "leave=1\n" } }, { "a,keep:", { "leave=1\n" } }, { "a=b", { "error 1 = cannot stand here" } },
	{ "p secret", { "error 1 the word behind the password cannot stand here: it is no option that fits" } },
	{ "p;123", { "error 1 the word behind the password cannot stand here" } },
	{ "p keep x", { "error 1 x cannot stand here" } },
	{ "keep\\\n", { "password=keep\n", "leave=0\n" } },
	{ "p\nflush keep#x", { "error 2 keep#x cannot stand here" } }, { "p\nkeep # x\n fetchall", { "leave=1\n", "lost 3 fetchall: " } },
	{ "\"p\nq\" x", { "error 2 the word behind the password" } },
};

static void
of_words(void **state)
{
	char	*text;

	(void)state;
	told_cases(&import_fetchmail, words, nitems(words), "poll h proto pop3 user a is a pass ", "\n");
	text = told_file(&import_fetchmail, "poll h user a pass b keep # a comment without a line end");
	assert_string_equal(text, "error 1 # cannot stand here: it is no option that fits, and an entry begins with poll, skip, "
	    "defaults or set\n");
	free(text);
}

/* A file with .netrc, or with .fetchids. */
static void
with_file(int (*read)(struct import *, const char *, const char *), const struct told_case *c, const char *file)
{
	struct import	 imp;
	char		*text;
	size_t		 i;

	for (i = 0; i < nitems(c->lines) && c->lines[i] != NULL; i++) {
		import_init(&imp);
		assert_int_equal(import_fetchmail.parse(&imp, file, strlen(file)), 0);
		assert_int_equal(read(&imp, "x", c->text), 0);
		text = told(&imp);
		if ((strstr(text, c->lines[i] + (c->lines[i][0] == '!')) == NULL) != (c->lines[i][0] == '!'))
			fail_msg("%s\nwant %s\nin %s", c->text, c->lines[i], text);
		free(text);
		import_free(&imp);
	}
}

static int
netrc_text(struct import *imp, const char *path, const char *text)
{
	(void)path;
	return (import_fetchmail.netrc(imp, text, strlen(text)));
}

static void
netrc(void **state)
{
	static const struct told_case	 cases[] = {
		{ "machine pop login u password 1\n", { "password=1\n", "!question" } },
		{ "machine via.host login u password 1\n", { "password=1\n" } },
		{ "machine via.host login u password 1\nmachine pop login u password 2\n", { "password=2\n" } },
		{ "machine pop login u password 1\nmachine pop login u password 2\n", { "password=1\n" } },
		{ "machine pop login u\nmachine pop login u password 2\n", { "!password=", "question 1 password: " } },
		{ "machine pop user u passwd 1", { "password=1\n" } },
		{ "machine pop login u password 1 login v\n", { "!password=" } },
		{ "machine pop login u password 1 password 2\n", { "password=2\n" } },
		{ "machine pop password 1\nmachine pop login u password 2\n", { "password=2\n" } },
		{ "default login u password 1\n", { "!password=" } },
		{ "machine POP login u password 1\n", { "!password=" } }, { "machine pop login U password 1\n", { "!password=" } },
		{ "machine pop account a login u password \"a b\"\n", { "password=a b\n" } },
		{ "machine pop login u password ab\"c d\"e'f'\n", { "password=abc def\n" } },
		{ "machine pop login u password \"a\\\"b\"\n", { "password=a\\b\n" } },
		{ "machine pop login u password a#b # c\n", { "password=a#b\n" } },
		{ "machine pop login u password \"#\"\n", { "password=#\n" } },
		{ "machine pop login u password # c\n1\n", { "password=1\n" } },
		{ "machine pop login u password \"\"\n", { "!password=" } },
		{ "machine pop macdef init\nmachine pop login u password 7\n\nmachine pop login u password 8\n",
		    { "password=8\n" } },
		{ "login u password 3 machine pop login u password 4\n", { "password=4\n", "file lost 1 in .netrc" } },
		{ "machine pop\r\n login u\r\n\tpassword 1\r\n", { "password=1\n", "!file lost" } },
		{ "machine pop login u password 1 port 3\n", { "password=1\n", "file lost 1 in .netrc there is a word" } },
	};
	static const struct told_case	 own = { "machine pop login u password 1\n", { "password=own\n" } };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		with_file(netrc_text, &cases[i], "poll pop via via.host proto pop3 user u is a here\n");
	with_file(netrc_text, &own, "poll pop proto pop3 user u pass own is a here\n");
}

static int
seen_text(struct import *imp, const char *path, const char *text)
{
	return (import_fetchmail.seen(imp, path, text, strlen(text)));
}

static void
seen(void **state)
{
	static const struct told_case	 cases[] = {
		{ "u@via.host u1\nu@via.host u2\n", { "seen u1\nseen u2\n", "!file lost" } },
		{ "U@VIA.host u1", { "seen u1\n" } },
		{ " \tu@via.host  u1 x\r\n", { "seen u1\n" } },
		{ "a b@c@d@e u3\n", { "seen u3\n" } },
		{ "u@pop u1\n", { "!seen u1", "file lost 1 1 seen messages, from this line of their file on" } },
		{ "u@via.host\nu@via.host u4\n\n", { "seen u4\n", "file lost 1 in the file of seen messages a line is not" } },
		{ "u@via.host u\x01\n", { "!\nseen" } },
		{ "d@same i\n", { "auth_name=d\npassword=p\nperiod=600\nleave=1\nseen i\n",
		    "domain=same:3\nauth_name=d\npassword=p\nperiod=600\n"
		    "leave=0\nrecord" } },
		{ "twin@same i\n", { "name=twin\naccount=a\ntls=stls\ndomain=same\nauth_name=twin\npassword=p\nperiod=600\nleave=1\nseen i\n",
		    "name=twin2\naccount=a\ntls=stls\ndomain=same\nauth_name=twin\npassword=p\nperiod=600\nleave=1\nseen i\n" } },
		{ "probe@probe i\n", { "!question" } }, { "other@probe i\n", { "question 8 first_poll: " } },
		{ "gone@gone i\n", { "leave=0\nnote 9 fetchmail has left 1 messages on the server" } },
	};
	static const char		 file[] =
	    "defaults proto pop3 pass p is a here\n"
	    "poll pop via via.host user u keep\n"
	    "poll e user \"a b@c@d\" keep\n"
	    "poll same user d keep\n"
	    "poll same2 via same port 3 user d\n"
	    "poll twin via same user twin keep\n"
	    "poll twin2 via same user twin keep\n"
	    "poll probe proto auto user probe keep\n"
	    "poll gone user gone\n";
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		with_file(seen_text, &cases[i], file);
}

/* Every sample cut short anywhere, and with every octet changed; they are behind lines of ---- and a name. */
static void
broken(void **state)
{
	static char	 text[65536];
	FILE		*f = fopen("regress/data/fetchmailrc.txt", "r");
	char		*sample, *next;
	size_t		 len, n = 0;

	(void)state;
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_true(len < sizeof(text) - 1);
	text[len] = '\0';
	for (sample = strstr(text, "---- "); sample != NULL; sample = next, n++) {
		sample += strcspn(sample, "\n") + 1;
		if ((next = strstr(sample, "---- ")) != NULL)
			*next = '\0';
		told_broken(&import_fetchmail, sample);
		if (next != NULL)
			*next = '-';
	}
	assert_true(n >= 60);
}

/* As many mailboxes as there may be, and one more. */
static void
many(void **state)
{
	char		*text = calloc(IMPORT_RECORDS_MAX + 1, 32), *p = text;
	struct import	 imp;
	int		 i;

	(void)state;
	for (i = 0; i < IMPORT_RECORDS_MAX; i++)
		p += sprintf(p, "poll h%d proto pop3\n", i);
	import_init(&imp);
	assert_int_equal(import_fetchmail.parse(&imp, text, (size_t)(p - text)), 0);
	assert_int_equal(imp.nrecords, IMPORT_RECORDS_MAX);
	import_free(&imp);
	p += sprintf(p, "poll h proto pop3\n");
	assert_int_equal(import_fetchmail.parse(&imp, text, (size_t)(p - text)), -1);
	assert_non_null(strstr(imp.error, "more than 10000 mailboxes"));
	import_free(&imp);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(of_server), cmocka_unit_test(of_user), cmocka_unit_test(of_tls),
		cmocka_unit_test(of_owner), cmocka_unit_test(of_many), cmocka_unit_test(of_protocol), cmocka_unit_test(of_file),
		cmocka_unit_test(of_words), cmocka_unit_test(netrc), cmocka_unit_test(seen), cmocka_unit_test(broken),
		    cmocka_unit_test(many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
