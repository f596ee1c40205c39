/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/spoolroot.c deliverer */
/* libs: -levent_core */
/* Destination directories: names, making, moving, and what an administrator does to them meanwhile. */
#include <sys/types.h>
#include <sys/mount.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "spoolroot.h"

static char	 err[256];

static void
test_folder_names(void **state)
{
	static const struct { const char *mailbox, *folder; }	 names[] = {
		{ "", "" }, { "INBOX", "" }, { "inbox", "" }, { "Lists", ".Lists" }, { "Lists/bsd", ".Lists.bsd" },
		{ "Lists.bsd", ".Lists.bsd" }, { "A b/c", ".A b.c" }, { "..", NULL }, { "../x", NULL }, { "a/../b", NULL },
		{ "/a", NULL }, { "a/", NULL }, { ".a", NULL }, { "a..b", NULL }, { "a\nb", NULL }, { "a\177", NULL }, { ".", NULL },
		{ "a//b", NULL }, { "\xc3\xa9", ".\xc3\xa9" }
	};
	char							 folder[PROTO_MAILBOX_SIZE + 1], tiny[4], longname[300];
	size_t							 i;
	int							 n;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		n = maildir_folder(names[i].mailbox, folder, sizeof(folder));
		if (n != (names[i].folder == NULL ? -1 : 0) || (n == 0 && strcmp(folder, names[i].folder) != 0))
			fail_msg("'%s': %d '%s'", names[i].mailbox, n, folder);
	}
	assert_int_equal(maildir_folder("abc", tiny, sizeof(tiny)), -1);
	assert_int_equal(maildir_folder("ab", tiny, sizeof(tiny)), 0);
	memset(longname, 'x', sizeof(longname));
	longname[sizeof(longname) - 1] = '\0';
	assert_int_equal(maildir_folder(longname, folder, sizeof(folder)), -1);
}

static void
test_hostile_paths(void **state)
{
	static const char *const	 paths[] = { "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/.", "a/.x/b", ".a",
	    "a/..x", "a\nb", "a/b\033", "a/\177", "spool", "spool/x" };
	struct maildir			*md;
	char				 longpath[PROTO_DEST_SIZE + 10];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(paths); i++)
		if (maildir_ref(paths[i]) != NULL)
			fail_msg("'%s'", paths[i]);
	memset(longpath, 'x', sizeof(longpath));
	longpath[300] = '\0';
	assert_null(maildir_ref(longpath));
	for (i = 100; i < sizeof(longpath); i += 100)
		longpath[i] = '/';
	longpath[sizeof(longpath) - 1] = '\0';
	longpath[300] = '/';
	assert_null(maildir_ref(longpath));
	assert_non_null(md = maildir_ref("spoolers/x"));
	maildir_release(md);
	assert_null(maildir_get("../a", err, sizeof(err)));
}

