"""`invoice read`, `messages make|check`, `verify`, `lifecycle`: what needs no database, or only reads papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entrepot.core.errors import EntrepotError, Invalid, Unknown
from entrepot.core.lifecycle import LIFECYCLE, STATES

from .line import app, invoice_app, messages_app, show

FILE_BYTES_MAX = 50_000_000


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises: Invalid(malformed) if it cannot be read or is too large."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise Invalid("malformed", f"{path.name} has more than {FILE_BYTES_MAX} bytes.", path=str(path))
        return path.read_bytes()
    except OSError as error:
        raise Invalid("malformed", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None


@invoice_app.command
def read(*files: Path, json: bool = False) -> int:
    """Says what each invoice states: syntax, number, dates, parties, currency, payable, lines, duplicate key."""
    worst = 0
    for path in files:
        try:
            body = _invoice(read_bytes(path))
        except EntrepotError as error:
            body = {"error": error.code, "message": error.message, "path": error.path}
            worst = max(worst, error.exit_code)
        body = {"schema": "entrepot/invoice-reading/1", "file": path.name, **body}
        line = (
            body.get("error")
            or f"{body['syntax']} {body['number']} {body['payable']['text']} key {body['duplicate_key']}"
        )
        show(body, [f"{path.name}: {line}"], as_json=json)
    return worst


def _invoice(raw: bytes) -> dict[str, Any]:
    from entrepot.documents.invoice import duplicate_key, fingerprint, read_invoice

    invoice = read_invoice(raw)
    return {
        "syntax": invoice.syntax,
        "type": invoice.type_code,
        "number": invoice.number,
        "issue_date": invoice.issue_date.isoformat(),
        "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
        "seller": {
            "name": invoice.seller.name,
            "country": invoice.seller.country,
            "registration": invoice.seller.registration,
            "tax_id": invoice.seller.tax_id,
            "lei": invoice.seller.lei,
        },
        "buyer": {"name": invoice.buyer.name, "country": invoice.buyer.country, "lei": invoice.buyer.lei},
        "currency": invoice.currency.id,
        "payable": {**invoice.payable.to_json(), "text": str(invoice.payable)},
        "lines": [
            {
                "description": line.description,
                "hs": line.hs,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "net_amount": str(line.net_amount),
            }
            for line in invoice.lines
        ],
        "duplicate_key": duplicate_key(invoice),
        "fingerprint": fingerprint(invoice),
        "warnings": [{"code": entry.code, "message": entry.message, "path": entry.path} for entry in invoice.warnings],
        "sha256": invoice.sha256,
    }


@messages_app.command
def check(file: Path, *, json: bool = False) -> int:
    """Validates an ISO 20022 message against its official schema."""
    from entrepot.messages.schemas import check as check_message

    found = check_message(read_bytes(file))
    faults = [{"line": fault.line, "path": fault.path, "message": fault.text} for fault in found.errors]
    body = {"schema": "entrepot/message-check/1", "type": found.type, "ok": found.ok, "faults": faults}
    lines = [f"{file.name}: {found.type} {'is valid' if found.ok else 'is not valid'}"]
    show(
        body, lines + [f"  line {fault['line']} {fault['path']}: {fault['message']}" for fault in faults], as_json=json
    )
    return 0 if found.ok else 3


@messages_app.command
def make(settlement: str, *, type: str, json: bool = False) -> None:
    """Prints a settlement's message of a type (pacs.008, camt.054.credit, camt.054.debit) as it was sent."""
    import base64

    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        papers = tx.papers.of(settlement, kind=type)
    if not papers:
        raise Unknown("not_found", f"There is no {type} of settlement {settlement}.")
    body = {
        "schema": "entrepot/message/1",
        "type": type,
        "sha256": papers[-1].sha256,
        "body_base64": base64.b64encode(papers[-1].body).decode(),
    }
    show(body, [papers[-1].body.decode()], as_json=json)


@app.command
def verify(bundle: Path, *, key: Path, rpc: str = "", json: bool = False) -> int:
    """Verifies an evidence bundle offline; trusts only the pinned keys. Exit 3 if a check fails, 2 if unreadable."""
    from entrepot.verify import HeaderHash, read_key
    from entrepot.verify import verify as verify_bundle

    node: HeaderHash | None = None
    if rpc:
        from entrepot.rails.node import Node

        asked = Node(rpc)

        def node(number: int) -> str | None:
            block = asked.call("eth_getBlockByNumber", hex(number), False)
            return str(block["hash"]) if block else None

    checks = verify_bundle(read_bytes(bundle), read_key(read_bytes(key)), header_hash_at=node)
    failed = [entry for entry in checks if entry.status == "failed"]
    body = {"schema": "entrepot/verification/1", "ok": not failed, "checks": [entry.to_json() for entry in checks]}
    lines = [
        f"{entry.status:>11}  {entry.part}: {entry.name}{f' ({entry.detail})' if entry.detail else ''}"
        for entry in checks
    ]
    show(body, [*lines, "FAILED" if failed else "No check failed."], as_json=json)
    return 3 if failed else 0


@app.command
def lifecycle(*, json: bool = False) -> None:
    """Prints the life-cycle table."""
    rows = [
        {
            "when": line.when.value,
            "event": line.event,
            "by": [role.value for role in line.by],
            "becomes": line.becomes.value,
            "suspends": line.suspends,
        }
        for line in LIFECYCLE
    ]
    states = {
        state.value: {
            "public": facts.public,
            "holds_money": facts.holds_money,
            "next_act": facts.next_act,
            "deadline": facts.deadline,
            "says": facts.says,
        }
        for state, facts in STATES.items()
    }
    body = {"schema": "entrepot/lifecycle/1", "lines": rows, "states": states}
    show(
        body,
        [f"{line.when:<11} {line.event:<22} {'/'.join(line.by):<16} {line.becomes}" for line in LIFECYCLE],
        as_json=json,
    )
