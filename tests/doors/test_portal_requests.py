"""What officers are told of a request that would fall due after the case that it is sent for."""

from __future__ import annotations

from typing import Any

import pytest
from doors_ground import Ground

pytestmark = pytest.mark.slow
DAY_S = 86_400


def test_an_officer_reads_that_a_late_request_falls_due_after_its_case(ground: Ground, enter: Any) -> None:
    made = ground.agree("LATE-ASK", "carol", "namesake")
    ground.until(made, "in_review")
    officer = enter("officer-1")
    asking = f"{ground.house.base_url}/ask/{made}?to=buyer&items=owners"
    officer.goto(asking)
    assert not officer.locator("#too-late").count()
    ground.pass_time(3 * DAY_S)
    officer.goto(asking)
    assert "The case is due before that" in officer.inner_text("#too-late")
    assert "too late" not in officer.inner_text("#letter"), "the party reads the same as ever"
