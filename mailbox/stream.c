/* SPDX-License-Identifier: ISC */
/*
 * The octets of an index, written or read from begin to end in blocks, with a checksum of all of them at the end.  A block's sum is
 * made with the sum of what is ahead of it and its own number, so that none can be left out or moved.  It is to find damage: who may
 * write the file could make its sum as well.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/siphash.h"
#include "mailbox.h"

#define LANES	4
#define PRIME	0x9e3779b185ebca87ULL		/* any odd number makes a step that loses nothing */
#define ROTATE	29

static uint64_t	 lane_step(uint64_t, const uint8_t *);
static void	 stream_sum(struct stream *, const uint8_t *, size_t);
static void	 stream_write(struct stream *);
static void	 stream_read(struct stream *, uint8_t *, size_t);

/*
 * From the begin of an open file, of which so many octets are to be read, or into which they are to be written with stream_put().
 */
void
stream_begin(struct stream *s, int fd, uint64_t octets)
{
	s->fd = fd;
	s->failed = 0;
	s->sum = s->blocks = 0;
	s->off = s->len = 0;
	s->left = octets;
}

static uint64_t
lane_step(uint64_t lane, const uint8_t *p)
{
	uint64_t	 word;

	memcpy(&word, p, sizeof(word));
	word ^= lane;
	return ((word << ROTATE | word >> (64 - ROTATE)) * PRIME);
}

/*
 * Takes a block into the checksum.  An index is all that most openings read, so its words go round in lanes of their own, which the
 * processor steps at the same time; no step maps two words to one, so that one wrong word never goes unseen.
 */
static void
stream_sum(struct stream *s, const uint8_t *p, size_t len)
{
	uint64_t	 lane[LANES + 1] = { 1, 2, 3, 4, len };
	uint8_t		 key[SIPHASH_KEY_LEN], rest[sizeof(uint64_t) * LANES] = { 0 };
	const uint8_t	*end = p + len / sizeof(rest) * sizeof(rest);
	size_t		 i;

	for (; p < end; p += sizeof(rest))
		for (i = 0; i < LANES; i++)
			lane[i] = lane_step(lane[i], p + i * sizeof(uint64_t));
	memcpy(rest, p, len % sizeof(rest));
	for (i = 0; i < LANES; i++)
		lane[i] = lane_step(lane[i], rest + i * sizeof(uint64_t));
	memcpy(key, &s->sum, sizeof(s->sum));
	memcpy(key + sizeof(s->sum), &s->blocks, sizeof(s->blocks));
	s->sum = siphash(key, lane, sizeof(lane));
	s->blocks++;
}

/* The next block of the file, of so many octets, to where it is wanted. */
static void
stream_read(struct stream *s, uint8_t *p, size_t want)
{
	size_t	 off;
	ssize_t	 n;

	for (off = 0; off < want; off += (size_t)n) {
		if ((n = read(s->fd, p + off, want - off)) <= 0) {
			s->failed = n == 0 ? EBADMSG : errno;
			return;
		}
	}
	s->left -= want;
	stream_sum(s, p, want);
}

/* The next octets; zeroes once something has failed.  A whole block of them goes where it is wanted at once. */
void
stream_get(struct stream *s, void *data, size_t len)
{
	uint8_t	*p = data;
	size_t	 n, want;

	for (; len > 0; len -= n, p += n) {
		n = 0;
		if (s->off == s->len && s->failed == 0) {
			want = s->left < sizeof(s->block) ? (size_t)s->left : sizeof(s->block);
			if (want == 0)
				s->failed = EBADMSG;
			else if (want <= len)
				stream_read(s, p, n = want);
			else {
				stream_read(s, s->block, want);
				s->off = 0;
				s->len = want;
			}
		}
		if (s->failed != 0) {
			memset(p, 0, len);
			return;
		}
		if (n > 0)
			continue;
		n = s->len - s->off < len ? s->len - s->off : len;
		memcpy(p, s->block + s->off, n);
		s->off += n;
	}
}

/* All octets were read: whether the checksum, which is behind them in the file, is theirs.  0, or -1. */
int
stream_got(struct stream *s)
{
	uint64_t	 sum;
	ssize_t		 n = read(s->fd, &sum, sizeof(sum));

	return (s->failed == 0 && s->left == 0 && s->off == s->len && n == (ssize_t)sizeof(sum) && sum == s->sum ? 0 : -1);
}

static void
stream_write(struct stream *s)
{
	size_t	 off = 0;
	ssize_t	 n;

	stream_sum(s, s->block, s->len);
	while (s->failed == 0 && off < s->len) {
		if ((n = write(s->fd, s->block + off, s->len - off)) == -1)
			s->failed = errno;
		else
			off += (size_t)n;
	}
	s->len = 0;
}

void
stream_put(struct stream *s, const void *data, size_t len)
{
	const uint8_t	*p = data;
	size_t		 n;

	for (; len > 0 && s->failed == 0; len -= n, p += n) {
		n = sizeof(s->block) - s->len < len ? sizeof(s->block) - s->len : len;
		memcpy(s->block + s->len, p, n);
		if ((s->len += n) == sizeof(s->block))
			stream_write(s);
	}
}

/* Everything was put: the rest and the checksum are written.  0, or -1 and errno of the first failure. */
int
stream_finish(struct stream *s)
{
	uint64_t	 sum;

	if (s->len > 0)
		stream_write(s);
	sum = s->sum;
	memcpy(s->block, &sum, sizeof(sum));
	s->len = sizeof(sum);
	stream_write(s);
	errno = s->failed;
	return (s->failed == 0 ? 0 : -1);
}
