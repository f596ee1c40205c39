/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* mpoprc: every command and what it becomes, accounts that copy from others, and the file of unique-ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "importrig.h"

#define BASE	"account a\nhost pop.example.net\nuser anna\npassword p\ndelivery maildir /home/anna/Maildir\n"
#define PIN	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"
#define SHA1	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33"

static void
whole(void **state)
{
	char	*text = told_file(&import_mpop, BASE "tls on\ntls_starttls off\n");

	(void)state;
	assert_string_equal(text, "record 1\nname=a\ntls=tls\ndomain=pop.example.net\npassword=p\nauth_name=anna\nleave=0\naccount=anna\n"
	    "note 5 the owner is anna, because mail went to /home/anna/Maildir; rpopd delivers into the owner's Maildir below "
	    "settings.mail_root, or to the owner's next hop\n");
	free(text);
}

static const struct told_case	 commands[] = {
	{ "", { "tls=none", "auth=scram-sha-256", "note 1 mpop uses no TLS", "note 1 without TLS mpop logs in by SCRAM only" } },
	{ "tls on\n", { "tls=stls", "domain=pop.example.net", "!auth=", "!note 1 mpop uses no TLS" } },
	{ "tls\n", { "tls=stls" } },
	{ "tls on\ntls_starttls on\n", { "tls=stls" } },
	{ "tls on\ntls_starttls off\n", { "tls=tls", "domain=pop.example.net" } },
	{ "tls off\ntls_starttls off\n", { "tls=none", "note 6 mpop uses no TLS" } },
	{ "tls maybe\n", { "error 6 maybe is no argument that tls takes" } },
	{ "tls on\nport 995\n", { "domain=pop.example.net:995" } },
	{ "tls on\ntls_starttls off\nport 110\n", { "domain=pop.example.net:110" } },
	{ "port 0x6e\n", { "domain=pop.example.net\n" } },
	{ "port 0\n", { "error 6 0 is no argument that port takes" } },
	{ "port 65536\n", { "error 6 " } },
	{ "port\n", { "error 6 port needs an argument" } },
	{ "host 192.0.2.7\n", { "domain=192.0.2.7" } },
	{ "host ::1\nport 1110\n", { "domain=[::1]:1110" } },
	{ "host pop.example.net.\n", { "domain=pop.example.net\n" } },
	{ "host b\xc3\xbc" "cher.example\n", { "question 6 domain: the server " } },
	{ "host\n", { "error 6 host needs an argument" } },
	{ "user \"a b\"\n", { "auth_name=a b\n" } },
	{ "user\n", { "question 1 auth_name: account a has no user" } },
	{ "password \" p\\\"q \"\n", { "password= p\\\"q \n" } },
	{ "password\n", { "!password=", "question 1 password: account a has no password" } },
	{ "passwordeval pass show x\n", { "password=p", "!question" } },
	{ "password\npasswordeval pass show x\n", { "question 7 password: mpop has the password from a command", "!password=" } },
	{ "auth on\n", { "auth=scram-sha-256" } },
	{ "auth\ntls\n", { "!auth=scram" } },
	{ "auth user\n", { "auth=user" } }, { "auth apop\n", { "auth=apop" } }, { "auth plain\n", { "auth=plain" } },
	{ "auth login\n", { "auth=login" } }, { "auth cram-md5\n", { "auth=cram-md5" } },
	{ "auth scram-sha-1\n", { "auth=scram-sha-1" } }, { "auth scram-sha-256\n", { "auth=scram-sha-256" } },
	{ "auth digest-md5\n", { "question 6 auth: rpopd does not know the mechanism digest-md5", "!auth=" } },
	{ "tls\nauth digest-md5\n", { "lost 7 rpopd does not know the mechanism digest-md5", "!auth=" } },
	{ "tls\nauth gssapi\n", { "lost 7 rpopd does not know the mechanism gssapi" } },
	{ "auth ntlm\n", { "auth=ntlm", "auth_name=anna\n" } },
	{ "auth ntlm\nntlmdomain EXAMPLE\n", { "auth=ntlm", "auth_name=anna@EXAMPLE\n" } },
	{ "ntlmdomain EXAMPLE\n", { "auth_name=anna\n", "note 6 ntlmdomain counts" } },
	{ "tls\nauth xoauth2\npasswordeval oauth.sh\n", { "question 7 token_command: auth xoauth2 needs a program", "!password=" } },
	{ "tls\nauth oauthbearer\n", { "auth=oauthbearer", "question 7 token_command: " } },
	{ "tls\nauth external\n", { "question 7 tls_cert: auth external needs", "!password=" } },
	{ "tls\nauth external\ntls_cert_file /c.pem\ntls_key_file /k.pem\n", { "auth=external", "tls_cert=/c.pem", "tls_key=/k.pem",
	    "!password=",
	    "!question" } },
	{ "auth GSSAPI\n", { "error 6 GSSAPI is no argument that auth takes" } },
	{ "tls\ntls_cert_file /c.pem\n", { "lost 7 tls_cert_file and tls_key_file belong together", "!tls_cert=" } },
	{ "tls\ntls_cert_file ~/c.pem\ntls_key_file /k.pem\n", { "lost 7 tls_cert and tls_key must be absolute", "!tls_cert=",
	    "!tls_key=" } },
	{ "tls\ntls_trust_file /etc/ca.pem\n", { "ca_file=/etc/ca.pem" } },
	{ "tls\ntls_trust_file /etc/ssl/certs/ca-certificates.crt\n", { "!ca_file=", "note 7 /etc/ssl/certs/ca-certificates.crt is what"
	    } },
	{ "tls\ntls_trust_file ~/ca.pem\n", { "!ca_file=", "lost 7 ca_file must be an absolute path" } },
	{ "tls\ntls_trust_file system\n", { "!ca_file=", "!note 7", "!lost 7" } },
	{ "tls\ntls_trust_file\n", { "!ca_file=", "note 7 tls_trust_file without an argument" } },
	{ "tls_trust_file /etc/ca.pem\n", { "!ca_file=", "note 1 settings for TLS do not count" } },
	{ "tls\ntls_fingerprint " PIN "\n", { "tls_pins=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" } },
	{ "tls\ntls_fingerprint " PIN "\ntls_trust_file /ca\n", { "tls_pins=0011", "!ca_file=" } },
	{ "tls\ntls_fingerprint " SHA1 "\n", { "!tls_pins=", "lost 7 tls_fingerprint is no SHA-256 sum" } },
	{ "tls\ntls_fingerprint\n", { "!tls_pins=", "!lost" } },
	{ "tls\ntls_fingerprint 00:11\n", { "error 7 00:11 is no argument that tls_fingerprint takes" } },
	{ "tls\ntls_certcheck off\ntls_trust_file /ca\n", { "lost 7 tls_certcheck off", "!ca_file=" } },
	{ "tls\ntls_certcheck on\n", { "!lost" } },
	{ "tls\ntls_host_override mx.example.net\n", { "tls_name=mx.example.net" } },
	{ "tls\ntls_crl_file /crl\n", { "lost 7 tls_crl_file" } },
	{ "tls\ntls_min_dh_prime_bits 512\n", { "lost 7 tls_min_dh_prime_bits" } },
	{ "tls_min_dh_prime_bits 0\n", { "error 6" } },
	{ "tls\ntls_priorities NORMAL:-VERS-TLS1.0\n", { "lost 7 tls_priorities" } },
	{ "tls_force_sslv3 on\n", { "!lost", "!error" } },
	{ "keep on\n", { "leave=1" } }, { "keep\n", { "leave=1" } }, { "keep off\n", { "leave=0" } },
	{ "only_new off\n", { "note 6 only_new off" } }, { "only_new on\n", { "!note 6" } },
	{ "killsize 100k\n", { "max_size=102399", "lost 6 killsize" } },
	{ "killsize 100k\nkeep\n", { "max_size=102399", "!lost" } },
	{ "skipsize 2m\n", { "max_size=2097151", "!lost" } },
	{ "skipsize 2m\nkillsize 0x10\n", { "max_size=15" } },
	{ "skipsize 0\n", { "question 6 max_size: with this mpop retrieves no message" } },
	{ "skipsize off\n", { "!max_size=" } },
	{ "skipsize 4096m\n", { "!max_size=" } },
	{ "skipsize\n", { "error 6 skipsize needs an argument" } },
	{ "skipsize 1g\n", { "error 6 1g is no argument that skipsize takes" } },
	{ "filter /bin/true\n", { "lost 6 filter" } }, { "filter\n", { "!lost" } },
	{ "proxy_host p\nproxy_port 9050\n", { "lost 6 proxy_host" } }, { "proxy_port 0\n", { "error 6" } },
	{ "source_ip 192.0.2.1\n", { "lost 6 source_ip" } },
	{ "socket /run/pop\n", { "!record", "file lost 6 account a has its server behind the socket" } },
	{ "timeout off\n", { "note 6 timeout" } }, { "timeout 180\n", { "!note 6" } }, { "timeout 0\n", { "error 6" } },
	{ "pipelining off\n", { "note 6 pipelining" } }, { "pipelining auto\n", { "!note 6" } },
	{ "received_header off\n", { "note 6 received_header" } }, { "received_header\n", { "!note 6" } },
	{ "uidls_file ~/u-%U-%H%%\nkeep\n", { "note 6 import the file ~/u-anna-pop.example.net%%, too" } }, { "uidls_file ~/u\n", {
	    "!note 6" } },
	{ "keep on\n", { "note 1 import the file ~/.mpop_uidls/anna_at_pop.example.net, too" } },
	{ "delivery maildir ~bert/Mail/.Lists.bsd/\n", { "account=bert", "mailbox=Lists/bsd" } },
	{ "delivery maildir /var/vmail/example.org/carla/\n", { "account=carla@example.org" } },
	{ "delivery maildir ~/Mail\n", { "!account=", "question 6 account: delivery maildir ~/Mail does not tell" } },
	{ "delivery mbox /var/mail/Bert\n", { "account=bert", "lost 6 delivery mbox" } },
	{ "delivery mda \"/usr/bin/procmail -f '%F' -d bert\"\n", { "account=bert", "lost 6 delivery mda" } },
	{ "delivery mda \"/usr/bin/procmail -d $USER\"\n", { "!account=", "question 6 account: delivery mda" } },
	{ "delivery exchange /pickup\n", { "lost 6 delivery exchange", "question 6 account" } },
	{ "delivery lmtp x\n", { "error 6 lmtp x is no argument that delivery takes" } },
	{ "delivery\n", { "error 6 delivery needs an argument" } },
	{ "eval echo tls on\n", { "question 6 tls: tls may be in the line that a command writes" } },
	{ "tls on\neval pass\n", { "lost 7 a command writes a line", "!question" } },
	{ "password\ntls on\neval pass\n", { "question 8 password: password may be in the line" } },
	{ "eval\n", { "error 6 eval needs an argument" } },
	{ "logfile ~/x\n", { "error 6 mpop has no command logfile" } },
	{ "Host x\n", { "error 6 mpop has no command Host" } },
	{ "  # nothing\n\t\r\n\nkeep on # not\n", { "error 9 on # not is no argument that keep takes" } },
};

