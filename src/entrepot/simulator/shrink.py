"""Makes a failing run short: actions are left out as long as the same rule is still broken, then it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .acts import Action, tell
from .run import Outcome, Stores, in_memory, replay

REPLAYS_MAX = 120


def shrunk(outcome: Outcome, *, stores: Stores = in_memory, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """The shortest run found that breaks the same rule; the run itself if it does not fail again when replayed."""
    assert outcome.rule, "only a run that failed is shrunk"
    best = replay(outcome.seed, outcome.actions, stores=stores)
    if best.rule != outcome.rule:
        return outcome
    left = REPLAYS_MAX
    size = max(1, len(best.actions) // 2)
    while size and left:
        start, was = 0, len(best.actions)
        while start < len(best.actions) and left:
            left -= 1
            shorter = _without(best.actions, start, size)
            tried = replay(outcome.seed, shorter, stores=stores)
            if tried.rule == outcome.rule:
                best = tried
                say(f"{len(best.actions)} actions")
            else:
                start += size
        size = size // 2 if len(best.actions) == was or size > 1 else size
    return best


def _without(actions: Sequence[Action], start: int, size: int) -> list[Action]:
    return [*actions[:start], *actions[start + size :]]


def story(outcome: Outcome) -> list[str]:
    """A failing run as numbered sentences."""
    lines = [f"Seed {outcome.seed} breaks a rule: {outcome.says}"]
    lines += [f"{place:>3}. {tell(action)}" for place, action in enumerate(outcome.actions, 1)]
    return [*lines, "     Then faults end, officers look at what waits for them, and time passes."]
