/* SPDX-License-Identifier: ISC */
/*
 * hosts(5), read once before the root is changed.  c-ares would open the file anew for every query, which fails in the chroot.
 * A name found here for either family is not asked of DNS.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dialer.h"
#include "common/array.h"
#include "common/log.h"

#define HOSTS_FILE_MAX	(4 * 1024 * 1024)
#define HOSTS_MAX	65536	/* names in all */

struct host {
	char		*name;		/* without the final dot; any case */
	uint32_t	 order;		/* its place in the file */
	struct address	 addr;
};

static void	 hosts_line(const char *, const char *);
static void	 hosts_add(const char *, size_t, const struct address *);
static const char *hosts_word(const char **, const char *, size_t *);
static int	 host_cmp(const void *, const void *);
static int	 host_name_cmp(const void *, const void *);

static struct host	*hosts;
static size_t		 nhosts;

/*
 * Read the hosts file at path.  0, or -1 and errno if it cannot be read; of a file over the limit the first HOSTS_FILE_MAX octets
 * count.
 */
int
hosts_load(const char *path)
{
	struct stat	 st;
	char		*text = NULL;
	size_t		 len = 0;
	ssize_t		 n;
	int		 fd, rv = -1;

	if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || (text = malloc(HOSTS_FILE_MAX)) == NULL)
		goto done;
	while (len < HOSTS_FILE_MAX) {
		if ((n = read(fd, text + len, HOSTS_FILE_MAX - len)) == -1)
			goto done;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len == HOSTS_FILE_MAX) {
		log_warnx("%s: only the first %d octets are used", path, HOSTS_FILE_MAX);
		while (len > 0 && text[len - 1] != '\n')
			len--;
	}
	hosts_parse(text, len);
	rv = 0;
done:
	free(text);
	close(fd);
	return (rv);
}

/* Replace the table by what the text says.  Lines that make no sense are passed over. */
void
hosts_parse(const char *text, size_t len)
{
	const char	*end = text + len, *eol;

	hosts_free();
	while (text < end) {
		if ((eol = memchr(text, '\n', (size_t)(end - text))) == NULL)
			eol = end;
		hosts_line(text, eol);
		text = eol < end ? eol + 1 : end;
	}
	if (nhosts > 0)
		qsort(hosts, nhosts, sizeof(*hosts), host_cmp);
}

/* The addresses of name in one family, in the file's order; returns how many were put into addr. */
size_t
hosts_lookup(const char *name, enum family family, struct address *addr, size_t max)
{
	size_t	 i = array_search(name, hosts, nhosts, sizeof(*hosts), host_name_cmp), n = 0;
	int	 af = family == FAMILY_V6 ? AF_INET6 : AF_INET;

	for (; i < nhosts && n < max && strcasecmp(hosts[i].name, name) == 0; i++)
		if (hosts[i].addr.u.sa.sa_family == af)
			addr[n++] = hosts[i].addr;
	return (n);
}

void
hosts_free(void)
{
	size_t	 i;

	for (i = 0; i < nhosts; i++)
		free(hosts[i].name);
	free(hosts);
	hosts = NULL;
	nhosts = 0;
}

/* Take in the line from p up to end: "address name [alias ...] [# comment]". */
static void
hosts_line(const char *p, const char *end)
{
	const char	*word, *hash;
	char		 numeric[ADDRESS_STRLEN];
	struct address	 addr;
	size_t		 len;

	if ((hash = memchr(p, '#', (size_t)(end - p))) != NULL)
		end = hash;
	if ((word = hosts_word(&p, end, &len)) == NULL || len >= sizeof(numeric))
		return;
	memcpy(numeric, word, len);
	numeric[len] = '\0';
	if (strlen(numeric) != len || !address_parse(numeric, &addr) || !address_usable(&addr))
		return;
	while ((word = hosts_word(&p, end, &len)) != NULL)
		hosts_add(word, len, &addr);
}

static void
hosts_add(const char *word, size_t len, const struct address *addr)
{
	char	 name[PROTO_HOST_SIZE];

	if (word[len - 1] == '.')
		len--;
	if (len >= sizeof(name) || nhosts >= HOSTS_MAX)
		return;
	memcpy(name, word, len);
	name[len] = '\0';
	if (strlen(name) != len || !host_valid(name))
		return;
	if ((hosts = array_grow(hosts, nhosts, sizeof(*hosts))) == NULL)
		fatal("hosts");
	if ((hosts[nhosts].name = strdup(name)) == NULL)
		fatal("hosts");
	hosts[nhosts].order = (uint32_t)nhosts;
	hosts[nhosts++].addr = *addr;
}

/* The next word before end, which *p is moved behind, or NULL: there is none. */
static const char *
hosts_word(const char **p, const char *end, size_t *len)
{
	const char	*s = *p, *start;

	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r'))
		s++;
	start = s;
	while (s < end && *s != ' ' && *s != '\t' && *s != '\r')
		s++;
	*p = s;
	*len = (size_t)(s - start);
	return (*len > 0 ? start : NULL);
}

static int
host_cmp(const void *a, const void *b)
{
	const struct host	*x = a, *y = b;
	int			 n;

	if ((n = strcasecmp(x->name, y->name)) != 0)
		return (n);
	return (x->order < y->order ? -1 : x->order > y->order);
}

/* For array_search(): a name, and an entry. */
static int
host_name_cmp(const void *name, const void *host)
{
	return (strcasecmp(name, ((const struct host *)host)->name));
}
