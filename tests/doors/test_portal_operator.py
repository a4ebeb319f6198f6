"""An operator's pages: an admission by two, money beside a trade, a poisoned item, and both sides of a difference."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from doors_ground import Ground

from entrepot.core.crypto import secp256k1_address
from entrepot.core.ids import new_id
from entrepot.demo.client import Problem
from entrepot.rails import development
from entrepot.settings import read_settings
from entrepot.store.records import InboxItem
from entrepot.wire import open_store

pytestmark = pytest.mark.slow


def go(ground: Ground, page: Any, path: str) -> Any:
    page.goto(ground.house.base_url + path)
    return page


def until_says(page: Any, text: str) -> None:
    """Reads the page again until its sentence says this."""
    deadline = time.monotonic() + 30
    while text not in page.inner_text("h1"):
        assert time.monotonic() < deadline, page.inner_text("h1")
        time.sleep(0.5)
        page.reload()


def apply_for(page: Any, name: str, folder: Path) -> None:
    """Fills the KYB file and files it."""
    page.fill("#name", name)
    page.fill("#country", "IT")
    page.fill("#registration", "IT-554433")
    page.fill("#director_0_name", "Chiara Montaldi")
    page.fill("#owner_0_name", "Ettore Montaldi")
    page.fill("#owner_0_share", "60")
    (folder / "extract.txt").write_text("Register extract, invented for a test.")
    page.set_input_files("#document_0", folder / "extract.txt")
    page.select_option("#rating", "low")
    page.click("button:has-text('File the application')")
    page.wait_for_url("**/participants/*")


def test_an_admission_by_two_operators_ends_in_a_wallet_proven(ground: Ground, enter: Any, tmp_path: Path) -> None:
    first, second = enter("operator-1"), enter("operator-2")
    apply_for(go(ground, first, "/admit"), "Harvest Moon Oils Srl", tmp_path)
    path = "/" + first.url.split("/", 3)[3]
    assert "waits for another operator than you" in first.inner_text("h1")
    assert first.locator("button:has-text('Admit')").count() == 0
    assert "same_person" in first.inner_text("main"), "the same person is refused, visibly"
    go(ground, second, path)
    assert "waits for you to read its file" in second.inner_text("h1") and "Ettore Montaldi" in second.inner_text(
        "main"
    )
    second.click("button:has-text('Admit')")
    second.wait_for_url(f"**{path}")
    assert "it can trade once it has proven a wallet" in second.inner_text("h1")
    second.click("#demo-wallet")
    second.wait_for_selector("h1:has-text('is admitted and can trade')")
    (account,) = ground.operator.get(path)["wallets"]
    assert account in second.inner_text("#wallets")


def test_an_application_that_lacks_something_says_what_and_is_kept_as_typed(ground: Ground, enter: Any) -> None:
    page = go(ground, enter("operator-1"), "/admit")
    page.fill("#name", "Half a File SpA")
    page.fill("#country", "IT")
    page.fill("#lei", "5493001KJTIIGC8Y1R17")
    page.click("button:has-text('File the application')")
    page.wait_for_selector("[role=alert]")
    assert "LEI" in page.inner_text("[role=alert]") and page.input_value("#name") == "Half a File SpA"
    page.fill("#lei", "")
    page.click("button:has-text('File the application')")
    page.wait_for_url("**/participants/*")
    assert "its file lacks" in page.inner_text("h1") and "directors" in page.inner_text("h1")
    page.click("#act-decline summary")
    page.fill("#decline-reason", "Not a file yet.")
    page.click("#act-decline button")
    page.wait_for_selector("text=Declined")


def test_an_underpayment_appears_among_the_exceptions_and_two_officers_return_it(ground: Ground, enter: Any) -> None:
    settlement = ground.agree("OPS-UNDER", "seller", "buyer")
    view = ground.until(settlement, "cleared")
    ground.pay_bare(ground.buyer(settlement), view["escrow"], 5_000_000)
    ground.until_happened(settlement, "mispaid", 1)
    page = go(ground, enter("operator-1"), "/exceptions")
    card = page.locator(f"section.exception:has(a[href='/settlements/{settlement}'])")
    assert (
        "came, less than was due" in card.inner_text() and "USDC" in card.inner_text() and "5.00" in card.inner_text()
    )
    assert card.locator("text=Propose to return it").count() == 0, "it is the officers' act"
    officer = go(ground, enter("officer-1"), "/exceptions")
    card = officer.locator(f"section.exception:has(a[href='/settlements/{settlement}'])")
    card.locator("summary").click()
    card.locator("input[name=reason]").fill("Less than was due.")
    card.locator("details button").click()
    officer.wait_for_selector("text=A change about this waits for a second person.")
    second = go(ground, enter("officer-2"), "/changes")
    second.click("button:has-text('Confirm')")
    ground.until_happened(settlement, "returned", 1)
    go(ground, page, "/exceptions")
    assert page.locator(f"section.exception:has(a[href='/settlements/{settlement}'])").count() == 0


def poisoned(ground: Ground, settlement: str) -> str:
    """A withdrawal that met a defect of ours, as the worker would have set it aside."""
    seller = ground.seller(settlement)
    person = seller.get("/me")["person"]
    item = InboxItem(
        id=new_id(int(time.time() * 1000), os.urandom(10)), source=f"api:{person}", key=uuid.uuid4().hex,
        kind="withdraw", body={}, body_sha256="", received_at=int(time.time()), participant=seller.participant,
        person=person, role="treasurer", settlement=settlement,
    )  # fmt: skip
    with open_store("work", read_settings(ground.house.env)) as store, store.work() as tx:
        tx.inbox.put(item)
        tx.inbox.set_aside(item.id, "KeyError('quote')", at=int(time.time()))
    return item.id


def test_a_poisoned_item_is_taken_again_by_two_and_health_is_true_before_and_after(ground: Ground, enter: Any) -> None:
    settlement = ground.propose("OPS-POISON", "seller", "buyer")
    poisoned(ground, settlement)
    page = go(ground, enter("operator-1"), "/health")
    assert "1 item was set aside" in page.inner_text("h1")
    assert ground.operator.http.get("/healthz").status_code == 503
    go(ground, page, "/exceptions?kind=set_aside")
    assert "withdraw" in page.inner_text("section.exception") and "KeyError('quote')" in page.inner_text("main")
    page.click("summary:has-text('Propose to take it again')")
    page.locator("details[open] input[name=reason]").fill("The defect is mended.")
    page.click("details[open] button")
    page.wait_for_selector("text=A change about this waits for a second person.")
    go(ground, page, "/changes")
    assert "You proposed this, so you cannot confirm it." in page.inner_text("main")
    second = go(ground, enter("operator-2"), "/changes")
    second.click("section.change:has-text('take a set-aside item again') button:has-text('Confirm')")
    ground.until(settlement, "lapsed")
    until_says(go(ground, page, "/health"), "Everything is in time.")
    assert ground.operator.http.get("/healthz").status_code == 200


def test_a_planted_difference_is_shown_with_both_sides_and_opens_a_case(ground: Ground, enter: Any) -> None:
    settlement = ground.brought_to("funded", "OPS-DIFF", "seller", "buyer")
    escrow = ground.view(settlement)["escrow"]
    page = go(ground, enter("operator-1"), "/reconciliation")
    page.click("button:has-text('Reconcile now')")
    page.wait_for_selector("h1:has-text('agree')")
    page.wait_for_selector("summary:has-text('Propose to close a period')")
    development.give_gas(ground.node, escrow)  # the escrow's tokens leave past its code: a planted lie of the chain
    ground.node.call("anvil_impersonateAccount", escrow)
    data = "0xa9059cbb" + secp256k1_address(bytes(31) + b"\x55")[2:].rjust(64, "0") + f"{7_000_000:064x}"
    ground.node.call("eth_sendTransaction", {"from": escrow, "to": ground.deployment.token.address, "data": data})
    time.sleep(2)
    page.click("button:has-text('Reconcile now')")
    page.wait_for_selector("section.difference")
    told = page.inner_text("section.difference")
    assert "Books" in told and "Chain" in told and "7.00" in told and "funded" in told
    assert page.locator("summary:has-text('Propose to close a period')").count() == 0, "the day stays open"
    go(ground, page, "/exceptions?kind=difference")
    assert page.locator(f"a[href='/settlements/{settlement}']").count() == 1
    (case,) = [one for one in ground.operator.get("/exceptions")["exceptions"] if one["kind"] == "difference"]
    first, second = ground.people["operator-1"], ground.people["operator-2"]
    with pytest.raises(Problem, match="second person"):
        change = first.post("/changes", {"subject": "close_case", "body": {"case": case["case"]}, "reason": "planted"})
        first.post(f"/changes/{change['change']}/confirmations")
    second.post(f"/changes/{change['change']}/confirmations")
    assert not [one for one in ground.operator.get("/exceptions")["exceptions"] if one["kind"] == "difference"]


def test_the_dashboard_draws_each_figure_and_has_it_in_a_table(ground: Ground, enter: Any) -> None:
    operator = ground.operator.http
    metrics = operator.get("/metrics")
    assert metrics.status_code == 200 and 'entrepot_database_connections{role="serve",use="free"}' in metrics.text
    page = go(ground, enter("operator-1"), "/dashboard")
    assert "Open settlements:" in page.inner_text("h1")
    assert page.locator("figure.chart").count() == 6
    page.wait_for_selector("#lists .plot svg")
    page.click("#lists summary")
    assert "OFAC" in page.inner_text("#lists table") or page.locator("#lists tbody tr").count() > 0
    assert page.locator("#connections tbody tr").count() == 1


def test_lower_caps_are_proposed_on_the_page_and_refused_above_the_regimes_bound(ground: Ground, enter: Any) -> None:
    page = go(ground, enter("operator-1"), "/changes")
    for amount, answer in (("600000", "not within what the regime allows"), ("400000.00", "400,000.00")):
        page.click("#propose-caps summary")
        page.fill("#cap_payment_minor", amount)
        page.fill("#cap_window_minor", "2000000")
        page.fill("#in_days", "30")
        page.fill("#caps-reason", "A quieter month.")
        page.click("#propose-caps button")
        page.wait_for_selector(f"text={answer}")
        go(ground, page, "/changes")
    page.locator("section.change:has-text('other caps') summary").click()
    page.locator("section.change:has-text('other caps') input[name=reason]").fill("Only a test.")
    page.locator("section.change:has-text('other caps') details button").click()
    page.wait_for_selector("text=Only a test.")


def test_an_operators_places_are_reached_by_keys(ground: Ground, enter: Any) -> None:
    page = go(ground, enter("operator-1"), "/settlements")
    for key, path in (
        ("e", "exceptions"),
        ("p", "participants"),
        ("t", "changes"),
        ("r", "reconciliation"),
        ("h", "health"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/{path}")


@pytest.mark.parametrize("path", ["/participants", "/admit", "/exceptions", "/changes", "/reconciliation", "/health"])
def test_a_treasurer_finds_no_such_page(ground: Ground, enter: Any, path: str) -> None:
    page = enter("treasurer-buyer")
    assert page.goto(ground.house.base_url + path).status == 404


def test_a_key_is_granted_by_two_operators_and_the_chain_says_so(ground: Ground, enter: Any) -> None:
    key = "0x" + os.urandom(20).hex()
    ground.operator.until(lambda: ground.operator.get("/contract-settings")["settings"], bool)
    first, second = go(ground, enter("operator-1"), "/changes"), enter("operator-2")
    assert "2 of 3" in first.inner_text("#contract")
    first.click("#propose-contract summary")
    first.select_option("#contract-role", "trustee")
    first.fill("#contract-who", key)
    first.fill("#contract-reason", "A successor joined.")
    first.click("#propose-contract button")
    first.wait_for_url("**/changes?done=proposed")
    go(ground, second, "/changes")
    card = second.locator(f"section.change:has-text('{key}')")
    assert "whose keys the contract obeys" in card.inner_text()
    card.locator("button:has-text('Confirm')").click()
    second.wait_for_url("**/changes?done=confirmed")

    def ended() -> dict[str, Any]:
        return next(one for one in ground.operator.get("/changes")["changes"] if one["after"].get("who") == key)

    ground.operator.until(lambda: ended()["outcome"]["state"] == "executed", bool)
    assert key in ground.operator.get("/contract-settings")["settings"]["roles"]["trustee"]["signers"]
    go(ground, second, "/changes")
    assert "Executed on the chain" in second.inner_text("main") and "2 of 4" in second.inner_text("#contract")
    asked = {
        "subject": "contract_setting",
        "body": {"change": "revoke", "role": "passport", "who": _passport_key(ground)},
    }
    with pytest.raises(Problem) as refused:
        ground.operator.post("/changes", asked | {"reason": "why not"})
    assert refused.value.code == "setting_key_in_use"
    assert ground.supervisor.get("/contract-settings")["settings"]["block"] > 0
    assert ground.parties["buyer"].http.get("/v1/contract-settings").status_code == 404


def _passport_key(ground: Ground) -> str:
    """One of the keys that the worker signs passports with."""
    return str(ground.operator.get("/contract-settings")["settings"]["roles"]["passport"]["signers"][0])
