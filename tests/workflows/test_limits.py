"""Caps, duplicate invoices, stale lists and stops: what is refused, what only waits, and what is given back."""

from __future__ import annotations

import base64
import dataclasses
from decimal import Decimal

from trading_house import House, sign
from trading_sale import Trade, sale

from entrepot.core.lifecycle import State
from entrepot.documents import samples

CAP_PAYMENT, CAP_WINDOW = Decimal(500_000), Decimal(2_000_000)  # USD, of the Harbour regime
DAYS_60 = 60 * 86_400


def sale_of(house: House, amount: Decimal) -> Trade:
    """A sale of one line for `amount`."""
    trade = sale(house)
    line = dataclasses.replace(trade.facts.lines[0], net_amount=amount)
    trade.facts = dataclasses.replace(trade.facts, lines=(line,))
    return trade


def refusing_rules(house: House, trade: Trade) -> list[str]:
    """The rules that refused, as the decision kept for staff says."""
    return [reason["rule"] for reason in house.papers(trade.id, "decision_fund")[-1]["reasons"]]


def test_a_payment_above_the_cap_is_refused_and_one_below_it_is_not(house: House) -> None:
    above, below = sale_of(house, CAP_PAYMENT + 1), sale_of(house, CAP_PAYMENT - 1000)
    above.propose().agree().is_sound(State.REFUSED)
    assert refusing_rules(house, above) == ["cap_payment"]
    below.propose().agree().is_sound(State.CLEARED)


def test_the_window_cap_holds_for_trades_signed_in_one_batch_and_is_given_back(house: House) -> None:
    trades = [sale_of(house, CAP_PAYMENT - 1000).propose() for _ in range(5)]
    for trade in trades:
        trade.sign("seller")
    signatures = []
    for trade in trades:
        digest = house.terms(trade.id).digest()
        body = {"signature": sign(house.people["buyer"].key, digest)}
        signatures.append(house.put("sign", house.people["buyer"], body, trade.id))
    house.run()  # all five in one batch: four fit into the window, the fifth does not
    assert sorted(trade.one.state for trade in trades) == ["cleared"] * 4 + ["refused"]
    (out,) = [trade for trade in trades if trade.one.state is State.REFUSED]
    assert refusing_rules(house, out) == ["cap_window"]
    assert sale_of(house, CAP_PAYMENT - 1000).propose().agree().one.state is State.REFUSED
    cleared = next(trade for trade in trades if trade.one.state is State.CLEARED)
    house.ask("withdraw", "seller", {}, cleared.id)  # its headroom comes back
    sale_of(house, CAP_PAYMENT - 1000).propose().agree().is_sound(State.CLEARED)


def test_the_window_rolls_on_after_thirty_days(house: House) -> None:
    for _ in range(4):
        sale_of(house, CAP_PAYMENT - 1000).propose().agree().fund()
    assert sale_of(house, CAP_PAYMENT - 1000).propose().agree().one.state is State.REFUSED
    house.pass_time(31 * 86_400)
    house.follow_list()
    sale_of(house, CAP_PAYMENT - 1000).propose().agree().is_sound(State.CLEARED)


def test_what_was_cleared_in_the_window_before_counts_when_it_is_paid(house: House) -> None:
    waiting = [
        sale_of(house, CAP_PAYMENT - 1000).propose(fund_s=DAYS_60, present_s=2 * DAYS_60).agree() for _ in range(4)
    ]
    house.pass_time(31 * 86_400)
    house.follow_list()
    waiting[0].fund().is_sound(State.FUNDED)
    for _ in range(3):
        sale_of(house, CAP_PAYMENT - 1000).propose().agree().is_sound(State.CLEARED)
    full = sale_of(house, CAP_PAYMENT - 1000).propose().agree()
    assert refusing_rules(house, full) == ["cap_window"], "one that was cleared a month ago was paid today"
    house.ask("fund", "buyer", waiting[1].funding(), waiting[1].id)
    waiting[1].is_sound(State.REFUSED)


def test_the_same_invoice_twice_is_refused_until_the_first_lapses(house: House) -> None:
    first = sale(house).propose()
    body = {
        "invoice_base64": base64.b64encode(samples.ubl_invoice(first.facts)).decode(),
        "buyer": house.people["buyer"].participant,
    }
    assert house.refusal("propose", "seller", body) == "duplicate_invoice"
    house.ask("withdraw", "seller", {}, first.id)
    again = Trade(house, "seller", "buyer", first.facts).propose().agree()
    again.is_sound(State.CLEARED)
    assert house.refusal("propose", "seller", body) == "duplicate_invoice"
    house.pass_time(16 * 60)  # nobody pays
    again.is_sound(State.LAPSED)
    assert reserved(house) == 0
    Trade(house, "seller", "buyer", first.facts).propose()


