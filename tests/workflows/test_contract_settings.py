"""Contract settings by two operators: what is refused, what reaches the chain, and what a worker's death leaves."""

from __future__ import annotations

import time
from typing import Any

import pytest
from trading_house import House

from entrepot.core.charter import ChangeOutcome, ContractSettings
from entrepot.core.errors import Unavailable
from entrepot.signers.keystore import Keystore, Purpose
from entrepot.workflows.chain.contract_settings import once_of, outcome_view

ROUNDS_MAX = 60
NEW = "0x" + "5a" * 20


@pytest.fixture
def settled(house: House) -> House:
    """A house whose worker has read the contract; what another test granted is revoked again by its end."""
    house.run()
    return house


def keys(house: House, purpose: Purpose, count: int) -> list[str]:
    """Addresses of the keystore's accounts of a purpose."""
    return [key.address for key in Keystore(house.settings.keys_dir).accounts(purpose, count)]


def body(change: str, role: str, who: str = "", required: int = 0) -> dict[str, Any]:
    """A change's body as a door sends it."""
    return (
        {"change": change, "role": role} | ({"who": who} if who else {}) | ({"required": required} if required else {})
    )


def proposal(said: dict[str, Any]) -> dict[str, Any]:
    """The whole proposal."""
    return {"subject": "contract_setting", "body": said, "reason": "as told"}


def propose(house: House, said: dict[str, Any], by: str = "operator-1") -> str:
    return str(house.ask("propose_change", by, proposal(said))["change"])


def outcome(house: House, change: str) -> ChangeOutcome | None:
    with house.store.work() as tx:
        return tx.rails.outcomes().get(change)


def ended(house: House, change: str) -> ChangeOutcome:
    """Lets the worker go on until the change has an outcome."""
    for _ in range(ROUNDS_MAX):
        found = outcome(house, change)
        if found is not None:
            return found
        if not house.tick():
            time.sleep(0.2)
    raise AssertionError("it has no end")


def kept(house: House) -> ContractSettings:
    """The settings as doors see them."""
    with house.store.work() as tx:
        found = tx.rails.contract_settings()
    assert found is not None
    return found


def done(house: House, said: dict[str, Any]) -> ChangeOutcome:
    """Proposed by one operator, confirmed by the other, carried out."""
    change = propose(house, said)
    house.ask("confirm_change", "operator-2", {"change": change})
    return ended(house, change)


def test_two_operators_grant_a_key_and_revoke_it_again(settled: House) -> None:
    change = propose(settled, body("grant", "trustee", NEW.upper().replace("0X", "0x")))
    with settled.store.work() as tx:
        (waiting,) = tx.checks.changes(subject="contract_setting", confirmed=False)
    assert waiting.before == {"signers": sorted(keys(settled, Purpose.TRUSTEE, 3)), "required": 2}
    settled.run()
    assert NEW not in kept(settled).roles["trustee"].signers, "one person changes nothing"
    assert settled.refusal("confirm_change", "operator-1", {"change": change}) == "same_person"
    settled.ask("confirm_change", "operator-2", {"change": change})
    found = ended(settled, change)
    assert found.state == "executed" and found.block <= kept(settled).block
    assert NEW in kept(settled).roles["trustee"].signers
    assert settled.ctx.registry.read() == settled.ctx.registry.read(kept(settled))
    with settled.store.work() as tx:
        view = outcome_view(tx, next(one for one in tx.checks.changes() if one.id == change))
    assert view is not None and view["state"] == "executed"
    assert [one["act"] for one in view["transactions"]] == ["propose", "confirm", "execute"]
    assert view["transactions"][-1]["hash"] == found.transaction
    assert done(settled, body("revoke", "trustee", NEW)).state == "executed"
    assert NEW not in kept(settled).roles["trustee"].signers


