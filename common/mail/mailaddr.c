/* SPDX-License-Identifier: ISC */
/*
 * Address lists of RFC 5322 (sections 3.4 and 4.4) and RFC 6532, read from raw bodies of fields.  Only the raw octets count:
 * encoded words (RFC 2047) are atoms like others.  An element that is not exactly one mailbox yields nothing, and is skipped by
 * tokens, not by octets.
 *
 * Beyond the standards, what has exactly one sensible reading is read so:
 *
 *	anything but < > , ; : before <address>		a display name: @, ., [], ), \, octets in any character set
 *	.anna@x, anna.@x, a..b@x, without blanks	the local part as it is written (Japanese carriers have such mailboxes)
 *	'anna@x'					no domain ends in an apostrophe: these are Outlook's quotes
 *	anna@x.						an absolute domain name
 *	anna@U-label					the A-label of the same domain (RFC 5891, Unicode TS 46)
 */
#include <idn2.h>
#include <string.h>

#include "mailaddr.h"
#include "mailaddr_lex.h"

enum element { ELEMENT_BAD, ELEMENT_EMPTY, ELEMENT_GROUP, ELEMENT_ADDRESS };

/* A run of words and dots, which is a display name or a local part, as shows only behind it. */
struct words {
	size_t	 n;		/* number of words */
	size_t	 len;		/* octets of the local part so far */
	int	 apart;		/* 1: two words have no dot between them */
	int	 dots;		/* 1: a dot is not between two words */
	int	 gap;		/* 1: there are blanks or comments between words and dots */
	int	 quoted;	/* 1: a word is quoted */
	int	 unfit;		/* 1: too long, not UTF-8, an empty quoted word, or a tab: a display name at best */
};

static enum element	 mailaddr_element(struct lex *, int, int, struct mailaddr *);
static int		 mailaddr_angle(struct lex *, int, struct mailaddr *);
static void		 mailaddr_name(struct lex *);
static int		 mailaddr_route(struct lex *);
static void		 mailaddr_words(struct lex *, struct words *, struct mailaddr *);
static void		 mailaddr_word(const struct lex *, struct words *, struct mailaddr *);
static int		 mailaddr_islocal(const struct words *);
static int		 mailaddr_spec(struct lex *, const struct words *, struct mailaddr *);
static int		 mailaddr_domain(struct lex *, struct mailaddr *);
static int		 mailaddr_domain_add(struct mailaddr *, size_t *, const uint8_t *, size_t);
static int		 mailaddr_isdotted(const char *);
static int		 mailaddr_add(char *, size_t, size_t *, const char *);
static void		 mailaddr_lower(char *);

int
mailaddr_list(const uint8_t *p, size_t len, int flags, mailaddr_cb *cb, void *arg, int *bad)
{
	struct mailaddr	 a;
	struct lex	 lx;
	const uint8_t	*start;
	enum element	 what;
	int		 found = 0, dropped = 0, group = 0;

	lex_init(&lx, p, len);
	for (;;) {
		start = lx.before;
		what = mailaddr_element(&lx, flags, group, &a);
		if (what == ELEMENT_GROUP) {
			group = 1;
			continue;
		}
		while (!lex_ends(&lx))
			lex_next(&lx);
		found += what == ELEMENT_ADDRESS;
		dropped += what == ELEMENT_BAD;
		if (what != ELEMENT_EMPTY && cb(arg, what == ELEMENT_ADDRESS ? &a : NULL, start, lx.start - start) != 0)
			break;
		if (lx.tok == LEX_END)
			break;
		if (lex_is(&lx, ';'))
			group = 0;
		lex_clear(&lx);
		lex_next(&lx);
	}
	if (bad != NULL)
		*bad = dropped;
	return (found);
}

