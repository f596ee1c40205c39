/* SPDX-License-Identifier: ISC */
/* links: regress/unit/relay/relayworld.c rpopd/relay rpopd/sched rpopd/turn */
/* libs: -levent_core */
/* The queue: what goes together, when it is tried again, what a failure of the hop costs, who is told of failures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event.h>

#include "common/ipc/proto_ctl.h"
#include "relayworld.h"

/* Recipients of one message with the same wish go together, each with its own result. */
static void
test_results(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(1, 1, NOTIFY_NEVER, "sam@example.net");
	world_commit(1, 4);
	assert_int_equal(world_count(IMSG_DIAL), 2);	/* one for each wish */
	world_dial_failed(sent[1].id, "busy");
	nsent = 1;
	relay_reload();
	world_connect();
	assert_int_equal(world_last(IMSG_SEND_MAIL)->n, 3);
	assert_int_equal(world_count(IMSG_SEND_RCPT), 3);
	assert_int_equal(ntried, 1);
	world_answer("atp");
	assert_int_equal(rows[1].id, 0);
	assert_string_equal(world_last(IMSG_SPOOL_REMOVE)->text, "1700000000.M1P2S3N1R1.host");
	assert_int_equal(rows[2].tries, 1);
	assert_int_equal(rows[2].next, wall + 60);
	assert_string_equal(rows[2].status, "4.2.0 answer t");
	assert_int_equal(rows[3].state, RELAY_FAILED);
	assert_int_equal(ntried, 3);			/* the third waits for its report */
	assert_non_null(world_last(IMSG_SEND_QUIT));
	world_end(WHY_NONE, 0);
	assert_string_equal(world_last(IMSG_DSN_MAKE)->text, "sam@example.net r3@example.org 5.1.1|answer p");
}

/* One connection carries what is due, message by message. */
static void
test_several_mails(void **state)
{
	int	 i;

	(void)state;
	nexthops[0].connections = 1;
	for (i = 1; i <= 4; i++)
		world_row(i, 1, NOTIFY_NEVER, "");
	world_commit(1, 4);
	assert_int_equal(world_count(IMSG_DIAL), 1);
	world_connect();
	for (i = 1; i < 4; i++) {
		world_answer("a");
		assert_null(world_last(IMSG_SEND_QUIT));
		world_open();
		assert_int_equal(world_last(IMSG_SEND_MAIL)->mail, i + 1);
	}
	world_answer("a");
	assert_non_null(world_last(IMSG_SEND_QUIT));
	world_end(WHY_NONE, 0);
	assert_int_equal(relay_idle(), 1);
	assert_int_equal(world_count(IMSG_SPOOL_REMOVE), 4);
}

/* More recipients than a server must take go in portions. */
static void
test_portions(void **state)
{
	char	 results[RELAY_RCPTS + 1];
	int	 i;

	(void)state;
	for (i = 0; i < RELAY_RCPTS + 3; i++)
		world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, i);
	world_connect();
	assert_int_equal(world_last(IMSG_SEND_MAIL)->n, RELAY_RCPTS);
	memset(results, 'a', RELAY_RCPTS);
	results[RELAY_RCPTS] = '\0';
	world_answer(results);
	world_open();
	assert_int_equal(world_last(IMSG_SEND_MAIL)->n, 3);
	world_answer("aaa");
	world_end(WHY_NONE, 0);
	assert_int_equal(relay_idle(), 1);
}

/* 1, 2, 4 ... 60 minutes, and then the age limit makes it a failure. */
static void
test_backoff(void **state)
{
	static const int	 minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	size_t			 i;

	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_commit(1, 1);
	for (i = 0; i < nitems(minutes); i++) {
		world_connect();
		world_answer("t");
		world_end(WHY_NONE, 0);
		assert_int_equal(rows[1].next, wall + minutes[i] * 60);
		world_forget();
		world_later(minutes[i] * 60000 - 1000);
		relay_run();
		assert_null(world_last(IMSG_DIAL));
		world_later(1000);
		relay_run();
	}
	queue_waiting(1)->arrived = wall + 4000LL * 86400;	/* by a clock that was ahead: it counts from now on */
	world_connect();
	world_answer("t");
	world_end(WHY_NONE, 0);
	assert_int_equal(queue_waiting(1)->arrived, wall);
	world_later(3600000);
	relay_run();
	rows[1].arrived -= config.settings.queue_age;
	queue_waiting(1)->arrived -= config.settings.queue_age;
	world_connect();
	world_answer("t");
	assert_int_equal(rows[1].state, RELAY_FAILED);
	assert_memory_equal(rows[1].status, "4.4.7 not delivered within 5 days", 33);
	world_end(WHY_NONE, 0);
}