static void
each_command(void **state)
{
	(void)state;
	told_cases(&import_mpop, commands, nitems(commands), BASE, "");
}

static const struct told_case	 accounts[] = {
	{ "keep on\n", { "error 1 'account' or 'defaults' comes first" } },
	{ "defaults x\n", { "error 1 'defaults' stands alone" } },
	{ "account\n", { "error 1 'account' needs a name" } }, { "account a,b\n", { "error 1 the name of an account has no comma" } },
	{ "account a\naccount a\n", { "error 2 there are two accounts with the name a" } },
	{ "account a : b\n", { "error 1 there is no account b above" } }, { "account a : \n", { "error 1 the name of an account is "
	    "missing" } },
	{ "account a\naccount b : a,\n", { "error 2 the name of an account is missing" } },
	{ "account a\nkeep\n", { "!record", "file note 1 account a has no host" } },
	{ "defaults\nhost h\nkeep\ndefaults\nuser u\naccount a\n", { "domain=h", "leave=1", "auth_name=u" } },
	{ "account a\nhost h\nuser u\ndefaults\nkeep\naccount b : a\n", { "record 1", "record 6", "leave=1", "auth_name=u" } },
	{ "account a\nhost h\nkeep\ndefaults\nkeep off\naccount b : a\nuser x\n", { "record 6", "!leave=0" } },
	{ "account a\nhost h\ndefaults\nkeep\naccount b\naccount c : b, a\n", { "domain=h", "file note 5 account b has no host" } },
	{ "account \"a : b\"\n", { "error 1 there is no account b" } },
	{ "account \"a b\"\nhost \"h\"\n", { "name=a b", "domain=h\n" } },
	{ "account a\r\nhost h", { "name=a\n", "domain=h\n" } },
	{ "eval echo account x\nhost h\n", { "!error" } },
};

