/* SPDX-License-Identifier: ISC */
/* links: sender */
/* libs: -lgsasl */
/* A next hop that says anything: each recipient of a message that was begun is answered once and in order. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sender/sender.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint32_t	 told, done;

static void
on_rcpt(void *arg __unused, uint32_t i, const struct smtp_rcpt *r)
{
	if (i != told++ || r->result < SEND_ACCEPTED || r->result > SEND_DOUBT || r->status[0] == '\0' || r->text == NULL)
		abort();
}

static void
on_mail(void *arg __unused)
{
	done++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct smtp_ops	 ops = { on_rcpt, on_mail };
	static struct smtp		 s;
	static char			 a[] = "a@x", b[] = "\xc3\xa4 b@y";
	struct smtp_rcpt		 rcpts[3] = { { .address = a }, { .address = b }, { .address = a } };
	struct smtp_mail		 mail = { .m = { .sender = "s@z", .client = "192.0.2.1" }, .rcpts = rcpts, .n = 3, .size = 3 };
	struct msg_send_start		 start = { .helo = "us", .user = "fred", .timeout = 1000 };
	size_t				 n, i;

	if (len < 2)
		return (0);
	sasl_warm();
	start.protocol = data[0] & 1 ? SEND_LMTP : SEND_SMTP;
	start.tls = data[0] & 2 ? TLS_MODE_STLS : TLS_MODE_NONE;
	start.auth = (data[0] & 4) != 0;
	start.xclient = (data[0] & 8) != 0;
	told = done = 0;
	if (smtp_init(&s, &ops, NULL, &start, "wonderwall", 10) == -1)
		abort();
	smtp_give(&s, &mail);
	for (i = 2; i < len && !smtp_over(&s); i += n) {
		smtp_sent(&s, buf_len(&s.out));
		if (s.state == SMTP_HANDSHAKE)
			smtp_secured(&s);
		if (s.state == SMTP_BODY && (smtp_body(&s, (const uint8_t *)".\n", 2) == -1 || smtp_body_end(&s) == -1))
			abort();
		smtp_sent(&s, buf_len(&s.out));
		n = data[1] == 0 || data[1] > len - i ? len - i : data[1];
		for (size_t k = 0; data[1] >= 128 && k < n; k++)
			if (data[i + k] == '\n')
				n = k + 1;
		(void)smtp_input(&s, data + i, n);
		if (strstr(s.text, "wonderwall") != NULL)
			abort();
	}
	smtp_lost(&s, WHY_CLOSED, "lost");
	if (told != 0 ? told != 3 : done != 0)
		abort();
	smtp_free(&s);
	for (i = 0; i < 3; i++)
		free(rcpts[i].text);
	return (0);
}