/* The connection misses the file: not a failure, nothing is sent, and the row waits no longer. */
static void
test_missing(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].arrived -= config.settings.queue_age;
	world_commit(1, 1);
	world_dialed(world_last(IMSG_DIAL)->id);
	world_opened(ENOENT);
	assert_int_equal(rows[1].body, BODY_WANTED);
	assert_int_equal(rows[1].state, RELAY_WAITING);
	assert_null(queue_waiting(1));
	assert_null(world_last(IMSG_SEND_MAIL));
	assert_non_null(world_last(IMSG_SEND_QUIT));
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[1].body, BODY_WANTED);
	assert_null(world_last(IMSG_DSN_MAKE));
}

/* Neither the age limit nor a refusal makes something final that is not here. */
static void
test_missing_at_the_end(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	strlcpy(gone, rows[1].link, sizeof(gone));
	world_connect();
	world_answer("p");
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[1].body, BODY_WANTED);
	assert_int_equal(rows[1].state, RELAY_WAITING);
	world_row(2, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[2].arrived -= config.settings.queue_age;
	world_commit(2, 2);
	strlcpy(gone, rows[2].link, sizeof(gone));
	world_connect();
	world_answer("t");
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[2].body, BODY_WANTED);
	assert_int_equal(rows[2].state, RELAY_WAITING);
	assert_null(world_last(IMSG_DSN_MAKE));
	assert_int_equal(nnotices, 0);
}

/* What its server has no longer is lost, and told once. */
static void
test_lost(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	rows[1].mailbox = 101;
	world_commit(1, 1);
	assert_int_equal(body_missing(1), 0);
	relay_run();
	assert_int_equal(rows[1].body, BODY_LOST);
	assert_int_equal(nnotices, 1);
	assert_string_equal(notice, "Mail was lost");
	body_sweep();
	relay_run();
	assert_int_equal(nnotices, 1);
}

/* A row that becomes due while a round is under way, behind the look at it, has another round at once. */
static void
test_due_meanwhile(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].next = wall + 60;
	world_commit(1, 1);
	event_loop(EVLOOP_NONBLOCK);
	nrounds = 0;
	world_later(59993);
	tick = 6;
	relay_run();
	tick = 0;
	assert_null(world_last(IMSG_DIAL));
	event_loop(EVLOOP_NONBLOCK);
	assert_int_equal(nrounds, 1);
	relay_run();
	assert_non_null(world_last(IMSG_DIAL));
}

/* What waits for a next hop that was removed goes nowhere until it is moved; what is being sent is left alone. */
static void
test_move(void **state)
{
	struct ctl_move	 m = { "gone9", "hop" };
	char		 text[256];

	(void)state;
	world_row(1, 9, NOTIFY_NEVER, "");
	world_row(2, 9, NOTIFY_NEVER, "");
	rows[2].state = RELAY_QUARANTINED;
	world_commit(1, 2);
	assert_null(world_last(IMSG_DIAL));
	assert_int_equal(queue_hop(9)->mails, 1);
	assert_int_equal(queue_hop(9)->quarantined, 1);
	assert_int_equal(move_all(&m, text, sizeof(text)), 0);
	assert_string_equal(text, "2 moved to hop");
	assert_int_equal(queue_hop(9)->mails, 0);
	assert_int_equal(queue_hop(9)->quarantined, 0);
	assert_int_equal(queue_hop(1)->quarantined, 1);
	relay_run();
	world_connect();
	strlcpy(m.from, "hop", sizeof(m.from));
	assert_int_equal(move_all(&m, text, sizeof(text)), -1);
	assert_string_equal(text, "1 moved to hop; 1 are being sent or reported now, try again for them");
	world_answer("a");
	world_end(WHY_NONE, 0);
	strlcpy(m.from, "other", sizeof(m.from));
	assert_int_equal(move_all(&m, text, sizeof(text)), -1);
}

