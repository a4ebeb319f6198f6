"""`lists`, `screen`, `screening evaluate`, `decision show`, `regime show`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from entrepot.core.errors import Invalid, Refused, Unknown
from entrepot.core.passport import Act

from .line import app, decision_app, lists_app, regime_app, screening_app, show


@lists_app.command
def load(directory: Path, *, json: bool = False) -> None:
    """Loads every list in a folder (OFAC CSV, UN XML, OFAC digital-currency addresses, our JSON), all or none."""
    from entrepot.wire import open_store
    from entrepot.workflows.checks.screen import load_lists

    if not directory.is_dir() or not any(directory.iterdir()):
        raise Invalid("malformed", f"There is no list in {directory}.", path=str(directory))
    with open_store("work") as store:
        with store.work() as tx:
            now = int(time.time()) + tx.checks.clock_offset_s()
        rows = load_lists(store, directory, now=now)
    body = {"schema": "entrepot/lists/1", "loaded": rows}
    show(
        body,
        [
            f"{row['source']}: version {row['version']}, {row['entities']} entries, {row['orphans']} orphan rows"
            for row in rows
        ],
        as_json=json,
    )


@lists_app.command
def status(*, json: bool = False) -> None:
    """Version, dates and age of each list in use."""
    from entrepot.wire import open_store

    now = int(time.time())
    with open_store("work") as store, store.work() as tx:
        now += tx.checks.clock_offset_s()
        rows: list[dict[str, Any]] = [
            {
                "source": row.source,
                "version": row.version,
                "sha256": row.sha256,
                "entities": row.entity_count,
                "orphans": row.orphan_count,
                "verified_at": row.verified_at,
                "age_s": now - row.verified_at,
            }
            for row in tx.checks.lists(with_entities=False)
        ]
    lines = [f"{row['source']}: {row['entities']} entries, verified {row['age_s'] // 60} min ago" for row in rows]
    show({"schema": "entrepot/list-status/1", "lists": rows}, lines or ["No list is loaded."], as_json=json)


@app.command
def screen(name: str, *, kind: str = "organization", country: str = "", json: bool = False) -> None:
    """Screens a name against the current lists and explains each hit."""
    from entrepot.screening.entity import Subject
    from entrepot.wire import open_store
    from entrepot.workflows.checks.screen import ListScreener

    if not name.strip():
        raise Invalid("malformed", "A name is needed: nothing was screened.", path="name")
    with open_store("work") as store:
        screener = ListScreener(store)
        screener.warm()
        with store.work() as tx:
            lists = tx.checks.lists(with_entities=False)
        found = screener.screen((Subject(kind=kind, name=name, country=country, role="screened"),), lists)
    rows: list[dict[str, Any]] = [
        {
            "source": hit.source,
            "entity": hit.entity,
            "basis": hit.basis,
            "score_bps": hit.score_bps,
            "why": hit.explanation,
        }
        for hit in found
    ]
    lines = [
        f"{row['source']} {row['entity']}: {row['score_bps'] / 100:.2f}% by {row['basis']}: {row['why']}"
        for row in rows
    ]
    show({"schema": "entrepot/screening/1", "hits": rows}, lines or ["No hit."], as_json=json)


@screening_app.command
def evaluate(file: Path, *, json: bool = False) -> None:
    """Precision, recall, F1 and AUC over a CSV of schema,name1,name2,is_match."""
    from dataclasses import asdict

    from entrepot.screening.evaluation import evaluate as measure

    from .papers import read_bytes

    found = asdict(measure(read_bytes(file)))
    show(
        {"schema": "entrepot/screening-evaluation/1", **found},
        [f"{name}: {value}" for name, value in found.items()],
        as_json=json,
    )


@decision_app.command(name="show")
def show_decision(settlement: str, *, json: bool = False) -> None:
    """Why a payment was allowed or not: each reason with its rule, list and regime version."""
    import json as codec

    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        papers = [paper for act in Act for paper in tx.papers.of(settlement, kind=f"decision_{act.name.lower()}")]
    if not papers:
        raise Unknown("not_found", f"There is no decision about settlement {settlement}.")
    decisions = [codec.loads(paper.body) for paper in papers]
    lines = []
    for body in decisions:
        lines.append(f"{body['act']} under {body['regime']}: {body['verdict']}")
        lines += [
            f"  {entry['rule']} ({entry['verdict']}): {entry['message']} [{entry['source']}]"
            for entry in body["reasons"]
        ]
        lines += [f"  list {entry['source']} version {entry['version']}" for entry in body["lists"]]
    show({"schema": "entrepot/decisions/1", "decisions": decisions}, lines, as_json=json)


@regime_app.command(name="show")
def show_regime(*, json: bool = False) -> None:
    """The regime in force, each figure with its citation or `invented for the demo`."""
    from entrepot.regimes.harbour import describe, in_force

    current = in_force(int(time.time()))
    if current is None:
        raise Refused("not_due", "No regime is in force.")
    rows = [{"rule": name, "value": value, "source": source} for name, value, source in describe(current)]
    since = datetime.fromtimestamp(current.in_force_from, UTC).date().isoformat()
    lines = [
        f"{current.id}, in force from {since}",
        *(f"  {row['rule']}: {row['value']}  [{row['source']}]" for row in rows),
    ]
    show(
        {"schema": "entrepot/regime/1", "regime": current.id, "in_force_from": since, "rules": rows},
        lines,
        as_json=json,
    )
