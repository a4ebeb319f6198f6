"""`ledger`, `reconcile`, `verify-close`, `log`: the books, whether everything agrees, and proofs from the log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from entrepot.core import log as merkle
from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import hex0x
from entrepot.core.errors import Invalid, Unknown
from entrepot.core.ledger import Balance, Ledger
from entrepot.settings import read_settings
from entrepot.store.postgres import PostgresStore
from entrepot.store.store import PAGE_MAX, Store, Transaction
from entrepot.workflows.books.ledger_engine import Compared, compare
from entrepot.workflows.books.reconcile import Given

from .line import app, ledger_app, log_app, show
from .papers import read_bytes


def _accounts(tx: Transaction) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    after = ""
    while True:
        page = tx.settlements.page(after=after, limit=PAGE_MAX)
        for one in page:
            for entry in accounts_of(one) if one.asset else ():
                rows[entry.id] = {
                    "id": entry.id,
                    "class": entry.account_class.value,
                    "owner": entry.owner,
                    "asset": entry.asset,
                }
        if len(page) < PAGE_MAX:
            return list(rows.values())
        after = page[-1].id


@ledger_app.command
def accounts(*, json: bool = False) -> None:
    """All accounts with class, owner and asset."""
    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        rows = _accounts(tx)
    lines = [f"{row['id']}  {row['class']:<8} {row['owner']}" for row in rows]
    show({"schema": "entrepot/accounts/1", "accounts": rows}, lines, as_json=json)


@ledger_app.command
def balances(*, at: int | None = None, json: bool = False) -> None:
    """Balances in minor units, now or after all transfers up to a time (Unix seconds)."""
    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        rows = _accounts(tx)
        found = tx.ledger.balances([row["id"] for row in rows], at=at)
    held = [
        row
        | {
            "posted_minor": str(found[row["id"]].posted_minor),
            "pending_out_minor": str(found[row["id"]].debits_pending),
        }
        for row in rows
        if row["id"] in found
    ]
    lines = [f"{row['class']:<8} {row['owner']}  {row['posted_minor']}" for row in held]
    show({"schema": "entrepot/balances/1", "balances": held}, lines, as_json=json)


@ledger_app.command
def check(*, json: bool = False) -> int:
    """Per asset, the sum of all accounts is zero, and every balance follows from its transfers.

    Where ENTREPOT_LEDGER names another engine, it holds the same balances.
    """
    from entrepot.wire import ledger_engine, open_store

    engine = ledger_engine(read_settings())
    with open_store("work") as store:
        with store.work() as tx:
            rows = _accounts(tx)
            found = tx.ledger.balances([row["id"] for row in rows])
            differences = [asdict(entry) for entry in tx.ledger.check()]
        compared = _compared(store, engine) if engine else None
    sums: dict[str, int] = {}
    for row in rows:
        if row["id"] in found:
            sums[row["asset"]] = sums.get(row["asset"], 0) + found[row["id"]].posted_minor
    if compared:
        differences += [
            {"about": "the other engine", "subject": one, "kept": _totals(theirs), "computed": _totals(ours)}
            for one, (ours, theirs) in compared.differences.items()
        ]
    ok = not any(sums.values()) and not differences
    body = {
        "schema": "entrepot/ledger-check/1",
        "ok": ok,
        "sums_minor": {asset: str(total) for asset, total in sums.items()},
        "differences": differences,
    }
    lines = [f"{asset}: sum {total}" for asset, total in sums.items()] or ["No accounts."]
    if compared:
        body["other_engine"] = {"accounts": compared.accounts, "moving": compared.moving}
        lines.append(f"The other engine: {compared.accounts} accounts compared, {compared.moving} of them were moving")
    lines += [f"{row['about']} {row['subject']}: kept {row['kept']}, computed {row['computed']}" for row in differences]
    show(body, lines, as_json=json)
    return 0 if ok else 1


def _compared(store: PostgresStore, engine: Ledger) -> Compared:
    compared, after = Compared(), ""
    while True:
        with store.work() as tx:
            page = [entry.id for entry in tx.ledger.accounts(after=after)]
        if not page:
            return compared
        compare(store, engine, page, compared)
        after = page[-1]


def _totals(balance: Balance) -> str:
    """As `PostgresLedger.check` writes them: debits and credits that are posted, then those that are held."""
    return f"{balance.debits_posted} {balance.credits_posted} {balance.debits_pending} {balance.credits_pending}"


@ledger_app.command
def post(file: Path, *, ledger: Path | None = None, json: bool = False) -> int:
    """Posts the transfers of a JSON Lines file to a stand-alone ledger (never the settlement books).

    It is in the directory --ledger; or, where ENTREPOT_LEDGER names another engine and no directory is given, there.
    A line is an object: id (32 hex digits), debit and credit (CLASS:OWNER, such as outside:acme or escrow:4711), amount
    (whole minor units), asset; if need be phase (posted, pending, post, void), pending_id, event, at (Unix s),
    settlement.
    """
    from entrepot.store.standalone_ledger import post_file, post_lines
    from entrepot.wire import ledger_engine

    if ledger is not None:
        answers = post_file(file, ledger)
    elif engine := ledger_engine(read_settings()):
        answers = post_lines(file, engine)
    else:
        raise Invalid("malformed", "--ledger names the directory of the ledger.", path="ledger")
    body = {
        "schema": "entrepot/postings/1",
        "answers": [{"id": id_, "answer": answer.value} for id_, answer in answers],
    }
    show(body, [f"{id_}  {answer.value}" for id_, answer in answers], as_json=json)
    return 0 if all(answer.value in ("posted", "exists") for _, answer in answers) else 3


@app.command
def reconcile(*, statement: Path | None = None, everything: bool = False, json: bool = False) -> int:
    """Compares books, chain (from the node only), messages (from what was sent) and bank. Exit 3 on a difference.

    Looks at what is open or was touched since everything last agreed; at all there ever was with --everything. A
    STATEMENT (camt.053) is compared too and not kept: an operator hands it in on the page or by the API.
    """
    from entrepot.wire import open_rail, open_store
    from entrepot.workflows.books.reconcile import compare

    with open_store("work") as store:
        given = _given(store, statement) if statement else []
        found = compare(store, open_rail(store), everything=everything, given=given)
    rows = [asdict(entry) for entry in found.differences]
    lines = [
        f"{row['settlement'] or 'no trade'} {row['about']} ({row['reason']}): "
        + ", ".join(f"{side} {minor}" for side, minor in row["sides"].items())
        for row in rows
    ]
    body = {
        "schema": "entrepot/reconciliation/2",
        "settlements": found.settlements,
        "totals": found.total_rows(),
        "differences": rows,
    }
    show(body, [f"{found.settlements} settlements, {len(rows)} differences", *lines], as_json=json)
    return 3 if rows else 0


def _given(store: Store, path: Path) -> list[Given]:
    """The statements of a file, of the account that is reconciled. Raises: Invalid, Refused."""
    from entrepot.messages.statement import read_statements
    from entrepot.wire import expected_statement
    from entrepot.workflows.books.statements import as_kept, require_expected

    raw, (account, currency) = read_bytes(path), expected_statement()
    found = read_statements(raw)
    for one in found:
        require_expected(one, account=account, currency=currency)
    return [as_kept(one, raw, id_="0" * 31 + str(place % 10), paper="", by="", at=0) for place, one in enumerate(found)]


@app.command
def verify_close(*packets: Path, key: Path, json: bool = False) -> int:
    """Verifies packets of closed days (or of closed months) offline, and that each follows from the one before.

    Trusts only the pinned KEY file. Exit 3 if a check fails, 2 if a file is unreadable.
    """
    from entrepot.core.closing import PACKETS_MAX, verify
    from entrepot.core.errors import Invalid
    from entrepot.verify import read_key

    if not 0 < len(packets) <= PACKETS_MAX:
        raise Invalid("malformed", f"Name 1 to {PACKETS_MAX} packets.")
    verdicts = verify([read_bytes(path) for path in packets], read_key(read_bytes(key)))
    rows = [asdict(one) for one in verdicts]
    failed = [one for one in verdicts if not one.is_ok]
    lines = [f"{'verified' if one.is_ok else 'failed':>11}  {one.period}: {one.name}" for one in verdicts]
    body = {"schema": "entrepot/closed-periods-verified/1", "ok": not failed, "checks": rows}
    show(body, [*lines, "FAILED" if failed else "No check failed."], as_json=json)
    return 3 if failed else 0


@log_app.command
def checkpoint(*, json: bool = False) -> None:
    """The newest signed checkpoint."""
    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        found = tx.log.checkpoint()
    if found is None:
        raise Unknown("not_found", "There is no checkpoint yet.")
    show({"schema": "entrepot/checkpoint/1", "size": found[0], "note": found[1]}, [found[1]], as_json=json)


@log_app.command
def prove(settlement: str, *, json: bool = False) -> None:
    """Inclusion proofs of a settlement's leaves under the newest checkpoint."""
    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        newest, events = tx.log.checkpoint(), tx.settlements.events(settlement)
        if newest is None or not events:
            raise Unknown("not_found", f"Settlement {settlement} has no leaves in the log.")
        rows: list[dict[str, Any]] = [
            {
                "index": entry.index,
                "leaf": entry.leaf.decode(),
                "proof": [hex0x(node) for node in merkle.inclusion_proof(entry.index, newest[0], tx.log.node)],
            }
            for entry in events
        ]
    body = {"schema": "entrepot/inclusion/1", "checkpoint": newest[1], "leaves": rows}
    show(body, [f"leaf {row['index']} of {newest[0]}: {len(row['proof'])} nodes" for row in rows], as_json=json)


@log_app.command
def consistency(old: int, new: int, *, json: bool = False) -> None:
    """The proof that the log of size NEW begins with the log of size OLD."""
    from entrepot.core.errors import Invalid
    from entrepot.wire import open_store

    with open_store("work") as store, store.work() as tx:
        if not 0 < old <= new <= tx.log.size():
            raise Invalid("malformed", f"0 < OLD <= NEW <= {tx.log.size()}.")
        proof = [hex0x(node) for node in merkle.consistency_proof(old, new, tx.log.node)]
    show({"schema": "entrepot/consistency/1", "old": old, "new": new, "proof": proof}, proof, as_json=json)
