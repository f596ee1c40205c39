/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* fdm.conf: accounts, settings, macros, rules that are read and told, the cache of seen ids, and a .netrc. */
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

#define LOGIN	"server \"pop.example.net\" user \"anna\" pass \"p\""
#define RULES	"action \"in\" maildir \"%h/mail\"\nmatch all action \"in\"\n"

static void
whole(void **state)
{
	char	*text = told_file(&import_fdm, "set verify-certificates\naccount \"a\" user \"anna\" pop3s " LOGIN
	    " new-only cache \"~/c\" keep\n" RULES);

	(void)state;
	assert_string_equal(text, "record 2\nname=a\ntls=tls\ndomain=pop.example.net\nauth_name=anna\npassword=p\napop=1\nleave=1\n"
	    "account=anna\nnote 2 import the file ~/c, too, or what is left on the server is retrieved once more\n"
	    "file lost 3 1 action from here on: rpopd runs no programs for messages; it delivers into Maildirs, or to next hops by LMTP "
	    "or SMTP, where Sieve can filter\n"
	    "file lost 4 1 match rule from here on: rpopd goes by the owner of the record, or with column special by the recipient; "
	    "tables account and route say where that is\n");
	free(text);
}

static const struct told_case	 accounts[] = {
	{ "pop3 " LOGIN, { "tls=none", "domain=pop.example.net\n", "note 1 pop3 without starttls", "apop=1", "leave=0" } },
	{ "pop3s " LOGIN, { "tls=tls", "note 1 without 'set verify-certificates'", "account=anna" } },
	{ "pop3 " LOGIN " starttls", { "tls=stls", "!apop" } },
	{ "pop3s " LOGIN " starttls", { "error 1 pop3s and starttls exclude" } },
	{ "pop3 " LOGIN " no-apop", { "!apop" } }, { "pop3s " LOGIN " no-verify", { "lost 1 no-verify", "!note 1 without 'set" } },
	{ "pop3s " LOGIN " insecure", { "tls_min=1.0", "note 1 insecure" } }, { "pop3s " LOGIN " no-tls1", { "!tls_min" } },
	{ "pop3 " LOGIN " insecure", { "!tls_min" } },
	{ "pop3s " LOGIN " no-uidl", { "!note 1 no-uidl" } }, { "pop3s " LOGIN " no-uidl keep", { "note 1 no-uidl" } },
	{ "pop3s " LOGIN " no-apop no-verify no-uidl insecure keep", { "leave=1", "!apop", "lost 1 no-verify" } },
	{ "pop3s " LOGIN " no-verify no-apop", { "error 1 here is no-apop, where fdm wants account, action" } },
	{ "pop3s " LOGIN " keep", { "leave=1", "note 1 without 'new-only'" } },
	{ "pop3s " LOGIN " new-only cache \"/c\"", { "leave=0", "note 1 import the file /c" } },
	{ "pop3s " LOGIN " new-only", { "error 1 here is the end of the file, where fdm wants cache" } },
	{ "pop3s " LOGIN " old-only cache \"/c\"", { "!record", "file lost 1 account a retrieves old messages only" } },
	{ "pop3s server \"h\" port 1995 user \"u\" pass \"p\"", { "domain=h:1995" } },
	{ "pop3s server \"h\" port \"pop3\" user \"u\" pass \"p\"", { "domain=h:110" } },
	{ "pop3s server \"h\" port \"pop3s\" user \"u\" pass \"p\"", { "domain=h\n" } },
	{ "pop3s server \"h\" port \"imap\" user \"u\" pass \"p\"", { "question 1 domain: the port of h is the service imap" } },
	{ "pop3s server \"h\" port 0 user \"u\" pass \"p\"", { "error 1 a port is a number" } },
	{ "pop3s server \"h\" port \"\" user \"u\" pass \"p\"", { "error 1 the port is empty" } },
	{ "pop3s server \"\" user \"u\" pass \"p\"", { "error 1 the host is empty" } },
	{ "pop3s server \"h\" user \"\" pass \"p\"", { "error 1 the user is empty" } },
	{ "pop3s server \"h\" user \"u\" pass \"\"", { "error 1 the password is empty" } },
	{ "pop3s server \"h\"", { "question 1 auth_name: the account has no user; fdm has it from ~/.netrc", "question 1 password" } },
	{ "pop3s server \"h\" user \"u\"", { "auth_name=u", "question 1 password: the account has no password" } },
	{ "pop3s server \"h\" pass \"p\"", { "password=p", "question 1 auth_name" } },
	{ "pop3s user \"u\" server \"h\"", { "error 1 here is user, where fdm wants server" } },
	{ "pop3 pipe \"ssh h\" user \"u\" pass \"p\" no-apop keep", { "!record", "file lost 1 account a has its mail from POP3 over the "
	    "pipe" } },
	{ "pop3 pipe \"ssh h\"", { "error 1 here is the end of the file, where fdm wants user" } },
	{ "pop3s pipe \"x\" user \"u\" pass \"p\"", { "error 1 here is pipe, where fdm wants server" } },
	{ "imaps " LOGIN " folders { \"a\" \"b\" } new-only no-verify no-cram-md5 no-login insecure", { "!record", "file lost 1" } },
	{ "imap pipe \"x\" user \"u\" pass \"p\" folder \"a\" old-only", { "file lost 1 account a has its mail from IMAP" } },
	{ "nntp server \"h\" group \"g\" cache \"/c\"", { "file lost 1 account a has its mail from NNTP" } },
	{ "stdin", { "file lost 1 account a has its mail from standard input" } },
	{ "maildirs { \"/a\" \"/b\" } keep", { "file lost 1 account a has its mail from files" } }, { "mbox \"/a\"", { "file lost 1" } },
	{ "smtp", { "error 1 here is smtp, where fdm wants pop3" } },
	{ "pop3s server 'h' user 'a\"b' pass 'x${y}\\'", { "auth_name=a\"b\n", "password=x${y}\\\n" } },
	{ "pop3s server 'h' user '50%%' pass 'a%xb%:cd' + '%[nothing]%[e'", { "auth_name=50%\n", "password=abcd%[e\n" } },
	{ "pop3s server 'h' user '%h' pass 'p'", { "question 1 auth_name: the user has what fdm puts in for %h" } },
	{ "pop3s server 'mx.%[hostname]' user 'u' pass 'p'", { "question 1 domain: the server has what fdm puts in for %[hostname]" } },
	{ "pop3s server \"h\" user \"u\" pass $(pass show 'x (y)' \")\")", { "question 1 password: the password has a command that is "
	    "not run here: pass show 'x (y)' \")\"", "!password=" } },
	{ "pop3s server $(h) user \"u\" pass \"p\"", { "question 1 domain: the server has a command" } },
	{ "pop3s server \"h\" port %(echo 1) user \"u\" pass \"p\"", { "question 1 domain: the server has a command" } },
	{ "pop3s server \"h\" user \"u\" pass \"p\" +", { "error 1 here is the end of the file, where fdm wants a string" } },
	{ "pop3s server \"h\" user \"u\" pass \"\\\"\\n\"", { "password=NULL", "question 1 password: the password must be 1 to 1024" } },
	{ "pop3s server \"h\" user \"u\" pass \"\\\"\\t\\x\\\\\"", { "password=\"\tx\\\n" } },
};

