# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Opens one escrow per signed trade, at an address that follows from the terms.
@license Apache-2.0
@notice The factory makes the implementation itself, from the init code given to its constructor, so that each knows
        the other from the first block on. Neither can be changed; a new version is a new factory, and escrows that
        are open keep the code they were opened under.
"""

import agreement
import signatures

event Opened:
    terms_hash: indexed(bytes32)
    escrow: indexed(address)
    settlement: indexed(bytes32)


interface Escrow:
    def initialise(terms_hash: bytes32): nonpayable


AMOUNT_LIMIT: constant(uint256) = 2**127  # price + fee stay below
MAX_EXAMINATION_S: constant(uint32) = 30 * 24 * 3600
MAX_CURE_S: constant(uint32) = 30 * 24 * 3600
MAX_DISPUTE_S: constant(uint32) = 180 * 24 * 3600
MAX_TERM_S: constant(uint256) = 3 * 366 * 24 * 3600  # from opening to present_by
MAX_INIT_CODE: constant(uint256) = 32768  # bytes of the implementation's init code

# Vyper's minimal proxy: its init prefix is its own, the rest is EIP-1167.
PROXY_PREFIX: constant(Bytes[19]) = x"602d3d8160093d39f3363d3d373d3d3d363d73"
PROXY_SUFFIX: constant(Bytes[15]) = x"5af43d82803e903d91602b57fd5bf3"

IMPLEMENTATION: public(immutable(address))
REGISTRY: public(immutable(address))


@deploy
def __init__(registry: address, escrow_init_code: Bytes[MAX_INIT_CODE]):
    assert registry.is_contract, "registry has no code"
    REGISTRY = registry
    IMPLEMENTATION = raw_create(escrow_init_code, self, registry)


@external
def open(terms: agreement.Terms, seller_signature: Bytes[65], buyer_signature: Bytes[65]) -> address:
    """
    @notice Makes the escrow of these terms, which both parties signed; anyone sends.
    """
    self._demand_supported(terms)
    self._demand_parties(terms)
    self._demand_dates(terms)
    self._demand_judges(terms)
    terms_hash: bytes32 = agreement._hash_of(terms)
    digest: bytes32 = signatures._digest(self, terms_hash)
    assert signatures._signer(digest, seller_signature) == terms.seller, "not signed by the seller"
    assert signatures._signer(digest, buyer_signature) == terms.buyer, "not signed by the buyer"
    assert not self._address_of(terms_hash).is_contract, "already open"

    escrow: address = create_minimal_proxy_to(IMPLEMENTATION, salt=terms_hash)
    extcall Escrow(escrow).initialise(terms_hash)
    log Opened(terms_hash=terms_hash, escrow=escrow, settlement=terms.settlement)
    return escrow


@external
@view
def address_of(terms_hash: bytes32) -> address:
    """
    @notice Where the escrow of these terms is, or will be.
    """
    return self._address_of(terms_hash)


@external
@pure
def hash_of(terms: agreement.Terms) -> bytes32:
    return agreement._hash_of(terms)


@external
@view
def domain_separator() -> bytes32:
    return signatures._domain_separator(self)


# ---------------------------------------------------------------- refusals


@internal
@view
def _demand_supported(terms: agreement.Terms):
    assert terms.title_registry == empty(address) and terms.title_id == 0, "title is not supported"
    assert terms.token.is_contract, "token has no code"
    assert terms.price > 0, "price is nothing"
    assert terms.price < AMOUNT_LIMIT and terms.fee < AMOUNT_LIMIT, "amount is too large"
    assert terms.price + terms.fee < AMOUNT_LIMIT, "amount is too large"


@internal
@pure
def _demand_parties(terms: agreement.Terms):
    assert terms.settlement != empty(bytes32), "settlement has no id"
    assert terms.terms_sha256 != empty(bytes32), "terms have no hash"
    assert terms.seller != empty(address), "seller is nobody"
    assert terms.buyer != empty(address), "buyer is nobody"
    assert terms.seller != terms.buyer, "seller is the buyer"
    assert terms.fee == 0 or terms.fee_recipient != empty(address), "fee recipient is nobody"


@internal
@view
def _demand_dates(terms: agreement.Terms):
    assert block.timestamp <= convert(terms.fund_by, uint256), "time for funding has passed"
    assert terms.fund_by < terms.present_by, "funding ends after presentation"
    assert convert(terms.present_by, uint256) <= block.timestamp + MAX_TERM_S, "presentation is too far away"
    assert terms.examination_s > 0, "no time for examination"
    assert terms.examination_s <= MAX_EXAMINATION_S, "examination is too long"
    assert terms.cure_s <= MAX_CURE_S, "cure is too long"
    assert terms.dispute_s <= MAX_DISPUTE_S, "dispute is too long"


@internal
@pure
def _demand_judges(terms: agreement.Terms):
    """
    @notice Attesters there must be; arbiters there may be, and then with time to decide.
    """
    attesters_required: uint256 = convert(terms.attesters_required, uint256)
    arbiters_required: uint256 = convert(terms.arbiters_required, uint256)
    assert attesters_required > 0, "no attester required"
    assert attesters_required <= len(terms.attesters), "more attesters required than named"
    assert arbiters_required <= len(terms.arbiters), "more arbiters required than named"
    assert (arbiters_required > 0) == (len(terms.arbiters) > 0), "no arbiter required"
    assert len(terms.arbiters) == 0 or terms.dispute_s > 0, "no time for a dispute"
    self._demand_distinct(terms.attesters)
    self._demand_distinct(terms.arbiters)


@internal
@pure
def _demand_distinct(named: DynArray[address, agreement.MAX_NAMED]):
    for i: uint256 in range(len(named), bound=agreement.MAX_NAMED):
        assert named[i] != empty(address), "somebody named is nobody"
        for j: uint256 in range(i, bound=agreement.MAX_NAMED):
            assert named[j] != named[i], "somebody is named twice"


@internal
@view
def _address_of(terms_hash: bytes32) -> address:
    """
    @notice Source: EIP-1014.
    """
    init_code: Bytes[54] = concat(PROXY_PREFIX, convert(IMPLEMENTATION, bytes20), PROXY_SUFFIX)
    made: bytes32 = keccak256(concat(x"ff", convert(self, bytes20), terms_hash, keccak256(init_code)))
    return convert(convert(made, uint256) & convert(max_value(uint160), uint256), address)
