/* SPDX-License-Identifier: ISC */
/* links: rpopd/config */
/* Files that records name: what is taken, what is refused with which words. */
#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpopd/config/config.h"

#define CERT	"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define KEY	"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"

static char	 dir[] = "/tmp/rpopd-pem.XXXXXX";
static char	 path[sizeof(dir) + 16];
static char	 err[512];

static int
setup(void **state)
{
	(void)state;
	return (mkdtemp(dir) == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return (rmdir(dir));
}

/* The files must belong to root. */
static void
file(const char *text, size_t len, mode_t mode)
{
	int	 fd;

	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "%s/file.pem", dir);
	unlink(path);
	assert_int_not_equal(fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), -1);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Refused, nothing is left in pem, and the sentence begins with these words and ends with the path. */
static void
refused(enum pem_kind kind, const char *words)
{
	struct pem	 pem;

	assert_int_equal(pem_read(kind, path, &pem, err, sizeof(err)), -1);
	assert_null(pem.data);
	assert_int_equal(pem.len, 0);
	assert_memory_equal(err, words, strlen(words));
	assert_string_equal(err + strlen(err) - strlen(path), path);
}

static void
test_taken(void **state)
{
	struct pem	 pem;

	(void)state;
	file(CERT, strlen(CERT), 0644);
	assert_int_equal(pem_read(PEM_CA, path, &pem, err, sizeof(err)), 0);
	assert_int_equal(pem.len, strlen(CERT));
	assert_memory_equal(pem.data, CERT, pem.len);
	pem_free(&pem);
	assert_null(pem.data);
	assert_int_equal(pem_read(PEM_CERT, path, &pem, err, sizeof(err)), 0);
	pem_free(&pem);
	file(KEY, strlen(KEY), 0400);
	assert_int_equal(pem_read(PEM_KEY, path, &pem, err, sizeof(err)), 0);
	assert_memory_equal(pem.data, KEY, pem.len);
	pem_free(&pem);
}

static void
test_modes(void **state)
{
	static const mode_t	 open_keys[] = { 0640, 0604, 0620, 0602, 0610, 0644 };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(open_keys) / sizeof(open_keys[0]); i++) {
		file(KEY, strlen(KEY), open_keys[i]);
		refused(PEM_KEY, "tls_key is open to others than root; chmod 600: ");
	}
	file(CERT, strlen(CERT), 0664);
	refused(PEM_CA, "ca_file can be changed by others than root; chmod 644: ");
	file(CERT, strlen(CERT), 0646);
	refused(PEM_CERT, "tls_cert can be changed by others than root; chmod 644: ");
	file(CERT, strlen(CERT), 0644);
	assert_int_equal(chown(path, 1, 1), 0);
	refused(PEM_CA, "ca_file does not belong to root; chown root: ");
}

static void
test_kinds(void **state)
{
	struct pem	 pem;

	(void)state;
	file(CERT, strlen(CERT), 0600);
	refused(PEM_KEY, "tls_key has no private key in PEM in it: ");
	file(KEY, strlen(KEY), 0600);
	refused(PEM_CA, "ca_file has no certificate in PEM in it: ");
	refused(PEM_CERT, "tls_cert has no certificate in PEM in it: ");
	file("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 38, 0600);
	refused(PEM_KEY, "tls_key is encrypted; ");
	file("\0\0\0CERTIFICATE-----", 19, 0600);
	assert_int_equal(pem_read(PEM_CA, path, &pem, err, sizeof(err)), 0);
	pem_free(&pem);
	unlink(path);
	refused(PEM_CA, "ca_file cannot be opened: No such file or directory; correct the path, or set the column to NULL: ");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(PEM_CERT, "tls_cert is not a regular file: ");
}

static void
test_sizes(void **state)
{
	char		*large = malloc(PROTO_PEM_MAX + 1);
	struct pem	 pem;

	(void)state;
	assert_non_null(large);
	memset(large, '\n', PROTO_PEM_MAX + 1);
	memcpy(large, CERT, strlen(CERT));
	file(large, PROTO_PEM_MAX, 0600);
	assert_int_equal(pem_read(PEM_CA, path, &pem, err, sizeof(err)), 0);
	assert_int_equal(pem.len, PROTO_PEM_MAX);
	pem_free(&pem);
	file(large, PROTO_PEM_MAX + 1, 0600);
	refused(PEM_CA, "ca_file is larger than 262144 octets; ");
	file("", 0, 0600);
	refused(PEM_CA, "ca_file is empty: ");
	free(large);
}

static void
test_record(void **state)
{
	struct record	 r = { .ca_file = "", .tls_cert = "", .tls_key = "" };
	struct pem	 pem = { (uint8_t *)"x", 1 };

	(void)state;
	assert_int_equal(pem_sound(&r, err, sizeof(err)), 0);
	assert_int_equal(pem_of(&r, PEM_KEY, &pem, err, sizeof(err)), 0);
	assert_int_equal(pem.len, 0);
	file(CERT, strlen(CERT), 0600);
	r.ca_file = r.tls_cert = path;
	assert_int_equal(pem_sound(&r, err, sizeof(err)), 0);
	r.tls_key = path;
	assert_int_equal(pem_sound(&r, err, sizeof(err)), -1);
	assert_memory_equal(err, "tls_key has no private key", 26);
	r.tls_key = "";
	r.self_service = 1;
	assert_int_equal(pem_sound(&r, err, sizeof(err)), -1);
	assert_memory_equal(err, "ca_file is not for self-service records", 39);
}

/* Short of room, it is the path that is cut. */
static void
test_small(void **state)
{
	char		 text[40];
	struct pem	 pem;

	(void)state;
	assert_int_equal(pem_read(PEM_CA, "/nonexistent/\x1b[31m/x", &pem, text, sizeof(text)), -1);
	assert_memory_equal(text, "ca_file cannot be opened: ", 26);
	assert_int_equal(pem_read(PEM_CA, "/nonexistent/\x1b[31m/x", &pem, err, sizeof(err)), -1);
	assert_null(strchr(err, 0x1b));
}

/* Certificate and key of a listener; without TLS there are none. */
static void
test_listener(void **state)
{
	struct listener_row	 l = { .address = "*", .port = 995, .tls = TLS_MODE_TLS };
	struct pem		 cert, key;

	(void)state;
	file(CERT KEY, strlen(CERT KEY), 0600);
	l.cert = l.key = path;
	assert_int_equal(pem_listener(&l, &cert, &key, err, sizeof(err)), 0);
	assert_int_equal(cert.len, strlen(CERT KEY));
	assert_int_equal(key.len, strlen(CERT KEY));
	pem_free(&cert);
	pem_free(&key);
	file(CERT, strlen(CERT), 0600);
	assert_int_equal(pem_listener(&l, &cert, &key, err, sizeof(err)), -1);
	assert_memory_equal(err, "key has no private key in PEM in it: ", 37);
	pem_free(&cert);
	pem_free(&key);
	file(CERT KEY, strlen(CERT KEY), 0644);
	assert_int_equal(pem_listener(&l, &cert, &key, err, sizeof(err)), -1);
	assert_memory_equal(err, "key is open to others than root; chmod 600: ", 44);
	pem_free(&cert);
	pem_free(&key);
	l.tls = TLS_MODE_NONE;
	assert_int_equal(pem_listener(&l, &cert, &key, err, sizeof(err)), 0);
	assert_int_equal(cert.len + key.len, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_small)
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
