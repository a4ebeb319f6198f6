"""`./run shots`: every page of the portal as a picture, for each role, at two widths, in both themes, into shots/."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from entrepot.demo.__main__ import assemble
from entrepot.demo.desk import lay_out
from entrepot.demo.house import House
from entrepot.demo.stories import Teller
from entrepot.settings import read_settings
from portal_walk import Person, browser, chromium, people_of, settle, sign_in, walk

SHOTS = Path(__file__).parents[1] / "shots"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTHS = (1440, 390)
THEMES = ("light", "dark")
READY_MS = "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def main() -> int:
    """Exit 0 if every page was drawn and none is wider than its window."""
    parser = argparse.ArgumentParser(prog="./run shots", description=__doc__)
    parser.add_argument("--url", help="a demo that is serving; else one is started")
    parser.add_argument("--home", type=Path, help="the home of that demo")
    parser.add_argument("--role", default="", help="only this role's pages")
    parser.add_argument("--language", default="en")
    parser.add_argument("--readme", action="store_true", help="only the pictures of README.md, into docs/pictures")
    options = parser.parse_args()
    if not chromium():
        print("There is no Chromium here: install one, or name it in $CHROMIUM.", file=sys.stderr)
        return 1
    act = draw_readme if options.readme else draw
    if options.url:
        return act(options.url, options.home, options)
    home = Path(tempfile.mkdtemp(prefix="entrepot-shots-"))
    home.chmod(0o755)
    house = House(read_settings({"ENTREPOT_HOME": str(home)}), print)
    try:
        house.start()
        play(house)
        return act(house.base_url, home, options)
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


def play(house: House) -> None:
    """The demo's stories, so that pages have something to show."""
    teller = Teller(assemble(house)[1], "shots", print)
    for story in (teller.clean, teller.review, teller.refused, teller.gone):
        story()
    lay_out(teller)


def draw_readme(base_url: str, home: Path, _: argparse.Namespace) -> int:
    """The two pictures of README.md: a sale that waits for its documents, and a case."""
    PICTURES.mkdir(exist_ok=True)
    wanted = (
        ("treasurer-seller", "/settlements?q=to-present", "a.row-link", "settlement"),
        ("officer-1", "/queue", "a.row-link", "case"),
    )
    with browser() as started:
        for who, path, link, name in wanted:
            context = _context(started, base_url, WIDTHS[0], THEMES[0], "en")
            context.add_cookies([{"name": "entrepot_guide", "value": "off", "url": base_url}])
            page = sign_in(context, base_url, Person(who, ""))
            page.goto(base_url + path)
            page.locator(link).first.click()
            page.wait_for_url(lambda url, path=path: path not in url)
            settle(page)
            page.screenshot(path=str(PICTURES / f"{name}.png"))
            context.close()
    return 0


def draw(base_url: str, home: Path, options: argparse.Namespace) -> int:
    """Signs in as each person and draws what they can open."""
    shutil.rmtree(SHOTS, ignore_errors=True)
    role, language = options.role, options.language
    people = [one for one in people_of(json.loads((home / "credentials.json").read_text())) if role in ("", one.role)]
    wide: list[str] = []
    with browser() as started:
        _draw_sign_in(started, base_url, language)
        for person in people:
            wide += _draw_person(started, base_url, person, language)
    for name in wide:
        print(f"scrolls sideways: {name}")
    return 1 if wide else 0


def _draw_sign_in(started: Any, base_url: str, language: str) -> None:
    for width in WIDTHS:
        for theme in THEMES:
            context = _context(started, base_url, width, theme, language)
            page = context.new_page()
            page.goto(f"{base_url}/sign-in")
            _shoot(page, f"sign-in-{width}-{theme}")
            context.close()


def _draw_person(started: Any, base_url: str, person: Person, language: str) -> list[str]:
    wide = []
    context = _context(started, base_url, WIDTHS[0], THEMES[0], language)
    found = list(walk(sign_in(context, base_url, person), base_url))
    context.close()
    ready_ms: list[float] = []
    for width in WIDTHS:
        for theme in THEMES:
            context = _context(started, base_url, width, theme, language)
            page = sign_in(context, base_url, person)
            for path in found:
                page.goto(base_url + path)
                ready_ms.append(page.evaluate(READY_MS))
                name = f"{person.who}{re.sub(r'[^a-z0-9]+', '-', path.lower())[:60]}-{width}-{theme}"
                if _shoot(page, name):
                    wide.append(name)
            context.close()
    middle_ms, most_ms = statistics.median(ready_ms), max(ready_ms)
    print(
        f"{person.who}: {len(found)} pages, ready in {middle_ms:.0f} ms (median), {most_ms:.0f} ms (most)", flush=True
    )
    return wide


def _context(started: Any, base_url: str, width: int, theme: str, language: str) -> Any:
    context = started.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    context.add_cookies([{"name": "entrepot_language", "value": language, "url": base_url}])
    return context


def _shoot(page: Any, name: str) -> bool:
    """Draws the page; True if it is wider than its window."""
    settle(page)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)
    return bool(page.evaluate(SIDEWAYS) > 0)


if __name__ == "__main__":
    sys.exit(main())
