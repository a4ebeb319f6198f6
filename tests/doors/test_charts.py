"""Charts: the table is whole without a script, and the picture is drawn under the pages' own strict policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot import web
from entrepot.web.app import FILES, POLICY
from entrepot.web.charts import Chart, Reference, Series
from entrepot.web.language import Language
from entrepot.web.page import _env
from entrepot.web.pages.supervisor import measures

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PARTS = Path(web.__file__).parents[3] / "node_modules" / ".portal"
MEDIA = {".css": "text/css", ".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
DOCUMENT = """<!doctype html><html lang="{lang}" dir="{dir}" data-theme="light"><title>t</title>
<link rel="stylesheet" href="/static/style.css">{parts}<main id="main">{charts}</main></html>"""
REFRESH = """async () => {  // what the live feed makes a page do
  const fresh = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  document.getElementById("main").innerHTML = fresh.getElementById("main").innerHTML;
}"""
MEDIAN = Series("median", (30, 44, None), ("30 bps", "44 bps", "none"))
SLOWEST = Series("p90", (50.5, 90, 70), ("50.5 bps", "90 bps", "<b>70</b> bps"), "waiting")
COST = Chart(
    "cost", "Cost", "In all.", "lines", "Day", ("1 Nov", "2 Nov", "O'Neill"), (MEDIAN, SLOWEST), "bps",
    (Reference("G20: 1%", "FSB [T]", value=100),),
)  # fmt: skip
VOLUME = Chart("volume", "Volume", "By day.", "stack", "Day", ("1 Nov", "2 Nov", "3 Nov"), (MEDIAN, SLOWEST), "USD")
CAPS = Chart("caps", "Caps", "Used.", "bars", "Who", ("A", "paid in to documents presented", "C"), (MEDIAN,), "%")
EMPTY = Chart("none", "Nothing", "Yet.", "columns", "Day", ("1 Nov",), (Series("n", (0,), ("0",)),))


def drawn(*charts: Chart) -> str:
    """What the macro makes of them."""
    pieces = _env.get_template("pieces.html").module
    return "".join(str(pieces.chart(one, lambda sentence: sentence)) for one in charts)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser."""
    if not BROWSER:
        pytest.skip("there is no Chromium here: install one, or name it in $CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def shown(context: Any, said: list[str], **document: str) -> Any:
    """A page of charts as the portal would send it, with what its console says."""
    parts = str(_env.get_template("pieces.html").module.chart_parts())  # type: ignore[attr-defined]
    body = DOCUMENT.format(parts=parts, charts=drawn(COST, VOLUME, CAPS, EMPTY), **document)

    def answer(route: Any) -> None:
        path = route.request.url.partition("entrepot.invalid")[2].partition("?")[0]
        name = path.removeprefix("/static/parts/") if "/parts/" in path else path.removeprefix("/static/")
        file = (PARTS if "/parts/" in path else FILES) / name
        headers = {"content-security-policy": POLICY, "content-type": MEDIA.get(file.suffix, "text/html")}
        route.fulfill(body=file.read_bytes() if file.is_file() else body, headers=headers)

    context.route("**/*", answer)
    page = context.new_page()
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("http://entrepot.invalid/")
    return page


def test_table_has_every_figure_and_nothing_in_it_is_markup() -> None:
    made = drawn(COST, EMPTY)
    for text in (
        "30 bps",
        "44 bps",
        "none",
        "50.5 bps",
        "&lt;b&gt;70&lt;/b&gt; bps",
        "O&#39;Neill",
        "G20: 1%",
        "FSB [T]",
    ):
        assert text in made
    assert "<b>70" not in made and "style=" not in made
    assert made.count("data-chart=") == 1 and "No figures yet" in made  # an empty one says so and has no picture


def test_every_chart_says_in_what_its_figures_are() -> None:
    step = {"step": "all", "count": 1, "median_s": 60, "p90_s": 60, "buckets": [1, 0, 0, 0, 0, 0, 0]}
    told = {
        "volume": [{"day": 0, "asset": "usdc", "count": 1, "amount_minor": "1"}],
        "steps": [step], "bounds_s": (60, 600, 3_600, 21_600, 86_400, 432_000), "yardsticks": [],
        "cost": {"days": [{"day": 0, "median_bps": "1.0", "p90_bps": "1.0"}], "median_bps": "1.0", "percent_a_year": 5},
        "outcomes": [{"state": "funded", "count": 1}], "taken": [{"day": 0, "kept_minor": "1", "freed_minor": "0"}],
    }  # fmt: skip
    assets, english = {"usdc": {"symbol": "USDC", "decimals": 6}}, Language("en")
    made = [measures.volume(told, assets, english)]
    made += [draw(told, english) for draw in (measures.waiting, measures.steps, measures.cost, measures.outcomes)]
    made += [measures.taken(told, english)]
    said = [drawn(one).partition("</h2>")[0].rpartition("· ")[2].removesuffix("</span>") for one in made]
    assert said == ["USDC", "settlements", "seconds", "basis points", "settlements", "USD"]
    days = [one.across for one in made if one.kind in ("stack", "lines")]
    assert days == ["Day (UTC)"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_pictures_are_drawn_under_the_policy_and_follow_the_theme(chromium: Any, lang: str, direction: str) -> None:
    said: list[str] = []
    context = chromium.new_context(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    page = shown(context, said, lang=lang, dir=direction)
    page.wait_for_selector("#caps .plot svg")
    assert page.locator(".plot svg").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not any("…" in text for text in page.locator("#caps .plot svg text").all_text_contents()), "whole labels"
    colour = 'document.querySelector("#caps .plot").innerHTML.includes("{}")'
    assert page.evaluate(colour.format("#0e5a62")) and not page.evaluate(colour.format("#5fb8b4"))
    page.evaluate('document.documentElement.dataset.theme = "dark"')
    page.wait_for_selector('#caps .plot [fill="#5fb8b4"]', state="attached")
    page.hover("#cost .plot")
    page.wait_for_selector(".chart-told")
    summary = page.locator("#cost summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#cost table").is_visible()
    page.evaluate(REFRESH)
    page.wait_for_selector("#caps .plot svg")
    assert page.locator(".plot svg").count() == 3
    assert page.locator("#cost table").is_visible() and not page.locator("#volume table").is_visible()
    assert said == []
    context.close()


@pytest.mark.slow
def test_without_a_script_the_tables_stand_open(chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = shown(context, [], lang="en", dir="ltr")
    assert page.locator("#cost table").is_visible() and not page.locator("#cost .plot").is_visible()
    context.close()
