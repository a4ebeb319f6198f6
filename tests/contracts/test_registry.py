"""The charter's keys: seeds, rotation by k of n owners, expiry, thresholds that can always be met."""

from __future__ import annotations

from typing import Any

import pytest
from escrow_trade import Trade, refused
from escrow_world import DAY_S, NAMES, ZERO, World, ours, wait, who

OWNER, PASSPORT, AUTHORITY, TRUSTEE = range(4)
GRANT, REVOKE, REQUIRE = range(1, 4)


def propose(world: World, change: int, role: int, name: str = "", required: int = 0, by: str = "owner1") -> int:
    return int(world.registry("propose", change, role, who(name) if name else ZERO, required, by=by))


def carry(world: World, change: int, role: int, name: str = "", required: int = 0) -> None:
    """Proposed by one owner, confirmed by another, executed."""
    number = propose(world, change, role, name, required)
    world.registry("confirm", number, by="owner2")
    world.registry("execute", number, by="owner1")


def test_the_seeds_stand(world: World) -> None:
    for role, members, required in ((OWNER, 3, 2), (PASSPORT, 2, 1), (AUTHORITY, 2, 1), (TRUSTEE, 3, 2)):
        assert (world.registry("members", role), world.registry("required", role)) == (members, required)
    assert world.registry("has_role", PASSPORT, who("operator"))
    assert not world.registry("has_role", PASSPORT, who("trustee1"))


def test_a_new_signer_counts_and_an_old_one_does_not(world: World, trade: Trade) -> None:
    carry(world, GRANT, PASSPORT, "stranger")
    assert [name for name, _ in world.registry.logs] == ["Granted", "Executed"]
    carry(world, REVOKE, PASSPORT, "operator")
    assert [name for name, _ in world.registry.logs] == ["Revoked", "Executed"]
    with refused("passport not duly signed"):
        trade.fund()
    trade.fund(signers=("stranger",))


def test_more_signers_are_needed_when_the_charter_says_so(world: World, trade: Trade) -> None:
    carry(world, REQUIRE, PASSPORT, required=2)
    with refused("passport not duly signed"):
        trade.fund()
    trade.fund(signers=("operator", "operator2"))


def test_a_change_needs_enough_owners_and_happens_once(world: World) -> None:
    number = propose(world, GRANT, TRUSTEE, "stranger")
    assert [name for name, _ in world.registry.logs] == ["Proposed", "Confirmed"]
    with refused("not confirmed by enough owners"):
        world.registry("execute", number, by="owner1")
    with refused("already confirmed by you"):
        world.registry("confirm", number, by="owner1")
    world.registry("confirm", number, by="owner3")
    assert world.registry("confirmations", number) == 2
    world.registry("execute", number, by="owner2")
    assert world.registry("has_role", TRUSTEE, who("stranger"))
    with refused("already executed"):
        world.registry("execute", number, by="owner2")
    with refused("already executed"):
        world.registry("confirm", number, by="owner2")


def test_only_owners_change_anything(world: World) -> None:
    number = propose(world, GRANT, TRUSTEE, "stranger")
    for name, arguments in (
        ("propose", (GRANT, 1, who("stranger"), 0)),
        ("confirm", (number,)),
        ("execute", (number,)),
    ):
        with refused("not an owner"):
            world.registry(name, *arguments, by="operator")


def test_a_proposal_expires_after_seven_days(world: World) -> None:
    number = propose(world, GRANT, TRUSTEE, "stranger")
    wait(7 * DAY_S)
    world.registry("confirm", number, by="owner2")
    wait(1)
    with refused("proposal expired"):
        world.registry("execute", number, by="owner1")
    with refused("proposal expired"):
        world.registry("confirm", number, by="owner3")


def test_owners_rotate_the_same_way_and_the_gone_do_not_count(world: World) -> None:
    number = propose(world, GRANT, PASSPORT, "stranger", by="owner3")
    carry(world, GRANT, OWNER, "arbiter1")
    carry(world, REVOKE, OWNER, "owner3")
    world.registry("confirm", number, by="owner1")
    assert world.registry("confirmations", number) == 1
    with refused("not confirmed by enough owners"):
        world.registry("execute", number, by="owner1")
    world.registry("confirm", number, by="arbiter1")
    world.registry("execute", number, by="arbiter1")


