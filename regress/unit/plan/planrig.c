/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planrig.h"

struct seen_row		 rows[RIG_ROWS];
struct seen_digests	 digests[RIG_ROWS];
size_t			 nrows;
struct listing_change	 changes[RIG_ROWS];
size_t			 nchanges;
int64_t			 row_listed;
enum db			 change_result;
enum former_found	 former_rv;
int			 listed, unproves, notices;
uint32_t		 failures;
uint32_t		 unproven;
enum renumber		 renumbered;
char			 notice[2048];

struct session		 elsewhere;
size_t			 slices;

/* The place of a mock: how many rows are behind it. */
enum db
state_seen_slice(int64_t mailbox, struct state_place *at, int (*cb)(void *, const struct seen_row *), void *arg)
{
	size_t	 i, end;

	assert_int_equal(mailbox, 7);
	memcpy(&i, at->uid, sizeof(i));
	end = slices != 0 && nrows - i > slices ? i + slices : nrows;
	for (; i < end; i++)
		if (cb(arg, &rows[i]) != 0)
			return (DB_FAILED);
	memcpy(at->uid, &end, sizeof(end));
	return (end < nrows ? DB_MORE : DB_OK);
}

enum db
state_change_slice(int64_t mailbox, const struct listing_change *c, size_t n, int64_t now, size_t *done)
{
	size_t	 end = slices != 0 && n - *done > slices ? *done + slices : n;

	(void)mailbox;
	(void)now;
	assert_true(n <= nitems(changes));
	if (change_result != DB_OK)
		return (change_result);
	memcpy(changes + *done, c + *done, (end - *done) * sizeof(*c));
	*done = nchanges = end;
	return (end < n ? DB_MORE : DB_OK);
}

enum db
state_seen_digests(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct seen_digests *p)
{
	size_t	 i;

	(void)mailbox;
	for (i = 0; i < nrows; i++)
		if (rows[i].uidlen == uidlen && memcmp(rows[i].uid, uid, uidlen) == 0) {
			*p = digests[i];
			return (DB_OK);
		}
	return (DB_FAILED);
}

enum db
state_unprove_slice(int64_t mailbox, struct unprove *u)
{
	uint32_t	 n = slices != 0 && unproven > slices ? slices : unproven;

	(void)mailbox;
	unproves += u->n == 0;
	u->n += n;
	unproven -= n;
	return (unproven > 0 ? DB_MORE : DB_OK);
}

enum db
state_listed(int64_t mailbox)
{
	(void)mailbox;
	return (listed ? DB_OK : DB_NONE);
}

enum former_past	 past;

enum former_found
former_find(struct session *s, enum former_past *p)
{
	(void)s;
	*p = past;
	return (former_rv);
}

enum db
state_renumber_get(int64_t mailbox, enum renumber *what)
{
	(void)mailbox;
	*what = renumbered;
	return (DB_OK);
}

enum db
state_renumber_put(int64_t mailbox, enum renumber what, uint32_t known, uint32_t unknown, int64_t now)
{
	(void)mailbox;
	(void)known;
	(void)unknown;
	(void)now;
	renumbered = what;
	return (DB_OK);
}

enum db
state_failure(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *n)
{
	(void)mailbox;
	(void)uid;
	(void)uidlen;
	(void)size;
	(void)reason;
	*n = ++failures;
	return (DB_OK);
}

enum db
state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *n)
{
	return (state_failure(mailbox, uid, uidlen, size, reason, n));
}

void
notice_send(uint32_t account, const char *record, const char *subject, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	(void)account;
	(void)record;
	notices++;
	n = snprintf(notice, sizeof(notice), "%s\n", subject);
	va_start(ap, fmt);
	vsnprintf(notice + n, sizeof(notice) - n, fmt, ap);
	va_end(ap);
}

int64_t
state_keep(void)
{
	return (KEEP_SECONDS);
}

enum db
state_seen_open(int64_t mailbox)
{
	size_t	 i;

	(void)mailbox;
	for (i = 0; i < nrows; i++)
		if (rows[i].state != SEEN_DELETED)
			return (DB_OK);
	return (DB_NONE);
}