/* Nothing is handed on that could not be written down: neither before a first write, nor after one that failed. */
static void
test_unwritable(void **state)
{
	(void)state;
	writable_lost();
	locked = 1;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	assert_null(world_last(IMSG_DIAL));
	assert_int_equal(relay_idle(), 1);		/* a single run does not wait for it */
	world_later(60000);
	relay_run();
	assert_null(world_last(IMSG_DIAL));
	locked = 0;
	world_later(60000);
	relay_run();
	assert_int_equal(nproofs, 1);
	assert_non_null(world_last(IMSG_DIAL));
	locked = 1;					/* from now on: the message is not sent */
	world_connect();
	assert_null(world_last(IMSG_SEND_MAIL));
	world_end(WHY_NONE, 0);
	locked = 0;
	world_forget();
	world_later(60000);
	relay_run();
	world_connect();
	assert_int_equal(nsentmarks, 1);
	world_answer("a");
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[1].id, 0);
}

/* A hop that cannot be reached rests with everything that waits for it; one connection finds out. */
static void
test_pause(void **state)
{
	int	 i;

	(void)state;
	for (i = 1; i <= 6; i++)
		world_row(i, 1, NOTIFY_NEVER, "");
	world_commit(1, 6);
	assert_int_equal(world_count(IMSG_DIAL), 2);
	world_dial_failed(sent[0].id, "connection refused");
	world_dial_failed(sent[1].id, "connection refused");
	assert_int_equal(queue_hop(1)->failures, 1);
	world_forget();
	relay_run();
	assert_int_equal(ntried, 6);			/* no session waits for them */
	assert_int_equal(relay_idle(), 1);
	world_later(59000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 0);
	world_later(1000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 1);	/* though there may be two */
	world_dial_failed(sent[0].id, "connection refused");
	world_later(119000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 1);
	world_later(1000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 2);
	world_connect();
	world_answer("a");
	relay_run();
	assert_int_equal(queue_hop(1)->failures, 0);
	assert_int_equal(world_count(IMSG_DIAL), 3);	/* it works: a second one */
}

/* The next hop pauses after a greeting of 421, a 4xx before any mail and an end without a single answer, not after a later loss. */
static void
test_pause_by_answer(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	world_connect();
	world_end(WHY_CLOSED, 0);
	assert_int_equal(queue_hop(1)->failures, 1);
	assert_int_equal(rows[1].tries, 1);
	relay_reload();
	world_later(60000);
	relay_run();
	world_connect();
	world_answer("a");
	assert_int_equal(queue_hop(1)->failures, 0);
	world_end(WHY_CLOSED, 0);
	assert_int_equal(queue_hop(1)->failures, 0);
	world_row(2, 1, NOTIFY_NEVER, "");
	world_row(3, 1, NOTIFY_NEVER, "");
	nexthops[0].connections = 1;
	world_commit(1, 2);
	world_connect();
	world_answer("a");
	world_open();
	world_end(WHY_SERVER_TEMP, 1);
	assert_int_equal(queue_hop(1)->failures, 1);
}

/* Nobody of many messages in a row was taken: enough for now, though each answer was about one recipient. */
static void
test_sour(void **state)
{
	int	 i;

	(void)state;
	nexthops[0].connections = 1;
	for (i = 1; i <= 30; i++)
		world_row(i, 1, NOTIFY_NEVER, "");
	world_commit(1, 30);
	world_connect();
	for (i = 1; i < 10; i++) {
		world_answer("t");
		world_open();
	}
	world_answer("t");
	assert_non_null(world_last(IMSG_SEND_QUIT));
	assert_int_equal(queue_hop(1)->failures, 1);
	world_end(WHY_NONE, 0);
	assert_int_equal(world_count(IMSG_SEND_MAIL), 10);
}

