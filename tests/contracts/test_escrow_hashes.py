"""What is signed is what EIP-712 says, and what is committed is what the sources compile to."""

from __future__ import annotations

import re
from pathlib import Path

import boa
import pytest
from escrow_trade import Trade, sound_terms
from escrow_world import STRUCTS, World, keccak, now, typed, who, words
from vyper.compiler import compile_code

from entrepot.rails import contracts
from entrepot.rails.contracts.__main__ import FOLDER, RUNTIME_LIMIT, compiled

HERE = Path(__file__).parent


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_the_terms_hash_is_that_of_eth_account(world: World, count: int) -> None:
    named = [who(name) for name in ("attester1", "attester2", "attester3", "arbiter1", "arbiter2")[:count]]
    terms = sound_terms(world, attesters=named, arbiters=named[::-1])
    expected = typed(world.factory.address, "Terms", terms)
    assert world.factory("hash_of", words(terms)) == expected.body
    assert world.factory("domain_separator") == expected.header


def test_every_struct_type_stands_in_the_contracts_as_the_tests_sign_it() -> None:
    sources = "".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.vy")))
    written = dict(re.findall(r'"(\w+)\((\w+ [^"]*)\)"', sources))
    assert {kind: written.get(kind) for kind in STRUCTS} == STRUCTS


def test_the_committed_artifacts_are_what_the_sources_compile_to() -> None:
    assert (FOLDER / contracts.ARTIFACTS).read_text("utf-8") == compiled(), "run python -m entrepot.rails.contracts"


def test_an_artifact_is_known_by_name() -> None:
    assert contracts.artifact("Registry")["bytecode"].startswith("0x")
    with pytest.raises(KeyError):
        contracts.artifact("Other")


def test_every_contract_fits_the_size_limit(world: World, trade: Trade) -> None:
    sizes = {
        "Registry": len(boa.env.get_code(world.registry.address)),
        "EscrowFactory": len(boa.env.get_code(world.factory.address)),
        "TradeEscrow": len(boa.env.get_code(world.factory("IMPLEMENTATION"))),
    }
    print(sizes)
    assert max(sizes.values()) <= RUNTIME_LIMIT


def test_each_refusal_reads_as_it_is_written_and_has_a_test() -> None:
    table = re.findall(r"^(\w+): constant\(bytes32\) = 0x([0-9a-f]{64})  # (.+)$", _source("refusals"), re.MULTILINE)
    assert len(table) > 50
    for name, code, text in table:
        assert bytes.fromhex(code).rstrip(b"\0").decode() == text
        assert re.sub(r"[^A-Z0-9]+", "_", text.replace("'", "").upper()) == name
    reasons = {text for _, _, text in table}
    for source in ("EscrowFactory", "Registry", "signatures", "signing"):
        reasons |= set(re.findall(r'assert .*, "([^"]+)"$', _source(source), re.MULTILINE))
    tests = "".join(path.read_text("utf-8") for path in sorted(HERE.glob("test_*.py")))
    untested = {reason for reason in reasons if f'"{reason}"' not in tests}
    assert untested == set()


def test_each_refusal_is_used(world: World) -> None:
    names = re.findall(r"^(\w+): constant", _source("refusals"), re.MULTILINE)
    users = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.vy") if path.stem != "refusals")
    assert [name for name in names if f"refusals.{name}" not in users] == []


def test_the_tokens_of_the_tests_compile() -> None:
    for path in sorted((HERE / "tokens").glob("*.vy")):
        assert compile_code(path.read_text("utf-8"), output_formats=["bytecode"])["bytecode"]


def test_the_nonce_of_an_authorisation_is_over_terms_and_attempt(trade: Trade) -> None:
    trade.token("mint", who("buyer"), trade.total)
    signed = trade.authorisation(trade.total, attempt=3)
    passport = trade.passport(1, trade.escrow.address, trade.total)
    trade.act("fund_with_authorization", *passport, 3, 0, now() + 3600, signed)
    nonce = keccak(trade.terms_hash + (3).to_bytes(32, "big"))
    assert trade.token("authorizationState", who("buyer"), bytes(nonce))


def _source(name: str) -> str:
    return (FOLDER / f"{name}.vy").read_text("utf-8")
