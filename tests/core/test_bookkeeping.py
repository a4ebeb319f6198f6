"""The chart of accounts, event by event: from which account to which, how much, and under which id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from entrepot.core.bookkeeping import OPERATOR, accounts_of, book_accounts, transfers_for
from entrepot.core.ids import new_settlement_id
from entrepot.core.ledger import AccountClass, account
from entrepot.core.lifecycle import LIFECYCLE, Role, State
from entrepot.core.settlement import Event, Settlement

T0 = 1_790_000_000
ONE = Settlement(
    id=new_settlement_id(T0 * 1000, b"\x01" * 10),
    seller="s" * 32,
    buyer="b" * 32,
    state=State.FUNDED,
    created_at=T0,
    step=7,
    asset="USD",
    price_minor=1000,
    fee_minor=10,
    funded_minor=1010,
)
RELEASE = {"amount_minor": "1000", "fee_minor": "10"}
IN_PART = {"amount_minor": "500", "fee_minor": "5"}
BACK = {"amount_minor": "1010"}
BESIDE = {"asset": "EUR", "amount_minor": "40"}
HELD_RELEASE = {"in_flight": {**RELEASE, "kind": "release_cleared", "step": 5}}
HELD_REFUND = {"in_flight": {**BACK, "kind": "refund_cleared", "step": 5}}
HELD_FUNDING = {"in_flight": {"kind": "funding_sent", "step": 5}}
NAMES = {
    account(kind, owner, asset).id: name
    for name, kind, owner in (
        ("escrow", AccountClass.ESCROW, ONE.id),
        ("fee", AccountClass.FEE_DUE, ONE.id),
        ("buyer", AccountClass.OUTSIDE, ONE.buyer),
        ("seller", AccountClass.OUTSIDE, ONE.seller),
        ("operator", AccountClass.OUTSIDE, OPERATOR),
        ("mispaid", AccountClass.MISPAID, ONE.id),
        ("unknown", AccountClass.OUTSIDE, "unknown"),
    )
    for asset in ("USD", "EUR")
}

# what is in flight | event | its facts | what the books do, and which hold of step 5 it ends by leg
STORIES: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
    ({}, "funding_sent", {}, "pending buyer escrow 1010 leg 0"),
    ({}, "funded", BACK, "posted buyer escrow 1010 leg 0"),
    (HELD_FUNDING, "funded", BACK, "post buyer escrow 1010 leg 0 ends 0"),
    (HELD_FUNDING, "funding_dropped", {}, "void buyer escrow 1010 leg 2 ends 0"),
    ({}, "funding_dropped", {}, ""),
    ({}, "release_cleared", RELEASE, "pending escrow seller 1000 leg 0, pending escrow fee 10 leg 1"),
    ({}, "release_cleared", RELEASE | {"fee_minor": "0"}, "pending escrow seller 1000 leg 0"),
    ({}, "release_cleared", RELEASE | {"amount_minor": "0"}, "pending escrow fee 10 leg 0"),
    (
        {},
        "release_cleared",
        {"amount_minor": "1", "fee_minor": "1"},
        "pending escrow seller 1 leg 0, pending escrow fee 1 leg 1",
    ),
    (
        HELD_RELEASE,
        "release_cleared",
        IN_PART,
        "void escrow seller 1000 leg 2 ends 0, void escrow fee 10 leg 3 ends 1, "
        "pending escrow seller 500 leg 0, pending escrow fee 5 leg 1",
    ),
    (HELD_RELEASE, "released", RELEASE, "post escrow seller 1000 leg 0 ends 0, post escrow fee 10 leg 1 ends 1"),
    (
        HELD_RELEASE,
        "released_in_part",
        IN_PART,
        "void escrow seller 1000 leg 2 ends 0, void escrow fee 10 leg 3 ends 1, "
        "posted escrow seller 500 leg 0, posted escrow fee 5 leg 1",
    ),
    ({}, "released", RELEASE, "posted escrow seller 1000 leg 0, posted escrow fee 10 leg 1"),
    (HELD_RELEASE, "release_dropped", {}, "void escrow seller 1000 leg 2 ends 0, void escrow fee 10 leg 3 ends 1"),
    ({}, "refund_cleared", BACK, "pending escrow buyer 1010 leg 0"),
    (HELD_REFUND, "refunded", BACK, "post escrow buyer 1010 leg 0 ends 0"),
    (HELD_REFUND, "rejected", BACK, "post escrow buyer 1010 leg 0 ends 0"),
    (HELD_REFUND, "refund_dropped", {}, "void escrow buyer 1010 leg 2 ends 0"),
    ({}, "rejected", BACK, "posted escrow buyer 1010 leg 0"),
    (
        {"in_flight": {**BACK, "kind": "reject_cleared", "step": 7, "held": HELD_RELEASE["in_flight"]}},
        "rejected",
        BACK,
        "void escrow seller 1000 leg 2 ends 0, void escrow fee 10 leg 3 ends 1, posted escrow buyer 1010 leg 0",
    ),
    (
        {"in_flight": {"held": HELD_REFUND["in_flight"]}},
        "refund_cleared",
        BACK,
        "void escrow buyer 1010 leg 2 ends 0, pending escrow buyer 1010 leg 0",
    ),
    ({"in_flight": {**BACK, "kind": "reject_cleared", "step": 5}}, "rejected", BACK, "posted escrow buyer 1010 leg 0"),
    (HELD_REFUND, "presented", {}, "void escrow buyer 1010 leg 2 ends 0"),
    ({"in_flight": {"held": HELD_REFUND["in_flight"]}}, "presented", {}, "void escrow buyer 1010 leg 2 ends 0"),
    (HELD_RELEASE, "presented", {}, ""),
    (HELD_REFUND, "finding_dropped", {}, "void escrow buyer 1010 leg 2 ends 0"),
    (HELD_REFUND, "awarded", {}, "void escrow buyer 1010 leg 2 ends 0"),
    (HELD_RELEASE, "awarded", {}, ""),
    ({}, "mispaid", BESIDE, "posted unknown mispaid 40 leg 0"),
    ({}, "returned", BESIDE, "posted mispaid unknown 40 leg 0"),
    ({}, "fee_claimed", {"amount_minor": "10"}, "posted fee operator 10 leg 0"),
]


def told(before: Settlement, event: Event) -> str:
    """The transfers in words; the rest of each is checked here."""
    words = []
    opened = {one.id: one for one in book_accounts(before, event)}
    for move in transfers_for(before, event):
        assert move.id[:26] == before.id[:26] and move.id[26:29] == f"{before.step + 1:03x}", "its own step"
        assert (move.event, move.at, move.settlement) == (event.kind, event.at, before.id)
        assert opened[move.debit].asset == opened[move.credit].asset == event.facts.get("asset", before.asset)
        leg = int(move.id[29:], 16) >> 6
        ends = ""
        if move.pending_id:
            assert move.pending_id[:29] == before.id[:26] + "005"
            ends = f" ends {int(move.pending_id[29:], 16) >> 6}"
        words.append(f"{move.phase} {NAMES[move.debit]} {NAMES[move.credit]} {move.amount_minor} leg {leg}{ends}")
    return ", ".join(words)


@pytest.mark.parametrize(
    ("before", "kind", "facts", "posts"), STORIES, ids=[f"{s[1]}-{n}" for n, s in enumerate(STORIES)]
)
def test_each_event_posts_what_the_chart_says(
    before: dict[str, Any], kind: str, facts: dict[str, Any], posts: str
) -> None:
    assert told(replace(ONE, **before), Event(kind, T0 + 5, Role.RAIL, facts=facts)) == posts


def test_every_event_that_moves_money_is_told_here_and_no_other_posts_anything() -> None:
    posting = {kind for _, kind, _, _ in STORIES}
    for kind in {line.event for line in LIFECYCLE} - posting:
        event = Event(kind, T0, Role.RAIL, facts=RELEASE | BESIDE)
        assert transfers_for(replace(ONE, **HELD_RELEASE), event) == [] and book_accounts(ONE, event) == (), kind


def test_the_accounts_of_a_settlement_are_in_its_asset_and_its_own() -> None:
    accounts = accounts_of(ONE)
    assert [NAMES[one.id] for one in accounts] == ["escrow", "fee", "buyer", "seller", "operator"]
    assert {one.asset for one in accounts} == {"USD"}
    assert not {one.id for one in accounts[:2]} & {one.id for one in accounts_of(replace(ONE, id="0" * 32))}


def test_money_beside_the_trade_is_in_the_asset_it_came_in() -> None:
    opened = book_accounts(ONE, Event("mispaid", T0, Role.RAIL, facts=BESIDE))
    assert [(one.account_class, one.owner, one.asset) for one in opened] == [
        ("mispaid", ONE.id, "EUR"),
        ("outside", "unknown", "EUR"),
    ]
    assert book_accounts(ONE, Event("returned", T0, Role.RAIL, facts=BESIDE)) == opened


def test_a_renewed_payout_never_shares_an_id_with_the_hold_it_ends() -> None:
    """A hold of one move (no fee yet) is voided and a hold of two moves is made in the same event."""
    held = {"kind": "release_cleared", "step": 5, "seq": 5, "amount_minor": "100", "fee_minor": "0"}
    before = replace(ONE, state=State.RELEASING, in_flight=held, funded_minor=1010)
    again = Event("release_cleared", T0 + 5, Role.RULES, facts={"amount_minor": "1000", "fee_minor": "10"})
    ids = [transfer.id for transfer in transfers_for(before, again)]
    assert len(ids) == len(set(ids)) == 3