def test_a_settled_invoice_is_never_settled_again(house: House) -> None:
    first = sale(house).propose().agree().fund().present().examine(complies=True)
    first.is_sound(State.RELEASED)
    body = {
        "invoice_base64": base64.b64encode(samples.ubl_invoice(first.facts)).decode(),
        "buyer": house.people["buyer"].participant,
    }
    assert house.refusal("propose", "seller", body) == "duplicate_invoice"


def test_the_same_number_with_another_amount_is_looked_at_by_people(house: House) -> None:
    first = sale(house).propose()
    lines = (dataclasses.replace(first.facts.lines[0], net_amount=Decimal(1000)), *first.facts.lines[1:])
    other = Trade(house, "seller", "buyer", dataclasses.replace(first.facts, lines=lines)).propose().agree()
    other.is_sound(State.IN_REVIEW)
    for officer in ("officer-1", "officer-2"):
        house.ask("dispose", officer, {"verdict": "clear", "reason": "A second delivery."}, other.id)
    house.run()
    other.is_sound(State.CLEARED)


def test_stale_lists_stop_new_payments_and_releases_and_nothing_is_lost(house: House) -> None:
    paid = sale(house).propose(present_s=30 * 86_400).agree().fund()
    waits = sale(house).propose()
    paid.present()
    house.pass_time(2 * 86_400)  # past the examination's time: silence would release now
    paid.is_sound(State.PRESENTED)
    assert house.papers(paid.id, "pause")[-1]["reasons"][0][0] == "lists_stale"
    assert waits.one.state is State.LAPSED
    new = sale(house).propose().agree()
    new.is_sound(State.AGREED)
    house.follow_list()
    house.pass_time(35)
    paid.is_sound(State.RELEASED)
    new.is_sound(State.CLEARED)


def stop(house: House, grade: str, minutes: int) -> None:
    """Two supervisors stop for so long."""
    body = {"grade": grade, "until": house.now() + 60 * minutes}
    house.four_eyes("stop", body, by=("supervisor-1", "supervisor-2"))


def test_a_stop_of_new_trades_lets_those_on_their_way_go_on_to_release(house: House) -> None:
    paid = sale(house).propose().agree().fund()
    stop(house, "new", 30)
    trade = sale(house)
    raw = base64.b64encode(samples.ubl_invoice(trade.facts)).decode()
    body = {"invoice_base64": raw, "buyer": house.people["buyer"].participant}
    assert house.refusal("propose", "seller", body) == "new_trades_stopped"
    paid.present().examine(complies=True).is_sound(State.RELEASED)
    house.pass_time(31 * 60)
    trade.propose()


def test_a_stop_of_fundings_holds_checks_but_not_payouts(house: House) -> None:
    paid, agreed = sale(house).propose().agree().fund(), sale(house).propose()
    stop(house, "fund", 5)
    agreed.agree().is_sound(State.AGREED)
    paid.present().examine(complies=True).is_sound(State.RELEASED)
    house.pass_time(6 * 60)
    agreed.is_sound(State.CLEARED)


def test_a_cleared_trade_is_not_funded_while_fundings_are_stopped(house: House) -> None:
    cleared = sale(house).propose().agree()
    stop(house, "fund", 5)
    assert house.refusal("fund", "buyer", cleared.funding(), cleared.id) == "payments_stopped"
    said = house.ask("dry_run", "buyer", {}, settlement=cleared.id)
    assert said["reasons"] == [{"code": "payments_stopped"}]
    cleared.is_sound(State.CLEARED)
    house.pass_time(6 * 60)
    cleared.fund().is_sound(State.FUNDED)


def test_a_stop_of_all_holds_payouts_until_it_ends(house: House) -> None:
    paid = sale(house).propose().agree().fund().present()
    stop(house, "all", 10)
    paid.examine(complies=True).is_sound(State.PRESENTED)
    house.pass_time(5 * 60)
    paid.is_sound(State.PRESENTED)
    house.pass_time(6 * 60)
    paid.is_sound(State.RELEASED)


def reserved(house: House) -> int:
    """Reserved headroom of the buyer, in cents."""
    with house.store.work() as tx:
        return tx.checks.reserved(house.people["buyer"].participant, since=0)
