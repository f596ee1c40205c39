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

static void	*json_alloc(size_t);
static void	 json_release(void *);
static json_t	*json_object_of(const void *, size_t, struct answer *);
static int	 json_text(const json_t *, const char *, char, char *, size_t);
static int	 json_seconds(const json_t *, const char *, uint32_t, uint32_t *);
static int	 json_grant(const json_t *, struct answer *);

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

static json_t *
json_object_of(const void *data, size_t len, struct answer *a)
{
	json_t	*root;

	memset(a, 0, sizeof(*a));
	root = len == 0 ? NULL : json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		a->wrong = "the response is no JSON object";
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

	if ((root = json_object_of(data, len, a)) == NULL)
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

	if ((root = json_object_of(data, len, a)) == NULL)
		return (-1);
	if (json_text(root, "error", ' ', a->error, sizeof(a->error)) != 1) {
		a->error[0] = '\0';
		a->wrong = "the response names no error";
	} else if ((text = json_string_value(json_object_get(root, "error_description"))) != NULL)
		strlcpy(a->description, text, sizeof(a->description));
	json_decref(root);
	return (a->wrong == NULL ? 0 : -1);
}
