"""Takes names apart into weighted Latin tokens, whatever script they are written in.

A name may have more than one reading (Han characters: Chinese or Japanese). Weights are fixed, never taken from the
lists: so no entry changes what another one weighs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import icu  # type: ignore[import-untyped]
from rigour.names import Name, NamePart, NamePartTag, NameTypeTag, SymbolCategory, analyze_names

JOINED = (2, 3)

FULL, SHORT, GENERIC, PLACE, PARTICLE, NOTHING = 1.0, 0.7, 0.35, 0.5, 0.2, 0.0
SHORT_CHARS = 3
TAGS = {"person": NameTypeTag.PER, "organization": NameTypeTag.ORG, "vessel": NameTypeTag.OBJ}
PROPER_SYMBOLS = frozenset({"DOMAIN:HEZBOLLAH", "DOMAIN:ALQAEDA", "DOMAIN:IRGC"})  # names, not a trade
COMPANY_SYMBOLS = frozenset({"SYMBOL:CO", "SYMBOL:CORP"})  # company, corporation: a form, not a name
_SMALL_WORDS = """al el ul bin ibn ben bint bt binti abu umm abd de del della da dos di la le van von der den du y e i
bey mr mrs ms dr prof sir haji hajji hadji sheikh shaykh shaikh mullah mulla maulavi mawlawi sayyid sayed jr sr"""
PARTICLES = frozenset(_SMALL_WORDS.split())  # said with a name, and of little weight in it
_LATIN = icu.Transliterator.createInstance("Any-Latin; NFKD; [:Nonspacing Mark:] Remove; Latin-ASCII; Lower")
_WORD = re.compile(r"[a-z0-9]+")
# Scripts that write no vowels (Hebrew, Arabic, Syriac), or whose vowels are romanised in many ways (Thai, Hangul).
_UNSURE_VOWELS = re.compile(r"[\u0590-\u08ff\u0e00-\u0e7f\uac00-\ud7a3\ufb1d-\ufefc]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]{2,4}\Z")
_HAN = re.compile(r"[\u4e00-\u9fff]{2,6}\Z")
_DIGRAPHS = (("sh", "s"), ("ch", "k"), ("ck", "k"), ("kh", "k"), ("gh", "g"), ("th", "t"), ("dh", "d"), ("ph", "f"),
             ("q", "k"), ("c", "k"), ("x", "ks"), ("ou", "u"))  # fmt: skip
_SOFT = re.compile(r"[aeiouwyv]")
_DOUBLED = re.compile(r"(.)\1+")

# How Koreans write their family names in Latin script, where it is not the official romanisation (2000).
_KOREAN_FAMILY = {
    "gim": "kim",
    "i": "lee",
    "bak": "park",
    "bag": "park",
    "choe": "choi",
    "no": "roh",
    "im": "lim",
    "yu": "yoo",
    "u": "woo",
    "gwon": "kwon",
    "gang": "kang",
    "go": "ko",
    "gu": "koo",
    "jo": "cho",
}
_KOREAN_GIVEN = (("eo", "o"), ("eu", "u"))


@dataclass(frozen=True, slots=True)
class Token:
    """A word that weighs something: in Latin letters, as written, its consonants, and what it may mean."""

    form: str
    written: str
    weight: float
    symbols: frozenset[str]
    skeleton: str
    has_unsure_vowels: bool = False
    is_initial: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Two or three neighbours as one word; `at` are their places."""

    at: tuple[int, ...]
    form: str
    skeleton: str
    weight: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a name. `is_thin`: every word is of the general kind (trading, bank, corporation).

    `words` are all its words but the legal form, in one order; `plain` is all of it as it stood.
    """

    kind: str
    tokens: tuple[Token, ...]
    joins: tuple[Join, ...]
    words: tuple[str, ...]
    weight: float
    is_thin: bool
    plain: str


@lru_cache(maxsize=8192)
def readings(kind: str, text: str) -> tuple[Reading, ...]:
    """The readings of a name, none if no word is in it. `kind` is person, organization or vessel."""
    text = text.strip()
    if not text:
        return ()
    tag = TAGS.get(kind, NameTypeTag.ENT)
    found = [_reading(name, kind) for name in analyze_names(tag, [text], phonetics=False)]
    if kind == "person" and _HAN.match(text):
        found += [_reading(name, kind, is_split=True) for name in _splits(text, tag)]
    return tuple(reading for reading in found if reading.words)


@lru_cache(maxsize=65_536)
def skeleton_of(form: str) -> str:
    """The consonants, with spellings of one sound made one: what scripts without vowels keep of a name."""
    for spelling, sound in _DIGRAPHS:
        form = form.replace(spelling, sound)
    return _DOUBLED.sub(r"\1", _SOFT.sub("", form))


def latin(text: str) -> str:
    """`text` in lower-case ASCII words."""
    return " ".join(_WORD.findall(_LATIN.transliterate(text).replace("\u02bf", "").replace("\u02be", "")))


def _reading(name: Name, kind: str, *, is_split: bool = False) -> Reading:
    symbols: dict[int, set[str]] = {}
    for span in name.spans:
        if len(span.parts) == 1:
            symbols.setdefault(span.parts[0].index, set()).add(f"{span.symbol.category.value}:{span.symbol.id}")
    tokens: list[Token] = []
    words: list[str] = []
    plain: list[str] = []
    for part in name.parts:
        meanings = frozenset(symbols.get(part.index, ()))
        forms = ["".join(latin(part.form).split())] if is_split else _latin_words(part, kind, of=len(name.parts))
        read = _tokens(part, forms, meanings, kind)
        tokens += (token for token in read if token.weight > NOTHING)
        plain += forms
        words += (token.form for token in read if part.tag != NamePartTag.LEGAL)
    return Reading(
        kind=kind,
        tokens=tuple(tokens),
        joins=tuple(_joins(tokens)),
        words=tuple(sorted(words)),
        weight=sum(token.weight for token in tokens),
        is_thin=all(token.weight == GENERIC for token in tokens),
        plain=" ".join(plain),
    )


def _joins(tokens: list[Token]) -> Iterator[Join]:
    for size in JOINED:
        for first in range(len(tokens) - size + 1):
            together = tokens[first : first + size]
            form = "".join(token.form for token in together)
            if form.isalpha():
                weight = sum(token.weight for token in together)
                yield Join(tuple(range(first, first + size)), form, skeleton_of(form), weight)


def _tokens(part: NamePart, words: list[str], symbols: frozenset[str], kind: str) -> list[Token]:
    """The Latin words of one part: one, or one a syllable where the script has no spaces."""
    has_unsure_vowels = bool(_UNSURE_VOWELS.search(part.form))
    if len(words) > 1:
        symbols = frozenset()
    return [
        Token(
            form=word,
            written=part.form if len(words) == 1 else word,
            weight=_weight(word, part, symbols, kind),
            symbols=symbols,
            skeleton=skeleton_of(word),
            has_unsure_vowels=has_unsure_vowels,
            is_initial=kind == "person" and len(word) == 1 and word.isalpha(),
        )
        for word in words
    ]


def _latin_words(part: NamePart, kind: str, *, of: int) -> list[str]:
    if kind == "person" and of == 1 and _HANGUL.match(part.form):
        return _korean_name(part.form)
    if part.comparable.isascii():
        return _WORD.findall(part.comparable.lower())
    return latin(part.form).split()


def _korean_name(form: str) -> list[str]:
    syllables = [latin(syllable).replace(" ", "") for syllable in form]
    given = []
    for syllable in syllables[1:]:
        for official, usual in _KOREAN_GIVEN:
            syllable = syllable.replace(official, usual)
        given.append(syllable)
    return [_KOREAN_FAMILY.get(syllables[0], syllables[0].replace("eo", "u")), *given]


def _splits(text: str, tag: NameTypeTag) -> list[Name]:
    """Han characters cut where both sides are known names: 山田太郎 as 山田 太郎."""
    found = []
    for cut in range(1, len(text)):
        for name in analyze_names(tag, [f"{text[:cut]} {text[cut:]}"], phonetics=False):
            named = {span.parts[0].index for span in name.spans if span.symbol.category == SymbolCategory.NAME}
            if len(name.parts) == len(named) == len(("family", "given")):
                found.append(name)
    return found


def _weight(word: str, part: NamePart, symbols: frozenset[str], kind: str) -> float:
    if part.tag == NamePartTag.LEGAL or symbols & COMPANY_SYMBOLS:
        return NOTHING
    if word in PARTICLES:
        return PARTICLE
    if part.tag == NamePartTag.STOP:
        return NOTHING
    if kind != "person":
        if any(symbol.startswith(("SYMBOL:", "DOMAIN:")) for symbol in symbols - PROPER_SYMBOLS):
            return GENERIC
        if any(symbol.startswith("LOC:") for symbol in symbols):
            return PLACE
    if word.isdigit():
        return PLACE
    if len(word) == 1:
        return GENERIC if kind == "person" else SHORT
    return SHORT if len(word) <= SHORT_CHARS else FULL
