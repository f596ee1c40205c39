/* SPDX-License-Identifier: ISC */
/* Start, signals, stop. */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/sandbox/sandbox.h"
#include "common/timer.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/edit/edit.h"
#include "rpopd/poll/poll.h"
#include "rpopd/pop/pop.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"
#include "rpopd/web/web.h"
#include "rpopd.h"

#define LOCK_TRIES	40
#define LOCK_PAUSE	50000	/* us */
#define SETTLE_SECONDS	10	/* the last renames have this long to become durable before an exit */

static void	 rpopd_rooms(void);
static void	 rpopd_queued(const struct relay_row *);
static void	 rpopd_lock(void);
static void	 rpopd_lock_rundir(void);
static int	 rpopd_locked(int, const char *);
static void	 rpopd_open_state(void);
static void	 rpopd_create(void) __dead;
static void	 rpopd_declare(void);
static void	 rpopd_daemonize(void);
static void	 rpopd_signals(void);
static void	 rpopd_signal(int, short, void *);
static void	 rpopd_reap(void);
static void	 rpopd_reload_signal(void);
static int	 rpopd_reload(char *, size_t);
static void	 rpopd_adopt(int);
static void	 rpopd_others(void);
static void	 rpopd_stop(void);
static void	 rpopd_turn(void);
static const char *rpopd_held(void);
static void	 rpopd_deadline(void *);
static int	 rpopd_done(void);
static int	 rpopd_once_done(void);
static void	 rpopd_say(const char *);
static void	 rpopd_exit(int) __dead;

static struct event	 signals[5];
static struct timer	 deadline;
static const int	 handled[] = { SIGHUP, SIGTERM, SIGINT, SIGCHLD, SIGUSR1 };

int
main(int argc, char *argv[])
{
	char	 err[PATH_MAX * 2];

	options_parse(&options, argc, argv);
	log_init("rpopd", 1, LOG_LEVEL_PROBLEMS);
	if (options.check) {
		if (!reload_sound())
			return (1);
		fprintf(stderr, "configuration OK\n");
		return (0);
	}
	if (geteuid() != 0)
		fatalx("need root privileges");
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	closefrom(3);
	if (options.backup != NULL)
		return (backup_stores());
	if (options.create)
		rpopd_create();
	/* What can be wrong is said on the terminal, before there is a daemon. */
	if (!child_installed(err, sizeof(err)) || jail_rundir(&options, err, sizeof(err)) == -1)
		fatalx("%s", err);
	rpopd_lock();
	if (options.declare)
		rpopd_declare();
	rpopd_lock_rundir();
	if (!options.debug && !options.once)
		rpopd_daemonize();
	rpopd_open_state();
	event_init();
	turn_init(rpopd_turn);
	sched_init(&session_calls);
	rpopd_signals();
	if (reload_load(err, sizeof(err)) == -1)
		fatalx("%s", err);
	rpopd_rooms();
	turn_started = time(NULL);
	sandbox_enter(SANDBOX_MASTER, options.no_seccomp);
	HOOK_PROBE(SANDBOX_MASTER, options.no_seccomp);
	child_start_all();
	notify_ready();
	rpopd_say("started");
	while (event_loop(EVLOOP_ONCE) == 0)
		HOOK_TURN();
	fatalx("event loop ended");
}

/*
 * One round: what the master does whenever something has happened, or a time has come that one of these told.  First what is
 * under way, then what may begin in its place; each of them does a bounded part of its work and asks for another round if there
 * is more.
 */
static void
rpopd_turn(void)
{
	session_run();		/* verdicts go out, sessions that waited go on, those that have ended make room */
	relay_run();		/* connections to next hops, failures to be reported, files that are missing */
	sched_run(rpopd_held());	/* sessions of the records that are due */
	request_run();		/* access tokens that sessions wait for */
	auth_run();		/* passwords that are to be verified */
	notice_run();		/* what accounts are to hear of */
	if (rpopd_done())
		rpopd_exit(options.once && (turn_failed || turn_stopping));
}

/* Why no session may begin now, as a word for the status of what is due; "": it has none; NULL: sessions may begin. */
static const char *
rpopd_held(void)
{
	if (relay_full())
		return ("queue-full");
	return (turn_stopping || commit_blocked() || !mailroot_right() ? "" : NULL);
}

/*
 * What rooms tell those above them, and who depends on which process.  Those who watch one role hear of a death in the order of
 * the list: whoever has asked the deliverer for something, then those who have work of theirs in it, from what is committed
 * last to what has not begun, and at last the sessions, whose messages in flight the next deliverer may ask about.
 */
