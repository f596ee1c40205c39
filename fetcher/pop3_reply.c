/* SPDX-License-Identifier: ISC */
/* Parsers of what a POP3 server says (RFC 1939, 2449, 3206): any octets go in, a value or a refusal comes out. */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "pop3.h"

#define EXPIRE_NEVER	UINT32_MAX
#define DELAY_MAX	31536000	/* s; a longer delay is taken for this */

static size_t	 blank_skip(const uint8_t *, size_t);
static size_t	 number_parse(const uint8_t *, size_t, uint64_t *);
static int	 word_is(const uint8_t *, size_t, const char *);
static enum reply_code	 code_parse(const uint8_t *, size_t);
static size_t	 word_next(const uint8_t *, size_t, size_t *);
static int	 word_among(const uint8_t *, size_t, const char *);
static void	 delay_parse(struct offer *, const uint8_t *, size_t);
static void	 expire_parse(struct offer *, const uint8_t *, size_t);
static int	 alnum_is(uint8_t);
static int	 atom_check(const uint8_t *, size_t);
static int	 quoted_check(const uint8_t *, size_t);
static int	 literal_check(const uint8_t *, size_t);

/* Reads a status line: "+OK" or "-ERR", then anything that does not prolong the word.  0, or -1: it is neither. */
int
pop3_reply_status(const uint8_t *p, size_t len, struct reply *r)
{
	size_t	 n;

	memset(r, 0, sizeof(*r));
	if (len >= 3 && memcmp(p, "+OK", 3) == 0) {
		r->ok = 1;
		n = 3;
	} else if (len >= 4 && memcmp(p, "-ERR", 4) == 0)
		n = 4;
	else
		return (-1);
	if (n < len && alnum_is(p[n]))
		return (-1);
	n += blank_skip(p + n, len - n);
	r->text = p + n;
	r->len = len - n;
	if (!r->ok)
		r->code = code_parse(r->text, r->len);
	return (0);
}

