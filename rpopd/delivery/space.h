/* SPDX-License-Identifier: ISC */
/* space.c: is there room for what a session brings? */
#ifndef SPACE_H
#define SPACE_H

#include <sys/types.h>
#include <sys/statvfs.h>

#include <stddef.h>
#include <stdint.h>

int	 space_missing(const struct statvfs *, uint32_t min_free, int was, char *text, size_t size);
int	 space_enough(void);
const char *space_trouble(void);	/* "": there is room */

#endif
