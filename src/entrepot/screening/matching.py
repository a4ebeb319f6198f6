"""Finds who on the lists a subject may be, and explains each hit. Decides nothing.

A result depends on the subject and one entry alone: more entries never lower anybody's score and never hide a hit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from .birth import agreement, from_iso
from .entity import Entity, Identifier, ListedName, Subject
from .identifiers import comparison_key, is_same_issue, normalise_identifier, normalise_wallet
from .likeness import CONSONANTS_MIN, CONSONANTS_MIN_UNSURE, NONE, Likeness, Pair, bound, likeness, may_be_contained
from .lists import ListVersion, LoadedList
from .names import Reading, Token, readings

REVIEW_SCORE = 0.75  # a name less alike than this is no hit
CORROBORATING_SCORE = 0.55  # beside an equal identifier this much likeness is a name hit
CERTAIN_SCORE = 0.95  # equal identifiers and wallets score from here; a name alone stays below
OTHER_KIND_SCORE = 0.90  # a company that bears a listed person's name, or the other way round
WEAK_ALIAS = 0.94  # what the likeness to an alias counts that its list itself calls weak
NAME_SHARE, EVIDENCE_SHARE = 0.7, 0.3  # of the score between REVIEW_SCORE and CERTAIN_SCORE
EVIDENCE_NEUTRAL, COUNTRY_WEIGHT, BIRTH_WEIGHT, NUMBER_WEIGHT = 0.5, 0.15, 0.25, 0.08
NEAR_WORD = 0.6  # candidates: words at least this alike, letter by letter
NEAR_WORDS_KEPT = 20_000

Strength = Literal["identifier", "name"]
Basis = Literal["wallet", "identifier", "name"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that spoke for or against, with its figure (-1 to 1) and in words. `adds` is its part of the score."""

    name: str
    figure: float
    text: str
    adds: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A subject may be a listed one. `score` orders hits; `basis` is the strongest thing they share."""

    subject: str  # its role
    source: str
    entity: str
    list_version: str
    list_sha256: str
    score: float
    basis: Basis
    has_name_hit: bool
    features: tuple[Feature, ...]
    listed: Entity
    listed_name: str = ""  # the entry's name that is most like the subject's
    pairs: tuple[Pair, ...] = ()

    @property
    def strength(self) -> Strength:
        """`identifier` for an equal wallet or identifier, else `name`."""
        return "name" if self.basis == "name" else "identifier"

    @property
    def score_bps(self) -> int:
        """The score in hundredths of a percent."""
        return round(self.score * 10_000)

    @property
    def explanation(self) -> str:
        """All features in one line."""
        return "; ".join(feature.text for feature in self.features)


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry with the version of its list."""

    entity: Entity
    version: ListVersion


@dataclass(frozen=True, slots=True)
class _Named:
    """One reading of one name of one entry."""

    entry: int
    name: ListedName
    reading: Reading


