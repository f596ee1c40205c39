/* SPDX-License-Identifier: ISC */
/*
 * The dialer: turns "host, port" into a connected TCP socket.  Resolves with hosts(5) and DNS, connects as RFC 8305 says,
 * hands the socket to the master.  Nothing read from the network decides more than which address is tried.
 */
#ifndef DIALER_H
#define DIALER_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stddef.h>
#include <stdint.h>

#include "../common/compat.h"
#include "../common/proto.h"

#define DIALER_JOBS_MAX		512	/* connections being made at once */
#define RESOLVE_ADDRS_MAX	8	/* addresses used per family */
#define RESOLVE_LOOKUPS_MAX	(2 * DIALER_JOBS_MAX)	/* abandoned lookups, which end by themselves, included */
#define RESOLVE_NEGATIVE_MAX	256	/* names remembered as failing */
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

/* One family's answer.  why is WHY_NONE when nothing failed, else text is a constant phrase. */
struct answer {
	int		 done;
	enum fail_why	 why;
	const char	*text;
	size_t		 n;
	struct address	 addr[RESOLVE_ADDRS_MAX];
};

struct lookup {
	struct answer	 answer[FAMILY_MAX];
	char		 name[PROTO_HOST_SIZE];	/* lower case, without the final dot; empty if it was too long */
	uint32_t	 retry;		/* s until DNS is asked again; 0: this answer is fresh */
	int		 starting;	/* resolve_start() has not returned yet */
	void		(*cb)(void *);	/* NULL: abandoned */
	void		*arg;
};

/* address.c */
int		 address_parse(const char *, struct address *);	/* 1: a literal, bare or [v6] */
int		 address_usable(const struct address *);
void		 address_set(struct address *, enum family, const void *);	/* from in6_addr or in_addr */
void		 address_setport(struct address *, uint16_t);
const char	*address_str(const struct address *, char *, size_t);
int		 host_valid(const char *);

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

/* report.c */
struct dial_report {
	uint32_t	 timeout;	/* ms */
	uint16_t	 port;
	enum fail_why	 why;		/* so far */
	int		 rank;		/* of why */
	int		 lookup;	/* there was no address to try */
	int		 expired;
	unsigned int	 omitted;	/* items that did not fit */
	char		 host[72];	/* vis-encoded */
	char		 items[PROTO_TEXT_SIZE];
};

void		 report_init(struct dial_report *, const char *host, uint16_t port, uint32_t timeout);
void		 report_address(struct dial_report *, const struct address *, int error);
void		 report_family(struct dial_report *, enum family, const char *);
void		 report_lookup(struct dial_report *, enum fail_why, const char *, uint32_t retry);
enum fail_why	 report_finish(const struct dial_report *, char *, size_t);

/* dial.c */
struct dial_times {		/* milliseconds */
	int	 resolution_delay;	/* RFC 8305 section 3: an A answer waits this long for AAAA */
	int	 attempt_delay;		/* section 5: head start of one address over the next */
	int	 attempt;		/* one address */
};

extern struct dial_times	 dial_times;	/* the tests change it */

void		 dial_start(const struct msg_dial *);
void		 dial_cancel(uint32_t id);
int		 dial_exists(uint32_t id);
void		 dial_cancel_all(void);

/* dialer.c: how a job ends; fd is consumed */
void		 dialer_connected(uint32_t id, int fd, const char *address);
void		 dialer_failed(uint32_t id, enum fail_why, const char *text);

#endif
