"""Supervisors in the portal: a stop by two is seen by everyone within a second, a proof has its no, no act pays."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from doors_ground import Ground, code_of

pytestmark = pytest.mark.slow
PAGES_MAX = 8  # time in which one page loads now, as the measure of a slow machine
SEEN_S_MAX = 1.0
MAY_CHANGE = {  # a supervisor's POST may stop, make a digest, keep its own credentials, and move a sandbox's clock
    "/v1/changes", "/v1/changes/{change}/confirmations", "/v1/changes/{change}/refusals", "/v1/clock", "/v1/sessions",
    "/v1/credentials", "/v1/settlements/{settlement}/statements",
    "/v1/reconciliations",  # compares, and changes nothing
    "/v1/sign-ins", "/v1/single-sign-on",  # anybody may begin to sign in
}  # fmt: skip
PAGES = ("/supervision", "/queue", "/decisions", "/caps", "/stops", "/measures", "/log", "/regime", "/disclosures")


def fill_stop(page: Any, grade: str) -> None:
    """Proposes a stop until tomorrow."""
    page.goto(page.url.partition("/settlements")[0] + "/stops")
    if not page.locator("#act-stop[open]").count():
        page.click("#act-stop > summary")
    page.check(f"input[name=grade][value={grade}]")
    page.fill("#reason", "A drill of the supervisors.")
    with page.expect_navigation():
        page.click("button:has-text('Propose the stop')")


def test_a_stop_by_two_supervisors_is_seen_by_everyone_within_a_second(ground: Ground, enter: Any) -> None:
    first, second = enter("supervisor-1"), enter("supervisor-2")
    watching = [enter(who) for who in ("treasurer-seller", "treasurer-buyer", "officer-1", "operator-1")]
    for page in watching:
        page.evaluate(WATCH)
    fill_stop(first, "fund")
    assert "a second person confirms" in first.inner_text("h1")
    assert not first.locator("button:has-text('Confirm the stop')").count()
    second.goto(f"{ground.house.base_url}/stops")
    try:
        with second.expect_navigation():
            second.click("button:has-text('Confirm the stop')")
        for page in (*watching, first):
            page.wait_for_selector("#stops .stop.notice")
        history = ground.supervisor.get("/stops/history")["stops"]
        confirmed = next(one for one in history if one["state"] == "in_force")
        assert confirmed["grade"] == "fund" and confirmed["reason"] == "A drill of the supervisors."
        clicked_ms = second.evaluate("performance.timeOrigin")
        seen_ms = [page.evaluate("window.stopSeenAt") for page in watching]
        second.goto(f"{ground.house.base_url}/stops")
        page_ms = second.evaluate("performance.timing.loadEventStart - performance.timing.navigationStart")
        limit_ms = max(SEEN_S_MAX * 1000, PAGES_MAX * page_ms)  # on a machine under load a second is what it is
        assert max(seen_ms) - clicked_ms < limit_ms, ([one - clicked_ms for one in seen_ms], page_ms)
    finally:
        lift(ground)
    for page in watching:
        page.wait_for_selector("#stops .stop.notice", state="detached")
    second.goto(f"{ground.house.base_url}/stops")
    row = second.locator("table.rows tbody tr:has-text('A drill of the supervisors.')").first
    (lifted,) = (
        one["lift"] for one in ground.supervisor.get("/stops/history")["stops"] if one["id"] == confirmed["id"]
    )
    ends = datetime.fromtimestamp(confirmed["until"], UTC).isoformat().replace("+00:00", "Z")
    assert row.locator(f"td[data-name=Until] > div > time[datetime='{ends}']").count() == 1, "the end that it had stays"
    assert all(text in row.inner_text() for text in (
        "lifted", lifted["proposed_by_name"], lifted["confirmed_by_name"], lifted["reason"]
    ))  # fmt: skip


WATCH = """() => new MutationObserver(() => {
  if (document.querySelector("#stops .stop.notice")) window.stopSeenAt ??= performance.timeOrigin + performance.now();
}).observe(document.body, {childList: true, subtree: true})"""


def lift(ground: Ground) -> None:
    """Two supervisors lift every stop."""
    for one in ground.supervisor.get("/stops")["stops"]:
        ground.by_two(ground.supervisor, ground.supervisor2, "lift_stop", stop=one["id"])
    assert ground.supervisor.get("/stops")["stops"] == []


def test_a_proof_holds_in_the_browser_and_goes_red_when_a_byte_is_changed(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("agreed", "SUP-PROOF", "seller", "buyer")
    page = enter("supervisor-1")
    key = ground.house.settings.verification_key_path
    where = f"{ground.house.base_url}/settlements/{made}"

    def checked(**changed: Any) -> tuple[str, str]:
        page.goto(where)
        page.click("summary:has-text('Check in this browser')")
        page.set_input_files("#proof-file", changed.get("key", key))
        ground.supervisor.until(lambda: page.input_value("#proof-key"), bool, 10)
        page.click("[data-check-proof]")
        page.wait_for_selector(".proof-verdict.good, .proof-verdict.bad")
        return page.get_attribute(".proof-verdict", "class") or "", page.inner_text(".proof ol")

    verdict, steps = checked()
    assert verdict.endswith("good") and "first time" in steps and "signed the checkpoint" in steps
    ground.propose("SUP-PROOF-2", "carol", "dave")  # the log grows
    verdict, steps = checked()
    assert verdict.endswith("good") and "nothing was rewritten" in steps
    for change, says in (
        (lambda told: told["leaves"][0].update(leaf=told["leaves"][0]["leaf"].replace('"at":1', '"at":2')), "changed"),
        (lambda told: told.update(checkpoint=flip(told["checkpoint"])), "did not sign"),
        (lambda told: told["leaves"][-1].update(proof=told["leaves"][-1]["proof"][:-1]), "changed"),
    ):
        page.route(f"**/log/proof/{made}", lambda route, _, change=change: tampered(route, change))
        verdict, steps = checked()
        assert verdict.endswith("bad") and says in steps, steps
        page.unroute(f"**/log/proof/{made}")
    page.route("**/log/grown?**", lambda route, _: tampered(route, lambda told: told.update(proof=["0x" + "11" * 32])))
    ground.propose("SUP-PROOF-3", "carol", "dave")
    verdict, steps = checked()
    assert verdict.endswith("bad") and "rewritten" in steps
    page.unroute("**/log/grown?**")
    other = json.loads(key.read_text())
    other["checkpoint_key"] = other["checkpoint_key"][:-3] + "AAA"
    verdict, steps = checked(
        key={"name": "k.json", "mimeType": "application/json", "buffer": json.dumps(other).encode()}
    )
    assert verdict.endswith("bad") and "no verification key" in steps


def flip(note: str) -> str:
    """The checkpoint with another size."""
    lines = note.split("\n")
    lines[1] = str(int(lines[1]) + 1)
    return "\n".join(lines)


def tampered(route: Any, change: Any) -> None:
    """The server's answer with something in it changed."""
    told = route.fetch().json()
    change(told)
    route.fulfill(json=told)


