"""Ids are ordered in time, a settlement leaves room for its transfers, and no two transfers share one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core.errors import Invalid
from entrepot.core.ids import (
    ATTEMPT_MAX,
    LEG_MAX,
    STEP_MAX,
    SettlementId,
    new_id,
    new_settlement_id,
    parse_id,
    transfer_id,
)

ENTROPY = bytes(range(10))
SETTLEMENT = new_settlement_id(1_790_000_000_000, ENTROPY)
PLACES = st.tuples(st.integers(1, STEP_MAX), st.integers(0, LEG_MAX), st.integers(0, ATTEMPT_MAX))


def test_an_id_is_its_time_and_then_its_entropy() -> None:
    assert new_id(1_790_000_000_000, ENTROPY) == "01a0c4506c00" + "00010203040506070809"
    assert SETTLEMENT == "01a0c4506c00" + "00010203040506" + "000000"


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
def test_ids_sort_by_time(first: int, second: int) -> None:
    assert (new_id(first, ENTROPY) < new_id(second, ENTROPY)) == (first < second)


@pytest.mark.parametrize(("at_ms", "entropy"), [(-1, ENTROPY), (2**48, ENTROPY), (0, ENTROPY[1:]), (0, b"\0" * 11)])
def test_time_or_entropy_out_of_range_is_our_defect(at_ms: int, entropy: bytes) -> None:
    with pytest.raises(AssertionError):
        new_id(at_ms, entropy)


@given(PLACES, PLACES)
def test_two_transfers_share_an_id_only_if_they_are_one(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    ids = [transfer_id(SETTLEMENT, step=step, leg=leg, attempt=attempt) for step, leg, attempt in (first, second)]
    assert (ids[0] == ids[1]) == (first == second)
    assert all(one[:26] == SETTLEMENT[:26] and one != SETTLEMENT for one in ids)


def test_step_leg_and_attempt_stand_where_they_are_read() -> None:
    assert transfer_id(SETTLEMENT, step=1, leg=0)[-6:] == "001000"
    assert transfer_id(SETTLEMENT, step=0x123, leg=1, attempt=2)[-6:] == "123042"


@pytest.mark.parametrize(
    ("step", "leg", "attempt"),
    [(0, 0, 0), (STEP_MAX + 1, 0, 0), (1, -1, 0), (1, LEG_MAX + 1, 0), (1, 0, -1), (1, 0, ATTEMPT_MAX + 1)],
)
def test_a_place_without_room_is_our_defect(step: int, leg: int, attempt: int) -> None:
    with pytest.raises(AssertionError):
        transfer_id(SETTLEMENT, step=step, leg=leg, attempt=attempt)


def test_only_a_settlement_has_transfers() -> None:
    with pytest.raises(AssertionError):
        transfer_id(SettlementId(new_id(0, ENTROPY)), step=1, leg=0)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 32 + "\n", "0x" + "0" * 30])
def test_what_is_no_id_is_refused(text: str) -> None:
    assert parse_id("0a" * 16) == "0a" * 16
    with pytest.raises(Invalid) as refused:
        parse_id(text, path="settlement")
    assert (refused.value.code, refused.value.path) == ("malformed", "settlement")