def test_what_is_required_can_always_be_met(world: World) -> None:
    carry(world, REVOKE, OWNER, "owner3")
    number = propose(world, REVOKE, OWNER, "owner2")
    world.registry("confirm", number, by="owner2")
    with refused("more required than members"):
        world.registry("execute", number, by="owner1")
    with refused("more required than members"):
        carry(world, REQUIRE, AUTHORITY, required=3)
    with refused("nobody required"):
        carry(world, REQUIRE, AUTHORITY, required=0)
    carry(world, REVOKE, OWNER, "owner2", required=1)
    assert (world.registry("members", OWNER), world.registry("required", OWNER)) == (1, 1)
    number = propose(world, REVOKE, OWNER, "owner1")
    with refused("no owner"):
        world.registry("execute", number, by="owner1")


def test_no_more_signatures_are_required_than_a_call_takes(world: World) -> None:
    for name in ("seller", "buyer", "stranger"):
        carry(world, GRANT, TRUSTEE, name)
    carry(world, REQUIRE, TRUSTEE, required=5)
    with refused("more required than can sign"):
        carry(world, REQUIRE, TRUSTEE, required=6)


def test_no_more_owners_are_required_than_can_confirm() -> None:
    owners = list(NAMES)
    registry = ours("Registry", [who(name) for name in owners[:10]], 1, [], 0, [], 0, [], 0)

    def change(*arguments: Any) -> None:
        registry("execute", registry("propose", *arguments, by=owners[0]), by=owners[0])

    for name in [*owners[10:], "one more"]:
        change(GRANT, OWNER, who(name), 0)
    assert registry("members", OWNER) == 21
    with refused("more required than can confirm"):
        change(REQUIRE, OWNER, ZERO, 21)
    change(REQUIRE, OWNER, ZERO, 20)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((GRANT, 4, "stranger", 0), "no such role"),
        ((0, 1, "stranger", 0), "no such change"),
        ((4, 1, "stranger", 0), "no such change"),
        ((GRANT, 1, "", 0), "nobody, or somebody, is named"),
        ((REQUIRE, 1, "stranger", 1), "nobody, or somebody, is named"),
    ],
)
def test_proposals_of_no_sense_are_refused(world: World, arguments: tuple[Any, ...], reason: str) -> None:
    with refused(reason):
        propose(world, *arguments)


def test_roles_are_granted_to_those_without_and_revoked_from_those_with(world: World) -> None:
    with refused("has that role already"):
        carry(world, GRANT, PASSPORT, "operator")
    with refused("has not that role"):
        carry(world, REVOKE, PASSPORT, "stranger")
    with refused("no such proposal"):
        world.registry("confirm", 99, by="owner2")


@pytest.mark.parametrize(
    ("owners", "required", "reason"),
    [
        ([], 0, "no owner"),
        (["owner1"], 2, "more required than members"),
        (["owner1"], 0, "nobody required"),
        (["owner1", "owner1"], 1, "has that role already"),
        ([""], 1, "nobody named"),
    ],
)
def test_unsound_seeds_are_refused(world: World, owners: list[str], required: int, reason: str) -> None:
    named = [who(name) if name else ZERO for name in owners]
    with refused(reason):
        ours("Registry", named, required, [who("operator")], 1, [], 0, [], 0)


def test_a_role_without_members_never_makes_a_quorum(world: World) -> None:
    registry = ours("Registry", [who("owner1")], 1, [who("operator")], 1, [], 0, [], 0)
    assert not registry("are_quorum", TRUSTEE, 0, [])
    assert not registry("are_quorum", PASSPORT, 0, [])
    assert registry("are_quorum", PASSPORT, 1, [who("operator")])
    assert not registry("are_quorum", PASSPORT, 2, [who("operator"), who("operator")])
    assert not registry("are_quorum", PASSPORT, 2, [who("operator")])
