"""The strictest reason wins, two persons clear a review and nobody a refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_trade import make_decision, make_reason

from entrepot.core.decision import Outcome, Reason, Verdict, strictest
from entrepot.core.passport import Act

CLEAR, REVIEW, REFUSE = Verdict.CLEAR, Verdict.REVIEW, Verdict.REFUSE
REASONS = st.builds(
    make_reason,
    st.sampled_from(Verdict),
    about=st.sampled_from(["listed", "rule"]),
    cleared_by=st.lists(st.sampled_from("abc"), max_size=3).map(tuple),
)
STRICTNESS: dict[Outcome, int] = {"clear": 0, "review": 1, "refuse": 2, "reject": 2, "block": 2}


def test_no_reason_at_all_is_clear() -> None:
    decision = make_decision()
    assert decision.verdict is CLEAR and decision.outcome(holds_money=True) == "clear"
    assert decision.open_hits() == () and not decision.touches_listed
    assert strictest([]) is CLEAR < REVIEW < REFUSE


@pytest.mark.parametrize(
    ("verdict", "about", "cleared_by", "before", "after"),
    [
        (CLEAR, "listed", (), "clear", "clear"),
        (REVIEW, "listed", (), "review", "review"),
        (REVIEW, "listed", ("anna",), "review", "review"),
        (REVIEW, "listed", ("anna", "anna"), "review", "review"),
        (REVIEW, "listed", ("anna", "ben"), "clear", "clear"),
        (REFUSE, "rule", (), "refuse", "reject"),
        (REFUSE, "listed", (), "refuse", "block"),
        (REFUSE, "listed", ("anna", "ben"), "refuse", "block"),
    ],
)
def test_what_follows_from_one_reason(
    verdict: Verdict, about: str, cleared_by: tuple[str, ...], before: Outcome, after: Outcome
) -> None:
    decision = make_decision(make_reason(verdict, about=about, cleared_by=cleared_by))
    assert (decision.outcome(holds_money=False), decision.outcome(holds_money=True)) == (before, after)


def test_a_rule_that_refuses_beside_a_hit_that_is_cleared_is_a_reject() -> None:
    cleared = make_reason(REVIEW, cleared_by=("anna", "ben"))
    rule = make_reason(REFUSE, about="rule", hit="")
    assert make_decision(cleared, rule).outcome(holds_money=True) == "reject"
    assert make_decision(make_reason(REVIEW), rule).outcome(holds_money=True) == "block"


def test_open_hits_are_those_that_two_persons_must_still_dispose_of() -> None:
    reasons = (
        make_reason(REVIEW, hit="open"),
        make_reason(REVIEW, hit="half", cleared_by=("anna",)),
        make_reason(REVIEW, hit="done", cleared_by=("anna", "ben")),
        make_reason(REVIEW, hit=""),
        make_reason(REFUSE, hit="never"),
    )
    assert make_decision(*reasons).open_hits() == ("open", "half")


@given(st.lists(REASONS, max_size=4), REASONS, st.booleans())
def test_one_more_reason_never_makes_it_milder(reasons: list[Reason], more: Reason, holds_money: bool) -> None:
    before, after = make_decision(*reasons), make_decision(*reasons, more)
    assert after.verdict >= before.verdict and after.verdict >= more.weighs
    outcomes = [STRICTNESS[decision.outcome(holds_money=holds_money)] for decision in (before, after)]
    assert outcomes[0] <= outcomes[1]


def test_a_decision_is_hashed_with_everything_it_says() -> None:
    base = make_decision(make_reason())
    others = [
        make_decision(make_reason(), salt="0x00"),
        make_decision(make_reason(), act=Act.RELEASE),
        make_decision(make_reason(), lists=()),
        make_decision(make_reason(), nexuses=()),
        make_decision(make_reason(), at=1),
        make_decision(make_reason(), regime="harbour@2"),
        make_decision(make_reason(), settlement="0" * 32),
        make_decision(make_reason(cleared_by=("anna",))),
        make_decision(make_reason(score_bps=1)),
        make_decision(),
    ]
    assert len({decision.sha256() for decision in (base, *others)}) == len(others) + 1
    assert base.to_json()["verdict"] == "REVIEW" and base.to_json()["reasons"][0]["verdict"] == "REVIEW"