/* A socket in the file system is connected to here; a next hop that the store does not know rests. */
static void
test_no_hop(void **state)
{
	(void)state;
	world_row(1, 3, NOTIFY_NEVER, "");
	world_row(2, 9, NOTIFY_NEVER, "");
	world_commit(1, 2);
	assert_int_equal(nsent, 0);
	assert_int_equal(queue_hop(3)->failures, 1);
	assert_non_null(strstr(queue_hop(3)->text, "/nowhere/at/all"));
	assert_int_equal(queue_hop(9)->failures, 1);
	assert_int_equal(relay_idle(), 1);
}

/* A dead hop holds nothing beyond the age limit. */
static void
test_expire(void **state)
{
	(void)state;
	world_row(1, 3, NOTIFY_FAILURE, "sam@example.net");
	world_row(2, 3, NOTIFY_NEVER, "sam@example.net");
	world_row(3, 3, NOTIFY_FAILURE, "sam@example.net");
	rows[1].arrived = rows[2].arrived = wall - 5 * 86400;
	world_commit(1, 3);
	relay_run();
	assert_int_equal(rows[1].state, RELAY_FAILED);
	assert_int_equal(rows[2].state, RELAY_QUARANTINED);
	assert_int_equal(rows[3].state, RELAY_WAITING);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	assert_int_equal(ngrown, 1);
}

/* Nothing is reported to the null sender, or to whom does not want it; the quarantine has grown. */
static void
test_quarantine(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "");
	world_row(2, 1, NOTIFY_NEVER, "sam@example.net");
	nexthops[0].connections = 1;
	world_commit(1, 2);
	world_connect();
	world_answer("p");
	world_open();
	world_answer("p");
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[1].state, RELAY_QUARANTINED);
	assert_int_equal(rows[2].state, RELAY_QUARANTINED);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	assert_int_equal(ngrown, 2);
	assert_int_equal(ntried, 2);
}

/* The report takes the place of what it is about, and waits for its own next hop; it is never reported itself. */
static void
test_report(void **state)
{
	struct msg_dsn_made	 m = { .id = 0, .link = "1700000000.M1P2S0N1R0.host" };

	(void)state;
	config.settings.report_nexthop = 2;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_commit(1, 1);
	world_connect();
	world_answer("p");
	world_end(WHY_NONE, 0);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	m.id = world_last(IMSG_DSN_MAKE)->id + 1;
	assert_int_equal(dsn_made(&m), -1);		/* not asked for */
	m.id--;
	world_forget();
	assert_int_equal(dsn_made(&m), 0);
	assert_string_equal(world_last(IMSG_SPOOL_REMOVE)->text, "1700000000.M1P2S3N1R1.host");
	relay_run();
	world_connect();
	assert_string_equal(world_last(IMSG_SEND_RCPT)->text, "sam@example.net");
	assert_string_equal(world_last(IMSG_SEND_MAIL)->text, "");
	world_answer("p");
	world_end(WHY_NONE, 0);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	assert_int_equal(ngrown, 1);
}

/*
 * Without a next hop for reports: the way the postmaster's mail goes.  One that cannot be made is tried later, one without an original waits
 * until that is here again.
 */
static void
test_report_trouble(void **state)
{
	struct msg_dsn_made	 m = { .error = ENOSPC };

	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(2, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].state = rows[2].state = RELAY_FAILED;
	strlcpy(rows[1].status, "this address is closed", sizeof(rows[1].status));
	world_commit(1, 2);
	assert_string_equal(world_last(IMSG_DSN_MAKE)->text, "sam@example.net r1@example.org 5.7.1|this address is closed");
	m.id = world_last(IMSG_DSN_MAKE)->id;
	assert_int_equal(dsn_made(&m), 0);
	relay_run();
	m.id = world_last(IMSG_DSN_MAKE)->id;
	m.error = ENOENT;
	assert_int_equal(dsn_made(&m), 0);
	assert_int_equal(rows[2].state, RELAY_FAILED);
	assert_int_equal(rows[2].body, BODY_WANTED);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 2);
	world_later(60000);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 3);
	m = (struct msg_dsn_made){ .id = world_last(IMSG_DSN_MAKE)->id, .link = "1700000000.M1P2S0N1R0.host" };
	assert_int_equal(dsn_made(&m), 0);
	assert_string_equal(world_last(IMSG_SPOOL_MOVE)->text, "example.org/pm");
	assert_int_equal(rows[1].id, 0);
}

