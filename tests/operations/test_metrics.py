"""What the doors and a worker tell of themselves: true, to operators alone, and without anybody's name or case."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrepot.api import metrics as api_metrics
from entrepot.api.health import is_behind
from entrepot.core.errors import Unavailable
from entrepot.core.ids import new_id
from entrepot.core.lifecycle import STATES, State
from entrepot.core.settlement import Settlement
from entrepot.store.memory import MemoryStore
from entrepot.store.records import Cursor, InboxItem, OutboxItem
from entrepot.workflows.step.instruments import Instruments, serve_metrics
from watched import LIST, as_role, opened


def figures(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value, as Prometheus reads it."""
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def arrived(store: MemoryStore, *, at: int, number: int = 0) -> InboxItem:
    item = InboxItem(
        id=new_id(at * 1000, bytes([number] * 10)), source="api:x", key=f"k{number}", kind="quote",
        body={}, body_sha256="", received_at=at,
    )  # fmt: skip
    with store.door() as tx:
        return tx.inbox.put(item)


def standing(number: int, state: State, *, left: State | None = None) -> Settlement:
    parties = {name: new_id(0, bytes([number, place] * 5)) for place, name in enumerate(("id", "seller", "buyer"))}
    return Settlement(
        **parties, state=state, created_at=1, case_salt="", dates={STATES[state].deadline: int(time.time())},
        suspended=((left, 1),) if left else (),
    )  # fmt: skip


def test_metrics_tell_what_waits_and_for_how_long() -> None:
    store = MemoryStore()
    doors, now = opened(store), int(time.time())
    doors.get("/metrics", headers=as_role("operator"))  # the first use of a key in a day arrives, too
    with store.work() as tx:
        for item in tx.inbox.claim(limit=9):
            tx.inbox.answer(item.id, {}, at=now)
    arrived(store, at=now - 40, number=1)
    poisoned = arrived(store, at=now - 5, number=2)
    with store.work() as tx:
        tx.inbox.set_aside(poisoned.id, "a defect", at=now)
        tx.outbox.put([OutboxItem("a", "message", "", {}, now - 90), OutboxItem("b", "message", "", {}, now)])
        tx.outbox.retry("b", due_at=now, error="rail_not_ready: not yet")
        tx.rails.put_cursor(Cursor("evm", 9, "0x1", 7, "0x2", now - 3, now - 25, "chain_behind: 5"))
    told = figures(doors.get("/metrics", headers=as_role("operator")).text)
    assert told["entrepot_inbox_open",] == 1 and 40 <= told["entrepot_inbox_oldest_age_seconds",] <= 45
    assert told["entrepot_inbox_set_aside",] == 1
    assert told["entrepot_outbox_open",] == 2 and told["entrepot_outbox_failed",] == 1
    assert 90 <= told["entrepot_outbox_oldest_due_age_seconds",] <= 95
    assert 25 <= told["entrepot_watcher_lag_seconds", "evm"] <= 30 and told["entrepot_watcher_alarm", "evm"] == 1
    assert told["entrepot_list_stale", LIST] == 1 and ("entrepot_list_age_seconds", LIST) not in told
    assert told["entrepot_reconciliation_open_cases",] == 0
    assert any(key[0] == "entrepot_build_info" for key in told)


@pytest.mark.parametrize("path", ["/metrics", "/v1/metrics"])
def test_only_operators_read_metrics(path: str) -> None:
    doors = opened(MemoryStore())
    assert doors.get(path).status_code == 401
    for role in ("treasurer", "officer"):
        assert doors.get(path, headers=as_role(role)).status_code == 404
    answer = doors.get(path, headers=as_role("operator"))
    assert answer.status_code == 200
    assert "Secretive" not in answer.text and "Nobody" not in answer.text


def test_no_metric_tells_that_somebody_is_looked_at() -> None:
    store = MemoryStore()
    with store.work() as tx:
        for number, held in enumerate((State.IN_REVIEW, State.FROZEN, State.BLOCKED)):
            tx.settlements.insert(standing(number, held, left=State.PRESENTED))
        tx.settlements.insert(standing(3, State.FUNDED))
    doors = opened(store)
    told = doors.get("/v1/metrics", headers=as_role("operator")).json()["settlements"]
    assert told == [{"state": "funded", "count": 1}, {"state": "presented", "count": 3}]
    lines = doors.get("/metrics", headers=as_role("operator")).text.splitlines()
    assert [line for line in lines if line.startswith("entrepot_settlements_open{")] == [
        'entrepot_settlements_open{state="funded"} 1.0', 'entrepot_settlements_open{state="presented"} 3.0',
    ]  # fmt: skip


def test_the_page_reads_what_prometheus_reads_and_keeps_a_curve() -> None:
    store = MemoryStore()
    doors, now = opened(store), int(time.time())
    arrived(store, at=now - 12)
    first = doors.get("/v1/metrics", headers=as_role("operator")).json()
    again = doors.get("/v1/metrics", headers=as_role("operator")).json()
    assert first["inbox"]["open"] == 1 and [one["inbox_open"] for one in first["points"]] == [1]
    assert again["points"] == first["points"], "two readings within ten seconds are one point"


def test_a_worker_tells_how_long_its_turns_take_and_what_failed(tmp_path: Path) -> None:
    instruments = Instruments()
    with instruments.turn("step") as took:
        took(30)
    with instruments.turn("step"):
        pass  # found nothing: no duration
    with pytest.raises(Unavailable), instruments.turn("step"):
        raise Unavailable("outside_unavailable", "gone")
    with pytest.raises(AssertionError), instruments.turn("watch"):
        raise AssertionError("a defect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve_metrics(instruments, MemoryStore(), tmp_path, port=port)
    told = figures(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text)
    assert told["entrepot_worker_turn_duration_seconds_count", "step"] == 1
    assert told["entrepot_worker_batch_items_sum", "step"] == 30
    assert told["entrepot_worker_turn_failures_total", "step", "unavailable"] == 1
    assert told["entrepot_worker_turn_failures_total", "watch", "defect"] == 1
    assert abs(told["entrepot_worker_last_turn_timestamp_seconds", "step"] - time.time()) < 10
    assert told["entrepot_disk_free_bytes",] > 0


def test_the_doors_read_the_figures_by_themselves_so_that_a_curve_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_metrics, "POINT_S", 1)
    with opened(MemoryStore()) as doors:
        time.sleep(2.5)
        assert len(doors.get("/v1/metrics", headers=as_role("operator")).json()["points"]) >= 2


@pytest.mark.parametrize(("behind_s", "expected"), [(-61, True), (-60, False), (0, False), (30, False), (31, True)])
def test_a_watcher_that_looked_long_ago_or_in_the_future_is_behind(behind_s: int, expected: bool) -> None:
    assert is_behind(behind_s) is expected
