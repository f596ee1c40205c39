/* SPDX-License-Identifier: ISC */
/* Encoding of remote text, one line per call, a child's lines over its channel, wait statuses, wire names. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc/imsg.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/ipc/proto.h"

static char	 last[2048];
static enum log_level	 last_level;
static int		 lines;

static void
sink(enum log_level level, const char *text)
{
	last_level = level;
	snprintf(last, sizeof(last), "%s", text);
	lines++;
}

static void
test_vis(void **state)
{
	char	 dst[1000], tiny[6];
	uint8_t	 src[300];

	(void)state;
	assert_string_equal(log_vis(dst, sizeof(dst), "plain text", 10), "plain text");
	assert_string_equal(log_vis(dst, sizeof(dst), "a\r\n\tb\\\x1b[2J\x7f\0\xc3\xa4", 14),
	    "a\\r\\n\\tb\\\\\\033[2J\\177\\000\\303\\244");
	assert_string_equal(log_vis(dst, sizeof(dst), NULL, 0), "");
	assert_string_equal(log_vis(tiny, sizeof(tiny), "abc\n\n", 5), "abc\\n");	/* never half an escape */
	assert_string_equal(log_vis(tiny, sizeof(tiny), "abcd\n", 5), "abcd");
	memset(src, 1, sizeof(src));
	assert_int_equal(strlen(log_vis(dst, sizeof(dst), src, sizeof(src))), 800);	/* 200 octets and no more */
	log_vis(dst, 0, "x", 1);
}

static void
test_line(void **state)
{
	(void)state;
	log_setsink(sink);
	errno = ENOENT;
	log_warn("%s", "open");
	assert_string_equal(last, "open: No such file or directory");
	assert_int_equal(last_level, LOG_LEVEL_FAILURES);
	assert_int_equal(errno, ENOENT);
	log_info("two\nlines \033[1m");
	assert_string_equal(last, "two?lines ?[1m");
	assert_int_equal(last_level, LOG_LEVEL_PROBLEMS);
	lines = 0;
	log_debug("hidden");
	assert_int_equal(lines, 0);
	log_info("%2000d", 1);
	assert_true(strlen(last) < 1024);
	log_setsink(NULL);
}

/* Each level shows its own lines and those of all before it. */
static void
test_levels(void **state)
{
	static const enum log_level	 expect[] = { LOG_LEVEL_FAILURES, LOG_LEVEL_FAILURES, LOG_LEVEL_MAJOR, LOG_LEVEL_PROBLEMS,
	    LOG_LEVEL_LOW, LOG_LEVEL_ALL };
	enum log_level			 level;
	size_t				 i;

	(void)state;
	log_setsink(sink);
	for (level = LOG_LEVEL_CRASHES; level <= LOG_LEVEL_ALL; level++) {
		log_setlevel(level);
		assert_int_equal(log_getlevel(), level);
		assert_int_equal(log_level_parse(log_level_str(level)), level);
		for (i = 0; i < nitems(expect); i++) {
			lines = 0;
			switch (i) {
			case 0: log_warn("x"); break;
			case 1: log_warnx("x"); break;
			case 2: log_notice("x"); break;
			case 3: log_info("x"); break;
			case 4: log_debug("x"); break;
			default: log_trace("x");
			}
			assert_int_equal(lines, expect[i] <= level);
			if (lines)
				assert_int_equal(last_level, expect[i]);
		}
	}
	assert_int_equal(log_level_parse("Low"), 0);
	assert_int_equal(log_level_parse(""), 0);
	assert_string_equal(log_level_str(0), "unknown");
	assert_string_equal(log_level_str(7), "unknown");
	log_setlevel(LOG_LEVEL_PROBLEMS);
	log_setsink(NULL);
}

/* Lines about something with a level of its own, whatever the process's is. */
static void
test_level_of_its_own(void **state)
{
	enum log_level	 level, most;

	(void)state;
	log_setsink(sink);
	for (most = LOG_LEVEL_CRASHES; most <= LOG_LEVEL_ALL; most++)
		for (level = LOG_LEVEL_CRASHES; level <= LOG_LEVEL_ALL; level++) {
			log_setlevel(most == LOG_LEVEL_ALL ? LOG_LEVEL_CRASHES : LOG_LEVEL_ALL);
			lines = 0;
			log_at(most, level, "line %d", 1);
			log_line(most, level, "a child's");
			assert_int_equal(lines, level <= most ? 2 : 0);
			assert_true(lines == 0 || last_level == level);
		}
	log_setlevel(LOG_LEVEL_PROBLEMS);
	log_setsink(NULL);
}

