/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* getmailrc: every retriever, parameter, option and destination and what it becomes, Python's syntax, and the files of seen ids. */
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
#include "rpopctl/import/python.h"

#define LOGIN	"server = pop.example.net\nusername = anna\npassword = p\n"
#define DEST	"[destination]\ntype = Maildir\npath = /home/anna/Maildir/\n"
#define SSL	"[retriever]\ntype = SimplePOP3SSLRetriever\n" LOGIN
#define CLEAR	"[retriever]\ntype = SimplePOP3Retriever\n" LOGIN
#define MULTI	"[retriever]\ntype = MultidropPOP3SSLRetriever\n" LOGIN
#define PIN	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"
#define PLAIN	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
whole(void **state)
{
	char	*text = told_file(&import_getmail, SSL "ca_certs = /etc/ca.pem\n" DEST "[options]\nread_all = false\n");

	(void)state;
	assert_string_equal(text, "record 1\nname=anna@pop.example.net\ntls=tls\ndomain=pop.example.net\nauth_name=anna\npassword=p\n"
	    "ca_file=/etc/ca.pem\nleave=1\naccount=anna\n"
	    "note 9 the owner is anna, because mail went to /home/anna/Maildir/; rpopd delivers into the owner's Maildir below "
	    "settings.mail_root, or to the owner's next hop\n"
	    "note 0 import the file oldmail-pop.example.net-995-anna, too, or what is left on the server is retrieved once more\n");
	free(text);
}

static const struct told_case	 retrievers[] = {
	{ CLEAR, { "tls=none", "domain=pop.example.net\n", "note 2 SimplePOP3Retriever uses no TLS", "account=anna" } },
	{ SSL, { "tls=tls", "domain=pop.example.net\n", "note 1 getmail does not check the server's certificate" } },
	{ "[retriever]\ntype = BrokenUIDLPOP3Retriever\n" LOGIN, { "tls=none", "note 2 BrokenUIDLPOP3Retriever does without" } },
	{ "[retriever]\ntype = BrokenUIDLPOP3SSLRetriever\n" LOGIN, { "tls=tls", "note 2 BrokenUIDLPOP3SSLRetriever does without" } },
	{ "[retriever]\ntype = MultidropPOP3Retriever\n" LOGIN "envelope_recipient = X-Envelope-To\n", { "account=postmaster",
	    "special=X-Envelope-To", "special_nth=1", "tls=none" } },
	{ MULTI "envelope_recipient = delivered-to:2\n", { "account=postmaster", "special=delivered-to", "special_nth=2", "tls=tls" } },
	{ MULTI "envelope_recipient = delivered-to: 2\n", { "special_nth=2" } },
	{ MULTI "envelope_recipient = delivered-to:0\n", { "error 6 behind the colon" } },
	{ MULTI "envelope_recipient = delivered-to:x\n", { "error 6 behind the colon" } },
	{ MULTI "envelope_recipient = delivered-to:200\n", { "question 6 special" } },
	{ MULTI "envelope_recipient = To\n", { "error 6 field To does not say" } },
	{ MULTI "envelope_recipient = a b\n", { "question 6 special" } },
	{ MULTI "envelope_recipient = Subject\n", { "special=NULL", "special_nth=NULL", "question 1 special: that field belongs" } },
	{ MULTI, { "error 1 section [retriever] has no envelope_recipient" } },
	{ "[retriever]\ntype = MultidropSDPSRetriever\n" LOGIN, { "account=postmaster", "question 2 special: rpopd does not ask" } },
	{ "[retriever]\ntype = SimpleIMAPRetriever\n", { "!record", "file lost 2 SimpleIMAPRetriever: rpopd retrieves by POP3 only" } },
	{ "[retriever]\ntype = SimpleIMAPSSLRetriever\n", { "!record", "file lost 2" } },
	{ "[retriever]\ntype = MultidropIMAPRetriever\n", { "!record", "file lost 2" } },
	{ "[retriever]\ntype = MultidropIMAPSSLRetriever\n", { "!record", "file lost 2" } },
	{ "[retriever]\ntype = Retriever\n", { "error 2 getmail has no retriever Retriever" } },
	{ "[retriever]\nserver = x\n", { "error 1 section [retriever] has no type" } },
	{ "", { "error 0 there is no section [retriever]" } },
	{ "[retriever]\ntype = SimplePOP3Retriever\nusername = u\n", { "error 1 section [retriever] has no server" } },
	{ "[retriever]\ntype = SimplePOP3Retriever\nserver = s\n", { "error 1 section [retriever] has no username" } },
};

