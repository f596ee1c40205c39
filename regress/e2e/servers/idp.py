# SPDX-License-Identifier: ISC
"""
A scripted identity provider: a token endpoint and one for device codes (RFC 8628), over TLS, that count what they are asked and
misbehave when told to.
"""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
import urllib.parse

JWT_KEY = b"key of the test's identity provider"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_CODE = "dc-secret/+& =%41"	# of the first device login
USER_CODE = "WDJB-MJHT"
REFRESH = "rt-first/+& =%41"		# a refresh token; nothing of it may get lost on the way


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(user, key=JWT_KEY, lifetime=3600, **claims):
    """An access token that Dovecot's oauth2 passdb believes (HS256)."""
    now = int(time.time())
    body = {"sub": user, "email": user, "iat": now, "nbf": now - 60, "exp": now + lifetime, "scope": "pop", "iss": "idp.test"}
    body.update(claims)
    text = "%s.%s" % (b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "default"}).encode()), b64(json.dumps(body).encode()))
    return text + "." + b64(hmac.new(key, text.encode(), hashlib.sha256).digest())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        idp = self.server.idp
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True, strict_parsing=True))
        with idp.lock:
            idp.requests.append({"form": form, "path": self.path, "headers": dict(self.headers)})
        idp.respond(self, form)
        self.close_connection = True

    def log_message(self, *args):
        pass

    def raw(self, data):
        """Octets of the script's own."""
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            pass

    def reply(self, status, obj, **headers):
        data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
        head = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(data))
        self.raw(head.encode() + data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        sock, address = self.socket.accept()
        sock.settimeout(60)
        return self.idp.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, address):
        pass


class Idp:
    """
    Knows refresh tokens; with rotate, each use makes the old one void and gives a new one.  access(user) makes access tokens; the
    user is what a refresh token or a client id stands for.  extra: what it says besides.  behave(handler, form), if set, answers instead.

    At /device it gives a code, device being what it says of that besides.  Asked about the code it answers with what stands first
    in decisions, or else with decision: a code of RFC 8628 section 3.5, or "granted", with the refresh token granting.
    """

    def __init__(self, pki, cert="good", rotate=False, lifetime=3600):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pki.cert(cert))
        self.rotate, self.lifetime = rotate, lifetime
        self.lock = threading.Lock()
        self.requests, self.grants, self.clients, self.issued = [], {}, {}, []
        self.serial = 0
        self.behave = None
        self.extra = {}
        self.device, self.decisions, self.decision, self.granting = {"interval": 1}, [], "authorization_pending", "rt-device"
        self.access = lambda user: "at-%d" % self.serial
        self.port = 0
        self.start()

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.idp = self
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def url(self, path="/token", host="localhost"):
        return "https://%s:%d%s" % (host, self.port, path)

    def count(self):
        with self.lock:
            return len(self.requests)

    def respond(self, handler, form):
        if self.behave is not None:
            self.behave(handler, form)
        elif handler.path == "/device":
            handler.reply(*self.answer_device(form))
        else:
            handler.reply(*self.answer(form))

    def polls(self):
        """How often it was asked about a device code."""
        with self.lock:
            return sum(r["form"].get("grant_type") == DEVICE_GRANT for r in self.requests)

    def refused(self, form):
        """None, or what is wrong with the client."""
        client = self.clients.get(form.get("client_id"))
        if client is not None and client != form.get("client_secret"):
            return 401, {"error": "invalid_client", "error_description": "wrong secret"}
        return None

    def answer_device(self, form):
        return self.refused(form) or (200, {"device_code": DEVICE_CODE, "user_code": USER_CODE, "expires_in": 900,
            "verification_uri": "https://idp.example/device", "verification_uri_complete": "https://idp.example/device?c=" + USER_CODE,
            **self.device})

    def decide(self, form):
        """None: it is granted; else an answer."""
        if form.get("device_code") != DEVICE_CODE:
            return 400, {"error": "invalid_grant"}
        decision = self.decisions.pop(0) if self.decisions else self.decision
        return None if decision == "granted" else (400, {"error": decision, "error_description": "said the provider"})

    def answer(self, form):
        """(status, object) of an honest provider."""
        with self.lock:
            refusal = self.refused(form)
            if refusal is None and form.get("grant_type") == DEVICE_GRANT:
                refusal = self.decide(form)
            if refusal is not None:
                return refusal
            if form.get("grant_type") == DEVICE_GRANT:
                user = "user"
                self.grants[self.granting] = user
            elif form.get("grant_type") == "client_credentials":
                user = form["client_id"]
            else:
                user = self.grants.get(form.get("refresh_token"))
                if user is None:
                    return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            self.serial += 1
            answer = {"access_token": self.access(user), "token_type": "Bearer", "expires_in": self.lifetime, **self.extra}
            if self.rotate and "refresh_token" in form:
                del self.grants[form["refresh_token"]]
                answer["refresh_token"] = "rt-rotated-%d" % self.serial
                self.grants[answer["refresh_token"]] = user
            if form.get("grant_type") == DEVICE_GRANT and self.granting is not None:
                answer["refresh_token"] = self.granting
            self.issued.append(answer["access_token"])
            return 200, answer
