/* SPDX-License-Identifier: ISC */
/* A scripted server and a recording master for tests of the protocol engine. */
#ifndef POP3_SCRIPT_H
#define POP3_SCRIPT_H

#define CAPA_NONE	"+OK\r\nUSER\r\n.\r\n"	/* no PIPELINING, no mechanisms */
#define CAPA_PIPE	"+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n"

#define SAY(text)	assert_int_equal(say(text), 0)
#define SENT(text)	assert_string_equal(sent(), text)
#define EVENTS(text)	do { assert_string_equal(events, text); events[0] = '\0'; } while (0)

extern struct pop3	*p;			/* the engine under test */
extern char		 events[65536];		/* what it reported */
extern size_t		 seg;			/* octets per pop3_input(), 0 = all at once */

void		 begin(enum tls_mode, int apop, int sizes, const char *secret);	/* a fresh engine; POP3S: TLS is up */
void		 begin_with(const struct msg_fetch_start *, const char *secret);
void		 reset_too(void);	/* behind begin(): RSET ahead of DELE and QUIT */
void		 limit_to(uint32_t);	/* behind begin(): max_size */
void		 probe_for(uint32_t, uint32_t, uint32_t);	/* behind begin(): numbers to probe, 0 ends them */
void		 plan_for(uint32_t, uint32_t, enum action);	/* a plan for the numbers from first to last */
int		 say(const char *);	/* the server speaks; as pop3_input() */
const char	*sent(void);		/* everything the engine wants to send; it counts as sent */
void		 failed(enum fail_why, enum fetch_stage);	/* asserts that it did */
void		 to_plan(int pipe, unsigned int);	/* up to the plan, with or without PIPELINING, n messages of 100 octets */

#endif
