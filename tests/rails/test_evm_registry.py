"""The charter's registry on a real chain: its settings, one change by two owners, and what a crash leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rail_trading import AUTHORITIES, OWNERS, PASSPORTS, SENDER, STRANGER, TRUSTEES, Person
from rail_world import World

from entrepot.core.charter import ContractSettings, Executed, Quorum, SettingChange
from entrepot.core.errors import EntrepotError, Refused, Unavailable
from entrepot.rails.development import give_gas
from entrepot.rails.evm_registry import EvmRegistry

NEW = Person("a new passport signer")
GRANT = SettingChange("grant", "passport", NEW.address)
LOOKS_MAX = 20


def opened(world: World, *owners: Person) -> EvmRegistry:
    """The registry as a fresh worker finds it; its owners can pay for gas."""
    for owner in owners or OWNERS:
        give_gas(world.node, owner.address)
    return EvmRegistry(world.another_rail(), owners or OWNERS)


def settings(world: World) -> ContractSettings:
    """What everybody may read."""
    world.settle()
    return opened(world).read()


def perform(
    world: World, change: SettingChange, once: str = "contract:1", fresh: Callable[[], EvmRegistry] | None = None
) -> Executed:
    """Looks until it is done, as the worker does; with `fresh`, each look is a worker's that was just started."""
    registry = (fresh or (lambda: opened(world)))()
    for _ in range(LOOKS_MAX):
        done = registry.perform(once, change, registry.read())
        if done is not None:
            return done
        world.settle()
        registry = fresh() if fresh else registry
    raise AssertionError("it is never done")


def acts(world: World) -> list[tuple[str, str]]:
    """(kind, sender) of what owners sent."""
    return [(one.kind, one.sender) for one in world.journal.kept.values() if one.sender != SENDER.address]


def test_the_settings_are_those_of_the_charter(world: World) -> None:
    read = settings(world)
    assert read.registry == world.deployment.registry and read.block <= world.rail.evm.final().number
    keys = {
        role: tuple(sorted(person.address for person in people))
        for role, people in
        (("owner", OWNERS), ("passport", PASSPORTS), ("authority", AUTHORITIES), ("trustee", TRUSTEES))
    }  # fmt: skip
    assert read.roles == {role: Quorum(found, 2 if role in ("owner", "trustee") else 1) for role, found in keys.items()}


def test_one_owner_proposes_another_confirms_and_the_key_is_granted_in_a_final_block(world: World) -> None:
    done = perform(world, GRANT)
    read = settings(world)
    assert NEW.address in read.roles["passport"].signers
    first, second = sorted(owner.address for owner in OWNERS)
    assert acts(world) == [("registry_propose", first), ("registry_confirm", second), ("registry_execute", first)]
    assert (done.transaction, done.block) == (world.journal.kept["contract:1:execute"].hash, done.block)
    assert done.block <= read.block


def test_a_change_that_is_asked_for_again_is_done_once(world: World) -> None:
    done, sent = perform(world, GRANT), acts(world)
    assert perform(world, GRANT) == done
    assert acts(world) == sent


def test_nothing_takes_effect_before_a_second_owner_confirmed(world: World) -> None:
    registry = opened(world)
    assert registry.perform("contract:1", GRANT, registry.read()) is None
    assert NEW.address not in settings(world).roles["passport"].signers
    assert [kind for kind, _ in acts(world)] == ["registry_propose"]


def test_a_worker_that_dies_after_every_step_proposes_and_executes_once(world: World) -> None:
    perform(world, GRANT, fresh=lambda: opened(world))
    assert [kind for kind, _ in acts(world)] == ["registry_propose", "registry_confirm", "registry_execute"]
    assert opened(world)._asked("proposal_count", block="latest") == 1


