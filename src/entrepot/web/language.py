"""How a page speaks: words, amounts, dates and direction of one language, for a reader in one time zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import structlog
from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

log = structlog.get_logger(__name__)
WORDS = Path(__file__).parent / "words"
LANGUAGES = {"en": "English", "ar": "العربية"}
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
SHORT_MINOR_DIGITS = 2  # of a token whose remaining minor digits are zeros


Table = TypeVar("Table")
Marked = Annotated[Table, "rows end in sentences"]  # a table's type: the catalogues are known to need its sentences


def marked(sentence: str) -> str:
    """The sentence itself: marks one, so that the catalogues are known to need it."""
    return sentence


@lru_cache
def catalog(code: str) -> Mapping[str, str]:
    """Sentences by their English: words/CODE.po. English is itself."""
    path = WORDS / f"{code}.po"
    if code == "en" or not path.exists():
        return {}
    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string}


@lru_cache(maxsize=2000)
def _miss(code: str, sentence: str) -> None:
    """Says once that a sentence has no translation: English stands in its place."""
    log.warning("untranslated", language=code, sentence=sentence)


@lru_cache
def zone_of(name: str) -> tzinfo:
    """The reader's time zone; UTC for one that nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


class Said(str):
    """A sentence: as a text it is plain, and a page that shows it gets its markup. So nothing is escaped twice."""

    html: Markup

    def __new__(cls, html: Markup) -> Said:
        """From the sentence's markup."""
        said = super().__new__(cls, html.striptags() if "<" in html else html.unescape())
        said.html = html
        return said

    def __html__(self) -> Markup:
        """What a page shows."""
        return self.html


Shown = Said | Markup


@dataclass(frozen=True)
class Language:
    """One language for one reader. `now` is the deployment's clock (Unix s)."""

    code: str
    zone: str = ""
    now: int = 0

    @property
    def locale(self) -> Locale:
        """Babel's locale; Arabic with the digits that bankers' amounts are written in."""
        return Locale.parse("ar_AE" if self.code == "ar" else "en_GB")

    @property
    def direction(self) -> str:
        """rtl or ltr."""
        return "rtl" if self.code == "ar" else "ltr"

    @property
    def comma(self) -> str:
        """What stands between parts of a line."""
        return "،" if self.code == "ar" else ","

    def say(self, sentence: str, **values: Any) -> Said:
        """The sentence in this language with its values put in, all escaped; a value that is markup stays as it is."""
        words = catalog(self.code)
        if words and sentence not in words:
            _miss(self.code, sentence)
        template = escape(words.get(sentence, sentence))
        return Said(Markup(template.format_map({name: self._set_apart(value) for name, value in values.items()})))

    def _set_apart(self, value: Any) -> Markup:
        """A value, escaped; in right-to-left text it keeps its own direction and turns no neighbour around."""
        text = escape(value)
        return Markup(f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}") if self.direction == "rtl" else text

    def tell(self, sentence: str, **values: Any) -> Said:
        """As `say`, with what matters in it set off: every value is."""
        return self.say(sentence, **{name: Markup("<b>{}</b>").format(value) for name, value in values.items()})

    def amount(self, minor: int | str, asset: Mapping[str, Any], *, is_full: bool = False) -> Markup:
        """An amount with its asset: minor units are never cut, only zeros beyond two places (unless `is_full`)."""
        decimals = int(asset["decimals"])
        value = Decimal(int(minor)).scaleb(-decimals)
        places = decimals if is_full else max(min(SHORT_MINOR_DIGITS, decimals), -_exponent(value))
        number = self.number(value, places)
        return Markup('<span class="amount" dir="ltr">{}&nbsp;{}</span>').format(asset["symbol"], number)

    def number(self, value: Decimal | int, places: int = 0) -> str:
        """A number, grouped as this locale does."""
        pattern = "#,##0" + ("." + "0" * places if places else "")
        return str(format_decimal(value, format=pattern, locale=self.locale))

    def listed(self, names: Sequence[str], *, is_choice: bool = False) -> str:
        """Several names as one phrase: a, b and c; a choice: a, b or c."""
        said = [str(name) for name in names]
        return str(format_list(said, "or" if is_choice else "standard", self.locale))

    def percent(self, value: float) -> str:
        """A share."""
        return str(format_percent(value, locale=self.locale))

    def day(self, at: int) -> str:
        """Fri 12 Dec 2026."""
        return str(format_date(self._moment(at), format="EEE d MMM y", locale=self.locale))

    def clock(self, at: int) -> str:
        """17:05, with its zone where the reader's is not known."""
        text = format_time(self._moment(at), format="HH:mm", locale=self.locale)
        return text if self.zone else f"{text} UTC"

    def moment(self, at: int, *, seconds: bool = False) -> Markup:
        """A day and a time, exact in the element."""
        pattern = f"EEE d MMM y{self.comma} HH:mm" + (":ss" if seconds else "")
        text = format_datetime(self._moment(at), format=pattern, locale=self.locale)
        in_utc = datetime.fromtimestamp(at, UTC)
        iso = in_utc.isoformat().replace("+00:00", "Z")
        exact = f"{in_utc:%Y-%m-%d %H:%M:%S} UTC"
        shown = text if self.zone else f"{text} UTC"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, exact, shown)

    @property
    def zone_named(self) -> str:
        """The zone that times are told in, with what it is ahead of UTC now: Asia/Singapore, UTC+08:00."""
        zone = zone_of(self.zone)
        if zone in (UTC, ZoneInfo("UTC")):
            return "UTC"
        ahead = f"{datetime.fromtimestamp(self.now, zone):%z}"
        return f"{self.zone.replace('_', ' ')}{self.comma} UTC{ahead[:3]}:{ahead[3:]}"

    def left(self, at: int) -> str:
        """How long until (or since) a time, in words."""
        if at == self.now:
            return str(self.say("now"))
        return str(format_timedelta(at - self.now, add_direction=True, locale=self.locale))

    def short_day(self, at: int) -> str:
        """12 Dec, of a day that is counted in UTC."""
        return str(format_date(datetime.fromtimestamp(at, UTC), format="d MMM", locale=self.locale))

    def span(self, seconds: int) -> str:
        """How long something takes, in words: 2 hours."""
        is_round = any(seconds % unit == 0 for unit in (60, 3_600, 86_400))
        return str(format_timedelta(seconds, threshold=0.95 if is_round else 1.5, locale=self.locale))

    def _moment(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, zone_of(self.zone))


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), value
    return min(exponent, 0)
