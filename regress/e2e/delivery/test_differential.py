# SPDX-License-Identifier: ISC
"""
The header and address parsers against Python's email package, on the samples and on what a seeded generator makes by the grammar,
whole and damaged.  Where Python is wrong, or does what a mail router must not do, the reason stands in REASONS with the way it is
taken into account; everything else has to agree.  RPOPD_DIFF=N: N times as many inputs; RPOPD_SEED: others.
"""
import email
import email._header_value_parser as parser
import os
import random
import re
import unicodedata
from email import errors

from lib import addrgen, drive, samples

REASONS = {
    "encoded-word": "Python decodes encoded words wherever they stand; RFC 2047 5 (3) knows none in an address.  It is"
        " shown an atom.",
    "space": "Python strips white space beyond ASCII from the ends; RFC 6532 makes U+00A0 a letter.  It is shown one.",
    "semicolon": "Outlook parts addresses by semicolons, and groups may follow each other without a comma.  Python is"
        " shown commas.",
    "control": "Control characters, and a backslash before a line end, are no part of any token (RFC 5322 3.2); Python takes"
        " them for letters or drops them.  An element with one must be counted as dropped.",
    "empty-local": "\"\"@x is legal, but nobody can be called nothing: dropped.",
    "tab-local": "A tab in a quoted local part is legal, but would not survive being written into an SMTP command: dropped.",
    "literal": "A domain literal of anything but the characters of address literals (RFC 5321 4.1.3) is dropped.  Python forgets"
        " escapes in it; it is shown a mark.",
    "name": "What stands before \"<\" is a name whatever it is made of, unless it could be something else.  Python is shown another name.",
    "dots": "Dots at the ends of a local part, or several in a row, are read where no blanks are; one at the end of a domain is left"
        " out.  Python is shown another character, and none.",
    "apostrophes": "No domain ends in an apostrophe: those around an address are quotes.  Python is not shown them.",
    "labels": "U-labels become A-labels; a domain that cannot be one is dropped.  Python's answer is converted.",
    "python-fails": "Python raises an exception of its own, mostly for an unclosed domain literal.",
    "resynchronisation": "Behind something both call broken, each goes on where it thinks right; the program may find less.  More"
        " only if what it found is well-formed alone, and only behind a broken group name or domain literal.",
    "bare-cr": "Python ends lines at a CR without LF, which RFC 5322 2.2 does not know.  It is shown another octet.",
    "blank-colon": "Python ends the header at blanks between name and colon (RFC 5322 4.5.8).  It is shown the line"
        " without them.",
    "no-name": "Python goes on behind a line that begins with a colon; no syntax makes that a field, so the body begins.",
    "unfinished": "An unfinished last line that is no field yet is body to Python; the program delivers it with the header.",
    "from-line": "Python passes over lines that begin with \"From \" anywhere; they count on top of all only.",
}
SCALE = int(os.environ.get("RPOPD_DIFF", "1"))
MASKS = [("=?", "=\u00bf"), ("\u00a0", "\u00be"), (".", "\u00bd")]		# what Python is shown instead; no generator and no sample has it
HARMLESS = (errors.ObsoleteHeaderDefect, errors.NonASCIILocalPartDefect)
CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\n(?![ \t]|\\Z)|(?<!\\\\)(?:\\\\\\\\)*\\\\\r?\n")
ATEXT = r"[^\s\0-\x1f\x7f-\x9f\"(),:;<>@\[\]\\]"		# and dots
LITERAL = re.compile(r"\[\s*[-a-zA-Z0-9.:]+\s*\]")


def generator(salt):
    return random.Random("%s %s" % (os.environ.get("RPOPD_SEED", "rpopd"), salt))


class Shown:
    """What Python is shown, made of the text character by character.  shape has what is in comments blanked out and what is in quotes
    or brackets marked, at the same places."""

    def __init__(self):
        self.out = self.shape = ""
        self.start = 0			# of the element
        self.named = False		# a bracket was opened or closed in it

    def add(self, text, mark=None):
        self.out += text
        self.shape += (mark or text[0]) * len(text)

    def put(self, at, what):
        self.out = self.out[:at] + what + self.out[at + 1:]

    def name(self):
        """In front of "<": another name, if there is one."""
        if not self.named and self.shape[self.start:].strip() and not re.search(r"\\(?![ \t\w.'-])|[:]", self.shape[self.start:]):
            self.out, self.shape = self.out[:self.start] + "x ", self.shape[:self.start] + "x "
        self.named = True

    def local_part(self):
        """In front of "@"."""
        m = re.search(ATEXT + "+$", self.shape)
        if m and not re.search('(?:"|%s)$' % ATEXT, self.shape[:m.start()].rstrip()) and re.search(r"^\.|\.\.|\.$", m.group()) and \
                m.group().strip("."):
            for at in range(m.start(), m.end()):
                if self.shape[at] == ".":
                    self.put(at, "\u00bd")

    def domain(self):
        """In front of what ends an address."""
        element = self.shape[self.start:].rstrip()
        end = self.start + len(element) - 1
        if re.search("@(?:\\s|%s)*(?!\\.)%s\\.$" % (ATEXT, ATEXT), element):
            self.put(end, " ")
        m = re.search("(?:^|<)\\s*'%s+@%s+'$" % (ATEXT, ATEXT), element)
        if m:
            self.put(end, " ")
            self.put(self.start + element.index("'", m.start()), " ")

    def begin(self):
        self.start, self.named = len(self.out), False


