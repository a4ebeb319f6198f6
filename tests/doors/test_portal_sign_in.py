"""The front door and the account: passkeys in a real browser with a virtual authenticator, sessions, and thieves."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from doors_ground import Ground

from openid_provider import CLIENT_SECRET, Provider
from portal_walk import TIMEOUT_MS

pytestmark = pytest.mark.slow
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


class Visit:
    """One browser with an authenticator of its own."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context()
        self.page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        options = {"options": AUTHENTICATOR}
        self.authenticator = self.cdp.send("WebAuthn.addVirtualAuthenticator", options)["authenticatorId"]

    def verified(self, is_verified: bool) -> None:
        """Whether the owner's finger fits from now on."""
        given = {"authenticatorId": self.authenticator, "isUserVerified": is_verified}
        self.cdp.send("WebAuthn.setUserVerified", given)

    def sign_out(self) -> None:
        self.page.click("#side button:has-text('Sign out')")
        self.page.wait_for_url("**/sign-in")

    def press_passkey(self) -> None:
        self.page.click("button:has-text('Sign in with a passkey')")


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    made = Visit(browser)
    yield made
    made.context.close()


def at_origin(ground: Ground, path: str) -> str:
    """An address at the portal's own origin, where passkeys work."""
    return ground.house.base_url.replace("127.0.0.1", "localhost") + path


def invited(ground: Ground, name: str, role: str = "officer") -> str:
    """The secret of an invitation that two operators gave."""
    secret = secrets.token_urlsafe(24)
    ground.by_two(
        ground.operator,
        ground.people["operator-2"],
        "membership",
        participant=ground.operator.participant,
        person_name=name,
        role=role,
        invitation_sha256=sha256(secret.encode()).hexdigest(),
    )
    return secret


def test_a_person_comes_in_by_invitation_and_back_by_passkey(ground: Ground, visit: Visit) -> None:
    page, secret = visit.page, invited(ground, "Ada Brito")
    page.goto(at_origin(ground, f"/join/{secret}"))
    assert secret not in page.url and "Ada Brito" in page.inner_text("h1")
    page.click("button:has-text('Make a passkey')")
    page.wait_for_url("**/account")
    assert "compliance officer" in page.inner_text("h1")
    visit.sign_out()
    visit.press_passkey()
    page.wait_for_selector("#side")  # in: whichever page is the role's first
    page.goto(at_origin(ground, f"/join/{secret}"))
    assert "opens nothing" in page.inner_text("h1"), "the invitation was used"


def test_a_passkey_is_named_and_the_last_one_goes_only_by_its_own_button(ground: Ground, visit: Visit) -> None:
    page = visit.page
    page.goto(at_origin(ground, f"/join/{invited(ground, 'Noor Haddad')}"))
    page.click("button:has-text('Make a passkey')")
    page.wait_for_url("**/account")
    page.click("#passkeys summary:has-text('Rename')")
    page.fill("#name-1", "<b>Desk</b>")
    page.click("#passkeys button:has-text('Rename')")
    assert page.inner_text("#passkeys tbody th") == "<b>Desk</b>"
    page.click("#passkeys summary:has-text('Remove')")
    assert "last way to sign in" in page.inner_text("#passkeys")
    page.click("button:has-text('Remove my last way in')")
    page.wait_for_selector("text=You have none yet")
    visit.sign_out()
    visit.press_passkey()
    page.wait_for_selector("text=did not sign you in")


