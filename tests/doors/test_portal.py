"""The portal: an invoice brought to its seller's account in two browsers, and what keeps thieves out of the pages."""

from __future__ import annotations

import dataclasses
import html
import re
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from doors_ground import Ground

from entrepot.documents import samples
from entrepot.web.visitor import RENEW_AFTER_S, form_token

pytestmark = pytest.mark.slow
XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FIRST_PAGE_BYTES_MAX = 100_000
SIGN_WITH_A_TOKEN_THAT_IS_NOT_OURS = """() => {
  const act = document.getElementById("act-sign");
  act.open = true;
  act.querySelector("[name=form_token]").value = "0".repeat(64);
  act.querySelector("button.first").click();
}"""


def files(ground: Ground, folder: Path, number: str, seller: str, buyer: str) -> dict[str, Path]:
    """The invoice and the papers of a sale, as files."""
    facts = ground.trade_facts(number, seller, buyer)
    made = {
        "invoice": samples.ubl_invoice(facts),
        "packing_list": samples.packing_list(facts),
        "transport_document": samples.transport_document(facts),
    }
    for name, raw in made.items():
        (folder / name).write_bytes(raw)
    return {name: folder / name for name in made}


def test_two_treasurers_bring_an_invoice_to_paid(ground: Ground, enter: Any, tmp_path: Path) -> None:
    seller, buyer = enter("treasurer-seller"), enter("treasurer-buyer")
    papers = files(ground, tmp_path, "WEB-1", "seller", "buyer")
    seller.click("text=New invoice >> nth=0")
    seller.set_input_files("#invoice", papers["invoice"])
    seller.fill("#buyer", ground.parties["buyer"].participant)
    seller.click("button:has-text('Get a firm quote')")
    seller.wait_for_url(re.compile(r"/settlements/[0-9a-f]{32}$"))
    settlement = seller.url.rpartition("/")[2]
    assert "Nordkontor" in seller.inner_text("h1") and "USDC" in seller.inner_text("h1")
    act(seller, "sign", "Sign the terms")
    buyer.goto(f"{ground.house.base_url}/settlements/{settlement}")
    act(buyer, "sign", "Sign the terms")
    ground.until(settlement, "cleared")
    buyer.goto(f"{ground.house.base_url}/settlements/{settlement}")
    act(buyer, "fund", "Pay into escrow")
    seller.wait_for_selector("text=Waiting for documents")  # live: nobody touched the seller's page
    seller.click("#act-present summary")
    for kind in ("invoice", "packing_list", "transport_document"):
        seller.set_input_files(f"#paper-{kind}", papers[kind])
    seller.click("#act-present button.first")
    ground.until(settlement, "presented")
    ground.examiner.examine(settlement, complies=True)
    for page in (seller, buyer):
        page.wait_for_selector(".chip.final:has-text('Paid')")
    assert "paid you" in seller.inner_text("h1") and "You paid" in buyer.inner_text("h1")
    with seller.expect_download() as download:
        seller.click("text=Download evidence")
    assert Path(download.value.path()).read_bytes().startswith(b'{"')


def act(page: Any, form: str, name: str) -> None:
    """Opens an act's form, and does it; the page comes back with what is true then."""
    page.click(f"#act-{form} summary")
    with page.expect_navigation():
        page.click(f"#act-{form} button:has-text('{name}')")


