"""The demo's result as one JSON object: what was settled, with hashes, messages, bundle and verification."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .client import Client
from .stories import Told

SCHEMA = "entrepot/demo/1"
VERIFY_TIMEOUT_S = 60


def bundle_of(operator: Client, settlement: str, folder: Path) -> Path:
    """Writes the evidence bundle of a settlement, as staff may see it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{settlement}.bundle.json"
    path.write_bytes(operator.http.get(f"/v1/settlements/{settlement}/evidence").content)
    return path


def verified(bundle: Path, key: Path) -> tuple[int, dict[str, Any]]:
    """(exit code, result) of `entrepot verify` in another process that has the public key only."""
    command = [sys.executable, "-m", "entrepot", "verify", str(bundle), "--key", str(key), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_TIMEOUT_S, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {
        "error": done.stderr[-500:]
    }


def tampered(bundle: Path) -> Path:
    """A copy with one byte changed inside a signed amount."""
    raw = bytearray(bundle.read_bytes())
    place = raw.index(b'"amount_minor":"') + len(b'"amount_minor":"')
    raw[place] = raw[place] + 1 if raw[place] < ord("9") else raw[place] - 1
    copy = bundle.with_suffix(".tampered.json")
    copy.write_bytes(bytes(raw))
    return copy


def settlement_report(
    operator: Client, told: Told, *, bundle: Path, checks: dict[str, Any], messages: Path, chain_id: int
) -> dict[str, Any]:
    """One settlement of the demo's JSON."""
    view = operator.get(f"/settlements/{told.settlement}")
    trade = operator.get(f"/trades/{told.settlement}")
    events = operator.get(f"/settlements/{told.settlement}/events")["events"]
    transactions = [
        {"event": event["event"], "hash": event["facts"]["transaction"], "block": event["facts"]["block"]}
        for event in events
        if "transaction" in event["facts"]
    ]
    decisions = [entry for entry in view["decisions"] if entry]
    return {
        "id": told.settlement,
        "story": told.story,
        "rail": trade["terms"]["venue"]["rail"],
        "state": view["state"],
        "invoice": {
            "number": trade["terms"]["invoice_number"],
            "sha256": trade["terms"]["invoice_sha256"],
            "supplied": [f"{name} (simulated)" for name in trade["terms"]["supplied"]],
        },
        "amounts": {
            name: view[name]
            for name in ("asset", "price_minor", "fee_minor", "released_minor", "refunded_minor", "held_minor")
        },
        "quote": trade["terms"]["quote"],
        "decision": {
            "verdict": decisions[-1]["verdict"],
            "reasons": decisions[-1]["reasons"],
            "lists": decisions[-1]["lists"],
        }
        if decisions
        else None,
        "chain_id": chain_id,
        "escrow": view["escrow"],
        "transactions": transactions,
        "ledger_transfers": operator.get("/ledger/transfers", settlement=told.settlement)["transfers"],
        "messages": sorted(str(path) for path in messages.glob(f"{told.settlement}-*.xml")),
        "bundle": str(bundle),
        "checks": checks.get("checks", []),
        "seconds": told.seconds,
        "said": told.said,
    }