class Index:
    """All entries of all lists, by what they can be found by. Built once for a set of versions, then only read."""

    def __init__(self, lists: Iterable[LoadedList]) -> None:
        self.versions: list[ListVersion] = []
        self.entries: list[_Listed] = []
        self.named: list[_Named] = []
        self.names_of: defaultdict[int, list[_Named]] = defaultdict(list)
        self.by_number: defaultdict[tuple[str, str], list[tuple[int, Identifier]]] = defaultdict(list)
        self.by_wallet: defaultdict[str, list[int]] = defaultdict(list)
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)
        self._by_join: defaultdict[str, list[int]] = defaultdict(list)
        self._by_meaning: defaultdict[str, set[str]] = defaultdict(set)
        self._weight: dict[str, float] = {}
        self._near: dict[tuple[str, frozenset[str], bool], tuple[tuple[float, tuple[str, ...]], ...]] = {}
        for loaded in lists:
            self.versions.append(loaded.version)
            for entity in loaded.entities:
                self._add(_Listed(entity, loaded.version))
        self._words = list(self._by_word)

    def _add(self, listed: _Listed) -> None:
        entry = len(self.entries)
        self.entries.append(listed)
        for identifier in listed.entity.identifiers:
            self.by_number[comparison_key(identifier)].append((entry, identifier))
        for wallet in dict.fromkeys(wallet.address for wallet in listed.entity.wallets):
            self.by_wallet[wallet].append(entry)
        for name in listed.entity.names:
            for reading in readings(listed.entity.schema, name.text):
                self._add_name(_Named(entry, name, reading))

    def _add_name(self, named: _Named) -> None:
        number = len(self.named)
        self.named.append(named)
        self.names_of[named.entry].append(named)
        for token in {token.form: token for token in named.reading.tokens}.values():
            self._by_word[token.form].append(number)
            self._weight[token.form] = max(token.weight, self._weight.get(token.form, 0.0))
            for meaning in (*token.symbols, f"skeleton:{token.skeleton}"):
                self._by_meaning[meaning].add(token.form)
        for key in _join_keys(named.reading):
            self._by_join[key].append(number)

    def candidates(self, reading: Reading, least: float) -> Iterator[_Named]:
        """Every listed name whose likeness to `reading` may reach `least`, and some that do not."""
        shared: defaultdict[int, float] = defaultdict(float)
        for token in reading.tokens:
            for number, weight in self._weights_met(token).items():
                shared[number] += (token.weight + weight) / 2
        joined = self._joined(reading)
        for number, most in shared.items():
            named = self.named[number]
            is_near = bound(most, reading.weight + named.reading.weight) >= least
            if is_near or number in joined or may_be_contained(most, named.reading):
                yield named
        for number in joined - shared.keys():
            yield self.named[number]

    def _weights_met(self, token: Token) -> dict[int, float]:
        """Names with a word that `token` may be paired with, and the most that this word weighs."""
        met: dict[int, float] = {}
        for weight, words in self._near_words(token):
            for word in words:
                for number in self._by_word[word]:
                    met.setdefault(number, weight)
        return met

    def _joined(self, reading: Reading) -> set[int]:
        """Names of which a word may be neighbours of `reading` written as one, or the other way round."""
        keys = {key for token in reading.tokens for key in _keys(token.form, token.skeleton)}
        found = {number for key in keys for number in self._by_join.get(key, ())}
        for key in _join_keys(reading):
            for word in (key, *self._by_meaning.get(key, ())):
                found.update(self._by_word.get(word, ()))
        return found

    def _near_words(self, token: Token) -> tuple[tuple[float, tuple[str, ...]], ...]:
        """Listed words that `token` may be paired with, by the most that each weighs, the heaviest first."""
        key = (token.form, token.symbols, token.is_initial)
        if key not in self._near:
            if len(self._near) >= NEAR_WORDS_KEPT:
                self._near.clear()
            words = sorted(self._find_near(token), key=lambda word: (-self._weight[word], word))
            self._near[key] = tuple(
                (weight, tuple(group)) for weight, group in groupby(words, self._weight.__getitem__)
            )
        return self._near[key]

    def _find_near(self, token: Token) -> set[str]:
        if token.form.isdigit():
            return {token.form} & self._by_word.keys()
        if token.is_initial:
            return {word for word in self._words if word[0] == token.form}
        near = process.extract(
            token.form, self._words, scorer=Levenshtein.normalized_similarity, score_cutoff=NEAR_WORD, limit=None
        )
        found = {word for word, _, _ in near}
        consonants = [f"skeleton:{token.skeleton}"] if len(token.skeleton) >= CONSONANTS_MIN_UNSURE else []
        for meaning in (*token.symbols, *consonants):
            found |= self._by_meaning.get(meaning, set())
        if token.form[0] in self._by_word:
            found.add(token.form[0])  # an initial
        return found


