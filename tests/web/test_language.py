"""How pages speak: a sentence is plain as a text, escaped once in a page, and its values never become markup."""

from __future__ import annotations

import jinja2
import pytest
from markupsafe import Markup, escape

from entrepot.web.language import Language

ENGLISH = Language("en")


def test_a_sentence_is_escaped_once_however_it_is_shown() -> None:
    said = ENGLISH.say("a participant's file")
    assert str(said) == "a participant's file"
    assert escape(said) == escape(str(said)) == "a participant&#39;s file"


def test_what_is_at_this_moment_is_now() -> None:
    said = Language("en", now=1_000)
    assert (said.left(1_000), said.left(1_060), said.left(940)) == ("now", "in 1 minute", "1 minute ago")


@pytest.mark.parametrize(
    ("zone", "named", "shown"),
    [("", "UTC", "00:00 UTC<"), ("UTC", "UTC", "00:00<"), ("Mars/Crater", "UTC", "00:00<"),
     ("Asia/Ho_Chi_Minh", "Asia/Ho Chi Minh, UTC+07:00", "07:00<"),
     ("Asia/Kolkata", "Asia/Kolkata, UTC+05:30", "05:30<")],
)  # fmt: skip
def test_a_page_says_its_zone_and_each_time_says_utc_too(zone: str, named: str, shown: str) -> None:
    language = Language("en", zone, now=1_767_225_600)
    assert language.zone_named == named
    told = language.moment(1_767_225_600)
    assert shown in told and 'title="2026-01-01 00:00:00 UTC"' in told and 'datetime="2026-01-01T00:00:00Z"' in told


def test_a_value_is_text_in_the_page_and_in_the_plain_sentence() -> None:
    said = ENGLISH.tell("{name} paid", name="<b>Smith & Sons</b>")
    assert escape(said) == "<b>&lt;b&gt;Smith &amp; Sons&lt;/b&gt;</b> paid"
    assert str(said) == "<b>Smith & Sons</b> paid"
    assert escape(str(said)) == "&lt;b&gt;Smith &amp; Sons&lt;/b&gt; paid"


@pytest.mark.parametrize("shown", ["{{ said }}", '{{ said ~ "" }}', '<a title="{{ said }}">'])
def test_templates_show_no_value_as_markup(shown: str) -> None:
    said = ENGLISH.say("to {who}", who="<script>\"'")
    html = jinja2.Environment(autoescape=True).from_string(shown).render(said=said)
    assert "<script>" not in html and "&lt;script&gt;&#34;&#39;" in html and "&amp;" not in html


def test_markup_of_a_sentence_joins_markup() -> None:
    said = ENGLISH.tell("{name} paid", name="A & B")
    assert Markup("<p>{}</p>").format(said) == "<p><b>A &amp; B</b> paid</p>"


def test_arabic_reads_from_the_right_and_values_keep_their_direction() -> None:
    arabic = Language("ar")
    assert arabic.direction == "rtl" and ENGLISH.direction == "ltr"
    assert "\u2068Ban Mai\u2069" in str(arabic.say("Be {name}", name="Ban Mai"))
