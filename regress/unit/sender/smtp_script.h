/* SPDX-License-Identifier: ISC */
/* A scripted next hop and a recording master for tests of the sender's engine. */
#ifndef SMTP_SCRIPT_H
#define SMTP_SCRIPT_H

#include "sender/sender.h"

extern struct smtp		 s;
extern struct msg_send_start	 start;		/* for begin(); reset by it */
extern char			 events[65536];
extern size_t			 seg;		/* octets of one piece of input, 0: whole */

void	 setup(enum send_protocol, enum tls_mode, const char *user);	/* fills start */
void	 begin(const char *secret);
int	 say(const char *);
const char *sent(void);			/* what the engine wants to send; it counts as sent */
void	 mail(const char *sender, enum notify, const char *body, ...);	/* recipients, NULL; "address original" */
void	 mail_from(const char *client);	/* for the next mail() */
void	 body(void);			/* the whole of it into DATA */
void	 failed(enum fail_why, int temp);
void	 ready(const char *caps);	/* a session up to READY; caps: lines of the EHLO reply */

#define SAY(text)	assert_int_equal(say(text), 0)
#define SENT(text)	assert_string_equal(sent(), text)
#define EVENTS(text)	do { assert_string_equal(events, text); events[0] = '\0'; } while (0)

#endif
