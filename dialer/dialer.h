/* SPDX-License-Identifier: ISC */
/*
 * The dialer turns a host and a port into a connected TCP socket: it resolves with hosts(5) and DNS, connects as RFC 8305 says, and
 * hands the socket to the master.  Nothing that is read from the network decides more than which address is tried.
 */
#ifndef DIALER_H
#define DIALER_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <event.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compat.h"
#include "common/ipc/proto_dialer.h"
#include "common/timer.h"

#define DIALER_JOBS_MAX		512	/* connections being made at once */
#define RESOLVE_ADDRS_MAX	8	/* addresses of a family that are used */
#define RESOLVE_LOOKUPS_MAX	(2 * DIALER_JOBS_MAX)	/* abandoned ones, which end by themselves, included */
#define RESOLVE_NEGATIVE_MAX	256	/* names that are remembered as failing */
#define ADDRESS_STRLEN		48

enum family { FAMILY_V6, FAMILY_V4, FAMILY_MAX };	/* in order of preference */

struct address {
	socklen_t	 len;
	union {
		struct sockaddr		 sa;
		struct sockaddr_in	 v4;
		struct sockaddr_in6	 v6;
	} u;
};

/* The answer for one family.  why is WHY_NONE if nothing has failed; else text is a constant phrase. */
struct answer {
	int		 done;
	enum fail_why	 why;
	const char	*text;
	size_t		 n;
	struct address	 addr[RESOLVE_ADDRS_MAX];
};

struct lookup {
	TAILQ_ENTRY(lookup)	 entry;		/* in the list of leaders, which wait for DNS, or of a leader's followers */
	TAILQ_HEAD(, lookup)	 followers;	/* lookups of the same name, which wait for the same answers */
	struct lookup	*leader;	/* NULL: the lookup asks by itself */
	struct answer	 answer[FAMILY_MAX];
	char		 name[PROTO_HOST_SIZE];	/* lower case, without the final dot; empty if it was too long */
	int		 starting;	/* 1: resolve_start() has not returned yet */
	void		(*cb)(void *);	/* NULL: the lookup was abandoned */
	void		*arg;
};

/* address.c */
int		 address_parse(const char *, struct address *);	/* 1: an address, IPv6 perhaps in brackets */
int		 address_parse_port(const char *, struct address *);	/* 1: ip:port or [v6]:port */
void		 address_unmap(struct address *);
int		 address_usable(const struct address *);
void		 address_set(struct address *, enum family, const void *);	/* from in6_addr or in_addr */
const uint8_t	*address_octets(const struct address *);	/* 4 or 16 octets in network order */
void		 address_setport(struct address *, uint16_t);
const char	*address_str(const struct address *, char *, size_t);
int		 host_valid(const char *);

/* policy.c */
int		 policy_public(const struct address *);
int		 policy_own(const struct address *);

/* hosts.c */
int		 hosts_load(const char *path);
void		 hosts_parse(const char *, size_t);
size_t		 hosts_lookup(const char *name, enum family, struct address *, size_t max);
void		 hosts_free(void);

/* dns.c */
typedef void	(*dns_cb)(void *, enum family, enum fail_why, const char *text, const struct address *, size_t);

void		 dns_init(const char *nameservers, int timeout);
void		 dns_fini(void);
void		 dns_query(const char *, enum family, dns_cb, void *);

/* negative.c */
uint32_t	 negative_get(const char *, enum fail_why *, const char **);
void		 negative_add(const char *, enum fail_why, const char *);
void		 negative_remove(const char *);
void		 negative_clear(void);

/* resolve.c */
struct lookup	*resolve_start(const char *, void (*)(void *), void *);
void		 resolve_end(struct lookup *);
int		 resolve_done(const struct lookup *);
enum fail_why	 resolve_why(const struct lookup *, const char **);

/* socks.c: the client's half of RFC 1928, without input and output */
#define SOCKS_BUFFER	272	/* octets; more than the longest message of either side */

