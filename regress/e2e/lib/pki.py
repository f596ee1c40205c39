# SPDX-License-Identifier: ISC
"""A throw-away certificate authority: good and bad server certificates, and a hashed directory of trusted CAs."""
import os
import random
import subprocess
import threading

SAN = "subjectAltName=DNS:localhost,DNS:commonname.localhost,DNS:nul.localhost,DNS:wildcard.localhost,IP:127.0.0.1\n"
CADB = "[ca]\ndefault_ca=d\n[d]\ndatabase=%(d)s/index\nserial=%(d)s/serial\nnew_certs_dir=%(d)s\ndefault_md=sha256\n" \
    "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
NUL = b"nul.localhost\0.example"		# a dNSName with a NUL in it
NUL_NAME = bytes([0x30, len(NUL) + 2, 0x82, len(NUL)]) + NUL


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)


AUTHORITIES = ("ca", "otherca", "clientca")
# Each with its issuer, its extensions, and what else _leaf() wants.
LEAVES = {
    "good": ("ca", SAN),
    "wrongname": ("ca", "subjectAltName=DNS:elsewhere.example\n"),
    "unknown": ("otherca", SAN),
    "v6": ("ca", "subjectAltName=IP:::1\n"),
    "expired": ("ca", SAN, ("20200101000000Z", "20200201000000Z")),
    "client": ("clientca", "extendedKeyUsage=clientAuth\n"),
    "stranger": ("otherca", "extendedKeyUsage=clientAuth\n"),
    "future": ("ca", SAN, ("20450101000000Z", "20460101000000Z")),
    "commonname": ("ca", "subjectAltName=DNS:elsewhere.example\n", None, "commonname.localhost"),
    "nul": ("ca", "subjectAltName=DER:%s\n" % ":".join("%02x" % x for x in NUL_NAME)),
    "wildcard": ("ca", "subjectAltName=DNS:*.localhost,DNS:*,DNS:wild*.localhost\n"),
    "clientonly": ("ca", SAN + "extendedKeyUsage=clientAuth\n"),
}


class Pki:
    """
    Files in one directory: NAME.pem and NAME.key for each certificate, made when it is asked for first; certs/ holds the CA.  Good is what
    localhost may show; each other one has one fault; client (of clientca) and stranger (of otherca) are for clients.
    """

    def __init__(self, directory):
        self.dir = directory
        self.certs = os.path.join(directory, "certs")
        self.lock = threading.RLock()
        os.makedirs(self.certs)
        with open(self.path("ca.pem")) as src, open(os.path.join(self.certs, "ca.pem"), "w") as dst:
            dst.write(src.read())
        openssl("rehash", self.certs)

    def path(self, file):
        """Where NAME.pem or NAME.key is."""
        name = file.rpartition(".")[0]
        path = os.path.join(self.dir, file)
        with self.lock:
            if not os.path.exists(path):
                self._make(name)
        return path

    def cert(self, name="good"):
        """(certificate file, key file)"""
        return self.path(name + ".pem"), self.path(name + ".key")

    def pin(self, name):
        """SHA-256 of the certificate, as openssl(1) prints it, without the colons."""
        out = subprocess.run(["openssl", "x509", "-in", self.path(name + ".pem"), "-noout", "-fingerprint", "-sha256"],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        return out.strip().split("=")[1].replace(":", "")

    def _file(self, name):
        """A file that may not be there yet."""
        return os.path.join(self.dir, name)

    def _make(self, name):
        if name in LEAVES:
            self._leaf(name, *LEAVES[name])
        elif name == "selfsigned":
            openssl("req", "-x509", *self._new(name), "-days", "30", "-subj", "/CN=localhost", "-addext", SAN.strip())
        elif name == "expiredself":
            self._expired_self()
        elif name in AUTHORITIES:
            openssl("req", "-x509", *self._new(name), "-days", "30", "-subj", "/CN=rpopd test " + name)
        else:
            raise KeyError(name)

    def _new(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self._file(name + ".key"),
            "-out", self._file(name + ".pem"))

    def _leaf(self, name, ca, san, dates=None, cn="localhost"):
        csr, ext = self._file(name + ".csr"), self._file(name + ".ext")
        openssl("req", *self._new(name), "-subj", "/CN=" + cn)
        os.rename(self._file(name + ".pem"), csr)
        with open(ext, "w") as f:
            f.write(san + "basicConstraints=CA:FALSE\n" + ("" if "extendedKeyUsage" in san else "extendedKeyUsage=serverAuth\n"))
        if dates is None:
            openssl("x509", "-req", "-in", csr, "-CA", self.path(ca + ".pem"), "-CAkey", self.path(ca + ".key"),
                "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", self._file(name + ".pem"))
            return
        self._dated(name, dates, ext, "-cert", self.path(ca + ".pem"), "-keyfile", self.path(ca + ".key"))

    def _expired_self(self):
        csr, ext = self._file("expiredself.csr"), self._file("expiredself.ext")
        openssl("req", *self._new("expiredself"), "-subj", "/CN=old appliance")
        os.rename(self._file("expiredself.pem"), csr)
        with open(ext, "w") as f:
            f.write("basicConstraints=CA:FALSE\n")
        self._dated("expiredself", ("20200101000000Z", "20200201000000Z"), ext, "-selfsign",
            "-keyfile", self._file("expiredself.key"))

    def _dated(self, name, dates, ext, *signer):
        """x509(1) cannot set dates; ca(1) wants a database."""
        db = self._file(name + ".db")
        os.makedirs(db)
        for file, text in (("index", ""), ("serial", "%016x\n" % random.getrandbits(60)), ("conf", CADB % {"d": db})):
            with open(os.path.join(db, file), "w") as f:
                f.write(text)
        openssl("ca", "-batch", "-config", os.path.join(db, "conf"), "-in", self._file(name + ".csr"), *signer,
            "-startdate", dates[0], "-enddate", dates[1], "-extfile", ext, "-out", self._file(name + ".pem"), "-notext")
