/* SPDX-License-Identifier: ISC */
/*
 * What a provider's JSON says.  The parser is jansson: its depth is bounded, it takes neither NUL nor a name twice here, and its
 * memory is wiped when it is given back, since it holds tokens.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "oauth.h"

#define LIFETIME_MAX	(30 * 86400)	/* seconds that are believed */
#define REFRESH_MAX	(20 * 366 * 86400)
#define DEVICE_MAX	86400

static void	*json_alloc(size_t);
static void	 json_release(void *);
static json_t	*json_object_of(const void *, size_t, const char **);
static int	 json_text(const json_t *, const char *, char, char *, size_t);
static int	 json_seconds(const json_t *, const char *, uint32_t, uint32_t *);
static int	 json_grant(const json_t *, struct answer *);
static int	 json_uri(const json_t *, const char *, char *, size_t);
static int	 json_device_of(const json_t *, struct device *);

/* Sets the seed of the library's tables, which would otherwise be read from a file that the new root does not have. */
void
json_init(void)
{
	json_set_alloc_funcs(json_alloc, json_release);
	json_object_seed((size_t)arc4random() | 1);
}

/* Memory for the library, with its length in front, so that it can be wiped. */
static void *
json_alloc(size_t size)
{
	max_align_t	*p;

	if (size > SIZE_MAX - sizeof(*p) || (p = malloc(sizeof(*p) + size)) == NULL)
		return (NULL);
	memcpy(p, &size, sizeof(size));
	return (p + 1);
}

static void
json_release(void *data)
{
	max_align_t	*p = data;
	size_t		 size;

	if (p-- == NULL)
		return;
	memcpy(&size, p, sizeof(size));
	freezero(p, sizeof(*p) + size);
}

/* The object that a body is, which the caller gives back; NULL and *wrong: it is none. */
static json_t *
json_object_of(const void *data, size_t len, const char **wrong)
{
	json_t	*root;

	root = len == 0 ? NULL : json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		*wrong = "the response is no JSON object";
		json_decref(root);
		return (NULL);
	}
	return (root);
}

/* A member that is a string of ASCII from lowest to "~".  1; 0: it is missing or null; -1: it is something else. */
static int
json_text(const json_t *root, const char *name, char lowest, char *dst, size_t size)
{
	const json_t	*value = json_object_get(root, name);
	const char	*p;
	size_t		 len, i;

	if (value == NULL || json_is_null(value))
		return (0);
	if ((p = json_string_value(value)) == NULL || (len = json_string_length(value)) == 0 || len >= size)
		return (-1);
	for (i = 0; i < len; i++)
		if (p[i] < lowest || p[i] > '~')
			return (-1);
	memcpy(dst, p, len + 1);
	return (1);
}

/*
 * A member that is a number, which some providers write as a string, of at most max.  1; 0: it is missing or null; -1: it is
 * something else.
 */
static int
json_seconds(const json_t *root, const char *name, uint32_t max, uint32_t *seconds)
{
	const json_t	*value = json_object_get(root, name);
	const char	*text, *error;
	double		 n;

	if (value == NULL || json_is_null(value))
		return (0);
	if ((text = json_string_value(value)) != NULL) {
		n = (double)strtonum(text, 0, max, &error);
		if (error != NULL)
			return (-1);
	} else if (json_is_number(value))
		n = json_number_value(value);
	else
		return (-1);
	if (!(n >= 0))
		return (-1);
	*seconds = n > max ? max : (uint32_t)n;
	return (1);
}

