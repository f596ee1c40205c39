/* SPDX-License-Identifier: ISC */
/* Names for the numbers on the wire, and what its strings may be. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <string.h>

#include "common/compat.h"
#include "proto.h"

static const char	*proto_name(const char *const *, size_t, uint32_t);

static const char *const imsg_types[IMSG_MAX] = {
	[IMSG_READY] = "READY",
	[IMSG_LOG] = "LOG",
	[IMSG_LOG_LEVEL] = "LOG_LEVEL",
	[IMSG_DIAL] = "DIAL",
	[IMSG_DIAL_CANCEL] = "DIAL_CANCEL",
	[IMSG_DIALED] = "DIALED",
	[IMSG_DIAL_FAILED] = "DIAL_FAILED",
	[IMSG_FORK] = "FORK",
	[IMSG_FORK_KILL] = "FORK_KILL",
	[IMSG_FORK_EXIT] = "FORK_EXIT",
	[IMSG_FETCH_SOCKET] = "FETCH_SOCKET",
	[IMSG_FETCH_PIPE] = "FETCH_PIPE",
	[IMSG_FETCH_START] = "FETCH_START",
	[IMSG_FETCH_CA] = "FETCH_CA",
	[IMSG_FETCH_CERT] = "FETCH_CERT",
	[IMSG_FETCH_KEY] = "FETCH_KEY",
	[IMSG_FETCH_SECRET] = "FETCH_SECRET",
	[IMSG_FETCH_STAT] = "FETCH_STAT",
	[IMSG_FETCH_UIDS] = "FETCH_UIDS",
	[IMSG_FETCH_SIZES] = "FETCH_SIZES",
	[IMSG_FETCH_LISTED] = "FETCH_LISTED",
	[IMSG_FETCH_PROGRESS] = "FETCH_PROGRESS",
	[IMSG_FETCH_FINGERPRINTS] = "FETCH_FINGERPRINTS",
	[IMSG_FETCH_LIST] = "FETCH_LIST",
	[IMSG_FETCH_PLAN] = "FETCH_PLAN",
	[IMSG_FETCH_PLAN_END] = "FETCH_PLAN_END",
	[IMSG_FETCH_VERDICT] = "FETCH_VERDICT",
	[IMSG_FETCH_STOP] = "FETCH_STOP",
	[IMSG_FETCH_CUT] = "FETCH_CUT",
	[IMSG_FETCH_SKIPPED] = "FETCH_SKIPPED",
	[IMSG_FETCH_DENIED] = "FETCH_DENIED",
	[IMSG_FETCH_DELETED] = "FETCH_DELETED",
	[IMSG_FETCH_DONE] = "FETCH_DONE",
	[IMSG_FETCH_FAILED] = "FETCH_FAILED",
	[IMSG_MSG_BEGIN] = "MSG_BEGIN",
	[IMSG_MSG_DATA] = "MSG_DATA",
	[IMSG_MSG_END] = "MSG_END",
	[IMSG_MSG_ABORT] = "MSG_ABORT",
	[IMSG_ROUTE_START] = "ROUTE_START",
	[IMSG_ROUTE_ACCOUNT] = "ROUTE_ACCOUNT",
	[IMSG_ROUTE_END] = "ROUTE_END",
	[IMSG_REPLAY] = "REPLAY",
	[IMSG_REPLAY_END] = "REPLAY_END",
	[IMSG_ROOT] = "ROOT",
	[IMSG_ROOT_COUNTER] = "ROOT_COUNTER",
	[IMSG_SPENT] = "SPENT",
	[IMSG_ROOTED] = "ROOTED",
	[IMSG_REPLAYED] = "REPLAYED",
	[IMSG_PLACE] = "PLACE",
	[IMSG_ASIDE] = "ASIDE",
	[IMSG_ASIDE_ACT] = "ASIDE_ACT",
	[IMSG_ASIDE_DONE] = "ASIDE_DONE",
	[IMSG_SESSION_OPEN] = "SESSION_OPEN",
	[IMSG_COMMITTED] = "COMMITTED",
	[IMSG_SUSPECT] = "SUSPECT",
	[IMSG_RECOVERED] = "RECOVERED",
	[IMSG_RECEIPT] = "RECEIPT",
	[IMSG_RECEIPT_RCPT] = "RECEIPT_RCPT",
	[IMSG_BATCH] = "BATCH",
	[IMSG_SETTLED] = "SETTLED",
	[IMSG_REFUSED] = "REFUSED",
	[IMSG_SESSION_CLOSED] = "SESSION_CLOSED",
	[IMSG_NOTICE] = "NOTICE",
	[IMSG_NOTICED] = "NOTICED",
	[IMSG_TOKEN_START] = "TOKEN_START",
	[IMSG_TOKEN_CA] = "TOKEN_CA",
	[IMSG_TOKEN_CLIENT] = "TOKEN_CLIENT",
	[IMSG_TOKEN_REFRESH] = "TOKEN_REFRESH",
	[IMSG_TOKEN_ROTATED] = "TOKEN_ROTATED",
	[IMSG_TOKEN_GRANTED] = "TOKEN_GRANTED",
	[IMSG_TOKEN_FAILED] = "TOKEN_FAILED",
	[IMSG_CTL_STATUS] = "CTL_STATUS",
	[IMSG_CTL_ACCOUNT] = "CTL_ACCOUNT",
	[IMSG_CTL_RECORD] = "CTL_RECORD",
	[IMSG_CTL_RELOAD] = "CTL_RELOAD",
	[IMSG_CTL_POLL] = "CTL_POLL",
	[IMSG_CTL_LOG_LEVEL] = "CTL_LOG_LEVEL",
	[IMSG_CTL_STOP] = "CTL_STOP",
	[IMSG_CTL_RENUMBER] = "CTL_RENUMBER",
	[IMSG_CTL_FORGET] = "CTL_FORGET",
	[IMSG_ROUTE_DOMAIN] = "ROUTE_DOMAIN",
	[IMSG_ROUTE_ROWS] = "ROUTE_ROWS",
	[IMSG_HOLD] = "HOLD",
	[IMSG_RECEIPT_NOTE] = "RECEIPT_NOTE",
	[IMSG_SPOOL_OPEN] = "SPOOL_OPEN",
	[IMSG_SPOOL_OPENED] = "SPOOL_OPENED",
	[IMSG_SPOOL_REMOVE] = "SPOOL_REMOVE",
	[IMSG_SPOOL_MOVE] = "SPOOL_MOVE",
	[IMSG_SPOOL_MOVED] = "SPOOL_MOVED",
	[IMSG_REPORT] = "REPORT",
	[IMSG_REPORT_RCPT] = "REPORT_RCPT",
	[IMSG_REPORTED] = "REPORTED",
	[IMSG_ROUTE_ASK] = "ROUTE_ASK",
	[IMSG_ROUTE_TOLD] = "ROUTE_TOLD",
	[IMSG_TRIED] = "TRIED",
	[IMSG_SEND_START] = "SEND_START",
	[IMSG_SEND_CA] = "SEND_CA",
	[IMSG_SEND_SECRET] = "SEND_SECRET",
	[IMSG_SEND_MAIL] = "SEND_MAIL",
	[IMSG_SEND_RCPT] = "SEND_RCPT",
	[IMSG_SEND_QUIT] = "SEND_QUIT",
	[IMSG_SENT_RCPT] = "SENT_RCPT",
	[IMSG_SENT_MAIL] = "SENT_MAIL",
	[IMSG_SENT_END] = "SENT_END",
	[IMSG_CTL_ROUTE] = "CTL_ROUTE",
	[IMSG_CTL_TRY] = "CTL_TRY",
	[IMSG_CTL_TRIED] = "CTL_TRIED",
	[IMSG_CTL_EXPLAIN] = "CTL_EXPLAIN",
	[IMSG_CTL_QUEUE] = "CTL_QUEUE",
	[IMSG_CTL_RETRY] = "CTL_RETRY",
	[IMSG_CTL_MOVE] = "CTL_MOVE",
	[IMSG_CTL_QUARANTINE] = "CTL_QUARANTINE",
	[IMSG_CTL_LINE] = "CTL_LINE",
	[IMSG_CTL_END] = "CTL_END",
	[IMSG_CTL_OK] = "CTL_OK",
	[IMSG_CTL_FAIL] = "CTL_FAIL",
};

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

/* As the tls column of rpopd.db spells them. */
static const char *const tls_modes[] = {
	[TLS_MODE_TLS] = "tls",
	[TLS_MODE_STLS] = "stls",
	[TLS_MODE_NONE] = "none",
};

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

/* Never NULL, so that a peer's nonsense can be logged. */
static const char *
proto_name(const char *const *names, size_t n, uint32_t value)
{
	if (value >= n || names[value] == NULL)
		return ("unknown");
	return (names[value]);
}

const char *
imsg_type_str(uint32_t type)
{
	return (proto_name(imsg_types, nitems(imsg_types), type));
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

int
proto_client(const char *s, size_t size)
{
	struct in6_addr	 in6;
	struct in_addr	 in;

	return (proto_str(s, size) && (s[0] == '\0' || inet_pton(AF_INET, s, &in) == 1 || inet_pton(AF_INET6, s, &in6) == 1));
}
