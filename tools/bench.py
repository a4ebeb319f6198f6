"""How fast the parts are on this machine: one line a part, median of some rounds. Nothing here is a promise.

Every part measured is the real one. Amounts of work are bounded; the whole takes about half a minute.
"""

from __future__ import annotations

import itertools
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

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
from entrepot.core.ledger import AccountClass, Answer, Phase, Transfer, account
from entrepot.documents.invoice import read_invoice
from entrepot.documents.samples import cii_invoice, coffee_trade, json_invoice, ubl_invoice
from entrepot.screening.entity import Subject
from entrepot.screening.lists import invented
from entrepot.screening.matching import Index, screen
from entrepot.store import embedded
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore

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


def screening() -> dict[str, float]:
    """Names against the invented list; the first look loads the tables of names, and is not counted."""
    index = Index([invented(now=int(time.time()))])
    subjects = [Subject("organization", f"Example Trading {place} Ltd", "SG") for place in range(50)]
    return {
        "names screened (invented list)": per_second(lambda: [screen(one, index) for one in subjects], len(subjects))
    }


def fsyncs(folder: Path) -> float:
    """Small durable writes a second: the physical limit of a commit on this disk."""
    with (folder / "fsync").open("wb", buffering=0) as file:

        def once() -> None:
            file.write(b"x" * 512)
            os.fdatasync(file.fileno())

        return per_second(once)


def ledger() -> dict[str, float]:
    """Durable postings through the store (fsync on), beside what the disk itself can do in the same run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        limit = fsyncs(folder)
        server = embedded.start(folder / "postgres")
        try:
            migrate(server.owner_dsn)
            store = PostgresStore(master_key=bytes(32), work_dsn=server.work_dsn)
            rates = {"fdatasync of 512 bytes (the limit of this disk)": limit}
            for batch in (1, 100, 8_000):
                rates[f"transfers posted, batches of {batch:,}"] = per_second(_posting(store, batch), batch)
            rates["commits of one transfer for each fdatasync"] = rates["transfers posted, batches of 1"] / limit
            store.close()
        finally:
            server.stop()
    return rates


def _posting(store: PostgresStore, batch: int) -> Callable[[], None]:
    """Posts `batch` fresh transfers among ten accounts in one transaction."""
    accounts = [account(AccountClass.OUTSIDE, f"bench{place}", "bench") for place in range(10)]
    count = itertools.count()
    with store.work() as tx:
        tx.ledger.open_accounts(accounts)

    def act() -> None:
        base = int(time.time() * 1000) << 80
        transfers = [
            Transfer(
                id=f"{base + next(count) + (batch << 60):032x}",
                debit=accounts[place % 10].id,
                credit=accounts[(place + 3) % 10].id,
                amount_minor=1 + place,
                phase=Phase.POSTED,
                event="bench",
                at=0,
            )
            for place in range(batch)
        ]
        with store.work() as tx:
            answers = tx.ledger.post(transfers)
        assert all(answer is Answer.POSTED for answer in answers)

    return act


PARTS = (core, documents, screening, ledger)


def main() -> int:
    """Prints the table, part by part."""
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    for part in PARTS:
        for name, rate in part().items():
            unit = "   " if "for each" in name else " /s"
            print(f"{rate:>12,.2f}{unit}  {name}" if rate < 10 else f"{rate:>12,.0f}{unit}  {name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
