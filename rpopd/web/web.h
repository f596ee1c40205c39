/* SPDX-License-Identifier: ISC */
/*
 * The web page, as the master sees it: the socket that a web server speaks FastCGI to, requests, sessions of browsers, logins.  What a
 * request may ask on behalf of who is logged in, control/ has.
 *
 *	web.c		the socket, and the process that has it
 *	socket.c	how the socket is made
 *	request.c	requests: who asks, by which session
 *	login.c		somebody logs in
 *	browser.c	sessions of browsers
 */
#ifndef RPOPD_WEB_H
#define RPOPD_WEB_H

void	 web_start(void);		/* before the first start of processes */
void	 web_reload(void);		/* another configuration is in force */
void	 web_stop(void);		/* the socket is closed and removed; requests end by themselves */

#endif
