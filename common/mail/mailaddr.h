/* SPDX-License-Identifier: ISC */
/* Internet mail addresses (RFC 5322 sections 3.4 and 4.4, RFC 6532), from raw bodies of header fields. */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stddef.h>
#include <stdint.h>

#define MAILADDR_LOCAL_MAX	255	/* octets; RFC 5321 section 4.5.3.1.1 demands 64, but senders of VERP and SRS are longer */
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
	MAILADDR_BARE = 1	/* a bare local part is an address, as in the provider's special fields */
};

/*
 * A function that is called with each mailbox, and with each element that is none: a is NULL then, and text and len are the element
 * as it stands there.  It returns 0 to go on.
 */
typedef int	 mailaddr_cb(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len);

/*
 * Calls cb with every mailbox of an address-list, groups included, in their order.  p is the field's body, raw or unfolded.  An
 * element of doubtful syntax yields no address, and reading goes on behind the next comma or semicolon that is not in quotes,
 * comments or brackets.  A semicolon ends a group; outside of one it parts elements like a comma.  Linear time, no recursion.
 * Returns the number of addresses; *bad (may be NULL) counts the elements that are none.
 */
int	 mailaddr_list(const uint8_t *p, size_t len, int flags, mailaddr_cb *cb, void *arg, int *bad);

/* Reads a Return-Path: "<>", "<addr>" or a bare addr.  1: *a is the address, 0: it is the null reverse-path, -1: it is none. */
int	 mailaddr_path(const uint8_t *p, size_t len, struct mailaddr *a);

/* Writes "local@domain" as RFC 5321 has it, the local part in quotes where needed.  Returns the length, or -1: it does not fit. */
int	 mailaddr_format(const struct mailaddr *, char *buf, size_t size);

/*
 * Turns the U-labels of a domain name, in lower case (of ASCII) and UTF-8, into A-labels.  It has room for MAILADDR_DOMAIN_MAX + 1
 * octets.  0, or -1: it is no domain name, and what is in its place is undefined.
 */
int	 mailaddr_ascii(char *domain);

/* Writes the routing table's key: all in lower case (of ASCII), the local part unquoted.  Returns what mailaddr_format() does. */
int	 mailaddr_key(const struct mailaddr *, const char *default_domain, char *buf, size_t size);

#endif