/* The last report that was asked for is made. */
static void
made(const char *link)
{
	struct msg_dsn_made	 m = { .id = world_last(IMSG_DSN_MAKE)->id };

	strlcpy(m.link, link, sizeof(m.link));
	assert_int_equal(dsn_made(&m), 0);
	relay_run();
}

static void
test_report_postmaster_hop(void **state)
{
	(void)state;
	world_postmaster(2);
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].state = RELAY_FAILED;
	world_commit(1, 1);
	made("1700000000.M1P2S0N1R0.host");
	assert_int_equal(world_count(IMSG_SPOOL_MOVE), 0);
	world_connect();
	assert_string_equal(world_last(IMSG_SEND_RCPT)->text, "pm@example.org");
	world_answer("a");
	world_end(WHY_NONE, 0);
}

/* All recipients that a next hop refuses are in one report, however many transactions they came in. */
static void
test_report_together(void **state)
{
	char	 results[RELAY_RCPTS + 1];
	int	 i;

	(void)state;
	nexthops[0].connections = 1;
	for (i = 0; i < 3 * RELAY_RCPTS; i++)
		world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_commit(1, i);
	world_connect();
	memset(results, 'p', RELAY_RCPTS);
	results[RELAY_RCPTS] = '\0';
	for (i = 0; i < 3; i++) {
		assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
		if (i > 0)
			world_open();
		world_answer(results);
		relay_run();
	}
	world_end(WHY_NONE, 0);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	assert_int_equal(world_last(IMSG_DSN_MAKE)->n, 3 * RELAY_RCPTS);
	assert_int_equal(dsn_count(), 3 * RELAY_RCPTS);
	world_forget();
	world_row(2, 1, NOTIFY_FAILURE, "sam@example.net");
	i = 3 * RELAY_RCPTS + 1;
	rows[i].state = RELAY_FAILED;
	relay_add(&rows[i]);				/* another message's has its turn behind it */
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	assert_int_equal(relay_idle(), 0);
}

/* A hop that is dead keeps nobody waiting for longer than ten minutes; what fails later within the day waits for the day's end. */
static void
test_report_waits(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(1, 3, NOTIFY_FAILURE, "sam@example.net");	/* by a socket that is not there */
	world_row(1, 2, NOTIFY_NEVER, "sam@example.net");	/* is no reason to wait */
	rows[2].next = wall + 900;
	rows[3].next = wall + 900;
	world_commit(1, 3);
	world_connect();
	world_answer("p");
	world_end(WHY_NONE, 0);
	assert_int_equal(rows[1].state, RELAY_FAILED);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	world_later(599000);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	world_later(1000);
	relay_run();
	assert_string_equal(world_last(IMSG_DSN_MAKE)->text, "sam@example.net r1@example.org 5.1.1|answer p");
	made("1700000000.M1P2S0N1R0.host");
	rows[2].state = RELAY_FAILED;			/* as if it had failed just now */
	world_forget();
	dsn_due(2, rows[2].link);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	world_later(86399000);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 0);
	world_later(1000);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	made("1700000000.M1P2S0N2R0.host");
	assert_int_equal(dsn_count(), 0);
}

/* One that fails while the report is being made is in the next one. */
static void
test_report_overtaken(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].state = RELAY_FAILED;
	rows[2].tries = 1;
	rows[2].next = wall + 86400;
	world_commit(1, 1);
	relay_run();
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	rows[2].state = RELAY_FAILED;
	dsn_due(2, rows[2].link);
	made("1700000000.M1P2S0N1R0.host");
	assert_int_equal(dsn_count(), 1);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	world_later(86400000);
	relay_run();
	assert_string_equal(world_last(IMSG_DSN_MAKE)->text, "sam@example.net r2@example.org 5.7.1|");
	made("1700000000.M1P2S0N2R0.host");
	assert_int_equal(dsn_count(), 0);
}

