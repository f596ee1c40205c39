# SPDX-License-Identifier: ISC
"""
The servers that the end-to-end tests talk to: scripted ones, which do what they are told and record what they hear, and real ones.

	pop3.py		a scripted POP3 server; behaviours.py, logins.py and masses.py say how it misbehaves
	hostile/	the registry of all its misbehaviours, with what a client must make of each
	smtp.py		a scripted next hop, SMTP or LMTP
	idp.py		a scripted identity provider
	nameserver.py	a scripted name server
	dovecot.py	a real Dovecot
	webserver.py	real web servers with the samples of etc/web: nginx, lighttpd, Apache, Caddy
	fastcgi.py	a scripted FastCGI responder, in the place of the web page behind them
	packaged/	the distribution's POP3 servers and MTAs, each in a root of its own
"""
