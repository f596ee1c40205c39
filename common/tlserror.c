/* SPDX-License-Identifier: ISC */
/* TLS failures in words: what the library says, and what can be done about it where that is clear. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "compat.h"
#include "log.h"
#include "common/ipc/proto.h"
#include "tlserror.h"

/* What to say of an error: of a table the first row whose part is in the error and whose condition holds. */
struct remedy {
	const char	*part;
	unsigned int	 has;		/* the condition: all these wishes (enum tls_has) */
	const char	*text;
};

/* For the TLS of a record. */
static const struct remedy	 remedies[] = {
	/* about the server's certificate */
	{ "not present in server certificate", 0, "poll the server by a name that its certificate has, or set tls_name to it" },
	{ "unable to get local issuer", HAS_CA, "ca_file does not have the CA that signed it" },
	{ "unable to get local issuer", 0, "put the issuing CA's certificate among the trusted ones, or into ca_file" },
	{ "self signed certificate", HAS_CA, "ca_file does not have this certificate or its signer" },
	{ "self-signed certificate", HAS_CA, "ca_file does not have this certificate or its signer" },
	{ "self signed certificate", 0, "put the signer's certificate into ca_file, or this one's SHA-256 into tls_pins" },
	{ "self-signed certificate", 0, "put the signer's certificate into ca_file, or this one's SHA-256 into tls_pins" },
	{ "unable to verify the first certificate", 0, "put the issuing CA's certificate into ca_file" },
	{ "certificate has expired", 0, "the server needs a new certificate, unless our clock is wrong" },
	{ "not yet valid", 0, "is our clock right?" },
	{ "key too weak", 0, "set tls_ciphers to 'DEFAULT:@SECLEVEL=1' or 0 if the server cannot have a better certificate" },
	{ "md too weak", 0, "set tls_ciphers to 'DEFAULT:@SECLEVEL=1' or 0 if the server cannot have a better certificate" },
	{ "key too small", 0, "set tls_ciphers to 'DEFAULT:@SECLEVEL=1' or 0 if the server cannot do better" },
	/* about versions and ciphers */
	{ "alert protocol version", HAS_13, "the server has no TLS 1.3; lower tls_min" },
	{ "unsupported protocol", HAS_13, "the server has no TLS 1.3; lower tls_min" },
	{ "alert protocol version", HAS_OLD, "the server's TLS is older still than tls_min" },
	{ "unsupported protocol", HAS_OLD, "the server's TLS is older still than tls_min" },
	{ "alert protocol version", 0, "the server is too old for TLS 1.2; if it must be, set tls_min to 1.0 or 1.1" },
	{ "unsupported protocol", 0, "the server is too old for TLS 1.2; if it must be, set tls_min to 1.0 or 1.1" },
	{ "legacy renegotiation", 0, "the server's TLS library lacks RFC 5746 and needs an update" },
	{ "alert insufficient security", 0, "the server wants better ciphers; see tls_ciphers" },
	{ "alert handshake failure", HAS_CIPHERS, "nothing in common: see tls_ciphers and tls_min; or it wants a tls_cert" },
	{ "alert handshake failure", 0, "no cipher in common (tls_ciphers, tls_min), or it wants a tls_cert" },
	/* about the client certificate */
	{ "alert certificate required", 0, "the server wants a client certificate; set tls_cert and tls_key" },
	{ "alert unknown ca", HAS_KEY, "the server does not accept tls_cert: it was not signed by a CA that it trusts" },
	{ "alert bad certificate", HAS_KEY, "the server does not accept tls_cert" },
	{ "alert certificate expired", HAS_KEY, "tls_cert has expired" },
	{ "alert certificate revoked", HAS_KEY, "tls_cert was revoked" },
	{ "alert certificate unknown", HAS_KEY, "the server does not accept tls_cert" },
	{ "alert unsupported certificate", HAS_KEY, "the server does not accept tls_cert; is it one for clients?" },
	{ "alert access denied", HAS_KEY, "the server does not accept tls_cert" },
	{ "alert decrypt error", HAS_KEY, "does the server accept the type of tls_key?" },
	/* about names and ports */
	{ "alert unrecognized name", 0, "the server does not know the name it was asked for; see tls_name" },
	{ "no application protocol", 0, "the server does not offer POP3 (ALPN) here; is the port right?" },
	{ "wrong version number", 0, "this is not TLS; is the port right? or set tls to stls" },
	{ "unexpected eof", HAS_SHAKEN, "the connection was lost" },
	{ "connection reset", HAS_SHAKEN, "the connection was lost" },
	{ "unexpected eof", 0, "the server hung up; is the port right, and does it do TLS 1.2?" },
	{ "connection reset", 0, "the server hung up; is the port right, and does it do TLS 1.2?" },
	/* about the record's own files and lists */
	{ "no ciphers for", 0, "tls_ciphers is no OpenSSL cipher list, see openssl-ciphers(1)" },
	{ "no ciphers available", HAS_CIPHERS, "tls_ciphers has none for the versions that tls_min allows" },
	{ "verify memory setup", HAS_CA, "ca_file has no certificate in PEM that could be read" },
	{ "key mismatch", HAS_KEY, "tls_key is not the key to tls_cert" },
	{ "failed to read private key", HAS_KEY, "tls_key is no private key in PEM, without a passphrase" },
	{ "failed to load private key", HAS_KEY, "tls_key is not the key to tls_cert" },
	{ "load certificate", HAS_KEY, "tls_cert is no certificate in PEM" },
};