def test_another_port_or_host_of_this_machine_gets_no_passkey_of_ours(ground: Ground, visit: Visit) -> None:
    page = visit.page
    page.goto(at_origin(ground, f"/join/{invited(ground, 'Sam Port')}"))
    page.click("button:has-text('Make a passkey')")
    page.wait_for_url("**/account")
    visit.sign_out()
    # A page at another origin of the same host signs a challenge of ours, and brings it here: origin says where from.
    begun = httpx.post(at_origin(ground, "/v1/sign-ins"), headers=_key(), trust_env=False).json()
    page.route("http://localhost:9/**", lambda route: route.fulfill(body="<h1>evil</h1>", content_type="text/html"))
    page.goto("http://localhost:9/")
    answer = page.evaluate(SIGN, begun["options"])
    body = {"secret_sha256": "ab" * 32, "passkey": answer}
    path = at_origin(ground, f"/v1/sign-ins/{begun['attempt']}")
    refused = httpx.post(path, json=body, headers=_key(), trust_env=False)
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
    begun = httpx.post(at_origin(ground, "/v1/sign-ins"), headers=_key(), trust_env=False).json()
    page.goto(at_origin(ground, "/sign-in"))
    body["passkey"] = page.evaluate(SIGN, begun["options"])
    path = at_origin(ground, f"/v1/sign-ins/{begun['attempt']}")
    assert httpx.post(path, json=body, headers=_key(), trust_env=False).status_code == 201, "the nearest yes"
    page.goto(f"{ground.house.base_url}/sign-in")
    assert page.get_attribute(".ways a.first", "href") == at_origin(ground, "/sign-in")


SIGN = """async (options) => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (raw) => btoa(String.fromCharCode(...new Uint8Array(raw)))
    .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
  const found = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge) } });
  return { id: found.id, rawId: text(found.rawId), type: found.type, response: {
    clientDataJSON: text(found.response.clientDataJSON), authenticatorData: text(found.response.authenticatorData),
    signature: text(found.response.signature), userHandle: text(found.response.userHandle) } };
}"""


def _key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def test_whose_finger_does_not_fit_is_told_so_and_may_try_again(ground: Ground, visit: Visit) -> None:
    page = visit.page
    page.goto(at_origin(ground, f"/join/{invited(ground, 'Finn Finger')}"))
    page.click("button:has-text('Make a passkey')")
    page.wait_for_url("**/account")
    visit.sign_out()
    visit.verified(False)
    visit.press_passkey()
    page.wait_for_selector("text=No passkey was chosen")
    visit.verified(True)
    visit.press_passkey()
    page.wait_for_selector("#side")  # in: whichever page is the role's first


def test_single_sign_on_by_invitation_and_back_and_an_unbound_person_stays_out(
    ground: Ground, visit: Visit, provider: Provider
) -> None:
    page = visit.page
    provider.behave(subject="browser-person")
    page.goto(at_origin(ground, "/sign-in"))
    page.click("button:has-text('Sign in with Acme Login')")
    page.wait_for_selector("text=That did not sign you in here.")
    page.goto(at_origin(ground, f"/join/{invited(ground, 'Ida Provider')}"))
    page.click("button:has-text('Use Acme Login')")
    page.wait_for_url("**/account#single-sign-on")
    assert "Ida Provider" in page.inner_text("h1") and provider.issuer in page.inner_text("#single-sign-on")
    assert "browser-person" not in page.content() and CLIENT_SECRET not in page.content()
    visit.sign_out()
    page.click("button:has-text('Sign in with Acme Login')")
    page.wait_for_selector("#side")  # in: whichever page is the role's first


def test_an_identity_is_bound_from_the_account_page_and_removed_there(
    ground: Ground, visit: Visit, provider: Provider
) -> None:
    page = visit.page
    provider.behave(subject="binder")
    page.goto(at_origin(ground, f"/join/{invited(ground, 'Bo Binder')}"))
    page.click("button:has-text('Make a passkey')")
    page.wait_for_url("**/account")
    page.click("button:has-text('Bind Acme Login')")
    page.wait_for_selector(f"#single-sign-on th:has-text('{provider.issuer}')")
    page.click("#single-sign-on summary:has-text('Remove')")
    page.click("button:has-text('Remove this binding')")
    page.wait_for_selector("button:has-text('Bind Acme Login')")
    for log in ("serve.log", "work.log"):
        assert CLIENT_SECRET not in (ground.house.settings.home / log).read_text()


# ---- without a browser


@pytest.fixture
def http(ground: Ground) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as opened:
        yield opened


def enter(http: httpx.Client, who: str, **headers: str) -> str:
    answer = http.post("/sign-in/demo", data={"person": who, "next": "/"}, headers=headers)
    assert answer.status_code == 303, answer.text
    return http.cookies["entrepot_session"]