def test_reading_works_without_scripts_and_at_390_pixels(ground: Ground, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{ground.house.base_url}/sign-in")
    page.click("button[value=operator-1]")
    made = ground.propose("WEB-PLAIN", "carol", "dave")
    page.goto(f"{ground.house.base_url}/settlements/{made}")
    assert "Quinoa del Altiplano" in page.inner_text("h1")
    context.close()


# ---- thieves, without a browser


@pytest.fixture
def signed_in(ground: Ground) -> Iterator[httpx.Client]:
    """Carol's session, as a program that keeps cookies."""
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        enter_as(http, "treasurer-carol")
        yield http


def enter_as(http: httpx.Client, who: str) -> None:
    answer = http.post("/sign-in/demo", data={"person": who, "next": "/"})
    assert answer.status_code == 303, answer.text


def token(http: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', http.get("/settlements").text)
    assert found
    return found[1]


def test_every_answer_carries_the_headers_that_keep_others_out(ground: Ground) -> None:
    for path in ("/sign-in", "/static/style.css", "/nowhere"):
        answer = httpx.get(f"{ground.house.base_url}{path}", trust_env=False)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["x-content-type-options"] == "nosniff"


def test_the_first_page_is_small_with_everything_that_it_loads(ground: Ground, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    loaded: list[str] = []
    page.on("requestfinished", lambda one: loaded.append(one.url))
    page.goto(f"{ground.house.base_url}/sign-in")
    page.wait_for_load_state("networkidle")
    context.close()
    sizes = {url.rpartition("/")[2]: sent_bytes(url) for url in loaded}
    assert "style.css" in sizes and any(name.endswith(".woff2") for name in sizes)
    assert sum(sizes.values()) < FIRST_PAGE_BYTES_MAX, sizes


def sent_bytes(url: str) -> int:
    """The bytes of a body as they are sent: compressed where the server compresses."""
    with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}, trust_env=False) as answer:
        return sum(len(chunk) for chunk in answer.iter_raw())


def test_nobody_reads_or_acts_without_signing_in(ground: Ground) -> None:
    for path in ("/", "/settlements", f"/settlements/{'0' * 32}", "/settlements.csv", "/new"):
        answer = httpx.get(f"{ground.house.base_url}{path}", trust_env=False)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert httpx.get(f"{ground.house.base_url}/live", trust_env=False).status_code == 204
    assert httpx.get(f"{ground.house.base_url}/demo-signer", trust_env=False).status_code in (303, 404)


def test_anothers_settlement_is_the_same_as_none(ground: Ground, signed_in: httpx.Client) -> None:
    made = ground.propose("WEB-OTHERS", "seller", "buyer")
    for ending in ("", "/evidence", "/papers/" + "1" * 32):
        theirs = signed_in.get(f"/settlements/{made}{ending}")
        nobodys = signed_in.get(f"/settlements/{'0' * 32}{ending}")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.replace(made, "") == nobodys.text.replace("0" * 32, "")


def test_a_form_of_another_site_does_nothing(ground: Ground, signed_in: httpx.Client) -> None:
    made = ground.propose("WEB-FORGED", "carol", "dave")
    path, mine = f"/settlements/{made}/withdraw", token(signed_in)
    forgeries: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"form_token": "0" * 64}, {}),
        ({"form_token": mine}, {"origin": "https://evil.example"}),
        ({"form_token": mine}, {"sec-fetch-site": "cross-site"}),
    ]
    for data, headers in forgeries:
        assert signed_in.post(path, data=data | {"once": "a"}, headers=headers).status_code == 403
    assert ground.view(made)["state"] == "quoted"
    assert signed_in.post(path, data={"form_token": mine, "once": "b"}).status_code == 303
    assert ground.view(made)["state"] == "lapsed"


def grown_old(ground: Ground, secret: str) -> None:
    """A session ten minutes later: the next page renews it."""
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        connection.execute(
            "UPDATE credentials SET expires_at = expires_at - %s WHERE secret_sha256 = %s",
            (RENEW_AFTER_S + 60, sha256(secret.encode()).hexdigest()),
        )


def sent(http: httpx.Client, mine: str) -> int:
    """The status of a form that opens nothing."""
    return http.post("/disclosures/purpose", data={"form_token": mine, "purpose": ""}).status_code


def test_forms_outlive_the_renewal_of_their_session_in_every_tab(ground: Ground, signed_in: httpx.Client) -> None:
    other_tab, first = token(signed_in), signed_in.cookies["entrepot_session"]
    grown_old(ground, first)
    this_tab = token(signed_in)
    assert signed_in.cookies["entrepot_session"] != first, "the page renewed the session"
    assert [sent(signed_in, one) for one in (other_tab, this_tab)] == [303, 303]


