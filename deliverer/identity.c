/* SPDX-License-Identifier: ISC */
/*
 * A digest that every copy of a message has, whatever way it has come: of the fields that its author wrote and of its body, and of
 * nothing that is put on top under way.  How fields are folded does not count, nor does the order of fields of different names;
 * fields of one name count in their order.
 */
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

enum { SLOT_MSGID, SLOT_DATE };		/* fields of which the first one is kept */

static const struct {
	const char	*name;
	size_t		 len;
}	 slots[IDENTITY_SLOTS] = {
	{ "message-id", 10 }, { "date", 4 }, { "from", 4 }, { "sender", 6 }, { "reply-to", 8 }, { "to", 2 }, { "cc", 2 },
	{ "subject", 7 }, { "in-reply-to", 11 }, { "references", 10 }, { "list-id", 7 }, { "content-type", 12 },
	{ "content-transfer-encoding", 25 }, { "resent-", 7 }		/* all fields whose names begin with it */
};

static void	 identity_keep(struct identity *, const uint8_t *, size_t);
static void	 identity_put(struct identity *, const void *, size_t);

void
identity_init(struct identity *id)
{
	memset(id, 0, sizeof(*id));
	id->slot = -1;
}

/* A field begins; the one ahead of it is over. */
void
identity_field(struct identity *id, const uint8_t *name, size_t len)
{
	uint8_t	 lower[32];
	size_t	 i;

	id->slot = -1;
	id->kept = NULL;
	for (i = 0; i < IDENTITY_SLOTS && id->slot == -1; i++)
		if ((len == slots[i].len || (i == IDENTITY_SLOTS - 1 && len > slots[i].len && len < sizeof(lower))) &&
		    strncasecmp((const char *)name, slots[i].name, slots[i].len) == 0)
			id->slot = i;
	if (id->slot == -1)
		return;
	if (id->slot <= SLOT_DATE) {
		id->kept = id->slot == SLOT_DATE ? &id->date : &id->msgid;
		if (id->kept->fields++ > 0)
			id->kept = NULL;
	}
	if (!(id->used & 1U << id->slot))
		SHA256Init(&id->slots[id->slot]);
	id->used |= 1U << id->slot;
	for (i = 0; i < len; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i];
	identity_put(id, "\n", 1);
	identity_put(id, lower, len);
	identity_put(id, ":", 1);
	id->blank = id->begun = 0;
}

/* Takes octets of the field's body: blanks around it do not count, those within count as one. */
void
identity_text(struct identity *id, const uint8_t *p, size_t len)
{
	size_t	 i, n;

	if (id->kept != NULL)
		identity_keep(id, p, len);
	for (i = 0; id->slot != -1 && i < len; i += n) {
		for (n = 0; i + n < len && p[i + n] != ' ' && p[i + n] != '\t' && p[i + n] != '\r'; n++)
			;
		if (n == 0) {
			id->blank = 1;
			n = 1;
			continue;
		}
		if (id->blank && id->begun)
			identity_put(id, " ", 1);
		identity_put(id, p + i, n);
		id->blank = 0;
		id->begun = 1;
	}
}

/* Takes octets of the message's body. */
void
identity_body(struct identity *id, const uint8_t *p, size_t len)
{
	if (!id->body_begun)
		SHA256Init(&id->body);
	id->body_begun = 1;
	SHA256Update(&id->body, p, len);
}

/* The digest of the fields so far; more may follow. */
void
identity_header(const struct identity *id, uint8_t digest[PROTO_DIGEST_LEN])
{
	SHA2_CTX	 all, one;
	uint8_t		 part[PROTO_DIGEST_LEN];
	size_t		 i;

	SHA256Init(&all);
	SHA256Update(&all, (const uint8_t *)&id->used, sizeof(id->used));
	for (i = 0; i < IDENTITY_SLOTS; i++) {
		if (!(id->used & 1U << i))
			continue;
		one = id->slots[i];
		SHA256Final(part, &one);
		SHA256Update(&all, part, sizeof(part));
	}
	SHA256Final(digest, &all);
}

/* The digest of fields and body, which is never all zero.  headers: only the header was retrieved. */
void
identity_final(const struct identity *id, int headers, uint8_t digest[PROTO_DIGEST_LEN])
{
	SHA2_CTX	 all, body = id->body;
	uint8_t		 part[PROTO_DIGEST_LEN], kind = headers ? 1 : 2;

	identity_header(id, part);
	SHA256Init(&all);
	SHA256Update(&all, &kind, sizeof(kind));
	SHA256Update(&all, part, sizeof(part));
	if (!id->body_begun)
		SHA256Init(&body);
	SHA256Final(part, &body);
	SHA256Update(&all, part, sizeof(part));
	SHA256Final(digest, &all);
	digest[0] |= 1;
}

/* Keeps the body of a field, unfolded; one that is too long counts as none. */
static void
identity_keep(struct identity *id, const uint8_t *p, size_t len)
{
	struct identity_field	*f = id->kept;

	int			 over = len > sizeof(f->text) - f->held;

	if (over)
		len = sizeof(f->text) - f->held;
	memcpy(f->text + f->held, p, len);
	f->held += len;
	f->len = over ? 0 : f->held;
	if (over)
		id->kept = NULL;
}

/*
 * The first Message-ID, for people and to be found by: what is in its angle brackets, or all of it if there are none, without blanks,
 * vis-encoded.  What is longer than buf, or than log_vis() shows, is cut; empty: there is none.
 */
void
identity_msgid(const struct identity *id, char *buf, size_t size)
{
	const uint8_t	*p = id->msgid.text, *end = p + id->msgid.held, *open, *close;
	uint8_t		 text[IDENTITY_TEXT];
	size_t		 n = 0;

	if ((open = memchr(p, '<', end - p)) != NULL) {
		p = open + 1;
		if ((close = memchr(p, '>', end - p)) != NULL)
			end = close;
	}
	for (; p < end; p++)
		if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
			text[n++] = *p;
	log_vis(buf, size, text, n);
}

static void
identity_put(struct identity *id, const void *p, size_t len)
{
	SHA256Update(&id->slots[id->slot], p, len);
}
