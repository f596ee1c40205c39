# SPDX-License-Identifier: ISC
"""Fixtures: one PKI and one Dovecot for the whole run, a fresh Rig and misbehaving servers for each test."""
import itertools
import os
import shutil
import signal

import pytest

from lib import corpus, rig as rigs
from lib.pki import Pki
from lib.website import Site
from servers.dovecot import Dovecot
from servers.pop3 import Pop3Server
from servers.smtp import OK, PERM, TEMP, SmtpServer

SERIAL = itertools.count(1)


def pytest_configure(config):
    if os.getuid() != 0:
        pytest.exit("the end-to-end tests need root", 3)
    config.addinivalue_line("markers", "unsanitized: left out where programs are built with a sanitizer, which could not pass it")
    signal.signal(signal.SIGTERM, signal.default_int_handler)	# teardown happens on Ctrl-C only


def pytest_collection_modifyitems(items):
    """RPOPD_SHARD=n/m: every m-th test from the n-th on, so that a long file can run in several processes.  Those that share a
    parameter `variant` share one costly run of the daemon, and stay together."""
    if rigs.SANITIZED:
        items[:] = [item for item in items if item.get_closest_marker("unsanitized") is None]
    n, m = map(int, os.environ.get("RPOPD_SHARD", "0/1").split("/"))
    groups = {}
    for item in items:
        variant = getattr(item, "callspec", None) and item.callspec.params.get("variant")
        groups.setdefault(variant or item.nodeid, []).append(item)
    items[:] = [item for i, group in enumerate(groups.values()) if i % m == n for item in group]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and call.when != "teardown" and "rig" in getattr(item, "funcargs", {}):
        report.sections.append(("rpopd", item.funcargs["rig"].log()[-20000:]))


@pytest.fixture(scope="session")
def pki():
    directory = rigs.scratch("rpca.")
    yield Pki(os.path.join(directory, "ca"))
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def dovecot_server(pki):
    directory = rigs.scratch("rpdc.")
    server = None
    try:
        server = Dovecot(directory, pki)
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def rig(pki):
    r = rigs.Rig(pki)
    yield r
    r.close()


@pytest.fixture
def unified(rig):
    """A rig with the accounts of corpus.unified_*()."""
    for name in ("postmaster", "anna", "info"):
        rig.account(name + "@example.org")
    rig.account("bert@example.org", aliases=["sales@example.org"])
    return rig


@pytest.fixture
def personal(rig):
    rig.account("postmaster@example.org")
    rig.account("anna@example.org")
    return rig


@pytest.fixture
def mailbox(dovecot_server):
    """Makes a new Dovecot user holding these messages: mailbox(messages) -> (user, password)."""
    def make(messages=(), name=None):
        user = name or "u%d" % next(SERIAL)
        password = dovecot_server.add_user(user)
        for data in messages:
            dovecot_server.add(user, data)
        return user, password
    return make


@pytest.fixture
def site(rig):
    """A web page that is not yet there: site.start()."""
    s = Site(rig)
    yield s
    s.close()


@pytest.fixture
def relayed(site, smtp, pop3):
    """A web page that is there: a message waits for a next hop, one that nobody can be told about is in quarantine, Anna has an alert."""
    site.hop = smtp("lmtp")
    site.hop.answers = {"sales@example.org": [TEMP, OK], "archive@example.org": PERM}
    site.rig.sqlite("""INSERT INTO nexthop (name, protocol, address) VALUES ('office', 'lmtp', '%s');
        INSERT INTO route (address, nexthop) VALUES ('sales@example.org', 'office'), ('archive@example.org', 'office');""" % site.hop.address)
    held = corpus.mail("held", [("Return-Path", "<>"), ("X-Real-To", "archive"), ("Subject", "<script>held</script>")])
    server = pop3(messages=[corpus.mail("waits", [("X-Real-To", "sales")]), held])
    site.rig.sqlite(rigs.insert("rpop", site.rig.record("postmaster@example.org", "all", server, special="X-Real-To")))
    site.start()
    rigs.wait_for(lambda: len(site.listed("queue")) == 2 and site.listed("quarantine"), "the queue")
    site.rig.ctl("alert", "anna@example.org", "the <disk> is full")
    return site


@pytest.fixture
def smtp():
    """Makes a scripted SMTP or LMTP server, a next hop: smtp(protocol, path)."""
    servers = []

    def make(*args, **kwargs):
        servers.append(SmtpServer(*args, **kwargs))
        return servers[-1]
    yield make
    for s in servers:
        s.stop()


@pytest.fixture
def pop3(pki):
    """Makes a scripted POP3 server: pop3(behaviour, messages, mode)."""
    servers = []

    def make(behaviour=None, messages=(), mode="plain"):
        servers.append(Pop3Server(pki, behaviour, messages, mode))
        return servers[-1]
    yield make
    for s in servers:
        s.stop()