static void
rpopd_rooms(void)
{
	static const struct delivery_calls	 delivery = { .moved = commit_moved, .queued = rpopd_queued };
	static const struct control_calls	 control = { .reload = rpopd_reload, .stop = rpopd_stop };
	static const struct pop_calls		 pop = { submit_begin, submit_leave };
	static const struct edit_calls		 edit = { reload_prepare, rpopd_adopt, reload_drop };
	static const struct child_watch		 watches[] = {
		{ ROLE_TEMPLATE, NULL, session_template_died },
		{ ROLE_SENDER, NULL, job_template_died },
		{ ROLE_DELIVERER, NULL, spool_died },
		{ ROLE_DELIVERER, NULL, commit_died },
		{ ROLE_DELIVERER, NULL, submit_died },
		{ ROLE_DELIVERER, NULL, dsn_died },
		{ ROLE_DELIVERER, set_aside_ready, NULL },
		{ ROLE_DELIVERER, NULL, notice_died },
		{ ROLE_DELIVERER, NULL, ask_died },
		{ ROLE_DELIVERER, NULL, session_deliverer_died },
	};
	char					 err[PATH_MAX * 2];

	child_watch(watches, nitems(watches));
	token_init(session_no_token);
	delivery_start(&delivery);
	fetch_start();
	deliverer_start();
	edit_init(&edit);
	if (control_listen(options.rundir, &control, err, sizeof(err)) == -1)
		fatalx("%s", err);
	relay_start(defer_tried);
	auth_reload();
	pop_start(&pop);
	web_start();
}

/* delivery/ has made a notice, which is to be handed on to a next hop. */
static void
rpopd_queued(const struct relay_row *row)
{
	relay_add(row);
	turn_soon();
}

/* Log that the daemon starts or ends; not of a run of -1, whose output cron(8) would mail. */
static void
rpopd_say(const char *what)
{
	if (!options.once)
		log_notice("rpopd %s %s, %zu record%s", RPOPD_VERSION, what, sched_ntasks, PLURAL(sched_ntasks));
}

