/* SPDX-License-Identifier: ISC */
/* SASL's client side: one exchange, without I/O. */
#ifndef SASL_H
#define SASL_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"
#include "common/ipc/proto.h"

#define SASL_ROUNDS	5		/* continuations of one exchange */
#define SASL_TEXT	160
struct Gsasl_session;

/* MORE: the server must ask again; LAST: nothing more to say, the server decides. */
enum sasl_result { SASL_FAILED = -1, SASL_MORE, SASL_LAST };

struct sasl_credential {	/* the caller's; must last as long as the exchange */
	const char	*user, *host;
	uint32_t	 port;
	const uint8_t	*secret;
	size_t		 len;
};

struct sasl {
	const struct sasl_mech	*mech;
	const struct sasl_credential *cred;
	struct Gsasl_session	*session;	/* NULL: the exchange is done by hand */
	int			 step;		/* responses given */
	int			 done;		/* LAST was said: success may come */
	enum fail_why		 why;		/* of SASL_FAILED, and what to say; no remote text in it */
	char			 text[SASL_TEXT];
	uint8_t			 refusal[SASL_TEXT];	/* what an OAuth server said of the token; remote text */
	size_t			 refusallen;
};

void	 sasl_warm(void);
int	 sasl_is(enum auth_mech);
int	 sasl_supported(enum auth_mech);
int	 sasl_prepared(const void *, size_t);
const char *sasl_name(enum auth_mech);
int	 sasl_begin(struct sasl *, enum auth_mech, const struct sasl_credential *);
int	 sasl_speaks_first(const struct sasl *);
int	 sasl_initial(const struct sasl *);
enum sasl_result sasl_step(struct sasl *, const uint8_t *, size_t, struct buf *);
void	 sasl_end(struct sasl *);

/* sasl_check.c */
const char *sasl_scram_check(const uint8_t *, size_t);
const char *sasl_ntlm_check(const uint8_t *, size_t);

#endif
