"""The registry's settings: who holds which charter key, how many must sign, and what one change makes of them.

Says again, before anything is sent, what the contract (`rails/contracts/Registry.vy`) demands after a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .canonical import Json, hex0x
from .eip712 import address_bytes
from .errors import Invalid, Refused, declare

ROLES = ("owner", "passport", "authority", "trustee")  # in the contract's order, from 0
CHANGES = ("grant", "revoke", "require")  # in the contract's order, from 1
SIGNATURES_MAX = 5  # of one act. Source: rails/contracts/signatures.vy MAX_SIGNATURES
CONFIRMATIONS_MAX = 20  # of one proposal. Source: rails/contracts/Registry.vy MAX_CONFIRMATIONS
SIGNERS_MAX = 40  # of one role, as far as we keep and show them

declare(
    "Refused",
    setting_as_it_is="The contract's setting is already what the change would make it.",
    setting_breaks_quorum="After the change fewer keys would be left than must sign, or more would be asked than can.",
)


@dataclass(frozen=True, slots=True)
class Quorum:
    """The keys (0x addresses, lower case, ascending) of one role, and how many of them must sign."""

    signers: tuple[str, ...] = ()
    required: int = 0


@dataclass(frozen=True, slots=True)
class ContractSettings:
    """What the registry at `registry` said at a final block: each role's quorum. Times are Unix seconds."""

    registry: str
    roles: Mapping[str, Quorum]
    block: int
    block_time: int

    def roles_json(self) -> Json:
        """The roles as they are kept and shown."""
        return {role: {"signers": list(kept.signers), "required": kept.required} for role, kept in self.roles.items()}


def roles_of(body: Mapping[str, Any]) -> dict[str, Quorum]:
    """Reads what `roles_json` wrote."""
    return {role: Quorum(tuple(body[role]["signers"]), int(body[role]["required"])) for role in ROLES}


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One change: grant a role to `who`, revoke it, or ask for `required` signers. 0: as many as before."""

    change: str
    role: str
    who: str = ""
    required: int = 0

    @classmethod
    def from_json(cls, body: Json) -> SettingChange:
        """Reads a proposal's body. Raises: Invalid(malformed)."""
        change, role, who = body.get("change"), body.get("role"), body.get("who", "")
        required = body.get("required", 0)
        if change not in CHANGES:
            raise Invalid("malformed", f"change is one of {', '.join(CHANGES)}.", path="body.change")
        if role not in ROLES:
            raise Invalid("malformed", f"role is one of {', '.join(ROLES)}.", path="body.role")
        low = 1 if change == "require" else 0
        if isinstance(required, bool) or not isinstance(required, int) or not low <= required <= CONFIRMATIONS_MAX:
            told = f"required is a whole number from {low} to {CONFIRMATIONS_MAX}."
            raise Invalid("malformed", told, path="body.required")
        if change == "require":
            if who:
                raise Invalid("malformed", "Nobody is named where only the number changes.", path="body.who")
            return cls(change, role, "", required)
        if not isinstance(who, str) or not any(address_bytes(who)):
            raise Invalid("malformed", "who is a 0x address, and not the empty one.", path="body.who")
        return cls(change, role, hex0x(address_bytes(who)), required)


def changed(roles: Mapping[str, Quorum], change: SettingChange) -> Quorum:
    """The role's quorum after the change. Raises: Refused(setting_as_it_is, setting_breaks_quorum)."""
    before = roles[change.role]
    signers, required = before.signers, change.required or before.required
    if change.change == "require" and required == before.required:
        raise Refused("setting_as_it_is", f"{required} must sign as {change.role} already.")
    if (change.change == "grant") == (change.who in signers) and change.who:
        state = "is among" if change.change == "grant" else "is not among"
        raise Refused("setting_as_it_is", f"{change.who} {state} the keys of {change.role}.")
    if change.change == "grant":
        signers = tuple(sorted((*signers, change.who)))
    elif change.change == "revoke":
        signers = tuple(one for one in signers if one != change.who)
    most = CONFIRMATIONS_MAX if change.role == "owner" else SIGNATURES_MAX
    if not signers or len(signers) > SIGNERS_MAX or not 1 <= required <= min(len(signers), most):
        said = f"{required} of {len(signers)} keys would sign as {change.role}"
        raise Refused("setting_breaks_quorum", f"{said}; it is at least one, and at most {most} and all of them.")
    return Quorum(signers, required)


@dataclass(frozen=True, slots=True)
class Executed:
    """A change that the registry executed, as a final block shows; `transaction` is empty where others executed it."""

    block: int
    transaction: str = ""


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """What became of a confirmed change, for good: `executed` in a final block, or `failed`, and why."""

    change: str
    state: str
    at: int
    block: int = 0
    transaction: str = ""
    why: str = ""
