# SPDX-License-Identifier: ISC
"""
The clients that the end-to-end tests send to the POP3 server.

	pop3.py		one that says whatever it is told to
	hostile/	the misbehaving ones, a registry
"""