/* Whether a line is "+" and a challenge, which *text is set to. */
int
pop3_reply_more(const uint8_t *p, size_t len, const uint8_t **text, size_t *textlen)
{
	size_t	 n;

	if (len == 0 || p[0] != '+' || (len > 1 && p[1] != ' ' && p[1] != '\t'))
		return (0);
	n = 1 + blank_skip(p + 1, len - 1);
	while (len > n && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	*text = p + n;
	*textlen = len - n;
	return (1);
}

/* The kind of failure that an -ERR means: by its code, or else otherwise. */
enum fail_why
pop3_reply_why(const struct reply *r, enum fail_why otherwise)
{
	static const enum fail_why	 whys[CODE_MAX] = {
		[CODE_IN_USE] = WHY_BUSY,
		[CODE_LOGIN_DELAY] = WHY_TOO_SOON,
		[CODE_SYS_TEMP] = WHY_SERVER_TEMP,
		[CODE_SYS_PERM] = WHY_SERVER_PERM,
		[CODE_AUTH] = WHY_AUTH,
		[CODE_ALERT] = WHY_ALERT
	};

	return (whys[r->code] == WHY_NONE ? otherwise : whys[r->code]);
}

void
offer_init(struct offer *o)
{
	memset(o, 0, sizeof(*o));
	o->expire = EXPIRE_NEVER;
}

/* Takes in names of mechanisms with blanks between them.  Those without a bit are kept for people only. */
void
offer_mechs(struct offer *o, const uint8_t *p, size_t len)
{
	uint32_t	 mech;
	size_t		 at = 0, n, i, used;

	for (; (n = word_next(p, len, &at)) > 0; at += n) {
		for (mech = AUTH_EXTERNAL; mech < AUTH_MAX; mech++)
			if (mech != AUTH_USER && mech != AUTH_APOP && word_is(p + at, n, auth_mech_str(mech)))
				o->mechs |= 1U << mech;
		for (i = 0; i < n && (alnum_is(p[at + i]) || p[at + i] == '-' || p[at + i] == '_'); i++)
			;
		used = strlen(o->list);
		if (i < n || n > 20 || used + n + 2 > sizeof(o->list))
			continue;
		if (used > 0)
			o->list[used++] = ' ';
		memcpy(o->list + used, p + at, n);
		o->list[used + n] = '\0';
	}
}

/*
 * Returns the bits of a capability line, 0 for one of no interest; what else it says goes to o.  Keywords may be in either case
 * (RFC 2449 section 5).
 */
uint32_t
pop3_reply_capa(const uint8_t *p, size_t len, struct offer *o)
{
	static const struct {
		const char	*name, *arg;		/* arg: a word that the line must have */
		uint32_t	 bits;
		void		(*take)(struct offer *, const uint8_t *, size_t);
	} capas[] = {
		{ "PIPELINING",		NULL,	CAPA_PIPELINING,	NULL },
		{ "STLS",		NULL,	CAPA_STLS,		NULL },
		{ "TOP",		NULL,	CAPA_TOP,		NULL },
		{ "UIDL",		NULL,	CAPA_UIDL,		NULL },
		{ "USER",		NULL,	CAPA_USER,		NULL },
		{ "SASL",		NULL,	CAPA_SASL,		offer_mechs },
		{ "RESP-CODES",		NULL,	CAPA_RESP_CODES,	NULL },
		{ "AUTH-RESP-CODE",	NULL,	CAPA_AUTH_RESP_CODE,	NULL },
		{ "UTF8",		NULL,	CAPA_UTF8,		NULL },
		{ "UTF8",		"USER",	CAPA_UTF8_USER,		NULL },
		{ "LOGIN-DELAY",	NULL,	CAPA_LOGIN_DELAY,	delay_parse },
		{ "LOGIN-DELAY",	"USER",	CAPA_BY_USER,		NULL },
		{ "EXPIRE",		NULL,	CAPA_EXPIRE,		expire_parse },
		{ "EXPIRE",		"USER",	CAPA_BY_USER,		NULL }
	};
	uint32_t	 bits = 0;
	size_t		 i, at = 0, first;

	if ((first = word_next(p, len, &at)) == 0 || at != 0)
		return (0);
	for (i = 0; i < nitems(capas); i++) {
		if (!word_is(p, first, capas[i].name))
			continue;
		if (capas[i].arg != NULL && !word_among(p + first, len - first, capas[i].arg))
			continue;
		bits |= capas[i].bits;
		if (capas[i].take != NULL)
			capas[i].take(o, p + first, len - first);
	}
	return (bits);
}

/* Reads the reply to STAT: number of messages, octets.  0, or -1: there is no number; missing octets count as 0. */
int
pop3_reply_stat(const uint8_t *p, size_t len, uint64_t *count, uint64_t *octets)
{
	size_t	 n, m;

	*octets = 0;
	if ((n = number_parse(p, len, count)) == 0)
		return (-1);
	if ((m = blank_skip(p + n, len - n)) == 0)
		return (n == len ? 0 : -1);
	(void)number_parse(p + n + m, len - n - m, octets);
	return (0);
}

/* Reads "number size" (RFC 1939 section 5, LIST); what follows behind a blank is passed over.  0 or -1. */
int
pop3_reply_list(const uint8_t *p, size_t len, uint64_t *msgno, uint64_t *size)
{
	size_t	 n, m;

	if ((n = number_parse(p, len, msgno)) == 0 || (m = blank_skip(p + n, len - n)) == 0)
		return (-1);
	n += m;
	if ((m = number_parse(p + n, len - n, size)) == 0)
		return (-1);
	n += m;
	return (n == len || p[n] == ' ' ? 0 : -1);
}

/*
 * Reads "number unique-id" (RFC 1939 section 7).  Returns 0; -1: there is no number, *msgno is 0; 1: there is a number, but what
 * follows is no unique-id of 1 to 70 octets 0x21..0x7e; *uidlen is 0 if nothing follows.  *uid points into p.
 */
int
pop3_reply_uidl(const uint8_t *p, size_t len, uint64_t *msgno, const uint8_t **uid, size_t *uidlen)
{
	size_t		 i, n, m;
	unsigned int	 bad = 0;

	*uid = NULL;
	*uidlen = 0;
	if ((n = number_parse(p, len, msgno)) == 0) {
		*msgno = 0;
		return (-1);
	}
	if ((m = blank_skip(p + n, len - n)) == 0)
		return (1);
	n += m;
	while (len > n && p[len - 1] == ' ')
		len--;
	*uid = p + n;
	*uidlen = len - n;
	if (len == n || len - n > PROTO_UID_MAX)
		return (1);
	for (i = n; i < len; i++)
		bad |= (unsigned int)p[i] - 0x21 > 0x7e - 0x21;
	return (bad != 0);
}

/*
 * Finds the APOP challenge in a greeting's text: returns its length with brackets and sets *challenge, or returns 0 if there is not
 * exactly one that is strictly a msg-id in printable ASCII of at most CHALLENGE_MAX octets.  Where that is not strict, a forged
 * challenge can choose its MD5 block (CVE-2007-1558).
 */
size_t
pop3_reply_challenge(const uint8_t *p, size_t len, const uint8_t **challenge)
{
	const uint8_t	*open, *close, *at, *q;

	if ((open = memchr(p, '<', len)) == NULL || (close = memchr(open, '>', len - (size_t)(open - p))) == NULL)
		return (0);
	if (memchr(open + 1, '<', len - (size_t)(open + 1 - p)) != NULL ||
	    memchr(p, '>', (size_t)(close - p)) != NULL || memchr(close + 1, '>', len - (size_t)(close + 1 - p)) != NULL)
		return (0);
	if (close - open + 1 > CHALLENGE_MAX)
		return (0);
	for (at = NULL, q = open + 1; q < close; q++)
		if (*q == '@')
			at = q;
	if (at == NULL)
		return (0);
	if (!atom_check(open + 1, (size_t)(at - open - 1)) && !quoted_check(open + 1, (size_t)(at - open - 1)))
		return (0);
	if (!atom_check(at + 1, (size_t)(close - at - 1)) && !literal_check(at + 1, (size_t)(close - at - 1)))
		return (0);
	*challenge = open;
	return ((size_t)(close - open + 1));
}

static size_t
blank_skip(const uint8_t *p, size_t len)
{
	size_t	 n;

	for (n = 0; n < len && (p[n] == ' ' || p[n] == '\t'); n++)
		;
	return (n);
}

/* The length of a decimal number at p; 0: there is none, or it does not fit 63 bits. */
static size_t
number_parse(const uint8_t *p, size_t len, uint64_t *v)
{
	size_t	 n;

	*v = 0;
	for (n = 0; n < len && p[n] >= '0' && p[n] <= '9'; n++) {
		if (*v > (INT64_MAX - 9) / 10) {
			*v = 0;
			return (0);
		}
		*v = *v * 10 + (uint64_t)(p[n] - '0');
	}
	return (n);
}

static int
word_is(const uint8_t *p, size_t len, const char *word)
{
	return (len == strlen(word) && strncasecmp((const char *)p, word, len) == 0);
}

/* The response code in brackets at the front, with or without further parts behind a slash; or "ALERT:". */
static enum reply_code
code_parse(const uint8_t *p, size_t len)
{
	static const struct {
		const char	*name;
		enum reply_code	 code;
	} codes[] = {
		{ "IN-USE",		CODE_IN_USE },
		{ "LOGIN-DELAY",	CODE_LOGIN_DELAY },
		{ "SYS/TEMP",		CODE_SYS_TEMP },
		{ "SYS/PERM",		CODE_SYS_PERM },
		{ "AUTH",		CODE_AUTH },
		{ "ALERT",		CODE_ALERT }
	};
	size_t	 i, n;

	if (len >= 6 && strncasecmp((const char *)p, "ALERT:", 6) == 0)
		return (CODE_ALERT);
	if (len == 0 || p[0] != '[')
		return (CODE_NONE);
	for (i = 0; i < nitems(codes); i++) {
		n = strlen(codes[i].name);
		if (len > n + 1 && strncasecmp((const char *)p + 1, codes[i].name, n) == 0 &&
		    (p[n + 1] == ']' || p[n + 1] == '/' || p[n + 1] == ' '))
			return (codes[i].code);
	}
	return (CODE_NONE);
}

/* Moves *at to the next word and returns that word's length; 0: there is none. */
static size_t
word_next(const uint8_t *p, size_t len, size_t *at)
{
	size_t	 n;

	*at += blank_skip(p + *at, len - *at);
	for (n = *at; n < len && p[n] != ' ' && p[n] != '\t'; n++)
		;
	return (n - *at);
}

static int
word_among(const uint8_t *p, size_t len, const char *word)
{
	size_t	 at = 0, n;

	for (; (n = word_next(p, len, &at)) > 0; at += n)
		if (word_is(p + at, n, word))
			return (1);
	return (0);
}

/* Takes in the arguments of LOGIN-DELAY: "seconds [USER]". */
static void
delay_parse(struct offer *o, const uint8_t *p, size_t len)
{
	uint64_t	 v;
	size_t		 at = 0, n;

	n = word_next(p, len, &at);
	if (n == 0 || number_parse(p + at, n, &v) != n)
		return;
	o->login_delay = v > DELAY_MAX ? DELAY_MAX : (uint32_t)v;
}

/* Takes in the arguments of EXPIRE: "days [USER]" or "NEVER". */
static void
expire_parse(struct offer *o, const uint8_t *p, size_t len)
{
	uint64_t	 v;
	size_t		 at = 0, n;

	n = word_next(p, len, &at);
	if (n == 0 || (!word_is(p + at, n, "NEVER") && number_parse(p + at, n, &v) != n))
		return;
	o->expire = word_is(p + at, n, "NEVER") || v >= EXPIRE_NEVER ? EXPIRE_NEVER : (uint32_t)v;
}

static int
alnum_is(uint8_t c)
{
	return ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
}

/* Whether octets are a dot-atom-text (RFC 5322 section 3.2.3). */
static int
atom_check(const uint8_t *p, size_t len)
{
	size_t	 i;

	if (len == 0 || p[0] == '.' || p[len - 1] == '.')
		return (0);
	for (i = 0; i < len; i++) {
		if (p[i] == '.' ? p[i - 1] == '.' : !alnum_is(p[i]) && (p[i] == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", p[i]) == NULL))
			return (0);
	}
	return (1);
}

/* Whether octets are a quoted string of printable ASCII, without escapes, blanks or a further quote. */
static int
quoted_check(const uint8_t *p, size_t len)
{
	size_t	 i;

	if (len < 3 || p[0] != '"' || p[len - 1] != '"')
		return (0);
	for (i = 1; i < len - 1; i++)
		if (p[i] < 33 || p[i] > 126 || p[i] == '"' || p[i] == '\\')
			return (0);
	return (1);
}

static int
literal_check(const uint8_t *p, size_t len)
{
	size_t	 i;

	if (len < 3 || p[0] != '[' || p[len - 1] != ']')
		return (0);
	for (i = 1; i < len - 1; i++)
		if (p[i] < 33 || p[i] > 126 || p[i] == '[' || p[i] == ']' || p[i] == '\\')
			return (0);
	return (1);
}
