"""What arrives twice, cannot be understood or is refused outside stops itself only; the rest goes on."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest
from plays import OFFICERS, SUPERVISORS
from test_beside_the_trade import bare_transfer
from trading_house import TOKEN, House, fresh_id
from trading_sale import Trade, sale

from entrepot.core.canonical import hex0x
from entrepot.core.crypto import secp256k1_address, sha256
from entrepot.core.errors import Refused
from entrepot.core.lifecycle import State
from entrepot.core.passport import Act, Passport
from entrepot.rails import development
from entrepot.rails.rail import Operation
from entrepot.store.records import InboxItem, OutboxItem
from entrepot.workflows.chain.observe import watch
from entrepot.workflows.work import send_out, step


def rail_item(trade: Trade, kind: str, facts: dict[str, Any]) -> InboxItem:
    """An event as the watcher stores it."""
    receipt = {"header": "", "index": 0, "proof": []}
    body = {"kind": kind, "escrow": trade.one.escrow, "transaction": "0x" + "ab" * 32, "block_number": 1,
            "block_hash": "0x" + "cd" * 32, "block_time": 1, "facts": facts, "receipt": receipt}  # fmt: skip
    return InboxItem(
        id=fresh_id(), source="rail", key=f"poison:{trade.id}:{kind}", kind="rail", body=body,
        body_sha256=sha256(kind.encode()).hex(), received_at=trade.house.now(), settlement=trade.id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "facts"),
    [("funded", {}), ("funded", {"amount_minor": "1"}), ("presented", {"round": "x"}), ("released", {})],
)
def test_a_poisoned_rail_event_is_set_aside_and_the_rest_goes_on(
    house: House, kind: str, facts: dict[str, Any]
) -> None:
    hit, other = sale(house).propose().agree(), sale(house).propose().agree()
    item = rail_item(hit, kind, facts)
    with house.store.work() as tx:
        tx.inbox.put(item)
    other.fund().is_sound(State.FUNDED)
    with house.store.work() as tx:
        assert [item.settlement for item in tx.inbox.stuck()] == [hit.id]
    hit.is_sound(State.CLEARED)
    hit.fund().is_sound(State.FUNDED)


def test_an_operation_that_the_rail_refuses_for_good_is_dropped_and_may_be_tried_again(house: House) -> None:
    trade, buyer = sale(house).propose().agree(), house.people["buyer"]
    had = house.tokens(buyer.address)
    bare = secp256k1_address(bytes(31) + b"\x66")
    spend(house, buyer.address, bare, had)
    house.ask("fund", "buyer", trade.funding(), trade.id)
    house.run()
    trade.is_sound(State.FUNDING)
    assert house.books(trade.id)["pending"] == trade.one.total_minor
    for _ in range(8):
        house.pass_time(2)
    trade.is_sound(State.CLEARED)
    assert house.kinds(trade.id)[-1] == "funding_dropped"
    assert house.books(trade.id) == {"escrow": 0, "fee_due": 0, "pending": 0}
    development.mint(house.node, house.deployment.token.address, buyer.address, had)
    trade.fund().is_sound(State.FUNDED)


def spend(house: House, by: str, to: str, amount: int) -> None:
    """The wallet's owner spends its money elsewhere."""
    house.node.call("anvil_impersonateAccount", by)
    development.give_gas(house.node, by)
    data = hex0x(TOKEN.call("transfer", to, amount))
    house.node.call("eth_sendTransaction", {"from": by, "to": house.deployment.token.address, "data": data})
    house.node.call("anvil_stopImpersonatingAccount", by)
    house.settle_chain()


def test_the_same_request_twice_happens_once(house: House) -> None:
    trade = sale(house).propose().agree()
    body = trade.funding()
    first = house.put("fund", house.people["buyer"], body, trade.id, key="once")
    again = house.put("fund", house.people["buyer"], body, trade.id, key="once")
    assert again.id == first.id
    house.run()
    assert house.answer(first) == house.answer(again)
    assert house.refusal("fund", "buyer", body, trade.id) == "not_in_this_state"  # another key is another request
    trade.is_sound(State.FUNDED)
    assert house.kinds(trade.id).count("funding_sent") == house.kinds(trade.id).count("funded") == 1


def test_a_rail_event_told_twice_counts_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    trade = sale(house).propose().agree()
    start, observe = house.rail.observe(None).cursor, house.rail.observe
    trade.fund()
    with monkeypatch.context() as patch:
        patch.setattr(house.rail, "observe", lambda _, watch: observe(start, watch=watch))  # a watcher that was slow
        assert watch(house.ctx) > 0
    house.run()
    trade.is_sound(State.FUNDED)
    assert house.kinds(trade.id).count("funded") == 1