def shown(text):
    """What Python is shown: semicolons outside of groups become commas, and one is put behind every group; escapes in domain
    literals are marked; and see REASONS."""
    show, group, quoted, depth, angle, literal, i = Shown(), False, False, 0, 0, False, 0
    while i < len(text):
        c = text[i]
        if (quoted or depth or literal) and c == "\\":
            show.add(("\u00bf" if literal else c) + text[i + 1:i + 2], " " if depth else '"')
            i += 2
            continue
        i += 1
        plain = not (quoted or depth or literal)
        mark = None if plain and c not in '"([' else " " if depth or plain and c == "(" else '"'
        if c == '"' and not depth and not literal:
            quoted = not quoted
        elif c == "(" and not quoted and not literal:
            depth += 1
        elif c == ")" and depth:
            depth -= 1
        elif c == "[" and plain:
            literal = True
        elif c == "]" and literal:
            literal = False
        elif plain and c in "<>":
            if c == "<":
                show.name()
            else:
                show.domain()
                show.named = True
            angle = max(0, angle + (1 if c == "<" else -1))
        elif plain and c == "@":
            show.local_part()
        elif plain and not angle and c == ":":
            group = True
            show.add(c)
            show.begin()
            continue
        elif plain and not angle and c in ",;":
            show.domain()
            show.add(c if c == "," else ";," if group else ",")
            group = group and c != ";"
            show.begin()
            continue
        show.add(c, mark)
    if not (quoted or depth or literal):
        show.domain()
    return show.out


def parts(token, kind):
    """Those of this kind in Python's parse tree."""
    if token.token_type == kind:
        return [token]
    return [p for t in token if isinstance(t, parser.TokenList) for p in parts(t, kind)]


def label(text):
    """The A-label; the codec is of IDNA 2003, in which letters are what they are now, but for one."""
    text = unicodedata.normalize("NFKC", text.replace("\u00ad", "")).lower()
    if text.startswith("xn--"):
        was, text = text, text.encode().decode("idna")
        if label(text) != was:
            raise UnicodeError
        return was
    if text.isascii():
        return text
    if text.strip("-") != text or any(unicodedata.category(c)[0] not in "LM" for c in text if not c.isascii()):
        raise UnicodeError
    return "xn--" + text.encode("punycode").decode() if "\u00df" in text else text.encode("idna").decode()


def labels(domain):
    """In lower case and A-labels; None: no domain name."""
    try:
        if not domain.isascii():
            domain = ".".join(label(x) for x in re.split("[.\u3002\uff0e\uff61]", unmasked(domain)))
    except UnicodeError:
        return None
    return domain.lower() if re.match(r"[\w-]+(?:\.[\w-]+)*\Z", domain, re.ASCII) else None


def unwanted(box):
    """Does one of the reasons speak against a mailbox that Python found?"""
    local = "".join(re.sub(r"\\.", "x", str(p)) for p in parts(box, "local-part"))
    if '""' in local or "\t" in box.local_part or re.search("[\x7f-\x9f]", str(box)):
        return True
    if not box.domain.startswith("[") and labels(box.domain) is None:
        return True
    return any(not LITERAL.search(str(p)) for p in parts(box, "domain-literal"))


def unmasked(text):
    for was, mask in MASKS:
        text = text.replace(mask, was)
    return text


def python_list(text):
    """([(local part, domain)], how many reasons forbid, does Python find anything wrong with it); None: Python failed."""
    text = shown(re.sub(r"\r?\n(?=[ \t]|\Z)", "", text))
    for was, mask in MASKS[:2]:
        text = text.replace(was, mask)
    try:
        found, _ = parser.get_address_list(text)
        good = [m for m in found.mailboxes if not unwanted(m)]
        pairs = [(unmasked(m.local_part), m.domain.lower() if m.domain.startswith("[") else labels(m.domain))
            for m in good]
        return pairs, len(found.mailboxes) - len(good), all(isinstance(d, HARMLESS) for d in found.all_defects)
    except (AttributeError, TypeError, IndexError, errors.HeaderParseError):
        return None