def test_no_act_of_a_supervisor_moves_money_or_clears_anything(ground: Ground) -> None:
    made = ground.brought_to("presented", "SUP-STOPS", "seller", "buyer")
    before, money = ground.events(made), ground.money(made)
    operations = ground.supervisor.http.get("/v1/openapi.json").json()["paths"]
    posts = [path for path, kinds in operations.items() for kind in kinds if kind in ("post", "put", "patch", "delete")]
    ids = {
        "settlement": made,
        "change": "0" * 32,
        "credential": "0" * 16,
        "participant": ground.parties["seller"].participant,
    }
    body = {"signature": "0x" + "11" * 65, "reason": "why", "verdict": "clear", "complies": True, "valid_before": 2**40,
            "documents_base64": ["e30="], "to_seller_minor": 1, "signatures": ["0x" + "11" * 65]}  # fmt: skip
    schemas = ground.supervisor.http.get("/v1/openapi.json").json()["components"]["schemas"]
    done: list[str] = []
    for path in sorted(set(posts) - MAY_CHANGE):
        asked = operations[path].get("post")
        if asked is None:
            continue
        reference = (
            asked.get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("schema", {})
            .get("$ref", "")
        )
        names = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
        sent = {name: value for name, value in body.items() if name in names}
        concrete = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "0" * 32), path)
        answer = ground.supervisor.http.post(concrete, json=sent, headers={"Idempotency-Key": f"sup{time.time_ns()}"})
        done += [] if answer.status_code >= 400 else [path]
    assert done == []
    for subject in ("unblock", "return_payment", "membership", "wallet"):
        order = {"subject": subject, "body": {"settlement": made, "transaction": "0x" + "11" * 32}, "reason": "why"}
        assert code_of(lambda order=order: ground.supervisor.post("/changes", order)) == "not_allowed"
    assert ground.events(made) == before and ground.money(made) == money


def test_what_is_opened_is_recorded_and_told_unless_it_is_confidential(ground: Ground) -> None:
    made = ground.brought_to("agreed", "SUP-SHOWN", "carol", "dave")
    paper = ground.supervisor.get(f"/settlements/{made}/documents")["documents"][0]["id"]
    path = f"/v1/settlements/{made}/papers/{paper}"
    for _ in range(2):  # the same within the hour is one disclosure
        assert ground.supervisor.http.get(path, headers={"Entrepot-Purpose": "an%20audit"}).status_code == 200
    assert ground.officer.http.get(path).status_code == 200
    assert ground.supervisor.http.get(path, headers={"Entrepot-Purpose": "x" * 300}).status_code == 422
    assert ground.parties["carol"].http.get(path).status_code == 200  # a party's own: nothing is written
    rows = ground.supervisor.until(lambda: opened(ground, made), lambda found: len(found) == 2, 20)
    assert {(one["role"], one["purpose"], one["is_confidential"]) for one in rows} == {
        ("supervisor", "an audit", False), ("officer", "screening and review", True),
    }  # fmt: skip
    told = [one for one in ground.parties["carol"].get("/disclosures")["disclosures"] if one["settlement"] == made]
    assert [(one["role"], one["what"], one["purpose"]) for one in told] == [
        ("supervisor", "document", "another purpose, recorded")
    ]
    assert "person" not in told[0]
    assert ground.parties["seller"].get("/disclosures")["disclosures"] == [] or all(
        one["settlement"] != made for one in ground.parties["seller"].get("/disclosures")["disclosures"]
    )


