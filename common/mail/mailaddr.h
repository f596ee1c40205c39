/* SPDX-License-Identifier: ISC */
/* Internet mail addresses (RFC 5322 section 3.4 and 4.4, RFC 6532), from raw header field bodies. */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stddef.h>
#include <stdint.h>

#define MAILADDR_LOCAL_MAX	255	/* RFC 5321 4.5.3.1.1 demands 64; real VERP and SRS senders are longer */
#define MAILADDR_DOMAIN_MAX	255

struct mailaddr {
	/*
	 * Unquoted and without comments, NUL-terminated; free of control characters, local valid UTF-8, domain ASCII.  domain is
	 * empty for a bare local part and otherwise in lower case, with A-labels for all that is not ASCII; a domain literal keeps
	 * its brackets.  local keeps its case and is never empty.
	 */
	char	 local[MAILADDR_LOCAL_MAX + 1];
	char	 domain[MAILADDR_DOMAIN_MAX + 1];
};

enum {
	MAILADDR_BARE = 1	/* accept a bare local part (special header fields, S46) */
};

/*
 * Called with each mailbox and each element that is none: a is NULL for those, text and len are the element as it stands there.
 * Returns 0 to go on.
 */
typedef int	 mailaddr_cb(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len);

/*
 * Every mailbox of an address-list, groups included, handed to cb in order.  p is the field's body, raw or unfolded.  Syntax in
 * doubt yields no address for that list element and parsing resumes behind the next comma or semicolon that is not within
 * quotes, comments or brackets.  A semicolon ends a group; outside of one it parts elements like a comma.  Linear time, no
 * recursion.  Returns the number of addresses found; *bad (may be NULL) counts elements dropped.
 */
int	 mailaddr_list(const uint8_t *p, size_t len, int flags, mailaddr_cb *cb, void *arg, int *bad);

/* Return-Path: "<>" or "<addr>" or a bare addr.  1: address in *a, 0: null reverse-path, -1: not understandable. */
int	 mailaddr_path(const uint8_t *p, size_t len, struct mailaddr *a);

/* "local@domain" as RFC 5321 writes it, the local part quoted where needed.  Returns the length, or -1 if it does not fit. */
int	 mailaddr_format(const struct mailaddr *, char *buf, size_t size);

/*
 * A domain name in lower case (ASCII only) and UTF-8, in MAILADDR_DOMAIN_MAX + 1 octets of space: U-labels become A-labels.
 * 0, or -1: it is no domain name; what is in its place then is undefined.
 */
int	 mailaddr_ascii(char *domain);

/* The routing table's key: everything in lower case (ASCII only), local part unquoted.  As mailaddr_format. */
int	 mailaddr_key(const struct mailaddr *, const char *default_domain, char *buf, size_t size);

#endif