def token(http: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', http.get("/account").text)
    assert found
    return found[1]


def test_a_sign_in_of_another_site_or_name_is_forged(http: httpx.Client) -> None:
    begin, demo = "/sign-in/passkey/attempt", {"person": "treasurer-carol", "next": "/"}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"},
                    {"host": "rebound.example", "origin": "http://rebound.example"}):  # fmt: skip
        assert http.post("/sign-in/demo", data=demo, headers=headers).status_code == 403
        assert http.post(begin, headers=headers).status_code == 403
    assert http.post(begin, headers={"origin": str(http.base_url)}).status_code == 200


def test_an_attempt_belongs_to_the_browser_that_began_it(http: httpx.Client, ground: Ground) -> None:
    """Whoever lures a browser into finishing an attempt of theirs would sign it in as themselves."""
    attempt = http.post("/sign-in/passkey/attempt")
    cookie = attempt.headers["set-cookie"]
    assert "entrepot_attempt=" in cookie and "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert "attempt" not in attempt.json()
    http.cookies.clear()
    data = {"passkey": '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30"}}'}
    assert http.post("/sign-in/passkey", data=data).status_code == 401
    assert http.post("/sign-in/passkey", data={"passkey": "no JSON"}).status_code in (401, 422)


def test_signing_in_over_a_fixed_cookie_gives_another_and_signing_out_ends_it(http: httpx.Client) -> None:
    http.cookies.set("entrepot_session", "fixed-by-a-thief")
    answer = http.post("/sign-in/demo", data={"person": "treasurer-carol", "next": "/"})
    cookie = answer.headers["set-cookie"]
    assert "fixed-by-a-thief" not in cookie and "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    http.cookies.clear()
    secret = enter(http, "treasurer-carol")
    http.post("/sign-out", data={"form_token": token(http)})
    http.cookies.set("entrepot_session", secret)
    assert http.get("/account").status_code == 303


def test_the_account_says_who_where_and_until_when_for_every_role(http: httpx.Client, ground: Ground) -> None:
    for who in ("treasurer-carol", "operator-1", "officer-1", "supervisor-1", "examiner", "arbiter"):
        http.cookies.clear()
        enter(http, who, **{"user-agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"})
        shown = http.get("/account")
        assert shown.status_code == 200, (who, shown.text)
        assert "Firefox on Windows" in shown.text and "this one" in shown.text, who


def test_a_session_is_ended_from_another_and_all_others_at_once(http: httpx.Client, ground: Ground) -> None:
    def is_open(secret: str) -> bool:
        cookies = {"entrepot_session": secret}
        return httpx.get(f"{ground.house.base_url}/account", cookies=cookies, trust_env=False).status_code == 200

    first, second, third = (enter(http, "treasurer-dave") for _ in range(3))
    assert is_open(first) and is_open(second)
    form, digest = {"form_token": token(http), "once": "a"}, sha256(first.encode()).hexdigest()[:16]
    assert http.post(f"/account/sessions/{digest}/end", data=form | {"form_token": "0" * 64}).status_code == 403
    assert http.post(f"/account/sessions/{digest}/end", data=form).status_code == 303
    assert (is_open(first), is_open(second), is_open(third)) == (False, True, True)
    assert http.post("/account/sessions/others/end", data=form | {"once": "b"}).status_code == 303
    assert (is_open(second), is_open(third)) == (False, True)
    assert ground.parties["dave"].http.get("/v1/me").status_code == 200, "keys of programs go on"


def test_anothers_session_and_passkey_are_not_there(http: httpx.Client, ground: Ground) -> None:
    theirs = sha256(enter(http, "treasurer-dave").encode()).hexdigest()[:16]
    http.cookies.clear()
    enter(http, "treasurer-carol")
    form = {"form_token": token(http), "once": secrets.token_hex(4)}
    assert http.post(f"/account/sessions/{theirs}/end", data=form).status_code == 404
    assert http.post("/account/passkeys/cGFzc2tleQ/removal", data=form | {"once": "z"}).status_code == 404
