# SPDX-License-Identifier: ISC
"""What tests of rpopctl's changes of rpopd.db look at."""
import json
import sqlite3


def rows(rig, sql):
    with sqlite3.connect("file:%s?mode=ro" % rig.db, uri=True, timeout=30) as c:
        return c.execute(sql).fetchall()


def listed(rig, noun, *args):
    answer = json.loads(rig.ctl("-j", noun, "list", *args).log)
    assert answer.pop("ok") is True
    return list(answer.values())[0]


def where(server):
    return "domain=%s:%d" % (server.host, server.port)


def refused(result, *words):
    assert result.code == 1, result.log
    for w in words:
        assert w in result.log, result.log