/* A sender that no command of SMTP has room for is not told; the postmaster is. */
static void
test_report_too_long(void **state)
{
	size_t	 i;

	(void)state;
	config.settings.report_nexthop = 2;
	for (i = 1; i <= 2; i++) {
		world_row(i, 1, NOTIFY_FAILURE, "");
		memset(rows[i].sender, 's', PROTO_ADDR_SIZE - 14 + i);
		strlcat(rows[i].sender, "@example.net", sizeof(rows[i].sender));
		rows[i].state = RELAY_FAILED;
	}
	assert_int_equal(strlen(rows[1].sender), PROTO_ADDR_SIZE - 1);
	world_commit(1, 2);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	dsn_died(&deliverer);
	relay_run();
	assert_int_equal(rows[1].state, RELAY_FAILED);
	assert_int_equal(rows[2].state, RELAY_QUARANTINED);
	assert_int_equal(ngrown, 1);
}

/* The deliverer dies of a report: it has a rest, and after the third time there is none. */
static void
test_report_kills(void **state)
{
	int	 i;

	(void)state;
	world_row(1, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].state = RELAY_FAILED;
	world_commit(1, 1);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(world_count(IMSG_DSN_MAKE), i);
		dsn_died(&deliverer);
		relay_run();
		assert_int_equal(world_count(IMSG_DSN_MAKE), i);
		world_later(60000);
		relay_run();
	}
	assert_int_equal(world_count(IMSG_DSN_MAKE), 3);
	assert_int_equal(rows[1].state, RELAY_QUARANTINED);
}

/* A locked store: results wait, nothing is sent meanwhile, and nothing is sent twice. */
static void
test_locked(void **state)
{
	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	world_connect();
	locked = 1;
	world_answer("a");
	world_end(WHY_NONE, 0);
	assert_int_equal(result_blocked(), 1);
	assert_int_equal(relay_busy(), 1);
	world_row(2, 1, NOTIFY_NEVER, "");
	world_commit(2, 2);
	assert_int_equal(world_count(IMSG_DIAL), 1);
	assert_int_equal(world_count(IMSG_SPOOL_REMOVE), 0);
	locked = 0;
	result_retry(NULL);
	assert_int_equal(rows[1].id, 0);
	assert_int_equal(world_count(IMSG_SPOOL_REMOVE), 1);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 2);
}

/* A full queue stops polls until it has shrunk by a tenth. */
static void
test_full(void **state)
{
	int	 i;

	(void)state;
	config.settings.queue_limit = 20;
	for (i = 1; i <= 21; i++)
		world_row(i, 9, NOTIFY_NEVER, "");
	relay_committed(&rows[1], 20);
	assert_int_equal(relay_full(), 0);
	relay_committed(&rows[21], 1);
	assert_int_equal(relay_full(), 1);
	for (i = 1; i <= 2; i++)
		queue_forget(queue_waiting(i));
	assert_int_equal(relay_full(), 1);
	queue_forget(queue_waiting(3));
	assert_int_equal(relay_full(), 0);
}

/* What a sender that dies had is in doubt; one that lies, about another's session too, is found out.  Other connections go on. */
static void
test_sender(void **state)
{
	struct msg_sent_rcpt	 m = { .mail = 1, .rcpt = 1, .result = SEND_ACCEPTED };
	struct msg_sent_mail	 end = { 0, 1 };
	struct msg_sent_end	 over = { .why = WHY_NONE };
	uint32_t		 a, b;

	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 2);
	m.id = end.id = over.id = a = world_last(IMSG_DIAL)->id;
	assert_int_equal(job_sent_mail(world_worker(a), &end), -1);
	world_connect();
	world_row(2, 1, NOTIFY_NEVER, "");
	world_commit(3, 3);
	b = world_last(IMSG_DIAL)->id;
	world_connect();
	assert_int_not_equal(a, b);
	assert_int_equal(job_sent_rcpt(world_worker(a), &m), -1);	/* out of order */
	m.rcpt = 0;
	assert_int_equal(job_sent_rcpt(world_worker(b), &m), -1);	/* another's */
	assert_int_equal(job_sent_mail(world_worker(b), &end), -1);
	assert_int_equal(job_sent_end(world_worker(b), &over), -1);
	assert_int_equal(job_sent_mail(world_worker(a), &end), -1);	/* recipients missing */
	assert_int_equal(job_sent_rcpt(world_worker(a), &m), 0);
	assert_int_equal(job_sent_rcpt(world_worker(a), &m), -1);
	world_died(a);
	assert_int_equal(rows[1].id, 0);			/* that one's answer had come */
	assert_int_equal(rows[2].tries, 1);
	assert_string_equal(rows[2].status, "4.3.0 the sender died");
	assert_int_equal(job_count(), 1);
	assert_true(queue_hop(1)->until > now);			/* no more connections for a while */
	world_answer("a");
	assert_int_equal(rows[3].id, 0);
	assert_int_equal(queue_hop(1)->until, 0);
	world_end(WHY_NONE, 0);
	assert_int_equal(job_count(), 0);
}

