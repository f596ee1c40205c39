/* SPDX-License-Identifier: ISC */
/*
 * Room on the file systems of the mail root and of state.db.  Below the floor, settings.min_free, no session begins, and those
 * that run end after the message that each is at, so that commits, deliveries under way and other programs still find some.  What
 * was being written then may need more than the floor; then it fails as on a full disk, and stays on its server.
 *
 * The file systems are looked at when a session is to begin, and four times a second while sessions run or room is missing; not
 * more often, however many records are due.
 */
#include <sys/types.h>
#include <sys/statvfs.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/turn/turn.h"
#include "sched_int.h"

#define SPACE_LOOK	250	/* ms from one look to the next */
#define SPACE_TELL	3600000	/* ms until a notice is asked for again; those within a day are dropped */
#define SPACE_INODES	1000	/* that are to stay free, where inodes are counted */
#define SPACE_PART	10	/* the floor is a tenth of a file system at most, and room is there again with a tenth above it */
#define MIB		(1024 * 1024ULL)

struct space {
	const char	*what;
	int		 missing;		/* room is */
	uint32_t	 min_free;		/* as it was at the last look; another one counts at once */
	char		 text[PROTO_TEXT_SIZE];	/* of it */
};

static void	 space_look(int64_t);
static void	 space_again(void);
static void	 space_check(struct space *, const char *);
static void	 space_stop(const char *);
static void	 space_tell(const char *);
static void	 space_timer(void *);
static uint64_t	 space_floor(uint64_t, uint64_t, int);
static const char *space_size(uint64_t, char *, size_t);

static struct space	 places[] = { { "mail_root", 0, 0, "" }, { "state.db", 0, 0, "" } };
static int64_t		 looked;	/* monotonic ms; 0: never */
static int64_t		 told;		/* likewise, the postmaster */
static struct timer	 timer;

/*
 * Is room missing on this file system, of which min_free MiB are to stay free?  was: it was at the last look.  1 with what is
 * missing and what to do, or 0.  What an unprivileged process may use counts.
 */
int
space_missing(const struct statvfs *fs, uint32_t min_free, int was, char *text, size_t size)
{
	uint64_t	 free_octets = (uint64_t)fs->f_bavail * fs->f_frsize, all = (uint64_t)fs->f_blocks * fs->f_frsize;
	const char	*goal = was ? "polls go on at" : "less than";
	int		 capped = min_free * MIB > all / SPACE_PART;
	char		 have[32], want[32];

	text[0] = '\0';
	if (min_free == 0)
		return (0);
	if (free_octets < space_floor(min_free * MIB, all, was)) {
		snprintf(text, size, "%s free, %s %s (%s); make room there%s", space_size(free_octets, have, sizeof(have)), goal,
		    space_size(space_floor(min_free * MIB, all, was), want, sizeof(want)),
		    capped ? "a tenth of the file system" : "settings.min_free", capped ? "" : ", or lower min_free");
		return (1);
	}
	if (fs->f_files != 0 && fs->f_favail < space_floor(SPACE_INODES, fs->f_files, was)) {
		snprintf(text, size, "%llu inodes free, %s %llu; remove files there, or set min_free = 0",
		    (unsigned long long)fs->f_favail, goal, (unsigned long long)space_floor(SPACE_INODES, fs->f_files, was));
		return (1);
	}
	return (0);
}

/* How much must be free; was: how much, so that polls go on after a pause. */
static uint64_t
space_floor(uint64_t floor, uint64_t all, int was)
{
	if (floor > all / SPACE_PART)
		floor = all / SPACE_PART;
	return (was ? floor + floor / SPACE_PART : floor);
}

/* A number of octets for people.  Returns dst. */
static const char *
space_size(uint64_t n, char *dst, size_t size)
{
	snprintf(dst, size, n < 10 * MIB ? "%llu KiB" : "%llu MiB", (unsigned long long)(n < 10 * MIB ? n / 1024 : n / MIB));
	return (dst);
}

/* 1: a session may begin; 0: not until there is more room. */
int
space_enough(void)
{
	int64_t	 now = clock_msec();

	if (looked == 0 || now - looked >= SPACE_LOOK) {
		space_look(now);
		space_again();
	}
	return (*space_trouble() == '\0');
}

/* Look at both file systems.  If there is room again, a round begins what waits for it. */
static void
space_look(int64_t now)
{
	char	 state[PATH_MAX];
	int	 was = *space_trouble() != '\0';

	looked = now;
	options_state_path(state, sizeof(state));
	space_check(&places[0], config_running->settings.mail_root);
	space_check(&places[1], state);
	if (was && *space_trouble() == '\0')
		turn_soon();
}

/* There is one more look in SPACE_LOOK. */
static void
space_again(void)
{
	if (timer_armed(&timer))
		return;
	timer_init(&timer, space_timer, NULL);
	timer_in(&timer, SPACE_LOOK);
}

/* What room is missing, and what to do about it; "": there is room. */
const char *
space_trouble(void)
{
	size_t	 i;

	for (i = 0; i < nitems(places); i++)
		if (places[i].missing)
			return (places[i].text);
	return ("");
}

/* Look at one file system, and log what has changed.  A path that cannot be asked about is mailroot.c's business. */
static void
space_check(struct space *p, const char *path)
{
	struct statvfs	 fs;
	char		 text[160];
	int		 had, was = p->missing && p->min_free == config_running->settings.min_free;

	if (statvfs(path, &fs) == -1)
		return;
	had = p->missing;
	p->min_free = config_running->settings.min_free;
	p->missing = space_missing(&fs, p->min_free, was, text, sizeof(text));
	if (p->missing) {
		snprintf(p->text, sizeof(p->text), "%.9s %.80s: %.155s", p->what, path, text);
		if (!had)
			log_warnx("%s %s: %s; nothing is polled meanwhile, and the messages stay on the server", p->what, path,
			    text);
	} else if (had)
		log_notice("%s %s: there is room again, polls go on", p->what, path);
}

/* The next look, while sessions run or room is missing. */
static void
space_timer(void *arg)
{
	(void)arg;
	if (turn_stopping)
		return;
	space_look(clock_msec());
	if (*space_trouble() != '\0') {
		space_stop(space_trouble());
		space_tell(space_trouble());
	} else if (sched_nruns == 0)
		return;
	space_again();
}

/* Sessions that bring something stop, and are due again as soon as there is room.  A trial brings nothing. */
static void
space_stop(const char *why)
{
	struct run	*r, *next;

	TAILQ_FOREACH_SAFE(r, &sched_runs, entry, next) {
		if (r->trial || sched_calls->phase(r) == RUN_ENDING)
			continue;
		log_info("%s: the session ends early%s: %s", r->label, options.once ? "" : ", and is repeated", why);
		if (r->task != NULL)
			r->task->again = 1;
		sched_calls->stop(r);
	}
}

/* The postmaster hears that room is missing, once a day. */
static void
space_tell(const char *why)
{
	int64_t	 now = clock_msec();

	if (config_running->settings.postmaster == 0 || (told != 0 && now - told < SPACE_TELL))
		return;
	told = now;
	notice_send(config_running->settings.postmaster, NULL, "rpopd is short of disk space",
	    "Nothing is polled because room is missing:\n\n%s\n\nThe messages stay on their servers.  Polls go on by themselves when "
	    "there is room.  This is written once a day at most.\n", why);
}