/* A master that does not read: log lines are dropped and counted, the process goes on, and what was queued arrives. */
static void
test_full_channel(void **state)
{
	struct imsgbuf	 a, b;
	struct imsg	 imsg;
	struct msg_log	 msg;
	int		 fd[2], i, got = 0, told = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(imsgbuf_init(&a, fd[0]), 0);
	assert_int_equal(imsgbuf_init(&b, fd[1]), 0);
	proc_log_to(&a);
	for (i = 0; i < 20000; i++)
		log_info("line %d", i);
	assert_in_range(imsgbuf_queuelen(&a), 1, 2000);
	while (imsgbuf_queuelen(&a) > 0 || got < 100) {
		assert_int_equal(imsgbuf_write(&a), 0);
		assert_int_equal(imsgbuf_read(&b), 1);
		while (imsgbuf_get(&b, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), IMSG_LOG);
			assert_int_equal(imsg_get_data(&imsg, &msg, sizeof(msg)), 0);
			assert_int_equal(msg.level, LOG_LEVEL_PROBLEMS);
			got++;
			imsg_free(&imsg);
		}
	}
	assert_true(got < 20000);
	log_info("after");
	assert_int_equal(imsgbuf_queuelen(&a), 0);
	while (imsgbuf_read(&b) == 1 && !told) {
		while (imsgbuf_get(&b, &imsg) == 1) {
			imsg_get_data(&imsg, &msg, sizeof(msg));
			if (strcmp(msg.text, "after") == 0)
				told += got;
			else if (strstr(msg.text, "log lines were lost") != NULL)
				got = atoi(msg.text);
			imsg_free(&imsg);
		}
	}
	assert_true(told > 1000 && told < 20000);
	proc_log_to(NULL);
	imsgbuf_clear(&a);
	imsgbuf_clear(&b);
	close(fd[0]);
	close(fd[1]);
}

/* A channel that cannot take the last words: fatal() says them when there is room, and exits with 1. */
static void
test_fatal(void **state)
{
	struct imsgbuf	 a, b;
	struct imsg	 imsg;
	struct msg_log	 msg;
	char		 text[512] = "";
	pid_t		 pid;
	int		 fd[2], status, i;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	if ((pid = fork()) == 0) {
		imsgbuf_init(&a, fd[0]);
		close(fd[1]);
		proc_log_to(&a);
		for (i = 0; i < 600; i++)
			log_info("fill");
		errno = EIO;
		fatal("last words");
	}
	close(fd[0]);
	assert_int_equal(fcntl(fd[1], F_SETFL, 0), 0);
	imsgbuf_init(&b, fd[1]);
	while (imsgbuf_read(&b) == 1) {
		while (imsgbuf_get(&b, &imsg) == 1) {
			imsg_get_data(&imsg, &msg, sizeof(msg));
			snprintf(text, sizeof(text), "%s", msg.text);
			imsg_free(&imsg);
		}
	}
	assert_string_equal(text, "last words: Input/output error");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(proc_status_str(status, text, sizeof(text)), "exit 1");
	imsgbuf_clear(&b);
	close(fd[1]);
}

/* The started program has its channel on 3 and nothing else. */
static void
test_start(void **state)
{
	char *const	 argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
			    (char *)(uintptr_t)"echo $0 ${HOME-none} >&3; test -c /dev/fd/0 && ls /proc/self/fd >&3; kill -9 $$", NULL };
	char		 buf[256], want[] = "sh none\n0\n1\n2\n3\n";
	ssize_t		 n;
	size_t		 len = 0;
	pid_t		 pid;
	int		 fd, extra, status;

	(void)state;
	assert_true((extra = open("/dev/null", O_RDONLY)) != -1);
	assert_true((pid = proc_start("/bin/sh", argv, 0, &fd)) > 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	while (len < sizeof(buf) && (n = read(fd, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)n;
	assert_true(len >= sizeof(want) - 1);
	assert_memory_equal(buf, want, sizeof(want) - 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(proc_status_str(status, buf, sizeof(buf)), "signal 9 (Killed)");
	close(fd);
	close(extra);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_vis),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_level_of_its_own),
		cmocka_unit_test(test_full_channel),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_start),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
