"""In which order cases stand in the officers' queue, and that a score means something in it."""

from __future__ import annotations

import random
from typing import Any

from entrepot.api.cases import urgency
from entrepot.screening.entity import Subject
from entrepot.screening.lists import invented
from entrepot.screening.matching import Index, screen

NOW, DAY_S = 1_800_000_000, 86_400
SEED = 4


def case(name: str, *, days: float, held: int = 0, score_bps: int = 8_000) -> dict[str, Any]:
    return {"id": name, "due_at": NOW + int(days * DAY_S), "held_minor": str(held), "score_bps": score_bps}


def test_what_needs_a_human_first_stands_first_whatever_order_it_came_in() -> None:
    wanted = [
        case("due today, money held", days=0.9, held=5),
        case("overdue", days=-1),
        case("due today", days=0.9),
        case("money held, alike", days=3, held=5, score_bps=9_000),
        case("money held, less alike", days=2, held=5, score_bps=8_000),
        case("alike, due earlier", days=2, score_bps=9_000),
        case("alike, due later", days=3, score_bps=9_000),
        case("less alike", days=1.5, score_bps=8_999),
    ]
    mixed, chance = list(wanted), random.Random(SEED)
    for _ in range(50):
        chance.shuffle(mixed)
        assert [one["id"] for one in sorted(mixed, key=lambda one: urgency(one, NOW))] == [one["id"] for one in wanted]


def test_scores_do_not_saturate_what_is_more_alike_scores_higher() -> None:
    index = Index([invented(now=NOW)])
    subjects = (
        Subject("organization", "Meridian Trading FZE", "AE", (("registration", "FZE-990017"),)),
        Subject("organization", "Meridian Trading FZE", "AE"),
        Subject("organization", "Meridian Trading FZE"),
        Subject("organization", "Meridian Trading FZE", "SG"),
        Subject("organization", "Meridian Tradings FZE", "SG"),
    )
    scores = [screen(subject, index)[0].score_bps for subject in subjects]
    assert scores == sorted(set(scores), reverse=True), scores