enum db
state_renumber_since(int64_t mailbox, int64_t *since)
{
	(void)mailbox;
	*since = renumbered == RENUMBER_NOT ? 0 : time(NULL);
	return (DB_OK);
}

enum db
state_fingerprint(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint8_t *fingerprint)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct seen_digests	 p;

	if (state_seen_digests(mailbox, uid, uidlen, &p) != DB_OK || memcmp(p.fingerprint, none, sizeof(none)) == 0)
		return (DB_NONE);
	memcpy(fingerprint, p.fingerprint, PROTO_DIGEST_LEN);
	return (DB_OK);
}

enum db
state_seen_count(int64_t mailbox, int64_t limit, int64_t *n)
{
	(void)mailbox;
	*n = (int64_t)nrows < limit ? (int64_t)nrows : limit;
	return (DB_OK);
}

/* Its digest is its unique-id's first octet, repeated. */
struct seen_row *
row(const char *uid, enum seen_state state, int64_t gone, uint32_t deaths, uint32_t failed)
{
	assert_true(nrows < RIG_ROWS);
	memset(&digests[nrows], 0, sizeof(digests[0]));
	memset(digests[nrows].digest, uid[0], PROTO_DIGEST_LEN);
	if (state != SEEN_MARKED)
		memset(digests[nrows].fingerprint, uid[0] ^ 0x80, PROTO_DIGEST_LEN);
	rows[nrows] = (struct seen_row){ .uid = (const uint8_t *)uid, .uidlen = strlen(uid), .state = state, .gone = gone,
	    .since = state == SEEN_NEVER ? 0 : time(NULL) - 60, .deaths = deaths, .failures = failed,
	    .failed = deaths + failed > 0 ? time(NULL) - 60 : 0, .listed = row_listed,
	    .irregular_gone = gone };
	return (&rows[nrows++]);
}

void
begin(struct session *s, uint32_t count, int leave)
{
	static struct session	*last;

	suspect_leave(last);
	suspect_leave(&elsewhere);
	last = s;
	memset(s, 0, sizeof(*s));
	s->mailbox = 7;
	s->leave = leave;
	s->origin.personal = 1;
	nrows = nchanges = 0;
	row_listed = 0;
	former_rv = FOUND_NONE;
	past = PAST_NONE;
	change_result = DB_OK;
	unproves = failures = notices = 0;
	listed = 1;
	unproven = 0;
	renumbered = RENUMBER_NOT;
	notice[0] = '\0';
	assert_int_equal(plan_init(&s->plan, count), 0);
}

void
list(struct session *s, uint32_t msgno, const char *uid)
{
	assert_int_equal(plan_add(&s->plan, msgno, (const uint8_t *)uid, strlen(uid)), 0);
}

enum plan_result
through(struct session *s, enum plan_result result)
{
	while (result == PLAN_MORE)
		result = plan_go_on(s);
	return (result);
}

enum plan_result
answered(struct session *s)
{
	return (through(s, plan_go_on(s)));
}

enum db
recorded(struct session *s, enum db result)
{
	while (result == DB_MORE)
		result = plan_record(s);
	return (result);
}

void
ended(struct session *s)
{
	while ((plan_end)(s) == DB_MORE)
		;
}

/* Whole, then in slices of one row. */
int
whole_and_sliced(int (*group)(void))
{
	int	 failed;

	slices = 0;
	failed = group();
	slices = 1;
	return (failed + group());
}

/* Every message that is asked for shows the header that its row knows, but for message other. */
enum plan_result
prove(struct session *s, uint32_t other)
{
	struct plan		*p = &s->plan;
	struct message_fingerprint *f;
	uint32_t		 i;

	for (i = 0; i < p->nwanted; i++) {
		f = &p->fingerprints[p->nfingerprints++];
		*f = p->wanted[i];
		assert_int_equal(p->msgs[f->msgno].action, ACTION_FINGERPRINT);
		if (f->msgno == other)
			f->digest[0] ^= 1;
	}
	return (answered(s));
}

const struct listing_change *
changed(const char *uid, int what)
{
	size_t	 i, len = strlen(uid);

	for (i = 0; i < nchanges; i++)
		if (changes[i].what == (unsigned int)what && changes[i].uidlen == len && memcmp(changes[i].uid, uid, len) == 0)
			return (&changes[i]);
	return (NULL);
}
