/* SPDX-License-Identifier: ISC */
/* Accounts of an mpoprc, as its commands made them. */
#ifndef MPOP_INT_H
#define MPOP_INT_H

#include "import_int.h"

enum mpop_command {
	MPOP_AUTH, MPOP_DELIVERY, MPOP_FILTER, MPOP_HOST, MPOP_KEEP, MPOP_KILLSIZE, MPOP_NTLMDOMAIN, MPOP_ONLY_NEW, MPOP_PASSWORD,
	MPOP_PASSWORDEVAL, MPOP_PIPELINING, MPOP_PORT, MPOP_PROXY_HOST, MPOP_PROXY_PORT, MPOP_RECEIVED_HEADER, MPOP_SKIPSIZE, MPOP_SOCKET,
	MPOP_SOURCE_IP, MPOP_TIMEOUT, MPOP_TLS, MPOP_TLS_CERT_FILE, MPOP_TLS_CERTCHECK, MPOP_TLS_CRL_FILE, MPOP_TLS_FINGERPRINT,
	MPOP_TLS_FORCE_SSLV3, MPOP_TLS_HOST_OVERRIDE, MPOP_TLS_KEY_FILE, MPOP_TLS_MIN_DH_PRIME_BITS, MPOP_TLS_PRIORITIES,
	MPOP_TLS_STARTTLS, MPOP_TLS_TRUST_FILE, MPOP_UIDLS_FILE, MPOP_USER,
	MPOP_EVAL,			/* a line that a program writes */
	MPOP_COMMANDS
};

struct mpop_value {
	const char	*text;		/* the argument; NULL: none, or the command was not given */
	unsigned int	 line;		/* 0: the command was not given */
	int		 own;		/* it was given in the account or one that it names, not in defaults */
};

struct mpop_account {
	const char		*id;
	unsigned int		 line;
	struct mpop_value	 values[MPOP_COMMANDS];
};

int64_t	 mpop_number(const char *);		/* -1: it is none */
int64_t	 mpop_size(const char *);		/* likewise, with k and m behind it */

/* The record that an account becomes; -1 with an error. */
int	 mpop_record(struct import *, const struct mpop_account *);
int	 mpop_seen(struct import *, const char *, const char *, size_t);

#endif
