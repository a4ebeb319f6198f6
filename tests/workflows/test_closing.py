"""Four sides, nights, and periods that two persons close into a signed packet."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from test_day_end import OPERATORS, propose, reconciled, shown, steal
from trading_house import House
from trading_sale import sale

from entrepot.commands.running import set_up
from entrepot.core import closing
from entrepot.core.asset import CURRENCIES
from entrepot.core.canonical import canonical
from entrepot.core.errors import Invalid
from entrepot.core.lifecycle import State
from entrepot.core.money import Money
from entrepot.messages.payment import in_currency_down
from entrepot.messages.statement_samples import SampleLine, sample_statement
from entrepot.store.reconciliation_records import ClosedPeriod
from entrepot.wire import House as Kept
from entrepot.workflows.books import day_end
from entrepot.workflows.books.day_end import day_of, nightly, nights_due
from entrepot.workflows.books.reconcile import compare

ACCOUNT = "ENTREPOT-ESCROW"


def statement(house: House, lines: Sequence[SampleLine], **changes: object) -> dict[str, str]:
    said = {"account": ACCOUNT, "currency": "USD", "day": day_of(house.now())} | changes
    return {"statement_base64": base64.b64encode(sample_statement(lines, **said)).decode()}  # type: ignore[arg-type]


def paid_line(house: House, settlement: str) -> SampleLine:
    """The payout of a trade as its bank books it."""
    one = house.settlement(settlement)
    with house.store.work() as tx:
        asset = house.ctx.assets.get(one.asset)
        message = next(row for row in tx.papers.messages([settlement]) if row.paper.kind == "pacs.008")
    day = message.paper.body.split(b"<IntrBkSttlmDt>")[1][:10].decode()
    minor = in_currency_down(Money(one.released_minor, asset), CURRENCIES["USD"]).amount_minor
    return SampleLine(minor, settlement, day)


def closed_period(house: House, period: str) -> ClosedPeriod:
    with house.store.work() as tx:
        return next(one for one in tx.reconciliations.closed_periods() if one.period == period)


def close(house: House, period: str) -> ClosedPeriod:
    house.four_eyes("close_period", {"period": period, "run": reconciled(house).id}, by=OPERATORS)
    return closed_period(house, period)


def failed(house: House, *files: bytes) -> list[str]:
    return [one.name for one in closing.verify(files, Kept(house.settings).verification_key()) if not one.is_ok]


# Four sides


def test_all_four_sides_say_the_same_of_a_paid_trade(house: House) -> None:
    trade = sale(house).propose().agree().fund().present().examine(complies=True)
    asked = house.ask("take_statement", "operator-1", statement(house, [paid_line(house, trade.id)], id_="S1"))
    house.run()
    with house.store.work() as tx:
        run = tx.reconciliations.get(asked["reconciliation"])
    assert run is not None and run.differences == ()
    rows = {row["account"]: row for row in run.totals}
    paid = rows["paid out"]
    assert paid["books_minor"] == paid["chain_minor"] == paid["messages_minor"] == str(trade.one.released_minor)
    by_bank = rows["paid out, on days that a statement covers"]
    assert by_bank["bank_minor"] == by_bank["messages_minor"] != "0"


def test_what_the_bank_says_beside_the_trades_opens_cases_and_corrects_nothing(house: House) -> None:
    trade = sale(house).propose().agree().fund().present().examine(complies=True)
    strange = SampleLine(1_234, "NOT-OURS", day_of(house.now()), reference="B9")
    line = paid_line(house, trade.id)
    house.ask("take_statement", "operator-1", statement(house, [strange], id_="S1", day=line.day))
    house.run()
    cases = shown(house, "difference")
    assert sorted((one["settlement"], one["about"]) for one in cases) == [
        ("", "bank statement"), (trade.id, "bank statement")
    ]  # fmt: skip
    assert trade.one.state is State.RELEASED
    again = reconciled(house)
    assert {row["reason"] for row in again.differences} == {"bank_unknown", "bank_missing"} and again.open_count == 2
    assert propose(house, "close_period", {"period": day_of(house.now()), "run": again.id}) == "period_has_open_points"
    later = statement(house, [line], id_="S2", day=line.day, opening_minor=-1_234)
    house.ask("take_statement", "operator-1", later)
    house.run()
    with house.store.work() as tx:
        newest = tx.reconciliations.newest(limit=1)[0]
    assert [row["reason"] for row in newest.differences] == ["bank_unknown"], "the later statement had it"
    assert len(shown(house, "difference")) == 2, "a case is closed by two persons, not by itself"


def test_a_period_with_differences_that_a_run_had_no_room_to_show_stays_open(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_end, "DIFFERENCES_MAX", 1)
    today = day_of(house.now())
    lines = [SampleLine(amount, f"NOT-OURS-{amount}", today, reference=f"B{amount}") for amount in (1, 2)]
    house.ask("take_statement", "operator-1", statement(house, lines, id_="S1"))
    house.run()
    with house.store.work() as tx:
        run = tx.reconciliations.newest(limit=1)[0]
    assert (len(run.differences), run.open_count) == (1, 2)
    (case,) = shown(house, "difference")
    house.four_eyes("close_case", {"case": case["case"]}, by=OPERATORS, reason="a transfer to ourselves")
    assert shown(house, "difference") == []
    assert propose(house, "close_period", {"period": today, "run": run.id}) == "period_has_open_points"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": "SOMEBODY-ELSE"}, "statement_wrong_account"),
        ({"currency": "EUR"}, "statement_wrong_currency"),
        ({"closing_minor": 9}, "statement_does_not_add_up"),
        ({}, ""),
    ],
)
def test_only_the_expected_accounts_statement_is_taken(house: House, changes: dict[str, object], code: str) -> None:
    body = statement(house, [], **changes)
    if code:
        assert house.refusal("take_statement", "operator-1", body) == code
        with house.store.work() as tx:
            assert tx.reconciliations.statements() == [] == tx.papers.by_kind("camt.053")
    else:
        house.ask("take_statement", "operator-1", body)
        assert house.refusal("take_statement", "operator-1", body) == "statement_known"
    assert house.refusal("take_statement", "officer-1", body) == "not_allowed"


def test_what_ended_before_everything_agreed_is_not_looked_at_again_and_what_is_open_is(house: House) -> None:
    sale(house).propose().agree().fund().present().examine(complies=True)
    assert reconciled(house).settlements == 1
    assert reconciled(house).settlements == 0
    trade = sale(house).propose().agree().fund()
    assert reconciled(house).settlements == 1 == reconciled(house).settlements, "open: each time"
    steal(house, trade, 5)
    assert reconciled(house).open_count == 1
    assert compare(house.store, house.rail, everything=True, sleep=lambda _: None).settlements == 2


# Nights


@pytest.mark.parametrize(
    ("now", "after", "due"),
    [
        ("2026-11-27 00:59", "2026-11-25", []),
        ("2026-11-27 01:00", "2026-11-25", ["2026-11-26"]),
        ("2026-11-27 23:59", "2026-11-26", []),
        ("2026-11-30 02:00", "2026-11-26", ["2026-11-27", "2026-11-28", "2026-11-29"]),
        ("2026-11-20 01:00", "", ["2026-11-19"]),
        ("2026-11-19 23:00", "", []),
    ],
)
def test_a_night_is_due_at_its_hour_and_missed_ones_are_caught_up(now: str, after: str, due: list[str]) -> None:
    opened = at("2026-11-19 12:00")
    assert nights_due(at(now), hour=1, after=after, opened=opened) == due


def test_after_a_long_standstill_the_last_nights_are_caught_up() -> None:
    found = nights_due(at("2026-12-31 05:00"), hour=1, after="2026-11-01", opened=0)
    assert len(found) == day_end.NIGHTS_MAX and found[-1] == "2026-12-30"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_a_night_is_run_once_however_many_workers_look(house: House) -> None:
    sale(house).propose()
    nightly(house.ctx)
    house.run()
    with house.store.work() as tx:
        assert tx.reconciliations.nights(limit=9) == [], "no night has passed"
    day = day_of(house.now())
    house.pass_time(86_400 + 3 * 3600)
    for _ in range(3):
        nightly(house.ctx)
        house.run()
    with house.store.work() as tx:
        nights, runs = tx.reconciliations.nights(limit=9), tx.reconciliations.newest(limit=9)
    assert day in nights and len(runs) == len(nights) == len(set(nights)) and {run.asked_by for run in runs} == {""}


# Closing


def test_a_closed_day_is_a_packet_that_verifies_offline_and_one_changed_byte_does_not(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    today = day_of(house.now())
    raw = close(house, today).packet
    packet = closing.opened(raw)
    rows = {row["class"]: row for row in packet["balances"]}
    assert rows["escrow"]["opening_minor"] == "0" and rows["escrow"]["closing_minor"] == str(trade.one.total_minor)
    assert (
        packet["log"]["from_size"] == 0 < packet["log"]["to_size"]
        and packet["inputs"]["books"] != packet["inputs"]["chain"]
    )
    assert failed(house, raw) == []
    body = json.loads(raw)
    body["packet"]["counts"]["settlements"] += 1
    assert failed(house, canonical(body)) == ["is signed by the closing key"]


def test_a_key_file_of_before_closing_says_what_it_lacks_and_init_adds_it(house: House) -> None:
    raw, path = close(house, day_of(house.now())).packet, house.settings.verification_key_path
    older = {name: value for name, value in json.loads(path.read_text()).items() if name != "closing_key"}
    path.write_text(json.dumps(older))
    with pytest.raises(Invalid, match="entrepot init") as refused:
        closing.verify([raw], json.loads(path.read_text()))
    assert (refused.value.code, refused.value.path) == ("closing_key_missing", "closing_key")
    credentials = house.settings.credentials_path.read_bytes()
    set_up(house.settings, house.store)
    assert all(one.is_ok for one in closing.verify([raw], json.loads(path.read_text())))
    assert house.settings.credentials_path.read_bytes() == credentials, "and nothing else was made anew"


def test_what_happens_after_a_close_belongs_to_the_next_period_and_packets_are_a_chain(house: House) -> None:
    today, tomorrow = day_of(house.now()), day_of(house.now() + 86_400)
    first = close(house, today)
    trade = sale(house).propose().agree().fund()
    assert closed_period(house, today) == first
    assert propose(house, "close_period", {"period": today, "run": reconciled(house).id}) == "period_closed"
    house.pass_time(86_400)
    second = close(house, tomorrow)
    before, after = closing.opened(first.packet), closing.opened(second.packet)
    assert before["log"]["to_size"] == after["log"]["from_size"] < after["log"]["to_size"]
    assert {row["class"]: row["opening_minor"] for row in after["balances"]}["escrow"] == "0"
    assert trade.one.funded_minor and after["previous"] == closing.packet_sha256(first.packet)
    assert failed(house, second.packet, first.packet) == []
    forged = json.loads(first.packet)
    forged["packet"]["closed_at"] += 1
    assert "names the packet before it" in failed(house, canonical(forged), second.packet)


def test_a_closed_month_closes_its_days_and_ends_before_it_is_closed(house: House) -> None:
    today = day_of(house.now())
    if closing.last_day_of(today[:7]) == today:  # on that day it may be closed; the chain's time is all tests' own
        house.pass_time(86_400)
        today = day_of(house.now())
    run = reconciled(house).id
    assert propose(house, "close_period", {"period": today[:7], "run": run}) == "period_not_reconciled"
    assert propose(house, "close_period", {"period": "2026-13", "run": run}) == "malformed"
    month = day_of(house.now() - 32 * 86_400)[:7]
    assert failed(house, close(house, month).packet) == []
    earlier = {"period": f"{month}-05", "run": reconciled(house).id}
    assert propose(house, "close_period", earlier) == "period_closed"
    assert propose(house, "close_period", earlier | {"period": today}) == ""


def test_an_explained_difference_stands_in_the_packet_with_who_explained_it(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    steal(house, trade, 5)
    run = reconciled(house)
    (case,) = shown(house, "difference")
    house.four_eyes("close_case", {"case": case["case"]}, by=OPERATORS, reason="The issuer burnt them.")
    house.four_eyes("close_period", {"period": day_of(house.now()), "run": run.id}, by=OPERATORS)
    raw = closed_period(house, day_of(house.now())).packet
    (row,) = closing.opened(raw)["differences"]
    assert row["explanation"] == "The issuer burnt them." and row["explained_by"] and failed(house, raw) == []


@pytest.mark.parametrize(
    ("period", "last"),
    [("2026-02", "2026-02-28"), ("2028-02", "2028-02-29"), ("2026-12", "2026-12-31"), ("2026-11-27",) * 2],
)
def test_a_period_ends_on_its_last_day(period: str, last: str) -> None:
    assert closing.last_day_of(period) == last


@pytest.mark.parametrize("period", ["2026-13", "2026-00", "2026-02-29", "2026-11-00", "2026", "27.11.2026"])
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(Invalid):
        closing.last_day_of(period)