/* A next hop at which senders die before anything was sent has a pause; if it is their template that died, it has none. */
static void
test_sender_dies(void **state)
{
	int	 i;

	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	for (i = 1; i >= 0; i--) {
		world_dialed(world_last(IMSG_DIAL)->id);
		sender.link.open = i == 1;
		world_died(world_last(IMSG_SEND_START)->id);
		assert_int_equal(job_count(), 0);
		assert_int_equal(rows[1].tries, 0);
		assert_int_equal(queue_hop(1)->until > now, i);
		world_later(60000);
		relay_run();
	}
	assert_int_equal(world_count(IMSG_DIAL), 3);
	assert_int_equal(job_count(), 1);
}

/* A sender that says a good end although it was not told to quit breaks the rules: as with one that dies, its next hop has a pause. */
static void
test_sender_leaves(void **state)
{
	struct msg_sent_end	 m = { .why = WHY_NONE };

	(void)state;
	world_row(1, 1, NOTIFY_NEVER, "");
	world_commit(1, 1);
	m.id = world_last(IMSG_DIAL)->id;
	world_dialed(m.id);
	assert_int_equal(job_sent_end(world_worker(m.id), &m), -1);	/* the message is being opened */
	world_died(m.id);
	assert_int_equal(rows[1].tries, 0);
	assert_true(queue_hop(1)->until > now);
	assert_int_equal(queue_hop(1)->failures, 1);
	world_later(60000);
	relay_run();
	m.id = world_last(IMSG_DIAL)->id;
	world_connect();
	assert_int_equal(job_sent_end(world_worker(m.id), &m), -1);	/* it has it */
	world_died(m.id);
	assert_int_equal(queue_hop(1)->failures, 2);
}

/* A start finds what an earlier life left: waiting rows with their times, failed ones, no note about an old quarantine. */
static void
test_start(void **state)
{
	int	 i;

	(void)state;
	for (i = 1; i <= 4; i++)
		world_row(i, 1, NOTIFY_FAILURE, "sam@example.net");
	rows[1].next = wall + 600;
	rows[2].state = RELAY_QUARANTINED;
	rows[3].state = RELAY_FAILED;
	rows[4].next = wall + 86400 * 365;		/* the clock was set back */
	relay_start(world_tried);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 0);
	assert_int_equal(world_count(IMSG_DSN_MAKE), 1);
	assert_int_equal(ngrown, 1);			/* there may be something that nobody was told of */
	world_later(600000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 1);
	world_later(3600000);
	relay_run();
	assert_int_equal(world_count(IMSG_DIAL), 2);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
#define T(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
		T(test_results), T(test_several_mails), T(test_portions), T(test_backoff), T(test_due_meanwhile),
		T(test_pause), T(test_pause_by_answer),
		T(test_sour), T(test_no_hop), T(test_expire), T(test_quarantine), T(test_report), T(test_report_trouble),
		T(test_report_too_long), T(test_report_kills), T(test_report_postmaster_hop), T(test_report_together),
		T(test_report_waits), T(test_report_overtaken),
		T(test_locked), T(test_full), T(test_sender), T(test_sender_dies), T(test_sender_leaves),
		T(test_start), T(test_missing), T(test_missing_at_the_end), T(test_lost),
		T(test_unwritable), T(test_move),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