def screen(subject: Subject, index: Index) -> tuple[Hit, ...]:
    """All hits of one subject, the strongest first; a total order: score, then source and entry.

    Raises: Invalid(malformed) with the path, see `Subject.require_screenable`.
    """
    subject.require_screenable()
    subject = replace(subject, country=subject.country.upper())
    hits: list[Hit] = []
    by_name = _name_hits(subject, index)
    numbers = _number_hits(subject, index)
    wallets = index.by_wallet.get(normalise_wallet(subject.wallet), []) if subject.wallet else []
    for entry in {*by_name, *numbers, *wallets}:
        hits.append(_hit(subject, index, entry, by_name.get(entry), numbers.get(entry, []), entry in wallets))
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.source, hit.entity)))


def compare_names(kind: str, mine: str, listed: str) -> Likeness:
    """How alike two names of one kind are, without any list."""
    found = [likeness(a, b) for a in readings(kind, mine) for b in readings(kind, listed)]
    return max(found, key=lambda like: like.score, default=NONE)


def _join_keys(reading: Reading) -> set[str]:
    return {key for join in reading.joins for key in _keys(join.form, join.skeleton)}


def _keys(form: str, skeleton: str) -> tuple[str, ...]:
    """What a word written as one is found by: its letters, and its consonants where there are enough."""
    return (form, f"skeleton:{skeleton}") if len(skeleton) >= CONSONANTS_MIN else (form,)


@dataclass(frozen=True, slots=True)
class _NameMatch:
    like: Likeness
    counted: float
    name: ListedName


def _name_hits(subject: Subject, index: Index) -> dict[int, _NameMatch]:
    """The best name of each entry that reaches REVIEW_SCORE."""
    best: dict[int, _NameMatch] = {}
    for reading in readings(subject.kind, subject.name):
        for named in index.candidates(reading, REVIEW_SCORE):
            schema = index.entries[named.entry].entity.schema
            least = REVIEW_SCORE if schema == subject.kind else OTHER_KIND_SCORE
            if "vessel" in (schema, subject.kind) and schema != subject.kind:
                continue
            found = _match(reading, named)
            if found.counted >= least and (named.entry not in best or found.counted > best[named.entry].counted):
                best[named.entry] = found
    return best


def _match(reading: Reading, named: _Named) -> _NameMatch:
    like = likeness(reading, named.reading)
    return _NameMatch(like, like.score * (WEAK_ALIAS if named.name.quality == "weak" else 1.0), named.name)


def _best_name(subject: Subject, index: Index, entry: int) -> _NameMatch | None:
    """The entry's name that is most like the subject's, however little."""
    found = [_match(mine, named) for mine in readings(subject.kind, subject.name) for named in index.names_of[entry]]
    return max(found, key=lambda match: match.counted, default=None)


def _number_hits(subject: Subject, index: Index) -> dict[int, list[tuple[Identifier, bool]]]:
    """Equal identifiers by entry, each with whether it was the same issue."""
    found: dict[int, list[tuple[Identifier, bool]]] = {}
    for mine in _numbers(subject):
        for entry, listed in index.by_number.get(comparison_key(mine), ()):
            is_same = is_same_issue(mine, listed, my_country=subject.country)
            found.setdefault(entry, []).append((listed, is_same))
    return found


def _numbers(subject: Subject) -> list[Identifier]:
    found = [normalise_identifier(kind, value) for kind, value in subject.identifiers]
    return [identifier for identifier in found if identifier]


def _hit(
    subject: Subject,
    index: Index,
    entry: int,
    match: _NameMatch | None,
    numbers: list[tuple[Identifier, bool]],
    is_wallet: bool,
) -> Hit:
    listed = index.entries[entry]
    is_number = any(is_same for _, is_same in numbers)
    basis: Basis = "wallet" if is_wallet else "identifier" if is_number else "name"
    if basis != "name":
        best = _best_name(subject, index, entry)
        match = best if best and best.counted >= CORROBORATING_SCORE else None
    features = [
        *_wallet_features(subject, is_wallet),
        *_number_features(numbers),
        *_name_features(match, basis),
        *_evidence(subject, listed.entity, numbers, basis),
    ]
    return Hit(
        subject=subject.role,
        source=listed.version.source,
        entity=listed.entity.id,
        list_version=listed.version.version,
        list_sha256=listed.version.sha256,
        score=_begins(basis) + sum(feature.adds for feature in features),
        basis=basis,
        has_name_hit=match is not None,
        features=tuple(features),
        listed=listed.entity,
        listed_name=match.name.text if match else "",
        pairs=match.like.pairs if match else (),
    )


