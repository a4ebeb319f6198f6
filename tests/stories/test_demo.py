"""The demo itself, twice in one home: four stories on real parts, and everything that is left agrees.

The first run is traced by a collector; in the second the collector is gone, and nothing else differs.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from entrepot.workflows.step.traces import ATTRIBUTES, trace_of
from otlp_receiver import Told as Span
from otlp_receiver import receiving

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
    spans: list[Span] = field(default_factory=list)

    @property
    def settlements(self) -> dict[str, dict[str, Any]]:
        """By story."""
        return {entry["story"]: entry for entry in self.told["settlements"]}

    @property
    def key(self) -> dict[str, Any]:
        """What a verifier pins."""
        return dict(json.loads(Path(self.told["verification_key"]).read_text()))


def play(home: Path, seed: str, *, collector: str) -> Run:
    """Plays the four stories as `./run demo --exit --json` does, and looks around before the house closes."""
    printed: list[str] = []
    with environment(home):
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector
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
        with receiving() as receiver:
            first = play(home, "first", collector=receiver.url)
        second = play(home, "second", collector=receiver.url)
        yield dataclasses.replace(first, spans=receiver.told), second


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


# Traces


WAY_OF_A_TRADE = (
    "settlement", "request propose", "decide propose", "quote_given", "request sign", "decide sign", "countersigned",
    "cleared", "request fund", "decide fund", "funding_sent", "outbox fund_with_authorization",
    "submit fund_with_authorization", "watch funded", "decide funded", "funded", "request present", "decide present",
    "outbox present", "submit present", "watch presented", "decide presented", "presented", "decide examine",
    "release_cleared", "outbox release", "submit release", "watch released", "decide released", "released",
    "outbox message", "deliver message",
)  # fmt: skip


def trace(run: Run, story: str) -> list[Span]:
    """The spans of a story's settlement."""
    named = f"{trace_of(run.settlements[story]['id']):032x}"
    return [one for one in run.spans if one.trace == named]


@pytest.mark.parametrize("story", ENDS)
def test_a_settlement_is_one_connected_trace_over_both_processes(runs: tuple[Run, Run], story: str) -> None:
    spans = trace(runs[0], story)
    by_id = {one.id: one for one in spans}
    assert len(by_id) == len(spans) and {one.service for one in spans} == {"entrepot-serve", "entrepot-work"}
    assert [one.name for one in spans if one.parent not in by_id] == ["settlement"]
    assert all(one.ended_ns >= one.began_ns for one in spans)
    assert {one.attributes["entrepot.code"] for one in spans if one.is_failed} <= {"rail_not_ready", "rail_refused"}


def test_a_paid_trades_trace_leads_from_the_request_to_the_release(runs: tuple[Run, Run]) -> None:
    spans = trace(runs[0], "clean")
    by_id = {one.id: one for one in spans}
    assert set(WAY_OF_A_TRADE) <= {one.name for one in spans}

    def way(name: str) -> list[str]:
        found, names = next(one for one in spans if one.name == name), list[str]()
        while found.parent:
            names.append(found.name)
            found = by_id[found.parent]
        return names

    assert way("quote_given") == ["quote_given", "decide propose", "request propose"]
    assert way("submit fund_with_authorization")[1:] == [
        "outbox fund_with_authorization",
        "decide fund",
        "request fund",
    ]
    assert way("submit release")[1:] == ["outbox release", "decide examine", "request examine"]
    assert way("deliver message")[1:] == ["outbox message", "decide released", "watch released"]


def test_a_review_leaves_no_trace_that_a_clear_check_does_not(runs: tuple[Run, Run]) -> None:
    clean, reviewed, refused = ({one.name for one in trace(runs[0], story)} for story in ("clean", "review", "refused"))
    assert reviewed - {"decide"} == clean and refused < clean  # what waited for its check is decided by itself


def test_spans_carry_ids_kinds_and_codes_and_nothing_else(runs: tuple[Run, Run]) -> None:
    for span in runs[0].spans:
        assert span.attributes.keys() <= ATTRIBUTES, span
        for value in span.attributes.values():
            assert isinstance(value, int) and value < 1000 or re.fullmatch(r"[0-9a-f]{32}|[a-z_]+", str(value)), span
        assert re.fullmatch(r"[a-z_]+( [a-z_]+)?", span.name), span