def test_a_form_of_another_session_or_of_an_ended_one_does_nothing(ground: Ground, signed_in: httpx.Client) -> None:
    mine = token(signed_in)
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as other:
        enter_as(other, "treasurer-carol")
        assert sent(other, mine) == 403 and sent(signed_in, token(other)) == 403
    ended = signed_in.cookies["entrepot_session"]
    signed_in.post("/sign-out", data={"form_token": mine})
    enter_as(signed_in, "treasurer-carol")
    assert sent(signed_in, mine) == 403
    kept = {"cookie": f"entrepot_session={ended}"}
    answer = httpx.post(
        f"{ground.house.base_url}/disclosures/purpose", data={"form_token": mine}, headers=kept, trust_env=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_a_form_of_another_membership_is_not_this_ones() -> None:
    session = {"session": "5" * 64}
    here = {"participant": "1" * 32, "role": "treasurer", "credential": session}
    assert form_token(here) == form_token(dict(here))
    others: list[dict[str, Any]] = [{"role": "signatory"}, {"participant": "2" * 32}, {"credential": {"session": "6"}}]
    assert len({form_token(here | other) for other in [{}, *others]}) == 4


def test_a_form_that_is_refused_while_signing_says_so_in_a_sentence(ground: Ground, enter: Any) -> None:
    made = ground.propose("WEB-SIGN-SAYS", "carol", "dave")
    page = enter("treasurer-carol")
    page.goto(f"{ground.house.base_url}/settlements/{made}")
    page.evaluate(SIGN_WITH_A_TOKEN_THAT_IS_NOT_OURS)  # at once: a live refresh brings a good token back
    page.wait_for_selector("#act-sign .said:has-text('This form was not made by this page')")
    assert "Open the page again" in page.inner_text("#act-sign .said")
    page.context.clear_cookies()
    page.evaluate(SIGN_WITH_A_TOKEN_THAT_IS_NOT_OURS)
    page.wait_for_selector("#act-sign .said:has-text('you are signed out')")


def test_what_an_invoice_says_is_text_wherever_it_is_shown(ground: Ground, signed_in: httpx.Client) -> None:
    facts = ground.trade_facts("WEB-XSS", "carol", "dave")
    lines = tuple(dataclasses.replace(line, description=XSS) for line in facts.lines)
    raw = samples.ubl_invoice(dataclasses.replace(facts, lines=lines))
    made = ground.parties["carol"].propose(raw, ground.parties["dave"].participant)
    page = signed_in.get(f"/settlements/{made}").text
    assert html.escape(XSS, quote=False)[:20] in page and "<script>alert" not in page and "<img src=x" not in page


def test_signing_in_gives_a_new_secret_and_signing_out_ends_it(ground: Ground) -> None:
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        http.cookies.set("entrepot_session", "fixed-by-a-thief")
        http.cookies.clear()
        enter_as(http, "treasurer-carol")
        first = http.cookies["entrepot_session"]
        enter_as(http, "treasurer-carol")
        second = http.cookies["entrepot_session"]
        assert first != second != "fixed-by-a-thief"
        http.post("/sign-out", data={"form_token": token(http)})
    again = httpx.get(f"{ground.house.base_url}/settlements", cookies={"entrepot_session": second}, trust_env=False)
    assert again.status_code == 303


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_no_form_leads_away(ground: Ground, to: str) -> None:
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        assert http.post("/sign-in/demo", data={"person": "treasurer-carol", "next": to}).headers["location"] == "/"
        assert http.post("/looks", data={"back": to, "theme": "dark"}).headers["location"] == "/"


def test_an_upload_that_is_no_invoice_loses_nothing_and_says_why(ground: Ground, signed_in: httpx.Client) -> None:
    data = {"form_token": token(signed_in), "once": "bomb", "buyer": ground.parties["dave"].participant}
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "'
        + b"a" * 1000
        + b'"><!ENTITY b "&a;&a;&a;">]><Invoice>&b;</Invoice>'
    )
    for raw in (bomb, b"PK\x03\x04" + b"\0" * 1000, b"", b"\xff" * 1000):
        answer = signed_in.post("/new", data=data | {"once": uuid.uuid4().hex}, files={"invoice": ("x.xml", raw)})
        assert answer.status_code == 422 and "Nothing was changed" in answer.text
