# SPDX-License-Identifier: ISC
"""A throw-away certificate authority: good and bad server certificates, and a hashed directory of trusted CAs."""
import os
import random
import subprocess

SAN = "subjectAltName=DNS:localhost,DNS:commonname.localhost,DNS:nul.localhost,DNS:wildcard.localhost,IP:127.0.0.1\n"
CADB = "[ca]\ndefault_ca=d\n[d]\ndatabase=%(d)s/index\nserial=%(d)s/serial\nnew_certs_dir=%(d)s\ndefault_md=sha256\n" \
    "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)


class Pki:
    """
    Files in one directory: NAME.pem and NAME.key for each certificate; certs/ holds the CA.  Good is what localhost may show;
    each other one has one fault; client (of clientca) and stranger (of otherca) are for clients.
    """

    def __init__(self, directory):
        self.dir = directory
        self.certs = os.path.join(directory, "certs")
        os.makedirs(self.certs)
        self._authority("ca")
        self._authority("otherca")
        self._authority("clientca")
        self._leaf("good", "ca", SAN)
        self._leaf("wrongname", "ca", "subjectAltName=DNS:elsewhere.example\n")
        self._leaf("unknown", "otherca", SAN)
        self._leaf("v6", "ca", "subjectAltName=IP:::1\n")
        self._leaf("expired", "ca", SAN, ("20200101000000Z", "20200201000000Z"))
        self._leaf("client", "clientca", "extendedKeyUsage=clientAuth\n")
        self._leaf("stranger", "otherca", "extendedKeyUsage=clientAuth\n")
        self._leaf("future", "ca", SAN, ("20450101000000Z", "20460101000000Z"))
        self._leaf("commonname", "ca", "subjectAltName=DNS:elsewhere.example\n", cn="commonname.localhost")
        # a dNSName of "nul.localhost", NUL, ".example"
        name = b"nul.localhost\0.example"
        der = bytes([0x30, len(name) + 2, 0x82, len(name)]) + name
        self._leaf("nul", "ca", "subjectAltName=DER:%s\n" % ":".join("%02x" % x for x in der))
        self._leaf("wildcard", "ca", "subjectAltName=DNS:*.localhost,DNS:*,DNS:wild*.localhost\n")
        self._leaf("clientonly", "ca", SAN + "extendedKeyUsage=clientAuth\n")
        openssl("req", "-x509", *self._new("selfsigned"), "-days", "30", "-subj", "/CN=localhost",
            "-addext", SAN.strip())
        self._expired_self()
        with open(self.path("ca.pem")) as src, open(os.path.join(self.certs, "ca.pem"), "w") as dst:
            dst.write(src.read())
        openssl("rehash", self.certs)

    def path(self, name):
        return os.path.join(self.dir, name)

    def cert(self, name="good"):
        """(certificate file, key file)"""
        return self.path(name + ".pem"), self.path(name + ".key")

    def pin(self, name):
        """SHA-256 of the certificate, as openssl(1) prints it, without the colons."""
        out = subprocess.run(["openssl", "x509", "-in", self.path(name + ".pem"), "-noout", "-fingerprint", "-sha256"],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        return out.strip().split("=")[1].replace(":", "")

    def _new(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(name + ".key"),
            "-out", self.path(name + ".pem"))

    def _authority(self, name):
        openssl("req", "-x509", *self._new(name), "-days", "30", "-subj", "/CN=rpopd test " + name)

    def _leaf(self, name, ca, san, dates=None, cn="localhost"):
        csr, ext = self.path(name + ".csr"), self.path(name + ".ext")
        openssl("req", *self._new(name), "-subj", "/CN=" + cn)
        os.rename(self.path(name + ".pem"), csr)
        with open(ext, "w") as f:
            f.write(san + "basicConstraints=CA:FALSE\n" + ("" if "extendedKeyUsage" in san else "extendedKeyUsage=serverAuth\n"))
        if dates is None:
            openssl("x509", "-req", "-in", csr, "-CA", self.path(ca + ".pem"), "-CAkey", self.path(ca + ".key"),
                "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", self.path(name + ".pem"))
            return
        self._dated(name, dates, ext, "-cert", self.path(ca + ".pem"), "-keyfile", self.path(ca + ".key"))

    def _expired_self(self):
        csr, ext = self.path("expiredself.csr"), self.path("expiredself.ext")
        openssl("req", *self._new("expiredself"), "-subj", "/CN=old appliance")
        os.rename(self.path("expiredself.pem"), csr)
        with open(ext, "w") as f:
            f.write("basicConstraints=CA:FALSE\n")
        self._dated("expiredself", ("20200101000000Z", "20200201000000Z"), ext, "-selfsign",
            "-keyfile", self.path("expiredself.key"))

    def _dated(self, name, dates, ext, *signer):
        """x509(1) cannot set dates; ca(1) wants a database."""
        db = self.path(name + ".db")
        os.makedirs(db)
        for file, text in (("index", ""), ("serial", "%016x\n" % random.getrandbits(60)), ("conf", CADB % {"d": db})):
            with open(os.path.join(db, file), "w") as f:
                f.write(text)
        openssl("ca", "-batch", "-config", os.path.join(db, "conf"), "-in", self.path(name + ".csr"), *signer,
            "-startdate", dates[0], "-enddate", dates[1], "-extfile", ext, "-out", self.path(name + ".pem"), "-notext")
