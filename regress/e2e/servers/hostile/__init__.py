# SPDX-License-Identifier: ISC
"""
The registry of misbehaving servers: each has a name, what it does, and what a retriever must make of it.

Outcome of a poll against it:
    R0  nothing taken; the error names a stage up to CAPA or TLS
    R1  nothing taken; the error names login or listing
    R2  messages finished before are delivered, the current one is not; error
    R3  delivered, the deletion is not confirmed; whether that is an error is said by `words`
    OK  everything (or what `got` names) delivered, no error, unless `words` names one
In every case the retriever must later have every message exactly once, and never have told a secret where it must not.
"""
from dataclasses import dataclass, field

COUNT = 5			# messages in each mailbox
ROUNDS = 4			# polls; all but a few servers are honest in the last two
ALL = ["h%d" % i for i in range(COUNT)]
MODES = ("plain", "stls", "pop3s")
LF = b"\r\n"
TOKEN = b"zq-access-token-9"	# of the records that have one
REGISTRY = {}


@dataclass
class Case:
    name: str
    make: object			# () -> Behaviour
    outcome: str
    words: str = ""			# regular expression for the error; "": there is none
    got: object = None			# what the first poll delivers, where the outcome does not say
    leave: object = None		# outcome for a record that leaves mail on the server, where it differs: (outcome, words)
    modes: tuple = MODES
    honest: object = None			# () -> Behaviour it turns into, where the plain one lacks the mechanism
    rounds: int = 1			# polls before the server turns honest; ROUNDS: never
    never: tuple = ()			# commands that must not be seen while it is not
    patience: bool = False		# the server wants no further login for longer than the rounds take
    left: object = "as told"		# None: what lies on the server in the end is its own doing
    slow: bool = False			# takes the clocks of a minute to get rid of
    host: object = None			# name to poll it by, if not localhost
    columns: dict = field(default_factory=dict)	# of the record
    extra: bool = False			# the server makes up messages, which may be delivered too

    def expects(self, leave):
        """(outcome, words) for a record with or without leave."""
        return self.leave if leave and self.leave else (self.outcome, self.words)

    def delivers(self, outcome):
        """Idents the first poll delivers, or None: any part of them."""
        if self.got is not None:
            return self.got
        return {"R0": [], "R1": [], "R2": None, "R3": ALL, "OK": ALL}[outcome]


def add(name, make, outcome, words="", **more):
    """One more named behaviour."""
    assert name not in REGISTRY, name
    REGISTRY[name] = Case(name, make, outcome, words, **more)


def load():
    """Every module of this directory has its say."""
    if not REGISTRY:
        from . import answers, content, cuts, deletion, listings, login, sasl, stalls, tls    # noqa: F401
    return REGISTRY
