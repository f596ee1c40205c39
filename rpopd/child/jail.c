/* SPDX-License-Identifier: ISC */
/*
 * The run directory: control socket, and the roots of the dialer, of auth, of popd, of web and of the signer (empty), and of the fetcher, oauth and
 * the sender (empty but for certs/, a copy of the hashed directory of CA certificates, so that a session parses the one it
 * needs and not the system's whole bundle).
 */
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "child.h"

#define CERT_MAX	65536	/* octets in one certificate file */

static int	 jail_dir(int, const char *, const char *, char *, size_t);
static int	 jail_all_tls(int, const struct options *, const struct config *, char *, size_t);
static int	 jail_tls(int, const char *, const char *, const char *, int, char *, size_t);
static int	 jail_certs(int, const char *, int, char *, size_t);
static int	 jail_hashed(const char *);
static int	 jail_copy(int, int, const char *);
static int	 jail_sweep(int, int);

/* Make the run directory.  0, or -1 and a sentence. */
int
jail_rundir(const struct options *opt, char *err, size_t errsize)
{
	return (jail_dir(AT_FDCWD, opt->rundir, opt->rundir, err, errsize));
}

/* Make the directories that children are shut into, or bring them up to date.  0, or -1 and a sentence. */
int
jail_prepare(const struct options *opt, const struct config *config, char *err, size_t errsize)
{
	int	 dir, error;

	if ((dir = open(opt->rundir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		snprintf(err, errsize, "%s: %s", opt->rundir, strerror(errno));
		return (-1);
	}
	error = jail_dir(dir, "dialer", opt->rundir, err, errsize) == -1 || jail_dir(dir, "auth", opt->rundir, err, errsize) == -1 ||
	    jail_dir(dir, "popd", opt->rundir, err, errsize) == -1 || jail_dir(dir, "signer", opt->rundir, err, errsize) == -1 ||
	    jail_dir(dir, "web", opt->rundir, err, errsize) == -1 || jail_all_tls(dir, opt, config, err, errsize) == -1;
	close(dir);
	return (error ? -1 : 0);
}

/* Bring the copies of certificates up to date.  How many were made or removed, or -1 and a sentence. */
int
jail_refresh(const struct options *opt, const struct config *config, char *err, size_t errsize)
{
	int	 dir, n;

	if ((dir = open(opt->rundir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		snprintf(err, errsize, "%s: %s", opt->rundir, strerror(errno));
		return (-1);
	}
	n = jail_all_tls(dir, opt, config, err, errsize);
	close(dir);
	return (n);
}

static int
jail_all_tls(int dir, const struct options *opt, const struct config *config, char *err, size_t errsize)
{
	const char	*names[] = { "fetcher", config->nclients > 0 ? "oauth" : NULL, config->nnexthops > 0 ? "sender" : NULL };
	size_t		 i;
	int		 n, all = 0;

	for (i = 0; i < nitems(names); i++) {
		if (names[i] == NULL)
			continue;
		if ((n = jail_tls(dir, names[i], opt->rundir, config->settings.ca_dir, config->needs_ca_dir, err, errsize)) == -1)
			return (-1);
		all += n;
	}
	return (all);
}

/* The directory of a process that speaks TLS, with its copies of certificates.  The result is that of jail_refresh(). */
static int
jail_tls(int at, const char *name, const char *label, const char *ca_dir, int needed, char *err, size_t errsize)
{
	int	 fd, n;

	if (jail_dir(at, name, label, err, errsize) == -1)
		return (-1);
	if ((fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1) {
		snprintf(err, errsize, "%s/%s: %s", label, name, strerror(errno));
		return (-1);
	}
	n = jail_certs(fd, ca_dir, needed, err, errsize);
	close(fd);
	return (n);
}

/*
 * Make sure that name is a directory of root's that nobody else can write; it is made if it is missing.  0, or -1 and a
 * sentence.
 */
static int
jail_dir(int at, const char *name, const char *label, char *err, size_t errsize)
{
	struct stat	 st;

	if (mkdirat(at, name, 0755) == 0 ? fchmodat(at, name, 0755, 0) == -1 : errno != EEXIST) {
		snprintf(err, errsize, "%s: %s: %s", label, name, strerror(errno));
		return (-1);
	}
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0) {
		snprintf(err, errsize, "%s: %s must be a directory of root's that nobody else can write", label, name);
		return (-1);
	}
	return (0);
}

/*
 * Copy the files <8 hex digits>.<n> of ca_dir into the directory jail: a copy that is the same is left alone, and one whose
 * original is gone is removed.  The result is that of jail_refresh(); a ca_dir that is not needed may be missing.
 */
static int
jail_certs(int jail, const char *ca_dir, int needed, char *err, size_t errsize)
{
	struct dirent	*de;
	DIR		*dir;
	int		 from, to = -1, n = 0, all = -1;

	if ((from = open(ca_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		if (!needed)
			return (0);
		snprintf(err, errsize, "ca_dir %s: %s", ca_dir, strerror(errno));
		return (-1);
	}
	if ((mkdirat(jail, "certs", 0755) == -1 && errno != EEXIST) || fchmodat(jail, "certs", 0755, 0) == -1 ||
	    (to = openat(jail, "certs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		snprintf(err, errsize, "certs: %s", strerror(errno));
	else if ((dir = fdopendir(dup(from))) != NULL) {
		all = jail_sweep(to, from);
		while (n != -1 && (de = readdir(dir)) != NULL) {
			if (!jail_hashed(de->d_name))
				continue;
			if ((n = jail_copy(from, to, de->d_name)) == -1)
				snprintf(err, errsize, "ca_dir %s/%s: %s", ca_dir, de->d_name, strerror(errno));
			all += n;
		}
		closedir(dir);
	}
	if (to != -1)
		close(to);
	close(from);
	return (n == -1 ? -1 : all);
}

static int
jail_hashed(const char *name)
{
	int	 i;

	for (i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return (0);
	return (name[8] == '.' && isdigit((unsigned char)name[9]) && strlen(name) < 12);
}

/* Copy one certificate.  1: the copy is new, 0: it was the same already or there is no original, -1: it cannot be made. */
static int
jail_copy(int from, int to, const char *name)
{
	struct stat	 a, b;
	struct timespec	 times[2];
	char		 buf[CERT_MAX];
	ssize_t		 n = -1;
	int		 in, out;

	if (fstatat(from, name, &a, 0) == -1 || !S_ISREG(a.st_mode))
		return (errno == ENOENT ? 0 : -1);	/* a dangling link is no certificate */
	if (fstatat(to, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_size == b.st_size &&
	    a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec)
		return (0);
	if ((in = openat(from, name, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	unlinkat(to, ".new", 0);
	if ((out = openat(to, ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) != -1) {
		times[0] = times[1] = a.st_mtim;
		if ((n = read(in, buf, sizeof(buf))) == -1 || write(out, buf, n) != n || fchmod(out, 0644) == -1 ||
		    futimens(out, times) == -1 || renameat(to, ".new", to, name) == -1)
			n = -1;
		close(out);
	}
	close(in);
	return (n == -1 ? -1 : 1);
}

/* Remove copies of certificates whose originals are gone.  Returns how many. */
static int
jail_sweep(int to, int from)
{
	struct dirent	*de;
	struct stat	 st;
	DIR		*dir;
	int		 fd, n = 0;

	if ((fd = dup(to)) == -1 || (dir = fdopendir(fd)) == NULL)
		return (0);
	while ((de = readdir(dir)) != NULL)
		if (jail_hashed(de->d_name) && fstatat(from, de->d_name, &st, 0) == -1)
			n += unlinkat(to, de->d_name, 0) == 0;
	closedir(dir);
	return (n);
}