def opened(ground: Ground, settlement: str) -> list[dict[str, Any]]:
    """Disclosures of a settlement's documents."""
    rows = ground.supervisor.get("/disclosures", limit=200)["disclosures"]
    return [one for one in rows if one["settlement"] == settlement and one["what"] == "document"]


def test_decisions_name_rule_source_lists_and_passport(ground: Ground) -> None:
    made = ground.brought_to("funded", "SUP-WHY", "seller", "buyer")
    found = ground.supervisor.get(f"/settlements/{made}/decisions")["decisions"]
    (fund,) = [one for one in found if one["act"] == "FUND" and one["passport"]][:1]
    assert fund["verdict"] == "CLEAR" and fund["regime"].startswith("harbour@") and fund["lists"]
    signers = json.loads(ground.house.settings.verification_key_path.read_text())["passport_signers"]
    assert fund["passport"]["signer"] in signers
    assert any(one["sha256"] == fund["sha256"] for one in ground.supervisor.get("/decisions", act="FUND")["decisions"])
    assert ground.supervisor.get("/decisions", verdict="CLEAR", rule="cap_payment")["decisions"] == []
    for who in (ground.parties["seller"], ground.parties["carol"]):
        assert who.http.get("/v1/decisions").status_code == 404


def test_headroom_falls_as_a_payment_is_cleared(ground: Ground) -> None:
    def free(who: Any) -> dict[str, int]:
        return {one["participant"]: int(one["free_minor"]) for one in who.get("/headroom")["users"]}

    dave = ground.parties["dave"]
    before = free(ground.supervisor).get(dave.participant)
    ground.until(ground.agree("SUP-CAP", "carol", "dave"), "cleared")
    after = free(ground.supervisor)[dave.participant]
    assert before is None or after < before
    assert free(dave) == {dave.participant: after}
    assert dave.participant not in free(ground.parties["buyer"])


def test_every_page_of_a_supervisor_opens_with_its_sentence_at_390_pixels(ground: Ground, enter: Any) -> None:
    page = enter("supervisor-1")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        answer = page.goto(f"{ground.house.base_url}{path}")
        assert answer.status == 200 and page.inner_text("h1")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.get_attribute(f"nav a[href='{path}']", "aria-current") == "page"
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.wait_for_url("**/stops")


def test_figures_come_as_csv_and_are_not_for_parties(ground: Ground) -> None:
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        http.post("/sign-in/demo", data={"person": "supervisor-1", "next": "/"})
        answer = http.get("/decisions.csv")
        assert answer.status_code == 200 and answer.text.splitlines()[0].startswith("at_unix_s,settlement")
        assert http.get("/measures?days=7").status_code == 200
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        http.post("/sign-in/demo", data={"person": "treasurer-carol", "next": "/"})
        assert http.get("/decisions.csv").status_code == http.get("/stops").status_code == 404
        assert http.get("/log").status_code == http.get("/disclosures").status_code == 200


def test_a_supervisor_reads_cases_and_the_sum_in_escrow_and_answers_none(ground: Ground, enter: Any) -> None:
    made = ground.agree("SUP-CASE", "carol", "namesake")
    ground.until(made, "in_review")
    ground.fund(ground.agree("SUP-HELD", "seller", "buyer"))
    page = enter("supervisor-1")
    page.click("#places a[href='/supervision']")
    held = ground.supervisor.get("/escrow")["held"]
    (usdc,) = (one for one in held if one["asset"] == ground.view(made)["asset"])
    said = page.inner_text("main").replace("\xa0", " ")
    shown = re.findall(r"USDC ([\d,]+\.\d{2,6})", said)
    assert Decimal(usdc["amount_minor"]).scaleb(-6) in [Decimal(one.replace(",", "")) for one in shown], said
    assert "in escrow" in page.inner_text("h1")
    page.click("#places a[href='/queue']")
    page.click(f"a[href='/cases/{made}']")
    assert "same" in page.inner_text("h1") or "Is " in page.inner_text("h1")
    assert not page.locator("main form").count(), "a supervisor answers no case"
    for who in ("treasurer-seller", "operator-1"):
        assert enter(who).goto(f"{ground.house.base_url}/supervision").status == 404