@pytest.mark.parametrize(
    ("change", "role", "who", "required", "code"),
    [
        ("replace", "trustee", NEW, 0, "malformed"),
        ("grant", "treasurer", NEW, 0, "malformed"),
        ("grant", "trustee", "", 0, "malformed"),
        ("grant", "trustee", "0x1234", 0, "malformed"),
        ("grant", "trustee", "0x" + "00" * 20, 0, "malformed"),
        ("grant", "trustee", "trustee 1", 0, "setting_as_it_is"),
        ("revoke", "trustee", NEW, 0, "setting_as_it_is"),
        ("require", "trustee", "", 2, "setting_as_it_is"),
        ("require", "trustee", "", 0, "malformed"),
        ("require", "trustee", NEW, 1, "malformed"),
        ("require", "trustee", "", 4, "setting_breaks_quorum"),
        ("revoke", "owner", "owner 1", 3, "setting_breaks_quorum"),
        ("revoke", "passport", "passport 1", 0, "setting_key_in_use"),
        ("revoke", "passport", "passport 2", 0, "setting_key_in_use"),
        ("revoke", "authority", "authority 1", 0, "setting_key_in_use"),
        ("require", "passport", "", 2, "setting_key_in_use"),
        ("grant", "passport", NEW, 2, "setting_key_in_use"),
    ],
)
def test_what_would_break_the_charter_is_not_proposed(
    settled: House, change: str, role: str, who: str, required: int, code: str
) -> None:
    if " " in who:
        purpose, _, number = who.partition(" ")
        who = keys(settled, Purpose(purpose), 3)[int(number) - 1]
    said = body(change, role, who, required)
    assert settled.refusal("propose_change", "operator-1", proposal(said)) == code


def test_the_last_key_of_a_role_is_never_revoked(settled: House) -> None:
    first, second, third = keys(settled, Purpose.TRUSTEE, 3)
    assert done(settled, body("require", "trustee", required=1)).state == "executed"
    for who in (second, third):
        assert done(settled, body("revoke", "trustee", who)).state == "executed"
    said = proposal(body("revoke", "trustee", first))
    assert settled.refusal("propose_change", "operator-1", said) == "setting_breaks_quorum"
    for who in (second, third):
        assert done(settled, body("grant", "trustee", who)).state == "executed"
    assert done(settled, body("require", "trustee", required=2)).state == "executed"


def test_only_operators_change_the_contract(settled: House) -> None:
    said = proposal(body("grant", "trustee", NEW))
    for stranger in ("supervisor-1", "officer-1", "seller"):
        assert settled.refusal("propose_change", stranger, said) == "not_allowed"
    change = propose(settled, said["body"])
    assert settled.refusal("confirm_change", "supervisor-1", {"change": change}) == "not_allowed"


def test_one_change_goes_to_the_chain_at_a_time_and_the_next_is_checked_again(settled: House) -> None:
    first, second = propose(settled, body("grant", "trustee", NEW)), propose(settled, body("grant", "trustee", NEW))
    settled.ask("confirm_change", "operator-2", {"change": first})
    assert settled.refusal("confirm_change", "operator-2", {"change": second}) == "setting_under_way"
    assert ended(settled, first).state == "executed"
    assert settled.refusal("confirm_change", "operator-2", {"change": second}) == "setting_as_it_is"
    assert done(settled, body("revoke", "trustee", NEW)).state == "executed"


def test_nothing_is_proposed_before_the_settings_were_read(house: House) -> None:
    said = proposal(body("grant", "trustee", NEW))
    assert house.refusal("propose_change", "operator-1", said) == "settings_unread"


def test_a_worker_that_is_cut_off_at_every_step_proposes_once(settled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = settled.ctx.registry
    before = registry._asked("proposal_count", block="latest")  # type: ignore[attr-defined]
    perform, cuts = registry.perform, iter(range(100))

    def cut(*args: Any) -> Any:
        told = perform(*args)
        if next(cuts) % 2 == 0:
            raise Unavailable("outside_unavailable", "the machine is gone")  # sent, and nobody here knows
        return told

    with monkeypatch.context() as faulty:
        faulty.setattr(registry, "perform", cut)
        change = propose(settled, body("grant", "trustee", NEW))
        settled.ask("confirm_change", "operator-2", {"change": change})
        for _ in range(ROUNDS_MAX):
            if outcome(settled, change):
                break
            settled.tick()
            time.sleep(0.2)
    assert ended(settled, change).state == "executed"
    assert registry._asked("proposal_count", block="latest") == before + 1  # type: ignore[attr-defined]
    assert done(settled, body("revoke", "trustee", NEW)).state == "executed"


def test_what_the_registry_refuses_is_kept_with_its_reason(settled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    change = propose(settled, body("grant", "trustee", NEW))
    with monkeypatch.context() as keyless:
        keyless.setattr(settled.ctx.registry, "senders", {})
        settled.ask("confirm_change", "operator-2", {"change": change})
        found = ended(settled, change)
    assert (found.state, found.transaction) == ("failed", "") and "2 owners must confirm" in found.why
    with settled.store.work() as tx:
        assert tx.rails.sent(f"{once_of(change)}:propose") is None
    assert done(settled, body("grant", "trustee", NEW)).state == "executed", "a failed one keeps no later one waiting"
    assert done(settled, body("revoke", "trustee", NEW)).state == "executed"
