"""A settlement on a phone: what is true, what to do, sums and deadlines stand first; what proves them is folded."""

from __future__ import annotations

from typing import Any

import pytest
from doors_ground import Ground

pytestmark = pytest.mark.slow
PHONE = {"width": 390, "height": 844}
SCREENS_MAX = 4.5


def test_on_a_phone_what_proves_is_folded_and_stays_as_the_reader_leaves_it(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("presented", "PHONE-1", "seller", "buyer")
    where = f"{ground.house.base_url}/settlements/{made}"
    page = enter("treasurer-seller")
    page.goto(where)
    assert page.locator("details.fold[open]").count() == page.locator("details.fold").count() > 4
    page.set_viewport_size(PHONE)
    page.goto(where)
    page.wait_for_selector("details.fold:not([open])")
    assert page.locator("details.fold[open]").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight") < SCREENS_MAX * PHONE["height"]
    assert "USDC" in page.inner_text("main") and page.is_visible("text=What it costs")
    page.click("details.fold summary:has-text('Ledger')")
    ground.examiner.examine(made, complies=True)
    page.wait_for_selector(".chip.final")
    assert page.locator("details.fold[open]").count() == 1, "a live page leaves it open"
    page.goto(f"{where}#why")
    page.wait_for_selector("#why[open]")
