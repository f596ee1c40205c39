/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import regress/unit/import/importrig.c */
/* drive_import FORMAT FILE [-n NETRC] [SEEN...]: what the files come to, as importrig.h has it. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "importrig.h"

static const struct import_format *const	 formats[] = { &import_communigate, &import_fdm, &import_fetchmail, &import_getmail,
    &import_mpop };

static char *
contents(const char *path, size_t *len)
{
	static char	 part[65536];
	char		*octets = NULL;
	size_t		 n;
	FILE		*f;

	if ((f = fopen(path, "r")) == NULL)
		err(2, "%s", path);
	for (*len = 0; (n = fread(part, 1, sizeof(part), f)) > 0; *len += n) {
		if ((octets = realloc(octets, *len + n)) == NULL)
			err(2, NULL);
		memcpy(octets + *len, part, n);
	}
	fclose(f);
	return (octets);
}

int
main(int argc, char **argv)
{
	struct import	 imp;
	char		*octets, *text;
	size_t		 i, len;
	int		 status, arg, netrc;

	for (i = 0; argc > 2 && i < nitems(formats) && strcmp(argv[1], formats[i]->name) != 0; i++)
		continue;
	if (argc < 3 || i == nitems(formats))
		errx(2, "usage: drive_import FORMAT FILE [-n NETRC] [SEEN...]");
	import_init(&imp);
	octets = contents(argv[2], &len);
	status = formats[i]->parse(&imp, octets, len);
	free(octets);
	for (arg = 3; arg < argc && status == 0; arg++) {
		netrc = strcmp(argv[arg], "-n") == 0 && arg + 1 < argc;
		arg += netrc;
		octets = contents(argv[arg], &len);
		status = netrc ? formats[i]->netrc(&imp, octets, len) : formats[i]->seen(&imp, argv[arg], octets, len);
		free(octets);
	}
	text = told(&imp);
	fputs(text, stdout);
	free(text);
	import_free(&imp);
	return (status == 0 ? 0 : 1);
}
