"""A whole trade by keyboard only, each step from where the focus is, and the focus is always seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from doors_ground import Ground

from entrepot.documents import samples
from portal_walk import Person, sign_in

pytestmark = pytest.mark.slow
TABS_MAX = 160
FOCUS = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""


def test_a_whole_trade_by_keyboard_only(ground: Ground, browser: Any, tmp_path: Path) -> None:
    base_url = ground.house.base_url
    people = {who: sign_in(browser.new_context(), base_url, Person(who, "")) for who in WHO}
    seller, buyer, examiner = people.values()
    facts = ground.trade_facts("KEYS-1", "seller", "buyer")
    papers = {
        "invoice": samples.ubl_invoice(facts),
        "packing_list": samples.packing_list(facts),
        "transport_document": samples.transport_document(facts),
    }
    for name, raw in papers.items():
        (tmp_path / name).write_bytes(raw)

    go(seller, "n")
    reach(seller, "#invoice")
    seller.set_input_files("#invoice", tmp_path / "invoice")  # the system's own dialog is not ours to press
    reach(seller, "#buyer")
    seller.keyboard.type(ground.parties["buyer"].participant)
    press(seller, "button:has-text('Get a firm quote')")
    settlement = seller.url.rpartition("/")[2]
    act(seller, "sign")
    find(buyer, "KEYS-1")
    act(buyer, "sign")
    ground.until(settlement, "cleared")
    buyer.wait_for_selector("#act-fund")
    act(buyer, "fund")
    ground.until(settlement, "funded")
    seller.wait_for_selector("#act-present")
    open_act(seller, "present")
    for name in papers:
        reach(seller, f"#paper-{name}")
        seller.set_input_files(f"#paper-{name}", tmp_path / name)
    press(seller, "#act-present button.first")
    ground.until(settlement, "presented")
    find(examiner, "KEYS-1")
    open_act(examiner, "examine")
    press(examiner, "#act-examine button:has-text('They comply')")
    seller.wait_for_selector(".chip.final:has-text('Paid')")
    for page in people.values():
        page.context.close()


WHO = ("treasurer-seller", "treasurer-buyer", "examiner")


def test_question_mark_lists_the_keys_and_escape_closes_them(ground: Ground, browser: Any) -> None:
    page = sign_in(browser.new_context(), ground.house.base_url, Person("treasurer-seller", "treasurer"))
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible() and "next and previous row" in page.inner_text("#keys")
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.context.close()


def go(page: Any, key: str) -> None:
    """Goes to a place."""
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press(key)


def find(page: Any, number: str) -> None:
    """From the list of settlements, the one with this invoice."""
    go(page, "s")
    page.keyboard.press("/")
    page.keyboard.type(number)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def act(page: Any, name: str) -> None:
    """Opens an act's form and presses its button."""
    open_act(page, name)
    press(page, f"#act-{name} button.first")


def open_act(page: Any, name: str) -> None:
    """Opens an act's form unless it is open."""
    if not page.evaluate(f"document.querySelector('#act-{name}').open"):
        reach(page, f"#act-{name} > summary")
        page.keyboard.press("Enter")


def press(page: Any, selector: str) -> None:
    """Tabs to a button and presses it; the page that follows is there."""
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def reach(page: Any, selector: str) -> None:
    """Tabs until the focus is there; wherever it passes, it is seen."""
    wanted = page.locator(selector).first.element_handle()
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS), page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        if page.evaluate("wanted => wanted === document.activeElement", wanted):
            return
    raise AssertionError(f"{selector} is not reached by Tab")
