"""Lists, dispositions, reservations, the duplicate registry, settings under four eyes, and rails in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from entrepot.core.charter import ChangeOutcome, ContractSettings
from entrepot.core.errors import Refused, Unknown

from .many import Conflict
from .memory_settlements import SettlementTables
from .memory_tables import Access, Journal, Lists, Table, known_id, plain
from .records import Change, Cursor, Disposition, KeptReceipt, ListRow, SentTransaction

UNFINISHED = ("prepared", "sent", "mined")
TRANSACTION_STATES = (*UNFINISHED, "final", "failed", "dropped", "replaced")
NONCE_MAX = 2**64 - 2  # Source: EIP-2681
KNOWN = ("stop", "lift_stop", "caps", "list_source")  # what concerns everybody may be known to everybody
_CLOCK = "clock_offset_s"


@dataclass(frozen=True, slots=True)
class _Reservation:
    settlement: str
    participant: str
    amount_minor: int
    at: int
    is_live: bool = True


class CheckTables:
    """What checks and rails keep."""

    def __init__(self, journal: Journal) -> None:
        self.versions: Table[tuple[str, str], ListRow] = Table(journal)
        self.current: Table[str, str] = Table(journal)
        self.dispositions: Lists[str, Disposition] = Lists(journal)
        self.disposed: Table[int, Disposition] = Table(journal)  # the same, of all settlements
        self.reservations: Table[tuple[str, str], _Reservation] = Table(journal)
        self.invoices: Table[str, tuple[str, str]] = Table(journal)
        self.changes: Table[str, Change] = Table(journal)
        self.settings: Table[str, int] = Table(journal)
        self.sent: Table[str, SentTransaction] = Table(journal)
        self.receipts: Lists[str, KeptReceipt] = Lists(journal)
        self.cursors: Table[str, Cursor] = Table(journal)
        self.contract_settings: Table[str, ContractSettings] = Table(journal)
        self.outcomes: Table[str, ChangeOutcome] = Table(journal)


class MemoryChecks:
    """Lists, dispositions, the caps' reservations, the duplicate registry, settings under four eyes."""

    def __init__(self, tables: CheckTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def put_list(self, row: ListRow, *, after: str) -> None:
        """Makes it the current version if `after` is; the same again moves `verified_at`."""
        self._access.require_worker()
        if (self._tables.current.get(row.source) or "") != after:
            raise Conflict(f"another version of list {row.source} was loaded meanwhile")
        key = (row.source, row.version)
        known = self._tables.versions.get(key)
        assert known is None or known.sha256 == row.sha256, f"{row.version} of {row.source} is kept with other content"
        kept = known or replace(row, entities=tuple(plain(row.entities)))
        self._tables.versions.put(key, replace(kept, verified_at=row.verified_at))
        self._tables.current.put(row.source, row.version)

    def lists(self, *, with_entities: bool) -> list[ListRow]:
        """The current version of each source, by source. Entities are shared: they are read only."""
        rows = [self._tables.versions.get(key) for key in sorted(self._tables.current.items())]
        return [row if with_entities else replace(row, entities=()) for row in rows if row is not None]

    def put_disposition(self, disposition: Disposition) -> None:
        """Raises: Refused(same_person) if this person disposed of a hit of this settlement already."""
        self._access.require_worker()
        assert known_id(disposition.settlement) and known_id(disposition.person), "a disposition names both"
        assert disposition.verdict in ("clear", "refuse"), f"{disposition.verdict} is no verdict"
        for earlier in self._tables.dispositions.of(disposition.settlement):
            if earlier.person == disposition.person and set(earlier.hits) & set(disposition.hits):
                raise Refused("same_person", "A second person is needed: this one has disposed of a hit already.")
        self._tables.dispositions.append(disposition.settlement, disposition)
        self._tables.disposed.put(len(self._tables.disposed), disposition)

    def dispositions(self, settlement_id: str) -> list[Disposition]:
        """In the order in which they were given."""
        return self._tables.dispositions.of(settlement_id) if self._access.sees_all else []

    def dispositions_of(self, hits: Sequence[str]) -> list[Disposition]:
        """Those of any settlement that name one of these hits, in the order in which they were given."""
        if not self._access.sees_all:
            return []
        return [row for row in self._tables.disposed if set(row.hits) & set(hits)]

    def reserve(
        self, *, settlement: str, participant: str, amount_minor: int, cap_minor: int, since: int, at: int
    ) -> bool:
        """Takes headroom within the cap; what this settlement holds already is taken again."""
        self._access.require_worker()
        assert known_id(settlement) and known_id(participant), "a reservation names both"
        key = (settlement, participant)
        if self.reserved(participant, since=since, but_not=settlement) + amount_minor > cap_minor:
            return False
        assert amount_minor >= 0, "headroom is not given by reserving"
        self._tables.reservations.put(key, _Reservation(*key, amount_minor, at))
        return True

    def free(self, settlement: str, *, at: int) -> None:
        """Gives a settlement's reservations back."""
        self._access.require_worker()
        for key, row in self._tables.reservations.items():
            if row.settlement == settlement and row.is_live:
                self._tables.reservations.put(key, replace(row, is_live=False))

    def reserved(self, participant: str, *, since: int, but_not: str = "") -> int:
        """Unfreed reservations in minor units, without those of the settlement `but_not`."""
        return sum(
            row.amount_minor for row in self._tables.reservations
            if row.participant == participant and row.is_live and row.at >= since and row.settlement != but_not
            and self._access.sees_own(participant)
        )  # fmt: skip

    def reservations(self, settlements: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """(settlement, participant, minor units, at) of what these settlements hold."""
        wanted = set(settlements)
        return [
            (row.settlement, row.participant, row.amount_minor, row.at) for row in self._tables.reservations
            if row.settlement in wanted and row.is_live and self._access.sees_own(row.participant)
        ]  # fmt: skip

    def invoice(self, key: str) -> tuple[str, str] | None:
        """(settlement, fingerprint) of the live one that holds the key."""
        return self._tables.invoices.get(key)

    def register_invoice(self, *, key: str, fingerprint: str, settlement: str) -> tuple[str, str] | None:
        """Registers, or returns (settlement, fingerprint) of the live one that holds the key."""
        self._access.require_worker()
        held = self._tables.invoices.get(key)
        if held is None:
            assert known_id(settlement), "an invoice is some settlement's"
            self._tables.invoices.put(key, (settlement, fingerprint))
        return held

    def free_invoice(self, settlement: str) -> None:
        """The keys that a settlement holds may be registered again."""
        self._access.require_worker()
        for key, held in self._tables.invoices.items():
            if held[0] == settlement:
                self._tables.invoices.drop(key)

    def put_change(self, change: Change) -> None:
        """Keeps a proposal."""
        self._access.require_worker()
        assert known_id(change.id) and change.id not in self._tables.changes, f"change {change.id} is there already"
        assert known_id(change.proposed_by) and known_id(change.confirmed_by) != change.proposed_by, "four eyes"
        assert bool(change.confirmed_by) == (change.confirmed_at is not None), "a confirmation has a date"
        self._tables.changes.put(change.id, replace(change, body=plain(change.body), before=plain(change.before)))

    def confirm_change(self, change_id: str, *, person: str, at: int) -> Change:
        """Raises: Refused(same_person) for the proposer, Unknown(not_found) if none waits under this id."""
        self._access.require_worker()
        known = self._waiting(change_id)
        if known.proposed_by == person:
            raise Refused("same_person", "A second person confirms: this one has proposed the change.")
        assert known_id(person), "somebody confirms"
        confirmed = replace(known, confirmed_by=person, confirmed_at=at)
        self._tables.changes.put(change_id, confirmed)
        return replace(confirmed, body=plain(confirmed.body))

    def decline_change(self, change_id: str, *, person: str, at: int, why: str) -> Change:
        """Ends a proposal without effect. Raises: Unknown(not_found) if none waits under this id."""
        self._access.require_worker()
        assert known_id(person), "somebody declines"
        declined = replace(self._waiting(change_id), declined_by=person, declined_at=at, declined_why=why)
        self._tables.changes.put(change_id, declined)
        return replace(declined, body=plain(declined.body))

    def _waiting(self, change_id: str) -> Change:
        known = self._tables.changes.get(change_id)
        if known is None or not known.is_open:
            raise Unknown("not_found", "There is no such change that waits for confirmation.")
        return known

    def standing(self) -> tuple[int, ...]:
        """How many versions and confirmed changes there are, and when a list was verified last."""
        confirmed = sum(bool(row.confirmed_by) for row in self._tables.changes)
        current = [self._tables.versions.get(key) for key in self._tables.current.items()]
        return (
            len(self._tables.versions),
            confirmed,
            *sorted(hash(row and (row.sha256, row.verified_at)) for row in current),
        )

    def changes(self, *, subject: str = "", confirmed: bool | None = None) -> list[Change]:
        """In the order in which they were proposed."""
        return [
            replace(row, body=plain(row.body)) for row in self._tables.changes
            if self._sees(row) and subject in ("", row.subject)
            and (confirmed is None or (bool(row.confirmed_by) if confirmed else row.is_open))
        ]  # fmt: skip

    def _sees(self, change: Change) -> bool:
        """Staff see all; a party the stops in force, and what suspends itself."""
        if self._access.sees_all or not change.confirmed_by or self._access.is_door:
            return self._access.sees_all
        is_own = self._access.is_reader(str(change.body.get("participant", "")))
        return change.subject in KNOWN or (change.subject in ("suspension", "suspension_lift") and is_own)

    def clock_offset_s(self) -> int:
        """Seconds by which the sandbox clock is ahead of the machine's."""
        return self._tables.settings.get(_CLOCK) or 0

    def set_clock_offset_s(self, offset_s: int) -> None:
        """Moves the sandbox clock."""
        self._access.require_worker()
        self._tables.settings.put(_CLOCK, offset_s)


class MemoryRails:
    """Signed transactions before they are broadcast, receipts, cursors."""

    def __init__(self, tables: CheckTables, settlements: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._settlements = settlements
        self._access = access

    def sent(self, once: str) -> SentTransaction | None:
        """The transaction kept under `once`."""
        return self._tables.sent.get(once) if self._access.sees_all else None

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]:
        """Those prepared, sent or mined, by sender and nonce."""
        if not self._access.sees_all:
            return []
        rows = [row for row in self._tables.sent if row.chain == chain and row.state in UNFINISHED]
        return sorted(rows, key=lambda row: (row.sender, row.nonce))[:limit]

    def put_sent(self, transaction: SentTransaction) -> None:
        """Keeps it, or what became of it, under its `once`; a nonce is used once among those not replaced."""
        self._access.require_worker()
        known_id(transaction.settlement)
        assert transaction.state in TRANSACTION_STATES, f"{transaction.state} is no state of a transaction"
        assert 0 <= transaction.nonce <= NONCE_MAX, "the nonce is out of range"
        known = self._tables.sent.get(transaction.once)
        row = transaction
        if known is not None:
            row = replace(known, hash=row.hash, raw=row.raw, state=row.state, at=row.at, attempt=row.attempt)
        used = {other.nonce for other in self._live(row.chain, row.sender) if other.once != row.once}
        assert row.state == "replaced" or row.nonce not in used, f"nonce {row.nonce} of {row.sender} is used"
        self._tables.sent.put(row.once, row)

    def next_nonce(self, chain: str, sender: str, *, at_least: int) -> int:
        """The next unused nonce."""
        self._access.require_worker()
        return max([at_least, *(row.nonce + 1 for row in self._live(chain, sender))])

    def put_receipt(self, receipt: KeptReceipt) -> None:
        """Keeps it once per settlement, transaction and kind."""
        self._access.require_worker()
        assert known_id(receipt.settlement), "a receipt is some settlement's"
        same = (receipt.chain, receipt.transaction, receipt.kind)
        kept = self._tables.receipts.of(receipt.settlement)
        if same not in [(row.chain, row.transaction, row.kind) for row in kept]:
            self._tables.receipts.append(receipt.settlement, receipt)

    def receipts(self, settlement_id: str) -> list[KeptReceipt]:
        """In the order in which they were kept."""
        return self._tables.receipts.of(settlement_id) if self._access.sees_settlement(settlement_id) else []

    def cursor(self, name: str) -> Cursor | None:
        """How far the watcher of this name has read."""
        return self._tables.cursors.get(name)

    def put_cursor(self, cursor: Cursor) -> None:
        """Moves it forward; what a slower watcher has read is not kept."""
        self._access.require_worker()
        known = self._tables.cursors.get(cursor.name)
        if known is None or known.final_block <= cursor.final_block:
            self._tables.cursors.put(cursor.name, cursor)

    def cursors(self) -> list[Cursor]:
        """All of them, by name."""
        return sorted(self._tables.cursors, key=lambda row: row.name)

    def put_contract_settings(self, settings: ContractSettings) -> None:
        """Keeps what was read; what is older than that is not kept."""
        self._access.require_worker()
        known = self._tables.contract_settings.get(settings.registry)
        if known is None or known.block <= settings.block:
            self._tables.contract_settings.put(settings.registry, settings)

    def contract_settings(self) -> ContractSettings | None:
        """As last read; for staff."""
        rows = self._tables.contract_settings if self._access.sees_all else ()
        return max(rows, key=lambda row: row.block, default=None)

    def put_outcome(self, outcome: ChangeOutcome) -> None:
        """What became of a change, once."""
        self._access.require_worker()
        assert outcome.change in self._tables.changes, "an outcome is some change's"
        assert outcome.state in ("executed", "failed"), f"{outcome.state} is no outcome"
        assert (outcome.state == "failed") == bool(outcome.why), "what failed says why, and nothing else does"
        if outcome.change not in self._tables.outcomes:
            self._tables.outcomes.put(outcome.change, outcome)

    def outcomes(self) -> dict[str, ChangeOutcome]:
        """By change; for staff."""
        rows = sorted(self._tables.outcomes, key=lambda row: (row.at, row.change)) if self._access.sees_all else []
        return {row.change: row for row in rows}

    def _live(self, chain: str, sender: str) -> list[SentTransaction]:
        return [row for row in self._tables.sent
                if (row.chain, row.sender) == (chain, sender) and row.state != "replaced"]  # fmt: skip
