"""What the machine itself can do in this run: durable writes and hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from .frame import Figure, Run, per_second


def limits(run: Run) -> Iterator[Figure]:
    """Small durable writes a second, the limit of commits; and hashes a second, the limit of the log."""
    with (run.folder / "fdatasync").open("wb", buffering=0) as file:

        def once() -> None:
            file.write(b"x" * 512)
            os.fdatasync(file.fileno())

        yield Figure("limits.fdatasync_per_s", "fdatasync of 512 bytes", per_second(once))
    pair = bytes(65)
    thousand = per_second(lambda: [hashlib.sha256(pair).digest() for _ in range(1_000)], 1_000)
    yield Figure("limits.hash_per_s", "SHA-256 of a node of the log (65 bytes)", thousand)
