/* SPDX-License-Identifier: ISC */
/* links: regress/unit/web/world.c web/records.c web/record_row.c web/record_change.c web/html.c web/form.c web/answer.c web/fcgi.c */
/* The page of records: what it shows, what a browser sends back, and what is asked of the daemon then. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "web/records.h"
#include "world.h"

#define ANNA	"anna@example.org"
#define PM	"postmaster@example.org"

static size_t	 isp;

/* A record of anna's own. */
static size_t
record(const char *name)
{
	return (world_row("rpop", "account", ANNA, "name", name, "domain", "pop.example.net", "auth_name", "anna", "!password", "x",
	    "period", "600", "mailbox", NULL, "special", NULL, "leave", "1", "leave_days", NULL, "tls", "tls", "apop", "0", "self_service",
	    "1", NULL));
}

static int
setup(void **state __unused)
{
	world_reset(ANNA, WEB_MODIFY | WEB_PASSWORD);
	isp = record("isp");
	return (0);
}

static void
show(void)
{
	(void)world_get(show_records, "/records", "");
	assert_int_equal(world_v.answer.status, 200);
	free(page_skeleton());
	world_log[0] = '\0';
}

/* Posts what page_submit() made; the log has what was asked for since, but for the rows that a page always reads. */
static const char *
post(const char *body)
{
	const char	*p;

	world_log[0] = '\0';
	p = world_post(change_records, "/records", body);
	if (world_v.answer.status != 303)
		free(page_skeleton());
	return (p);
}

#define ASKED(lines)	assert_string_equal(world_log, "ROWS rpop\n" lines)
#define REFUSED(lines)	assert_string_equal(world_log, "ROWS rpop\n" lines "ROWS rpop\nCTL_ACCOUNT " ANNA "\n")

static void
equals(const char *id, const char *attribute, const char *value)
{
	char	*is = page_value(id, attribute);

	if (value == NULL)
		assert_null(is);
	else {
		assert_non_null(is);
		assert_string_equal(is, value);
	}
	free(is);
}

/* The page has a field for each column, with what the store has, and never a password; a form that comes back as it was changes nothing. */
static void
test_shown(void **state __unused)
{
	const char	*page;

	page = world_get(show_records, "/records", "");
	assert_string_equal(world_log, "ROWS rpop\nCTL_ACCOUNT " ANNA "\n");
	free(page_skeleton());
	equals("name.0", "value", "isp");
	equals("auth_name.0", "value", "anna");
	equals("domain.0", "value", "pop.example.net");
	equals("password.0", "value", "");
	equals("password.0", "placeholder", "unchanged");
	equals("mailbox.0", "value", "");
	equals("leave.0", "checked", "");
	equals("apop.0", "checked", NULL);
	equals("row.0", "value", "isp");
	equals("row.1", "value", "");
	equals("special.0", "value", NULL);
	assert_non_null(strstr(page, "<option value=\"600\" selected>10 minutes</option>"));
	assert_non_null(strstr(page, "<option value=\"tls\" selected>TLS</option>"));
	assert_null(strstr(page, "<option value=\"60\">"));	/* shorter than he may choose */
	assert_non_null(strstr(page, "<option value=\"604800\">1 week</option>"));
	assert_non_null(strstr(page, "href=\"/records/try?record=isp\""));
	(void)post(page_submit("update", NULL));
	ASKED("");
	assert_int_equal(world_v.answer.status, 303);
	assert_string_equal(world_v.answer.location, "/records");
	assert_non_null(strstr(world_v.said, "Nothing was changed"));
}

