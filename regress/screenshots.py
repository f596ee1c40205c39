#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Pictures of each page of the web page, at each width, light and dark, of the world of demo_web.py.

usage: screenshots.py [-o DIRECTORY] [PAGE ...]		build/screenshots, and all pages; PAGE is a part of a page's path
"""
import getopt
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "demo"))
from demo import run, say  # noqa: E402
import demo_web  # noqa: E402
from clients.chrome import Chrome  # noqa: E402
from lib import rig as rigs, website  # noqa: E402
from lib.website import ANNA, PM  # noqa: E402

WIDTHS = (360, 800, 1280)
# How the records look after a refusal: what is filled in before Update is pressed.
REFUSED = """(() => { const row = [...document.querySelectorAll('[name^="row."]')].find(e => e.value == "isp").name.split(".")[1];
    document.querySelector(`[name="domain.${row}"]`).value = "https://pop.provider.example/"; })()"""


def name_of(path):
    return re.sub(r"[^a-z]+", "-", path.partition("?")[0]).strip("-") or "login"


class Album:
    def __init__(self, directory, parts):
        self.directory, self.parts = directory, parts
        self.complaints = []
        os.makedirs(directory, exist_ok=True)

    def wanted(self, path):
        return not self.parts or any(part in path for part in self.parts)

    def take(self, tab, name):
        """The page that is there, in each of its looks."""
        for width in WIDTHS:
            for look in ("light", "dark"):
                tab.look(width, look == "dark")
                tab.screenshot(os.path.join(self.directory, "%s-%d-%s.png" % (name, width, look)))
                wide = tab.sideways()
                if wide > 0:
                    self.complaints.append("%s at %d px is %d px too wide" % (name, width, wide))
        say("   " + name)

    def page(self, tab, site, path):
        if self.wanted(path):
            tab.go(site.url(path))
            self.take(tab, name_of(path))

    def all(self, chrome, site):
        nobody = chrome.tab()
        self.page(nobody, site, "/")
        anna, admin = chrome.tab(), chrome.tab()
        site.enter(anna, ANNA)
        site.enter(admin, PM)
        for path, who in website.PAGES.items():
            self.page(anna if who == ANNA else admin, site, path.replace("record=isp", "record=private"))
        if self.wanted("/records"):
            anna.go(site.url("/records"))
            anna.js(REFUSED)
            anna.press("button[name=update]")
            self.take(anna, "records-refused")


def main():
    directory, parts = os.path.join(rigs.BUILD, "screenshots"), []
    try:
        options, parts = getopt.getopt(sys.argv[1:], "o:")
    except getopt.GetoptError as e:
        sys.exit("screenshots.py: %s\n%s" % (e, __doc__))
    for _, value in options:
        directory = value

    def show(rig, server):
        why = website.lacking()
        if why is not None:
            say("screenshots: " + why)
            return 1
        with demo_web.world(rig, server) as site:
            chrome = Chrome()
            try:
                album = Album(directory, parts)
                album.all(chrome, site)
            finally:
                chrome.close()
        for complaint in album.complaints:
            say("WRONG: " + complaint)
        say("%d pictures are in %s" % (len(os.listdir(directory)), directory))
        return len(album.complaints) > 0
    return run(show)


if __name__ == "__main__":
    sys.exit(main())
