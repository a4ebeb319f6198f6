# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Who signed: EIP-712 digests and ECDSA recovery.
@notice Knows signatures; does not know who is entitled to sign what.
"""

MAX_SIGNATURES: constant(uint256) = 5

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Entrepot")
VERSION_HASH: constant(bytes32) = keccak256("1")

# Half of the order of secp256k1. Source: EIP-2 (a signature with a high s is a second form of the same one).
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168


@internal
@view
def _domain_separator(factory: address) -> bytes32:
    """
    @notice The domain of this chain and factory, computed anew so that a fork of the chain gets another one.
    """
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, factory))


@internal
@view
def _digest(factory: address, struct_hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", self._domain_separator(factory), struct_hash))


@internal
@pure
def _signer(digest: bytes32, signature: Bytes[65]) -> address:
    """
    @notice Who signed `digest` with r || s || v. Refuses a wrong length, a high s, a v other than 27 or 28
            and whatever recovers to nobody.
    """
    assert len(signature) == 65, "signature is not 65 bytes"
    s: uint256 = convert(extract32(signature, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    assert s <= HALF_ORDER, "signature has a high s"
    assert v == 27 or v == 28, "signature v is not 27 or 28"
    signer: address = ecrecover(digest, v, convert(extract32(signature, 0), uint256), s)
    assert signer != empty(address), "signature recovers to nobody"
    return signer


@internal
@pure
def _signers(digest: bytes32, signatures: DynArray[Bytes[65], MAX_SIGNATURES]) -> DynArray[address, MAX_SIGNATURES]:
    """
    @notice Everybody who signed `digest`. The signatures stand in ascending order of their signers'
            addresses, which proves that no two are by the same one.
    """
    found: DynArray[address, MAX_SIGNATURES] = []
    last: address = empty(address)
    for signature: Bytes[65] in signatures:
        signer: address = self._signer(digest, signature)
        assert convert(signer, uint160) > convert(last, uint160), "signers are not distinct and ascending"
        found.append(signer)
        last = signer
    return found
