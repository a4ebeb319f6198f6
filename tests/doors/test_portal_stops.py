"""What parties read while a stop is in force: which stop, until when, what follows; nothing like a hit of theirs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from doors_ground import Ground

pytestmark = pytest.mark.slow
HOUR_S = 3600
LIKE_A_HIT = re.compile(r"not clear|do not clear|officer|review|try again later", re.I)


def opened(page: Any, ground: Ground, settlement: str) -> Any:
    page.goto(f"{ground.house.base_url}/settlements/{settlement}")
    return page


def lift(ground: Ground) -> None:
    """Two supervisors lift every stop."""
    for one in ground.supervisor.get("/stops")["stops"]:
        ground.by_two(ground.supervisor, ground.supervisor2, "lift_stop", stop=one["id"])


def test_a_buyer_reads_that_a_stop_holds_up_the_payment_and_pays_after_it(ground: Ground, enter: Any) -> None:
    made = ground.agree("STOPPED-1", "seller", "buyer")
    ground.until(made, "cleared")
    buyer, unheard = opened(enter("treasurer-buyer"), ground, made), enter("treasurer-buyer")
    unheard.route("**/live?**", lambda route: None)  # a page whose feed is never answered, and tells of no stop
    opened(unheard, ground, made)
    try:
        ground.stop_all("fund", HOUR_S)
        buyer.wait_for_selector("#held-up")
        assert "A stop holds up payments into escrow until" in buyer.inner_text("h1")
        assert "everybody's payments" in buyer.inner_text("#held-up")
        assert "New payments are stopped" in buyer.inner_text("#stops")
        assert not buyer.locator("#act-fund").count() and not LIKE_A_HIT.search(buyer.inner_text("main"))
        if unheard.get_attribute("#act-fund", "open") is None:
            unheard.click("#act-fund summary")
        with unheard.expect_navigation():
            unheard.click("#act-fund button.first")
        assert "A stop is in force" in unheard.inner_text("#problem")
        assert not LIKE_A_HIT.search(unheard.inner_text("main"))
        assert "New payments are stopped" in unheard.inner_text("#stops")
    finally:
        lift(ground)
    buyer.wait_for_selector("#act-fund")
    if buyer.get_attribute("#act-fund", "open") is None:
        buyer.click("#act-fund summary")
    with buyer.expect_navigation():
        buyer.click("#act-fund button.first")
    ground.until(made, "funded")


def test_what_lies_in_escrow_is_said_to_wait_for_the_end_of_a_stop_of_all(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("presented", "STOPPED-2", "seller", "buyer")
    seller = opened(enter("treasurer-seller"), ground, made)
    assert not seller.locator("#held-up").count()
    try:
        ground.stop_all("all", HOUR_S)
        seller.wait_for_selector("#held-up")
        assert "what is not paid yet waits for its end" in seller.inner_text("#held-up")
    finally:
        lift(ground)
    seller.wait_for_selector("#held-up", state="detached")
