/* SPDX-License-Identifier: ISC */
#ifndef PREPARE_H
#define PREPARE_H

#include <sys/types.h>

ssize_t	 sasl_prepare(void *, size_t, const void *, size_t, int stored);

#endif