static const struct told_case	 owners[] = {
	{ "account 'a' pop3s " LOGIN, { "question 1 account: the account has no users, and there is no default-user" } },
	{ "account 'a' pop3s " LOGIN "\nset default-user 'bert'\nset default-user 'carl'", { "account=bert" } },
	{ "set default-user $(id)\naccount 'a' pop3s " LOGIN, { "question 1 account: the user has a command" } },
	{ "account 'a' users { 'bert' 'carl' } pop3s " LOGIN, { "account=bert", "lost 1 2 users get the mail" } },
	{ "account 'a' users 'no one' pop3s " LOGIN, { "question 1 account: no one is no name" } },
	{ "account 'a' disabled users 'u' pop3s " LOGIN, { "account=u", "period=NULL", "note 1 the account is disabled" } },
	{ "account 'a' users 'u' disabled pop3s " LOGIN, { "error 1 here is disabled, where fdm wants pop3" } },
	{ "account 'a' users { } pop3s " LOGIN, { "error 1 here is }, where fdm wants a string" } },
	{ "account 'a' users { '' } pop3s " LOGIN, { "error 1 the string ahead of this is empty" } },
	{ "account '' stdin", { "error 1 the name of an account has" } },
	{ "account 'a' stdin\naccount \"a\" stdin", { "error 2 there are two accounts with the name a, the other one in line 1" } },
	{ "account $(x) pop3s " LOGIN, { "name=account\n", "note 1 the name of the account is not known" } },
	{ "account 'a' pop3s " LOGIN " account 'b' pop3s " LOGIN, { "name=a\n", "name=b\n" } },
};

