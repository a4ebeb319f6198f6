"""Tell: messages to banks are made with their cause, kept as the bytes that were sent, and written to a folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.core.canonical import hex0x
from entrepot.core.crypto import sha256
from entrepot.core.money import Money
from entrepot.core.settlement import Settlement
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.payment import Agent, SettledPayment
from entrepot.store.records import Paper

from ..checks.check import read_terms
from ..step.batch import Batch
from ..step.context import Context

MODE = 0o600
WRITERS = 8  # files on their way to the disk at once: what waits for the disk waits together


@dataclass(frozen=True)
class Messages:
    """Messages of one event: made before it, so that the log holds their hashes; sent with it."""

    bodies: dict[str, tuple[bytes, tuple[str, ...]]]

    def hashes(self) -> dict[str, dict[str, str]]:
        """What the event says of them."""
        return {"messages": {kind: hex0x(sha256(body)) for kind, (body, _) in sorted(self.bodies.items())}}

    def send(self, batch: Batch, settlement: Settlement) -> None:
        """Keeps each as the bytes that go out, and queues it."""
        for kind, (body, visible_to) in self.bodies.items():
            paper = batch.keep(
                settlement, kind, body, owner=visible_to[0], visible_to=visible_to, media="application/xml"
            )
            batch.send(f"{settlement.id}:{settlement.seq}:{kind}", "message", settlement.id, {"paper": paper.id})


def paid_messages(batch: Batch, settlement: Settlement, direction: str, facts: dict[str, Any]) -> Messages:
    """pacs.008 to the receiver's bank and camt.054 to both sides, for one payout that is final on the rail."""
    terms, regime = read_terms(batch, settlement), batch.ctx.regime(batch.now)
    asset = terms.price.asset
    payment = SettledPayment.of(
        terms,
        direction=direction,
        amount=Money(int(facts["amount_minor"]), asset),
        fee=Money(int(facts.get("fee_minor", 0)), asset),
        transaction=facts["transaction"],
        block=int(facts["block"]),
        settled_at=int(facts["block_time"]),
        operator=Agent(regime.operator),
        holder=regime.escrow_holder,
        escrow=settlement.escrow,
    )
    both, payee = (
        (settlement.seller, settlement.buyer),
        settlement.seller if direction == "release" else settlement.buyer,
    )
    bodies = {"pacs.008": (pacs_008(payment), both), "camt.054.credit": (camt_054(payment, "credit"), (payee,))}
    if direction == "release":
        bodies["camt.054.debit"] = (camt_054(payment, "debit"), (settlement.buyer,))
    return Messages(bodies)


def deliver(ctx: Context, papers: Sequence[Paper]) -> None:
    """Writes messages to the folder, each whole or not at all; the same message again changes nothing."""
    folder = Path(ctx.policy.message_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=min(WRITERS, len(papers) or 1)) as pool:
        list(pool.map(lambda paper: _write(folder, paper), papers))
    _sync_names(folder)


def _write(folder: Path, paper: Paper) -> None:
    temporary = f"{folder}/.{secrets.token_hex(8)}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        left = memoryview(paper.body)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(temporary, f"{folder}/{message_name(paper)}")


def _sync_names(folder: Path) -> None:
    """The files are on the disk; now so are their names, all of them at once."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def message_name(paper: Paper) -> str:
    """The file name of a message: settlement, event number and type."""
    return f"{paper.settlement}-{paper.seq:03d}-{paper.kind}.xml"
