# SPDX-License-Identifier: ISC
"""
What the end-to-end tests stand on.

	rig.py		one scratch installation of the programs under test
	pki.py		a certification authority and its certificates
	corpus.py	messages, and what must become of them
	relay.py	what tests of handing on have in common
	matrix.py	all misbehaving servers against one daemon
	sniff.py	every octet that a server was sent
	netns.py	a network, and files of the system, of a test's own
	samples.py	the samples of regress/data
	addrgen.py	addresses and headers by the grammar, from a seed
	drive.py	the parsers, by way of build/unit/drive_mail
	senderrig.py	the sender and its forks alone, in the master's place
	website.py	the daemon, a web server in front of it, and accounts that log in at the web page
	stories/	random worlds
	junit.py	counts of a pytest run, for run.sh
"""
