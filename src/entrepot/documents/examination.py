"""The examiner: whether what was presented complies with the terms, on the documents alone, one rule a function.

Rules are modelled on UCP 600 as an example of documentary terms; silence, waiver and cure are not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..core.canonical import Json
from ..core.errors import Invalid, declare
from . import examination_rules as rules
from .examination_rules import Finding
from .presented import ExaminedTerms, Presentation
from .stated import KINDS, DocumentKind
from .trade_documents import Document

SCHEMA = "entrepot/examination/1"
PRESENTATION_SCHEMA = "entrepot/presentation/1"
DOCUMENTS_MAX = 50
FINDINGS_MAX = 100  # of one rule: a notice is read by people
UNIX_MAX = 2**37  # the year 6325

Mark = Literal["T", "S", "U"]
_MARKS = {"T": "verified", "S": "secondary source", "U": "unverified"}

declare("Invalid", presentation_malformed="A presentation has 1 to 50 documents and a moment in Unix seconds.")


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule comes from. `mark`: T text seen, S secondary source, U from professional knowledge only."""

    instrument: str
    article: str
    mark: Mark
    source: str
    seen: str

    def __str__(self) -> str:
        return f"{self.instrument} art. {self.article} ({_MARKS[self.mark]})"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its stable id, what it asks, where that comes from, and the function that looks."""

    id: str
    asks: str
    cites: Citation
    looks: Callable[[Presentation], Iterator[Finding]]


def _ucp(article: str, mark: Mark, source: str) -> Citation:
    return Citation("UCP 600 (2007-07-01)", article, mark, source, "2026-11-23")


_GURU = "tradefinanceguru"
_KNOWLEDGE = "professional knowledge, not verified"

# A rule marked U may only make the answer stricter; each here can only add a discrepancy.
RULES: tuple[Rule, ...] = (
    Rule(
        "documents_complete",
        "Every required document is presented, once.",
        _ucp("14(a)", "T", _GURU),
        rules.documents_complete,
    ),
    Rule(
        "presented_in_time",
        "Presented by the day agreed, and within 21 calendar days after shipment.",
        _ucp("14(c)", "T", _GURU),
        rules.presented_in_time,
    ),
    Rule(
        "shipped_in_time",
        "On board not later than the latest day of shipment.",
        _ucp("20(a)(ii)", "U", _KNOWLEDGE),
        rules.shipped_in_time,
    ),
    Rule(
        "invoice_parties",
        "The invoice is made out by the seller to the buyer.",
        _ucp("18(a)(i), (ii)", "T", _GURU),
        rules.invoice_parties,
    ),
    Rule(
        "invoice_amount",
        "The invoice is in the currency of the terms and asks no more than they say.",
        _ucp("18(a)(iii), 18(b)", "T", _GURU),
        rules.invoice_amount,
    ),
    Rule(
        "goods_correspond",
        "The goods on the invoice are the goods of the terms.",
        _ucp("18(c)", "T", _GURU),
        rules.goods_correspond,
    ),
    Rule(
        "quantities_in_tolerance",
        "Quantities are within 5%, exact where counted in units, within 10% where the terms say about.",
        _ucp("30(a), 30(b)", "S", "exam text, blog"),
        rules.quantities_in_tolerance,
    ),
    Rule(
        "data_agree",
        "Nothing stated in one document conflicts with another or with the terms.",
        _ucp("14(d)", "T", _GURU),
        rules.data_agree,
    ),
    Rule(
        "ports_as_agreed",
        "Loaded and discharged where the terms say.",
        _ucp("20(a)(iii)", "U", _KNOWLEDGE),
        rules.ports_as_agreed,
    ),
    Rule(
        "shipped_on_board",
        "The transport document names the carrier, is signed, and dates the goods on board a named ship.",
        _ucp("20(a)(i), (ii)", "U", _KNOWLEDGE),
        rules.shipped_on_board,
    ),
)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One reason to refuse: what `documents` say, against what the terms (or another document) say."""

    code: str
    rule: str
    cites: Citation
    documents: tuple[DocumentKind, ...]
    says: str
    terms_say: str

    def to_json(self) -> Json:
        """For notices and evidence."""
        return {
            "code": self.code,
            "rule": self.rule,
            "cites": str(self.cites),
            "mark": self.cites.mark,
            "documents": list(self.documents),
            "says": self.says,
            "terms_say": self.terms_say,
        }


@dataclass(frozen=True, slots=True)
class Examination:
    """The whole answer: all discrepancies at once (UCP 600 art. 16(c)), the rules asked, the documents' hashes."""

    discrepancies: tuple[Discrepancy, ...]
    rules: tuple[str, ...]
    documents: tuple[tuple[DocumentKind, str], ...]
    presented_at: int

    @property
    def complies(self) -> bool:
        """True if there is no discrepancy."""
        return not self.discrepancies

    def to_json(self) -> Json:
        """Canonical form, schema `entrepot/examination/1`."""
        return {
            "schema": SCHEMA,
            "presented_at": self.presented_at,
            "documents": [{"kind": kind, "sha256": sha256} for kind, sha256 in self.documents],
            "rules": list(self.rules),
            "complies": self.complies,
            "discrepancies": [discrepancy.to_json() for discrepancy in self.discrepancies],
        }


def _in_order(documents: Iterable[Document]) -> tuple[Document, ...]:
    return tuple(sorted(documents, key=lambda document: (KINDS.index(document.kind), document.sha256)))


def examine(terms: ExaminedTerms, documents: Iterable[Document], presented_at: int) -> Examination:
    """Looks at every rule and says everything that was found; pure. `presented_at` in Unix seconds.

    The order in which documents are given does not change the answer. Raises: Invalid(presentation_malformed).
    Source: UCP 600 art. 14(a): on the basis of the documents alone, on their face.
    """
    presented = _in_order(documents)
    moments = (presented_at, terms.present_by)
    if not 0 < len(presented) <= DOCUMENTS_MAX or not all(0 <= moment <= UNIX_MAX for moment in moments):
        raise Invalid("presentation_malformed", f"{len(presented)} documents at {presented_at}.")
    presentation = Presentation(terms, presented, presented_at)
    return Examination(
        discrepancies=tuple(
            Discrepancy(found.code, rule.id, rule.cites, found.documents, found.says, found.terms_say)
            for rule in RULES
            for found in islice(rule.looks(presentation), FINDINGS_MAX)
        ),
        rules=tuple(rule.id for rule in RULES),
        documents=tuple((document.kind, document.sha256) for document in presented),
        presented_at=presented_at,
    )
