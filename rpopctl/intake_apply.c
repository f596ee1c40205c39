/* SPDX-License-Identifier: ISC */
/*
 * rpopctl import --apply.  What was seen is durable before there is a record that could be polled without it; the records follow
 * as one batch, all of it or nothing.
 *
 *	killed				what there is
 *	ahead of the batch		no record, and what was seen of mailboxes that no record names: harmless
 *	in the batch			no record likewise, or all of them
 *	behind it			everything
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "intake.h"

static int	 passwords_ask(struct intake *, char *, size_t);
static int	 seen_send(struct session *, const struct import_record *, char *, size_t);
static void	 seen_head(const struct import_record *, struct ctl_seen *);
static int	 request(struct session *, const struct request *, char *, size_t);
static int	 batch_make(const struct intake *, struct changes *);
static int	 record_change(const struct intake *, size_t, struct changes *);
static int	 record_remove(const struct intake *, size_t, struct changes *);

int
intake_apply(struct session *s, struct intake *in, char *text, size_t size)
{
	struct changes	*b;
	struct reply	 rep;
	size_t		 i, seen = 0, used;
	int		 rv = -1;

	if (passwords_ask(in, text, size) == -1)
		return (-1);
	for (i = 0; i < in->imp.nrecords; i++) {
		if (seen_send(s, &in->imp.records[i], text, size) == -1)
			return (-1);
		seen += in->imp.records[i].nseen;
	}
	b = changes_new();
	if (batch_make(in, b) == -1)
		snprintf(text, size, "a record has a value that is longer than any column; nothing is changed");
	else if (changes_number(b) == 0) {
		snprintf(text, size, "there is nothing to be done");
		rv = 0;
	} else if (changes_send(s, b, &rep) == -1)
		snprintf(text, size, "it is not known whether the records were made: rpopctl status shows them");
	else {
		rv = rep.ok ? 0 : -1;
		strlcpy(text, rep.text.text, size);
		reply_free(&rep);
	}
	changes_free(b);
	used = strlen(text);
	if (rv == 0 && seen > 0)
		snprintf(text + used, size - used, "; %zu seen unique-id%s as delivered", seen, seen == 1 ? " counts" : "s count");
	return (rv);
}

/* Passwords that are missing.  0, or -1 and a sentence. */
static int
passwords_ask(struct intake *in, char *text, size_t size)
{
	struct import_record	*r;
	const char		*wrong;
	char			 prompt[512], plain[512], password[SECRET_MAX + 1];
	size_t			 i;

	for (i = 0; i < in->imp.nrecords; i++) {
		r = &in->imp.records[i];
		if (!in->plans[i].ask)
			continue;
		snprintf(plain, sizeof(plain), "Password of %.150s at %.150s for %.100s: ", intake_value(r, "auth_name"),
		    intake_value(r, "domain"), intake_value(r, "account"));
		wrong = strcmp(in->file.path, "-") == 0 ? "standard input was the file; name the file to be asked for passwords" :
		    secret_read(text_vis(prompt, sizeof(prompt), plain), password, sizeof(password), 0);
		if (wrong != NULL) {
			snprintf(text, size, "record %.100s: %s", intake_value(r, "name"), wrong);
			return (-1);
		}
		import_set_text(r, "password", password);
		explicit_bzero(password, sizeof(password));
	}
	return (0);
}

/* Every unique-id of a record that was seen; the answer to the last portion says that all are durable.  0, or -1 and a sentence. */
static int
seen_send(struct session *s, const struct import_record *r, char *text, size_t size)
{
	uint8_t		 payload[sizeof(struct ctl_seen) + PROTO_SEEN_OCTETS];
	struct ctl_seen	 head;
	struct request	 req = { .type = IMSG_CTL_SEEN, .data = payload };
	size_t		 i = 0, n;

	if (r->nseen == 0)
		return (0);
	seen_head(r, &head);
	do {
		req.len = sizeof(head);
		for (n = 0; n < PROTO_SEEN_MAX && i < r->nseen && req.len + 1 + r->seen[i].len <= sizeof(payload); n++, i++) {
			payload[req.len++] = (uint8_t)r->seen[i].len;
			memcpy(payload + req.len, r->seen[i].uid, r->seen[i].len);
			req.len += r->seen[i].len;
		}
		head.last = i == r->nseen;
		memcpy(payload, &head, sizeof(head));
		if (request(s, &req, text, size) == -1)
			return (-1);
	} while (i < r->nseen);
	return (0);
}

static void
seen_head(const struct import_record *r, struct ctl_seen *m)
{
	const char	*tls = intake_value(r, "tls"), *domain = intake_value(r, "domain"), *user = intake_value(r, "auth_name");

	memset(m, 0, sizeof(*m));
	m->tls = tls == NULL || strcmp(tls, "tls") == 0 ? TLS_MODE_TLS : strcmp(tls, "stls") == 0 ? TLS_MODE_STLS : TLS_MODE_NONE;
	strlcpy(m->account, intake_value(r, "account"), sizeof(m->account));
	strlcpy(m->name, intake_value(r, "name"), sizeof(m->name));
	strlcpy(m->domain, domain == NULL ? "" : domain, sizeof(m->domain));
	strlcpy(m->auth_name, user == NULL ? "" : user, sizeof(m->auth_name));
}

/* A request that is answered by a sentence.  0, or -1 with it, or another one, in text. */
static int
request(struct session *s, const struct request *req, char *text, size_t size)
{
	struct reply	 rep;
	int		 ok;

	if (session_ask(s, req, &rep) == -1) {
		snprintf(text, size, "no record was made");
		return (-1);
	}
	if (!(ok = rep.ok))
		snprintf(text, size, "%s; no record was made", rep.text.text);
	reply_free(&rep);
	return (ok ? 0 : -1);
}

/* 0, or -1: a value is too long for any column. */
static int
batch_make(const struct intake *in, struct changes *b)
{
	size_t	 i;

	for (i = 0; i < in->nleaving; i++)
		if (record_remove(in, in->leaving[i], b) == -1)
			return (-1);
	for (i = 0; i < in->imp.nrecords; i++)
		if (record_change(in, i, b) == -1)
			return (-1);
	return (0);
}

/* Makes a record, or gives one that is there the columns of the file; what the file does not say stays. */
static int
record_change(const struct intake *in, size_t i, struct changes *b)
{
	static const char *const	 key[] = { "account", "name" };
	const struct import_record	*r = &in->imp.records[i];
	const struct import_cell	*c;
	size_t				 k;

	changes_add(b, in->plans[i].row == -1 ? CHANGE_ADD : CHANGE_SET, "rpop", nitems(key));
	for (k = 0; k < nitems(key); k++)
		if ((c = import_get(r, key[k])) == NULL || changes_cell(b, c->column, c->value, c->len) == -1)
			return (-1);
	for (k = 0; k < r->ncells; k++) {
		c = &r->cells[k];
		if (strcmp(c->column, key[0]) == 0 || strcmp(c->column, key[1]) == 0)
			continue;
		if (changes_cell(b, c->column, c->value, c->len) == -1)
			return (-1);
	}
	return (0);
}

static int
record_remove(const struct intake *in, size_t row, struct changes *b)
{
	const char	*account = rows_value(in->rows, row, "account"), *name = rows_value(in->rows, row, "name");

	changes_add(b, CHANGE_REMOVE, "rpop", 2);
	return (changes_cell(b, "account", account, strlen(account)) == -1 || changes_cell(b, "name", name, strlen(name)) == -1 ?
	    -1 : 0);
}
