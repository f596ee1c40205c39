/* SPDX-License-Identifier: ISC */
/*
 * Files that a record names: its own CA certificates, its client certificate and the key to that; and those of a listener.  The
 * master only reads them, the fetcher, popd and the signer understand them.  Symbolic links are followed, as programs that renew
 * certificates use them: the file at the end is judged, by its descriptor.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "config.h"

_Static_assert(PROTO_PEM_MAX == 262144, "a sentence below says so");

static int		 pem_file(const char *, enum pem_kind, const char *, struct pem *, char *, size_t);
static int		 pem_store(const char *);
static int		 pem_load(enum pem_kind, int, struct pem *, char *, size_t);
static const char	*pem_judge(enum pem_kind, const struct stat *);
static const char	*pem_content(enum pem_kind, const struct pem *);
static int		 pem_has(const struct pem *, const char *);
static const char	*pem_path(const struct record *, enum pem_kind);

static const char *const	 columns[PEM_MAX] = { "ca_file", "tls_cert", "tls_key" };

/*
 * The whole file into pem, which pem_free() wipes and frees.  0, or -1 with a sentence that names column, fault, remedy and, last
 * since it may be long, the path.
 */
int
pem_read(enum pem_kind kind, const char *path, struct pem *pem, char *err, size_t errsize)
{
	return (pem_file(columns[kind], kind, path, pem, err, errsize));
}

/*
 * Certificate and key of a listener that has some; both are the caller's to free, whatever comes of it.  0, or -1: as pem_read().
 */
int
pem_listener(const struct listener_row *l, struct pem *cert, struct pem *key, char *err, size_t errsize)
{
	memset(cert, 0, sizeof(*cert));
	memset(key, 0, sizeof(*key));
	return (l->tls == TLS_MODE_NONE ? 0 : pem_pair(l->cert, l->key, cert, key, err, errsize));
}

/* The same of the two files of a further certificate. */
int
pem_pair(const char *cert_path, const char *key_path, struct pem *cert, struct pem *key, char *err, size_t errsize)
{
	memset(cert, 0, sizeof(*cert));
	memset(key, 0, sizeof(*key));
	if (pem_file("cert", PEM_CERT, cert_path, cert, err, errsize) == -1)
		return (-1);
	return (pem_file("key", PEM_KEY, key_path, key, err, errsize));
}

/* pem_read() of a column of some table. */
static int
pem_file(const char *column, enum pem_kind kind, const char *path, struct pem *pem, char *err, size_t errsize)
{
	const char	*remedy = column == columns[kind] ? ", or set the column to NULL" : "";	/* a listener needs its files */
	char		 why[160], shown[PROTO_TEXT_SIZE * 2];
	int		 fd, r = -1;

	memset(pem, 0, sizeof(*pem));
	if (pem_store(path))
		snprintf(why, sizeof(why), "is one of the daemon's stores; correct the path%s", remedy);
	else if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) == -1)
		snprintf(why, sizeof(why), "cannot be opened: %s; correct the path%s", strerror(errno), remedy);
	else {
		r = pem_load(kind, fd, pem, why, sizeof(why));
		close(fd);
	}
	if (r == 0)
		return (0);
	pem_free(pem);
	log_vis(shown, sizeof(shown), path, strlen(path));
	snprintf(err, errsize, "%s %s: %s", column, why, shown);
	return (-1);
}

/*
 * 1: the path leads to a store, or to a file beside it.  Such a file is not opened: closing it would drop the locks that SQLite
 * has on it in this process (fcntl(2)).
 */
static int
pem_store(const char *path)
{
	static const char *const	 beside[] = { "", "-journal", "-wal", "-shm" };
	char				 stores[2][PATH_MAX], name[PATH_MAX + 16];
	struct stat			 st, store;
	size_t				 i;

	if (options.store == NULL || stat(path, &st) == -1)
		return (0);
	strlcpy(stores[0], options.store, sizeof(stores[0]));
	options_state_path(stores[1], sizeof(stores[1]));
	for (i = 0; i < nitems(stores) * nitems(beside); i++) {
		snprintf(name, sizeof(name), "%s%s", stores[i % nitems(stores)], beside[i / nitems(stores)]);
		if (stat(name, &store) == 0 && store.st_dev == st.st_dev && store.st_ino == st.st_ino)
			return (1);
	}
	return (0);
}

