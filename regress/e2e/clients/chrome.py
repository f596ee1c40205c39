# SPDX-License-Identifier: ISC
"""
Chromium without a window, driven over the pipe of its developers' protocol.  One process has several browsers, which know nothing of
each other; what is done in a page is done with the keyboard, or by the elements' own methods.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

from lib import rig as rigs

PROGRAM = "/usr/bin/chromium-headless-shell"
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowDown": (40, ""), "ArrowUp": (38, "")}
SHIFT = 8
# Contrast of each text with what is behind it (WCAG 2): the worst ratio with the text's beginning.
CONTRAST = """(() => {
    const rgb = s => (s.match(/[0-9.]+/g) || []).map(Number);
    const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    let worst = [21, ""];
    for (const e of document.querySelectorAll("body *")) {
        const words = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join("") || (e.matches("input:not([type=checkbox]):not([type=radio])") ? e.value : "");
        if (!words || e.matches("option") || !e.getClientRects().length || e.disabled) continue;
        let b = e, back = [255, 255, 255, 1];
        for (; b; b = b.parentElement) {
            const c = rgb(getComputedStyle(b).backgroundColor);
            if (c.length < 4 || c[3] == 1) { back = c; break; }
        }
        if (!b && matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(document.documentElement).colorScheme.includes("dark"))
            back = [18, 18, 18];
        const [x, y] = [light(rgb(getComputedStyle(e).color)), light(back)].sort((p, q) => q - p);
        const ratio = (x + .05) / (y + .05);
        if (ratio < worst[0]) worst = [ratio, e.tagName + ": " + words.slice(0, 60)];
    }
    return worst;
})()"""
# Fields that no label names, by their names.
UNLABELLED = """[...document.querySelectorAll("input:not([type=hidden]), select, textarea")].filter(e => !(e.labels && e.labels.length)
    && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby") && e.type != "submit").map(e => e.name)"""


class Failed(Exception):
    """What Chromium says about a command of ours."""


class Chrome:
    def __init__(self):
        self.dir = rigs.scratch("rpch.")
        self.serial, self.buffer, self.events = 0, b"", []
        fds = [self.high(fd) for pair in (os.pipe(), os.pipe()) for fd in pair]
        theirs = fds[0], fds[3]
        self.reader, self.writer = fds[2], fds[1]
        held = [os.open(os.devnull, os.O_RDWR) for _ in range(8)]	# 3 and 4 are in use, so that Popen takes neither for itself
        try:
            self.proc = subprocess.Popen([PROGRAM, "--no-sandbox", "--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--disable-background-networking", "--ignore-certificate-errors", "--lang=en", "--remote-debugging-pipe",
                "--user-data-dir=" + os.path.join(self.dir, "profile"), "about:blank"], close_fds=False, start_new_session=True,
                preexec_fn=lambda: (os.dup2(theirs[0], 3), os.dup2(theirs[1], 4)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.dir))
        finally:
            for fd in held + list(theirs):
                os.close(fd)

    @staticmethod
    def high(fd):
        """The same descriptor with a number that is out of the way."""
        new = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
        os.close(fd)
        return new

    def message(self):
        """The next message of Chromium's."""
        deadline = time.monotonic() + rigs.PATIENCE
        while b"\0" not in self.buffer:
            if not select.select([self.reader], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("Chromium says nothing for %d s" % rigs.PATIENCE)
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise AssertionError("Chromium has ended: %s" % self.proc.poll())
            self.buffer += data
        data, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(data)

    def call(self, method, session=None, **params):
        self.serial += 1
        message = {"id": self.serial, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writer, data):]
        while True:
            answer = self.message()
            if answer.get("id") == self.serial:
                if "error" in answer:
                    raise Failed("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def event(self, session, method):
        """Waits for an event of this session that nobody has waited for."""
        while True:
            for i, event in enumerate(self.events):
                if event.get("sessionId") == session and event["method"] == method:
                    return self.events.pop(i)["params"]
            answer = self.message()
            if "method" in answer:
                self.events.append(answer)

    def tab(self, width=1280, dark=False):
        """A browser of its own, with one page."""
        return Tab(self, width, dark)

    def close(self):
        try:
            os.killpg(self.proc.pid, signal.SIGTERM)
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        except ProcessLookupError:
            self.proc.wait()
        for fd in (self.reader, self.writer):
            os.close(fd)
        shutil.rmtree(self.dir, ignore_errors=True)


class Tab:
    def __init__(self, chrome, width, dark):
        self.chrome = chrome
        self.context = chrome.call("Target.createBrowserContext")["browserContextId"]
        self.target = chrome.call("Target.createTarget", url="about:blank", browserContextId=self.context)["targetId"]
        self.session = chrome.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(domain + ".enable")
        self.look(width, dark)

    def call(self, method, **params):
        return self.chrome.call(method, self.session, **params)

    def look(self, width, dark=False, height=900):
        self.width = width
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def settle(self):
        """The page that was asked for is there."""
        self.chrome.event(self.session, "Page.loadEventFired")

    def forget(self):
        """Events of earlier pages are not waited for."""
        self.chrome.events = [e for e in self.chrome.events if e.get("sessionId") != self.session or e["method"] != "Page.loadEventFired"]

    def go(self, url):
        self.forget()
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise Failed("%s: %s" % (url, answer["errorText"]))
        self.settle()

    def js(self, expression):
        """The value of an expression, which the page's policy does not forbid to us."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def text(self):
        return " ".join(self.js("document.body.innerText").split())

    def path(self):
        return self.js("location.pathname")

    @staticmethod
    def one(selector):
        return "document.querySelector(%s)" % json.dumps(selector)

    def named(self, name):
        return self.one('[name="%s"]' % name)

    def value(self, name):
        return self.js(self.named(name) + ".value")

    def fill(self, **fields):
        self.fill_in(fields)

    def fill_in(self, fields):
        """Values of fields; a tick is True or False."""
        for name, value in fields.items():
            what = ".checked = " if isinstance(value, bool) else ".value = "
            self.js(self.named(name) + what + json.dumps(value))

    def press(self, selector):
        """A button that sends a form."""
        self.forget()
        self.js(self.one(selector) + ".click()")
        self.settle()

    def key(self, name, shift=False):
        code, text = KEYS[name]
        for kind in ("keyDown", "keyUp"):
            params = {"type": kind, "key": name, "code": name if name != " " else "Space", "windowsVirtualKeyCode": code,
                "modifiers": SHIFT if shift else 0}
            if kind == "keyDown" and text:
                params["text"] = text
            self.call("Input.dispatchKeyEvent", **params)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def focus(self):
        """The name of the element that has the keyboard, or its href."""
        return self.js("(e => e.name || e.getAttribute('href') || e.tagName)(document.activeElement)")

    def tab_to(self, name, most=400):
        """Presses Tab until that element has the keyboard; returns what was on the way."""
        way = []
        for _ in range(most):
            self.key("Tab")
            way.append(self.focus())
            if way[-1] == name:
                return way
        raise AssertionError("Tab never comes to %s: %s" % (name, way[:60]))

    def cookies(self):
        return {c["name"]: c for c in self.call("Network.getCookies")["cookies"]}

    def inject(self):
        """Whether a script that somebody has put into the page would run."""
        return self.js("""(() => { const s = document.createElement("script"); s.textContent = "window.ran = 1";
            document.body.append(s); return window.ran === 1; })()""")

    def screenshot(self, path):
        """The whole page, however long it is."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(data["data"]))

    def sideways(self):
        """By how many px the page is wider than the window; a page without a viewport is 980 px wide on a telephone."""
        return self.js("document.documentElement.scrollWidth") - self.width

    def contrast(self):
        return self.js(CONTRAST)

    def unlabelled(self):
        return self.js(UNLABELLED)

    def close(self):
        self.chrome.call("Target.disposeBrowserContext", browserContextId=self.context)
