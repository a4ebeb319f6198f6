"""The charter's registry on a chain: its settings at the last final block, and one change by its owners, once.

Every transaction is in the Journal before it is on the wire, and the next one follows only when the one before is in
a final block: the number of a proposal that a reorganisation could give to another is never confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entrepot.core.canonical import hex0x
from entrepot.core.charter import (
    CHANGES,
    ROLES,
    ContractSettings,
    Executed,
    Quorum,
    SettingChange,
    changed,
)
from entrepot.core.errors import Refused, Unavailable, declare

from .abi import Contract, Event
from .contracts import artifact
from .evm import EvmRail
from .evm_calls import CallData
from .evm_events import Log, log_of
from .evm_sender import EvmSender
from .node import answered
from .rail import OperationState, Signer

REGISTRY = Contract(artifact("Registry")["abi"])
EVENTS: dict[str, Event] = {event.name: event for event in REGISTRY.events.values()}
NOBODY = "0x" + "00" * 20
STRETCH = 1_000  # blocks whose logs are asked for at once
_SETTINGS = [hex0x(EVENTS[name].topic) for name in ("Granted", "Revoked", "RequiredChanged")]

declare("Refused", registry_refused="The registry contract would refuse the change; the sentence says why.")


class EvmRegistry:
    """The registry of a deployment. `owners` are the owners' keys that this worker holds; others' may confirm, too."""

    def __init__(self, rail: EvmRail, owners: Sequence[Signer]) -> None:
        self.rail, self.chain = rail, rail.evm
        self.address, self.first_block = rail.deployment.registry, rail.deployment.registry_block
        self.journal = rail.sender.journal
        self.senders = {
            owner.address: EvmSender(
                rail.evm, rail.contracts, owner, self.journal, rail.sender.policy, rail.sender.now, callee="registry"
            )
            for owner in owners
        }

    # ---------------------------------------------------------------- reading

    def read(self, kept: ContractSettings | None = None) -> ContractSettings:
        """The settings at the last final block, from those `kept` on if they are this registry's.

        Members are known from the registry's events, and each is asked for again. Raises: Unavailable.
        """
        self._require_running()
        final = self.chain.final()
        if kept is not None and kept.registry != self.address:
            kept = None
        if kept is not None and kept.block >= final.number:
            return kept
        members = {role: set(kept.roles[role].signers) if kept else set() for role in ROLES}
        required = {role: kept.roles[role].required if kept else 0 for role in ROLES}
        first = kept.block + 1 if kept else self.first_block
        for log in self._logs(_SETTINGS, first, final.number):
            event = REGISTRY.events[log.topics[0]]
            told = event.decode(log.topics, log.data)
            role = ROLES[int(told["role"])]
            if event.name == "Granted":
                members[role].add(str(told["who"]).lower())
            elif event.name == "Revoked":
                members[role].discard(str(told["who"]).lower())
            else:
                required[role] = int(told["required"])
        roles = {role: Quorum(tuple(sorted(members[role])), required[role]) for role in ROLES}
        self._require_so(roles, hex(final.number))
        return ContractSettings(self.address, roles, final.number, final.time)

    def _logs(self, topics: list[str], first: int, last: int) -> list[Log]:
        found: list[Log] = []
        for start in range(first, last + 1, STRETCH):
            span = {"fromBlock": hex(start), "toBlock": hex(min(start + STRETCH - 1, last))}
            asked = span | {"address": self.address, "topics": [topics]}
            found += [log_of(entry) for entry in answered(self.chain.node.batch([("eth_getLogs", [asked])])[0])]
        return found

    def _require_so(self, roles: Mapping[str, Quorum], block: str) -> None:
        """The registry itself says of each role and each key what its events add up to. Raises: Unavailable."""
        for number, role in enumerate(ROLES):
            told = (self._asked("members", number, block=block), self._asked("required", number, block=block))
            has_all = all(self._asked("has_role", number, who, block=block) for who in roles[role].signers)
            if not has_all or told != (len(roles[role].signers), roles[role].required):
                raise Unavailable("outside_unavailable", f"The node's logs and the registry differ about {role} keys.")

    def _asked(self, name: str, *args: Any, block: str) -> Any:
        return self.chain.call(self.address, REGISTRY.function(name, len(args)), *args, block=block)

    # ---------------------------------------------------------------- changing

    def perform(self, once: str, change: SettingChange, settings: ContractSettings) -> Executed | None:
        """Proposes, confirms and executes a change under `once`, a step at a time; None while a final block is awaited.

        Asked again after any interruption, it goes on with what it sent. Raises: Refused(registry_refused,
        setting_as_it_is, setting_breaks_quorum), Unavailable.
        """
        self._require_running()
        owners = [address for address in settings.roles["owner"].signers if address in self.senders]
        kept = self.journal.sent(f"{once}:propose")
        if kept is None:
            changed(settings.roles, change)
            needed = settings.roles["owner"].required
            if len(owners) < needed:
                raise Refused(
                    "registry_refused", f"{needed} owners must confirm, and {len(owners)} of their keys are here."
                )
        proposer = kept.sender if kept is not None else owners[0]
        proposed = self._sent(once, "propose", proposer, lambda: _proposal(change))
        if proposed is None:
            return None
        number = self._number(proposed.transaction)
        if self.journal.sent(f"{once}:execute") is None:
            final = self.chain.final().number
            if self._is_executed(number, hex(final)):
                return Executed(final)
            if not self._confirmed(once, number, [one for one in owners if one != proposer], hex(final)):
                return None
        executed = self._sent(once, "execute", proposer, lambda: REGISTRY.call("execute", number))
        return Executed(executed.block_number or 0, executed.transaction) if executed else None

    def _confirmed(self, once: str, number: int, others: Sequence[str], block: str) -> bool:
        """True once as many owners as must have confirmed by `block`; one more key of ours confirms at a time."""
        needed, have = self._asked("required", 0, block=block), self._asked("confirmations", number, block=block)
        if have >= needed:
            return True
        for place in range(needed - 1):
            confirmer = others[place] if place < len(others) else ""
            if self._sent(once, f"confirm-{place + 2}", confirmer, lambda: REGISTRY.call("confirm", number)) is None:
                return False
        return True

    def _sent(self, once: str, act: str, owner: str, data: Callable[[], bytes]) -> OperationState | None:
        """The state of a transaction that is in a final block, sent now if it was not yet; None while it waits.

        Raises: Refused(registry_refused) if the registry says no, or said so in a final block.
        """
        name = f"{once}:{act}"
        kept = self.journal.sent(name)
        sender = self.senders.get(kept.sender if kept is not None else owner)
        if sender is None:
            raise Refused("registry_refused", f"The key of the owner who is to {act.partition('-')[0]} is not here.")
        try:
            sender.submit_call(name, lambda: CallData(self.address, data()), kind=f"registry_{act.partition('-')[0]}")
        except Refused as error:
            raise Refused("registry_refused", error.message) from None
        state = sender.state_of(name)
        if state.name == "final":
            return state
        if state.has_ended:
            raise Refused("registry_refused", f"Transaction {state.transaction} had no effect: {state.reason}.")
        sender.tend()
        return None

    def _number(self, transaction: str) -> int:
        """The number of the proposal that a transaction made. Raises: Unavailable."""
        receipt = answered(self.chain.node.batch([("eth_getTransactionReceipt", [transaction])])[0])
        for log in map(log_of, (receipt or {}).get("logs", [])):
            if log.emitter == self.address and log.topics[0] == EVENTS["Proposed"].topic:
                return int(EVENTS["Proposed"].decode(log.topics, log.data)["number"])
        raise Unavailable("outside_unavailable", f"The node does not show the proposal that {transaction} made.")

    def _is_executed(self, number: int, block: str) -> bool:
        return bool(self._asked("proposals", number, block=block)["is_executed"])

    def _require_running(self) -> None:
        if self.rail.watcher.alarm:
            raise Unavailable("rail_stopped", f"Nothing is read or sent: {self.rail.watcher.alarm}.")


def _proposal(change: SettingChange) -> bytes:
    kind, role = CHANGES.index(change.change) + 1, ROLES.index(change.role)
    return REGISTRY.call("propose", kind, role, change.who or NOBODY, change.required)
