/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* CommuniGate's dictionaries: every key and what it becomes, hostile texts, and 1,000 random stores there and back. */
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
#include "rpopctl/import/communigate.h"
#include "rpopctl/import/dictionary.h"

#define STORES	1000

static void
whole(void **state)
{
	char	*text = told_file(&import_communigate, "{isp={authName=joe;domain=\"pop.example\";password=secret;period=600s;leave=YES;};}");

	(void)state;
	assert_string_equal(text, "record 1\nname=isp\ntls=none\ndomain=pop.example\nauth_name=joe\npassword=secret\nperiod=600\n"
	    "mailbox=NULL\nspecial=NULL\nleave=1\napop=0\n"
	    "question 1 account: the dictionary does not say whose record isp is\n"
	    "note 1 without TLS the password crosses the network in clear, as it did before, unless apop is 1; tls=tls or tls=stls "
	    "protects it where the server can do that\n");
	free(text);
}

static const struct told_case	 keys[] = {
	{ "", { "question 1 domain: the record has no domain", "question 1 auth_name: the record has no authName",
	    "question 1 password: the record has no password", "period=600", "leave=0", "apop=0" } },
	{ "TLS=YES;domain=a.example;", { "tls=tls", "domain=a.example\n", "!note 1 without TLS" } },
	{ "domain=\"a.example:995\";TLS=YES;", { "tls=tls", "domain=a.example\n" } },
	{ "domain=\"a.example:995\";", { "tls=none", "domain=a.example:995" } },
	{ "domain=\"[2001:db8::1]:1110\";", { "domain=[2001:db8::1]:1110" } },
	{ "domain=\"2001:db8::1\";", { "domain=[2001:db8::1]" } },
	{ "domain=\"a.example:0\";", { "question 1 domain: a.example:0 is no host" } },
	{ "domain=\"https://a.example\";", { "question 1 domain: " } },
	{ "domain=\"a b\";", { "question 1 domain: the server a b is no host name" } },
	{ "TLS=NO;APOP=YES;", { "tls=none", "apop=1" } },
	{ "TLS=maybe;", { "question 1 tls: TLS is maybe, which is neither YES nor NO" } },
	{ "leave=NO;", { "leave=0" } }, { "leave=yes;", { "leave=1" } },
	{ "period=90;", { "period=90" } }, { "period=10m;", { "period=600" } }, { "period=2h;", { "period=7200" } },
	{ "period=1d;", { "period=86400" } }, { "period=1w;", { "period=604800" } },
	{ "period=1000000000s;", { "period=NULL" } }, { "period=Disabled;", { "period=NULL" } }, { "period=Never;", { "period=NULL" } },
	{ "period=999999999s;", { "period=31536000", "note 1 period is 31536000 s in place of 999999999" } },
	{ "period=99999999999999999999s;", { "question 1 period: " } },
	{ "period=1s;", { "period=10", "note 1 period is 10 s in place of 1" } },
	{ "period=soon;", { "question 1 period: soon is no period" } }, { "period=s;", { "question 1 period: " } },
	{ "mailbox=INBOX;", { "mailbox=NULL" } }, { "mailbox=\"Lists/bsd\";", { "mailbox=Lists/bsd" } },
	{ "special=\"X-Real-To\";", { "special=X-Real-To" } },
	{ "special=\"X-Real-To Delivered-To\";", { "special=X-Real-To Delivered-To", "!question 1 special" } },
	{ "special=\"X-Real-To  To\";", { "special=NULL", "question 1 special: that field belongs" } },
	{ "special=Subject;", { "special=NULL", "question 1 special: that field belongs" } },
	{ "authName=\"a\\eb\";", { "auth_name=NULL", "question 1 auth_name: the user to log in as" } },
	{ "special=\"*\";mailbox=Lists;", { "special=*", "mailbox=NULL", "lost 1 mailbox Lists: a record with special" } },
	{ "completed=#T01-01-2020;lastError=\"x\";", { "lost 1 completed is no setting", "lost 1 lastError is no setting" } },
	{ "password=\"a\\\"b\\\\c\\065\\009\";", { "password=a\"b\\cA\t" } },
	{ "password=\"p\\e\";", { "password=NULL", "question 1 password: the password must be" } },
	{ "authName=(a,b);", { "error 1 authName of record isp is no string" } },
	{ "authName=joe;authName=jim;", { "error 1 key authName is in this dictionary twice" } },
	{ "authName={};", { "error 1 authName of record isp is no string" } },
	{ "x=(a,(b,c),[Zm9v\n==],#12);y=[AAA=];", { "lost 1 x is no setting", "lost 2 y is no setting" } },
};

