/* SPDX-License-Identifier: ISC */
/* A scripted next hop and a recording master for tests of the sender's engine. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtp_script.h"

struct smtp			 s;
struct msg_send_start		 start;
char				 events[65536];
size_t				 seg;

static struct smtp_mail		 message;
static const char		*content = "", *client = "";
static int			 running;

static void	 event(const char *, ...) __attribute__((__format__(printf, 1, 2)));
static void	 forget(void);

static void
event(const char *fmt, ...)
{
	va_list	 ap;
	size_t	 n = strlen(events);

	va_start(ap, fmt);
	assert_true(vsnprintf(events + n, sizeof(events) - n, fmt, ap) < (int)(sizeof(events) - n));
	va_end(ap);
}

static void
on_rcpt(void *arg, uint32_t i, const struct smtp_rcpt *r)
{
	static const char *const	 names[] = { "?", "accepted", "temp", "perm", "doubt" };

	assert_ptr_equal(arg, &s);
	event("%u %s %u %s %s\n", i, names[r->result], r->code, r->status, r->text);
}

static void
on_mail(void *arg)
{
	assert_ptr_equal(arg, &s);
	event("done\n");
}

static void
forget(void)
{
	uint32_t	 i;

	for (i = 0; i < message.n; i++) {
		free(message.rcpts[i].address);
		free(message.rcpts[i].original);
		free(message.rcpts[i].text);
	}
	free(message.rcpts);
	memset(&message, 0, sizeof(message));
}

void
setup(enum send_protocol protocol, enum tls_mode tls, const char *user)
{
	memset(&start, 0, sizeof(start));
	start.protocol = protocol;
	start.tls = tls;
	start.auth = user != NULL;
	start.timeout = 300000;
	strlcpy(start.helo, "us.example", sizeof(start.helo));
	strlcpy(start.tls_name, "hop.example", sizeof(start.tls_name));
	strlcpy(start.user, user != NULL ? user : "", sizeof(start.user));
}

void
begin(const char *secret)
{
	static const struct smtp_ops	 ops = { on_rcpt, on_mail };

	sasl_warm();
	if (running)
		smtp_free(&s);
	forget();
	running = 1;
	client = "";
	events[0] = '\0';
	assert_int_equal(smtp_init(&s, &ops, &s, &start, secret, strlen(secret)), 0);
}

int
say(const char *text)
{
	size_t	 n, len = strlen(text);

	for (; len > 0; text += n, len -= n) {
		n = seg == 0 || seg > len ? len : seg;
		if (smtp_input(&s, (const uint8_t *)text, n) == -1)
			return (-1);
	}
	return (0);
}

const char *
sent(void)
{
	static char	 out[262144];
	size_t		 n = buf_len(&s.out);

	assert_true(n < sizeof(out));
	if (n > 0)
		memcpy(out, buf_data(&s.out), n);
	out[n] = '\0';
	smtp_sent(&s, n);
	return (out);
}

void
mail_from(const char *address)
{
	client = address;
}

void
mail(const char *sender, enum notify notify, const char *text, ...)
{
	struct body	 b;
	const char	*rcpt, *blank;
	va_list		 ap;

	forget();
	va_start(ap, text);
	while ((rcpt = va_arg(ap, const char *)) != NULL) {
		message.rcpts = reallocarray(message.rcpts, message.n + 1, sizeof(*message.rcpts));
		assert_non_null(message.rcpts);
		memset(&message.rcpts[message.n], 0, sizeof(*message.rcpts));
		blank = strchr(rcpt, '|');
		message.rcpts[message.n].address = strndup(rcpt, blank != NULL ? (size_t)(blank - rcpt) : strlen(rcpt));
		message.rcpts[message.n++].original = blank != NULL ? strdup(blank + 1) : NULL;
	}
	va_end(ap);
	content = text;
	body_begin(&b);
	assert_int_equal(body_feed(&b, (const uint8_t *)text, strlen(text), NULL), 0);
	assert_int_equal(body_end(&b, NULL), 0);
	message.size = b.octets;
	message.eight_bit = b.eight_bit;
	message.m.notify = notify;
	message.m.rcpts = message.n;
	strlcpy(message.m.sender, sender, sizeof(message.m.sender));
	strlcpy(message.m.envid, "r1+x", sizeof(message.m.envid));
	strlcpy(message.m.client, client, sizeof(message.m.client));
	smtp_give(&s, &message);
}

void
body(void)
{
	assert_int_equal(s.state, SMTP_BODY);
	assert_int_equal(smtp_body(&s, (const uint8_t *)content, strlen(content)), 0);
	assert_int_equal(smtp_body_end(&s), 0);
}

void
failed(enum fail_why why, int temp)
{
	assert_int_equal(s.state, SMTP_FAILED);
	assert_int_equal(s.why, why);
	assert_int_equal(s.temp, temp);
	assert_true(s.text[0] != '\0');
	assert_int_equal(say("250 ok\r\n"), -1);
}

void
ready(const char *caps)
{
	char	 line[64];

	begin("");
	SAY("220 hop.example\r\n");
	snprintf(line, sizeof(line), "%s us.example\r\n", start.protocol == SEND_LMTP ? "LHLO" : "EHLO");
	SENT(line);
	SAY(caps);
	assert_int_equal(s.state, SMTP_READY);
	SENT("");
}