def difference(text, ours, bad):
    """What is wrong with the program's answer; None: nothing."""
    if any(re.search("[\0-\x1f\x7f-\x9f]", part) for pair in ours for part in pair):
        return "a control character"
    for local, domain in ours:
        alone = '"%s"@%s' % (re.sub(r'(["\\])', r"\\\1", local), domain)
        if python_list(alone) != ([(local, domain)], 0, True):
            return "%r is not well-formed alone" % alone
    if CONTROL.search(text):
        return None if bad else "a control character was overlooked"
    theirs = python_list(text)
    if theirs is None:
        return None if bad else "Python failed, and nothing is wrong here"
    pairs, forbidden, clean = theirs
    if clean or not bad:
        if ours != pairs or clean and bad != forbidden:
            return "Python has %r%s" % (pairs, "" if clean else " of something broken")
        return None
    return "Python has only %r" % pairs if set(ours) - set(pairs) and not set(":[") & set(text) else None


def check_lists(texts):
    answers = drive.lists([t.encode() for t in texts])
    wrong = []
    for text, (pairs, bad) in zip(texts, answers):
        ours = [(local.decode(), domain.decode()) for local, domain in pairs]
        why = difference(text, ours, bad)
        if why:
            wrong.append("%r: %r, %d dropped; %s" % (text, ours, bad, why))
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(texts), "\n".join(wrong[:20]))


def test_lists_of_the_samples():
    """Those of valid UTF-8; the parser drops an element that is not, Python would be shown something else."""
    texts = []
    for _, kind, data, _, _ in samples.addresses():
        try:
            texts += [data.decode()] if kind == "list" else []
        except UnicodeDecodeError:
            pass
    assert len(texts) > 200
    check_lists(texts)


def test_lists_by_the_grammar():
    rng = generator("whole")
    check_lists([addrgen.address_list(rng) for _ in range(2000 * SCALE)])


def test_lists_damaged():
    rng = generator("damaged")
    check_lists([addrgen.damaged(rng, addrgen.address_list(rng)) for _ in range(2000 * SCALE)])


FIELDS = {"to": "to", "cc": "cc", "bcc": "bcc", "return-path": "return-path"}
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


def python_header(wire):
    """([(kind, body)] of the fields that star mode collects, what Python thinks is the body)"""
    wire = re.sub(rb"\r(?!\n)", b"\x01", wire)
    lines = re.findall(rb"[^\n]*\n|[^\n]+\Z", wire)
    seen = 0
    for i, line in enumerate(lines):
        seen = i
        if i == 0 and re.match(rb">?From ", line) and not FIELD.match(line):
            lines[i] = b"X-Mbox: x\n"
        elif i == 0 and line[:1] in b" \t" or line[:1] in b" \t" and lines[i - 1].startswith(b"X-Mbox:"):
            lines[i] = b"X-Mbox: x\n"
        elif FIELD.match(line):
            lines[i] = FIELD.sub(rb"\1:", line, 1)
        elif line[:1] not in b" \t":
            break
    if seen < len(lines) and (lines[seen].startswith(b":") or re.match(rb"From ", lines[seen])):
        lines.insert(seen, b"\n")
    m = email.message_from_bytes(b"".join(lines))
    found = [(FIELDS[name.lower()], body.encode("ascii", "surrogateescape").replace(b"\r\n", b"").replace(b"\n", b""))
        for name, body in m.raw_items() if name.lower() in FIELDS]
    return [(k, v.replace(b"\x01", b"\r").lstrip(b" \t")) for k, v in found], \
        m._payload.encode("ascii", "surrogateescape").replace(b"\x01", b"\r")


def check_headers(messages):
    wrong = []
    for wire, (fields, kept, rest) in zip(messages, drive.headers(messages, "star")):
        found, body = python_header(wire)
        ours = [(kind, value.lstrip(b" \t")) for kind, value in fields]
        if ours != found or rest != body and not (rest == b"" and kept.endswith(body) and not wire.endswith(b"\n")):
            wrong.append("%r: %r and %r, Python has %r and %r" % (wire, ours, rest, found, body))
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(messages), "\n".join(wrong[:20]))


def test_headers_of_the_samples():
    check_headers([m.wire for m in samples.messages()])


def test_headers():
    """Fields found, their unfolded bodies, and where the body begins."""
    rng = generator("header")
    check_headers([addrgen.header(rng) for _ in range(2000 * SCALE)])
