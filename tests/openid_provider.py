"""A small OpenID provider: a real HTTP server with RSA keys, which does wrong what a test asks it to.

It keeps to OpenID Connect Core 1.0 and RFC 7636: codes are good once, for one client, redirect and verifier.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "entrepot-portal", "a-client-secret-that-nobody-may-see"


@dataclass
class Provider:
    """What the server knows, and how its next answers differ from what is right."""

    issuer: str = ""
    subject: str = "alice"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, str] = field(default_factory=dict)
    algorithm: str = "RS256"
    signs_with: Any = None
    is_down: bool = False
    asked: list[str] = field(default_factory=list)

    def behave(self, **wrong: Any) -> None:
        """From now on wrong in these ways, and right in all others."""
        fresh = Provider(issuer=self.issuer, key=self.key)
        for name in ("subject", "claims", "discovery", "callback", "algorithm", "signs_with", "is_down"):
            setattr(self, name, wrong.get(name, getattr(fresh, name)))

    def described(self) -> dict[str, Any]:
        """The discovery document."""
        places = {
            name: f"{self.issuer}/{path}"
            for name, path in (
                ("authorization_endpoint", "authorize"),
                ("token_endpoint", "token"),
                ("jwks_uri", "jwks"),
            )
        }
        methods = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
        return {"issuer": self.issuer} | places | methods | self.discovery

    def authorized(self, query: dict[str, str]) -> str:
        """Where the browser goes back to: the person at the provider says yes at once."""
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        assert query["client_id"] == CLIENT_ID and query["scope"].split()[0] == "openid"
        code = secrets.token_urlsafe(12)
        self.codes[code] = query
        back = {"code": code, "state": query["state"]} | self.callback
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The ID token for a code; the second time, or with another verifier, there is none."""
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        if authorization != f"Basic {basic}" or asked is None:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT_ID, "sub": self.subject, "nonce": asked["nonce"]}
        claims = right | {"iat": now, "exp": now + 60} | self.claims
        return 200, {"id_token": self.signed(claims), "access_token": "unused", "token_type": "Bearer"}

    def signed(self, claims: dict[str, Any]) -> str:
        """The claims as a token; what is None in them is left out."""
        told = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            return jwt.encode(told, None, algorithm="none")
        key = self.signs_with or self.key
        return jwt.encode(told, key, algorithm=self.algorithm, headers={"kid": "one"})

    def keys(self) -> dict[str, Any]:
        """The public key, as a set."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}


@contextmanager
def open_provider() -> Iterator[Provider]:
    """The provider, serving on a free port of this machine."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if provider.is_down:
                self.send_error(500)
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorized(query))
                self.end_headers()
            elif parts.path == "/jwks":
                self.tell(200, provider.keys())
            else:
                self.tell(200, provider.described())

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            self.tell(*provider.token(form, self.headers.get("Authorization", "")))

        def tell(self, status: int, body: dict[str, Any]) -> None:
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
