# SPDX-License-Identifier: ISC
"""Very many connections, logins that nobody finishes, and guesses without end."""
from . import LISTED, MORE, OK, PER_ADDRESS, SESSIONS, WRONG, add

HELD = 10		# logins that are left alone at once
NETWORK = 20		# failed logins that have a network refused
REFUSED = r"-ERR \[SYS/TEMP\] too many failed logins from your network, try again later"


def many(v):
    """One connection too many of an address hears so, or is closed where TLS comes first; others are served."""
    held = [v.connect(start="raw", source=1) for _ in range(PER_ADDRESS - 1)]
    if v.mode != "tls":  # No handshakes: they would take so long on a loaded machine that the time for a login is over.
        for c in held:
            c.expect(b"", OK)
    for _ in range(5):
        c = v.connect(start="raw", source=1)
        heard = c.rest()
        assert heard == (b"" if v.mode == "tls" else b"-ERR [SYS/TEMP] too many sessions, try again later\r\n"), heard
    v.other_is_served()
    for c in held:
        if v.mode != "tls":
            c.expect("CAPA", LISTED + OK)
        c.reset()


def quick(v):
    """Connections that end as soon as they are there."""
    for n in range(200):
        c = v.connect(start="raw", source=n % 100 + 2)
        (c.reset if n % 2 else c.close)()


def abandoned(name, steps):
    """Logins begun and left alone keep nobody out, nor the account's owner."""
    def play(v):
        held = []
        for _ in range(HELD):
            held.append(v.connect(source=1))
            for sent, answer in steps:
                held[-1].expect(sent, answer)
        owner = v.connect(start="in", source=2)
        owner.expect("STAT", OK)
        for c in held:
            c.reset()
    add("connections-abandoned-" + name, play, ends=True)


def too_many_of_an_account(v):
    """An account has so many sessions; one more is told so, and the others go on."""
    held = [v.client] + [v.connect(start="in", source=n // 20 + 1) for n in range(SESSIONS - 1)]
    c = v.connect(source=99)
    c.expect("USER {user}", OK)
    c.expect("PASS {secret}", r"-ERR \[IN-USE\] there are %d sessions of this account already" % SESSIONS)
    for c in held:
        c.expect("NOOP", OK)
        c.close()


def nobody_over_and_over(v):
    """Guesses from all over a network: it is refused for a while, before anything is read of it, and no other one is."""
    clients = [v.connect(source=n) for n in range(1, NETWORK + 1)]
    for n, c in enumerate(clients):
        c.expect("USER nobody%d-%d" % (v.number, n), OK)
        c.say("PASS zq-s3cret-no")
    for c in clients:
        c.expect(b"", WRONG)
        c.close()
    c = v.connect(start="raw" if v.mode == "tls" else "greeting", source=99)
    if v.mode != "tls":  # Where TLS comes first, the connection is closed.
        c.expect(b"", REFUSED)
    assert c.rest() == b""
    v.other_is_served()


def delay(v):
    """A wrong password holds up the account, whoever asks: the right one is not answered ahead of the wrong one."""
    v.client.expect("USER {user}", OK)
    v.client.say("PASS zq-s3cret-no")
    v.waits_for_login()
    others = [v.connect(source=n) for n in (2, 3)]
    for c in others:
        c.expect("USER {user}", OK)
        c.send(v.fill(b"PASS {secret}\r\n"))
    first = v.first_to_hear([v.client] + others)
    assert first is v.client, "the right password was answered first"
    v.client.expect(b"", WRONG)
    for c in others:
        c.expect(b"", OK)


def delay_given_up(v):
    """Whoever hangs up does not shorten the delay of what he guessed."""
    guesser = v.connect(source=1)
    guesser.expect("USER {user}", OK)
    guesser.say("PASS zq-s3cret-no")
    v.waits_for_login()
    guesser.reset()
    v.client.expect("USER {user}", OK)
    v.client.expect("PASS {secret}", OK)


add("connections-of-one-address", many, ends=True)
add("connections-quick", quick, ends=True)
abandoned("greeted", [])
abandoned("user", [("USER {user}", OK)])
abandoned("plain", [("AUTH PLAIN", MORE)])
abandoned("login", [("AUTH LOGIN {user64}", MORE)])
abandoned("scram", [("AUTH SCRAM-SHA-256 {scram}", MORE)])
abandoned("cram-md5", [("AUTH CRAM-MD5", MORE)])
add("connections-too-many-of-an-account", too_many_of_an_account, start="in", ends=True)
add("connections-nobody-over-and-over", nobody_over_and_over, ends=True)
add("connections-delay", delay, ends=True)
add("connections-delay-given-up", delay_given_up, ends=True)
