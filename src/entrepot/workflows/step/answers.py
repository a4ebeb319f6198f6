"""What a worker answers to a door: a status and a body, or the problem (RFC 9457) an error becomes."""

from __future__ import annotations

import re
from typing import Any

from entrepot.core.canonical import Json
from entrepot.core.errors import CODES, EntrepotError, Invalid, Refused
from entrepot.core.lifecycle import STATES
from entrepot.core.settlement import Settlement
from entrepot.store.records import STAFF_ROLES, InboxItem


def answered(status: int, body: Json) -> Json:
    """An answer to keep with the inbox item."""
    return {"status": status, "body": body}


def problem(error: EntrepotError) -> Json:
    """The problem document of an error. Source: RFC 9457; `code`, `path` and `cites` are our extensions."""
    body: Json = {
        "type": f"urn:entrepot:error:{error.code}",
        "title": CODES[error.code].meaning,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
    }
    body |= {"path": error.path} if error.path else {}
    body |= {"cites": list(error.cites)} if error.cites else {}
    return answered(error.http_status, body)


def as_told(answer: Json, item: InboxItem, settlement: Settlement | None) -> Json:
    """The answer as far as this actor may be told: parties read the state they are shown, and no other in a refusal."""
    body = dict(answer["body"])
    if item.role in STAFF_ROLES or item.source == "rail":
        return answer
    if body.get("code") == "not_in_this_state":
        body["detail"] = "This act is not possible at this stage of the settlement."
    elif settlement is not None and body.get("state") == settlement.state.value:
        body["state"] = STATES[settlement.shown_state].public
    return answered(answer["status"], body)


def require_role(item: InboxItem, *roles: str) -> None:
    """Raises: Refused(not_allowed) unless the actor acts in one of `roles`."""
    if item.role not in roles:
        raise Refused("not_allowed", f"This is an act of {' or '.join(roles)}; you act as {item.role}.")


# What a company's engineer may do: propose and ask, keep keys and webhooks, and the sandbox. Never sign, pay or admit.
ENGINEER_MAY = frozenset(
    ("propose", "quote", "dry_run", "save_view", "delete_view", "open_session", "add_key", "end_credential",
     "end_others", "begin_sign_in", "sign_in", "begin_passkey", "add_passkey", "name_passkey", "remove_passkey",
     "begin_single_sign_on", "answer_single_sign_on", "remove_identity", "credential_used", "add_webhook",
     "change_webhook", "delete_webhook", "rotate_webhook", "test_webhook",
     "replay_webhook", "advance_clock", "start_fault", "end_fault")
)  # fmt: skip


def require_engineer_may(item: InboxItem) -> None:
    """Raises: Refused(not_allowed) for an engineer's act that is not on the list: what is new is not on it."""
    if item.role == "engineer" and item.kind not in ENGINEER_MAY:
        raise Refused("not_allowed", "An engineer reads, proposes and integrates; signing and paying are others' acts.")


def text_in(body: Json, name: str, *, chars_max: int = 2_000) -> str:
    """A required text. Raises: Invalid(malformed)."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > chars_max:
        raise Invalid("malformed", f"{name} is a text of 1 to {chars_max} characters.", path=name)
    return value


def whole_in(body: Json, name: str, *, default: int | None = None, low: int = 0, high: int = 2**53) -> int:
    """A whole number between `low` and `high`. Raises: Invalid(malformed)."""
    value: Any = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid("malformed", f"{name} is a whole number from {low} to {high}.", path=name)
    return value


_SIGNATURE = re.compile(r"0x([0-9a-f]{2}){65,1024}\Z")


def signature_in(body: Json) -> str:
    """A 0x-hex signature of 65 to 1024 bytes. Raises: Invalid(malformed)."""
    value = body.get("signature")
    if not isinstance(value, str) or not _SIGNATURE.match(value):
        raise Invalid("malformed", "signature is 0x-hex of at least 65 bytes.", path="signature")
    return value