def test_a_worker_killed_between_journal_and_wire_sends_the_same_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = opened(world)
    call: Any = world.node.__class__.call

    def cut(node: Any, method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            raise Unavailable("outside_unavailable", "the machine is gone")
        return call(node, method, *params)

    with monkeypatch.context() as gone:
        gone.setattr(world.node.__class__, "call", cut)
        with pytest.raises(Unavailable):
            registry.perform("contract:1", GRANT, registry.read())
    kept = world.journal.kept["contract:1:propose"]
    perform(world, GRANT)
    assert world.journal.kept["contract:1:propose"].raw == kept.raw
    assert opened(world)._asked("proposal_count", block="latest") == 1


def test_what_other_owners_executed_meanwhile_is_done(world: World) -> None:
    registry = opened(world)
    assert registry.perform("contract:1", GRANT, registry.read()) is None
    world.settle()
    number = registry._number(world.journal.kept["contract:1:propose"].hash)
    for act, owner in (("confirm", 1), ("execute", 1)):
        sender = registry.senders[sorted(one.address for one in OWNERS)[owner]]
        from entrepot.rails.evm_calls import CallData
        from entrepot.rails.evm_registry import REGISTRY

        data = REGISTRY.call(act, number)
        sender.submit_call(f"by hand:{act}", lambda data=data: CallData(registry.address, data), kind=act)  # type: ignore[misc]
        world.settle()
    done = registry.perform("contract:1", GRANT, registry.read())
    assert done is not None and done.transaction == ""
    assert "contract:1:execute" not in world.journal.kept


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (SettingChange("grant", "passport", PASSPORTS[0].address), "setting_as_it_is"),
        (SettingChange("revoke", "passport", STRANGER.address), "setting_as_it_is"),
        (SettingChange("require", "trustee", required=2), "setting_as_it_is"),
        (SettingChange("revoke", "trustee", TRUSTEES[0].address), "setting_breaks_quorum"),
        (SettingChange("require", "authority", required=3), "setting_breaks_quorum"),
    ],
)
def test_what_the_contract_would_refuse_in_the_end_is_not_even_proposed(
    world: World, change: SettingChange, code: str
) -> None:
    world.settle()
    registry = opened(world)
    with pytest.raises(EntrepotError) as refused:
        registry.perform("contract:1", change, registry.read())
    assert refused.value.code == code
    assert acts(world) == []


def test_too_few_owners_keys_propose_nothing(world: World) -> None:
    world.settle()
    for registry in (opened(world, OWNERS[0]), opened(world, STRANGER)):
        with pytest.raises(Refused, match="2 owners must confirm") as refused:
            registry.perform("contract:1", GRANT, registry.read())
        assert refused.value.code == "registry_refused"
    assert acts(world) == []


def test_the_registrys_own_refusal_comes_back_in_its_words(world: World) -> None:
    registry = opened(world)
    assert registry.perform("contract:1", GRANT, registry.read()) is None
    world.settle()
    world.move_to(world.now() + 8 * 86_400)
    world.settle()
    with pytest.raises(Refused, match="The registry refuses: proposal expired") as refused:
        registry.perform("contract:1", GRANT, registry.read())
    assert refused.value.code == "registry_refused"


def test_owners_who_cannot_pay_for_gas_are_told(world: World) -> None:
    world.settle()
    registry = EvmRegistry(world.another_rail(), OWNERS)
    with pytest.raises(Unavailable) as poor:
        registry.perform("contract:1", GRANT, registry.read())
    assert poor.value.code == "rail_unfunded"


def test_settings_read_on_from_those_kept_are_those_read_afresh(world: World) -> None:
    kept = settings(world)
    perform(world, GRANT)
    perform(world, SettingChange("revoke", "passport", PASSPORTS[1].address, required=1), "contract:2")
    perform(world, SettingChange("require", "passport", required=2), "contract:3")
    world.settle()
    registry = opened(world)
    on, afresh = registry.read(kept), registry.read()
    assert on == afresh
    assert on.roles["passport"] == Quorum(tuple(sorted((PASSPORTS[0].address, NEW.address))), 2)
    assert registry.read(on) is on


def test_the_rails_sponsor_does_not_tend_what_owners_sent(world: World) -> None:
    registry = opened(world)
    registry.perform("contract:1", GRANT, registry.read())
    before = world.journal.kept["contract:1:propose"]
    assert world.rail.tend() == 0
    assert world.journal.kept["contract:1:propose"] == before
