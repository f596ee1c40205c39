/* SPDX-License-Identifier: ISC */
/* Questions to state.db that only tests ask, and answers of it as plain values. */
#ifndef STATERIG_H
#define STATERIG_H

#include "rpopd/state/state.h"

static inline int64_t
mailbox_id(const struct record *r)
{
	int64_t	 id = -1;

	assert_int_equal(state_mailbox(r, &id), DB_OK);
	return (id);
}

static inline int
count_pending(void *arg, int64_t id, const struct msg_rcpt *rcpt)
{
	(void)id;
	(void)rcpt;
	++*(int64_t *)arg;
	return (0);
}

/* Rows of table pending, or -1: the store cannot be read. */
static inline int64_t
pending_count(void)
{
	int64_t	 n = 0;
	int	 left_out;

	return (state_pending(count_pending, &n, &left_out) == DB_OK ? n : -1);
}

static inline int
count_relay(void *arg, const struct relay_row *row)
{
	(void)row;
	++*(int64_t *)arg;
	return (0);
}

/* Rows of table relay, or -1. */
static inline int64_t
relay_count(void)
{
	int64_t	 n = 0;

	return (state_relay_each(count_relay, &n) == DB_OK ? n : -1);
}

/* All slices of state_seen_slice(). */
static inline enum db
seen_each(int64_t mailbox, int (*cb)(void *, const struct seen_row *), void *arg)
{
	struct state_place	 at = { .uidlen = 0 };
	enum db			 result;

	while ((result = state_seen_slice(mailbox, &at, cb, arg)) == DB_MORE)
		continue;
	return (result);
}

/* All slices of state_unprove_slice(); how many rows it found, or -1. */
static inline int64_t
unprove(int64_t mailbox)
{
	struct unprove	 u = { .n = 0 };
	enum db		 result;

	while ((result = state_unprove_slice(mailbox, &u)) == DB_MORE)
		continue;
	return (result == DB_OK ? (int64_t)u.n : -1);
}

/* How many deaths, or failures, a message has by now, or -1. */
static inline int64_t
suspect(int64_t mailbox, const char *uid)
{
	uint32_t	 n;

	return (state_suspect(mailbox, (const uint8_t *)uid, strlen(uid), 0, "died", &n) == DB_OK ? (int64_t)n : -1);
}

static inline int64_t
failure(int64_t mailbox, const char *uid)
{
	uint32_t	 n;

	return (state_failure(mailbox, (const uint8_t *)uid, strlen(uid), 0, "cut", &n) == DB_OK ? (int64_t)n : -1);
}

static inline int64_t
seen_count(int64_t mailbox)
{
	int64_t	 n;

	return (state_seen_count(mailbox, 100000, &n) == DB_OK ? n : -1);
}

static inline enum renumber
renumbered(int64_t mailbox)
{
	enum renumber	 what;

	assert_int_equal(state_renumber_get(mailbox, &what), DB_OK);
	return (what);
}

#endif
