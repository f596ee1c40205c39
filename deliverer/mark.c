/* SPDX-License-Identifier: ISC */
/*
 * The trace mark: a message with it was retrieved from the same remote mailbox before, by this daemon, and has come back.  The mark
 * is a keyed digest of the mailbox and of the fields that the author wrote: nobody can make one without the key, and one that is
 * copied onto another message is worth nothing there.
 */
#include <string.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/hmac.h"
#include "deliverer.h"

/* Makes the mark of a message; it is empty if there is no key, or no mailbox. */
void
mark_make(const uint8_t key[PROTO_DIGEST_LEN], int64_t mailbox, const struct identity *id, char mark[MARK_SIZE])
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	uint8_t			 text[sizeof("rpopd mark") + 8 + PROTO_DIGEST_LEN] = "rpopd mark", mac[PROTO_DIGEST_LEN];
	size_t			 i;

	mark[0] = '\0';
	if (key == NULL || mailbox == 0 || hmac_same(key, none, sizeof(none)))
		return;
	for (i = 0; i < 8; i++)
		text[sizeof("rpopd mark") + i] = (uint64_t)mailbox >> (56 - 8 * i);
	identity_header(id, text + sizeof("rpopd mark") + 8);
	hmac_sha256(key, PROTO_DIGEST_LEN, text, sizeof(text), mac);
	hex_encode(mark, mac, sizeof(mac));
	mark[2 * sizeof(mac)] = '\0';
}

/* Whether this mark stands in one of the message's fields. */
int
mark_found(const struct header *h, const char *mark)
{
	const struct field	*f;
	const uint8_t		*p;
	size_t			 i, len, want = strlen(mark);

	for (i = 0; want > 0 && i < h->nfields; i++) {
		f = &h->fields[i];
		if (f->kind != FIELD_MARK)
			continue;
		p = header_text(h, f);
		for (len = f->len; len > 0 && (*p == ' ' || *p == '\t'); len--)
			p++;
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (len == want && hmac_same(p, mark, want))
			return (1);
	}
	return (0);
}
