# SPDX-License-Identifier: ISC
"""A password that rpopctl sets is the one that logins take, however either of them composes its letters."""
import poplib
import unicodedata

import pytest

from lib import rig as rigs
from test_popd import Mail, mail  # noqa: F401

ANNA = "anna@example.org"
WORD = "pässwörd-é"


def set_word(mail, word, *options):
    return mail.rig.ctl("account", "password", *options, ANNA, typed=word + "\n")


def logs_in(mail, word):
    p = mail.connect()
    p.encoding = "utf-8"
    p.user("anna")
    try:
        return p.pass_(word).startswith(b"+OK")
    except poplib.error_proto:
        return False


@pytest.mark.parametrize("option", [[], ["--plain"], ["--scram"]])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed(mail, option, form):
    """Set composed or decomposed, typed composed or decomposed: right at a login, and so says account check."""
    mail.start()
    set_word(mail, unicodedata.normalize(form, WORD), *option)
    for typed in ("NFC", "NFD"):
        word = unicodedata.normalize(typed, WORD)
        assert mail.rig.ctl("account", "check", ANNA, typed=word + "\n").log == "the password is right\n", typed
        assert logs_in(mail, word), typed
    if option == ["--plain"]:
        p = mail.connect()
        p.encoding = "utf-8"
        assert p.apop("anna", unicodedata.normalize("NFC", WORD)).startswith(b"+OK")
    assert mail.rig.ctl("account", "check", ANNA, typed=WORD + "x\n", check=False).code == 1
    assert WORD not in mail.daemon.log()


def test_refused(mail):
    """What no login takes is not set, and the password from before stays."""
    mail.start()
    for word in ("a\u0080b", "\ue000", "\u0627x", "\u00ad"):
        done = mail.rig.ctl("account", "password", ANNA, typed=word + "\n", check=False)
        assert done.code == 1 and "SASLprep (RFC 4013) does not take" in done.log, repr(word)
    assert logs_in(mail, "s3cret-anna")