static const struct told_case	 parameters[] = {
	{ "port = 1995\n", { "domain=pop.example.net:1995" } }, { "port = 900 + 5 * 19\n", { "domain=pop.example.net\n" } },
	{ "port = 0x3e3\n", { "domain=pop.example.net\n" } }, { "port = '110'\n", { "domain=pop.example.net:110" } },
	{ "port = 0110\n", { "error 6 port must be a number" } }, { "port = 995 ; tls\n", { "error 6 port must be a number" } },
	{ "port = None\n", { "error 6 port must be a number" } }, { "port = os.getenv('P')\n", { "question 6 domain", "!domain=" } },
	{ "port = 70000\n", { "question 6 domain" } }, { "port = -(-995)\n", { "domain=pop.example.net\n" } },
	{ "timeout = 60\n", { "note 6 timeout" } }, { "timeout = 180\n", { "!note 6" } },
	{ "use_apop = True\n", { "auth=apop" } }, { "use_apop = no\n", { "!auth=" } }, { "use_apop = maybe\n", { "error 6 use_apop" } },
	{ "use_xoauth2 = True\n", { "question 6 token_command", "!password=", "auth=xoauth2" } },
	{ "password_command = ('pass', 'show', 'x')\n", { "password=p", "!question" } },
	{ "password_command = ('pass')\n", { "error 6 password_command must be a tuple" } },
	{ "password_command = tuple(x)\n", { "password=p" } },
	{ "delete_dup_msgids = true\n", { "lost 6 delete_dup_msgids" } },
	{ "getmaildir = /x\n", { "!note 6" } },
	{ "ca_certs = /etc/ca.pem\n", { "ca_file=/etc/ca.pem", "!note 1" } },
	{ "ca_certs = ~/ca.pem\n", { "lost 6 ca_file must be an absolute" } },
	{ "ca_certs = /etc/ssl/certs/ca-certificates.crt\n", { "note 6 /etc/ssl/certs", "!ca_file=", "!note 1" } },
	{ "certfile = /c\nkeyfile = /k\n", { "tls_cert=/c", "tls_key=/k" } },
	{ "certfile = /c\n", { "lost 6 certfile and keyfile", "!tls_cert=" } },
	{ "certfile = /c\nkeyfile = k\n", { "lost 7 tls_key must be", "tls_cert=NULL" } },
	{ "ssl_fingerprints = ('" PIN "',)\n", { "tls_pins=" PLAIN "\n", "!note 1" } },
	{ "ssl_fingerprints = ('" PIN "',\n  '" PLAIN "')\n", { "tls_pins=" PLAIN " " PLAIN "\n" } },
	{ "ssl_fingerprints = ('00:11',)\n", { "error 6 each of ssl_fingerprints" } },
	{ "ssl_fingerprints = '" PIN "'\n", { "error 6 ssl_fingerprints must be a tuple" } },
	{ "ssl_fingerprints = ()\n", { "!tls_pins=" } }, { "ssl_fingerprints =\n", { "!tls_pins=" } },
	{ "ssl_fingerprints = f()\n", { "lost 6 ssl_fingerprints is Python" } },
	{ "ssl_version = TLSv1\n", { "tls_min=1.0", "note 6 ssl_version" } }, { "ssl_version = tlsv1_1\n", { "tls_min=1.1" } },
	{ "ssl_version = tlsv1_2\n", { "tls_min=1.2" } }, { "ssl_version = sslv23\n", { "!tls_min=", "!lost" } },
	{ "ssl_version = sslv3\n", { "!tls_min=", "lost 6 rpopd knows no ssl_version sslv3" } },
	{ "ssl_ciphers = HIGH:!aNULL\n", { "tls_ciphers=HIGH:!aNULL" } }, { "ssl_ciphers = A\\B\n", { "lost 6 ssl_ciphers" } },
	{ "ssl_cert_hostname = mx.example.net\n", { "tls_name=mx.example.net" } },
	{ "envelope_recipient = x\n", { "note 6 SimplePOP3SSLRetriever has no parameter envelope_recipient" } },
	{ "mailboxes = ('INBOX',)\n", { "note 6 SimplePOP3SSLRetriever has no parameter mailboxes" } },
};

