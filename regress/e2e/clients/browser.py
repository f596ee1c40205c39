# SPDX-License-Identifier: ISC
"""
A browser without scripts, style and memory of its own: cookies, forms, redirections.  It sends what it is told to, also what no
browser would.
"""
import html.parser
import http.client
import ssl
import urllib.parse

from lib import rig as rigs

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Form:
    def __init__(self, attrs, path):
        self.id = attrs.get("id")
        self.method = attrs.get("method", "get").lower()
        self.action = urllib.parse.urljoin(path, attrs.get("action") or path)
        self.fields = []	# [name, value] of what a browser sends, in their order
        self.labels = {}	# name: [the attributes of its element]
        self.buttons = []	# (name, value)
        self.options = {}	# name of a select: its values

    def __contains__(self, name):
        return name in self.names()

    def __getitem__(self, name):
        return next(value for n, value in self.fields if n == name)

    def names(self):
        return [n for n, _ in self.fields]

    def with_(self, changes):
        """The pairs to be sent, with other values; None leaves a field out, and a name that is not there is added (a box that is ticked)."""
        pairs = [(n, changes.get(n, v)) for n, v in self.fields]
        pairs += [(n, v) for n, v in changes.items() if n not in self.names()]
        return [(n, v) for n, v in pairs if v is not None]


class Reader(html.parser.HTMLParser):
    """What a page says: forms, text, elements, and what is wrong with it as far as nesting goes."""

    def __init__(self, text, path):
        super().__init__(convert_charrefs=True)
        self.path = path
        self.forms, self.links, self.elements, self.words, self.wrong = [], [], [], [], []
        self.elsewhere = []	# buttons of forms that are not around them: (id, name, value)
        self.open, self.select, self.area, self.labelled, self.within = [], None, None, set(), 0
        self.feed(text)
        self.close()
        for form, name, value in self.elsewhere:
            next(f for f in self.forms if f.id == form).buttons.append((name, value))
        self.wrong += ["<%s> is not closed" % tag for tag in self.open if tag not in ("li", "p", "td", "th", "tr", "dt", "dd", "option")]

    def handle_starttag(self, tag, attributes):
        attrs = {name: value or "" for name, value in attributes}
        if len(attrs) != len(attributes):
            self.wrong.append("<%s> has an attribute twice" % tag)
        self.elements.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(Form(attrs, self.path))
        elif tag == "a":
            self.links.append(attrs.get("href", ""))
        elif tag == "label":
            self.within += 1
            self.labelled.add(attrs.get("for"))
        elif tag in ("input", "select", "textarea", "button"):
            self.control(tag, attrs)
        elif tag == "option" and self.select is not None:
            self.option(attrs)

    def control(self, tag, attrs):
        attrs["in label"] = self.within > 0
        name, kind = attrs.get("name"), attrs.get("type", "submit" if tag == "button" else "text")
        if tag == "button" and "form" in attrs:
            self.elsewhere.append((attrs["form"], name, attrs.get("value", "")))
            return
        if not self.forms or name is None and tag != "button":
            return
        form = self.forms[-1]
        if name is not None:
            form.labels.setdefault(name, []).append(attrs)
        if tag == "button" or kind == "submit":
            form.buttons.append((name, attrs.get("value", "")))
        elif tag == "select":
            self.select = [name, None, []]
        elif tag == "textarea":
            self.area = [name, ""]
        elif kind not in ("checkbox", "radio") or "checked" in attrs:
            form.fields.append([name, attrs.get("value", "on" if kind == "checkbox" else "")])

    def option(self, attrs):
        value = attrs.get("value")
        self.select[2].append(value)
        if self.select[1] is None or "selected" in attrs:
            self.select[1] = value

    def handle_endtag(self, tag):
        if tag in VOID:
            self.wrong.append("</%s>" % tag)
            return
        while self.open and self.open[-1] != tag and self.open[-1] in ("li", "p", "td", "th", "tr", "dt", "dd", "option"):
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.wrong.append("</%s> closes another element" % tag)
        if tag == "label":
            self.within -= 1
        elif tag == "select" and self.select is not None and self.forms:
            self.forms[-1].fields.append(self.select[:2])
            self.forms[-1].options[self.select[0]] = self.select[2]
            self.select = None
        elif tag == "textarea" and self.area is not None:
            self.forms[-1].fields.append(self.area)
            self.area = None

    def handle_data(self, data):
        if self.area is not None:
            self.area[1] += data
        self.words.append(data)