def test_a_defect_outside_does_not_hold_up_what_stands_behind_it(house: House) -> None:
    trade = sale(house).propose()
    item = OutboxItem("broken", "message", trade.id, {"paper": fresh_id()}, house.now() - 10)
    with house.store.work() as tx:
        tx.outbox.put([item])
    trade.agree().fund().is_sound(State.FUNDED)
    with house.store.work() as tx:
        assert tx.outbox.open_count() == 1  # it stays, and is tried again later


def test_messages_wait_while_their_folder_cannot_be_written_and_go_out_once_it_can(house: House) -> None:
    folder = house.settings.messages_dir
    folder.write_text("a file where the folder should be")
    trade = sale(house).propose().agree().fund().present().examine(complies=True)
    assert trade.one.state is State.RELEASED, "the seller is paid all the same"
    with house.store.work() as tx:
        waiting = tx.outbox.waiting(limit=9)
    assert len(waiting) == 3 and all(item.kind == "message" and "FileExistsError" in item.error for item in waiting)
    folder.unlink()
    house.pass_time(60)
    with house.store.work() as tx:
        kept = {message.paper.sha256 for message in tx.papers.messages([trade.id])}
    assert {sha256(path.read_bytes()).hex() for path in folder.iterdir()} == kept and len(kept) == 3


def test_a_list_published_again_under_the_same_version_is_a_version_of_its_own(house: House) -> None:
    house.follow_list()
    house.follow_list(house.entry_of("buyer"))
    with house.store.work() as tx:
        (row,) = [row for row in tx.checks.lists(with_entities=True) if row.source == "FOLLOWED"]
    assert any(dict(entity)["id"] == "L-buyer" for entity in row.entities)
    house.follow_list(house.entry_of("buyer"))
    with house.store.work() as tx:
        versions = [one.version for one in tx.checks.lists(with_entities=False) if one.source == "FOLLOWED"]
    assert versions == [row.version]
    sale(house).propose().agree().is_sound(State.REFUSED)


def test_a_list_that_loses_many_entries_is_not_taken(house: House) -> None:
    house.follow_list(house.entry_of("buyer"))
    path = house.settings.lists_dir / "followed.json"
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"entities": body["entities"][:3]}))
    house.ask("reload_lists", "officer-1")
    send_out(house.ctx)
    with house.store.work() as tx:
        (row,) = [row for row in tx.checks.lists(with_entities=False) if row.source == "FOLLOWED"]
    assert row.entity_count == len(body["entities"])


def test_lists_that_change_between_two_requests_of_a_batch_set_nobody_aside(house: House) -> None:
    first, second = sale(house).propose(), sale(house).propose()
    first.sign("seller")
    second.sign("seller")
    house.follow_list(house.entry_of("buyer"))  # read by the outbox loop; the next batch meets new versions
    first.sign("buyer")
    second.sign("buyer")
    with house.store.work() as tx:
        assert tx.inbox.stuck() == []
    first.is_sound(State.REFUSED)
    second.is_sound(State.REFUSED)