static const struct told_case	 settings[] = {
	{ "set maximum-size 5M", { "max_size=5242880" } }, { "set maximum-size 100 kilobytes", { "max_size=102400" } },
	{ "set maximum-size 0", { "error 2 maximum-size is" } }, { "set maximum-size 2G", { "error 2 maximum-size is" } },
	{ "set maximum-size 99999999999G", { "error 2 so many gigabytes" } }, { "set maximum-size %(x)", { "file lost 2 maximum-size",
	    "!max_size" } },
	{ "set purge-after 50", { "session_messages=50" } }, { "set purge-after none", { "!session_messages" } },
	{ "set purge-after 0", { "error 2 purge-after" } }, { "set purge-after 2000000", { "session_messages=1000000", "note 2" } },
	{ "set delete-oversized", { "file lost 2 delete-oversized" } }, { "set proxy \"socks://h\"", { "file lost 2 proxy" } },
	{ "set timeout 5 minutes", { "file note 2 timeout" } }, { "set parallel-accounts 3", { "file note 2 parallel-accounts" } },
	{ "set no-received", { "file note 2 no-received" } }, { "set unmatched-mail keep", { "leave=1", "note 2 fdm keeps some" } },
	{ "set unmatched-mail drop", { "leave=0" } }, { "set unmatched-mail", { "error 2 here is the end of the file, where fdm wants "
	    "keep" } },
	{ "set lock-types fcntl dotlock set lock-wait set lock-type none", { "!error" } }, { "set lock-types", { "error 2" } },
	{ "set lock-file \"/l\" set lock-timeout 5 set ignore-errors set allow-multiple set no-create", { "!error" } },
	{ "set queue-high 5 set queue-low 2 set file-group user set file-group \"mail\" set file-group 8", { "!error" } },
	{ "set file-umask 022 set file-umask user set lookup-order passwd passwd set strip-characters \"x\" set command-user \"u\"",
	    { "!error" } },
	{ "set nothing", { "error 2 fdm has no word nothing" } }, { "set keep", { "error 2 here is keep, where fdm wants something" } },
	{ "set verify-certificates", { "!note 1 without" } },
	{ "cache \"/c\" expire 2 weeks\ncache '/d'", { "file lost 2 2 caches for rules" } },
};

static const struct told_case	 macros[] = {
	{ "$h = \"pop.\" + 'example.net'\n%p = 1995\naccount 'a' pop3s server $h port %p user \"${h}%{p}${none}\" pass ${h}",
	    { "domain=pop.example.net:1995", "auth_name=pop.example.net1995\n", "password=pop.example.net\n" } },
	{ "$a = 'x' $a = 'y' account $a stdin", { "file lost 1 account y" } },
	{ "account $a stdin", { "error 1 there is no macro $a; if fdm has it by -D" } },
	{ "include \"other\"\naccount 'a' pop3s server $h user \"${u}\" pass 'p'", { "file lost 1 the file other is not read",
	    "question 2 domain: the server has the macro $h, which may be in the file", "question 2 auth_name: the user has the macro $u"
	    } },
	{ "$p = $(gpg x)\naccount 'a' pop3s server 'h' user 'u' pass \"-${p}-\"", { "question 2 password: the password has a command "
	    "that is not run here: gpg x" } },
	{ "%p = %(x)\naccount 'a' pop3s server 'h' port %p user 'u' pass 'p'", { "question 2 domain" } },
	{ "ifdef $x\naccount 'a' stdin\nendif\naccount 'b' stdin", { "!file lost 2", "file lost 4 account b" } },
	{ "%x = 1\nifndef %x account 'a' stdin endif ifdef %{x} account 'b' stdin endif", { "file lost 2 account b", "!file lost 2 "
	    "account a" } },
	{ "$x = ''\nifndef $x account 'a' stdin endif ifdef ${x} account 'b' stdin endif", { "file lost 2 account b", "file lost 2 "
	    "account a" } },
	{ "ifdef $x include 'y' ifdef $z endif account 'a' stdin endif", { "!file" } },
	{ "ifdef $x", { "error 1 an endif is missing" } }, { "endif", { "error 1 this endif has no ifdef" } }, { "ifdef x", { "error 1 "
	    "a macro" } },
	{ "include x", { "error 1 the name of a file in quotes" } }, { "$ = 'x'", { "error 1 the name of a macro is missing" } },
	{ "${a = 'x'", { "error 1 the } is missing" } }, { "$a 'x'", { "error 1 here is a string, where fdm wants =" } },
	{ "# comment \" '\naccount 'a' # more\nstdin\n\n;", { "error 5 the character ; begins nothing" } },
	{ "account 'a\n\nb", { "error 1 the ' is missing behind the string" } }, { "account 'a\n' stdin\nx", { "error 3 fdm has no word "
	    "x" } },
	{ "account $(x", { "error 1 the ) is missing" } }, { "account $()", { "error 1 there is no command" } },
	{ "account \"\\", { "error 1 the \" is missing" } },
	{ "$a = \"0123456789abcdef\" $b = \"${a}${a}${a}${a}${a}${a}${a}${a}\" $c = \"${b}${b}${b}${b}${b}${b}${b}${b}\" "
	    "$d = \"${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}${c}\"", { "error 1 this string is longer than 16384"
	    } },
	{ "%a = 9999999999999999999999", { "error 1 number 9999999999999999999999 is too large" } },
};

