/* SPDX-License-Identifier: ISC */
/* Records of table rpop as CommuniGate's dictionaries. */
#ifndef COMMUNIGATE_H
#define COMMUNIGATE_H

#include <stdio.h>

#include "import.h"

/*
 * Writes the records, whose cells are columns of table rpop as the store has them, ordered by account: with one, as the dictionary
 * of that account, else as a dictionary of accounts.  What a dictionary cannot say becomes a note IMPORT_LOST of its record.
 */
void	 communigate_write(FILE *, struct import *, int one);
/* Every column of table rpop; NULL is behind them. */
extern const char *const	 communigate_columns[];

#endif