class Page:
    def __init__(self, status, head, body, path):
        self.status, self.head, self.body, self.path = status, head, body, path
        self.html = body.decode("utf-8", "replace")
        self.read = Reader(self.html if "html" in head.get("content-type", "") else "", path)
        self.forms, self.links = self.read.forms, self.read.links
        self.text = " ".join("".join(self.read.words).split())

    def form(self, field):
        """The form that has this field or button."""
        for form in self.forms:
            if field in form or field in [name for name, _ in form.buttons]:
                return form
        raise AssertionError("no form has %s: %s" % (field, self.text[:2000]))


class Browser:
    def __init__(self, port, pki=None, base=""):
        """pki: who has signed the server's certificate; None: without TLS."""
        self.port, self.base = port, base
        self.context = ssl.create_default_context(cafile=pki.path("ca.pem")) if pki else None
        self.cookies = {}	# name: (value, the attributes as they came)
        self.https = pki is not None

    def origin(self):
        return "%s://localhost:%d" % ("https" if self.https else "http", self.port)

    def connection(self):
        if self.https:
            return http.client.HTTPSConnection("localhost", self.port, timeout=rigs.PATIENCE, context=self.context)
        return http.client.HTTPConnection("localhost", self.port, timeout=rigs.PATIENCE)

    def send(self, method, path, body=None, head=()):
        """One request, and its answer as it is."""
        fields = {"Cookie": "; ".join("%s=%s" % (n, v[0]) for n, v in self.cookies.items())} if self.cookies else {}
        if body is not None:
            fields.update({"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin(), "Sec-Fetch-Site": "same-origin"})
        fields.update(head)
        connection = self.connection()
        try:
            connection.request(method, path, body, {n: v for n, v in fields.items() if v is not None})
            answer = connection.getresponse()
            page = Page(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read(), path)
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            pair, *attributes = [part.strip() for part in cookie.split(";")]
            name, _, value = pair.partition("=")
            self.cookies[name] = (value, attributes)
            if value == "" or any(a.lower() == "max-age=0" for a in attributes):
                del self.cookies[name]
        return page

    def follow(self, page):
        while page.status in (302, 303):
            where = urllib.parse.urlsplit(urllib.parse.urljoin(page.path, page.head["location"]))
            page = self.send("GET", where.path + ("?" + where.query if where.query else ""))
        return page

    def get(self, path="/", **kwargs):
        return self.follow(self.send("GET", self.base + path, **kwargs))

    def post(self, path, pairs, **kwargs):
        """A form's octets, whatever they are."""
        return self.send("POST", path, urllib.parse.urlencode(pairs, encoding="utf-8", errors="surrogateescape").encode(), **kwargs)

    def submit(self, form, changes=(), button=None, **kwargs):
        """The form with other values, as if that button had been pressed; returns the page that is there in the end."""
        pairs = form.with_(dict(changes))
        if button is not None:
            pairs.append((button, dict((n, v) for n, v in form.buttons if n).get(button, "")))
        if form.method == "post":
            return self.follow(self.post(form.action, pairs, **kwargs))
        return self.follow(self.send("GET", form.action.partition("?")[0] + "?" + urllib.parse.urlencode(pairs), **kwargs))

    def log_in(self, address, password):
        """Returns the page after it."""
        return self.submit(self.get("/").form("password"), {"address": address, "password": password})
