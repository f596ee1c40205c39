/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* Whatever a sender says his name is, the trusted hop's Received field tells the address that the provider wrote, or none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deliverer/deliverer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define HOP	"mx.example"

static const char *const	 fields[][2] = {
	{ " from ", " (h.example [192.0.2.7])\t by " HOP " (Postfix) with ESMTP; z" },
	{ " from h.example ([192.0.2.7] helo=", ") by " HOP " with esmtp; z" },
	{ " from unknown (HELO ", ") (192.0.2.7) by " HOP " with SMTP; z" },
	{ " from ", " (192.0.2.7) by " HOP " (10.0.0.1) with SMTP; z" },
	{ "", "" }
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t	 text[4096];
	char		 client[PROTO_CLIENT_SIZE];
	const char	*const *f;
	size_t		 n, all = sizeof(fields) / sizeof(fields[0]);

	if (len < 1 || len > 2048)
		return (0);
	f = fields[data[0] % all];
	memcpy(text, f[0], n = strlen(f[0]));
	memcpy(text + n, data + 1, len - 1);
	n += len - 1;
	memcpy(text + n, f[1], strlen(f[1]));
	n += strlen(f[1]);
	client_find(text, n, HOP, client);
	if (!proto_client(client, sizeof(client)) || (f[0][0] != '\0' && client[0] != '\0' && strcmp(client, "192.0.2.7") != 0))
		abort();
	return (0);
}
