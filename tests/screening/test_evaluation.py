"""Precision, recall, F1 and AUC, checked by hand on small tables."""

from __future__ import annotations

import pytest

from entrepot.core.errors import Invalid
from entrepot.screening.evaluation import Evaluation, evaluate
from entrepot.screening.matching import REVIEW_SCORE

HEAD = "schema,name1,name2,is_match\n"


def test_the_figures_are_those_of_the_table() -> None:
    found = evaluate(
        (
            HEAD
            + "Company,Meridian Trading Ltd,Meridian Trading FZE,true\n"  # found
            + "Company,Orion Kontor,Zvezda Shipping,true\n"  # missed, and as unlike as the next
            + "Company,Alpha Werke,Beta Mühlen,false\n"
            + "Company,Gamma Kontor Nord,Gamma Kontor Nord,false\n"  # found, and should not be
        ).encode()
    )
    assert found == Evaluation(
        pairs=4, matches=2, threshold=REVIEW_SCORE, true_hits=1, false_hits=1, missed=1,
        precision=0.5, recall=0.5, f1=0.5, auc=0.375,
    )  # fmt: skip


def test_figures_that_are_not_defined_are_none() -> None:
    found = evaluate((HEAD + "Person,Maria Muster,Karl Beispiel,false\n").encode())
    assert (found.precision, found.recall, found.auc) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("name1,name2\na,b\n", "pairs:1"),
        (HEAD, "pairs:1"),
        (HEAD + "Person,a,b,maybe\n", "pairs:2"),
        (HEAD + "Person,a,b,true\nGhost,a,b,true\n", "pairs:3"),
        (HEAD + "Person,a\n", "pairs:2"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(text: str, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        evaluate(text.encode())
    assert refused.value.path == path
