"""Walks the portal in a browser as each role: places of the navigation, and pages of each kind that these link to."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
TIMEOUT_MS = 30_000
TOO_MANY, BRAKED_MAX, BRAKED_MS = 429, 20, 3_000  # an answer to too many sign-ins, and how long they wait for the next
PAGES_MAX = 60  # of one person
SETTLEMENTS_MAX = 6  # in several states; of all else one page of a kind
_ID = re.compile(r"/[0-9a-f]{16,64}(?=/|$)")
_NO_PAGE = re.compile(r"^/(docs|static|assets|v1|live)\b|\.(csv|json|xml|pdf)$|/(evidence|papers|files)(/|$)")
_LINKS = "links => links.filter(a => !a.hasAttribute('download')).map(a => a.getAttribute('href'))"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who signs in: `who` of the demo's sign-in, and their role."""

    who: str
    role: str


def chromium() -> str:
    """$CHROMIUM or the machine's own; "" if there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return found or ""


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield started
        started.close()


def people_of(credentials: Mapping[str, Mapping[str, str]]) -> list[Person]:
    """The first person of each role, and both sides of a trade."""
    chosen: dict[str, Person] = {}
    for who, one in sorted(credentials.items()):
        key = who if who in ("treasurer-seller", "treasurer-buyer") else one["role"]
        if one["role"] != "treasurer" or key == who:
            chosen.setdefault(key, Person(who, one["role"]))
    return list(chosen.values())


def sign_in(context: Any, base_url: str, person: Person) -> Any:
    """A page on which this person is signed in."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    for _ in range(BRAKED_MAX):
        page.goto(f"{base_url}/sign-in")
        with page.expect_navigation() as answered:
            page.locator(f"button[value='{person.who}']").click()
        if answered.value.status != TOO_MANY:
            break
        page.wait_for_timeout(BRAKED_MS)  # everybody here comes from one address
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def walk(page: Any, base_url: str, *, settlements_max: int = SETTLEMENTS_MAX) -> Iterator[str]:
    """Opens one after the other what this person can open: first the places, then a bounded number of each kind that
    these link to. Gives each path while its page is open.
    """
    found = list(dict.fromkeys(_links(page, "#places a")))
    kinds = Counter(kind_of(path) for path in found)
    for path in found:  # grows while it is walked
        page.goto(base_url + path)
        for link in _links(page, "main a, header.side a"):
            kind = kind_of(link)
            room = settlements_max if kind == "/settlements/ID" else 1
            if link not in found and kinds[kind] < room and len(found) < PAGES_MAX:
                kinds[kind] += 1
                found.append(link)
        yield path


def _links(page: Any, selector: str) -> list[str]:
    hrefs = page.eval_on_selector_all(f":is({selector})[href]", _LINKS)
    return [href for href in hrefs if href.startswith("/") and href != "/" and not _NO_PAGE.search(urlsplit(href).path)]


def kind_of(path: str) -> str:
    """The path with ID in the place of every identifier."""
    return _ID.sub("/ID", urlsplit(path).path)


def settle(page: Any) -> None:
    """Waits until fonts and pictures are there."""
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(150)
