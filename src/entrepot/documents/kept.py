"""Keeps what was read lately by the SHA-256 of its bytes: every check of a settlement reads the same documents."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

DOCUMENTS_KEPT = 4_096  # of each reader; the bytes themselves are not kept

Read = TypeVar("Read")


def kept(read: Callable[[bytes], Read]) -> Callable[[bytes], Read]:
    """`read`, which asks again only for bytes that it has not read lately. What it raises is not kept."""
    found: dict[bytes, Read] = {}
    lock = threading.Lock()

    @wraps(read)
    def reading(raw: bytes) -> Read:
        digest = hashlib.sha256(raw).digest()
        known = found.get(digest)
        if known is None:
            known = read(raw)
            with lock:
                found[digest] = known
                if len(found) > DOCUMENTS_KEPT:
                    del found[next(iter(found))]
        return known

    return reading
