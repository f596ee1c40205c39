/* SPDX-License-Identifier: ISC */
/*
 * The file .rpopd in the mail root.  Three lines of fixed length, so that the counter is overwritten in place by one short write
 * within one sector, and a line for people:
 *
 *	rpopd mail root 1
 *	identity 00112233445566778899aabbccddeeff
 *	counter 00000000000000000042
 *	used by process 4711, store /var/lib/rpopd/rpopd.db
 */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "hex.h"
#include "rootfile.h"

#define ROOTFILE_FIRST	"rpopd mail root 1\n"
#define ROOTFILE_DIGITS	20
#define ROOTFILE_AT_ID	(sizeof(ROOTFILE_FIRST) - 1 + sizeof("identity ") - 1)
#define ROOTFILE_AT_COUNT	(ROOTFILE_AT_ID + ROOTFILE_ID_LEN * 2 + sizeof("\ncounter ") - 1)
#define ROOTFILE_HEAD	(ROOTFILE_AT_COUNT + ROOTFILE_DIGITS + 1)	/* octets of the three lines */

static int	 rootfile_digits(const char *, uint64_t *);

int
rootfile_read(int fd, struct rootfile *f)
{
	char		 text[ROOTFILE_HEAD + ROOTFILE_HOLDER], *end, *p;
	struct stat	 st;
	ssize_t		 n;

	memset(f, 0, sizeof(*f));
	if (lseek(fd, 0, SEEK_SET) == -1 || fstat(fd, &st) == -1 || (n = read(fd, text, sizeof(text) - 1)) == -1)
		return (-1);
	errno = EINVAL;
	text[n] = '\0';
	if (!S_ISREG(st.st_mode) || (size_t)n < ROOTFILE_HEAD || memcmp(text, ROOTFILE_FIRST, sizeof(ROOTFILE_FIRST) - 1) != 0 ||
	    memcmp(text + ROOTFILE_AT_ID - 9, "identity ", 9) != 0 || memcmp(text + ROOTFILE_AT_COUNT - 9, "\ncounter ", 9) != 0 ||
	    hex_decode(f->identity, ROOTFILE_ID_LEN, text + ROOTFILE_AT_ID) == -1 ||
	    rootfile_digits(text + ROOTFILE_AT_COUNT, &f->counter) == -1 || text[ROOTFILE_HEAD - 1] != '\n')
		return (-1);
	if ((end = strchr(text + ROOTFILE_HEAD, '\n')) != NULL)
		*end = '\0';
	strlcpy(f->holder, text + ROOTFILE_HEAD, sizeof(f->holder));
	for (p = f->holder; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return (0);
}

int
rootfile_write(int fd, const struct rootfile *f)
{
	char	 text[ROOTFILE_HEAD + ROOTFILE_HOLDER + 2];
	char	 identity[2 * ROOTFILE_ID_LEN];
	int	 n;

	hex_encode(identity, f->identity, ROOTFILE_ID_LEN);
	n = snprintf(text, sizeof(text), ROOTFILE_FIRST "identity %.*s\ncounter %020" PRIu64 "\n%s\n",
	    (int)sizeof(identity), identity, f->counter, f->holder);
	if (lseek(fd, 0, SEEK_SET) == -1 || ftruncate(fd, 0) == -1)
		return (-1);
	errno = ENOSPC;
	return (write(fd, text, n) == n ? 0 : -1);
}

/* The line is overwritten in place, so that the three lines ahead of it are never gone. */
int
rootfile_holder(int fd, const char *holder)
{
	char	 line[ROOTFILE_HOLDER + 1];
	int	 n;

	n = snprintf(line, sizeof(line), "%.*s\n", ROOTFILE_HOLDER - 1, holder);
	if (lseek(fd, ROOTFILE_HEAD, SEEK_SET) == -1)
		return (-1);
	errno = ENOSPC;
	return (write(fd, line, n) == n && ftruncate(fd, ROOTFILE_HEAD + n) == 0 ? 0 : -1);
}

int
rootfile_counter(int fd, uint64_t counter)
{
	char	 text[ROOTFILE_DIGITS + 1];

	snprintf(text, sizeof(text), "%020" PRIu64, counter);
	if (lseek(fd, ROOTFILE_AT_COUNT, SEEK_SET) == -1)
		return (-1);
	errno = ENOSPC;
	return (write(fd, text, ROOTFILE_DIGITS) == ROOTFILE_DIGITS ? 0 : -1);
}

static int
rootfile_digits(const char *p, uint64_t *value)
{
	uint64_t	 v = 0, digit;
	int		 i;

	for (i = 0; i < ROOTFILE_DIGITS; i++) {
		if (p[i] < '0' || p[i] > '9')
			return (-1);
		digit = p[i] - '0';
		if (v > (UINT64_MAX - digit) / 10)
			return (-1);
		v = v * 10 + digit;
	}
	*value = v;
	return (0);
}
