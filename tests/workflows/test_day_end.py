"""Operations by two: set-aside items, caps and lists, reconciliation with both sides, cases and closed days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from test_beside_the_trade import bare_transfer
from test_limits import refusing_rules, sale_of
from trading_house import STRANGER, TOKEN, House
from trading_sale import Trade, sale

from entrepot.api.exceptions import exceptions_in
from entrepot.api.health import parts_of
from entrepot.core.canonical import hex0x
from entrepot.core.crypto import secp256k1_address
from entrepot.core.lifecycle import State
from entrepot.rails import development
from entrepot.store.reconciliation_records import Reconciliation
from entrepot.store.records import InboxItem, Reader
from entrepot.wire import facts_of
from entrepot.workflows.books.day_end import day_of
from entrepot.workflows.books.sides import TOKENS

OPERATORS = ("operator-1", "operator-2")


def propose(house: House, subject: str, body: dict[str, Any], by: str = "operator-1") -> str:
    """What a proposal is refused with, "" if it is kept."""
    said = house.answer(
        house.put("propose_change", house.people[by], {"subject": subject, "body": body, "reason": "why"})
    )
    return str(said["body"]["code"]) if said["status"] >= 400 else ""


def shown(house: House, kind: str = "") -> list[dict[str, Any]]:
    """The exceptions of a kind, as an operator is shown them."""
    with house.store.read(Reader("", "operator")) as tx:
        return [one for one in exceptions_in(tx, facts_of(house.settings)) if kind in ("", one["kind"])]


# Set aside


def poisoned(house: House, trade: Trade, kind: str = "withdraw") -> InboxItem:
    """An item that met a defect of ours."""
    item, at = house.put(kind, house.people["seller"], {}, trade.id), house.now()
    with house.store.work() as tx:
        tx.inbox.claim(limit=9)
        tx.inbox.set_aside(item.id, "KeyError('x')", at=at)
    return item


def test_a_set_aside_item_is_taken_again_by_two_and_then_does_what_it_asked(house: House) -> None:
    trade = sale(house).propose()
    item = poisoned(house, trade)
    (seen,) = shown(house, "set_aside")
    assert (seen["item"], seen["why"], seen["settlement"], seen["change"]) == (item.id, "KeyError('x')", trade.id, "")
    house.four_eyes("take_again", {"item": item.id}, by=OPERATORS)
    assert house.answer(item)["status"] == 200 and trade.one.state is State.LAPSED
    assert shown(house, "set_aside") == []
    assert propose(house, "take_again", {"item": item.id}) == "not_found"


def test_a_dismissed_item_does_nothing_and_is_on_record_with_why(house: House) -> None:
    trade = sale(house).propose()
    item = poisoned(house, trade)
    house.four_eyes("dismiss", {"item": item.id}, by=OPERATORS, reason="The seller asked twice.")
    house.run()
    assert trade.one.state is State.QUOTED and shown(house, "set_aside") == []
    with house.store.work() as tx:
        (record,) = tx.checks.changes(subject="dismiss")
    assert (record.before["why"], record.before["what"], record.reason) == (
        "KeyError('x')", "withdraw", "The seller asked twice."
    )  # fmt: skip


def test_an_examiners_finding_is_never_dismissed_into_silence(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    item, at = house.put("examine", house.people["examiner"], {"complies": False}, trade.id), house.now()
    with house.store.work() as tx:
        tx.inbox.claim(limit=9)
        tx.inbox.set_aside(item.id, "ValueError()", at=at)
    assert propose(house, "dismiss", {"item": item.id}) == "finding_not_dismissed"
    assert propose(house, "take_again", {"item": item.id}) == ""


@pytest.mark.parametrize("who", ["officer-1", "supervisor-1", "seller"])
@pytest.mark.parametrize("subject", ["take_again", "dismiss", "caps", "list_source", "close_case", "close_period"])
def test_only_operators_propose_these(house: House, who: str, subject: str) -> None:
    assert propose(house, subject, {}, by=who) == "not_allowed"


# Caps and lists


def caps(house: House, payment: int, window: int, *, after_s: int = 0) -> dict[str, int]:
    return {"cap_payment_minor": payment, "cap_window_minor": window, "from": house.now() + after_s}


def test_a_lower_cap_holds_from_its_time_on_and_may_be_raised_again(house: House) -> None:
    house.four_eyes("caps", caps(house, 10_000_00, 2_000_000_00, after_s=600), by=OPERATORS)
    sale_of(house, Decimal(40_000)).propose().agree().is_sound(State.CLEARED)
    house.pass_time(600)
    above = sale_of(house, Decimal(40_000)).propose().agree()
    assert above.one.state is State.REFUSED and refusing_rules(house, above) == ["cap_payment"]
    house.four_eyes("caps", caps(house, 500_000_00, 2_000_000_00), by=OPERATORS)
    sale_of(house, Decimal(40_000)).propose().agree().is_sound(State.CLEARED)


@pytest.mark.parametrize(
    ("payment", "window", "after_s", "code"),
    [
        (500_000_01, 2_000_000_00, 0, "cap_out_of_bounds"),
        (1_00, 2_000_000_01, 0, "cap_out_of_bounds"),
        (2_00, 1_00, 0, "cap_out_of_bounds"),
        (0, 1_00, 0, "malformed"),
        (1_00, 1_00, -3600, "cap_in_the_past"),
        (500_000_00, 2_000_000_00, 0, ""),
    ],
)
def test_caps_stay_within_the_regimes_bound(house: House, payment: int, window: int, after_s: int, code: str) -> None:
    assert propose(house, "caps", caps(house, payment, window, after_s=after_s)) == code


def test_a_list_that_two_persons_follow_must_be_loaded_before_anything_is_decided(house: House) -> None:
    house.four_eyes("list_source", {"act": "follow", "source": "FOLLOWED"}, by=OPERATORS)
    trade = sale(house).propose().agree()
    assert trade.one.state is State.AGREED and [one["code"] for one in shown(house, "paused")[0]["reasons"]] == [
        "lists_missing"
    ]
    assert [one["source"] for one in shown(house, "list")] == ["FOLLOWED"]
    house.follow_list()
    house.pass_time(60)
    trade.is_sound(State.CLEARED)
    assert propose(house, "list_source", {"act": "follow", "source": "FOLLOWED"}) == "list_followed"
    house.four_eyes("list_source", {"act": "unfollow", "source": "FOLLOWED"}, by=OPERATORS)
    assert propose(house, "list_source", {"act": "unfollow", "source": "FOLLOWED"}) == "list_not_followed"


@pytest.mark.parametrize("source", ["UN", "OFAC", "EU", "UK", "INVENTED"])
def test_the_floor_is_never_removed(house: House, source: str) -> None:
    assert propose(house, "list_source", {"act": "unfollow", "source": source}) == "floor_list"


@pytest.mark.parametrize("body", [{"act": "drop", "source": "EU"}, {"act": "follow", "source": "e u"}, {}])
def test_a_list_change_without_a_name_or_act_is_malformed(house: House, body: dict[str, str]) -> None:
    assert propose(house, "list_source", body) == "malformed"


# Reconciliation


def reconciled(house: House) -> Reconciliation:
    """The run that an operator asked for."""
    asked = house.ask("reconcile", "operator-1")["reconciliation"]
    house.run()
    with house.store.work() as tx:
        found = tx.reconciliations.get(asked)
    assert found is not None and found.asked_by == house.people["operator-1"].id
    return found


def steal(house: House, trade: Trade, amount_minor: int) -> None:
    """Tokens leave the escrow past its code: only a node that lies can do it, or a broken issuer."""
    escrow = trade.one.escrow
    house.node.call("anvil_impersonateAccount", escrow)
    development.give_gas(house.node, escrow)
    data = hex0x(TOKEN.call("transfer", secp256k1_address(STRANGER), amount_minor))
    token = house.deployment.token.address
    house.node.call("eth_sendTransaction", {"from": escrow, "to": token, "data": data})
    house.node.call("anvil_stopImpersonatingAccount", escrow)
    house.settle_chain()


def test_a_clean_run_is_kept_with_its_sums_and_the_day_is_closed_by_two_once(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    run = reconciled(house)
    assert run.differences == () and run.settlements == 1
    held = next(row for row in run.totals if row["account"].startswith("escrow held"))
    assert held["books_minor"] == held["chain_minor"] == str(trade.one.total_minor)
    body = {"period": day_of(house.now()), "run": run.id}
    house.four_eyes("close_period", body, by=OPERATORS)
    assert propose(house, "close_period", body) == "period_closed"


def test_two_proposals_close_a_day_once(house: House) -> None:
    body = {"period": day_of(house.now()), "run": reconciled(house).id}
    changes = [
        house.ask("propose_change", "operator-1", {"subject": "close_period", "body": body, "reason": "day's end"})[
            "change"
        ]
        for _ in range(2)
    ]
    house.ask("confirm_change", "operator-2", {"change": changes[0]})
    assert house.refusal("confirm_change", "operator-2", {"change": changes[1]}) == "period_closed"


def test_a_day_is_not_closed_without_a_run_ahead_of_time_or_on_an_old_run(house: House) -> None:
    today = day_of(house.now())
    assert propose(house, "close_period", {"period": today, "run": "0" * 32}) == "period_not_reconciled"
    first = reconciled(house).id
    tomorrow = day_of(house.now() + 86_400)
    assert propose(house, "close_period", {"period": tomorrow, "run": first}) == "period_not_reconciled"
    assert propose(house, "close_period", {"period": "today", "run": first}) == "malformed"
    reconciled(house)
    assert propose(house, "close_period", {"period": today, "run": first}) == "period_not_reconciled"


def test_a_difference_shows_both_sides_opens_one_case_and_keeps_the_day_open(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    steal(house, trade, 5)
    run, again = reconciled(house), reconciled(house)
    (found,) = run.differences
    assert (found["about"], int(found["sides"]["books"]) - int(found["sides"]["chain"])) == (TOKENS, 5)
    assert [entry["event"] for entry in found["entries"]["books"]][-1] == "funded"
    assert "funded" in [entry["event"] for entry in found["entries"]["chain"]]
    (case,) = shown(house, "difference")
    assert (case["settlement"], case["run"], len(again.differences)) == (trade.id, run.id, 1)
    assert trade.one.held_minor == trade.one.total_minor, "nothing corrects itself"
    assert propose(house, "close_period", {"period": day_of(house.now()), "run": again.id}) == "period_has_open_points"
    house.four_eyes("close_case", {"case": case["case"]}, by=OPERATORS, reason="The issuer burnt them; it is told.")
    assert shown(house, "difference") == []
    assert propose(house, "close_case", {"case": case["case"]}) == "not_found"
    assert propose(house, "close_period", {"period": day_of(house.now()), "run": again.id}) == "", "it is explained"
    later = reconciled(house)
    assert len(later.differences) == 1 and later.open_count == 0 and shown(house, "difference") == []
    steal(house, trade, 1)
    assert reconciled(house).open_count == 1 and len(shown(house, "difference")) == 1, "another amount is another case"


def test_a_set_aside_item_keeps_the_day_open(house: House) -> None:
    item = poisoned(house, sale(house).propose())
    body = {"period": day_of(house.now()), "run": reconciled(house).id}
    assert propose(house, "close_period", body) == "period_has_open_points"
    house.four_eyes("dismiss", {"item": item.id}, by=OPERATORS)
    assert propose(house, "close_period", body) == ""


@pytest.mark.parametrize("who", ["officer-1", "seller", "examiner"])
def test_a_reconciliation_is_for_operators_and_supervisors(house: House, who: str) -> None:
    assert house.refusal("reconcile", who) == "not_allowed"


# Exceptions and health


@pytest.mark.parametrize(
    ("part", "origin", "outcome"),
    [(0.5, "buyer", "too_little"), (2, "buyer", "too_much"), (1, "buyer", "bare"), (1, "stranger", "third_party")],
)
def test_money_beside_the_trade_is_shown_with_why_it_does_not_count(
    house: House, part: float, origin: str, outcome: str
) -> None:
    trade = sale(house).propose().agree()
    sender = house.people["buyer"].address if origin == "buyer" else secp256k1_address(STRANGER)
    bare_transfer(house, sender, trade.one.escrow, int(trade.one.total_minor * part), house.deployment.token.address)
    (one,) = shown(house, "mispaid")
    assert (one["outcome"], one["settlement"], one["is_returning"]) == (outcome, trade.id, False)
    body = {"settlement": trade.id, "transaction": one["transaction"]}
    house.four_eyes("return_payment", body, by=("officer-1", "officer-2"))
    house.run()
    assert shown(house, "mispaid") == []


def test_a_payment_after_the_funding_is_late(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    bare_transfer(house, house.people["buyer"].address, trade.one.escrow, 7, house.deployment.token.address)
    assert [one["outcome"] for one in shown(house, "mispaid")] == ["late"]


def test_an_operation_that_is_out_too_long_is_shown(house: House) -> None:
    trade = sale(house).propose().agree()
    house.ask("fund", "buyer", trade.funding(), trade.id)
    assert shown(house, "stuck") == []
    with house.store.work() as tx:
        tx.checks.set_clock_offset_s(tx.checks.clock_offset_s() + 3600)
    assert [(one["settlement"], one["what"]) for one in shown(house, "stuck")] == [(trade.id, "funding_sent")]


def test_health_names_what_is_late_and_is_green_once_it_is_handled(house: House) -> None:
    def parts() -> dict[str, Any]:
        with house.store.read(Reader("", "operator")) as tx:
            return parts_of(tx, facts_of(house.settings))

    assert parts()["set_aside"] == {"is_in_time": True, "count": 0, "changed_at": None}
    item = poisoned(house, sale(house).propose())
    assert (parts()["set_aside"]["is_in_time"], parts()["set_aside"]["count"]) == (False, 1)
    house.four_eyes("take_again", {"item": item.id}, by=OPERATORS)
    house.run()
    assert parts()["set_aside"]["is_in_time"]
