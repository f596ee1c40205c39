/* SPDX-License-Identifier: ISC */
/* links: rpopd/sched */
/* libs: -levent_core */
/* Room on the file systems of the mail root and of state.db: when it is missing, who hears of it, and what ends meanwhile. */
#include <sys/types.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched.h"

#define MIB	(1024 * 1024ULL)
#define BLOCK	4096

struct config		*config_running;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t		 sched_nruns;
struct options		 options;
int			 turn_stopping, turn_failed;
int64_t			 turn_started;
struct task		*sched_tasks;
size_t			 sched_ntasks;
static struct config	 config;
static int64_t		 now = 5000;
static uint64_t		 mail_free, state_free;		/* MiB of 100 GiB */
static unsigned		 looks, kicks, stops, notices;
static char		 logged[1024], noticed[1024];

int64_t
clock_msec(void)
{
	return (now);
}

static void
fill(struct statvfs *fs, uint64_t mib, uint64_t all, uint64_t inodes, uint64_t all_inodes)
{
	memset(fs, 0, sizeof(*fs));
	fs->f_frsize = BLOCK;
	fs->f_bsize = BLOCK * 16;		/* not the unit of what is counted */
	fs->f_blocks = all * MIB / BLOCK;
	fs->f_bavail = mib * MIB / BLOCK;
	fs->f_bfree = fs->f_blocks;		/* root's own does not count */
	fs->f_files = all_inodes;
	fs->f_favail = inodes;
	fs->f_ffree = all_inodes;
}

int
statvfs(const char *path, struct statvfs *fs)
{
	looks++;
	if (strcmp(path, "/gone") == 0) {
		errno = ENOENT;
		return (-1);
	}
	fill(fs, strcmp(path, "/mail") == 0 ? mail_free : state_free, 102400, 0, 0);
	return (0);
}

void
options_state_path(char *path, size_t size)
{
	strlcpy(path, "/lib/state.db", size);
}

void
turn_soon(void)
{
	kicks++;
}

static void
stop(struct run *r)
{
	session_of(r)->stopping = 1;
	stops++;
}

static enum run_phase
phase(const struct run *r)
{
	const struct session	*s = heap_of(r, const struct session, run);

	return (s->state == SESSION_CLOSING || s->stopping ? RUN_ENDING : RUN_ACTIVE);
}

static const struct sched_calls	 calls = { .stop = stop, .phase = phase };
const struct sched_calls	*sched_calls = &calls;

void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	va_list	 ap;

	(void)subject;
	assert_null(record);
	assert_int_equal(account, 7);
	va_start(ap, fmt);
	vsnprintf(noticed, sizeof(noticed), fmt, ap);
	va_end(ap);
	notices++;
}

static void
keep(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
	strlcat(logged, "\n", sizeof(logged));
}

static int
setup(void **state)
{
	(void)state;
	log_setsink(keep);
	config_running = NULL;
	config_routing = NULL;
	TAILQ_INIT(&sched_runs);
	sched_nruns = 0;
	memset(&options, 0, sizeof(options));
	turn_stopping = turn_failed = 0;
	sched_tasks = NULL;
	sched_ntasks = 0;
	memset(&config, 0, sizeof(config));
	TAILQ_INIT(&sched_runs);
	config_running = &config;
	strlcpy(config.settings.mail_root, "/mail", sizeof(config.settings.mail_root));
	config.settings.min_free = 100;
	mail_free = state_free = 5000;
	now += 1000000;
	(void)space_enough();
	looks = kicks = stops = notices = 0;
	logged[0] = noticed[0] = '\0';
	return (0);
}

static void
test_floor(void **state)
{
	struct statvfs	 fs;
	char		 text[160];

	(void)state;
	fill(&fs, 100, 102400, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	fill(&fs, 99, 102400, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 1);
	assert_string_equal(text, "99 MiB free, less than 100 MiB (settings.min_free); make room there, or lower min_free");
	/* back only with a tenth more, so that no message makes it go to and fro */
	fill(&fs, 109, 102400, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 1, text, sizeof(text)), 1);
	assert_string_equal(text, "109 MiB free, polls go on at 110 MiB (settings.min_free); make room there, or lower min_free");
	fill(&fs, 110, 102400, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 1, text, sizeof(text)), 0);
	/* no more than a tenth of a small file system */
	fill(&fs, 5, 40, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 0);
	fill(&fs, 3, 40, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 1);
	assert_string_equal(text, "3072 KiB free, less than 4096 KiB (a tenth of the file system); make room there");
	/* none wanted */
	fill(&fs, 0, 40, 0, 1000);
	assert_int_equal(space_missing(&fs, 0, 0, text, sizeof(text)), 0);
	assert_int_equal(space_missing(&fs, 0, 1, text, sizeof(text)), 0);
	/* more than 4 GiB are no overflow */
	fill(&fs, 1048575, 20 * 1048576ULL, 0, 0);
	assert_int_equal(space_missing(&fs, 1048576, 0, text, sizeof(text)), 1);
}