static void
test_keys(void **state)
{
	(void)state;
	told_cases(&import_communigate, keys, nitems(keys), "{isp={", "};}");
}

static const struct told_case	 texts[] = {
	{ "{}", { "file note 0 there is no record in it" } },
	{ "{\n \"my isp\" = { authName = joe } ; \n}", { "record 2", "name=my isp", "auth_name=joe" } },
	{ "{\"a@b.example\"={isp={};};\"C@b.example\"={isp={};};}", { "account=a@b.example", "account=c@b.example", "!question 1 account" } },
	{ "{\"..@b.example\"={isp={};};}", { "question 1 account: ..@b.example is no address" } },
	{ "{RealName=\"Anna B\";Password=s3cret;RPOP={isp={password=p};};}",
	    { "file note 0 of these settings of an account only the record under RPOP", "name=isp", "password=p", "!password=s3cret" } },
	{ "{RealName=x;RPOP=y;}", { "error 1 the records of an account are a dictionary" } },
	{ "{RealName=x;}", { "error 1 record RealName is no dictionary" } },
	{ "", { "error 1 a dictionary begins with {" } },
	{ "poll pop.example", { "error 1 a dictionary begins with {" } },
	{ "{isp={", { "error 1 the dictionary that begins here has no end" } },
	{ "{isp={}", { "error 1 the dictionary that begins here has no end" } },
	{ "{isp={};} x", { "error 1 the dictionary is at its end, and more follows" } },
	{ "{isp={a=b c=d};}", { "error 1 ; is missing behind a value" } },
	{ "{isp={a};}", { "error 1 = is missing behind a key" } },
	{ "{isp={a=};}", { "error 1 a string is due here" } },
	{ "{isp={a=\"\n\nb};}", { "error 1 the string that begins here has no end" } },
	{ "{isp={a=\"\\q\"};}", { "error 1 what stands behind this backslash" } },
	{ "{isp={a=\"\\999\"};}", { "error 1 what stands behind this backslash" } },
	{ "{isp={a=\"\\000\"};}", { "error 1 a string with an octet 0" } },
	{ "{a=((((((((((((((((((((x", { "error 1 more than 16 dictionaries" } },
	{ "{a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={", { "error 1 more than 16 dictionaries" } },
	{ "{a=(b;c)}", { "error 1 , is missing behind a value of an array" } },
	{ "{a=[b", { "error 1 data has no end" } },
};

static void
test_texts(void **state)
{
	(void)state;
	told_cases(&import_communigate, texts, nitems(texts), "", "");
}

static void
test_broken(void **state)
{
	(void)state;
	told_broken(&import_communigate, "{\"a@b.example\" = { isp = {domain=\"p.example:99\"; TLS=YES; period=3m; x=(#1,[A]);"
	    " password=\"\\e\\065\";};};}");
	told_broken(&import_communigate, "{R=\"x\";RPOP={isp={authName=joe;mailbox=a;special=b};};}");
}

static uint32_t	 seed = 20;

/* A number below n; the same ones in each run. */
static uint32_t
below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return ((seed >> 8) % n);
}

/* Some octets that a value may have; printing ones only, or any but NUL and line ends. */
static size_t
octets(char *p, size_t max, int any)
{
	static const char	 odd[] = "\"\\{};=()#[] @.:\xc3\xa4\t\x7f\x01";
	size_t			 n = 1 + below((uint32_t)max), i;

	for (i = 0; i < n; i++)
		p[i] = below(3) == 0 ? odd[below(any ? sizeof(odd) - 1 : sizeof(odd) - 4)] : (char)('0' + below(75));
	p[n] = '\0';
	return (n);
}