static void
each_account(void **state)
{
	char	 text[600] = "account ", *result;

	(void)state;
	told_cases(&import_mpop, accounts, nitems(accounts), "", "");
	memset(text + 8, 'x', 499 - 8);
	text[499] = '\n';
	result = told_file(&import_mpop, text);
	assert_non_null(strstr(result, "file note 1 account xxx"));
	free(result);
	text[499] = 'x';
	result = told_file(&import_mpop, text);
	assert_non_null(strstr(result, "error 1 the line is longer than 499"));
	free(result);
}

static void
unique_ids(void **state)
{
	static const char	*rc = BASE "account b\nhost pop.example.net\nuser bert\npassword p\nport 1110\n";
	static const struct told_case	 cases[] = {
		{ "# made by mpop\n#\n 2 pop.example.net anna\nu1\n#u2\n 1 pop.example.net bert\nv1\n", { "seen u1", "seen #u2", "seen v1" } },
		{ "", { "!seen", "!error" } },
		{ " 1 other.example.net anna\nu1\n", { "!seen", "file note 1 1 unique-id of anna at other.example.net belong" } },
		{ "u1\n", { "error 1 a list of unique-ids begins" } }, { " 0 h u\n", { "error 1 how many" } },
		{ " x h u\n", { "error 1 how many" } }, { " 1  u\n", { "error 1 the host is missing" } },
		{ " 1 h\n", { "error 1 the user behind" } }, { " 1 h u v\n", { "error 1 the user behind" } },
		{ " 2 pop.example.net anna\nu1\n", { "error 2 1 unique-ids are missing behind" } },
		{ " 2 pop.example.net anna\nu1\n 1 pop.example.net bert\nv\n", { "error 3 1 unique-ids are missing above" } },
	};
	/* A login that is none is no mailbox. */
	static const struct told_case	 no_login[] = { { " 1 h \r\nu\n", { "question 1 auth_name", "!seen" } } };

	(void)state;
	told_seen_cases(&import_mpop, rc, "uidls", cases, nitems(cases));
	told_seen_cases(&import_mpop, "account a\nhost h\nuser \"\r\"\nauth ntlm\n", "uidls", no_login, 1);
}

static void
broken(void **state)
{
	(void)state;
	told_broken(&import_mpop, "defaults\ntls on\ntls_fingerprint " PIN "\n" BASE "account b : a\nkillsize 10k\nauth ntlm\n"
	    "eval x\ndelivery mda \"procmail -d x\"\n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(each_command), cmocka_unit_test(each_account), cmocka_unit_test(unique_ids),
		cmocka_unit_test(broken),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