static void
test_inodes(void **state)
{
	struct statvfs	 fs;
	char		 text[160];

	(void)state;
	fill(&fs, 5000, 102400, 999, 1000000);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 1);
	assert_string_equal(text, "999 inodes free, less than 1000; remove files there, or set min_free = 0");
	fill(&fs, 5000, 102400, 1000, 1000000);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 0);
	assert_int_equal(space_missing(&fs, 100, 1, text, sizeof(text)), 1);
	fill(&fs, 5000, 102400, 50, 400);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 0);
	/* a file system without a number of inodes */
	fill(&fs, 5000, 102400, 0, 0);
	assert_int_equal(space_missing(&fs, 100, 0, text, sizeof(text)), 0);
}

/* However many records are due: two calls a quarter of a second. */
static void
test_looks(void **state)
{
	int	 i;

	(void)state;
	now += 1000;
	for (i = 0; i < 100000; i++)
		assert_int_equal(space_enough(), 1);
	assert_int_equal(looks, 2);
	now += 1000;
	assert_int_equal(space_enough(), 1);
	assert_int_equal(looks, 4);
}

/* Each place is told of once when room goes missing and once when it is back; then what waits is called for. */
static void
test_told(void **state)
{
	int	 i;

	(void)state;
	mail_free = 12;
	for (i = 0; i < 5; i++) {
		now += 1000;
		assert_int_equal(space_enough(), 0);
	}
	assert_string_equal(logged, "mail_root /mail: 12 MiB free, less than 100 MiB (settings.min_free); make room there, or lower "
	    "min_free; nothing is polled meanwhile, and the messages stay on the server\n");
	assert_string_equal(space_trouble(), "mail_root /mail: 12 MiB free, polls go on at 110 MiB (settings.min_free); make room there, or "
	    "lower min_free");
	logged[0] = '\0';
	mail_free = 5000;
	state_free = 1;
	now += 1000;
	assert_int_equal(space_enough(), 0);
	assert_non_null(strstr(logged, "mail_root /mail: there is room again, polls go on\n"));
	assert_non_null(strstr(logged, "state.db /lib/state.db: 1024 KiB free"));
	assert_non_null(strstr(space_trouble(), "state.db /lib/state.db"));
	assert_int_equal(kicks, 0);
	/* a path that is gone says nothing new */
	strlcpy(config.settings.mail_root, "/gone", sizeof(config.settings.mail_root));
	state_free = 5000;
	now += 1000;
	assert_int_equal(space_enough(), 1);
	assert_int_equal(kicks, 1);
	assert_string_equal(space_trouble(), "");
}

/* What runs is told to end, and is due again; the postmaster hears of it; a trial goes on. */
static void
test_running(void **state)
{
	static struct session	 s[4];
	static struct task	 t[4];
	size_t			 i;

	(void)state;
	memset(s, 0, sizeof(s));
	memset(t, 0, sizeof(t));
	for (i = 0; i < nitems(s); i++) {
		s[i].run.task = &t[i];
		s[i].state = i == 1 ? SESSION_CLOSING : SESSION_FETCHING;
		TAILQ_INSERT_TAIL(&sched_runs, &s[i].run, entry);
	}
	s[2].run.trial = 1;
	s[3].stopping = 1;
	sched_nruns = nitems(s);
	config.settings.postmaster = 7;
	now += 1000;
	assert_int_equal(space_enough(), 1);
	event_loop(EVLOOP_ONCE);
	assert_int_equal(stops, 0);
	mail_free = 5;
	event_loop(EVLOOP_ONCE);
	event_loop(EVLOOP_ONCE);
	assert_int_equal(stops, 1);
	assert_true(s[0].stopping && t[0].again && !t[1].again && !t[2].again);
	assert_int_equal(notices, 1);
	assert_non_null(strstr(noticed, "mail_root /mail: 5120 KiB free"));
	mail_free = 5000;
	event_loop(EVLOOP_ONCE);
	assert_int_equal(kicks, 1);
	sched_nruns = 0;
	event_loop(EVLOOP_ONCE);
	assert_int_equal(event_loop(EVLOOP_NONBLOCK), 1);	/* nothing is looked at any more */
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_inodes),
		cmocka_unit_test_setup(test_looks, setup),
		cmocka_unit_test_setup(test_told, setup),
		cmocka_unit_test_setup(test_running, setup),
	};

	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
