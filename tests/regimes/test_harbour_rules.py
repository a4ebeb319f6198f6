"""The rules of the first regime: each one's yes and its nearest no, when they are in force, and where each is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core.decision import Reason, Verdict, strictest
from entrepot.core.passport import Act
from entrepot.regimes import rules
from entrepot.regimes.harbour import HARBOUR_1, VERSIONS, describe, in_force
from entrepot.regimes.regime import (
    CLOCK_SKEW_S,
    Cited,
    HitFacts,
    ListFacts,
    PartyFacts,
    PaymentFacts,
    Stop,
    evaluate,
    pauses,
    reason,
)
from entrepot.regimes.rules import RULES

T0 = 1_790_000_000
NOT_LOCAL = 1
CLEAR, REVIEW, REFUSE = Verdict.CLEAR, Verdict.REVIEW, Verdict.REFUSE
SELLER = PartyFacts("seller", "5" * 32, "admitted", "ET", True)
BUYER = PartyFacts("buyer", "b" * 32, "admitted", "DE", True)
LISTED = ListFacts("INVENTED", "1", "0x" + "11" * 32, T0)
HIT = HitFacts("buyer", "INVENTED", "Q1", "name", True, 9_100, "INVENTED:Q1:buyer", "The name is 91% alike.")
FACTS = PaymentFacts(
    act=Act.FUND,
    at=T0,
    chain_id=31337,
    parties=(SELLER, BUYER),
    asset_id="eip155:31337/erc20:0x11",
    asset_symbol="USDM",
    asset_kind="stablecoin",
    amount_minor=12_500_00,
    used_minor=0,
    hits=(),
    lists=(LISTED,),
    stops=(),
)


def reasons(cleared: dict[str, tuple[str, ...]] | None = None, **changes: Any) -> tuple[Reason, ...]:
    return evaluate(HARBOUR_1, replace(FACTS, **changes), RULES, cleared or {})


def verdict_of(found: Iterable[Reason]) -> Verdict:
    return strictest(one.weighs for one in found)


def parties(**changes: Any) -> tuple[PartyFacts, PartyFacts]:
    return SELLER, replace(BUYER, **changes)


def test_a_payment_that_breaks_no_rule_is_clear() -> None:
    assert reasons() == () and pauses(HARBOUR_1, FACTS) == ()


CAP, WINDOW = HARBOUR_1.cap_payment_minor, HARBOUR_1.cap_window_minor


@pytest.mark.parametrize(
    ("rule", "fine", "not_fine", "verdict"),
    [
        ("participant_admitted", {}, {"parties": parties(status="suspended")}, REFUSE),
        ("participant_admitted", {}, {"parties": parties(status="")}, REFUSE),
        ("wallet_admitted", {}, {"parties": parties(is_wallet_admitted=False)}, REFUSE),
        ("asset_banned", {"asset_symbol": "A7A"}, {"asset_symbol": "A7A5"}, REFUSE),
        ("asset_banned", {"asset_symbol": "RUB"}, {"asset_symbol": "rubx"}, REFUSE),
        ("asset_kind", {"asset_kind": "cbdc"}, {"asset_kind": "bitcoin"}, REFUSE),
        ("territory", {"parties": parties(country="KR")}, {"parties": parties(country="KP")}, REFUSE),
        ("territory", {"parties": parties(country="IQ")}, {"parties": parties(country="IR")}, REFUSE),
        ("territory", {"parties": parties(country="TH")}, {"parties": parties(country="MM")}, REVIEW),
        ("corridor", {"parties": parties(country="ER")}, {"parties": parties(country="ET")}, REFUSE),
        ("cap_payment", {"amount_minor": CAP}, {"amount_minor": CAP + 1}, REFUSE),
        ("cap_window", {"used_minor": WINDOW - 12_500_00}, {"used_minor": WINDOW - 12_500_00 + 1}, REFUSE),
        ("invoice_number_reused", {"invoice_conflict": ""}, {"invoice_conflict": "0a" * 16}, REVIEW),
    ],
)
def test_each_rule_lets_the_nearest_yes_through(
    rule: str, fine: dict[str, Any], not_fine: dict[str, Any], verdict: Verdict
) -> None:
    assert reasons(**fine) == ()
    (found,) = reasons(**not_fine)
    assert (found.rule, found.verdict, found.is_confidential) == (rule, verdict, False)
    assert found.source and found.message and found.about == "rule"
    assert bool(found.hit) is (verdict is REVIEW), "what people review, they can dispose of"


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.FUND])
def test_caps_and_invoices_are_about_new_payments_only(act: Act) -> None:
    over = {"amount_minor": CAP + 1, "used_minor": WINDOW, "invoice_conflict": "0a" * 16}
    assert reasons(act=act, **over) == ()
    assert {one.rule for one in reasons(**over)} == {"cap_payment", "cap_window", "invoice_number_reused"}


def test_caps_say_their_figures_in_words() -> None:
    (found,) = reasons(amount_minor=CAP + 1)
    assert "500,000.01 USD exceed the cap of 500,000.00 USD a payment" in found.message
    (found,) = reasons(used_minor=WINDOW)
    assert "With 2,000,000.00 USD in 30 days" in found.message


@pytest.mark.parametrize(
    ("corridors", "is_served"),
    [(("*-*",), True), (("ET-DE",), True), (("ET-*",), True), (("*-DE",), True), (("DE-ET",), False), ((), False)],
)
def test_a_corridor_has_a_direction(corridors: tuple[str, ...], is_served: bool) -> None:
    regime = replace(HARBOUR_1, corridors=Cited(corridors, "invented"))
    found = tuple(rules.corridor(regime, FACTS))
    assert [one.rule for one in found] == ([] if is_served else ["corridor"])


@pytest.mark.parametrize(
    ("basis", "has_name_hit", "verdict"),
    [
        ("wallet", False, REFUSE),
        ("wallet", True, REFUSE),
        ("identifier", True, REFUSE),
        ("identifier", False, REVIEW),
        ("name", True, REVIEW),
        ("name", False, REVIEW),
    ],
)
def test_a_hit_refuses_when_it_is_certain_and_is_reviewed_otherwise(
    basis: str, has_name_hit: bool, verdict: Verdict
) -> None:
    (found,) = reasons(hits=(replace(HIT, basis=basis, has_name_hit=has_name_hit),))
    assert (found.rule, found.verdict, found.about, found.is_confidential) == ("listed", verdict, "listed", True)
    assert (found.subject, found.hit, found.score_bps) == ("buyer", HIT.hit, 9_100)
    assert found.source == "INVENTED list, entry Q1" and found.message == HIT.explanation


@pytest.mark.parametrize(
    ("persons", "verdict"), [((), REVIEW), (("anna",), REVIEW), (("anna", "anna"), REVIEW), (("anna", "ben"), CLEAR)]
)
def test_two_persons_clear_exactly_the_hit_they_looked_at(persons: tuple[str, ...], verdict: Verdict) -> None:
    assert verdict_of(reasons({HIT.hit: persons}, hits=(HIT,))) is verdict
    assert verdict_of(reasons({"INVENTED:Q2:buyer": persons}, hits=(HIT,))) is REVIEW
    assert verdict_of(reasons({HIT.hit: persons}, hits=(replace(HIT, basis="wallet"),))) is REFUSE


def test_nobody_clears_what_has_no_hit() -> None:
    assert verdict_of(reasons({"": ("anna", "ben")}, asset_kind="bitcoin")) is REFUSE


def test_the_strictest_reason_stands_first() -> None:
    found = reasons(hits=(HIT,), asset_kind="bitcoin", parties=parties(country="MM"))
    assert [one.verdict for one in found] == [REFUSE, REVIEW, REVIEW]
    assert [one.rule for one in found] == ["asset_kind", "listed", "territory"]
    cleared = reasons({HIT.hit: ("anna", "ben")}, hits=(HIT,), parties=parties(country="MM"))
    assert [one.rule for one in cleared] == ["territory", "listed"]


# Each of these makes the facts of a payment stricter, and none of them may make its verdict milder.
STRICTER: list[Callable[[PaymentFacts], PaymentFacts]] = [
    lambda facts: replace(facts, hits=(*facts.hits, replace(HIT, hit=f"more:{len(facts.hits)}"))),
    lambda facts: replace(facts, hits=tuple(replace(one, basis="wallet") for one in facts.hits)),
    lambda facts: replace(facts, hits=tuple(replace(one, has_name_hit=True) for one in facts.hits)),
    lambda facts: replace(facts, parties=tuple(replace(one, status="suspended") for one in facts.parties)),
    lambda facts: replace(facts, parties=tuple(replace(one, is_wallet_admitted=False) for one in facts.parties)),
    lambda facts: (
        replace(facts, parties=(replace(facts.parties[0], country="MM"), *facts.parties[1:]))
        if facts.parties[0].country == "ET"
        else facts
    ),
    lambda facts: (
        replace(facts, parties=(replace(facts.parties[0], country="KP"), *facts.parties[1:]))
        if facts.parties[1].country != "KP"
        else facts
    ),
    lambda facts: replace(facts, amount_minor=facts.amount_minor + CAP),
    lambda facts: replace(facts, used_minor=facts.used_minor + WINDOW),
    lambda facts: replace(facts, asset_symbol="A7A5"),
    lambda facts: replace(facts, asset_kind="bitcoin"),
    lambda facts: replace(facts, invoice_conflict="0a" * 16),
]
HITS = st.builds(
    replace,
    st.just(HIT),
    basis=st.sampled_from(["name", "identifier", "wallet"]),
    has_name_hit=st.booleans(),
    hit=st.sampled_from("abc"),
)
PARTIES = st.tuples(
    *(
        st.builds(
            replace,
            st.just(one),
            status=st.sampled_from(["admitted", "suspended"]),
            country=st.sampled_from(["ET", "DE", "MM", "KP"]),
            is_wallet_admitted=st.booleans(),
        )
        for one in (SELLER, BUYER)
    )
)
PAYMENTS = st.builds(
    replace,
    st.just(FACTS),
    act=st.sampled_from(Act),
    parties=PARTIES,
    hits=st.lists(HITS, max_size=3).map(tuple),
    amount_minor=st.sampled_from([1, CAP, CAP + 1]),
    used_minor=st.sampled_from([0, WINDOW]),
    asset_kind=st.sampled_from(["stablecoin", "bitcoin"]),
    invoice_conflict=st.sampled_from(["", "0b" * 16]),
)
CLEARED = st.dictionaries(st.sampled_from("abc"), st.sampled_from([(), ("anna",), ("anna", "ben")]))


@given(PAYMENTS, CLEARED, st.sampled_from(range(len(STRICTER))))
def test_one_more_hit_or_a_stricter_fact_never_makes_it_milder(
    facts: PaymentFacts, cleared: dict[str, tuple[str, ...]], which: int
) -> None:
    before = evaluate(HARBOUR_1, facts, RULES, cleared)
    after = evaluate(HARBOUR_1, STRICTER[which](facts), RULES, cleared)
    assert verdict_of(after) >= verdict_of(before)


@given(PAYMENTS, CLEARED)
def test_the_order_of_the_rules_changes_nothing(facts: PaymentFacts, cleared: dict[str, tuple[str, ...]]) -> None:
    forward = evaluate(HARBOUR_1, facts, RULES, cleared)
    assert sorted(map(str, evaluate(HARBOUR_1, facts, RULES[::-1], cleared))) == sorted(map(str, forward))
    assert all(one.source and one.message for one in forward)


@pytest.mark.parametrize(("offset", "is_in_force"), [(-1, False), (0, True)])
def test_a_version_is_in_force_from_its_first_second(offset: int, is_in_force: bool) -> None:
    at = HARBOUR_1.in_force_from + offset
    assert HARBOUR_1.is_in_force(at) is is_in_force
    assert in_force(at) is (HARBOUR_1 if is_in_force else None)
    facts = replace(FACTS, at=at, lists=(replace(LISTED, verified_at=at),))
    assert [one.code for one in pauses(HARBOUR_1, facts)] == ([] if is_in_force else ["regime_not_in_force"])


def test_the_next_version_takes_over_in_the_second_the_last_one_ends() -> None:
    first = replace(HARBOUR_1, in_force_until=T0)
    second = replace(HARBOUR_1, version="2", in_force_from=T0)
    assert in_force(T0 - 1, (first, second)) is first and in_force(T0, (first, second)) is second
    assert in_force(T0, (first,)) is None and in_force(HARBOUR_1.in_force_from - 1, (first, second)) is None
    overlapping = replace(second, in_force_from=T0 - 10)
    assert in_force(T0 - 1, (first, overlapping)) is overlapping, "the later version wins"
    assert (first.id, second.id) == ("harbour@1", "harbour@2") and VERSIONS == (HARBOUR_1,)


@pytest.mark.parametrize(
    ("age_s", "codes"), [(0, []), (HARBOUR_1.lists_age_s_max, []), (HARBOUR_1.lists_age_s_max + 1, ["lists_stale"])]
)
def test_a_list_counts_for_a_day(age_s: int, codes: list[str]) -> None:
    found = pauses(HARBOUR_1, replace(FACTS, lists=(replace(LISTED, verified_at=T0 - age_s),)))
    assert [one.code for one in found] == codes
    assert all("24 h ago; 24 h are allowed" in one.message for one in found)


@pytest.mark.parametrize(("ahead_s", "codes"), [(CLOCK_SKEW_S, []), (CLOCK_SKEW_S + 1, ["lists_stale"])])
def test_a_list_is_never_fresh_in_advance(ahead_s: int, codes: list[str]) -> None:
    """A clock that was a month ahead would otherwise make its lists count for a month and a day."""
    found = pauses(HARBOUR_1, replace(FACTS, lists=(replace(LISTED, verified_at=T0 + ahead_s),)))
    assert [one.code for one in found] == codes


def test_a_list_that_is_missing_stops_payments_and_another_one_does_not_stand_in() -> None:
    for lists in ((), (replace(LISTED, source="OTHER"),)):
        found = pauses(HARBOUR_1, replace(FACTS, lists=lists))
        assert [(one.code, "INVENTED is not loaded" in one.message) for one in found] == [("lists_missing", True)]


def test_outside_development_chains_all_four_lists_are_the_floor() -> None:
    four = tuple(replace(LISTED, source=source) for source in ("UN", "OFAC", "EU", "UK"))
    assert pauses(HARBOUR_1, replace(FACTS, chain_id=NOT_LOCAL, lists=(LISTED, *four))) == ()
    for missing in four:
        lists = (LISTED, *(one for one in four if one is not missing))
        found = pauses(HARBOUR_1, replace(FACTS, chain_id=NOT_LOCAL, lists=lists))
        assert [one.code for one in found] == ["lists_missing"], missing.source
        aged = (replace(missing, verified_at=T0 - HARBOUR_1.lists_age_s_max - 1), *lists)
        found = pauses(HARBOUR_1, replace(FACTS, chain_id=NOT_LOCAL, lists=aged))
        assert [one.code for one in found] == ["lists_stale"], missing.source
        assert pauses(HARBOUR_1, replace(FACTS, lists=lists)) == ()


@pytest.mark.parametrize(
    ("grade", "act", "is_stopped"),
    [
        ("new", Act.FUND, True),
        ("fund", Act.FUND, True),
        ("all", Act.FUND, True),
        ("new", Act.RELEASE, False),
        ("fund", Act.RELEASE, False),
        ("all", Act.RELEASE, True),
        ("fund", Act.REFUND, False),
        ("all", Act.REFUND, True),
    ],
)
def test_a_stop_works_in_grades_and_until_its_time(grade: str, act: Act, is_stopped: bool) -> None:
    stopped = replace(FACTS, act=act, stops=(Stop(grade, T0 + 1, "A drill."),))
    assert [one.code for one in pauses(HARBOUR_1, stopped)] == (["stopped"] if is_stopped else [])
    assert pauses(HARBOUR_1, replace(stopped, stops=(Stop(grade, T0, "A drill."),))) == ()


def test_the_description_cites_everything_once() -> None:
    rows = describe(HARBOUR_1)
    named = [name for name, _, _ in rows]
    fields = [field.name for field in dataclasses.fields(HARBOUR_1) if field.name != "figures_source"]
    assert named == [*fields, "blocked", "rejected", "silence"]
    assert all(source.strip() for _, _, source in rows)
    said = {name: (value, source) for name, value, source in rows}
    assert said["cap_payment_minor"] == ("50000000", HARBOUR_1.figures_source)
    assert said["lists_required"][0] == "INVENTED"
    assert said["assets_banned"][0] == "A7A5, RUBX" and said["assets_banned"][1].endswith("[S]")
    assert "[T" in said["blocked"][1] and "[U]" in said["territories_banned"][1]


def test_what_a_rule_cites_carries_its_mark() -> None:
    marked = reason("r", REVIEW, "Because.", Cited((), "Art. 1", "T"), subject="buyer")
    assert (marked.source, marked.hit) == ("Art. 1 [T]", "r:buyer")
    plain = reason("r", REFUSE, "Because.", "Art. 1", subject="buyer")
    assert (plain.source, plain.hit, plain.subject) == ("Art. 1", "", "buyer")
