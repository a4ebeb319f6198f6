# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Who holds which charter key: the signers of passports, the authorities, the trustees, and the owners.
@license Apache-2.0
@notice Invariants:
        1. A role that has members needs at least one and at most all of them to sign; no change can break this.
        2. Nothing changes but by a proposal that as many present owners confirmed as `required(OWNER)`, within 7 days,
           once. The confirmation of somebody who is no owner any more does not count.
"""

import signatures

event Granted:
    role: indexed(uint8)
    who: indexed(address)


event Revoked:
    role: indexed(uint8)
    who: indexed(address)


event RequiredChanged:
    role: indexed(uint8)
    required: uint256


event Proposed:
    number: indexed(uint256)
    by: indexed(address)
    change: uint8
    role: uint8
    who: address
    required: uint256
    expires_at: uint64


event Confirmed:
    number: indexed(uint256)
    by: indexed(address)


event Executed:
    number: indexed(uint256)
    by: indexed(address)


struct Proposal:
    change: uint8
    role: uint8
    who: address  # whom a role is granted to or revoked from; empty for REQUIRE
    required: uint256  # REQUIRE: how many must sign; else how many must sign after the change, 0: as before
    expires_at: uint64
    is_executed: bool


OWNER: constant(uint8) = 0
PASSPORT: constant(uint8) = 1
AUTHORITY: constant(uint8) = 2
TRUSTEE: constant(uint8) = 3

GRANT: constant(uint8) = 1
REVOKE: constant(uint8) = 2
REQUIRE: constant(uint8) = 3

PROPOSAL_S: constant(uint64) = 7 * 24 * 3600
MAX_SEEDED: constant(uint256) = 10  # members a role may have at the start
MAX_CONFIRMATIONS: constant(uint256) = 20

has_role: public(HashMap[uint8, HashMap[address, bool]])
members: public(HashMap[uint8, uint256])  # how many have the role
required: public(HashMap[uint8, uint256])  # how many of them must sign
proposals: public(HashMap[uint256, Proposal])
proposal_count: public(uint256)
_confirmed_by: HashMap[uint256, DynArray[address, MAX_CONFIRMATIONS]]


@deploy
def __init__(
    owners: DynArray[address, MAX_SEEDED],
    owners_required: uint256,
    passport_signers: DynArray[address, MAX_SEEDED],
    passport_required: uint256,
    authorities: DynArray[address, MAX_SEEDED],
    authorities_required: uint256,
    trustees: DynArray[address, MAX_SEEDED],
    trustees_required: uint256,
):
    assert len(owners) > 0, "no owner"
    self._seed(OWNER, owners, owners_required)
    self._seed(PASSPORT, passport_signers, passport_required)
    self._seed(AUTHORITY, authorities, authorities_required)
    self._seed(TRUSTEE, trustees, trustees_required)


# ---------------------------------------------------------------- what escrows ask


@external
@view
def signers_of(
    digest: bytes32, signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
) -> DynArray[address, signatures.MAX_SIGNATURES]:
    """
    @notice Everybody who signed `digest`; the signatures stand in ascending order of their signers' addresses.
    """
    return signatures._signers(digest, signed)


@external
@view
def are_quorum(role: uint8, at_least: uint256, signers: DynArray[address, signatures.MAX_SIGNATURES]) -> bool:
    """
    @notice `signers` are distinct and ascending, have the role now, and are as many as the act (`at_least`) and the
            charter (`required`) ask for.
    """
    if self.required[role] == 0 or len(signers) < max(self.required[role], at_least):
        return False
    last: address = empty(address)
    for signer: address in signers:
        if not self.has_role[role][signer] or convert(signer, uint160) <= convert(last, uint160):
            return False
        last = signer
    return True


# ---------------------------------------------------------------- how the charter changes


@external
def propose(change: uint8, role: uint8, who: address, required: uint256) -> uint256:
    """
    @notice An owner proposes to grant or revoke a role, or to change how many must sign; which also confirms it.
    """
    self._demand_owner()
    assert role <= TRUSTEE, "no such role"
    assert change >= GRANT and change <= REQUIRE, "no such change"
    assert (who == empty(address)) == (change == REQUIRE), "nobody, or somebody, is named"
    number: uint256 = self.proposal_count
    self.proposal_count = number + 1
    expires_at: uint64 = convert(block.timestamp, uint64) + PROPOSAL_S
    self.proposals[number] = Proposal(
        change=change, role=role, who=who, required=required, expires_at=expires_at, is_executed=False
    )
    log Proposed(
        number=number, by=msg.sender, change=change, role=role, who=who, required=required, expires_at=expires_at
    )
    self._confirm(number)
    return number


@external
def confirm(number: uint256):
    self._demand_owner()
    self._demand_open(number)
    assert msg.sender not in self._confirmed_by[number], "already confirmed by you"
    self._confirm(number)


@external
def execute(number: uint256):
    self._demand_owner()
    self._demand_open(number)
    assert self._confirmations(number) >= self.required[OWNER], "not confirmed by enough owners"
    self.proposals[number].is_executed = True
    proposal: Proposal = self.proposals[number]
    if proposal.change == GRANT:
        self._grant(proposal.role, proposal.who)
    elif proposal.change == REVOKE:
        assert self.has_role[proposal.role][proposal.who], "has not that role"
        self.has_role[proposal.role][proposal.who] = False
        self.members[proposal.role] -= 1
        log Revoked(role=proposal.role, who=proposal.who)
    if proposal.required != 0 or proposal.change == REQUIRE:
        self.required[proposal.role] = proposal.required
        log RequiredChanged(role=proposal.role, required=proposal.required)
    self._demand_sound(proposal.role)
    log Executed(number=number, by=msg.sender)


@external
@view
def confirmations(number: uint256) -> uint256:
    """
    @notice How many present owners have confirmed.
    """
    return self._confirmations(number)


# ---------------------------------------------------------------- the work


@internal
@view
def _demand_owner():
    assert self.has_role[OWNER][msg.sender], "not an owner"


@internal
@view
def _demand_open(number: uint256):
    assert number < self.proposal_count, "no such proposal"
    assert not self.proposals[number].is_executed, "already executed"
    assert block.timestamp <= convert(self.proposals[number].expires_at, uint256), "proposal expired"


@internal
@view
def _demand_sound(role: uint8):
    """
    @notice As many must sign as can: at least one of the members and at most all. Only owners must not be empty.
    """
    assert role != OWNER or self.members[role] > 0, "no owner"
    assert self.required[role] <= self.members[role], "more required than members"
    assert self.required[role] > 0 or self.members[role] == 0, "nobody required"
    assert role == OWNER or self.required[role] <= signatures.MAX_SIGNATURES, "more required than can sign"
    assert role != OWNER or self.required[role] <= MAX_CONFIRMATIONS, "more required than can confirm"


@internal
def _confirm(number: uint256):
    self._confirmed_by[number].append(msg.sender)
    log Confirmed(number=number, by=msg.sender)


@internal
@view
def _confirmations(number: uint256) -> uint256:
    count: uint256 = 0
    for owner: address in self._confirmed_by[number]:
        if self.has_role[OWNER][owner]:
            count += 1
    return count


@internal
def _grant(role: uint8, who: address):
    assert who != empty(address), "nobody named"
    assert not self.has_role[role][who], "has that role already"
    self.has_role[role][who] = True
    self.members[role] += 1
    log Granted(role=role, who=who)


@internal
def _seed(role: uint8, named: DynArray[address, MAX_SEEDED], required: uint256):
    for who: address in named:
        self._grant(role, who)
    self.required[role] = required
    log RequiredChanged(role=role, required=required)
    self._demand_sound(role)
