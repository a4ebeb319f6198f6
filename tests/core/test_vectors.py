"""Committed vectors: bytes and hashes that may never change under the same schema, whatever the code becomes.

`python tests/core/test_vectors.py` prints what the code gives today; a new schema gets new vectors beside the old.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from made_up_trade import ASSETS, make_decision, make_passport, make_reason, make_terms

from entrepot.core.canonical import canonical, hex0x, parse_canonical, sha256_of
from entrepot.core.decision import Verdict
from entrepot.core.passport import STRUCT as PASSPORT_STRUCT
from entrepot.core.passport import Passport
from entrepot.core.terms import STRUCT as TERMS_STRUCT
from entrepot.core.terms import Terms

VECTORS = Path(__file__).parent / "vectors" / "core.json"
BODIES: list[dict[str, Any]] = [
    {"schema": "entrepot/example/1"},
    {"schema": "entrepot/example/1", "z": None, "a": [True, False, -1, 0, 9007199254740991], "é": "é", "😀": '\\"\n'},
    {"schema": "entrepot/example/1", "amount_minor": "170141183460469231731687303715884105727", "nested": {"b": {}}},
]


def produced() -> dict[str, Any]:
    """What the code gives today for the inputs of the vectors."""
    terms, passport = make_terms(), make_passport()
    domain = terms.domain
    decisions = (
        make_decision(),
        make_decision(make_reason(Verdict.REVIEW, cleared_by=("anna", "ben")), make_reason(Verdict.REFUSE, hit="")),
    )
    return {
        "canonical": [
            {"input": body, "canonical_hex": canonical(body).hex(), "sha256": hex0x(sha256_of(body))} for body in BODIES
        ],
        "domain": {"chain_id": domain.chain_id, "contract": domain.contract, "separator": hex0x(domain.separator())},
        "terms": {
            "input": terms.to_json(),
            "sha256": hex0x(terms.sha256()),
            "terms_hash": terms.hash(),
            "digest": hex0x(terms.digest()),
        },
        "passport": {"input": passport.to_json(), "digest": hex0x(passport.digest(domain))},
        "decisions": [{"input": one.to_json(), "sha256": one.sha256()} for one in decisions],
    }


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    """The committed file."""
    loaded: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    return loaded


def test_the_code_still_gives_every_committed_vector(vectors: dict[str, Any]) -> None:
    assert produced() == vectors


def test_canonical_bytes_follow_from_the_inputs_alone(vectors: dict[str, Any]) -> None:
    for vector in vectors["canonical"]:
        raw = bytes.fromhex(vector["canonical_hex"])
        assert canonical(vector["input"]) == raw and parse_canonical(raw) == vector["input"]


def test_the_terms_vector_is_what_a_wallet_would_sign(vectors: dict[str, Any]) -> None:
    vector, where = vectors["terms"], vectors["domain"]
    terms = Terms.from_json(vector["input"], ASSETS)
    assert hex0x(sha256_of(vector["input"])) == vector["sha256"]
    domain = {
        "name": "Entrepot", "version": "1", "chainId": where["chain_id"], "verifyingContract": where["contract"],
    }  # fmt: skip
    types = {"Terms": [{"type": kind, "name": name} for kind, name in TERMS_STRUCT.fields]}
    theirs = encode_typed_data(domain, types, terms.onchain())
    assert (hex0x(theirs.header), hex0x(theirs.body)) == (where["separator"], vector["terms_hash"])


def test_the_passport_vector_is_what_the_contract_hashes(vectors: dict[str, Any]) -> None:
    vector, where = vectors["passport"], vectors["domain"]
    passport = Passport.from_json(vector["input"])
    assert passport.terms_hash == vectors["terms"]["terms_hash"]
    assert passport.decision_sha256 == vectors["decisions"][0]["sha256"]
    domain = {
        "name": "Entrepot", "version": "1", "chainId": where["chain_id"], "verifyingContract": where["contract"],
    }  # fmt: skip
    types = {"Passport": [{"type": kind, "name": name} for kind, name in PASSPORT_STRUCT.fields]}
    theirs = encode_typed_data(domain, types, passport.values())
    assert hex0x(passport.digest(make_terms().domain)) == vector["digest"]
    assert PASSPORT_STRUCT.hash(passport.values()) == theirs.body


def test_a_decision_vector_is_the_hash_of_its_words(vectors: dict[str, Any]) -> None:
    for vector in vectors["decisions"]:
        assert hex0x(sha256_of(vector["input"])) == vector["sha256"]
        assert hex0x(sha256_of(vector["input"] | {"salt": "0x00"})) != vector["sha256"]


if __name__ == "__main__":
    print(json.dumps(produced(), indent=1, ensure_ascii=False))
