/* SPDX-License-Identifier: ISC */
/*
 * The request: one POST of a form with the client's id and secret in it (RFC 6749 sections 2.3.1, 4.4.2 and 6, RFC 8628 sections
 * 3.1 and 3.4), encoded as application/x-www-form-urlencoded.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oauth.h"

static const struct kind {
	const char	*grant, *credential;	/* the grant type, and the field of its credential; NULL: none */
	int		 scope;			/* 1: it is said how far the grant is to go */
} kinds[TOKEN_ASK_MAX] = {
	[TOKEN_BY_REFRESH] = { "refresh_token", "refresh_token", 1 },
	[TOKEN_BY_CLIENT] = { "client_credentials", NULL, 1 },
	[TOKEN_DEVICE] = { NULL, NULL, 1 },
	[TOKEN_BY_DEVICE] = { "urn:ietf:params:oauth:grant-type:device_code", "device_code", 0 }
};

static int	 form_octets(struct buf *, const uint8_t *, size_t);
static int	 form_field(struct buf *, const char *, const void *, size_t);
static int	 form_body(const struct form *, struct buf *);

/* Appends octets in the form's encoding: letters, digits and "-._~" as they are, every other octet escaped. */
static int
form_octets(struct buf *b, const uint8_t *p, size_t len)
{
	static const char	 plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	static const char	 hex[] = "0123456789ABCDEF";
	char			 escaped[3] = "%";

	for (; len > 0; p++, len--) {
		escaped[1] = hex[*p >> 4];
		escaped[2] = hex[*p & 15];
		if ((*p != '\0' && strchr(plain, *p) != NULL ? buf_add(b, p, 1) : buf_add(b, escaped, 3)) == -1)
			return (-1);
	}
	return (0);
}

static int
form_field(struct buf *b, const char *name, const void *value, size_t len)
{
	if ((buf_len(b) > 0 && buf_add(b, "&", 1) == -1) || buf_add(b, name, strlen(name)) == -1 || buf_add(b, "=", 1) == -1)
		return (-1);
	return (form_octets(b, value, len));
}

static int
form_body(const struct form *f, struct buf *b)
{
	const struct kind	*kind = &kinds[f->ask];

	if ((kind->grant != NULL && form_field(b, "grant_type", kind->grant, strlen(kind->grant)) == -1) ||
	    (kind->credential != NULL && form_field(b, kind->credential, f->credential, f->credential_len) == -1) ||
	    form_field(b, "client_id", f->client_id, strlen(f->client_id)) == -1 ||
	    (f->secret_len > 0 && form_field(b, "client_secret", f->secret, f->secret_len) == -1) ||
	    (kind->scope && f->scope[0] != '\0' && form_field(b, "scope", f->scope, strlen(f->scope)) == -1))
		return (-1);
	return (0);
}

/* The master has checked host and path: neither has a space or a control character in it. */
int
form_build(const struct form *f, struct buf *out)
{
	struct buf	 body;
	char		 head[PROTO_URL_SIZE + PROTO_HOST_SIZE + 512], port[8] = "";
	int		 v6 = strchr(f->host, ':') != NULL, n, error = -1;

	buf_init(&body, OAUTH_REQUEST_MAX);
	if (f->port != 443)
		snprintf(port, sizeof(port), ":%u", f->port);
	if (form_body(f, &body) == 0) {
		n = snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUser-Agent: rpopd/" RPOPD_VERSION "\r\n"
		    "Accept: application/json\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		    "Content-Length: %zu\r\n\r\n", f->path, v6 ? "[" : "", f->host, v6 ? "]" : "", port, buf_len(&body));
		if (n > 0 && (size_t)n < sizeof(head) && buf_add(out, head, (size_t)n) == 0 &&
		    buf_add(out, buf_data(&body), buf_len(&body)) == 0)
			error = 0;
	}
	buf_free(&body);
	return (error);
}