def _begins(basis: Basis) -> float:
    """The score of a hit of which nothing is known but its basis; names and evidence add to it, or take from it."""
    return (REVIEW_SCORE if basis == "name" else CERTAIN_SCORE) + _room(basis) * EVIDENCE_SHARE * EVIDENCE_NEUTRAL


def _room(basis: Basis) -> float:
    """What names and evidence share: from REVIEW_SCORE to CERTAIN_SCORE, or above it for an equal identifier."""
    return CERTAIN_SCORE - REVIEW_SCORE if basis == "name" else 1 - CERTAIN_SCORE


def _wallet_features(subject: Subject, is_wallet: bool) -> list[Feature]:
    return [Feature("wallet", 1.0, f"wallet {normalise_wallet(subject.wallet)} is listed")] if is_wallet else []


def _number_features(numbers: list[tuple[Identifier, bool]]) -> list[Feature]:
    return [
        Feature(listed.type, 1.0, f"{listed.type} {listed.value} is equal")
        if is_same
        else Feature(listed.type, 0.0, f"{listed.type} {listed.value} is equal, but its issuer {_other(listed)}")
        for listed, is_same in numbers
    ]


def _other(listed: Identifier) -> str:
    return f"is {listed.country}, not the subject's country" if listed.country else "is not known and it is short"


def _name_features(match: _NameMatch | None, basis: Basis) -> list[Feature]:
    if match is None:
        return []
    worth = max(0.0, match.counted - REVIEW_SCORE) / (1 - REVIEW_SCORE) if basis == "name" else match.counted
    pairs = ", ".join(f"{pair.mine} ~ {pair.listed} {pair.likeness:.2f}" for pair in match.like.pairs)
    kind = match.name.kind if match.name.quality == "strong" else f"weak {match.name.kind}"
    text = f"name similarity {match.counted:.2f} to {match.name.text!r} ({kind}): {pairs}"
    return [Feature("name", match.counted, text, adds=_room(basis) * NAME_SHARE * worth)]


def _evidence(
    subject: Subject, entity: Entity, equal: list[tuple[Identifier, bool]], basis: Basis
) -> Iterator[Feature]:
    """What else speaks for or against; figures add up to less than half a point either way."""
    for feature in _weighed(subject, entity, equal):
        yield replace(feature, adds=_room(basis) * EVIDENCE_SHARE * feature.figure)


def _weighed(subject: Subject, entity: Entity, equal: list[tuple[Identifier, bool]]) -> list[Feature]:
    found = []
    if subject.country and entity.countries:
        is_same = subject.country in entity.countries
        where = f"subject {subject.country}, listed {', '.join(entity.countries)}"
        found.append(
            Feature("country", COUNTRY_WEIGHT if is_same else -COUNTRY_WEIGHT,
                    f"country {'agrees' if is_same else 'differs'}: {where}")
        )  # fmt: skip
    born = from_iso(subject.birth_date)
    if born and entity.birth_dates:
        agrees = max(agreement(born, listed) for listed in entity.birth_dates)
        said = {1.0: "is the same", 0.5: "may be the same", -1.0: "differs"}[agrees]
        listed_dates = ", ".join(entity.birth_dates)
        found.append(Feature("birth date", BIRTH_WEIGHT * agrees, f"birth date {said}: {born}, listed {listed_dates}"))
    mine = {number.type: number.value for number in _numbers(subject)}
    others = {listed.type for listed in entity.identifiers if mine.get(listed.type, listed.value) != listed.value}
    if other := sorted(others - {listed.type for listed, _ in equal}):
        found.append(Feature("identifiers", -NUMBER_WEIGHT, f"{' and '.join(other)} differ"))
    return found