void
pem_free(struct pem *pem)
{
	freezero(pem->data, pem->len);
	memset(pem, 0, sizeof(*pem));
}

/* One of a record's files; 0, also if the record names none of this kind: then pem is empty.  -1: as pem_read(). */
int
pem_of(const struct record *r, enum pem_kind kind, struct pem *pem, char *err, size_t errsize)
{
	const char	*path = pem_path(r, kind);

	if (*path != '\0')
		return (pem_read(kind, path, pem, err, errsize));
	memset(pem, 0, sizeof(*pem));
	return (0);
}

/* Whether a session could begin with the files of a record.  0, or -1 and what is wrong with the first bad one. */
int
pem_sound(const struct record *r, char *err, size_t errsize)
{
	struct pem	 pem;
	enum pem_kind	 kind;

	for (kind = PEM_CA; kind < PEM_MAX; kind++) {
		if (r->self_service && *pem_path(r, kind) != '\0') {
			snprintf(err, errsize, "%s is not for self-service records, whose owners could name any file; set it"
			    " to NULL", columns[kind]);
			return (-1);
		}
		if (pem_of(r, kind, &pem, err, errsize) == -1)
			return (-1);
		pem_free(&pem);
	}
	return (0);
}

static int
pem_load(enum pem_kind kind, int fd, struct pem *pem, char *why, size_t size)
{
	struct stat	 st;
	const char	*fault;
	ssize_t		 n;

	if (fstat(fd, &st) == -1) {
		snprintf(why, size, "cannot be examined: %s", strerror(errno));
		return (-1);
	}
	if ((fault = pem_judge(kind, &st)) == NULL) {
		if ((pem->data = malloc(st.st_size)) == NULL)
			fatal("pem");
		pem->len = st.st_size;
		if ((n = read(fd, pem->data, pem->len)) == -1) {
			snprintf(why, size, "cannot be read: %s", strerror(errno));
			return (-1);
		}
		fault = (size_t)n != pem->len ? "became shorter while it was read; try again" : pem_content(kind, pem);
	}
	if (fault != NULL)
		strlcpy(why, fault, size);
	return (fault == NULL ? 0 : -1);
}

/* NULL, or what is wrong with the file. */
static const char *
pem_judge(enum pem_kind kind, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return ("is not a regular file");
	if (st->st_uid != 0)
		return ("does not belong to root; chown root");
	if (kind == PEM_KEY && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return ("is open to others than root; chmod 600");
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return ("can be changed by others than root; chmod 644");
	if (st->st_size == 0)
		return ("is empty");
	if (st->st_size > PROTO_PEM_MAX)
		return ("is larger than 262144 octets; keep only what this server needs");
	return (NULL);
}

/* A first look, so that files mixed up are found when the store is loaded and not when the record is polled. */
static const char *
pem_content(enum pem_kind kind, const struct pem *pem)
{
	if (kind != PEM_KEY)
		return (pem_has(pem, "CERTIFICATE-----") ? NULL : "has no certificate in PEM in it");
	if (pem_has(pem, "ENCRYPTED"))
		return ("is encrypted; decrypt it with openssl pkey, there is nobody to type the passphrase");
	return (pem_has(pem, "PRIVATE KEY-----") ? NULL : "has no private key in PEM in it");
}

static int
pem_has(const struct pem *pem, const char *text)
{
	return (memmem(pem->data, pem->len, text, strlen(text)) != NULL);
}

static const char *
pem_path(const struct record *r, enum pem_kind kind)
{
	return (kind == PEM_CA ? r->ca_file : kind == PEM_CERT ? r->tls_cert : r->tls_key);
}