static void
assert_private(const char *below)
{
	struct stat	 st;

	assert_int_equal(stat(root_path(below), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void
test_made(void **state)
{
	static const char *const	 dirs[] = { "example.org", "example.org/anna", "example.org/anna/cur", "example.org/anna/new",
	    "example.org/anna/tmp", "example.org/anna/.Lists.bsd", "example.org/anna/.Lists.bsd/cur", "example.org/anna/.Lists.bsd/new",
	    "example.org/anna/.Lists.bsd/tmp" };
	struct maildir			*md;
	size_t				 i;

	(void)state;
	assert_non_null(md = maildir_get("example.org/anna/.Lists.bsd", err, sizeof(err)));
	for (i = 0; i < nitems(dirs); i++)
		assert_private(dirs[i]);
	assert_int_equal(faccessat(root_fd(), "example.org/anna/.Lists.bsd/maildirfolder", F_OK, 0), 0);
	assert_int_equal(faccessat(root_fd(), "example.org/anna/maildirfolder", F_OK, 0), -1);
	assert_string_equal(maildir_path(md), "example.org/anna/.Lists.bsd");
	assert_ptr_equal(maildir_get("example.org/anna/.Lists.bsd", err, sizeof(err)), md);
	maildir_release(md);
	maildir_release(md);
}

/* Whoever gets to plant a link must not lead mail elsewhere; a file in the way is no directory. */
static void
test_links_refused(void **state)
{
	static const char *const	 paths[] = { "link/anna", "example.org/link", "example.org/bo" };
	size_t				 i;

	(void)state;
	assert_int_equal(mkdirat(root_fd(), "elsewhere", 0700), 0);
	assert_int_equal(mkdirat(root_fd(), "example.org", 0700), 0);
	assert_int_equal(mkdirat(root_fd(), "example.org/bo", 0700), 0);
	assert_int_equal(symlinkat("elsewhere", root_fd(), "link"), 0);
	assert_int_equal(symlinkat("../elsewhere", root_fd(), "example.org/link"), 0);
	assert_int_equal(symlinkat("../../elsewhere", root_fd(), "example.org/bo/new"), 0);
	for (i = 0; i < nitems(paths); i++)
		if (maildir_get(paths[i], err, sizeof(err)) != NULL || err[0] == '\0')
			fail_msg("%s: %s", paths[i], err);
	assert_int_equal(root_count("elsewhere"), 0);
	root_write("file", "x", 1);
	assert_null(maildir_get("file/anna", err, sizeof(err)));
	assert_int_equal(errno, ENOTDIR);
}

static void
spooled(struct spool_id *id, uint32_t msgno, char *name)
{
	int	 fd;

	assert_true((fd = spool_create(id, 1, msgno)) != -1);
	close(fd);
	spool_name(id, 0, name, PROTO_LINK_SIZE);
}

static void
test_take(void **state)
{
	struct maildir	*md;
	struct spool_id	 id;
	char		 name[PROTO_LINK_SIZE];

	(void)state;
	assert_non_null(md = maildir_get("example.org/anna", err, sizeof(err)));
	spooled(&id, 1, name);
	assert_int_equal(maildir_take(md, name), 1);
	assert_int_equal(maildir_take(md, name), 0);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	assert_int_equal(root_count(SPOOL_DIR), 0);
	assert_int_equal(maildir_sync(), 0);
	maildir_release(md);
}

/* Both kinds of absence look the same to rename(2). */
static void
test_taken_away(void **state)
{
	struct maildir	*md;
	struct spool_id	 id;
	char		 name[PROTO_LINK_SIZE];

	(void)state;
	assert_non_null(md = maildir_get("example.org/anna", err, sizeof(err)));
	assert_int_equal(rmdir(root_path("example.org/anna/new")), 0);
	assert_int_equal(maildir_take(md, "1.M2P3S4N5R0.h"), 0);
	assert_int_equal(rmdir(root_path("example.org/anna/cur")), 0);
	assert_int_equal(rmdir(root_path("example.org/anna/tmp")), 0);
	assert_int_equal(rmdir(root_path("example.org/anna")), 0);
	spooled(&id, 1, name);
	assert_int_equal(maildir_take(md, name), 1);
	assert_int_equal(root_count("example.org/anna"), 3);
	assert_int_equal(root_count("example.org/anna/new"), 1);
	maildir_release(md);
}

/* While committed mail cannot be moved somewhere, nothing more is taken for that place. */
static void
test_stuck(void **state)
{
	struct maildir	*md;
	struct spool_id	 id;
	char		 name[PROTO_LINK_SIZE];

	(void)state;
	assert_non_null(md = maildir_get("example.org/anna", err, sizeof(err)));
	assert_int_equal(rmdir(root_path("example.org/anna/new")), 0);
	root_write("example.org/anna/new", "x", 1);
	spooled(&id, 1, name);
	assert_int_equal(maildir_take(md, name), -1);
	assert_true(spool_has(name));
	assert_null(maildir_get("example.org/anna", err, sizeof(err)));
	assert_int_equal(unlink(root_path("example.org/anna/new")), 0);
	assert_int_equal(maildir_take(md, name), 1);
	assert_ptr_equal(maildir_get("example.org/anna", err, sizeof(err)), md);
	maildir_release(md);
	maildir_release(md);
}

static void
test_many(void **state)
{
	struct maildir	*md[3 * MAILDIR_OPEN_MAX];
	struct spool_id	 id;
	char		 path[64], name[PROTO_LINK_SIZE];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(md); i++) {
		snprintf(path, sizeof(path), "example.org/user%zu", i);
		assert_non_null(md[i] = maildir_get(path, err, sizeof(err)));
		assert_true(maildir_nopen() <= MAILDIR_OPEN_MAX);
	}
	for (i = 0; i < nitems(md); i++) {
		spooled(&id, i + 1, name);
		assert_int_equal(maildir_take(md[i], name), 1);
		maildir_release(md[i]);
		assert_true(maildir_nopen() <= MAILDIR_OPEN_MAX);
	}
	assert_int_equal(maildir_sync(), 0);
	for (i = 0; i < nitems(md); i++) {
		snprintf(path, sizeof(path), "example.org/user%zu/new", i);
		assert_int_equal(root_count(path), 1);
	}
	assert_int_equal(root_count(SPOOL_DIR), 0);
}

/* Another file system, and the same one mounted a second time: neither can be renamed to. */
static void
test_other_file_system(void **state)
{
	char	 target[256];

	(void)state;
	assert_int_equal(mkdirat(root_fd(), "example.org", 0700), 0);
	assert_int_equal(mkdirat(root_fd(), "second", 0700), 0);
	strlcpy(target, root_path("example.org"), sizeof(target));
	if (mount("tmpfs", target, "tmpfs", 0, "size=1m") == -1)
		skip();
	assert_null(maildir_get("example.org/anna", err, sizeof(err)));
	assert_int_equal(errno, EXDEV);
	assert_int_equal(umount(target), 0);
	assert_int_equal(mount(root_path("second"), target, NULL, MS_BIND, NULL), 0);
	assert_null(maildir_get("example.org/anna", err, sizeof(err)));
	assert_int_equal(errno, EXDEV);
	assert_non_null(strstr(err, SPOOL_DIR));
	assert_int_equal(umount(target), 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, root_setup, root_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_folder_names), T(test_hostile_paths), T(test_made), T(test_links_refused), T(test_take), T(test_taken_away),
		T(test_stuck), T(test_many), T(test_other_file_system),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
