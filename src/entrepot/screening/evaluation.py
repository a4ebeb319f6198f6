"""Measures the comparison of names on labelled pairs."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import groupby

from .content import malformed, text_of
from .matching import REVIEW_SCORE, compare_names

COLUMNS = ("schema", "name1", "name2", "is_match")
KINDS = {"person": "person", "organization": "organization", "company": "organization", "legalentity": "organization",
         "vessel": "vessel"}  # fmt: skip
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
PAIRS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """At `threshold`: precision, recall, F1; over all thresholds: AUC. None where it is not defined."""

    pairs: int
    matches: int
    threshold: float
    true_hits: int
    false_hits: int
    missed: int
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None


def evaluate(raw: bytes, *, name: str = "pairs") -> Evaluation:
    """Compares every pair of a CSV with the columns schema, name1, name2, is_match.

    Raises: Invalid(list_malformed) with the line.
    """
    scored = [(compare_names(kind, mine, listed).score, label) for kind, mine, listed, label in _read(name, raw)]
    matches = sum(is_match for _, is_match in scored)
    true_hits = sum(is_match for score, is_match in scored if score >= REVIEW_SCORE)
    false_hits = sum(not is_match for score, is_match in scored if score >= REVIEW_SCORE)
    missed = matches - true_hits
    return Evaluation(
        pairs=len(scored),
        matches=matches,
        threshold=REVIEW_SCORE,
        true_hits=true_hits,
        false_hits=false_hits,
        missed=missed,
        precision=_share(true_hits, true_hits + false_hits),
        recall=_share(true_hits, matches),
        f1=_share(2 * true_hits, 2 * true_hits + false_hits + missed),
        auc=_auc(scored),
    )


def _read(name: str, raw: bytes) -> list[tuple[str, str, str, bool]]:
    reader = csv.DictReader(io.StringIO(text_of(name, raw), newline=""))
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise malformed(name, 1, f"the columns are not {', '.join(COLUMNS)}.")
    pairs: list[tuple[str, str, str, bool]] = []
    for row in reader:
        kind, said = KINDS.get((row["schema"] or "").lower()), TRUTHS.get((row["is_match"] or "").strip().lower())
        if kind is None or said is None or not row["name1"] or not row["name2"]:
            raise malformed(name, reader.line_num, "not a labelled pair of names.")
        if len(pairs) == PAIRS_MAX:
            raise malformed(name, reader.line_num, f"more than {PAIRS_MAX} pairs.")
        pairs.append((kind, row["name1"], row["name2"], said))
    if not pairs:
        raise malformed(name, 1, "no pair is in it.")
    return pairs


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _auc(scored: list[tuple[float, bool]]) -> float | None:
    """The share of (match, non-match) couples in which the match scores higher; equal scores count half."""
    matches = sum(is_match for _, is_match in scored)
    others = len(scored) - matches
    won, below = 0.0, 0
    for _, group in groupby(sorted(scored), key=lambda entry: entry[0]):
        labels = [is_match for _, is_match in group]
        here = sum(labels)
        won += here * (below + (len(labels) - here) / 2)
        below += len(labels) - here
    return round(won / (matches * others), 4) if matches and others else None