struct socks {
	uint8_t		 buf[SOCKS_BUFFER];	/* what is to be sent, then what came in */
	size_t		 len;		/* octets in buf */
	size_t		 need;		/* octets that the answer has, as far as known; those behind them are the mail server's */
	int		 replying;	/* 1: the second answer is waited for */
	struct address	 to;		/* the mail server's, with its port */
};

void		 socks_init(struct socks *, const struct address *to);	/* the greeting is in buf */
size_t		 socks_want(const struct socks *);
int		 socks_input(struct socks *, const uint8_t *, size_t);

/* attempt.c */
struct path {			/* the way on which a job's connections leave this machine */
	struct address	 source[PROTO_SOURCES_MAX];	/* best first */
	size_t		 nsource;	/* 0: any */
	struct address	 socks;		/* with its port */
	int		 has_socks;
};

/* Failures besides those of errno.  FAMILY: there is no source address of the server's family; SOURCE: none can be bound to. */
enum attempt_error { ATTEMPT_NONE = 0, ATTEMPT_FAMILY = -1, ATTEMPT_SOURCE = -2,
	SOCKS_FAILED = -11, SOCKS_DENIED = -12, SOCKS_NET = -13, SOCKS_HOST = -14, SOCKS_REFUSED = -15, SOCKS_EXPIRED = -16,
	SOCKS_COMMAND = -17, SOCKS_FAMILY = -18, SOCKS_LOGIN = -19, SOCKS_GARBAGE = -20, SOCKS_CLOSED = -21 };

struct attempt {
	TAILQ_ENTRY(attempt)	 entry;
	const struct address	*addr;	/* the server's; the struct is the caller's */
	struct address		 to;	/* the server, or the SOCKS server ahead of it, with its port */
	const struct path	*path;
	void			(*cb)(struct attempt *, int error);	/* 0: fd is connected; the caller frees the attempt */
	void			*arg;
	struct event		 ev;
	struct timer		 clock;
	struct socks		 socks;
	int			 fd;
	int			 proxy;	/* 1: what fails now fails at the SOCKS server itself */
};

struct attempt	*attempt_start(const struct path *, const struct address *, uint16_t port, int msec,
		    void (*)(struct attempt *, int), void *, int *error);
void		 attempt_free(struct attempt *);

/* failure.c */
struct dial_failure {
	uint32_t	 timeout;	/* ms */
	uint16_t	 port;
	enum fail_why	 why;		/* the reason so far */
	int		 rank;		/* of why */
	int		 lookup;	/* 1: there was no address to try */
	int		 expired;
	unsigned int	 omitted;	/* number of addresses that there was no room for */
	int		 source_errno;
	char		 host[72];	/* vis-encoded */
	char		 self[ADDRESS_STRLEN];	/* the first address that is this machine's own */
	char		 sources[112];	/* source addresses that could not be used */
	char		 items[PROTO_TEXT_SIZE];
};

void		 failure_init(struct dial_failure *, const char *host, uint16_t port, uint32_t timeout);
void		 failure_address(struct dial_failure *, const struct address *, int error, int proxy);
void		 failure_self(struct dial_failure *, const struct address *);
void		 failure_source(struct dial_failure *, const struct path *, int error, int number);
enum fail_why	 failure_untried(const struct dial_failure *, char *, size_t);
void		 failure_family(struct dial_failure *, enum family, const char *);
void		 failure_lookup(struct dial_failure *, enum fail_why, const char *);
enum fail_why	 failure_finish(const struct dial_failure *, char *, size_t);

/* dial.c */
struct dial_times {		/* milliseconds */
	int	 resolution_delay;	/* RFC 8305 section 3: an A answer waits this long for AAAA */
	int	 attempt_delay;		/* RFC 8305 section 5: the head start of an address over the next one */
	int	 attempt;		/* until an attempt at one address has failed */
};

extern struct dial_times	 dial_times;	/* variables, as the tests change them */

void		 dial_start(const struct msg_dial *);
void		 dial_cancel(uint32_t id);
int		 dial_exists(uint32_t id);
void		 dial_cancel_all(void);

/* dialer.c: the two ends of a job; fd is consumed */
void		 dialer_connected(uint32_t id, int fd, const char *address);
void		 dialer_failed(uint32_t id, enum fail_why, const char *text);

#endif
