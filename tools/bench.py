"""How fast the parts are on this machine: one line a part, median of some rounds. Nothing here is a promise.

Every part measured is the real one. Amounts of work are bounded; the whole takes about half a minute.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date

from entrepot.core import log
from entrepot.core.canonical import canonical, parse_canonical
from entrepot.core.crypto import (
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    keccak256,
    secp256k1_address,
    secp256k1_recover,
    secp256k1_sign,
)
from entrepot.documents.invoice import read_invoice
from entrepot.documents.samples import cii_invoice, coffee_trade, json_invoice, ubl_invoice

ROUNDS = 5
ROUND_S = 0.3
"""Each round repeats the act for about this long."""


def per_second(act: Callable[[], object], items: int = 1) -> float:
    """Items a second, the median of the rounds; `act` does `items` of them."""
    act()
    rates = []
    for _ in range(ROUNDS):
        began, done = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < ROUND_S:
            act()
            done += items
        rates.append(done / took)
    return statistics.median(rates)


def core() -> dict[str, float]:
    """Hashing, signing and the log."""
    key, digest = b"\x11" * 32, keccak256(b"bench")
    signature, public = secp256k1_sign(key, digest), ed25519_public(key)
    note = ed25519_sign(key, digest)
    body = {"schema": "entrepot/bench/1", "facts": {f"k{place}": str(place) for place in range(20)}}
    raw = canonical(body)
    leaves = [keccak256(str(place).encode()) for place in range(1_000)]
    assert secp256k1_recover(signature, digest) and secp256k1_address(key)
    return {
        "canonical JSON written (20 members)": per_second(lambda: canonical(body)),
        "canonical JSON read back": per_second(lambda: parse_canonical(raw)),
        "secp256k1 signatures": per_second(lambda: secp256k1_sign(key, digest)),
        "secp256k1 signers recovered": per_second(lambda: secp256k1_recover(signature, digest)),
        "Ed25519 signatures": per_second(lambda: ed25519_sign(key, digest)),
        "Ed25519 verifications": per_second(lambda: ed25519_verify(public, note, digest)),
        "log leaves appended (batches of 1,000)": per_second(lambda: log.append(0, [], leaves), 1_000),
    }


def documents() -> dict[str, float]:
    """Reading the same invoice in each syntax."""
    facts = coffee_trade(number="BENCH-1", issue_date=date(2026, 11, 23))
    ubl, cii, ours = ubl_invoice(facts), cii_invoice(facts), json_invoice(facts)
    return {
        "UBL 2.1 invoices read": per_second(lambda: read_invoice(ubl)),
        "CII invoices read": per_second(lambda: read_invoice(cii)),
        "JSON invoices read": per_second(lambda: read_invoice(ours)),
    }


PARTS = (core, documents)


def main() -> int:
    """Prints the table, part by part."""
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    for part in PARTS:
        for name, rate in part().items():
            print(f"{rate:>12,.0f} /s  {name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
