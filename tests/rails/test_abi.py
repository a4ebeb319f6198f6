"""The bytes of calls and logs: what does not fit is Undecodable, and our event list is the contract's."""

from __future__ import annotations

import pytest
from rail_trading import STRANGER

from entrepot.core import escrow
from entrepot.core.canonical import hex0x
from entrepot.rails.abi import Contract, Undecodable, revert_reason
from entrepot.rails.authorization import STRUCT, Authorization, nonce_of
from entrepot.rails.evm_calls import ESCROW, FACTORY
from entrepot.rails.evm_chain import BALANCE_OF, ERC20
from entrepot.rails.evm_events import _WORDS


def test_every_event_of_the_contract_has_words() -> None:
    assert {event.name for event in ESCROW.events.values()} == set(_WORDS)
    assert [event.name for event in FACTORY.events.values()] == ["Opened"]


def test_the_verifiers_own_event_list_is_the_contracts() -> None:
    ours = {topic: (event.name, tuple((k, i, n) for k, n, i in event.fields)) for topic, event in ESCROW.events.items()}
    assert all(ours[topic] == known for topic, known in escrow.EVENTS.items())


def test_a_call_is_selector_and_words() -> None:
    call = BALANCE_OF.encode(STRANGER.address)
    assert hex0x(call) == "0x70a08231" + "00" * 12 + STRANGER.address[2:]  # Source: EIP-20 selector


@pytest.mark.parametrize("answer", [b"", bytes(31), b"\xff" * 16])
def test_a_short_answer_is_undecodable(answer: bytes) -> None:
    with pytest.raises(Undecodable):
        BALANCE_OF.decode(answer)


def test_an_argument_that_does_not_fit_is_undecodable() -> None:
    for wrong in ("0x12", 5, None):
        with pytest.raises(Undecodable):
            BALANCE_OF.encode(wrong)


def test_a_log_with_dirty_address_bits_is_undecodable() -> None:
    (transfer,) = ERC20.events.values()
    clean, dirty = bytes(12) + b"\x11" * 20, b"\x01" + bytes(11) + b"\x11" * 20
    assert transfer.decode([transfer.topic, clean, clean], bytes(32))["from"] == "0x" + "11" * 20
    with pytest.raises(Undecodable):
        transfer.decode([transfer.topic, dirty, clean], bytes(32))
    with pytest.raises(Undecodable):
        transfer.decode([transfer.topic, clean, clean], bytes(64))


@pytest.mark.parametrize("raw, said", [
    ("08c379a0" + "20".rjust(64, "0") + "05".rjust(64, "0") + b"hello".hex().ljust(64, "0"), "hello"),
    ("4e487b71" + "11".rjust(64, "0"), "panic 0x11"),
    ("08c379a0" + "ff" * 40, ""),
    ("deadbeef", ""),
    ("", ""),
])  # fmt: skip
def test_a_revert_reason_is_read_or_empty(raw: str, said: str) -> None:
    assert revert_reason(bytes.fromhex(raw)) == said


def test_an_authorisation_is_the_one_that_wallets_know() -> None:
    """Source: EIP-3009, RECEIVE_WITH_AUTHORIZATION_TYPEHASH."""
    from entrepot.core.crypto import keccak256

    assert keccak256(STRUCT.type_string().encode()).hex() == (
        "d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8"
    )
    assert nonce_of("0x" + "11" * 32, 0) != nonce_of("0x" + "11" * 32, 1)
    leave = Authorization("0x" + "11" * 20, "0x" + "22" * 20, 5, 0, 9, bytes(32))
    assert set(leave.values()) == {name for _, name in STRUCT.fields}


def test_an_overloaded_function_is_found_by_its_arguments() -> None:
    def item(count: int) -> dict[str, object]:
        return {"type": "function", "name": "f", "inputs": [{"type": "uint256"}] * count, "outputs": []}

    contract = Contract([item(1), item(2)])
    assert contract.call("f", 1)[:4] != contract.call("f", 1, 2)[:4]
    with pytest.raises(KeyError):
        contract.call("f")
