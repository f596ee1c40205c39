/* SPDX-License-Identifier: ISC */
/* One port number on several loopback addresses, each behaving in its own way. */
#ifndef PORTS_H
#define PORTS_H

#include <stdint.h>

enum port_mode { REFUSE, LISTEN, SWALLOW };

extern uint16_t	 port;

void	 port_behave(const char *address, enum port_mode);	/* the first call chooses the port */
void	 port_drain(int);	/* the nth SWALLOW or LISTEN address from 0: take in what waits, once */
void	 ports_close(void);	/* the next port_behave() chooses anew */
int	 lowest_fd(void);	/* the next descriptor to be given out */

#endif