int
mailaddr_path(const uint8_t *p, size_t len, struct mailaddr *a)
{
	struct words	 w;
	struct lex	 lx;
	int		 null = 0;

	a->local[0] = a->domain[0] = '\0';
	lex_init(&lx, p, len);
	if (lex_is(&lx, '<')) {
		lex_next(&lx);
		if (lex_is(&lx, '>')) {
			lex_next(&lx);
			null = 1;
		} else if (mailaddr_angle(&lx, 0, a) == -1)
			return (-1);
	} else {
		mailaddr_words(&lx, &w, a);
		if (!mailaddr_islocal(&w) || !lex_is(&lx, '@') || mailaddr_spec(&lx, &w, a) == -1)
			return (-1);
	}
	if (lx.tok != LEX_END || lx.bad)
		return (-1);
	return (null ? 0 : 1);
}

int
mailaddr_format(const struct mailaddr *a, char *buf, size_t size)
{
	const char	*s;
	char		 pair[3];
	size_t		 n = 0;
	int		 quote = !mailaddr_isdotted(a->local);

	if (quote && mailaddr_add(buf, size, &n, "\"") == -1)
		return (-1);
	for (s = a->local; *s != '\0'; s++) {
		pair[0] = '\\';
		pair[1] = *s;
		pair[2] = '\0';
		if (mailaddr_add(buf, size, &n, *s == '"' || *s == '\\' ? pair : pair + 1) == -1)
			return (-1);
	}
	if (quote && mailaddr_add(buf, size, &n, "\"") == -1)
		return (-1);
	if (a->domain[0] != '\0' && (mailaddr_add(buf, size, &n, "@") == -1 || mailaddr_add(buf, size, &n, a->domain) == -1))
		return (-1);
	return (n);
}

/* -1 also when a bare local part meets no default domain. */
int
mailaddr_key(const struct mailaddr *a, const char *default_domain, char *buf, size_t size)
{
	const char	*domain = a->domain;
	size_t		 n = 0;

	if (*domain == '\0')
		domain = default_domain;
	if (domain == NULL || *domain == '\0' || a->local[0] == '\0')
		return (-1);
	if (mailaddr_add(buf, size, &n, a->local) == -1 || mailaddr_add(buf, size, &n, "@") == -1 ||
	    mailaddr_add(buf, size, &n, domain) == -1)
		return (-1);
	mailaddr_lower(buf);
	return (n);
}

/*
 * Reads a list element, of which the current token is the first.  After an empty element or an address the current token ends it;
 * after a bad one the rest has to be skipped; after the name of a group it is the first token of the group's first element.
 */
static enum element
mailaddr_element(struct lex *lx, int flags, int group, struct mailaddr *a)
{
	struct words	 w;
	int		 found;

	a->domain[0] = '\0';
	if (lex_ends(lx))
		return (lx->bad ? ELEMENT_BAD : ELEMENT_EMPTY);
	mailaddr_words(lx, &w, a);
	if (lex_is(lx, ':')) {
		if (group || w.n == 0 || lx->bad)
			return (ELEMENT_BAD);
		lex_next(lx);
		return (ELEMENT_GROUP);
	}
	if (mailaddr_islocal(&w)) {
		if (lex_is(lx, '@'))
			found = mailaddr_spec(lx, &w, a) == 0;
		else
			found = flags & MAILADDR_BARE;
		if (found && lex_ends(lx))
			return (lx->bad ? ELEMENT_BAD : ELEMENT_ADDRESS);
	}
	mailaddr_name(lx);
	a->domain[0] = '\0';
	if (!lex_is(lx, '<'))
		return (ELEMENT_BAD);
	lex_next(lx);
	if (mailaddr_angle(lx, flags, a) == -1)
		return (ELEMENT_BAD);
	return (lex_ends(lx) && !lx->bad ? ELEMENT_ADDRESS : ELEMENT_BAD);
}

/* Reads the rest of what may be a display name; the current token afterwards is the first that is not in one. */
static void
mailaddr_name(struct lex *lx)
{
	while (lx->tok == LEX_ATOM || lx->tok == LEX_QUOTED || lx->tok == LEX_LITERAL || lx->tok == LEX_JUNK || lex_is(lx, '.') ||
	    lex_is(lx, '@'))
		lex_next(lx);
}

