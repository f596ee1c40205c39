/* SPDX-License-Identifier: ISC */
/*
 * What is done to state.db once a day: rows that have done their work go, and times that a clock which was ahead has left behind
 * are put right.
 *
 * Everything stored was stored in the past, and a time to come is at most a day away; what lies further ahead is now, so that
 * nothing waits for years.  Rows of table seen are many and are put right by the poll that meets them.
 *
 *	time				what it would hold up
 *	relay.next			the next try
 *	relay.arrived			the end of the queue's patience
 *	copy.since, handled.since	their own end
 *	suspect.since, oversize.since	nothing; they are shown
 *	suspect.gone, oversize.gone	their own end
 *	mailbox.removed			the end of its state
 *	mailbox.listed, created		nothing
 *	renumbered.since, unproven.since	nothing; what was committed since is compared once more
 *	record_state.*			last_attempt the next poll, failing the warning; last_success is shown
 *	token.said, ends		the warning before a refresh token ends: told anew
 *	alert.made, alert.told		their own end; they are shown
 *	last_login.at			the next login, for the account's login_delay at most; it is shown
 *	meta.pruned			the daily look for all this
 *
 * A clock that cannot be right corrects nothing.
 */
#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "state_int.h"

#define CLAMP_AHEAD	86400		/* seconds; no delay is longer */
#define TOLD_SECONDS	(2 * 86400)	/* ages at which rows go */
#define COPY_SECONDS	(30 * 86400)
#define ALERT_SECONDS	(30 * 86400)	/* since it was told */

enum db
state_clamp(int64_t now)
{
	static const enum state_sql	 clamps[] = { Q_CLAMP_RELAY, Q_CLAMP_COPY, Q_CLAMP_HANDLED, Q_CLAMP_SUSPECT,
	    Q_CLAMP_OVERSIZE, Q_CLAMP_MAILBOX, Q_CLAMP_RENUMBERED, Q_CLAMP_UNPROVEN, Q_CLAMP_RECORD, Q_CLAMP_TOKEN, Q_CLAMP_META, Q_CLAMP_ALERT,
	    Q_CLAMP_LOGIN };
	sqlite3_stmt			*st;
	size_t				 i;
	enum db				 result;
	int				 failed = 0, n = 0;

	if (!clock_plausible(now))
		return (DB_OK);
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < nitems(clamps) && !failed; i++) {
		failed = (st = state_query(clamps[i])) == NULL || sqlite3_bind_int64(st, 1, now) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, now + CLAMP_AHEAD) != SQLITE_OK || state_step(st) == -1;
		n += failed ? 0 : state_changes();
	}
	if ((result = state_end(failed)) == DB_OK && n > 0)
		log_warnx("state.db: %d rows had times in the future, the clock was ahead when they were written: it counts as now", n);
	return (result);
}

/* Without an fsync: rows that a power failure brings back go again. */
enum db
state_prune_old(int64_t now)
{
	int64_t	 last = 0;
	enum db	 result;

	if (state_number(Q_PRUNED_GET, 0, &last) == DB_FAILED)
		return (DB_FAILED);
	if (now >= last && now - last < 86400)
		return (DB_OK);
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	return (state_end(state_run(Q_COPY_PRUNE, now - COPY_SECONDS) == -1 ||
	    state_run(Q_TOLD_PRUNE, now - TOLD_SECONDS) == -1 || state_run(Q_ALERT_OLD, now - ALERT_SECONDS) == -1 ||
	    state_run(Q_PRUNED_PUT, now) == -1));
}
