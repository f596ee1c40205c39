/* SPDX-License-Identifier: ISC */
/* Buffers for imsg: append at the end, read from the front, one optional descriptor.  Integers travel in network order. */
#include <sys/types.h>

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"
#include "imsg_int.h"

static int	 ibuf_grow(struct ibuf *, size_t);
static int	 ibuf_add_int(struct ibuf *, uint64_t, size_t);

/* A buffer that holds len bytes and does not grow; see ibuf_dynamic(). */
struct ibuf *
ibuf_open(size_t len)
{
	return (ibuf_dynamic(len, len));
}

/* A buffer of len bytes that may grow to max.  NULL and errno: EINVAL, ENOMEM.  The caller owns it. */
struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf	*buf;

	if (max == 0 || max < len) {
		errno = EINVAL;
		return (NULL);
	}
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return (NULL);
	if (len > 0 && (buf->base = malloc(len)) == NULL) {
		free(buf);
		return (NULL);
	}
	buf->size = len;
	buf->max = max;
	buf->fd = -1;
	return (buf);
}

/* Move the content to an allocation of at least need bytes (need <= max) and wipe the old one.  0, or -1: no memory. */
static int
ibuf_grow(struct ibuf *buf, size_t need)
{
	uint8_t	*p;
	size_t	 size;

	size = buf->size > buf->max / 2 ? buf->max : buf->size * 2;
	if (size < need)
		size = need;
	if ((p = malloc(size)) == NULL)
		return (-1);
	if (buf->wpos > 0) {
		memcpy(p, buf->base, buf->wpos);
		explicit_bzero(buf->base, buf->wpos);
	}
	free(buf->base);
	buf->base = p;
	buf->size = size;
	return (0);
}

/* Add len uninitialised bytes at the end and return where they are; NULL and errno: ERANGE (over max) or ENOMEM. */
void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	void	*p;

	if (len > SIZE_MAX - buf->wpos || buf->wpos + len > buf->max) {
		errno = ERANGE;
		return (NULL);
	}
	if (buf->wpos + len > buf->size && ibuf_grow(buf, buf->wpos + len) == -1)
		return (NULL);
	p = buf->base + buf->wpos;
	buf->wpos += len;
	return (p);
}

/* Add len bytes at the end.  0, or -1 and errno. */
int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, data, len);
	return (0);
}

/* Add len bytes that are 0.  0, or -1 and errno. */
int
ibuf_add_zero(struct ibuf *buf, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memset(p, 0, len);
	return (0);
}

/* Add the low width bytes of value, most significant first.  0, or -1 and errno: EINVAL if the value needs more. */
static int
ibuf_add_int(struct ibuf *buf, uint64_t value, size_t width)
{
	uint64_t	be;

	if (width < sizeof(value) && value >> (8 * width) != 0) {
		errno = EINVAL;
		return (-1);
	}
	be = htobe64(value);
	return (ibuf_add(buf, (uint8_t *)&be + sizeof(be) - width, width));
}

int
ibuf_add_n8(struct ibuf *buf, uint64_t value)
{
	return (ibuf_add_int(buf, value, sizeof(uint8_t)));
}

int
ibuf_add_n16(struct ibuf *buf, uint64_t value)
{
	return (ibuf_add_int(buf, value, sizeof(uint16_t)));
}

int
ibuf_add_n32(struct ibuf *buf, uint64_t value)
{
	return (ibuf_add_int(buf, value, sizeof(uint32_t)));
}

int
ibuf_add_n64(struct ibuf *buf, uint64_t value)
{
	return (ibuf_add_int(buf, value, sizeof(uint64_t)));
}

/* Add str in a field of len bytes, padded with NULs.  -1, EOVERFLOW and nothing added: it does not fit with its NUL. */
int
ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len)
{
	size_t	 n;
	char	*p;

	if ((n = strlen(str)) >= len) {
		errno = EOVERFLOW;
		return (-1);
	}
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, str, n);
	memset(p + n, 0, len - n);
	return (0);
}

/* Where the unread bytes are. */
void *
ibuf_data(const struct ibuf *buf)
{
	return (buf->base == NULL ? NULL : buf->base + buf->rpos);
}

/* How many bytes were not read. */
size_t
ibuf_size(const struct ibuf *buf)
{
	return (buf->wpos - buf->rpos);
}

/* How many bytes may still be added. */
size_t
ibuf_left(const struct ibuf *buf)
{
	return (buf->max == 0 ? 0 : buf->max - buf->wpos);
}

/* Read the next len bytes.  -1, EBADMSG and nothing read: there are not that many. */
int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (-1);
	}
	if (len > 0)
		memcpy(data, buf->base + buf->rpos, len);
	buf->rpos += len;
	return (0);
}

int
ibuf_get_n8(struct ibuf *buf, uint8_t *value)
{
	return (ibuf_get(buf, value, sizeof(*value)));
}

int
ibuf_get_n16(struct ibuf *buf, uint16_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be16toh(*value);
	return (0);
}

int
ibuf_get_n32(struct ibuf *buf, uint32_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be32toh(*value);
	return (0);
}

int
ibuf_get_n64(struct ibuf *buf, uint64_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return (-1);
	*value = be64toh(*value);
	return (0);
}

/* Read what ibuf_add_strbuf() wrote.  -1 and EOVERFLOW: the field does not end in NUL; str is terminated all the same. */
int
ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_get(buf, str, len) == -1)
		return (-1);
	if (str[len - 1] != '\0') {
		str[len - 1] = '\0';
		errno = EOVERFLOW;
		return (-1);
	}
	return (0);
}

/* Pass over the next len bytes.  -1 and EBADMSG: there are not that many. */
int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (-1);
	}
	buf->rpos += len;
	return (0);
}

/* Free a buffer: what was written is wiped, a descriptor that nobody took is closed.  NULL is allowed; errno is kept. */
void
ibuf_free(struct ibuf *buf)
{
	int	 save_errno = errno;

	if (buf == NULL)
		return;
	if (buf->max == 0 && buf->chunk == NULL)
		abort();	/* a view by imsg_get_ibuf() is not the caller's to free */
	if (buf->fd != -1)
		close(buf->fd);
	if (buf->wpos > 0)
		explicit_bzero(buf->base, buf->wpos);
	if (buf->chunk != NULL)
		ibuf_chunk_unref(buf->chunk);
	else
		free(buf->base);
	free(buf);
	errno = save_errno;
}

int
ibuf_fd_avail(struct ibuf *buf)
{
	return (buf->fd != -1);
}

/* Take the descriptor, which is the caller's from now on.  -1: there is none. */
int
ibuf_fd_get(struct ibuf *buf)
{
	int	 fd = buf->fd;

	buf->fd = -1;
	return (fd);
}

/* Let fd ride along; it is the buffer's and closed after sending, as one that was set before is now.  -1 sets none. */
void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (buf->fd != -1)
		close(buf->fd);
	buf->fd = fd < 0 ? -1 : fd;
}
