/* SPDX-License-Identifier: ISC */
#ifndef TLSWARM_H
#define TLSWARM_H

/*
 * For a template, ahead of the lock-in: handshakes of the process with itself, of TLS 1.3 and 1.2, with a key that is made for them
 * and forgotten.  What the libraries look up, allocate and keep at a first handshake is then there, once, and forks share it.  That
 * is all that is lost if one of them fails, which is logged.
 */
void	 tlswarm(void);

#endif
