"""How alike two names are, from 0 to 1, and which words of them were paired."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rigour.names import NamePart, compare_parts

from .names import Join, Reading, Token

TOKEN_MIN = 0.6  # two words that are less alike are not paired
TRANSLITERATED = 0.99  # the same word after transliteration
SAME_NAME = 0.86  # another form of the same given or family name, or the same word of trade
SAME_CONSONANTS = 0.84  # where one script writes no vowels
NEAR_CONSONANTS = 0.78  # the same consonants, other vowels
INITIAL = 0.62
RATIO_MIN = 0.55
CONSONANTS_MIN, CONSONANTS_MIN_UNSURE = 3, 2
WHOLE_SHARE = 0.04  # of the figure, for the whole name letter by letter: it orders what is otherwise equal
CONTAINED, CONTAINED_SHARE = 0.76, 0.1  # a whole listed name with words added to it counts at least this
CONTAINED_COVER, CONTAINED_WEIGHT_MIN = 0.9, 1.7
THIN_MIN, THIN_WORDS_MIN = 0.88, 2  # names of general words alone: nearly all of two words or more


# What pairing words is worth, how alike they are, and which words of the one and of the other.
Found = tuple[float, float, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Words of the subject, words of the listed name, and how alike they are."""

    mine: str
    listed: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` from 0 to 1; 1 only for the same words in the same order."""

    score: float
    pairs: tuple[Pair, ...] = ()


NONE = Likeness(0.0)


def likeness(mine: Reading, listed: Reading) -> Likeness:
    """Shared weight over all weight of both names, order free; names of general words alone must be nearly the same.

    Never more than `bound` says, but for a name that `may_be_contained`.
    """
    is_thin = mine.is_thin or listed.is_thin
    if is_thin and min(len(mine.tokens), len(listed.tokens)) < THIN_WORDS_MIN and mine.words != listed.words:
        return NONE
    total = mine.weight + listed.weight
    shared, pairs = _pair(mine, listed)
    if not pairs:
        return NONE
    whole = fuzz.ratio(mine.plain, listed.plain) / 100
    score = (1 - WHOLE_SHARE) * min(1.0, 2 * shared / total) + WHOLE_SHARE * whole
    if is_thin:
        return Likeness(score, pairs) if score >= THIN_MIN else NONE
    if may_be_contained(shared, listed):
        score = max(score, CONTAINED + CONTAINED_SHARE * score)
    return Likeness(score, pairs)


def bound(shared_max: float, total: float) -> float:
    """The most that `likeness` can be if at most `shared_max` is shared and both names weigh `total` together."""
    return (1 - WHOLE_SHARE) * min(1.0, 2 * shared_max / total) + WHOLE_SHARE


def may_be_contained(shared_max: float, listed: Reading) -> bool:
    """True if a company or ship may bear the whole listed name and other words beside it."""
    is_long_enough = listed.weight >= CONTAINED_WEIGHT_MIN and listed.kind != "person"
    return is_long_enough and shared_max >= CONTAINED_COVER * listed.weight


def token_likeness(mine: Token, listed: Token) -> float:
    """How alike two words are: 0 below TOKEN_MIN, 1 only for the same word as written."""
    if mine.form == listed.form:
        return 1.0 if mine.written == listed.written else TRANSLITERATED
    if mine.form.isdigit() or listed.form.isdigit():
        return 0.0
    if mine.is_initial or listed.is_initial:
        return INITIAL if mine.form[0] == listed.form[0] else 0.0
    found = edit_likeness(mine.form, listed.form)
    ratio = fuzz.ratio(mine.form, listed.form) / 100
    if mine.symbols & listed.symbols and (_is_name(mine.symbols & listed.symbols) or mine.weight == listed.weight):
        found = max(found, SAME_NAME + (TRANSLITERATED - SAME_NAME) * ratio)
    if mine.skeleton == listed.skeleton:
        is_unsure = mine.has_unsure_vowels != listed.has_unsure_vowels
        if is_unsure and len(mine.skeleton) >= CONSONANTS_MIN_UNSURE:
            found = max(found, SAME_CONSONANTS + (SAME_NAME - SAME_CONSONANTS) * ratio)
        elif len(mine.skeleton) >= CONSONANTS_MIN and ratio >= RATIO_MIN:
            found = max(found, NEAR_CONSONANTS + (SAME_CONSONANTS - NEAR_CONSONANTS) * ratio)
    return found if found >= TOKEN_MIN else 0.0


@lru_cache(maxsize=200_000)
def edit_likeness(mine: str, listed: str) -> float:
    """Likeness of two words by what it takes to make one into the other; typing errors are cheap, digits dear."""
    parts = compare_parts([NamePart(mine, 0, phonetics=False)], [NamePart(listed, 0, phonetics=False)])
    return float(max((part.score for part in parts), default=0.0))


def _is_name(symbols: frozenset[str]) -> bool:
    return any(symbol.startswith("NAME:") for symbol in symbols)


def _pair(one: Reading, other: Reading) -> tuple[float, tuple[Pair, ...]]:
    """Pairs words greedily, the most alike first; neighbours may be joined. Returns (shared weight, pairs)."""
    mine, listed = one.tokens, other.tokens
    found: list[Found] = []
    for i, a in enumerate(mine):
        for j, b in enumerate(listed):
            if like := token_likeness(a, b):
                found.append(((a.weight + b.weight) / 2 * like, like, (i,), (j,)))
    found += _joined(mine, other.joins)
    found += [(worth, like, theirs, ours) for worth, like, ours, theirs in _joined(listed, one.joins)]
    found.sort(key=lambda pair: (-pair[1], -pair[0], pair[2], pair[3]))
    used_mine: set[int] = set()
    used_listed: set[int] = set()
    shared, pairs = 0.0, []
    for worth, like, ours, theirs in found:
        if used_mine.isdisjoint(ours) and used_listed.isdisjoint(theirs):
            used_mine.update(ours)
            used_listed.update(theirs)
            shared += worth
            pairs.append(Pair(" ".join(mine[i].form for i in ours), " ".join(listed[j].form for j in theirs), like))
    return shared, tuple(pairs)


def _joined(singles: tuple[Token, ...], joins: tuple[Join, ...]) -> list[Found]:
    """A single word that is neighbours of the other name written as one: abdulrahman, abd al rahman."""
    return [
        ((single.weight + join.weight) / 2 * like, like, (i,), join.at)
        for join in joins
        for i, single in enumerate(singles)
        if (like := join_likeness(single, join))
    ]


def join_likeness(single: Token, join: Join) -> float:
    """High for the same letters, less for the same consonants, else 0."""
    if single.form == join.form:
        return TRANSLITERATED
    if single.skeleton != join.skeleton or len(join.skeleton) < CONSONANTS_MIN:
        return 0.0
    return NEAR_CONSONANTS + (SAME_NAME - NEAR_CONSONANTS) * fuzz.ratio(single.form, join.form) / 100