static const struct told_case	 options[] = {
	{ "", { "leave=1", "note 0 getmail retrieves everything anew", "!leave_days" } },
	{ "read_all = no\n", { "leave=1", "!note 0 getmail", "note 0 import the file oldmail-pop.example.net-995-anna" } },
	{ "delete = yes\n", { "leave=0", "!note 0" } }, { "delete: ON\n", { "leave=0" } },
	{ "delete = maybe\n", { "error 10 delete must be true or false, not maybe" } },
	{ "delete_after = 7\n", { "leave=1", "leave_days=7" } }, { "delete_after = 99999\n", { "leave_days=36500", "note 10 leave_days "
	    "is" } },
	{ "delete_after = -1\n", { "lost 10 delete_after is below", "!leave_days" } },
	{ "delete = 1\ndelete_after = 7\n", { "leave=0", "!leave_days", "note 11 delete_after does not count" } },
	{ "delete_after = seven\n", { "error 10 delete_after must be a number" } },
	{ "delete_bigger_than = 1000\n", { "lost 10 delete_bigger_than" } },
	{ "max_message_size = 1_000\n", { "max_size=1000" } }, { "max_message_size = 0\n", { "!max_size" } },
	{ "max_message_size = -5\n", { "question 10 max_size" } },
	{ "max_message_size = 99999999999999999999\n", { "max_size=2147483647" } },
	{ "max_messages_per_session = 20\n", { "session_messages=20" } }, { "max_bytes_per_session = +20\n", { "session_octets=20" } },
	{ "max_message_size = 1024 * 1024\n", { "error 10 max_message_size must be a number" } },
	{ "delivered_to = no\n", { "note 10 delivered_to" } }, { "received = no\n", { "note 10 received" } },
	{ "received = yes\n", { "!note 10" } },
	{ "message_log = ~/log\n", { "note 10 message_log" } }, { "message_log_verbose = yes\n", { "note 10 message_log_verbose" } },
	{ "message_log_syslog = yes\n", { "!note 10" } }, { "verbose = 2\n", { "!note 10" } }, { "verbose = x\n", { "error 10 verbose" } },
	{ "fingerprint = yes\n", { "note 10 fingerprint" } }, { "to_oldmail_on_each_mail = yes\n", { "!note 10" } },
	{ "skip_imap_fetch_size = 1\n", { "!note 10" } },
	{ "use_netrc = yes\nnetrc_file = ~/.n\n", { "question 10 password: use_netrc", "question 10 auth_name: use_netrc", "!password=" }
	    },
	{ "[DEFAULT]\ndelete = yes\n", { "leave=0" } },
	{ "[filter-1]\ntype = Filter_external\npath = /bin/f\n", { "lost 10 [filter-1]: rpopd runs no program for a message, such as "
	    "/bin/f" } },
};

