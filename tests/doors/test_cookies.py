"""Cookies of ours: bound to one host where browsers come by https, also behind a proxy that speaks http to us."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import Response

from entrepot.web.visitor import COOKIE, Forged, drop, keep, kept, require_own


def request(ours: str, *, scheme: str = "http", host: str = "portal.example", **headers: str) -> Request:
    given = {"host": host} | {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(
        {
            "type": "http",
            "scheme": scheme,
            "path": "/",
            "query_string": b"",
            "server": (host, 80),
            "headers": [(name.encode(), text.encode()) for name, text in given.items()],
            "app": SimpleNamespace(state=SimpleNamespace(origin=ours)),
        }
    )


def test_behind_https_a_cookie_is_this_hosts_alone() -> None:
    asked, response = request("https://portal.example"), Response()
    keep(response, asked, "secret")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=secret;")
    assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie and "Domain" not in cookie
    assert "SameSite=lax" in cookie
    drop(dropped := Response(), asked, COOKIE)
    assert "Secure" in dropped.headers["set-cookie"] and "Max-Age=0" in dropped.headers["set-cookie"]


def test_a_cookie_that_a_neighbouring_host_could_set_opens_nothing_behind_https() -> None:
    planted = f"{COOKIE}=planted"
    assert kept(request("https://portal.example", cookie=planted), COOKIE) == ""
    assert kept(request("https://portal.example", cookie=f"__Host-{planted}"), COOKIE) == "planted"
    assert kept(request("http://localhost:8080", cookie=planted), COOKIE) == "planted"


OWN = [
    ("https://portal.example", {"origin": "https://portal.example"}),
    ("https://portal.example", {"sec_fetch_site": "same-origin"}),
    ("http://localhost:8080", {"host": "127.0.0.1:9", "origin": "http://127.0.0.1:9"}),
]
FORGED = [
    ("https://portal.example", {"origin": "http://portal.example"}),
    ("https://portal.example", {"origin": "https://portal.example.evil"}),
    ("https://portal.example", {"origin": "null"}),
    ("https://portal.example", {"host": "rebound.example", "origin": "http://rebound.example"}),
    ("https://portal.example", {"sec_fetch_site": "same-site"}),
    ("http://localhost:8080", {"host": "127.0.0.1:9", "origin": "http://127.0.0.1:10"}),
]


@pytest.mark.parametrize(("ours", "headers"), OWN)
def test_a_form_of_ours_is_ours(ours: str, headers: dict[str, str]) -> None:
    require_own(request(ours, **headers))


@pytest.mark.parametrize(("ours", "headers"), FORGED)
def test_a_form_from_elsewhere_is_forged(ours: str, headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        require_own(request(ours, **headers))
