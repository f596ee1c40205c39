/* SPDX-License-Identifier: ISC */
/*
 * Places that an account is known from: client addresses, of IPv6 the /64, from which a password of it was right within the last
 * two weeks.  Who guesses elsewhere does not hold up logins from there, and an address with such a place is not refused for what
 * its network did.  All of it is in memory only: behind a restart each place is as any other until its next login.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "common/siphash.h"
#include "auth_int.h"

#define KNOWN_MAX	16384			/* places in all */
#define KNOWN_EACH	8			/* of one account */
#define KNOWN_LIFE	INT64_C(1209600000)	/* ms behind the last login from there */
#define BUCKETS		4096

struct known {
	LIST_ENTRY(known)	 bucket;
	TAILQ_ENTRY(known)	 entry;		/* the longest unused first */
	int64_t			 until;		/* monotonic ms */
	uint64_t		 account;	/* siphash of its address, with a key of this process */
	uint8_t			 place[PEER_KEY_LEN];
};

static uint64_t		 known_hash(const char *);
static struct known	*known_find(uint64_t, const uint8_t *);
static void		 known_room(uint64_t);
static void		 known_age(void);
static void		 known_drop(struct known *);

static TAILQ_HEAD(, known)	 ages = TAILQ_HEAD_INITIALIZER(ages);
static LIST_HEAD(, known)	 buckets[BUCKETS];
static size_t			 nknown;

/* A login of the account with this address was right, from the client with this numeric address. */
void
known_add(const char *account, const char *client)
{
	uint64_t	 hash = known_hash(account);
	uint8_t		 place[PEER_KEY_LEN];
	struct known	*k;

	peer_key(place, client);
	known_age();
	if ((k = known_find(hash, place)) != NULL)
		TAILQ_REMOVE(&ages, k, entry);
	else {
		known_room(hash);
		if ((k = calloc(1, sizeof(*k))) == NULL)
			fatal("known");
		k->account = hash;
		memcpy(k->place, place, sizeof(k->place));
		LIST_INSERT_HEAD(&buckets[hash % BUCKETS], k, bucket);
		nknown++;
	}
	k->until = clock_msec() + KNOWN_LIFE;
	TAILQ_INSERT_TAIL(&ages, k, entry);
}

/* Whether the account is known from there. */
int
known_has(const char *account, const char *client)
{
	uint8_t	 place[PEER_KEY_LEN];

	peer_key(place, client);
	known_age();
	return (known_find(known_hash(account), place) != NULL);
}

/* Whether any account is known from the address with this key. */
int
known_any(const uint8_t *place)
{
	struct known	*k;

	known_age();
	TAILQ_FOREACH(k, &ages, entry)
		if (memcmp(k->place, place, PEER_KEY_LEN) == 0)
			return (1);
	return (0);
}

static struct known *
known_find(uint64_t account, const uint8_t *place)
{
	struct known	*k;

	LIST_FOREACH(k, &buckets[account % BUCKETS], bucket)
		if (k->account == account && memcmp(k->place, place, sizeof(k->place)) == 0)
			break;
	return (k);
}

/* Makes room for one more place of the account: its own that was unused longest goes, or that of all. */
static void
known_room(uint64_t account)
{
	struct known	*k, *oldest = NULL;
	size_t		 n = 0;

	LIST_FOREACH(k, &buckets[account % BUCKETS], bucket) {
		if (k->account != account)
			continue;
		n++;
		if (oldest == NULL || k->until < oldest->until)
			oldest = k;
	}
	if (n >= KNOWN_EACH)
		known_drop(oldest);
	else if (nknown >= KNOWN_MAX)
		known_drop(TAILQ_FIRST(&ages));
}

static void
known_age(void)
{
	struct known	*k;

	while ((k = TAILQ_FIRST(&ages)) != NULL && clock_msec() >= k->until)
		known_drop(k);
}

static void
known_drop(struct known *k)
{
	TAILQ_REMOVE(&ages, k, entry);
	LIST_REMOVE(k, bucket);
	nknown--;
	free(k);
}

/* Everything is forgotten. */
void
known_free_all(void)
{
	struct known	*k;

	while ((k = TAILQ_FIRST(&ages)) != NULL)
		known_drop(k);
}

static uint64_t
known_hash(const char *account)
{
	static uint8_t	 key[SIPHASH_KEY_LEN];
	static int	 keyed;

	if (!keyed)
		arc4random_buf(key, sizeof(key));
	keyed = 1;
	return (siphash(key, account, strlen(account)));
}