/* Reads what follows '<': an address, perhaps behind a source route, which is dropped (RFC 5321 appendix C), and '>'. */
static int
mailaddr_angle(struct lex *lx, int flags, struct mailaddr *a)
{
	struct words	 w;

	if ((lex_is(lx, '@') || lex_is(lx, ',')) && mailaddr_route(lx) == -1)
		return (-1);
	mailaddr_words(lx, &w, a);
	if (!mailaddr_islocal(&w))
		return (-1);
	if (lex_is(lx, '@')) {
		if (mailaddr_spec(lx, &w, a) == -1)
			return (-1);
	} else if (!(flags & MAILADDR_BARE))
		return (-1);
	if (!lex_is(lx, '>'))
		return (-1);
	lex_next(lx);
	return (0);
}

/* Reads a source route, "@domain,@domain:", which may have empty elements and has at least one domain. */
static int
mailaddr_route(struct lex *lx)
{
	struct mailaddr	 hop;
	int		 hops = 0, comma = 1;

	while (!lex_is(lx, ':')) {
		if (lex_is(lx, ',')) {
			comma = 1;
			lex_next(lx);
			continue;
		}
		if (!comma || !lex_is(lx, '@') || mailaddr_domain(lx, &hop) == -1)
			return (-1);
		hops++;
		comma = 0;
	}
	lex_next(lx);
	return (hops > 0 ? 0 : -1);
}

static void
mailaddr_words(struct lex *lx, struct words *w, struct mailaddr *a)
{
	int	 dot = 1, first = 1;	/* dot: the last token was a dot, or there was no token yet */

	memset(w, 0, sizeof(*w));
	for (; lx->tok == LEX_ATOM || lx->tok == LEX_QUOTED || lex_is(lx, '.'); first = 0) {
		if (!first && lex_gap(lx))
			w->gap = 1;
		if (lex_is(lx, '.')) {
			if (dot)
				w->dots = 1;
			if (w->len < MAILADDR_LOCAL_MAX)
				a->local[w->len++] = '.';
			else
				w->unfit = 1;
			dot = 1;
		} else {
			if (!dot)
				w->apart = 1;
			mailaddr_word(lx, w, a);
			dot = 0;
		}
		lex_next(lx);
	}
	a->local[w->len] = '\0';
	if (dot)
		w->dots = 1;
	if (lex_is(lx, '@') && lex_gap(lx))
		w->gap = 1;
}

/* Appends the current word to the local part, unquoted and unfolded. */
static void
mailaddr_word(const struct lex *lx, struct words *w, struct mailaddr *a)
{
	size_t	 i;

	w->n++;
	if (lx->tok == LEX_QUOTED)
		w->quoted = 1;
	if (lx->n == 0 || lx->rough)
		w->unfit = 1;
	for (i = 0; i < lx->n && !w->unfit; i++) {
		if (lx->tok == LEX_QUOTED) {
			if (lx->s[i] == '\r' || lx->s[i] == '\n')
				continue;
			if (lx->s[i] == '\\' && ++i == lx->n)
				break;
		}
		if (w->len == MAILADDR_LOCAL_MAX || lx->s[i] < ' ' || lx->s[i] == 0x7f) {
			w->unfit = 1;
			break;
		}
		a->local[w->len++] = lx->s[i];
	}
}

/*
 * Whether a local part will do: dots at an end, or several in a row, only where nothing else can be meant, between atoms without
 * blanks.
 */
static int
mailaddr_islocal(const struct words *w)
{
	return (w->n > 0 && !w->apart && !w->unfit && (!w->dots || (!w->gap && !w->quoted)));
}

/*
 * Reads "@domain" behind the local part in a->local, which w describes.  The domain becomes what DNS has: letters, digits, hyphens
 * and underscores, in labels.
 */
