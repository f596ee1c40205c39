# SPDX-License-Identifier: ISC
"""
Random stories: worlds of POP3 servers that give unique-ids again, are restored, emptied or replaced, next hops that fail, an
administrator who edits, disks that lose files, kills, and days that pass.  A world is made from its seed; what happens in it is a
list of steps, each a plain tuple, so that a story that ends badly can be told again with fewer steps.

	server.py	the provider's side: mailboxes, and a server over them
	world.py	one installation with its servers and hops, and what each step does to them
	steps.py	which steps there are, and how a story is made of them
	verdict.py	what must have become of every letter, from the promises of rpopd.db(5) and rpopd(8)
	shrink.py	the shortest part of a bad story that still ends badly
"""
