"""The demo itself, twice in one home: four stories on real parts, and everything that is left agrees."""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from house_run import (
    Standing,
    environment,
    fresh_home,
    require_books_agree,
    require_consistent_log,
    second_verifier,
    standing,
)

from entrepot.demo.__main__ import _play
from entrepot.demo.house import House
from entrepot.rails.node import Node
from entrepot.settings import read_settings
from entrepot.verify import verify

pytestmark = pytest.mark.slow

ENDS = {"clean": "released", "review": "released", "refused": "refused", "gone": "refunded"}
IN_BUNDLE = ENDS | {"refused": "agreed"}  # a refusal is confidential: no bundle shows it, not even by a gap
CHAIN = 31337


@dataclass(frozen=True)
class Run:
    """One run's JSON and exit code, what was printed, what then stood, and what the node says of its transactions."""

    told: dict[str, Any]
    code: int
    printed: list[str]
    standing: Standing
    receipts: dict[str, dict[str, Any]]

    @property
    def settlements(self) -> dict[str, dict[str, Any]]:
        """By story."""
        return {entry["story"]: entry for entry in self.told["settlements"]}

    @property
    def key(self) -> dict[str, Any]:
        """What a verifier pins."""
        return dict(json.loads(Path(self.told["verification_key"]).read_text()))


def play(home: Path, seed: str) -> Run:
    """Plays the four stories as `./run demo --exit --json` does, and looks around before the house closes."""
    printed: list[str] = []
    with environment(home):
        house = House(read_settings(), printed.append)
        try:
            house.start()
            options = argparse.Namespace(exit=True, json=True, invoice=None, seed=seed)
            told, code = _play(house, options, seed, printed.append)
            node = Node(house.chain.url)
            assert int(node.call("eth_chainId"), 16) == CHAIN
            hashes = {entry["hash"] for one in told["settlements"] for entry in one["transactions"]}
            receipts = {hash_: node.call("eth_getTransactionReceipt", hash_) for hash_ in hashes}
            return Run(told, code, printed, standing(house.settings, house.database.owner_dsn), receipts)
        finally:
            house.stop()


@pytest.fixture(scope="module")
def runs() -> Iterator[tuple[Run, Run]]:
    """A first run in a fresh home and a second one in the same."""
    with fresh_home() as home:
        yield play(home, "first"), play(home, "second")


@pytest.fixture(params=[0, 1], ids=["first", "second"])
def run(request: pytest.FixtureRequest, runs: tuple[Run, Run]) -> Run:
    """Each of the two."""
    return runs[request.param]


def test_four_stories_end_as_they_are_told(run: Run) -> None:
    assert run.code == 0, run.printed
    assert {story: entry["state"] for story, entry in run.settlements.items()} == ENDS
    assert [entry["story"] for entry in run.told["settlements"]] == list(ENDS)


def test_every_transaction_is_on_the_development_chain(run: Run) -> None:
    for story, entry in run.settlements.items():
        assert entry["chain_id"] == CHAIN
        assert bool(entry["transactions"]) == (story != "refused")
        for sent in entry["transactions"]:
            receipt = run.receipts[sent["hash"]]
            assert int(receipt["status"], 16) == 1
            assert int(receipt["blockNumber"], 16) == sent["block"]
            assert entry["escrow"] in {receipt["to"], *(log["address"] for log in receipt["logs"])}


def test_every_bundle_verifies_and_a_changed_byte_is_named(run: Run) -> None:
    for story, entry in run.settlements.items():
        assert entry["checks"], story
        assert {check["status"] for check in entry["checks"]} <= {"ok", "not checked"}, story
    refused = next(line for line in run.printed if line.startswith("The same with one byte changed"))
    assert "exit 3" in refused and "terms" in refused


def test_the_second_verifier_agrees_on_every_bundle(run: Run) -> None:
    second = second_verifier()
    for story, entry in run.settlements.items():
        raw = Path(entry["bundle"]).read_bytes()
        assert second.verify(raw, run.key) == IN_BUNDLE[story]
        assert all(check.status != "failed" for check in verify(raw, run.key))


def test_the_second_verifier_refuses_what_verify_refuses(run: Run) -> None:
    second = second_verifier()
    entry = run.settlements["clean"]
    tampered = Path(entry["bundle"]).with_suffix(".tampered.json").read_bytes()
    assert any(check.status == "failed" for check in verify(tampered, run.key))
    with pytest.raises(AssertionError, match="terms"):
        second.verify(tampered, run.key)


def test_messages_written_are_the_messages_kept(run: Run) -> None:
    for story, entry in run.settlements.items():
        bundle = json.loads(Path(entry["bundle"]).read_bytes())
        kept = sorted(base64.b64decode(message["body_base64"]) for message in bundle["parts"]["messages"])
        written = sorted(Path(path).read_bytes() for path in entry["messages"])
        assert written == kept, story
        assert bool(written) == (story != "refused"), story


def test_books_chain_and_messages_agree(run: Run) -> None:
    require_books_agree(run.standing)


def test_the_log_is_gapless_and_every_checkpoint_leads_to_the_next(run: Run) -> None:
    require_consistent_log(run.standing)


def test_the_second_runs_log_begins_with_the_firsts(runs: tuple[Run, Run]) -> None:
    first, second = (run.standing for run in runs)
    assert len(second.leaves) > len(first.leaves)
    assert second.leaves[: len(first.leaves)] == first.leaves
    assert second.checkpoints[: len(first.checkpoints)] == first.checkpoints


def test_state_is_kept_between_runs(runs: tuple[Run, Run]) -> None:
    first, second = runs
    assert first.told["verification_key"] == second.told["verification_key"]
    assert first.key == second.key
    ids = [{entry["id"] for entry in run.told["settlements"]} for run in runs]
    assert not ids[0] & ids[1]
    assert second.standing.looked == first.standing.looked + len(ENDS)
    for entry in first.told["settlements"]:
        assert all(Path(path).exists() for path in (entry["bundle"], *entry["messages"]))
