# SPDX-License-Identifier: ISC
"""Fixtures: one PKI and one Dovecot for the whole run, a fresh Rig and misbehaving servers for each test."""
import itertools
import os
import shutil
import signal

import pytest

from lib import rig as rigs
from lib.pki import Pki
from servers.dovecot import Dovecot
from servers.pop3 import Pop3Server
from servers.smtp import SmtpServer

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