/* Each field by itself changes its column and no other. */
static void
test_each_column(void **state __unused)
{
	static const struct { const char *field, *value, *asked; } each[] = {
		{ "name.0", "work", ", name=work" }, { "period.0", "7200", ", period=7200" }, { "period.0", "disabled", ", period=NULL" },
		{ "auth_name.0", "bert", ", auth_name=bert" }, { "domain.0", "pop.example.com:8110", ", domain=pop.example.com:8110" },
		{ "password.0", " s3cret ", ", password= s3cret " }, { "leave.0", "", ", leave=0" }, { "apop.0", "1", ", apop=1" },
		{ "tls.0", "stls", ", tls=stls" }, { "tls.0", "none", ", tls=none" }, { "mailbox.0", "Lists/bsd", ", mailbox=Lists/bsd" },
		{ "domain.0", "", ", domain=" }
	};
	char	 asked[256];
	size_t	 i;

	for (i = 0; i < nitems(each); i++) {
		show();
		(void)post(page_submit("update", each[i].field, each[i].value, NULL));
		snprintf(asked, sizeof(asked), "ROWS rpop\nSET rpop account=" ANNA " name=isp%s\n", each[i].asked);
		assert_string_equal(world_log, asked);
		assert_int_equal(world_v.answer.status, 303);
		assert_string_equal(world_v.said, "1 record changed: so and so");
	}
	show();
	(void)post(page_submit("update", "period.0", "never", NULL));
	ASKED("REMOVE rpop account=" ANNA " name=isp\n");
	/* A folder that was set is unset; days that were for what is left go with it. */
	world_set(isp, "mailbox", "Lists");
	world_set(isp, "leave_days", "30");
	show();
	(void)post(page_submit("update", "mailbox.0", "", "leave.0", "", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, mailbox=NULL, leave=0, leave_days=NULL\n");
}

/* A period that the list does not have is shown in words, and kept. */
static void
test_odd_period(void **state __unused)
{
	static const struct { const char *period, *shown; } odd[] = {
		{ "90", ">90 seconds<" }, { "660", ">11 minutes<" }, { "18000", ">5 hours<" }, { "120", ">2 minutes<" }, { "31536000", ">8760 hours<" }
	};
	size_t		 i;

	for (i = 0; i < nitems(odd); i++) {
		world_set(isp, "period", odd[i].period);
		assert_non_null(strstr(world_get(show_records, "/records", ""), odd[i].shown));
		show();
		(void)post(page_submit("update", "auth_name.0", "bert", NULL));
		ASKED("SET rpop account=" ANNA " name=isp, auth_name=bert\n");
		show();
		(void)post(page_submit("update", "period.0", "3600", NULL));
		ASKED("SET rpop account=" ANNA " name=isp, period=3600\n");
	}
	world_set(isp, "period", NULL);
	show();
	(void)post(page_submit("update", "auth_name.0", "bert", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, auth_name=bert\n");
}

/* The empty row makes a record once something is typed there, and is nothing as long as it is empty. */
static void
test_added(void **state __unused)
{
	show();
	(void)post(page_submit("update", "name.1", "work", "auth_name.1", "bert", "domain.1", "pop.example.com", "password.1", "s3cret",
	    "leave.1", "", NULL));
	ASKED("ADD rpop account=" ANNA " name=work, auth_name=bert, domain=pop.example.com, password=s3cret, period=600, leave=0, apop=0, "
	    "tls=tls\n");
	assert_int_equal(world_v.answer.status, 303);
	show();
	(void)post(page_submit("update", "name.1", "work", "period.1", "disabled", "mailbox.1", "Work", NULL));
	ASKED("ADD rpop account=" ANNA " name=work, mailbox=Work, period=NULL, leave=1, apop=0, tls=tls\n");
	show();
	(void)post(page_submit("update", "period.1", "3600", "apop.1", "1", NULL));
	ASKED("");
	show();
	(void)post(page_submit("update", "domain.1", "pop.example.com", NULL));
	REFUSED("");
	assert_int_equal(world_v.answer.status, 422);
	equals("domain.1", "value", "pop.example.com");
	show();
	(void)post(page_submit("update", "name.1", "work", "period.1", "never", NULL));
	REFUSED("");
}

/* Every row that is refused says why, keeps what was typed but the password, and keeps no other row from being changed. */
static void
test_refused(void **state __unused)
{
	const char	*page;
	char		*error;

	(void)record("jobs");
	(void)record("zoo");
	world_refuse("domain=a b", "rpop: domain must be the remote host: host, host:port, [v6] or [v6]:port");
	world_refuse("name=new", "anna@example.org/new: an account may have 10 records of its user's own");
	show();
	page = post(page_submit("update", "domain.0", "a b", "password.0", "s3cret-typed", "period.0", "3600", "leave.0", "", "tls.0", "stls",
	    "auth_name.1", "bert", "period.2", "never", "name.3", "new", "auth_name.3", "<b>", "password.3", "s3cret-new", NULL));
	REFUSED("SET rpop account=" ANNA " name=isp, period=3600, domain=a b, tls=stls, leave=0, password=s3cret-typed\n"
	    "SET rpop account=" ANNA " name=jobs, auth_name=bert\nREMOVE rpop account=" ANNA " name=zoo\n"
	    "ADD rpop account=" ANNA " name=new, auth_name=<b>, password=s3cret-new, period=600, leave=1, apop=0, tls=tls\n");
	assert_int_equal(world_v.answer.status, 422);
	assert_null(strstr(page, "s3cret"));
	assert_non_null(strstr(page, "1 record changed, 1 record removed"));
	equals("domain.0", "value", "a b");
	equals("domain.0", "aria-invalid", "true");
	equals("auth_name.0", "aria-invalid", NULL);
	equals("domain.0", "aria-describedby", "error.0");
	equals("leave.0", "checked", NULL);
	equals("password.0", "placeholder", "enter it again");
	assert_non_null(strstr(page, "<option value=\"3600\" selected>"));
	assert_non_null(strstr(page, "<option value=\"stls\" selected>"));
	equals("auth_name.1", "aria-describedby", NULL);
	equals("name.3", "value", "new");
	equals("auth_name.3", "value", "<b>");
	error = page_text("error");
	assert_non_null(strstr(error, "rpop: domain must be the remote host"));
	free(error);
	/* It can be sent once more as it is. */
	(void)post(page_submit("update", "password.0", "again", NULL));
	assert_non_null(strstr(world_log, "SET rpop account=" ANNA " name=isp, period=3600, domain=a b, tls=stls, leave=0, password=again\n"));
	assert_non_null(strstr(world_log, "ADD rpop account=" ANNA " name=new, auth_name=<b>, period=600"));
}

/* What somebody else has changed meanwhile is not changed unseen; a row that nobody edited is left to him. */
static void
test_meanwhile(void **state __unused)
{
	const char	*page, *form;
	char		*edited;

	show();
	edited = strdup(page_submit("update", "auth_name.0", "second", NULL));
	form = page_submit("update", NULL);
	world_set(isp, "auth_name", "first");
	world_set(isp, "period", "60");
	(void)post(form);
	ASKED("");
	assert_int_equal(world_v.answer.status, 303);
	page = post(edited);
	REFUSED("SET rpop account=" ANNA " name=isp, period=600, auth_name=second\nstale\n");
	assert_int_equal(world_v.answer.status, 422);
	assert_non_null(strstr(page, "changed it meanwhile"));
	assert_non_null(strstr(page, "As somebody else has left it: Poll Every 1 minute, Account first"));
	equals("auth_name.0", "value", "second");
	/* Once he has seen that, he may insist. */
	(void)post(page_submit("update", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, period=600, auth_name=second\n");
	/* Gone meanwhile: it may be made anew, or go. */
	world_drop(isp);
	page = post(edited);
	REFUSED("");
	assert_non_null(strstr(page, "is not there any more"));
	equals("row.0", "value", "");
	equals("auth_name.0", "value", "second");
	free(edited);
	(void)post(page_submit("update", "password.0", "w", NULL));
	ASKED("ADD rpop account=" ANNA " name=isp, auth_name=second, domain=pop.example.net, password=w, period=600, leave=1, apop=0, tls=tls\n");
}

/* What the form does not have is not guessed. */
static void
test_forged(void **state __unused)
{
	static const char *const	 bodies[] = {
		"row.0=isp&auth_name.0=x", "row.0=isp&auth_name.0=x&was.0=", "row.0=isp&auth_name.0=x&was.0=0123", "row.0=isp&period.0=x&was.0=" WORLD_FORM,
		"row.0=isp&period.0=-1&was.0=" WORLD_FORM, "row.0=isp&period.0=99999999999&was.0=" WORLD_FORM, "row.0=other&auth_name.0=x"
	};
	size_t	 i;

	for (i = 0; i < nitems(bodies); i++) {
		(void)post(bodies[i]);
		REFUSED("");
		assert_int_equal(world_v.answer.status, 422);
	}
	(void)post("");
	ASKED("");
	(void)post("row.1=isp&auth_name.1=x");
	ASKED("");
	/* Another one's account is not what the page is about. */
	(void)post("account=bert@example.org&row.0=&name.0=x&auth_name.0=y&period.0=600");
	assert_non_null(strstr(world_log, "ADD rpop account=" ANNA " name=x"));
}

/* Who may not change records sees them, and why he cannot; the same for records that are not his to change. */
static void
test_fixed(void **state __unused)
{
	const char	*page;
	size_t		 made, token;

	world_v.me.rights = 0;
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_int_equal(page_count("button", NULL), 1);	/* Poll now */
	equals("update", "value", NULL);
	assert_non_null(strstr(page, "kept by administrators"));
	assert_non_null(strstr(page, "value=\"pop.example.net\" readonly"));
	assert_null(strstr(page, "row.0"));
	world_v.me.rights = WEB_MODIFY;
	made = world_row("rpop", "account", ANNA, "name", "made", "domain", "d", "auth_name", "a", "!password", "x", "period", "77", "leave",
	    "0", "tls", "none", "apop", "1", "self_service", "0", NULL);
	token = record("token");
	world_set(token, "oauth_client", "google");
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "Made by an administrator: you"));
	assert_non_null(strstr(page, "Made by an administrator of the server"));
	equals("row.0", "value", "isp");
	equals("row.1", "value", "");
	assert_null(strstr(page, "value=\"made\" maxlength"));
	(void)post(page_submit("update", "auth_name.0", "b", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, auth_name=b\n");
	(void)made;
	/* An administrator of the server changes all of them. */
	world_v.me.rights = WEB_MODIFY | WEB_SERVER_ADMIN;
	page = world_get(show_records, "/records", "");
	assert_null(strstr(page, "Made by"));
	assert_non_null(strstr(page, "<option value=\"60\">1 minute</option>"));
	equals("row.2", "value", "token");
	equals("password.2", "placeholder", "by token");
	equals("row.3", "value", "");
}

/* An empty installation says what is to be done; who has as many records as he may have gets no empty row. */
static void
test_none(void **state __unused)
{
	const char	*page;

	world_reset(ANNA, WEB_MODIFY);
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "There is no record yet. Fill in the fields below"));
	equals("row.0", "value", "");
	(void)post(page_submit("update", "name.0", "first", NULL));
	assert_non_null(strstr(world_log, "ADD rpop account=" ANNA " name=first"));
	world_v.me.rights = 0;
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "An administrator makes them"));
	assert_int_equal(page_count("form", NULL), 0);
	isp = record("isp");
	world_v.me.rights = WEB_MODIFY;
	world_v.me.max_records = 1;
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	equals("row.1", "value", NULL);
	assert_non_null(strstr(page, "You have 1 record of your own, and may have no more"));
	/* A least period that the list does not have. */
	world_v.me.max_records = 2;
	world_v.me.min_period = 700;
	page = world_get(show_records, "/records", "");
	assert_non_null(strstr(page, "<option value=\"700\" selected>"));
	(void)post(page_submit("update", "period.0", "3600", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, period=3600\n");
	world_refuse("CTL_ACCOUNT", "the daemon is being started; try again");
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "the daemon is being started"));
	equals("row.0", "value", "isp");
	world_refuse("ROWS rpop", "the daemon is gone");
	(void)world_get(show_records, "/records", "");
	assert_int_equal(world_v.answer.status, 503);
}

/* Last has the time of a good poll, or cause and remedy of a bad one, and what the record waits for. */
static void
test_last(void **state __unused)
{
	static const struct { const char *error, *remedy; } failures[] = {
		{ "login: -ERR wrong password", "Enter account and password again" }, { "TLS: certificate has expired", "the certificate" },
		{ "connect: connection refused", "port behind a colon" }, { "greeting: timed out", "speaks TLS only" },
		{ "delivery: disk is full", "an administrator has to look" }, { "OAuth token: invalid_grant", "granted anew" }, { "listing: -ERR", "" }
	};
	static const struct { const char *state, *text; } states[] = {
		{ "queued", "waits for its turn" }, { "window", "its schedule" }, { "host-delay", "tried again later" }, { "disabled", "; disabled" },
		{ "retr", "is being polled now: 3 of 7 messages" }
	};
	struct ctl_record	 r = { .name = "isp", .state = "idle", .last_success = 1000000000, .next_poll = 1000000600 };
	const char		*page;
	size_t			 i;

	page = world_get(show_records, "/records", "");
	assert_non_null(strstr(page, "<strong>Last:</strong> not known"));
	world_record(&r);
	page = world_get(show_records, "/records", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "<span class=\"ok\"><time datetime=\"2001-09-09T01:46:40Z\">"));
	assert_non_null(strstr(page, "; next poll <time"));
	for (i = 0; i < nitems(failures); i++) {
		setup(NULL);
		strlcpy(r.last_error, failures[i].error, sizeof(r.last_error));
		r.failures = 3;
		r.failing_since = 1000000000;
		world_record(&r);
		page = world_get(show_records, "/records", "");
		free(page_skeleton());
		assert_non_null(strstr(page, failures[i].error));
		assert_non_null(strstr(page, failures[i].remedy));
		assert_non_null(strstr(page, "failing since <time"));
		assert_non_null(strstr(page, "3 times in a row"));
	}
	r = (struct ctl_record){ .name = "isp", .planned = 0 };
	for (i = 0; i < nitems(states); i++) {
		setup(NULL);
		strlcpy(r.state, states[i].state, sizeof(r.state));
		r.planned = strcmp(r.state, "retr") == 0 ? 7 : 0;
		r.fetched = 3;
		world_record(&r);
		page = world_get(show_records, "/records", "");
		assert_non_null(strstr(page, "never yet"));
		assert_non_null(strstr(page, states[i].text));
	}
}

/* A record is polled at once, from its button in either form, and what is in the way of that stands beside it. */
static void
test_poll(void **state __unused)
{
	const char	*page;

	show();
	(void)world_post(change_poll, "/records/poll", "record=isp");
	assert_non_null(strstr(world_log, "CTL_POLL " ANNA "/isp\n"));
	assert_int_equal(world_v.answer.status, 303);
	assert_string_equal(world_v.answer.location, "/records");
	assert_string_equal(world_v.said, "it is done");
	world_log[0] = '\0';
	(void)world_post(change_poll, "/records/poll", "poll.0=isp&form=" WORLD_FORM);
	assert_string_equal(world_log, "CTL_POLL " ANNA "/isp\n");
	show();
	(void)post(page_submit("update", "auth_name.0", "edited", NULL));
	world_log[0] = '\0';
	(void)world_post(change_records, "/records", "row.0=isp&auth_name.0=edited&poll.0=isp");
	assert_string_equal(world_log, "CTL_POLL " ANNA "/isp\n");
	world_refuse("CTL_POLL", "it was polled just now; wait a minute");
	page = world_post(change_poll, "/records/poll", "record=isp");
	assert_int_equal(world_v.answer.status, 422);
	free(page_skeleton());
	assert_non_null(strstr(page, "<p class=\"error\" id=\"error.0\">it was polled just now"));
	page = world_post(change_poll, "/records/poll", "record=other");
	free(page_skeleton());
	assert_non_null(strstr(page, "<p class=\"note bad\">it was polled just now"));
	(void)world_post(change_poll, "/records/poll", "");
	assert_int_equal(world_v.answer.status, 404);
}

/* An administrator's page is about the account that its address names. */
static void
test_admin(void **state __unused)
{
	const char	*page;

	world_v.me.rights = WEB_SERVER_ADMIN | WEB_MODIFY;
	strlcpy(world_v.me.account, "root'&+@example.org", sizeof(world_v.me.account));
	world_row("account", "address", ANNA, NULL);
	world_row("account", "address", PM, NULL);
	world_row("settings", "main_domain", "example.org", NULL);
	page = world_get(show_records, "/admin/records", "account=anna%40example.org");
	free(page_skeleton());
	equals("account", "value", ANNA);
	assert_non_null(strstr(page, "href=\"/records/try?account=anna%40example.org&amp;record=isp\""));
	assert_non_null(strstr(page, "Mail that is fetched for " ANNA));
	world_log[0] = '\0';
	(void)world_post(change_records, "/admin/records", page_submit("update", "mailbox.0", "x", NULL));
	ASKED("SET rpop account=" ANNA " name=isp, mailbox=x\n");
	assert_string_equal(world_v.answer.location, "/admin/records?account=anna%40example.org");
	(void)world_post(change_poll, "/records/poll", "record=isp&account=" ANNA);
	assert_string_equal(world_v.answer.location, "/admin/records?account=anna%40example.org");
	/* The main domain's postmaster has Special in the place of Mailbox. */
	(void)world_get(show_records, "/admin/records", "account=" PM);
	free(page_skeleton());
	equals("special.0", "value", "");
	equals("mailbox.0", "value", NULL);
	world_log[0] = '\0';
	(void)world_post(change_records, "/admin/records", page_submit("update", "name.0", "all", "special.0", "X-Real-To", NULL));
	assert_non_null(strstr(world_log, "ADD rpop account=" PM " name=all, special=X-Real-To, period=600"));
	(void)world_get(show_records, "/admin/records", "account=nobody@example.org");
	assert_int_equal(world_v.answer.status, 404);
	(void)world_get(show_records, "/admin/records", "");
	assert_int_equal(world_v.answer.status, 404);
}

/* A domain's administrator keeps records in his domain if he may, but not those of the server's administrators. */
static void
test_domain_admin(void **state __unused)
{
	const char	*page;
	size_t		 right, special;

	world_v.me.rights = WEB_DOMAIN_ADMIN;
	strlcpy(world_v.me.account, "dora@example.org", sizeof(world_v.me.account));
	world_row("account", "address", ANNA, NULL);
	right = world_row("domain_admin", "account", "dora@example.org", "domain", "example.org", "can_modify_rpop", "0", NULL);
	page = world_get(show_records, "/admin/records", "account=" ANNA);
	free(page_skeleton());
	equals("update", "value", NULL);
	assert_non_null(strstr(page, "You may look at the records of this domain"));
	world_set(right, "can_modify_rpop", "1");
	special = record("special");
	world_set(special, "self_service", "0");
	page = world_get(show_records, "/admin/records", "account=" ANNA);
	free(page_skeleton());
	equals("row.1", "value", "special");
	world_set(special, "special", "*");
	(void)world_get(show_records, "/admin/records", "account=" ANNA);
	equals("row.1", "value", "");
}

/* The unified account of somebody who is no administrator: Special is there to look at. */
static void
test_unified(void **state __unused)
{
	size_t	 all;

	world_v.me.unified = 1;
	all = world_row("rpop", "account", ANNA, "name", "all", "domain", "d", "auth_name", "a", "!password", "x", "period", "600", "special",
	    "X-Real-To", "leave", "0", "tls", "tls", "apop", "0", "self_service", "0", NULL);
	(void)world_get(show_records, "/records", "");
	free(page_skeleton());
	equals("special.0", "readonly", "");
	equals("special.0", "name", NULL);
	(void)post(page_submit("update", NULL));
	ASKED("");
	world_v.me.rights |= WEB_SERVER_ADMIN;
	(void)world_get(show_records, "/records", "");
	equals("special.1", "value", "X-Real-To");
	(void)post(page_submit("update", "special.1", "Envelope-To X-Real-To", NULL));
	ASKED("SET rpop account=" ANNA " name=all, special=Envelope-To X-Real-To\n");
	(void)all;
}

static const char *const	 hostile[] = {
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus='alert(1)", "\" autofocus onfocus=\"alert(1)", "</textarea>",
	"</option></select><script>", "-->", "<!--", "]]>", "<![CDATA[", "&lt;b&gt;", "&#60;script&#62;", "&amp;quot;", "&quot", "&", "&&#x22;",
	"%s%n%x", "%00", "%22%3E", "javascript:alert(1)", "`", "\\\"", "\\u003cscript", "${7*7}", "{{7*7}}", "=1+1", "../../etc/passwd", "a\tb",
	"a\nb", "a\rb", "\033[2J\033]0;x\007", "\177", "\302\205", "\302\240", "\303\244\303\266", "a\314\210", "\342\200\256txt.exe",
	"\342\200\250", "\357\273\277", "\357\277\276", "\357\267\220", "\360\237\230\200", "\360\237\277\277", "\377", "\300\274script\300\276",
	"\355\240\200", "\303", "<", ">", "\"", "'", " ", "  lead and trail  ", "<a href=\"/logout\">", "x</div></form><form action=//evil>"
};

/* 200 strings and more in each place that is not ours: the page's elements stay the same, and what a field can bring back it does. */
static void
test_hostile(void **state __unused)
{
	struct ctl_record	 r = { .state = "idle" };
	char			 s[256], expect[512], *skeleton[2] = { NULL, NULL }, *is;
	size_t			 i, n, done = 0;
	int			 shows;

	for (n = 0; n < nitems(hostile) * 4; n++) {
		i = n % nitems(hostile);
		snprintf(s, sizeof(s), "%s%s%s", n < nitems(hostile) ? "" : n < 2 * nitems(hostile) ? "x" : hostile[(i * 7 + 3) % nitems(hostile)],
		    hostile[i], n >= 3 * nitems(hostile) ? hostile[(i * 11 + 5) % nitems(hostile)] : "");
		shows = record_shows(s);
		world_reset(ANNA, WEB_MODIFY);
		isp = record("isp");
		world_set(isp, "auth_name", s);
		world_set(isp, "domain", s);
		world_set(isp, "mailbox", s);
		strlcpy(r.name, "isp", sizeof(r.name));
		strlcpy(r.last_error, s, sizeof(r.last_error));
		strlcpy(r.state, s, sizeof(r.state));
		world_record(&r);
		show();
		is = page_value("auth_name.0", "value");
		if (shows)
			assert_string_equal(is, s);
		free(is);
		equals("auth_name.0", "name", shows ? "auth_name.0" : NULL);
		is = page_skeleton();
		if (skeleton[shows] == NULL)
			skeleton[shows] = strdup(is);
		assert_string_equal(is, skeleton[shows]);
		free(is);
		(void)post(page_submit("update", NULL));
		ASKED("");
		show();
		(void)post(page_submit("update", "tls.0", "stls", NULL));
		ASKED("SET rpop account=" ANNA " name=isp, tls=stls\n");
		/* Typed, refused, and typed again: the sentence is foreign, too. */
		if (strchr(s, '\n') == NULL && strchr(s, '\r') == NULL && shows) {
			world_refuse("mailbox=", s);
			world_set(isp, "auth_name", "anna");
			show();
			(void)post(page_submit("update", "auth_name.0", s, "mailbox.0", "x", "name.1", s, NULL));
			assert_int_equal(world_v.answer.status, 422);
			snprintf(expect, sizeof(expect), "SET rpop account=" ANNA " name=isp, auth_name=%s, mailbox=x\n", s);
			assert_non_null(strcmp(s, "anna") == 0 ? s : strstr(world_log, expect));
			equals("auth_name.0", "value", s);
			is = page_text("error");
			assert_memory_equal(is, s, strlen(s));
			free(is);
			/* As a record's name: what can be done with it is about it. */
			world_reset(ANNA, WEB_MODIFY);
			isp = record(s);
			show();
			equals("row.0", "value", s);
			(void)post(page_submit("update", "period.0", "never", NULL));
			snprintf(expect, sizeof(expect), "ROWS rpop\nREMOVE rpop account=" ANNA " name=%s\n", s);
			assert_string_equal(world_log, expect);
			done++;
		}
	}
	free(skeleton[0]);
	free(skeleton[1]);
	assert_true(n >= 200 && done >= 100);
}

/* A thousand records on one page: a form of them comes back, and changes the one that was edited. */
static void
test_thousand(void **state __unused)
{
	char	 name[16];
	int	 i;

	world_reset(ANNA, WEB_MODIFY);
	world_v.me.max_records = 1000;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "r%03d", i);
		(void)record(name);
	}
	(void)world_get(show_records, "/records", "");
	world_log[0] = '\0';
	(void)world_post(change_records, "/records", page_submit("update", "auth_name.999", "x", "tls.0", "stls", NULL));
	ASKED("SET rpop account=" ANNA " name=r000, tls=stls\nSET rpop account=" ANNA " name=r999, auth_name=x\n");
	assert_string_equal(world_v.said, "2 records changed");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_shown, setup),
		cmocka_unit_test_setup(test_each_column, setup),
		cmocka_unit_test_setup(test_odd_period, setup),
		cmocka_unit_test_setup(test_added, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_meanwhile, setup),
		cmocka_unit_test_setup(test_forged, setup),
		cmocka_unit_test_setup(test_fixed, setup),
		cmocka_unit_test_setup(test_none, setup),
		cmocka_unit_test_setup(test_last, setup),
		cmocka_unit_test_setup(test_poll, setup),
		cmocka_unit_test_setup(test_admin, setup),
		cmocka_unit_test_setup(test_domain_admin, setup),
		cmocka_unit_test_setup(test_unified, setup),
		cmocka_unit_test_setup(test_hostile, setup),
		cmocka_unit_test_setup(test_thousand, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
