/* SPDX-License-Identifier: ISC */
/*
 * TLS on a connected socket, as a client: certificate, name and time are verified and TLS 1.2 is the least, which are libtls's
 * defaults.  A template makes one context while there is a file system; each process that it forks uses its own copy, for its one
 * connection, or makes a context from a configuration of its own.
 */
#ifndef TLSCLIENT_H
#define TLSCLIENT_H

#include <sys/types.h>

struct tls;
struct tls_config;

void			 tlsclient_warm(const char *alpn);
struct tls_config	*tlsclient_config(int own_ca, const void *ca, size_t, const char *alpn);
struct tls		*tlsclient_connect(struct tls_config *, int fd, const char *name, unsigned int has, char *text, size_t);
short			 tlsclient_waits(ssize_t);

#endif
