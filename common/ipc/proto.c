/* SPDX-License-Identifier: ISC */
/* Names of the numbers that messages carry, and what strings in them may be. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <string.h>

#include "common/compat.h"
#include "proto.h"

static const char	*proto_name(const char *const *, size_t, uint32_t);

static const char *const fail_whys[WHY_MAX] = {
	[WHY_NONE] = "no failure",
	[WHY_DNS_TEMP] = "host name lookup failed for now",
	[WHY_DNS_PERM] = "no such host",
	[WHY_REFUSED] = "connection refused",
	[WHY_UNREACHABLE] = "host unreachable",
	[WHY_TIMEOUT] = "timed out",
	[WHY_TLS] = "TLS failed",
	[WHY_AUTH] = "login refused",
	[WHY_BUSY] = "mailbox busy",
	[WHY_PROTO] = "protocol error",
	[WHY_CLOSED] = "connection lost",
	[WHY_CONFIG] = "record cannot work as written",
	[WHY_LOCAL_TEMP] = "local problem",
	[WHY_STOPPED] = "stopped",
	[WHY_TOO_SOON] = "too soon",
	[WHY_ALERT] = "the server has a message for the user",
	[WHY_SERVER_TEMP] = "server trouble",
	[WHY_SERVER_PERM] = "server trouble that needs its administrator",
	[WHY_SELF] = "address is our own",
	[WHY_POLICY] = "address not allowed",
	[WHY_TOKEN_TEMP] = "no access token for now",
	[WHY_TOKEN_PERM] = "OAuth grant refused",
	[WHY_RENUMBERED] = "messages were renumbered",
	[WHY_CROWDED] = "no progress while others waited",
	[WHY_BUDGET] = "too many messages listed at once",
};

static const char *const fetch_stages[STAGE_MAX] = {
	[STAGE_CONNECT] = "connect",
	[STAGE_TLS] = "TLS",
	[STAGE_GREETING] = "greeting",
	[STAGE_CAPA] = "CAPA",
	[STAGE_LOGIN] = "login",
	[STAGE_LIST] = "listing",
	[STAGE_RETR] = "RETR",
	[STAGE_DELE] = "DELE",
	[STAGE_QUIT] = "QUIT",
	[STAGE_DELIVER] = "delivery",
	[STAGE_TOKEN] = "OAuth token",
};

/* Modes of TLS, as column tls of rpopd.db spells them. */
static const char *const tls_modes[] = {
	[TLS_MODE_TLS] = "tls",
	[TLS_MODE_STLS] = "stls",
	[TLS_MODE_NONE] = "none",
};

/* Mechanisms, as column auth spells them. */
static const char *const auth_mechs[AUTH_MAX] = {
	[AUTH_AUTO] = "auto",
	[AUTH_EXTERNAL] = "external",
	[AUTH_OAUTHBEARER] = "oauthbearer",
	[AUTH_XOAUTH2] = "xoauth2",
	[AUTH_SCRAM_SHA_256] = "scram-sha-256",
	[AUTH_SCRAM_SHA_1] = "scram-sha-1",
	[AUTH_CRAM_MD5] = "cram-md5",
	[AUTH_PLAIN] = "plain",
	[AUTH_LOGIN] = "login",
	[AUTH_USER] = "user",
	[AUTH_APOP] = "apop",
	[AUTH_NTLM] = "ntlm",
	[AUTH_MSN] = "msn",
};

/* The name of a value; never NULL, so that a peer's nonsense can be logged. */
static const char *
proto_name(const char *const *names, size_t n, uint32_t value)
{
	if (value >= n || names[value] == NULL)
		return ("unknown");
	return (names[value]);
}

const char *
fail_why_str(uint32_t why)
{
	return (proto_name(fail_whys, nitems(fail_whys), why));
}

const char *
fetch_stage_str(uint32_t stage)
{
	return (proto_name(fetch_stages, nitems(fetch_stages), stage));
}

const char *
tls_mode_str(uint32_t mode)
{
	return (proto_name(tls_modes, nitems(tls_modes), mode));
}

const char *
auth_mech_str(uint32_t mech)
{
	return (proto_name(auth_mechs, nitems(auth_mechs), mech));
}

int
proto_str(const char *s, size_t size)
{
	return (memchr(s, '\0', size) != NULL);
}

int
proto_text(const char *s, size_t size)
{
	size_t	 i;

	for (i = 0; i < size && s[i] != '\0'; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return (0);
	return (i < size);
}

/*
 * Eight octets at a time, since listings have millions of them: one below 0x21 borrows from its highest bit, one above 0x7e has that
 * or carries into it.  What an octet does to the one beside it counts only where it is not right itself.
 */
int
proto_visible(const void *data, size_t len)
{
	const uint64_t	 ones = 0x0101010101010101ULL, high = ones << 7;
	const uint8_t	*p = data;
	uint64_t	 word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if ((((word - ones * 0x21) & ~word) | (word + ones) | word) & high)
			return (0);
	}
	for (; len > 0; p++, len--)
		if (*p < 0x21 || *p > 0x7e)
			return (0);
	return (1);
}

int
proto_client(const char *s, size_t size)
{
	struct in6_addr	 in6;
	struct in_addr	 in;

	return (proto_str(s, size) && (s[0] == '\0' || inet_pton(AF_INET, s, &in) == 1 || inet_pton(AF_INET6, s, &in6) == 1));
}