/* Take the lock of the store, since two daemons on one store would retrieve everything twice; or the end. */
static void
rpopd_lock(void)
{
	char	 path[PATH_MAX];
	int	 fd;

	snprintf(path, sizeof(path), "%s.lock", options.store);
	if ((fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1)
		fatal("%s", path);
	if (!rpopd_locked(fd, path))
		fatalx("%s: another rpopd runs on this store", path);
}

/*
 * Take the lock of the run directory, for good, since a daemon on another store would take the control sockets away from the one
 * that runs, and remove them at its end; or the end.
 */
static void
rpopd_lock_rundir(void)
{
	int	 fd;

	if ((fd = open(options.rundir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		fatal("%s", options.rundir);
	if (!rpopd_locked(fd, options.rundir))
		fatalx("%s: another rpopd, on another store, has its control socket there; name another directory with -r, or stop"
		    " that one", options.rundir);
}

/*
 * Lock fd, which is path's.  1: so it is; 0: another daemon has the lock.  A daemon that has been killed may hold it for a moment
 * yet, by a child that was just forked.
 */
static int
rpopd_locked(int fd, const char *path)
{
	int	 tries;

	for (tries = 0; flock(fd, LOCK_EX | LOCK_NB) == -1; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			fatal("%s", path);
		if (tries == LOCK_TRIES)
			return (0);
		usleep(LOCK_PAUSE);
	}
	return (1);
}

static void
rpopd_open_state(void)
{
	char	 path[PATH_MAX], err[PATH_MAX * 2];

	options_state_path(path, sizeof(path));
	if (state_open(path, err, sizeof(err)) == -1)
		fatalx("%s", err);
	(void)state_clamp(time(NULL));
}

/* -I: a new store.  Nothing else is done. */
static void
rpopd_create(void)
{
	create_directory();
	rpopd_lock();
	create_store();
	exit(0);
}

/* -A: state.db and the mail root belong together from now on.  Nothing else is done. */
static void
rpopd_declare(void)
{
	char	 root[PATH_MAX], err[PATH_MAX * 2];

	if (reload_mail_root(root, sizeof(root)) == -1)
		exit(1);
	rpopd_open_state();
	if (mailroot_declare(root, err, sizeof(err)) == -1)
		fatalx("%s", err);
	state_close();
	fprintf(stderr, "state.db and mail_root %s belong together from now on; the next start compares them row by row\n", root);
	exit(0);
}

/* Go to the background, if the store is sound; or the end, with every bad row named on standard error. */
static void
rpopd_daemonize(void)
{
	if (!reload_sound())
		exit(1);
	if (daemon(1, 0) == -1)
		fatal("daemon");
	log_init("rpopd", 0, LOG_LEVEL_PROBLEMS);
}

static void
rpopd_signals(void)
{
	size_t	 i;

	for (i = 0; i < nitems(handled); i++) {
		signal_set(&signals[i], handled[i], rpopd_signal, NULL);
		signal_add(&signals[i], NULL);
	}
}

static void
rpopd_signal(int sig, short event, void *arg)
{
	struct poll_answer	 answer;

	(void)event;
	(void)arg;
	switch (sig) {
	case SIGCHLD:
		rpopd_reap();
		break;
	case SIGHUP:
		rpopd_reload_signal();
		break;
	case SIGUSR1:
		sched_poll("all", &answer);
		break;
	default:
		rpopd_stop();
	}
}

/* Processes have ended: children, or programs of token_command or pop_auth. */
static void
rpopd_reap(void)
{
	pid_t	 pid;
	int	 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!command_reaped(pid, status) && !auth_reaped(pid, status))
			child_exited(pid, status);
}

static void
rpopd_reload_signal(void)
{
	char	 err[PROTO_TEXT_SIZE];

	rpopd_reload(err, sizeof(err));
}

/*
 * Take over an edited store; children that read files at their start (resolv.conf, certificates) are replaced.  0, or -1 with a
 * sentence and the running configuration in force.
 */
static int
rpopd_reload(char *err, size_t errsize)
{
	if (reload_load(err, errsize) == -1) {
		log_warnx("reload refused, the running configuration stays in force: %s", err);
		strlcpy(config_load_error, err, sizeof(config_load_error));
		return (-1);
	}
	config_load_error[0] = '\0';
	auth_reload();
	pop_reload();
	web_reload();
	rpopd_others();
	log_notice("configuration reloaded, %zu record%s", sched_ntasks, PLURAL(sched_ntasks));
	return (0);
}

/* Rows were changed through the daemon.  With nothing but records, other processes have nothing new to be told or to read. */
static void
rpopd_adopt(int records_only)
{
	int	 had_ca_dir = config_running->needs_ca_dir;

	reload_switch();
	if (!records_only)
		auth_reload();
	pop_reload();
	if (!records_only)
		web_reload();
	if (!records_only || had_ca_dir != config_running->needs_ca_dir)
		rpopd_others();
}

/* The other processes take over what is in force. */
static void
rpopd_others(void)
{
	deliverer_reload();
	child_retire(ROLE_DIALER);
	child_retire(ROLE_TEMPLATE);
	child_optional();
	relay_reload();
}

/*
 * The daemon is to end: sessions and connections to next hops finish their current message.  When they have, or after
 * TURN_STOP_SECONDS, a round is the last one.
 */
static void
rpopd_stop(void)
{
	if (turn_stopping)
		return;
	turn_stopping = 1;
	log_notice("stopping, %u session%s to finish, in %d s at most", sched_nruns, PLURAL(sched_nruns), TURN_STOP_SECONDS);
	timer_init(&deadline, rpopd_deadline, NULL);
	timer_in(&deadline, (TURN_STOP_SECONDS + 2) * 1000);
	sched_stop();
	relay_stop();
	pop_stop();
	web_stop();
	login_stop();
	if (child_of[ROLE_DELIVERER] == NULL)
		session_close_orphans();
	turn_soon();
}

/* What is under way takes too long: the end. */
static void
rpopd_deadline(void *arg)
{
	(void)arg;
	if (sched_nruns > 0)
		log_warnx("%u session%s did not finish in time; what they had not committed stays on the server",
		    sched_nruns, PLURAL(sched_nruns));
	else
		log_warnx("%u deliver%s not finished in time; that is done at the next start", commit_pending(),
		    commit_pending() == 1 ? "y was" : "ies were");
	rpopd_exit(1);
}

/*
 * 1: the daemon was told to stop, or -1 has had every record's turn, and nothing is under way any more that is worth a short
 * wait: what is not committed is retrieved again, what is not settled is replayed.
 */
static int
rpopd_done(void)
{
	if (sched_nruns > 0 || (!turn_stopping && !(options.once && rpopd_once_done())))
		return (0);
	if (!pop_busy() && !token_busy() && !relay_busy() && !notice_busy() && commit_pending() == 0)
		return (1);
	if (!timer_armed(&deadline)) {
		timer_init(&deadline, rpopd_deadline, NULL);
		timer_in(&deadline, SETTLE_SECONDS * 1000);
	}
	return (0);
}

/* With -1: 1 if every record has had its turn, and everything that can be delivered or handed on now has been. */
static int
rpopd_once_done(void)
{
	size_t	 i;

	if (child_current(ROLE_DELIVERER) == NULL)
		return (0);		/* earlier deliveries are still to be replayed */
	if (quarantine_note_due() || notice_busy())
		return (0);
	if (child_hopeless(ROLE_SENDER))
		turn_failed = 1;	/* what is due waits for the next run */
	else if (!relay_idle())
		return (0);
	if (writable_failed())
		turn_failed = 1;	/* nothing could be handed on */
	if (config_running->settings.processors == 0)
		return (1);
	for (i = 0; i < sched_ntasks; i++)
		if (sched_tasks[i].rec->period != 0 && (!sched_tasks[i].polled || sched_tasks[i].due != INT64_MAX))
			return (0);
	return (1);
}

/* The end: what is in memory is written down, and every other process ends. */
static void
rpopd_exit(int status)
{
	HOOK_REPORT();
	result_doubts();
	control_close();
	command_shutdown();
	child_shutdown();
	token_shutdown();
	auth_shutdown();
	state_flush();
	state_close();
	rpopd_say("ends");
	exit(status);
}
