/* SPDX-License-Identifier: ISC */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stddef.h>

#include "common/verifier.h"

extern const char	 password_too_long[];	/* what password_verifier() says of a password that is too long for crypt(3) */

const char	*password_verifier(enum verifier_kind, const char *password, char *out, size_t size);

#endif