def test_blocked_here_is_blocked_on_the_rail_even_for_one_who_holds_a_passport_key(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    house.follow_list(house.entry_of("seller"))
    trade.examine(complies=True).is_sound(State.BLOCKED)
    assert house.rail.escrow_state(trade.one.escrow).blocked
    attempts = (("release", Act.RELEASE, house.people["seller"]), ("reject", Act.REJECT, house.people["buyer"]))
    for kind, act, payee in attempts:
        with pytest.raises(Refused) as refused:
            house.rail.submit(forged(trade, kind, act, payee.address))
        assert (refused.value.code, refused.value.message) == ("rail_refused", "The escrow refuses: escrow is blocked.")
    house.follow_list()
    house.four_eyes("unblock", {"settlement": trade.id}, by=OFFICERS)
    house.run()
    assert not house.rail.escrow_state(trade.one.escrow).blocked
    house.pass_time(10)
    trade.is_sound(State.RELEASED)


def test_frozen_here_is_frozen_on_the_rail_until_the_same_second(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    until = house.now() + 1800
    house.four_eyes("freeze", {"settlement": trade.id, "until": until}, by=SUPERVISORS)
    house.run()
    trade.is_sound(State.FROZEN)
    assert house.rail.escrow_state(trade.one.escrow).frozen_until == until


@pytest.mark.parametrize("hold", ["freeze", "block"])
def test_an_award_that_is_paid_while_a_hold_is_ordered_is_in_the_books_and_the_rest_follows(
    house: House, hold: str
) -> None:
    trade = sale(house).propose().agree().fund().present().dispute("buyer", "Half of the sacks are wet.")
    half = trade.one.price_minor // 2
    house.ask("award", "arbiter-1", trade.awarding(half), trade.id)
    while trade.one.state is State.DISPUTED:  # until the escrow has recorded it
        house.tick()
    while trade.one.state is not State.RELEASING:
        step(house.ctx)
    send_everything(house)  # the release is on the chain, and nobody has seen it yet
    if hold == "freeze":
        house.four_eyes("freeze", {"settlement": trade.id, "until": house.now() + 1800}, by=SUPERVISORS)
    else:
        house.ask("block", "officer-1", {"reason": "A partner's report."}, trade.id)
    house.run()
    trade.is_sound(State.FROZEN if hold == "freeze" else State.BLOCKED)
    assert (trade.one.released_minor, trade.one.shown_state) == (half, State.PRESENTED)
    house.four_eyes("unfreeze" if hold == "freeze" else "unblock", {"settlement": trade.id},
                    by=SUPERVISORS if hold == "freeze" else OFFICERS)  # fmt: skip
    house.run()
    house.pass_time(10)
    trade.is_sound(State.REFUNDED)
    assert (trade.one.released_minor, trade.one.held_minor) == (half, 0)


def send_everything(house: House) -> None:
    """Does what is to be done outside, and does not look at the chain."""
    for _ in range(40):
        send_out(house.ctx)
        house.settle_chain()
        with house.store.work() as tx:
            if not tx.outbox.open_count():
                return
        time.sleep(0.25)
    raise AssertionError("something cannot be sent")


def forged(trade: Trade, kind: str, act: Act, payee: str) -> Operation:
    """An operation with a passport that is signed well but given without any decision."""
    house, one, terms = trade.house, trade.one, trade.house.terms(trade.id)
    amount = one.price_minor if kind == "release" else one.held_minor
    now = house.now()
    passport = Passport(
        escrow=one.escrow, terms_hash=one.terms_hash, act=act, payee=payee, token=terms.token_address,
        amount_minor=amount, sequence=one.spent, valid_from=now - 60, valid_until=now + 600,
        decision_sha256="0x" + "00" * 32,
    )  # fmt: skip
    signature = hex0x(house.ctx.passport_signer.sign_digest(passport.digest(terms.domain)))
    arguments: dict[str, Any] = {"passport": passport.to_json() | {"signature": signature}}
    if kind == "release":
        statement = house.papers(trade.id, "examination")[-1]
        arguments |= {"amount_minor": str(amount), "examination_signatures": [statement["signature"]]}
    return Operation(once=f"forged:{fresh_id()}", kind=kind, settlement=one.id, terms=terms, arguments=arguments)


def test_what_others_may_not_do(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    refused = {
        "award": house.refusal("award", "arbiter-1", trade.awarding(1), trade.id),  # nobody disputes
        "dispose": house.refusal("dispose", "officer-1", {"verdict": "clear", "reason": "x"}, trade.id),
        "withdraw": house.refusal("withdraw", "seller", {}, trade.id),
        "fund": house.refusal("fund", "buyer", trade.funding(), trade.id),
        "requote": house.refusal("requote", "seller", {}, trade.id),
    }
    assert refused == dict.fromkeys(refused, "not_in_this_state")
    trade.dispute("buyer", "The coffee was wet.")
    one_arbiter = trade.awarding(1, arbiters=1)
    assert house.refusal("award", "arbiter-1", one_arbiter, trade.id) == "signature_invalid"
    twice = dataclasses.replace(trade).awarding(1, arbiters=1)
    twice["signatures"] = twice["signatures"] * 2
    assert house.refusal("award", "arbiter-1", twice, trade.id) == "signature_invalid"
    assert house.refusal("award", "arbiter-1", trade.awarding(trade.one.price_minor + 1), trade.id) == "amount_differs"
    trade.is_sound(State.DISPUTED)


def test_a_payment_beside_the_trade_does_not_delay_the_release(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    house.four_eyes("stop", {"grade": "all", "until": house.now() + 300}, by=SUPERVISORS)
    trade.examine(complies=True).is_sound(State.PRESENTED)
    bare_transfer(house, secp256k1_address(bytes(31) + b"\x55"), trade.one.escrow, 7, house.deployment.token.address)
    house.pass_time(330)
    trade.is_sound(State.RELEASED)
    assert step(house.ctx) == 0
