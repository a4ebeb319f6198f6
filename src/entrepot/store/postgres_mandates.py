"""Mandates, approvals and changed payees in PostgreSQL."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from .named_sql import load_sql
from .postgres_rows import Connection, Row, Rows, find_uuid, from_uuid, to_uuid
from .records import Approval, MandateSet, PayeeChange
from .store import PAGE_MAX

_MANDATES = load_sql("mandates")


class PostgresMandates:
    """Who may act for a company, what waits for its second person, and where it is paid."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _MANDATES)

    def put_set(self, mandates: MandateSet) -> None:
        """The next version of all of a company's mandates."""
        self._rows.run(
            "put_set",
            participant=to_uuid(mandates.participant),
            version=mandates.version,
            mandates=Jsonb(list(mandates.mandates)),
            decided_by=[to_uuid(person) for person in mandates.decided_by],
            at=mandates.at,
        )

    def sets(self, participant: str) -> list[MandateSet]:
        """All versions, the one in force last."""
        return [mandate_set_from_row(row) for row in self._rows.all("sets", participant=find_uuid(participant))]

    def put_approval(self, approval: Approval) -> None:
        """Keeps an act that waits."""
        self._rows.run(
            "put_approval",
            participant=to_uuid(approval.participant),
            settlement=to_uuid(approval.settlement),
            asked_by=to_uuid(approval.asked_by),
            **{
                name: getattr(approval, name)
                for name in (
                    "act", "source", "key", "body_sha256", "terms_hash", "asset", "amount_minor", "about",
                    "by_operator", "asked_at", "expires_at",
                )
            },
            **_said(approval),
        )  # fmt: skip

    def save_approval(self, approval: Approval) -> None:
        """What became of it: confirmations, and how it was closed."""
        assert self._rows.run("save_approval", **_said(approval)), f"there is no approval {approval.id}"

    def lock_approval(self, approval_id: str) -> Approval | None:
        """The approval, locked until the transaction ends."""
        row = self._rows.one("lock_approval", id=find_uuid(approval_id))
        return _approval(row) if row else None

    def approval(self, approval_id: str) -> Approval | None:
        """The approval."""
        row = self._rows.one("approval", id=find_uuid(approval_id))
        return _approval(row) if row else None

    def approvals(self, *, participant: str = "", settlement: str = "", is_open: bool = False) -> list[Approval]:
        """Those of a company, of a settlement, or all; newest first."""
        rows = self._rows.all(
            "approvals",
            all_participants=not participant,
            participant=find_uuid(participant),
            all_settlements=not settlement,
            settlement=find_uuid(settlement),
            is_open=is_open,
            limit=PAGE_MAX,
        )
        return [_approval(row) for row in rows]

    def put_payee_change(self, change: PayeeChange) -> None:
        """From now on the participant is paid elsewhere, after the cooling-off."""
        self._rows.run(
            "put_payee_change",
            id=to_uuid(change.id),
            participant=to_uuid(change.participant),
            kind=change.kind,
            account=change.account,
            changed_at=change.changed_at,
            paid_from=change.paid_from,
            decided_by=[to_uuid(person) for person in change.decided_by],
        )

    def payee_changes(self, participant: str) -> list[PayeeChange]:
        """A participant's, in order."""
        rows = self._rows.all("payee_changes", participant=find_uuid(participant))
        return [payee_change_from_row(row) for row in rows]


def mandate_set_from_row(row: Row) -> MandateSet:
    """Reads one version of a company's mandates."""
    return MandateSet(
        participant=row["participant"].hex,
        version=row["version"],
        mandates=tuple(row["mandates"]),
        decided_by=tuple(person.hex for person in row["decided_by"]),
        at=row["at"],
    )


def payee_change_from_row(row: Row) -> PayeeChange:
    """Reads one change of payee."""
    return PayeeChange(
        id=row["id"].hex,
        participant=row["participant"].hex,
        kind=row["kind"],
        account=row["account"],
        changed_at=row["changed_at"],
        paid_from=row["paid_from"],
        decided_by=tuple(person.hex for person in row["decided_by"]),
    )


def _said(approval: Approval) -> Row:
    return {
        "id": to_uuid(approval.id),
        "confirmed_by": [to_uuid(person) for person in approval.confirmed_by],
        "status": approval.status,
        "closed_by": to_uuid(approval.closed_by),
        "closed_at": approval.closed_at,
        "why": approval.why,
    }


def _approval(row: Row) -> Approval:
    return Approval(
        id=row["id"].hex,
        participant=row["participant"].hex,
        settlement=from_uuid(row["settlement"]),
        act=row["act"],
        source=row["source"],
        key=row["key"],
        body_sha256=row["body_sha256"],
        terms_hash=row["terms_hash"],
        asset=row["asset"],
        amount_minor=int(row["amount_minor"]),
        about=row["about"],
        by_operator=row["by_operator"],
        asked_by=row["asked_by"].hex,
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        confirmed_by=tuple(person.hex for person in row["confirmed_by"]),
        status=row["status"],
        closed_by=from_uuid(row["closed_by"]),
        closed_at=row["closed_at"],
        why=row["why"],
    )
