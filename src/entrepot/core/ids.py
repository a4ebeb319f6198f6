"""Ids: 128 bits, time-ordered, written as 32 hex digits. Random ids cost a third of the posting rate."""

from __future__ import annotations

import re
from typing import NewType

from .errors import Invalid

SettlementId = NewType("SettlementId", str)
TransferId = NewType("TransferId", str)
ParticipantId = NewType("ParticipantId", str)
PersonId = NewType("PersonId", str)

ENTROPY_BYTES = 10
TAIL_BITS = 24  # zero in a settlement's id; a transfer puts step, leg and attempt there
STEP_BITS, LEG_BITS, ATTEMPT_BITS = 12, 6, 6
STEP_MAX, LEG_MAX, ATTEMPT_MAX = 2**STEP_BITS - 1, 2**LEG_BITS - 1, 2**ATTEMPT_BITS - 1
_HEX = re.compile(r"[0-9a-f]{32}\Z")


def new_id(at_ms: int, entropy: bytes) -> str:
    """48 bits of Unix time in milliseconds, then 80 bits of `entropy`."""
    assert len(entropy) == ENTROPY_BYTES and 0 <= at_ms < 2**48
    return at_ms.to_bytes(6, "big").hex() + entropy.hex()


def new_settlement_id(at_ms: int, entropy: bytes) -> SettlementId:
    """As `new_id`, with the last 24 bits zero: they belong to the settlement's transfers."""
    return SettlementId(new_id(at_ms, entropy)[: -TAIL_BITS // 4] + "0" * (TAIL_BITS // 4))


def transfer_id(settlement: SettlementId, *, step: int, leg: int, attempt: int = 0) -> TransferId:
    """The id of one transfer: a retry of the same step gives the same id, so it is posted once."""
    assert int(settlement, 16) % 2**TAIL_BITS == 0, settlement
    assert 0 < step <= STEP_MAX and 0 <= leg <= LEG_MAX and 0 <= attempt <= ATTEMPT_MAX
    tail = (step << (LEG_BITS + ATTEMPT_BITS)) | (leg << ATTEMPT_BITS) | attempt
    return TransferId(f"{int(settlement, 16) | tail:032x}")


def is_id(text: str) -> bool:
    """Whether it is 32 hex digits."""
    return _HEX.match(text) is not None


def parse_id(text: str, *, path: str = "") -> str:
    """Returns `text` if it is an id. Raises: Invalid(malformed)."""
    if not is_id(text):
        raise Invalid("malformed", f"{text!r:.60} is not an id of 32 hex digits.", path=path)
    return text
