"""How a rule of the simulator says that it is broken."""

from __future__ import annotations


class Violation(BaseException):
    """Something that must be true is not; no handler of ours may catch it. `rule` names it."""

    def __init__(self, rule: str, says: str) -> None:
        super().__init__(f"{rule}: {says}")
        self.rule = rule


def unless(is_so: bool, rule: str, says: object) -> None:
    """Raises: Violation if it is not so."""
    if not is_so:
        raise Violation(rule, str(says))
