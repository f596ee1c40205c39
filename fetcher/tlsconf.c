/* SPDX-License-Identifier: ISC */
/*
 * TLS as a record wants it.  Without wishes a session takes the template's context; with any wish it makes one of its own, from
 * memory, as the root has no file but the trusted CAs.
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <tls.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/tlsclient.h"
#include "fetcher.h"

#define HASH_NAME	"SHA256:"	/* the begin of what tls_peer_cert_hash(3) returns */
#define TLS_OLDEST	12		/* the oldest version, 1.2, that a record need not allow */

static int		 tlsconf_fill(struct tls_config *, unsigned int, const struct msg_fetch_start *, const struct pem *);
static int		 tlsconf_ciphers(struct tls_config *, const struct msg_fetch_start *);
static void		 tlsconf_verify(struct tls_config *, unsigned int);
static uint32_t		 tlsconf_protocols(uint32_t);
static int		 hex_digest(const char *, uint8_t *);

/* The wishes of a record (enum tls_has); 0: the template's context will do. */
unsigned int
tlsconf_has(const struct msg_fetch_start *start, const struct pem *pem)
{
	return ((pem[PEM_CA].len > 0 ? HAS_CA : 0) | (pem[PEM_KEY].len > 0 ? HAS_KEY : 0) |
	    (start->tls_min != 0 && start->tls_min < TLS_OLDEST ? HAS_OLD : 0) | (start->tls_min > TLS_OLDEST ? HAS_13 : 0) |
	    (start->ciphers[0] != '\0' ? HAS_CIPHERS : 0) | (start->npins > 0 ? HAS_PINS : 0));
}

/*
 * A context for this record and the connection fd, ahead of the handshake; pem is not needed afterwards.  NULL on failure, and text
 * has the remedy, which can only be in the record.
 */
struct tls *
tlsconf_special(const struct msg_fetch_start *start, const struct pem *pem, int fd, char *text, size_t size)
{
	const struct pem	*ca = &pem[PEM_CA];
	unsigned int		 has = tlsconf_has(start, pem);
	struct tls_config	*config;

	if ((config = tlsclient_config(ca->len > 0, ca->data, ca->len, TLSCONF_ALPN)) == NULL)
		snprintf(text, size, "out of memory");
	else if (tlsconf_fill(config, has, start, pem) == -1) {
		(void)tlserror_explain(has, tls_config_error(config), text, size);
		tls_config_clear_keys(config);
		tls_config_free(config);
	} else
		return (tlsclient_connect(config, fd, start->tls_name, has, text, size));
	return (NULL);
}

static int
tlsconf_fill(struct tls_config *config, unsigned int has, const struct msg_fetch_start *start, const struct pem *pem)
{
	const struct pem	*cert = &pem[PEM_CERT], *key = &pem[PEM_KEY];

	tlsconf_verify(config, has);
	if (tls_config_set_protocols(config, tlsconf_protocols(start->tls_min)) == -1 || tlsconf_ciphers(config, start) == -1)
		return (-1);
	return (key->len > 0 ? tls_config_set_keypair_mem(config, cert->data, cert->len, key->data, key->len) : 0);
}

/*
 * Sets the ciphers, without anonymous and unencrypted ones, whatever the record says.  TLS 1.0 and 1.1 sign with digests that only
 * OpenSSL's security level 0 takes.
 */
static int
tlsconf_ciphers(struct tls_config *config, const struct msg_fetch_start *start)
{
	const char	*list = start->ciphers, *level = "";
	char		 all[PROTO_CIPHERS_SIZE + 64];
	int		 old = start->tls_min != 0 && start->tls_min < TLS_OLDEST;

	if (!old && list[0] == '\0')
		return (0);		/* libtls's own choice */
	if (list[0] == '\0')
		list = "DEFAULT";
	if (old && strstr(list, "@SECLEVEL=") == NULL)
		level = ":@SECLEVEL=0";
	snprintf(all, sizeof(all), "%s:!aNULL:!eNULL%s", list, level);
	return (tls_config_set_ciphers(config, all));
}

/*
 * With pins nothing else is verified: a pin names the very certificate, to which signer, name and end add nothing, and servers
 * whose certificates are pinned rarely have these in order.  With a CA of the record's own too, both must be right.
 */
static void
tlsconf_verify(struct tls_config *config, unsigned int has)
{
	if ((has & (HAS_PINS | HAS_CA)) != HAS_PINS)
		return;
	tls_config_insecure_noverifycert(config);
	tls_config_insecure_noverifyname(config);
	tls_config_insecure_noverifytime(config);
}

static uint32_t
tlsconf_protocols(uint32_t min)
{
	switch (min) {
	case 10:
		return (TLS_PROTOCOLS_ALL);
	case 11:
		return (TLS_PROTOCOL_TLSv1_1 | TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3);
	case 13:
		return (TLS_PROTOCOL_TLSv1_3);
	default:
		return (TLS_PROTOCOLS_DEFAULT);
	}
}

/*
 * Compares hash, the server's by tls_peer_cert_hash(3), NULL for none, with the pins.  0: there are no pins, or it is one; -1 and a
 * text.
 */
int
tlsconf_pinned(const struct msg_fetch_start *start, const char *hash, char *text, size_t size)
{
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint32_t	 i;

	if (start->npins == 0)
		return (0);
	if (hash == NULL || hex_digest(hash, digest) == -1) {
		snprintf(text, size, "the server showed no certificate that could be compared with tls_pins");
		return (-1);
	}
	for (i = 0; i < start->npins && i < PROTO_PINS_MAX; i++)
		if (memcmp(start->pins[i], digest, sizeof(digest)) == 0)
			return (0);
	snprintf(text, size, "certificate %s is not in tls_pins (if the server's operator confirms that it is theirs, put it"
	    " there; if not, somebody is in between)", hash + strlen(HASH_NAME));
	return (-1);
}

/* Reads "SHA256:" and 64 hexadecimal digits.  0 or -1. */
static int
hex_digest(const char *s, uint8_t *digest)
{
	if (strncmp(s, HASH_NAME, strlen(HASH_NAME)) != 0)
		return (-1);
	s += strlen(HASH_NAME);
	return (strlen(s) == 2 * PROTO_DIGEST_LEN ? hex_decode(digest, PROTO_DIGEST_LEN, s) : -1);
}
