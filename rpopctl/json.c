/* SPDX-License-Identifier: ISC */
/* -j: one JSON object per command (RFC 8259), times as RFC 3339 UTC strings, null for what never happened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "rpopctl.h"

static size_t	 utf8_length(const uint8_t *, size_t);
static void	 json_key(FILE *, const char *);
static void	 json_text(FILE *, const char *, const char *);
static void	 json_number(FILE *, const char *, uint64_t);
static void	 json_bool(FILE *, const char *, int);
static void	 json_time(FILE *, const char *, int64_t);
static void	 json_status(FILE *, const struct ctl_daemon *);
static void	 json_record(FILE *, const struct ctl_record *);

/*
 * A quoted string that is valid UTF-8 whatever the octets are: each octet that is no part of a well-formed sequence becomes
 * U+FFFD; C0 and C1 controls, which a terminal might obey, are written as \u escapes.
 */
void
json_string(FILE *fp, const char *s, size_t len)
{
	const uint8_t	*p = (const uint8_t *)s;
	size_t		 n;

	putc('"', fp);
	for (; len > 0; p += n, len -= n) {
		n = utf8_length(p, len);
		if (n == 0) {
			fputs("\\ufffd", fp);
			n = 1;
		} else if (*p == '"' || *p == '\\')
			fprintf(fp, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(fp, "\\u%04x", *p);
		else if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
			fprintf(fp, "\\u%04x", p[1]);
		else
			fwrite(p, 1, n, fp);
	}
	putc('"', fp);
}

void
json_reply(FILE *fp, const struct request *req, const struct reply *rep)
{
	size_t	 i;

	putc('{', fp);
	if (rep->ok && req->queue) {
		queue_json(fp, rep);
		return;
	}
	if (rep->ok && req->lines) {
		lines_json(fp, rep);
		return;
	}
	if (!rep->ok || !req->listing) {
		fprintf(fp, "\"ok\":%s", rep->ok ? "true" : "false");
		json_text(fp, "text", rep->text.text);
		if (req->type == IMSG_CTL_TRY)
			tried_json(fp, rep);
		fputs("}\n", fp);
		return;
	}
	if (rep->has_status) {
		json_status(fp, &rep->status);
		putc(',', fp);
	}
	fputs("\"records\":[", fp);
	for (i = 0; i < rep->nrecords; i++) {
		if (i > 0)
			putc(',', fp);
		json_record(fp, &rep->records[i]);
	}
	fputs("]}\n", fp);
}

static void
json_status(FILE *fp, const struct ctl_daemon *st)
{
	fputs("\"daemon\":{\"version\":", fp);
	json_string(fp, st->version, strlen(st->version));
	json_time(fp, "started", st->started);
	json_time(fp, "loaded", st->loaded);
	json_bool(fp, "config_changed", st->config_changed);
	json_text(fp, "load_error", st->load_error);
	json_number(fp, "records", st->records);
	json_number(fp, "enabled", st->enabled);
	json_number(fp, "sessions", st->sessions);
	json_number(fp, "processors", st->processors);
	json_number(fp, "pending", st->pending);
	json_number(fp, "waiting", st->waiting);
	json_number(fp, "quarantined", st->quarantined);
	json_number(fp, "reports", st->reports);
	json_number(fp, "aside", st->aside);
	json_number(fp, "suspects", st->suspects);
	json_number(fp, "oversize", st->oversize);
	json_text(fp, "mail_root_error", st->root_error);
	json_number(fp, "blocked_maildirs", st->places);
	json_text(fp, "blocked_maildir", st->place);
	json_number(fp, "unknown_files", st->unknown);
	json_text(fp, "log_level", log_level_str(st->log_level));
	putc('}', fp);
}

static void
json_record(FILE *fp, const struct ctl_record *r)
{
	fputs("{\"account\":", fp);
	json_string(fp, r->account, strlen(r->account));
	json_text(fp, "name", r->name);
	json_text(fp, "host", r->host);
	json_number(fp, "port", r->port);
	json_text(fp, "tls", tls_mode_str(r->tls));
	json_text(fp, "user", r->user);
	json_text(fp, "mode", r->mode);
	json_bool(fp, "leave", r->leave != 0);
	json_bool(fp, "enabled", r->enabled != 0);
	json_number(fp, "period", r->period);
	json_text(fp, "state", r->state);
	json_time(fp, "last_success", r->last_success);
	json_time(fp, "last_attempt", r->last_attempt);
	json_text(fp, "last_error", r->error);
	json_number(fp, "failures", r->failures);
	json_time(fp, "next_poll", r->next_poll);
	json_number(fp, "login_delay", r->login_delay);
	if (r->expire == UINT32_MAX)
		json_text(fp, "expire", "");
	else
		json_number(fp, "expire", r->expire);
	json_number(fp, "polls", r->polls);
	json_number(fp, "messages", r->messages);
	json_number(fp, "octets", r->octets);
	json_number(fp, "kept", r->kept);
	json_number(fp, "undeleted", r->undeleted);
	json_number(fp, "waiting", r->waiting);
	json_number(fp, "quarantined", r->quarantined);
	json_number(fp, "suspects", r->suspects);
	json_number(fp, "aside", r->aside);
	json_number(fp, "unfound", r->unfound);
	json_number(fp, "refused", r->refused);
	json_text(fp, "origin", r->origin);
	putc('}', fp);
}

/* Octets of the well-formed UTF-8 sequence at p (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0 if there is none. */
static size_t
utf8_length(const uint8_t *p, size_t len)
{
	uint8_t	 lo = 0x80, hi = 0xbf;
	size_t	 n, i;

	if (p[0] < 0x80)
		return (1);
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return (0);
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return (0);
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return (0);
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return (0);
	return (n);
}

static void
json_key(FILE *fp, const char *key)
{
	fprintf(fp, ",\"%s\":", key);
}

/* Empty strings mean "none" throughout the control protocol. */
static void
json_text(FILE *fp, const char *key, const char *value)
{
	json_key(fp, key);
	if (*value == '\0')
		fputs("null", fp);
	else
		json_string(fp, value, strlen(value));
}

static void
json_number(FILE *fp, const char *key, uint64_t value)
{
	json_key(fp, key);
	fprintf(fp, "%" PRIu64, value);
}

static void
json_bool(FILE *fp, const char *key, int value)
{
	json_key(fp, key);
	fputs(value ? "true" : "false", fp);
}

static void
json_time(FILE *fp, const char *key, int64_t when)
{
	char	 buf[64];

	text_utc(buf, sizeof(buf), when);
	if (when == 0 || *buf == '?')
		*buf = '\0';
	json_text(fp, key, buf);
}