static const struct told_case	 destinations[] = {
	{ "type = Maildir\npath = ~bert/Mail/.A.b/\n", { "account=bert", "mailbox=A/b" } },
	{ "type = Maildir\npath = ~/Mail/\nuser = Bert\n", { "account=bert", "note 9 the owner is bert, because getmail delivers" } },
	{ "type = Maildir\npath = $HOME/Mail/\n", { "question 6 account: [destination], a Maildir, does not tell" } },
	{ "type = Maildir\n", { "error 6 section [destination] has no path" } }, { "path = /x\n", { "error 6 section [destination] has "
	    "no type" } },
	{ "type = Forward\n", { "error 7 getmail has no destination Forward" } },
	{ "type = Mboxrd\npath = /var/mail/bert\n", { "account=bert", "lost 7 Mboxrd" } },
	{ "type = MDA_external\npath = /bin/p\narguments = ('-d', 'bert')\n", { "account=bert", "lost 7 MDA_external" } },
	{ "type = MDA_external\npath = /bin/p\nuser = carl\n", { "account=carl" } },
	{ "type = MDA_external\npath = /bin/p\narguments = x\n", { "question 6 account" } },
	{ "type = MDA_qmaillocal\nuser = bert\n", { "account=bert", "lost 7 MDA_qmaillocal" } },
	{ "type = MDA_lmtp\nhost = 127.0.0.1\nport = 24\noverride = bert@example.org\n", { "account=bert@example.org",
	    "lost 8 MDA_lmtp: rpopd hands mail on to a row of table nexthop; make one with protocol lmtp and address 127.0.0.1:24" } },
	{ "type = MultiDestination\ndestinations = ('[two]', '/home/bert/Maildir/')\n[two]\ntype = Maildir\npath = /home/carl/M/\n",
	    { "account=carl", "lost 7 MultiDestination" } },
	{ "type = MultiDestination\ndestinations = ('[three]',)\n", { "error 8 destinations names a section [three]" } },
	{ "type = MultiDestination\ndestinations = ('[destination]',)\n", { "error 6 section [destination] leads to itself" } },
	{ "type = MultiDestination\ndestinations = ()\n", { "error 8 destinations names none" } },
	{ "type = MultiDestination\ndestinations = ('x',)\n", { "error 8 x in destinations is neither" } },
	{ "type = MultiGuesser\ndefault = /home/bert/M/\nlocals = (('anna@example.org', '/home/anna/M/'),)\n", { "account=postmaster",
	    "special=*",
	    "note 8 what is for nobody goes to the postmaster", "lost 9 mail for anna@example.org went to /home/anna/M/" } },
	{ "type = MultiSorter\ndefault = /home/bert/M/\n", { "account=postmaster", "question 7 special: MultiSorter needs" } },
	{ "type = MultiSorter\ndefault = /m/\nlocals = (('a',),)\n", { "error 9 locals must be pairs" } },
	{ "type = MultiSorter\ndefault = x\n", { "error 8 x in default is neither" } },
};

static const struct told_case	 syntax[] = {
	{ "x = 1\n", { "error 1 a section such as [retriever] comes first" } }, { "[]\n", { "error 1 a section such as" } },
	{ "[a]\nb\n", { "error 2 this is neither" } }, { "[a]\n=b\n", { "error 2 this is neither" } },
	{ "[a]\n[a]\n", { "error 2 there are two sections [a], the other one in line 1" } }, { "[DEFAULT]\n[DEFAULT]\n", { "error 0 " } },
	{ "[a]\nB=1\nb:2\n", { "error 3 b stands twice in section [a], the other time in line 2" } },
	{ "[a]\n# c\n ; c\n\nb\n = 1\n", { "error 5 this is neither" } }, { "[a] ]\rb=1\r\nb=2", { "error 3 b stands twice" } },
	{ "[retriever] # x\ntype: SimplePOP3Retriever\n  server = x\n", { "error 2 getmail has no retriever SimplePOP3Retriever" } },
	{ " [retriever]\n type = SimplePOP3Retriever\n server = s\n username = u\n password = a\n  # c\n\n  b = c\n" DEST, {
	    "question 1 password: the password must be",
	    "name=u@s" } },
	{ "[retriever]\ntype = SimplePOP3Retriever\nserver = s\nusername = u\npassword = %(x)s %% # no comment\n" DEST,
	    { "password=%(x)s %% # no comment\n" } },
	{ CLEAR, { "error 0 there is no section [destination]" } },
};

