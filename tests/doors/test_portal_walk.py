"""Every page of every role in both languages: nothing for axe to find, not wider than its window, no script error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doors_ground import Ground

from portal_walk import Person, kind_of, people_of, settle, sign_in, walk

pytestmark = pytest.mark.slow
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async (asked) => {
  const found = await axe.run(document, { resultTypes: ["violations"], ...asked });
  const shown = one => one.nodes.map(node => node.html.slice(0, 160)).slice(0, 3).join(" | ");
  return found.violations.map(one => `${one.id}: ${shown(one)}`);
}"""
ALL: Any = {}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NO_COLOURS = {"rules": {"color-contrast": {"enabled": False}}}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
RESIZED_MS, STEP_MS = 3_000, 100
PHONE = {"width": 390, "height": 800}
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def furnished(ground: Ground) -> Ground:
    """The house with something on every page."""
    ground.propose("WALK-QUOTED", "seller", "buyer")
    return ground


def everybody(ground: Ground) -> list[Person]:
    return people_of(json.loads(ground.house.settings.credentials_path.read_text()))


@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(furnished: Ground, browser: Any, language: str) -> None:
    """In Arabic axe looks at each kind of page once, as whichever role comes first: its rules read no words."""
    wrong: list[str] = []
    seen: set[str] = set()
    for person in everybody(furnished):
        context = browser.new_context(viewport=DESK, color_scheme="light")
        base_url = furnished.house.base_url
        context.add_cookies([{"name": "entrepot_language", "value": language, "url": base_url}])
        page = sign_in(context, base_url, person)
        page.on("pageerror", lambda error, wrong=wrong: wrong.append(f"script: {error}"))
        for path in walk(page, base_url, settlements_max=2):
            is_fresh = language == "en" or kind_of(path) not in seen
            seen.add(kind_of(path))
            found = looked_at(page, colours=language == "en", axe=is_fresh)
            wrong += [f"{person.role} {path} {language}: {one}" for one in found]
        context.close()
    assert not wrong, "\n".join(wrong)


def looked_at(page: Any, *, colours: bool = True, axe: bool = True) -> list[str]:
    """What is wrong with a page at both widths; colours are the same in every language, so one is enough for them."""
    settle(page)
    wrong = []
    if axe:
        page.evaluate(AXE.read_text())
        wrong += [f"light {one}" for one in page.evaluate(RUN_AXE, ALL if colours else NO_COLOURS)]
    if axe and colours:
        page.emulate_media(color_scheme="dark")
        wrong += [f"dark {one}" for one in page.evaluate(RUN_AXE, COLOURS)]
    page.set_viewport_size(PHONE)
    for _ in range(RESIZED_MS // STEP_MS):  # charts follow their window a moment later
        if page.evaluate(SIDEWAYS) <= 0:
            break
        page.wait_for_timeout(STEP_MS)
    else:
        wrong.append("wider than 390 px")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    return wrong


def test_the_walk_itself_sees_what_is_wrong(browser: Any) -> None:
    page = browser.new_context(viewport=DESK).new_page()
    page.set_content("<html><body><img src='x'><p style='width: 1000px'>wide</p></body></html>")
    found = " ".join(looked_at(page))
    assert "image-alt" in found and "wider than 390 px" in found
