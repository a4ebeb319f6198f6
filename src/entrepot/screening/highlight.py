"""Which parts of two names the matcher paired, as segments of the names as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from .likeness import Pair
from .names import latin, readings

Segment = tuple[str, bool]  # a part of the name, and whether it was paired
BLOCK_MIN = 2  # letters in a row: a single common letter says nothing
_WORD = re.compile(r"[^\W_]+")


def marked_names(
    mine: str, listed: str, pairs: Iterable[Pair], *, kinds: tuple[str, str]
) -> tuple[list[Segment], list[Segment]]:
    """Both names, of these kinds, cut into segments.

    Of words that are only alike the letters in common are marked; of words in another script the whole word.
    """
    of_mine: dict[str, str] = {}
    of_listed: dict[str, str] = {}
    for pair in pairs:
        for form in pair.mine.split():
            of_mine[form] = pair.listed.replace(" ", "")
        for form in pair.listed.split():
            of_listed[form] = pair.mine.replace(" ", "")
    return _segments(mine, of_mine, kinds[0]), _segments(listed, of_listed, kinds[1])


def _segments(text: str, paired: dict[str, str], kind: str) -> list[Segment]:
    found: list[Segment] = []
    at = 0
    for word in _WORD.finditer(text):
        _add(found, text[at : word.start()], False)
        for part, is_paired in _word(word[0], paired, kind):
            _add(found, part, is_paired)
        at = word.end()
    _add(found, text[at:], False)
    return found


def _word(word: str, paired: dict[str, str], kind: str) -> list[Segment]:
    forms = [*latin(word).split(), *(token.form for reading in readings(kind, word) for token in reading.tokens)]
    form = next((form for form in forms if form in paired), "")
    if not form:
        return [(word, False)]
    if word.lower() != form or form in paired[form]:
        return [(word, True)]
    parts: list[Segment] = []
    at = 0
    for block in SequenceMatcher(None, form, paired[form], autojunk=False).get_matching_blocks():
        if block.size >= BLOCK_MIN:
            parts += [(word[at : block.a], False), (word[block.a : block.a + block.size], True)]
            at = block.a + block.size
    return [*parts, (word[at:], False)]


def _add(found: list[Segment], part: str, is_paired: bool) -> None:
    if part and found and found[-1][1] == is_paired:
        found[-1] = (found[-1][0] + part, is_paired)
    elif part:
        found.append((part, is_paired))