static void
tables(void **state)
{
	(void)state;
	told_cases(&import_getmail, retrievers, nitems(retrievers), "", DEST);
	told_cases(&import_getmail, parameters, nitems(parameters), SSL, DEST);
	told_cases(&import_getmail, options, nitems(options), SSL DEST "[options]\n", "");
	told_cases(&import_getmail, destinations, nitems(destinations), SSL "[destination]\n", "");
	told_cases(&import_getmail, syntax, nitems(syntax), "", "");
	told_cases(&import_getmail, &(struct told_case){ "", { "question 1 password: the file has no password" } }, 1,
	    "[retriever]\ntype = SimplePOP3Retriever\nserver = s\nusername = u\n" DEST, "");
	told_cases(&import_getmail, &(struct told_case){ "password =\n", { "question 5 password: the password is empty" } }, 1,
	    "[retriever]\ntype = SimplePOP3Retriever\nserver = s\nusername = u\n", DEST);
	told_cases(&import_getmail, &(struct told_case){ "password_command = (\"pass\", \"x\")\n", { "question 5 password: getmail has "
	    "the password from a program, which is not run here: (\"pass\", \"x\")" } }, 1,
	    "[retriever]\ntype = SimplePOP3Retriever\nserver = s\nusername = u\n", DEST);
}

static void
python(void **state)
{
	static const struct {
		const char		*text;
		enum python_result	 result;
		enum python_kind	 kind;
		int64_t			 number;
		const char		*string;
	} cases[] = {
		{ "1", PYTHON_OK, PYTHON_NUMBER, 1, NULL }, { " 1_000 - 2*3", PYTHON_OK, PYTHON_NUMBER, 994, NULL },
		{ "0b101", PYTHON_OK, PYTHON_NUMBER, 5, NULL }, { "0o17", PYTHON_OK, PYTHON_NUMBER, 15, NULL },
		{ "1.9", PYTHON_OK, PYTHON_NUMBER, 1, NULL }, { "True", PYTHON_OK, PYTHON_NUMBER, 1, NULL },
		{ "(7)", PYTHON_OK, PYTHON_NUMBER, 7, NULL }, { "(7,)", PYTHON_OK, PYTHON_TUPLE, 0, NULL }, { "()", PYTHON_OK, PYTHON_TUPLE, 0,
		    NULL },
		{ "1, 2", PYTHON_OK, PYTHON_TUPLE, 0, NULL }, { "[1]", PYTHON_OK, PYTHON_NONE, 0, NULL }, { "None", PYTHON_OK, PYTHON_NONE, 0,
		    NULL },
		{ "'a' \"b\"", PYTHON_OK, PYTHON_STRING, 0, "ab" }, { "'a' + 'b'", PYTHON_OK, PYTHON_STRING, 0, "ab" },
		{ "'\\x41\\n\\101\\q\\''", PYTHON_OK, PYTHON_STRING, 0, "A\nA\\q'" }, { "r'\\n'", PYTHON_OK, PYTHON_STRING, 0, "\\n" },
		{ "u'\\u00e4\\U0001f600'", PYTHON_OK, PYTHON_STRING, 0, "\xc3\xa4\xf0\x9f\x98\x80" },
		{ "'''a'\n'''", PYTHON_OK, PYTHON_STRING, 0, "a'\n" }, { "'\\\na'", PYTHON_OK, PYTHON_STRING, 0, "a" },
		{ "(1, # one\n 2)", PYTHON_OK, PYTHON_TUPLE, 0, NULL }, { "''", PYTHON_OK, PYTHON_STRING, 0, "" },
		{ "", PYTHON_BAD, 0, 0, NULL }, { "1 2", PYTHON_BAD, 0, 0, NULL }, { "(1", PYTHON_BAD, 0, 0, NULL }, { "1,\n2", PYTHON_BAD, 0,
		    0, NULL },
		{ "'a", PYTHON_BAD, 0, 0, NULL }, { "'a\nb'", PYTHON_BAD, 0, 0, NULL }, { "07", PYTHON_BAD, 0, 0, NULL }, { "1x", PYTHON_BAD, 0,
		    0, NULL },
		{ "1__0", PYTHON_BAD, 0, 0, NULL }, { "'a' * 3", PYTHON_BAD, 0, 0, NULL }, { "((((((((((((((((((((((1", PYTHON_BAD, 0, 0, NULL },
		{ "x", PYTHON_CODE, 0, 0, NULL }, { "(1, f('a'))", PYTHON_CODE, 0, 0, NULL }, { "b'a'", PYTHON_CODE, 0, 0, NULL },
		{ "9223372036854775807 + 1", PYTHON_BAD, 0, 0, NULL },
	};
	struct python	 v;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		if (python_read(&v, cases[i].text) != cases[i].result)
			fail_msg("%s: not as expected", cases[i].text);
		if (cases[i].result == PYTHON_OK && (v.kind != cases[i].kind || (v.kind == PYTHON_NUMBER && v.number != cases[i].number)))
			fail_msg("%s is kind %d, number %lld", cases[i].text, v.kind, (long long)v.number);
		if (cases[i].string != NULL)
			assert_string_equal(v.string, cases[i].string);
		python_free(&v);
	}
}

