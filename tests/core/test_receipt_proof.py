"""Receipt proofs without a node: a published header, made-up blocks, and everything that is nearly right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receipt_reading import Json, said, trie_root
from trie.hexary import HexaryTrie

from entrepot.core import chainproof
from entrepot.core.crypto import rlp_decode, rlp_encode, trie_proof, trie_value
from entrepot.core.errors import Invalid

# Source: block 0 of Ethereum's main network, as every client builds it in.
GENESIS: Json = {
    "parentHash": "0x" + "00" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x0000000000000042",
    "totalDifficulty": "0x400000000",
    "size": "0x21c",
}
GENESIS_HASH = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"


def made(index: int, **changes: Any) -> Json:
    """A made-up receipt of mixed type and status, with a log unless it failed."""
    status = int(index % 4 != 3)
    log = {"address": f"0x{index:040x}", "topics": [f"0x{topic:064x}" for topic in range(index % 5)], "data": "0x2a"}
    return {"type": hex(index % 3), "status": hex(status), "cumulativeGasUsed": hex(21_000 * (index + 1)),
            "logsBloom": "0x" + "00" * 256, "logs": [log] * status, **changes}  # fmt: skip


RECEIPTS = [chainproof.encode_receipt(made(index)) for index in range(20)]
HEADER = chainproof.encode_header({**GENESIS, "receiptsRoot": "0x" + trie_root(RECEIPTS).hex()})


def header_over(*receipts: bytes) -> bytes:
    return chainproof.encode_header({**GENESIS, "receiptsRoot": "0x" + trie_root(list(receipts)).hex()})


def test_the_first_header_of_the_main_network_hashes_to_its_block_hash() -> None:
    header = chainproof.encode_header(GENESIS)
    assert chainproof.header_hash(header).hex() == GENESIS_HASH
    read = chainproof.read_header(header)
    assert (read.hash.hex(), read.number, read.timestamp) == (GENESIS_HASH, 0, 0)
    assert trie_root([]) == read.receipts_root


@pytest.mark.parametrize("field", [*list(GENESIS)[:15]])
def test_a_header_that_lacks_a_field_is_refused(field: str) -> None:
    for broken in ({**GENESIS, field: None}, {name: value for name, value in GENESIS.items() if name != field}):
        with pytest.raises(Invalid, match="lacks a header field"):
            chainproof.encode_header(broken)


def test_a_later_fork_s_field_without_the_earlier_ones_is_refused() -> None:
    assert len(rlp_decode(chainproof.encode_header({**GENESIS, "baseFeePerGas": "0x7"}))) == 16
    with pytest.raises(Invalid, match="lacks a header field"):
        chainproof.encode_header({**GENESIS, "withdrawalsRoot": "0x" + "00" * 32})


@pytest.mark.parametrize("broken", ["0xzz", "", 7, "-0x1", b"\x00"])
def test_a_node_s_unreadable_answer_is_refused(broken: Any) -> None:
    for field in ("number", "receiptsRoot") if broken != "-0x1" else ("number",):
        with pytest.raises(Invalid):
            chainproof.encode_header({**GENESIS, field: broken})
    for field in ("status", "type", "logs"):
        with pytest.raises(Invalid):
            chainproof.encode_receipt(made(0, **{field: [broken] if field == "logs" else broken}))


@pytest.mark.parametrize("changes", [{"type": "0x80"}, {"type": "0x100"}, {"status": None}, {"logs": None}])
def test_a_receipt_outside_the_rules_is_not_encoded(changes: Json) -> None:
    with pytest.raises(Invalid):
        chainproof.encode_receipt(made(0, **changes))


@pytest.mark.parametrize("count", [1, 2, 16, 17, 20])
def test_made_up_blocks_of_any_size_prove_every_receipt_and_no_further_one(count: int) -> None:
    header = header_over(*RECEIPTS[:count])
    for index in range(count):
        proven = chainproof.verify_receipt(header, index, chainproof.receipt_proof(RECEIPTS[:count], index))
        assert (proven.status, proven.logs) == said(made(index))
    for proof in ([], chainproof.receipt_proof(RECEIPTS[:count], 0), chainproof.receipt_proof(RECEIPTS, count - 1)):
        with pytest.raises(Invalid):
            chainproof.verify_receipt(header, count, proof)


@pytest.mark.parametrize("index", [-1, 20])
def test_a_receipt_that_is_not_there_has_no_proof(index: int) -> None:
    assert chainproof.receipt_proof(RECEIPTS, index) == []
    with pytest.raises(Invalid):
        chainproof.verify_receipt(HEADER, index, [])


@pytest.mark.parametrize(("kind", "first"), [("0x0", 0xF9), ("0x1", 1), ("0x2", 2), ("0x4", 4), ("0x7f", 0x7F)])
def test_a_typed_receipt_opens_with_its_type_and_an_untyped_one_does_not(kind: str, first: int) -> None:
    """Source: EIP-2718."""
    assert chainproof.encode_receipt(made(0, type=kind))[0] == first


def test_a_proof_with_a_node_missing_too_many_or_out_of_order_is_refused() -> None:
    proof = chainproof.receipt_proof(RECEIPTS, 5)
    other = chainproof.receipt_proof(RECEIPTS, 6)
    assert len(proof) > 2
    near = [proof[:-1], proof[1:], [], proof[::-1], [*proof, proof[0]], [*proof, other[-1]], [other[-1], *proof], other,
            [*proof, b""], [*proof, b"\xc0"]]  # fmt: skip
    for broken in near:
        with pytest.raises(Invalid):
            chainproof.verify_receipt(HEADER, 5, broken)
    assert chainproof.verify_receipt(HEADER, 5, proof).status == 1


@given(st.data())
def test_one_flipped_bit_in_a_proof_is_refused(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(RECEIPTS) - 1))
    proof = chainproof.receipt_proof(RECEIPTS, index)
    place = data.draw(st.integers(0, len(proof) - 1))
    node = bytearray(proof[place])
    node[data.draw(st.integers(0, len(node) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Invalid):
        chainproof.verify_receipt(HEADER, index, [*proof[:place], bytes(node), *proof[place + 1 :]])


@given(st.integers(0, len(HEADER) - 1), st.integers(0, 7))
def test_one_flipped_bit_in_a_header_is_another_block(place: int, bit: int) -> None:
    header = bytearray(HEADER)
    header[place] ^= 1 << bit
    assert chainproof.header_hash(bytes(header)) != chainproof.header_hash(HEADER)
    try:
        chainproof.verify_receipt(bytes(header), 5, chainproof.receipt_proof(RECEIPTS, 5))
    except Invalid as refusal:
        assert refusal.code == "receipt_unproven"


@given(st.binary(max_size=400), st.lists(st.binary(max_size=100), max_size=4))
def test_no_bytes_are_a_defect(header: bytes, proof: list[bytes]) -> None:
    with pytest.raises(Invalid):
        chainproof.verify_receipt(header, 0, proof)
    with pytest.raises(Invalid):
        chainproof.verify_receipt(HEADER, 0, proof)
    with pytest.raises(Invalid):
        chainproof.verify_receipt(header_over(b"\x01" + header), 0, chainproof.receipt_proof([b"\x01" + header], 0))


def test_lists_nested_without_end_are_refused() -> None:
    deep = b""
    for _ in range(2_000):
        deep = rlp_length(len(deep)) + deep
    with pytest.raises(Invalid):
        chainproof.read_header(deep)
    with pytest.raises(Invalid):
        chainproof.verify_receipt(HEADER, 0, [deep])


def rlp_length(size: int) -> bytes:
    """The prefix of an RLP list of `size` bytes."""
    if size < 56:
        return bytes([0xC0 + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(length)]) + length


WORD, ADDRESS, BLOOM = b"\x01" * 32, b"\x02" * 20, b"\x00" * 256


@pytest.mark.parametrize(
    "fields",
    [
        [b"\x02", b"\x01", BLOOM, []],
        [WORD, b"\x01", BLOOM, []],
        [[], b"\x01", BLOOM, []],
        [b"\x01", b"\x01", BLOOM],
        [b"\x01", b"\x01", BLOOM, [], b""],
        [b"\x01", b"\x01", BLOOM, b""],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS[1:], [], b""]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, [WORD] * 5, b""]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, [WORD[1:]], b""]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, [[WORD]], b""]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, b"", b""]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, [], [b""]]]],
        [b"\x01", b"\x01", BLOOM, [[ADDRESS, []]]],
    ],
)
def test_what_is_proven_but_is_no_receipt_is_refused(fields: Any) -> None:
    for raw in (rlp_encode(fields), b"\x02" + rlp_encode(fields)):
        with pytest.raises(Invalid):
            chainproof.verify_receipt(header_over(raw), 0, chainproof.receipt_proof([raw], 0))
    good = b"\x02" + rlp_encode([b"\x01", b"\x01", BLOOM, [[ADDRESS, [WORD], b""]]])
    proven = chainproof.verify_receipt(header_over(good), 0, chainproof.receipt_proof([good], 0))
    assert proven.logs == (("0x" + ADDRESS.hex(), (WORD,), b""),)


def test_a_proof_of_absence_is_no_proof() -> None:
    trie = HexaryTrie(db={})
    trie[b"\x01\x02"], trie[b"\x01\x03"] = b"one", b"other"
    absent = [rlp_encode(node) for node in trie.get_proof(b"\x01\x04")]  # type: ignore[no-untyped-call]
    present = trie_proof({b"\x01\x02": b"one", b"\x01\x03": b"other"}, b"\x01\x02")
    assert trie_value(trie.root_hash, b"\x01\x02", present) == b"one"
    with pytest.raises(ValueError, match="not the path to an entry"):
        trie_value(trie.root_hash, b"\x01\x04", absent)


def test_a_header_of_fewer_than_fifteen_fields_is_refused() -> None:
    with pytest.raises(Invalid):
        chainproof.read_header(rlp_encode(rlp_decode(HEADER)[:14]))


@pytest.mark.parametrize("place", [5, 8, 11])
def test_a_header_whose_field_is_a_list_is_refused(place: int) -> None:
    fields = rlp_decode(HEADER)
    fields[place] = [b"\x01"] * 32
    with pytest.raises(Invalid):
        chainproof.read_header(rlp_encode(fields))
