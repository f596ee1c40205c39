# SPDX-License-Identifier: ISC
"""
The registry of misbehaving clients of the POP3 server: each has a name, what it sends, what must come back, and which messages
must be there afterwards.

What a client does is a list of steps, or a function of a Visit (lib/siege.py) where that does not do.  A step is what is sent and
what must come back:

    sent        octets, which go out as they are, or a text, which gets CRLF; {user} and {secret} are the account's
    answer      a regular expression, which fits the whole line; LISTED + one: with a listing behind it; None: nothing is read;
                END: the connection is at its end; a list: so many lines, in this order

Behind the last step the session must still work, unless `ends` says that it is over or that nothing can be said about it.
"""
from dataclasses import dataclass

MESSAGES = 3			# in each mailbox
PER_ADDRESS = 30		# sessions: settings.pop_per_address
SESSIONS = 40			# of an account
MODES = ("clear", "stls", "tls", "octets")
CLEAR = ("clear", "octets")
SECURE = ("stls", "tls")
WHOLE = ("clear", "stls", "tls")	# what costs a connection for each octet, or a TLS record, is not cut further
ALL = frozenset(range(1, MESSAGES + 1))
REGISTRY = {}

END = object()
LISTED = "(?#listing)"
OK = r"\+OK.*"
ERR = r"-ERR .*"
MORE = r"\+ .*"			# a challenge
BAD = r"-ERR (usage|unknown|you|log|line|too|[A-Z0-9]+:|(STLS|APOP) is not offered) ?.*"
LONG = r"-ERR line too long"
NUL = r"-ERR line with a NUL"
NONE = r"-ERR no such message, there are 3"
WRONG = r"-ERR \[AUTH\] wrong name or password"
NOWHERE = r"-ERR \[SYS/PERM\] no such mailbox"
MANY = r"-ERR too many bad commands"


@dataclass
class Case:
    name: str
    steps: object			# list of (sent, answer), or a function of a Visit
    start: str = "ready"		# "raw": connected; "ready": greeted, behind TLS where there is any; "in": logged in
    left: frozenset = ALL		# numbers of the messages that are there afterwards
    ends: bool = False			# the session is over, or the client hangs up in the middle
    modes: tuple = MODES
    late: bool = False			# played when all others are done, since it holds up others of its kind


def add(name, steps, **more):
    """One more named misbehaviour."""
    assert name not in REGISTRY, name
    REGISTRY[name] = Case(name, steps, **more)


def load():
    """Every module of this directory has its say."""
    if not REGISTRY:
        from . import arguments, connections, cuts, deletion, floods, lines, names, sasl, sending, states, tls    # noqa: F401
    return REGISTRY
