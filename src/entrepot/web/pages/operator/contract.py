"""The contract's settings in words: whose keys it obeys, how many must sign, and a change of either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from starlette.datastructures import FormData

from ...language import Language, marked

FIELDS = ("who", "signers", "required")
SHOWN_CHARS = 6  # of an address, at either end
# Role → its name, and what its keys are for.
ROLES = {
    "owner": (marked("Owners"), marked("change these settings")),
    "passport": (marked("Passport signers"), marked("allow each payment")),
    "authority": (marked("Authority"), marked("freeze and block by order")),
    "trustee": (marked("Trustees"), marked("sign passports if the operator has vanished")),
}
OUTCOMES = {
    "under_way": ("waits", marked("On its way to the chain")),
    "executed": ("final", marked("Executed on the chain")),
    "failed": ("stopped", marked("Failed on the chain")),
}


def told(settings: Mapping[str, Any] | None, language: Language) -> dict[str, Any] | None:
    """The settings as a table: (role, what for, keys, how many must sign), and of which block; None while unread."""
    if settings is None:
        return None
    rows = [
        (
            language.say(name),
            language.say(purpose),
            [_short(key) for key in settings["roles"][role]["signers"]],
            language.tell(
                marked("{required} of {count}"),
                required=language.number(settings["roles"][role]["required"]),
                count=language.number(len(settings["roles"][role]["signers"])),
            ),
        )
        for role, (name, purpose) in ROLES.items()
    ]
    return {**settings, "rows": rows, "names": [(role, language.say(name)) for role, (name, _) in ROLES.items()]}


def becomes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The keys and how many must sign after a change, where `before` says what they were."""
    who, signers = after.get("who", "").lower(), before.get("signers", [])
    if after["change"] == "grant":
        signers = [*signers, who]
    elif after["change"] == "revoke":
        signers = [key for key in signers if key != who]
    return {"signers": signers, "required": after.get("required") or before.get("required", 0)}


def value(found: Any, language: Language) -> str | Markup:
    """A key whole, several in short, a number as people read it."""
    if isinstance(found, list):
        return Markup('<span class="keys">{}</span>').format(Markup(" ").join(_short(key) for key in found))
    if isinstance(found, int):
        return language.number(found)
    return Markup('<code dir="ltr">{}</code>').format(found)


def _short(key: str) -> Markup:
    shown = f"{key[: 2 + SHOWN_CHARS]}…{key[-SHOWN_CHARS:]}"
    return Markup('<code dir="ltr" title="{}">{}</code>').format(key, shown)


def body(form: FormData, _: int) -> dict[str, Any]:
    """What the form proposes; a field that is left empty is not sent."""
    said: dict[str, Any] = {name: str(form.get(name, "")) for name in ("change", "role")}
    who, required = str(form.get("who", "")).strip(), str(form.get("required", "")).strip()
    said |= {"who": who} if who else {}
    return said | (
        {"required": int(required) if required.isdecimal() and len(required) < 4 else -1} if required else {}
    )
