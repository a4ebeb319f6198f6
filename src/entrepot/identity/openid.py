"""Single sign-on: one OpenID provider, asked by the authorization code flow with PKCE. Says who; binds nobody.

Sources: OpenID Connect Core 1.0 (3.1, 3.1.3.7), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
The client's secret leaves this file to the provider's token endpoint only.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Unavailable, declare

from .proof import NotProved

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 256_000
TOKEN_CHARS_MAX = 16_000
LEEWAY_S = 30  # how far the provider's clock may be from ours
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

declare("Unavailable", provider_unavailable="The single sign-on provider gave no answer that can be used.")


@dataclass(frozen=True, slots=True)
class Provider:
    """What the operator registered with the provider; `name` is what people know it by."""

    issuer: str
    client_id: str
    name: str
    client_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        require_safe(self.issuer)


def require_safe(url: str) -> str:
    """The address, if nobody between us and it can change what is said. Raises: Invalid(malformed)."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname or parts.fragment or parts.username:
        raise Invalid("malformed", "A provider is reached by https (by http on this machine only).", path="issuer")
    return url


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one provider. Every call has a timeout, follows no redirect, and reads a bounded answer."""

    provider: Provider

    @property
    def name(self) -> str:
        """What people know the provider by."""
        return self.provider.name

    @property
    def issuer(self) -> str:
        """Who vouches."""
        return self.provider.issuer

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent. Raises: Unavailable(provider_unavailable)."""
        place = self._endpoint(self._discovered(), "authorization_endpoint")
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.provider.client_id,
                "redirect_uri": redirect_uri,
                "scope": "openid",
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{place}{'&' if urlsplit(place).query else '?'}{query}"

    def subject(self, *, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str = "") -> str:
        """Who the provider says it is, by its `sub`. `issuer` is what the browser's answer named, "" for nothing.

        Raises: NotProved, Unavailable(provider_unavailable).
        """
        if issuer and issuer != self.provider.issuer:
            raise NotProved("the answer is another provider's (mix-up)")
        found = self._discovered()
        if found.get("authorization_response_iss_parameter_supported") is True and not issuer:
            raise NotProved("the provider names itself in every answer, and this one names nobody")
        token = self._token(found, code=code, redirect_uri=redirect_uri, verifier=verifier)
        keys = self._asked("GET", self._endpoint(found, "jwks_uri"))
        return self._checked(token, keys, nonce)

    def _discovered(self) -> Json:
        found = self._asked("GET", f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.provider.issuer:
            raise Unavailable("provider_unavailable", "The provider's own description names another issuer.")
        return found

    def _endpoint(self, found: Json, name: str) -> str:
        value = found.get(name)
        if not isinstance(value, str):
            raise Unavailable("provider_unavailable", f"The provider does not say its {name}.")
        try:
            return require_safe(value)
        except Invalid as error:
            raise Unavailable("provider_unavailable", f"{name}: {error.message}") from None

    def _token(self, found: Json, *, code: str, redirect_uri: str, verifier: str) -> str:
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        sent |= {"code_verifier": verifier, "client_id": self.provider.client_id}
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth: httpx.BasicAuth | None = None
        if self.provider.client_secret and "client_secret_basic" in methods:
            auth = httpx.BasicAuth(self.provider.client_id, self.provider.client_secret)
        elif self.provider.client_secret:
            sent["client_secret"] = self.provider.client_secret
        answer = self._asked("POST", self._endpoint(found, "token_endpoint"), data=sent, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX:
            raise NotProved("the provider gave no ID token")
        return token

    def _checked(self, token: str, keys: Json, nonce: str) -> str:
        try:
            key = _key_of(token, keys)
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.provider.client_id,
                issuer=self.provider.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise NotProved(f"ID token: {type(error).__name__}: {error}") from None
        if not hmac.compare_digest(str(claims["nonce"]), nonce):
            raise NotProved("ID token: the nonce is of another sign-in")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if len(audiences) > 1 and claims.get("azp") != self.provider.client_id:
            raise NotProved("ID token: it was made for another client too, and not authorised for us")
        if not claims["sub"] or len(claims["sub"]) > 255:
            raise NotProved("ID token: sub is empty or too long")
        return str(claims["sub"])

    def _asked(self, method: str, url: str, **given: Any) -> Json:
        """The JSON object that the provider answers; a refusal of a code is proof of nothing."""
        is_near = urlsplit(url).hostname in LOOPBACK
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, trust_env=not is_near) as http,
                http.stream(method, url, headers={"Accept": "application/json"}, **given) as answer,
            ):
                raw = b""
                for part in answer.iter_bytes():
                    raw += part
                    if len(raw) > ANSWER_BYTES_MAX:
                        raise Unavailable("provider_unavailable", "The provider's answer is too long.")
            if 400 <= answer.status_code < 500 and method == "POST":
                raise NotProved(f"the provider refuses the code (HTTP {answer.status_code})")
            body = httpx.Response(answer.status_code, content=raw).json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unavailable("provider_unavailable", f"The provider: {type(error).__name__}.") from None
        if answer.status_code != 200 or not isinstance(body, dict):
            raise Unavailable("provider_unavailable", f"The provider answered HTTP {answer.status_code}.")
        return body


def identity_id(issuer: str, subject: str) -> str:
    """The one identity of an issuer and a subject, as we keep it: SHA-256, hex."""
    return sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


def _key_of(token: str, keys: Json) -> jwt.PyJWK:
    """The provider's key that the token names. Raises: NotProved."""
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise NotProved(f"ID token: the algorithm {str(header.get('alg'))[:20]} is not taken")
    usable = [key for key in jwt.PyJWKSet.from_dict(keys).keys if key.public_key_use in (None, "sig")]
    named = [key for key in usable if key.key_id == header.get("kid")] if header.get("kid") else usable
    if len(named) != 1:
        raise NotProved("ID token: it names none of the provider's keys")
    return named[0]
