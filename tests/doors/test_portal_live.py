"""A page stays true: it shows what happens elsewhere, also what happened while its line was cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cut_line import Line
from doors_ground import Ground

from portal_walk import Person, sign_in

pytestmark = pytest.mark.slow
SHOWN_MS = 15_000


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    """Between this browser and the doors."""
    made = Line(ground.house.base_url)
    yield made
    made.stop()


def test_what_happened_while_the_line_was_cut_is_shown_after_it_is_mended(
    ground: Ground, browser: Any, line: Line
) -> None:
    made = ground.propose("LIVE-CUT", "carol", "dave")
    context = browser.new_context()
    page = sign_in(context, line.url, Person("treasurer-carol", "treasurer"))
    page.goto(f"{line.url}/settlements/{made}")
    page.wait_for_selector(".chip:has-text('Waiting for signatures')")
    page.click("summary:has-text('As a table')")
    line.cut()
    ground.parties["carol"].sign_terms(made)
    ground.parties["dave"].sign_terms(made)
    ground.until(made, "cleared")
    page.wait_for_timeout(700)
    assert "Waiting for signatures" in page.inner_text(".chip")  # it cannot know yet
    line.mend()
    page.wait_for_selector(".chip:has-text('Waiting for payment')", timeout=SHOWN_MS)
    assert page.locator("details[open]:has-text('As a table')").count() == 1  # what the reader opened stays open
    context.close()


def test_what_happens_between_the_page_and_its_feed_is_not_lost(ground: Ground, browser: Any) -> None:
    made = ground.propose("LIVE-GAP", "carol", "dave")
    context = browser.new_context()
    page = sign_in(context, ground.house.base_url, Person("treasurer-carol", "treasurer"))
    page.route(
        "**/live?*", lambda route: (ground.parties["carol"].post(f"/trades/{made}/withdrawal"), route.continue_())
    )
    page.goto(f"{ground.house.base_url}/settlements/{made}")
    page.wait_for_selector(".chip.stopped", timeout=SHOWN_MS)
    context.close()


def test_a_page_that_could_not_be_fetched_again_is_fetched_a_moment_later(ground: Ground, browser: Any) -> None:
    made = ground.propose("LIVE-AGAIN", "carol", "dave")
    context = browser.new_context()
    page = sign_in(context, ground.house.base_url, Person("treasurer-carol", "treasurer"))
    page.goto(f"{ground.house.base_url}/settlements/{made}")
    page.wait_for_selector(".chip:has-text('Waiting for signatures')")
    page.wait_for_timeout(700)  # the feed is open
    broken: list[str] = []

    def twice(route: Any) -> None:
        broken.append(route.request.url)
        route.abort() if len(broken) < 3 else route.continue_()

    page.route(f"**/settlements/{made}", twice)
    ground.parties["carol"].post(f"/trades/{made}/withdrawal")
    page.wait_for_selector(".chip.stopped", timeout=SHOWN_MS)
    assert len(broken) >= 3
    context.close()


def test_the_feed_goes_on_from_the_last_event_seen(ground: Ground) -> None:
    made = ground.propose("LIVE-CURSOR", "carol", "dave")
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        http.post("/sign-in/demo", data={"person": "treasurer-carol", "next": "/"})
        seen = [heard(http, {"last-event-id": "-1"})]
        assert made in seen[0]["settlements"]
        ground.parties["carol"].post(f"/trades/{made}/withdrawal")
        again = heard(http, {"last-event-id": seen[0]["id"]})
        assert made in again["settlements"] and int(again["id"]) > int(seen[0]["id"])


def heard(http: httpx.Client, headers: dict[str, str]) -> dict[str, Any]:
    """The first news of a feed that begins after `last-event-id`."""
    told: dict[str, Any] = {}
    with http.stream("GET", "/live", headers=headers) as stream:
        for text in stream.iter_lines():
            name, _, value = text.partition(": ")
            if name == "id":
                told["id"] = value
            if name == "data":
                return told | json.loads(value)
    raise AssertionError("the feed ended")