static const struct told_case	 rules[] = {
	{ "match \"^From\" in headers or not case \"x\" in body and account \"a\" action keep", { "leave=1", "note 2 fdm keeps some" } },
	{ "match all action { \"a\" \"b\" } continue", { "leave=0", "file lost 2 1 match rule" } },
	{ "match accounts { \"a\" } users { \"u\" } action { maildir \"x\" mbox \"y\" compress drop }", { "file lost 2" } },
	{ "match exec \"x\" user \"u\" returns (1, ) action drop match pipe \"x\" returns (, case \"y\") action drop", { "file lost 2 2 "
	    "match" } },
	{ "match exec \"x\" returns (,) action drop", { "error 2 here is ), where fdm wants a number or a pattern" } },
	{ "match exec \"x\" returns (256,) action drop", { "error 2 a program returns 0 to 255" } },
	{ "match tagged \"x\" and size > 5K and string \"a\" to case \"b\" and in-cache \"c\" key \"d\" action drop", { "!error" } },
	{ "match matched or unmatched or age < 5 days or age invalid action drop", { "!error" } },
	{ "match attachment count != 2 or attachment total-size > 2M or attachment any-size < 5 action drop", { "!error" } },
	{ "match attachment any-type \"x\" and attachment any-name \"y\" action drop", { "!error" } },
	{ "match attachment size > 2 action drop", { "error 2 here is size, where fdm wants what of an attachment" } },
	{ "match all { match all action drop match \"x\" { } }", { "file lost 2 3 match rules" } },
	{ "match all {", { "error 2 the } of a match is missing" } }, { "}", { "error 2 the { of a } above this is missing" } },
	{ "match all action", { "error 2" } }, { "match action drop", { "error 2 here is action" } }, { "match all drop", { "error 2 "
	    "here is drop" } },
	{ "action \"a\" users \"u\" { exec \"a\" pipe \"b\" rewrite \"c\" write \"d\" append \"e\" add-header \"f\" value \"g\" "
	    "add-header \"h\" \"i\" }",
	    { "file lost 2 1 action", "leave=0" } },
	{ "action \"a\" { imaps server \"h\" port 1 user \"u\" pass \"p\" folder \"f\" no-verify no-cram-md5 no-login insecure imap "
	    "server \"h\" }",
	    { "!error" } },
	{ "action \"a\" { smtp server \"h\" from \"f\" to \"t\" stdout tag \"a\" tag \"b\" value \"c\" action \"d\" actions { \"e\" } }",
	    { "!error" } },
	{ "action \"a\" { add-to-cache \"a\" key \"b\" to-cache \"a\" key \"b\" remove-from-cache \"a\" key \"b\" remove-headers { "
	    "\"x\" } keep }",
	    { "note 2 fdm keeps some" } },
	{ "action \"a\" fly", { "error 2 fdm has no word fly" } }, { "action \"a\" all", { "error 2 here is all, where fdm wants what "
	    "an action" } },
	{ "action \"a\" { }", { "error 2 here is }, where fdm wants what an action" } },
};

static void
tables(void **state)
{
	(void)state;
	told_cases(&import_fdm, accounts, nitems(accounts), "account \"a\" user \"anna\" ", "");
	told_cases(&import_fdm, owners, nitems(owners), "", "");
	told_cases(&import_fdm, settings, nitems(settings), "account \"a\" user \"anna\" pop3s " LOGIN "\n", "");
	told_cases(&import_fdm, macros, nitems(macros), "", "");
	told_cases(&import_fdm, rules, nitems(rules), "account \"a\" user \"anna\" pop3s " LOGIN "\n", "");
}

