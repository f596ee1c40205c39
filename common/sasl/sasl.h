/* SPDX-License-Identifier: ISC */
/* The client's side of SASL: one exchange, without I/O. */
#ifndef SASL_H
#define SASL_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"
#include "common/ipc/proto.h"

#define SASL_ROUNDS	5		/* challenges that one exchange may have */
#define SASL_TEXT	160
struct Gsasl_session;

/* MORE: the server has to ask again; LAST: the client has said everything, the server decides. */
enum sasl_result { SASL_FAILED = -1, SASL_MORE, SASL_LAST };

struct sasl_credential {	/* owned by the caller, and kept as long as the exchange lasts */
	const char	*user, *host;
	uint32_t	 port;
	const uint8_t	*secret;
	size_t		 len;
};

struct sasl {
	const struct sasl_mech	*mech;
	const struct sasl_credential *cred;
	struct Gsasl_session	*session;	/* of the library; NULL: the mechanism is not the library's */
	int			 step;		/* number of responses so far */
	int			 done;		/* SASL_LAST was returned: the server may say that the login succeeded */
	enum fail_why		 why;		/* why SASL_FAILED was returned; text says so, without remote text */
	char			 text[SASL_TEXT];
	uint8_t			 refusal[SASL_TEXT];	/* what the server said of an OAuth token; remote text */
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

/* sasl_check.c: NULL, or a sentence about what is wrong */
const char *sasl_scram_check(const uint8_t *, size_t);
const char *sasl_ntlm_check(const uint8_t *, size_t);

#endif
