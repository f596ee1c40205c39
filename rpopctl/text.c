/* SPDX-License-Identifier: ISC */
/*
 * Times, sizes and strings as people read them.  A function with dst fills it, always terminated, and returns it.  Times are
 * seconds since the epoch.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpopctl.h"

static int	 text_time_ok(const struct tm *);

/*
 * Everything but printable ASCII becomes an octal escape, as vis(3) writes it; what does not fit is left out, never half an
 * escape.  Backslashes are not doubled: the daemon's texts are encoded already, and encoding them once more must not change
 * them.  Not strnvis(3): libbsd 0.11's writes one octet beyond a buffer that is too small.
 */
char *
text_vis(char *dst, size_t size, const char *src)
{
	size_t	 used = 0, n;
	uint8_t	 c;

	for (; (c = *src) != '\0'; src++, used += n) {
		n = c >= 0x20 && c < 0x7f ? 1 : 4;
		if (used + n >= size)
			break;
		if (n == 1)
			dst[used] = c;
		else
			snprintf(dst + used, size - used, "\\%03o", c);
	}
	dst[used] = '\0';
	return (dst);
}

/* Shorten s in place to at most width columns, with an ellipsis if there is room for one; width 0 leaves it alone. */
char *
text_cut(char *s, size_t width)
{
	if (width == 0 || strlen(s) <= width)
		return (s);
	s[width] = '\0';
	if (width > 6)
		memcpy(s + width - 3, "...", 3);
	return (s);
}

/* Copy one line of text without its end; returns what is behind it. */
const char *
text_line(const char *text, char *line, size_t size)
{
	size_t	 n = strcspn(text, "\n");

	snprintf(line, size, "%.*s", (int)n, text);
	return (text + n + (text[n] == '\n'));
}

/* A length of time in its largest fitting unit. */
char *
text_span(char *dst, size_t size, int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 100)
		snprintf(dst, size, "%lld s", (long long)seconds);
	else if (seconds < 100 * 60)
		snprintf(dst, size, "%lld min", (long long)seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(dst, size, "%lld h", (long long)seconds / 3600);
	else
		snprintf(dst, size, "%lld days", (long long)seconds / 86400);
	return (dst);
}

/* How long before now that was; "never" for 0. */
char *
text_ago(char *dst, size_t size, int64_t now, int64_t when)
{
	char	 span[32];

	if (when == 0)
		strlcpy(dst, "never", size);
	else if (when >= now)
		strlcpy(dst, "just now", size);
	else
		snprintf(dst, size, "%s ago", text_span(span, sizeof(span), now - when));
	return (dst);
}

/* How long after now that is; "-" for 0. */
char *
text_until(char *dst, size_t size, int64_t now, int64_t when)
{
	char	 span[32];

	if (when == 0)
		strlcpy(dst, "-", size);
	else if (when <= now)
		strlcpy(dst, "now", size);
	else
		snprintf(dst, size, "in %s", text_span(span, sizeof(span), when - now));
	return (dst);
}

/* Local date and time; "never" for 0, "?" for a year that four digits cannot hold. */
char *
text_local(char *dst, size_t size, int64_t when)
{
	struct tm	 tm;
	time_t		 t = when;

	if (when == 0)
		strlcpy(dst, "never", size);
	else if (!text_time_ok(localtime_r(&t, &tm)) || strftime(dst, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strlcpy(dst, "?", size);
	return (dst);
}

/* A time as RFC 3339 has it, in UTC; "?" if that cannot express it. */
char *
text_utc(char *dst, size_t size, int64_t when)
{
	struct tm	 tm;
	time_t		 t = when;

	if (!text_time_ok(gmtime_r(&t, &tm)) || strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strlcpy(dst, "?", size);
	return (dst);
}

/* A size in decimal units. */
char *
text_octets(char *dst, size_t size, uint64_t octets)
{
	static const char *const	 units[] = { "kB", "MB", "GB", "TB", "PB" };
	double				 v = octets;
	size_t				 i = 0;

	if (octets < 1000) {
		snprintf(dst, size, "%u octets", (unsigned)octets);
		return (dst);
	}
	for (v /= 1000; v >= 999.95 && i + 1 < nitems(units); v /= 1000)
		i++;
	snprintf(dst, size, "%.1f %s", v, units[i]);
	return (dst);
}

/* A number with a comma ahead of each group of three digits. */
char *
text_number(char *dst, size_t size, uint64_t number)
{
	char	 digits[32];
	size_t	 i, n = snprintf(digits, sizeof(digits), "%" PRIu64, number), used = 0;

	for (i = 0; i < n && used + 2 < size; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			dst[used++] = ',';
		dst[used++] = digits[i];
	}
	dst[used] = '\0';
	return (dst);
}

/* How far the session of the record is with its retrieval; empty, if it retrieves nothing. */
char *
text_progress(char *dst, size_t size, const struct ctl_record *r)
{
	char	 done[32], planned[32], octets[32], all[48] = "", left[48] = "", span[32];

	*dst = '\0';
	if (r->planned == 0)
		return (dst);
	if (r->planned_octets != 0) {
		text_octets(octets, sizeof(octets), r->planned_octets);
		snprintf(all, sizeof(all), " of %s", octets);
	}
	if (r->seconds_left != UINT32_MAX)
		snprintf(left, sizeof(left), ", %s left", text_span(span, sizeof(span), r->seconds_left));
	snprintf(dst, size, "%s of %s messages, %s%s%s", text_number(done, sizeof(done), r->fetched),
	    text_number(planned, sizeof(planned), r->planned), text_octets(octets, sizeof(octets), r->fetched_octets), all, left);
	return (dst);
}

/* 1: the year has four digits; any other is not shown as if it were a time. */
static int
text_time_ok(const struct tm *tm)
{
	return (tm != NULL && tm->tm_year >= -1900 && tm->tm_year <= 8099);
}