static int
mailaddr_spec(struct lex *lx, const struct words *w, struct mailaddr *a)
{
	size_t	 n;

	if (mailaddr_domain(lx, a) == -1)
		return (-1);
	if (a->domain[0] == '[')
		return (0);
	n = strlen(a->domain);
	if (n > 1 && a->domain[n - 1] == '\'' && a->local[0] == '\'' && a->local[1] != '\0' && !w->quoted) {
		a->domain[n - 1] = '\0';
		memmove(a->local, a->local + 1, w->len);
	}
	return (mailaddr_ascii(a->domain));
}

/*
 * Converts a domain for a lookup as IDNA 2008 has it, with the mapping of TS 46, nontransitional: case, width and form of letters
 * do not matter.  The result is looked at again, as that mapping makes ASCII of other characters, too.
 */
int
mailaddr_ascii(char *domain)
{
	const char	*s;
	char		*ascii;
	size_t		 n;
	int		 dot = 1;

	for (s = domain; *s != '\0' && (unsigned char)*s < 0x80; s++)
		;
	if (*s != '\0') {
		if (idn2_lookup_u8((const uint8_t *)domain, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return (-1);
		n = strlcpy(domain, ascii, MAILADDR_DOMAIN_MAX + 1);
		idn2_free(ascii);
		if (n > MAILADDR_DOMAIN_MAX)
			return (-1);
	}
	for (s = domain; *s != '\0'; s++) {
		if (*s == '.' ? dot : !(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && *s != '-' && *s != '_')
			return (-1);
		dot = *s == '.';
	}
	return (dot ? -1 : 0);
}

/* Reads a domain, from the token '@' up to the token behind the domain.  A dot at its end is left out. */
static int
mailaddr_domain(struct lex *lx, struct mailaddr *a)
{
	size_t	 n = 0;
	int	 gap;

	a->domain[0] = '\0';
	lex_next(lx);
	if (lx->tok == LEX_LITERAL) {
		if (lx->rough || mailaddr_domain_add(a, &n, (const uint8_t *)"[", 1) == -1 ||
		    mailaddr_domain_add(a, &n, lx->s, lx->n) == -1 || mailaddr_domain_add(a, &n, (const uint8_t *)"]", 1) == -1)
			return (-1);
		lex_next(lx);
		return (0);
	}
	for (;;) {
		if (lx->tok != LEX_ATOM || lx->rough || mailaddr_domain_add(a, &n, lx->s, lx->n) == -1)
			return (-1);
		lex_next(lx);
		if (!lex_is(lx, '.'))
			return (0);
		gap = lex_gap(lx);
		lex_next(lx);
		if (!gap && (lex_is(lx, '>') || lex_ends(lx)))
			return (0);
		if (mailaddr_domain_add(a, &n, (const uint8_t *)".", 1) == -1)
			return (-1);
	}
}

static int
mailaddr_domain_add(struct mailaddr *a, size_t *n, const uint8_t *s, size_t len)
{
	if (len > MAILADDR_DOMAIN_MAX - *n)
		return (-1);
	memcpy(a->domain + *n, s, len);
	*n += len;
	a->domain[*n] = '\0';
	mailaddr_lower(a->domain + *n - len);
	return (0);
}

/* Whether octets are a dot-atom, which needs no quotes. */
static int
mailaddr_isdotted(const char *s)
{
	int	 dot = 1;

	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (dot)
				return (0);
			dot = 1;
		} else if (lex_atext((unsigned char)*s))
			dot = 0;
		else
			return (0);
	}
	return (!dot);
}

static int
mailaddr_add(char *buf, size_t size, size_t *n, const char *s)
{
	size_t	 len = strlen(s);

	if (len >= size || *n >= size - len)
		return (-1);
	memcpy(buf + *n, s, len + 1);
	*n += len;
	return (0);
}

/* Makes a letter of ASCII lower case; octets over 0x7f stay as they are, whatever the locale is. */
static void
mailaddr_lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
}
