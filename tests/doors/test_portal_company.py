"""Two persons of one company in two browsers: one asks, the other confirms, and nobody confirms what they asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from doors_ground import Ground

pytestmark = pytest.mark.slow
MAKER, CHECKER = "treasurer-buyer-2", "treasurer-buyer"


def test_one_asks_to_pay_and_another_confirms(ground: Ground, enter: Any) -> None:
    made = ground.agree("TWO-PAY", "seller", "buyer")
    ground.until(made, "cleared")
    url = f"{ground.house.base_url}/settlements/{made}"
    hana, treasurer, seller = enter(MAKER), enter(CHECKER), enter("treasurer-seller")
    hana.goto(url)
    if not hana.locator("#act-fund[open]").count():
        hana.click("#act-fund summary")
    with hana.expect_navigation():
        hana.click("#act-fund button:has-text('Pay into escrow')")
    own = hana.locator(".approval")
    assert "Hana Vogel asked to pay" in own.inner_text() and "another person confirms" in own.inner_text()
    assert own.locator("button:has-text('Confirm')").count() == 0
    assert ground.view(made)["state"] == "cleared"

    treasurer.goto(f"{ground.house.base_url}/approvals")
    assert "Hana Vogel asked to pay" in treasurer.inner_text("h1") and "USDC" in treasurer.inner_text("h1")
    seller.goto(url)
    assert seller.locator(".approval").count() == 0, "the other side learns nothing of who may act for the buyer"

    said = own_confirmation(hana, ground)
    assert "A second person confirms" in said and "same_person" in said
    assert ground.view(made)["state"] == "cleared"

    treasurer.goto(url)
    with treasurer.expect_navigation():
        treasurer.click(".approval button:has-text('Confirm')")
    assert treasurer.url.startswith(url)
    ground.until(made, "funded")
    treasurer.goto(f"{ground.house.base_url}/approvals")
    assert "Nothing waits" in treasurer.inner_text("h1")
    assert treasurer.locator("tr:has-text('asked to pay') .chip.final").count() == 1


def own_confirmation(page: Any, ground: Ground) -> str:
    """What a person reads who posts the confirmation of what they asked, past the missing button."""
    form = page.locator(".approval details.act form")
    form.evaluate("form => { form.action = form.action.replace('decline', 'confirm'); form.noValidate = true; }")
    page.locator(".approval details.act summary").click()
    with page.expect_navigation():
        form.locator("button").click()
    return str(page.inner_text("main"))


def test_a_colleague_declines_with_a_reason_and_nothing_is_done(ground: Ground, enter: Any) -> None:
    made = ground.agree("TWO-DECLINE", "seller", "buyer")
    ground.until(made, "cleared")
    asked = ground.people[MAKER].fund(made)
    assert asked["status"] == "waits"
    treasurer = enter(CHECKER)
    treasurer.goto(f"{ground.house.base_url}/approvals")
    treasurer.click(".approval details.act summary")
    treasurer.fill(".approval input[name=reason]", "Not before the goods are insured.")
    with treasurer.expect_navigation():
        treasurer.click(".approval details.act form button")
    assert "Not before the goods are insured." in treasurer.inner_text("main")
    assert ground.view(made)["state"] == "cleared"


def test_mandates_are_proposed_in_a_form_and_count_once_another_person_has_confirmed(
    ground: Ground, enter: Any
) -> None:
    hana = enter(MAKER)
    hana.goto(f"{ground.house.base_url}/company")
    assert "Treasurer" in hana.inner_text("table.mandates") and "In force" in hana.inner_text("table.mandates")
    hana.click("text=Propose other mandates")
    last = hana.locator("form.mandate-form > fieldset").last
    last.locator("input[id$='-name']").fill("Small withdrawals")
    last.get_by_label("Withdraw", exact=True).check()
    last.locator("input[name$='-persons']").last.check()
    last.locator("select").select_option("alone")
    last.locator("input[id$='-limit']").fill("5,000.50")
    with hana.expect_navigation():
        hana.click("button:has-text('Propose these mandates')")
    assert "waits for a second person" in hana.inner_text("main")
    assert "Small withdrawals" not in hana.inner_text("table.mandates")
    treasurer = enter(CHECKER)
    treasurer.goto(f"{ground.house.base_url}/approvals")
    with treasurer.expect_navigation():
        treasurer.click(".approval:has-text('change who may act') button:has-text('Confirm')")
    treasurer.goto(f"{ground.house.base_url}/company")
    row = treasurer.locator("table.mandates tr:has-text('Small withdrawals')").inner_text()
    assert "5,000.50" in row and "USDC" in row


def test_being_paid_at_another_bank_is_asked_and_confirmed_by_two(ground: Ground) -> None:
    carol, operator = ground.parties["carol"], ground.operator
    asked = carol.post("/payees", {"bank_name": "Banco del Lago", "bank_bic": "BLAGPEPL"})
    assert asked["waits_for"] == "an operator"
    with httpx.Client(base_url=ground.house.base_url, follow_redirects=True, trust_env=False) as http:
        http.post("/sign-in/demo", data={"person": "operator-1"})
        assert "Banco del Lago" in http.get("/approvals").text
    operator.post(f"/approvals/{asked['approval']}/confirmations")
    told = carol.get("/payees")
    assert (told["bank_name"], [one["kind"] for one in told["changes"]]) == ("Banco del Lago", ["bank"])
