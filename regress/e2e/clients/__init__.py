# SPDX-License-Identifier: ISC
"""
The clients that the end-to-end tests send to the POP3 server and to the web page.

	pop3.py		one that says whatever it is told to
	browser.py	a browser without scripts and style, which also sends what no browser would
	chrome.py	Chromium, by the pipe of its developers' protocol
	hostile/	the misbehaving ones, a registry
"""
