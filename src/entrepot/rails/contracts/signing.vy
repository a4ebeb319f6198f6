# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Who signed a statement, asked of the registry.
@notice Knows where the charter's keys stand and the domain of the signatures; not what they are for.
"""

import signatures

ROLE_PASSPORT: constant(uint8) = 1
ROLE_AUTHORITY: constant(uint8) = 2
ROLE_TRUSTEE: constant(uint8) = 3

FACTORY: public(immutable(address))
REGISTRY: public(immutable(address))


interface Registry:
    def signers_of(
        digest: bytes32, signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
    ) -> DynArray[address, signatures.MAX_SIGNATURES]: view
    def are_quorum(
        role: uint8, at_least: uint256, signers: DynArray[address, signatures.MAX_SIGNATURES]
    ) -> bool: view


@deploy
def __init__(factory: address, registry: address):
    assert factory != empty(address) and registry != empty(address), "factory or registry is nobody"
    FACTORY = factory
    REGISTRY = registry


@internal
@view
def _signers(
    struct_hash: bytes32, signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
) -> DynArray[address, signatures.MAX_SIGNATURES]:
    """
    @notice Everybody who signed; distinct, in ascending order.
    """
    return staticcall Registry(REGISTRY).signers_of(signatures._digest(FACTORY, struct_hash), signed)


@internal
@view
def _signer(struct_hash: bytes32, signature: Bytes[65]) -> address:
    return self._signers(struct_hash, [signature])[0]


@internal
@view
def _are_quorum(
    role: uint8, at_least: uint256, signers: DynArray[address, signatures.MAX_SIGNATURES]
) -> bool:
    return staticcall Registry(REGISTRY).are_quorum(role, at_least, signers)