static void
unique_ids(void **state)
{
	static const struct {
		const char	*path, *seen;
		size_t		 len;
		const char	*lines[4];
	} cases[] = {
#define SEEN(s)	s, sizeof(s) - 1
		{ "/x/oldmail-pop.example.net-995-anna", SEEN("u1\0" "1700000000\nu2\0" "1\n\nmalformed\n"), { "seen u1", "seen u2" } },
		{ "copy", SEEN("u1\0" "1\n"), { "seen u1" } }, { "copy", SEEN(""), { "!seen" } },
		{ "copy", SEEN("a-b-c\0" "1\n"), { "seen a-b-c", "seen a/b/c", "note 0 getmail writes - for / in unique-ids: 1 of them" } },
		{ "oldmail-pop.example.net-110-anna", SEEN("u\0" "1\n"), { "error 0 the file is of another mailbox: that of this getmailrc is "
		    "named oldmail-pop.example.net-995-anna" } },
		{ "oldmail-x", SEEN("no\n"), { "error 0" } }, { "x", SEEN("no\n"), { "error 1 no line has" } },
	};
	struct import	 imp;
	size_t		 i, k;
	char		*text, line[256];
	int		 absent;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		import_init(&imp);
		assert_int_equal(import_getmail.parse(&imp, SSL DEST, strlen(SSL DEST)), 0);
		import_getmail.seen(&imp, cases[i].path, cases[i].seen, cases[i].len);
		text = told(&imp);
		for (k = 0; k < 4 && cases[i].lines[k] != NULL; k++) {
			absent = cases[i].lines[k][0] == '!';
			snprintf(line, sizeof(line), "%s", cases[i].lines[k] + absent);
			if ((strstr(text, line) != NULL) == absent)
				fail_msg("%s: want %s in %s", cases[i].path, cases[i].lines[k], text);
		}
		free(text);
		import_free(&imp);
	}
}

static void
broken(void **state)
{
	(void)state;
	told_broken(&import_getmail, MULTI "port = 90 + (5)\nenvelope_recipient = X-To:2\nssl_fingerprints = ('" PLAIN "',)\n"
	    "[destination]\ntype = MultiSorter\ndefault = [d]\nlocals = (('a@b', '/m/'),\n  ('\\x41', \"[d]\"))\n[d]\ntype = Mboxrd\n"
	    "path = /var/mail/x\n[options]\nmax_message_size = 5\n[DEFAULT]\ndelete = yes\n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(tables), cmocka_unit_test(python), cmocka_unit_test(unique_ids),
		    cmocka_unit_test(broken),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
