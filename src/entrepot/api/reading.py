"""What several doors read from a settlement's papers."""

from __future__ import annotations

import json
from typing import Any

from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.store.store import Transaction


def newest_json(tx: Transaction, settlement: Settlement, kind: str) -> dict[str, Any] | None:
    """The newest paper of a kind that this reader may see, as JSON."""
    papers = [paper for paper in tx.papers.of(settlement.id, kind=kind) if paper.body]
    return dict(json.loads(papers[-1].body)) if papers else None


def terms_in(tx: Transaction, settlement: Settlement) -> Terms | None:
    """The terms last quoted, None before a quote or where they are not this reader's."""
    body = newest_json(tx, settlement, "terms")
    if body is None:
        return None
    token = Asset(id=body["price"]["asset"], symbol="token", decimals=0, kind="stablecoin")
    return Terms.from_json(body, AssetRegistry([token]))


def named(tx: Transaction, settlement: Settlement) -> dict[str, Any]:
    """What a list shows of a settlement beside its state: the invoice's number and both names, once there are terms."""
    terms = newest_json(tx, settlement, "terms")
    if terms is None:
        return {}
    names = {f"{side}_name": terms[side]["name"] for side in ("seller", "buyer")}
    return {"invoice_number": terms["invoice_number"], "invoiced": terms["quote"]["invoiced"], **names}
