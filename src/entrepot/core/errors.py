"""The four kinds of refusal and every code that may leave a door. Anything else that fails is our defect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Code:
    """One stable error code: `kind` is the class that carries it, `meaning` is what docs/errors.md prints."""

    code: str
    kind: str
    meaning: str


class EntrepotError(Exception):
    """A refusal with a stable `code`, a sentence, the `path` in the input it is about, and what it `cites`."""

    kind: ClassVar[str]
    http_status: ClassVar[int]
    exit_code: ClassVar[int]

    def __init__(self, code: str, message: str, *, path: str = "", cites: tuple[str, ...] = ()) -> None:
        assert CODES[code].kind == self.kind, f"{code} is declared as {CODES[code].kind}, raised as {self.kind}"
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.cites = cites


class Unknown(EntrepotError):
    """Not there, or not yours: the two look alike."""

    kind, http_status, exit_code = "Unknown", 404, 2


class Unauthenticated(Unknown):
    """Nobody we know signed this request."""

    kind, http_status, exit_code = "Unauthenticated", 401, 2


class Invalid(EntrepotError):
    """The input is malformed; the caller mends it."""

    kind, http_status, exit_code = "Invalid", 422, 2


class Refused(EntrepotError):
    """The input is sound and a rule says no; the caller does not retry."""

    kind, http_status, exit_code = "Refused", 409, 3


class Unavailable(EntrepotError):
    """No final answer from outside; the caller retries with the same idempotency key."""

    kind, http_status, exit_code = "Unavailable", 503, 4


class TooMany(Unavailable):
    """Somebody tries too often; the caller waits."""

    kind, http_status, exit_code = "TooMany", 429, 4


CODES: dict[str, Code] = {}


def declare(kind: str, **meanings: str) -> None:
    """Adds codes to the one table; a code is declared once, beside the rule that raises it."""
    for code, meaning in meanings.items():
        declared = Code(code=code, kind=kind, meaning=meaning)
        assert CODES.setdefault(code, declared) == declared, f"error code {code} is declared twice"


declare("Unknown", not_found="There is no such thing, or it is not yours to see.")
declare("Unauthenticated", not_signed_in="The request carries no valid credential.")
declare(
    "Invalid",
    malformed="The input does not have the shape this door takes.",
    amount_out_of_range="An amount is not a whole number of minor units between 1 and 2^127 - 1.",
    amount_too_fine="An amount has more decimals than its asset has.",
    asset_mismatch="Two amounts in different assets were put together.",
    asset_unknown="The asset is not in the registry of this deployment.",
)
declare("Refused", not_allowed="Your role does not allow this act.")
declare("Unavailable", outside_unavailable="A system outside did not give a final answer in time.")