/* A record as a store that both sides can say has it. */
static void
random_record(struct import_record *r, const char *account, unsigned int n)
{
	static const char *const	 hosts[] = { "pop.example.net", "192.0.2.1", "[2001:db8::7]", "a.example:1110", "[::1]:995" };
	static const int		 periods[] = { 10, 60, 600, 3600, 86400, 31536000 };
	char				 text[256];
	size_t				 len;

	import_set_text(r, "account", account);
	len = octets(text, 40, 0);
	snprintf(text + len, sizeof(text) - len, "%u", n);
	import_set_text(r, "name", text);
	import_set_text(r, "tls", below(2) ? "tls" : "none");
	import_set_text(r, "domain", hosts[below(nitems(hosts) - (strcmp(import_get(r, "tls")->value, "tls") == 0))]);
	len = octets(text, 60, 0);
	import_set(r, "auth_name", text, len);
	len = octets(text, 60, 1);
	import_set(r, "password", text, len);
	if (below(4) == 0)
		import_set(r, "period", NULL, 0);
	else
		import_set_number(r, "period", periods[below(nitems(periods))]);
	import_set_text(r, "mailbox", below(2) ? NULL : "Lists/bsd");
	import_set_text(r, "special", import_get(r, "mailbox")->value != NULL ? NULL : below(2) ? NULL : below(2) ? "*" : "X-Real-To");
	import_set_number(r, "leave", below(2));
	import_set_number(r, "apop", below(2));
}

/* Every column of one store has the value that the other has; an address is lower case on its way back. */
static void
same(const struct import *a, const struct import *b, int accounts)
{
	const struct import_cell	*x, *y;
	size_t				 i, k;

	assert_int_equal(a->nrecords, b->nrecords);
	for (i = 0; i < a->nrecords; i++)
		for (k = 0; k < a->records[i].ncells; k++) {
			x = &a->records[i].cells[k];
			if (strcmp(x->column, "account") == 0 && !accounts)
				continue;
			y = import_get(&b->records[i], x->column);
			assert_non_null(y);
			if (x->len != y->len || (x->value == NULL) != (y->value == NULL) ||
			    (x->value != NULL && memcmp(x->value, y->value, x->len) != 0))
				fail_msg("%s: %s became %s", x->column, x->value == NULL ? "NULL" : x->value,
				    y->value == NULL ? "NULL" : y->value);
		}
}

static void
test_there_and_back(void **state)
{
	struct import	 imp, again;
	char		*text, account[64];
	size_t		 size;
	unsigned int	 store, accounts, records, i, k;
	FILE		*f;

	(void)state;
	for (store = 0; store < STORES; store++) {
		import_init(&imp);
		import_init(&again);
		accounts = store % 2 ? 1 + below(4) : 1;
		for (i = 0; i < accounts; i++) {
			snprintf(account, sizeof(account), "user%u@example.org", i);
			for (records = below(6) + 1, k = 0; k < records; k++)
				random_record(import_record_add(&imp, 0), account, k);
		}
		assert_non_null(f = open_memstream(&text, &size));
		communigate_write(f, &imp, store % 2 == 0);
		fclose(f);
		assert_int_equal(import_communigate.parse(&again, text, size), 0);
		same(&imp, &again, store % 2);
		for (i = 0; i < imp.nrecords; i++)
			assert_int_equal(imp.records[i].nnotes, 0);
		free(text);
		import_free(&imp);
		import_free(&again);
	}
}

/* What a dictionary cannot say is named; what nobody has set is not. */
static void
test_lost(void **state)
{
	struct import		 imp;
	struct import_record	*r;
	char			*text;
	size_t			 size;
	FILE			*f;

	(void)state;
	import_init(&imp);
	r = import_record_add(&imp, 0);
	random_record(r, "a@example.org", 1);
	import_set_text(r, "tls", "stls");
	import_set_text(r, "auth", "auto");
	import_set_text(r, "suppress", "1");
	import_set_text(r, "schedule", NULL);
	import_set_text(r, "oversize", "headers");
	import_set_text(r, "leave_days", "30");
	assert_non_null(f = open_memstream(&text, &size));
	communigate_write(f, &imp, 1);
	fclose(f);
	assert_non_null(strstr(text, "TLS = YES"));
	assert_int_equal(imp.records[0].nnotes, 3);
	assert_non_null(strstr(imp.records[0].notes[0].text, "tls = stls"));
	assert_string_equal(imp.records[0].notes[1].text, "oversize: a dictionary has no key for it");
	assert_string_equal(imp.records[0].notes[2].text, "leave_days: a dictionary has no key for it");
	free(text);
	import_free(&imp);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_lost),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