static void
unique_ids(void **state)
{
	static const char		*one = "account 'a' pop3s " LOGIN " new-only cache '/h/c'";
	static const char		*two = "account 'a' pop3s " LOGIN " new-only cache '/x/h/c'\naccount 'b' pop3s " LOGIN " new-only cache "
	    "'/y/h/d'";
	static const struct told_case	 cases[] = {
		{ "2 u1\n3 u22\n", { "seen u1", "seen u22" } }, { "", { "!seen", "!error" } }, { " 2   u1", { "seen u1" } },
		{ "3 u1\n", { "seen u1\n", "!error" } }, { "2 u1\nx\n", { "error 2 a line is the length" } }, { "0 \n", { "error 1" } },
		{ "71 x\n", { "error 1 a line is the length" } }, { "5 u1\n", { "error 1 the file ends in the middle" } }, { "2", { "error 1" } },
		{ "2\nu1\n", { "seen u1" } },
	}, named[] = { { "2 u1\n", { "seen u1" } } }, none[] = { { "2 u1\n", { "error 0 no account has a cache" } } };
	char	*text;

	(void)state;
	told_seen_cases(&import_fdm, one, "anything", cases, 3);
	told_seen_cases(&import_fdm, one, "anything", cases + 4, nitems(cases) - 4);
	told_seen_cases(&import_fdm, two, "c", named, 1);
	told_seen_cases(&import_fdm, two, "/z/h/d", named, 1);
	told_seen_cases(&import_fdm, two, "e", none, 1);
	text = told_seen(&import_fdm, two, "/z/h/d", "2 u1\n");
	assert_null(strstr(strstr(text, "record 2"), "record 1"));
	assert_non_null(strstr(strstr(text, "record 2"), "seen u1"));
	free(text);
	text = told_seen(&import_fdm, "account 'a' pop3s " LOGIN " new-only cache '/x/c'\naccount 'b' pop3s " LOGIN " new-only cache "
	    "'/y/c'",
	    "/z/c", "2 u1\n");
	assert_non_null(strstr(text, "error 0 the file may be that of the account in line 1 and of the one in line 2"));
	free(text);
}

static void
netrc(void **state)
{
	static const char	*netrc = "machine h login u password p\nmachine k login u password q\nmachine k login v password r\n";
	static const char	*conf = "account '1' pop3s server 'h' account '2' pop3s server 'k' user 'v' account '3' pop3s server 'k'\n";
	struct import		 imp;
	char			*text;

	(void)state;
	import_init(&imp);
	assert_int_equal(import_fdm.parse(&imp, conf, strlen(conf)), 0);
	assert_int_equal(import_fdm.netrc(&imp, netrc, strlen(netrc)), 0);
	text = told(&imp);
	assert_string_equal(import_get(&imp.records[0], "password")->value, "p");
	assert_string_equal(import_get(&imp.records[0], "auth_name")->value, "u");
	assert_string_equal(import_get(&imp.records[1], "password")->value, "r");
	assert_null(import_get(&imp.records[2], "password"));
	assert_non_null(strstr(strstr(text, "name=3"), "question 1 password"));
	assert_non_null(strstr(strstr(text, "name=3"), "question 1 auth_name"));
	free(text);
	import_free(&imp);
}

/* A user's name that no login can be has no password in .netrc. */
static void
netrc_bad_user(void **state)
{
	char		 conf[700];
	const char	*netrc = "machine h login u password p\n";
	struct import	 imp;

	(void)state;
	snprintf(conf, sizeof(conf), "account '1' pop3s server 'h' user '%0600d'\n", 0);
	import_init(&imp);
	assert_int_equal(import_fdm.parse(&imp, conf, strlen(conf)), 0);
	assert_null(import_get(&imp.records[0], "auth_name")->value);
	assert_int_equal(import_fdm.netrc(&imp, netrc, strlen(netrc)), 0);
	assert_null(import_get(&imp.records[0], "password"));
	import_free(&imp);
}

static void
broken(void **state)
{
	(void)state;
	told_broken(&import_fdm, "$h = \"x\" %n = 5\nifdef $h set maximum-size %nK endif\naccount \"a${h}\" disabled users { 'u' 'v' } "
	    "pop3s server $h + '%%' port %n user $(id) pass \"\\\"\" new-only cache \"~/c\" no-apop keep # c\n"
	    "action \"a\" { tag \"x\" value 'y' }\n"
	    "match not \"x\" in body and exec 'e' returns (1, case 'x') { match all action { keep } continue }\n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(tables), cmocka_unit_test(unique_ids), cmocka_unit_test(netrc),
		cmocka_unit_test(netrc_bad_user), cmocka_unit_test(broken),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
