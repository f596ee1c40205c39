/* SPDX-License-Identifier: ISC */
/*
 * settings.pop_auth: who knows whether a password is right.  Dovecot's socket is connected to as the user of the auth processes, so
 * that the connection they get can do no more than Dovecot's configuration lets that user do; whether it is another socket of
 * Dovecot's makes no difference then.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "auth_int.h"

#define AUTH_USER	"_rpopa"
#define TOLD_AGAIN	600000	/* ms until the same trouble is logged again */

static int		 source_connect(const char *, char *, size_t);
static int		 source_socket(const char *, const struct passwd *);
static int		 source_as(const struct sockaddr_un *, int, const struct passwd *);
static const char	*source_remedy(int);
static const char	*source_line(void);

static char	 trouble[PROTO_TEXT_SIZE];	/* that there is */
static char	 last[PROTO_TEXT_SIZE];		/* that was logged */
static int64_t	 told;				/* monotonic ms: when */
static int	 is_told;			/* that it is over was not logged yet */

enum auth_source
source_now(void)
{
	return ((enum auth_source)config_running->settings.pop_source);
}

int
auth_elsewhere(void)
{
	return (source_now() != AUTH_SOURCE_STORE);
}

/* The command line of a program. */
static const char *
source_line(void)
{
	return (config_running->settings.pop_auth + sizeof(POP_AUTH_PROGRAM) - 1);
}

/*
 * A descriptor for a process that asks about the password of this name, and, if a program is asked, *program, whose end is told by
 * ended(arg, ...).  -1: there is none, and that is told.
 */
int
source_open(const char *name, struct program **program, program_ended *ended, void *arg)
{
	const struct settings	*s = &config_running->settings;
	char			 err[PROTO_TEXT_SIZE];
	int			 fd = -1;

	if (source_now() == AUTH_SOURCE_DOVECOT)
		fd = source_connect(s->pop_auth, err, sizeof(err));
	else if ((*program = program_start(source_line(), s->pop_auth_user, name, ended, arg, &fd, err, sizeof(err))) == NULL)
		fd = -1;
	if (fd == -1)
		source_fails(err);
	return (fd);
}

/* A connection to Dovecot's socket, which does not block; -1 with a sentence that names the remedy. */
static int
source_connect(const char *path, char *err, size_t errsize)
{
	const struct passwd	*pw;
	struct stat		 st;
	const char		*why = NULL;
	char			 dir[PROTO_TEXT_SIZE], *slash;
	int			 fd = -1;

	strlcpy(dir, path, sizeof(dir));
	if ((slash = strrchr(dir, '/')) != NULL)
		slash[slash == dir] = '\0';
	if (stat(path, &st) == -1)
		why = source_remedy(errno);
	else if (!S_ISSOCK(st.st_mode))
		why = "is no socket; name a unix_listener of Dovecot's service auth";
	else if (stat(dir, &st) == -1 || (st.st_mode & S_IWOTH) != 0)
		why = "everybody can put a socket there, since its directory can be written by others; chmod o-w that";
	else if ((pw = getpwnam(AUTH_USER)) == NULL)
		why = "there is no user " AUTH_USER ": create it (see rpopd.sysusers)";
	else if ((fd = source_socket(path, pw)) == -1)
		why = source_remedy(errno);
	if (why != NULL)
		snprintf(err, errsize, "pop_auth: %s: %s", path, why);
	return (fd);
}

/* Connects as this user, at once or not at all.  -1 and errno. */
static int
source_socket(const char *path, const struct passwd *pw)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd, saved;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return (-1);
	if (source_as(&sun, fd, pw) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

/* connect(2) with the user's rights and groups alone, of which root's own are none.  0, or -1 and errno. */
static int
source_as(const struct sockaddr_un *sun, int fd, const struct passwd *pw)
{
	gid_t	 groups[NGROUPS_MAX];
	int	 n, rc, saved;

	if (geteuid() != 0)
		return (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)));
	if ((n = getgroups(NGROUPS_MAX, groups)) == -1 || setgroups(1, &pw->pw_gid) == -1)
		return (-1);
	rc = setegid(pw->pw_gid) == -1 || seteuid(pw->pw_uid) == -1 ? -1 : connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = errno;
	if (seteuid(0) == -1 || setegid(0) == -1 || setgroups((size_t)n, groups) == -1)
		fatal("cannot be root again");
	errno = saved;
	return (rc);
}

/* What an error of the path or of connect(2) means, and what helps. */
static const char *
source_remedy(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return ("there is no such socket; is Dovecot running, and has its service auth this unix_listener?");
	case ECONNREFUSED:
		return ("nobody listens; is Dovecot running?");
	case EACCES:
	case EPERM:
		return ("permission denied; set user = " AUTH_USER " and mode = 0600 for this unix_listener of Dovecot's, and let it reach the "
		    "directory");
	case EAGAIN:
		return ("too many wait for Dovecot; raise client_limit of its service auth");
	default:
		return (strerror(error));
	}
}

/* No password can be verified, for this reason, as far as is known.  The same one is logged once in ten minutes. */
void
source_fails(const char *sentence)
{
	strlcpy(trouble, sentence, sizeof(trouble));
	if (strcmp(last, sentence) == 0 && clock_msec() < told + TOLD_AGAIN)
		return;
	strlcpy(last, sentence, sizeof(last));
	told = clock_msec();
	is_told = 1;
	log_warnx("logins fail: %s", sentence);
}

/* A password was verified. */
void
source_works(void)
{
	if (is_told)
		log_notice("pop_auth: passwords can be verified again");
	is_told = 0;
	trouble[0] = '\0';
}

const char *
auth_trouble(void)
{
	return (trouble);
}

void
auth_reload(void)
{
	const struct settings	*s = &config_running->settings;
	char			 err[PROTO_TEXT_SIZE] = "";
	int			 fd;

	trouble[0] = last[0] = '\0';
	is_told = 0;
	if (source_now() == AUTH_SOURCE_DOVECOT && (fd = source_connect(s->pop_auth, err, sizeof(err))) != -1)
		close(fd);
	else if (source_now() == AUTH_SOURCE_PROGRAM)
		(void)program_check(source_line(), s->pop_auth_user, err, sizeof(err));
	if (err[0] != '\0')
		source_fails(err);
}