/* For the TLS of a next hop. */
static const struct remedy	 hop_remedies[] = {
	{ "not present in server certificate", 0, "set tls_name to the name that the next hop's certificate has" },
	{ "unable to get local issuer", HAS_CA, "ca_file does not have the CA that signed it" },
	{ "unable to get local issuer", 0, "put the issuing CA's certificate among the trusted ones, or into ca_file" },
	{ "self signed certificate", HAS_CA, "ca_file does not have this certificate or its signer" },
	{ "self-signed certificate", HAS_CA, "ca_file does not have this certificate or its signer" },
	{ "self signed certificate", 0, "put the signer's certificate into ca_file" },
	{ "self-signed certificate", 0, "put the signer's certificate into ca_file" },
	{ "unable to verify the first certificate", 0, "put the issuing CA's certificate into ca_file" },
	{ "certificate has expired", 0, "the next hop needs a new certificate, unless our clock is wrong" },
	{ "not yet valid", 0, "is our clock right?" },
	{ "alert protocol version", 0, "the next hop is too old for TLS 1.2" },
	{ "unsupported protocol", 0, "the next hop is too old for TLS 1.2" },
	{ "alert certificate required", 0, "the next hop wants a client certificate, which is not supported" },
	{ "wrong version number", 0, "this is not TLS; are port and tls right?" },
	{ "unexpected eof", HAS_SHAKEN, "the connection was lost" },
	{ "connection reset", HAS_SHAKEN, "the connection was lost" },
	{ "unexpected eof", 0, "the next hop hung up; are port and tls right?" },
	{ "connection reset", 0, "the next hop hung up; are port and tls right?" },
	{ "verify memory setup", HAS_CA, "ca_file has no certificate in PEM that could be read" },
};

static const struct remedy	*remedy_find(const struct remedy *, size_t, unsigned int, const char *);

static const struct remedy *
remedy_find(const struct remedy *rows, size_t n, unsigned int has, const char *error)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcasestr(error, rows[i].part) != NULL && (rows[i].has & ~has) == 0)
			return (&rows[i]);
	return (NULL);
}

/*
 * Puts libtls's error, NULL for none, and its remedy into text.  1: it is an alert, so the peer refuses this TLS; 0: anything else.
 */
int
tlserror_explain(unsigned int has, const char *error, char *text, size_t size)
{
	const struct remedy	*r;
	char			 shown[PROTO_TEXT_SIZE];

	if (error == NULL)
		error = "unknown error";
	log_vis(shown, sizeof(shown), error, strlen(error));
	if (has & HAS_NEXTHOP)
		r = remedy_find(hop_remedies, nitems(hop_remedies), has, error);
	else
		r = remedy_find(remedies, nitems(remedies), has, error);
	if (r != NULL)
		(void)snprintf(text, size, "%.130s (%s)", shown, r->text);
	else
		(void)snprintf(text, size, "%.240s", shown);
	return (strstr(error, "alert") != NULL);
}
