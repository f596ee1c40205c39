/* SPDX-License-Identifier: ISC */
/*
 * An exchange as POP3 (RFC 5034) and SMTP (RFC 4954) put it into lines: an AUTH command, perhaps with an initial response, then
 * challenges and responses in base64.  Without I/O: lines of the server in, lines of the client out.
 */
#ifndef SASL_LINE_H
#define SASL_LINE_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"
#include "auth_mask.h"
#include "sasl.h"

struct sasl_line {
	struct sasl_credential	 cred;		/* the owner fills it in ahead of sasl_line_begin() */
	struct sasl		 exchange;	/* why and text say what made a function here return -1 */
	enum auth_mech		 mech;
	struct buf		 response;	/* the next one, in base64 */
	struct auth_mask	*mask;		/* the owner's; it hides each response in what the server says */
	const char		*peer;		/* what texts call the server: "server", "next hop" */
	int			 lenient;	/* a server that seems to have passed over an initial response is told it again */
	int			 on_line;	/* the initial response stands on the AUTH line */
	int			 waiting;	/* the initial response is ready, and not known to have been taken */
	int			 rounds;	/* challenges so far */
};

void	 sasl_line_init(struct sasl_line *, struct auth_mask *, const char *peer);
int	 sasl_line_begin(struct sasl_line *, enum auth_mech, size_t max);
int	 sasl_line_auth(struct sasl_line *, struct buf *);
int	 sasl_line_challenge(struct sasl_line *, const uint8_t *, size_t);
int	 sasl_line_response(struct sasl_line *, struct buf *);
void	 sasl_line_end(struct sasl_line *);

#endif