static int
json_grant(const json_t *root, struct answer *a)
{
	char	 type[32];
	int	 said;

	if (json_text(root, "access_token", '!', a->access, sizeof(a->access)) != 1)
		a->wrong = "the response has no usable access_token";
	else if (json_text(root, "refresh_token", ' ', a->refresh, sizeof(a->refresh)) == -1)
		a->wrong = "the response has no usable refresh_token";
	else if ((said = json_seconds(root, "expires_in", LIFETIME_MAX, &a->lifetime)) == -1)
		a->wrong = "the response has no usable expires_in";
	else if (json_text(root, "token_type", ' ', type, sizeof(type)) == 1 && strcasecmp(type, "Bearer") != 0)
		a->wrong = "the access_token is not of type Bearer";
	else {
		if (said == 1 && a->lifetime == 0)
			a->lifetime = 1;
		/* No standard has this member.  Google and Microsoft use the first name, Keycloak the second; 0 means for ever. */
		if (json_seconds(root, "refresh_token_expires_in", REFRESH_MAX, &a->refresh_lifetime) != 1)
			(void)json_seconds(root, "refresh_expires_in", REFRESH_MAX, &a->refresh_lifetime);
	}
	return (a->wrong == NULL ? 0 : -1);
}

int
json_granted(const void *data, size_t len, struct answer *a)
{
	json_t	*root;
	int	 n;

	memset(a, 0, sizeof(*a));
	if ((root = json_object_of(data, len, &a->wrong)) == NULL)
		return (-1);
	n = json_grant(root, a);
	json_decref(root);
	return (n);
}

/* The description is for people: whatever is wrong with it, the error code counts. */
int
json_refused(const void *data, size_t len, struct answer *a)
{
	const char	*text;
	json_t		*root;

	memset(a, 0, sizeof(*a));
	if ((root = json_object_of(data, len, &a->wrong)) == NULL)
		return (-1);
	if (json_text(root, "error", ' ', a->error, sizeof(a->error)) != 1) {
		a->error[0] = '\0';
		a->wrong = "the response names no error";
	} else if ((text = json_string_value(json_object_get(root, "error_description"))) != NULL)
		strlcpy(a->description, text, sizeof(a->description));
	json_decref(root);
	return (a->wrong == NULL ? 0 : -1);
}

/* A member that is the address of a page, which goes to a terminal: https and no space in it.  As json_text(). */
static int
json_uri(const json_t *root, const char *name, char *dst, size_t size)
{
	int	 n;

	if ((n = json_text(root, name, '!', dst, size)) == 1 && strncmp(dst, "https://", 8) != 0)
		n = -1;
	if (n != 1)
		dst[0] = '\0';
	return (n);
}

/* Google says verification_url.  The address with the code in it is a convenience: one that is of no use is left out. */
static int
json_device_of(const json_t *root, struct device *d)
{
	struct msg_token_device	*m = &d->m;
	int			 said;

	if (json_text(root, "device_code", ' ', d->code, sizeof(d->code)) != 1)
		d->wrong = "the response has no usable device_code";
	else if (json_text(root, "user_code", ' ', m->user_code, sizeof(m->user_code)) != 1)
		d->wrong = "the response has no usable user_code";
	else if (json_uri(root, "verification_uri", m->uri, sizeof(m->uri)) != 1 &&
	    json_uri(root, "verification_url", m->uri, sizeof(m->uri)) != 1)
		d->wrong = "the response has no usable verification_uri";
	else if (json_seconds(root, "expires_in", DEVICE_MAX, &m->lifetime) != 1 || m->lifetime == 0)
		d->wrong = "the response has no usable expires_in";
	else if ((said = json_seconds(root, "interval", DEVICE_MAX, &m->interval)) == -1 || m->interval > DEVICE_INTERVAL_MAX)
		d->wrong = "the response has no usable interval";
	else {
		if (said == 0)
			m->interval = DEVICE_INTERVAL;
		else if (m->interval == 0)
			m->interval = 1;
		(void)json_uri(root, "verification_uri_complete", m->uri_complete, sizeof(m->uri_complete));
	}
	return (d->wrong == NULL ? 0 : -1);
}

int
json_device(const void *data, size_t len, struct device *d)
{
	json_t	*root;
	int	 n;

	memset(d, 0, sizeof(*d));
	if ((root = json_object_of(data, len, &d->wrong)) == NULL)
		return (-1);
	n = json_device_of(root, d);
	json_decref(root);
	return (n);
}
