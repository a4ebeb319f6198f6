"""`--invoice FILE`: somebody's own invoice. Unknown parties and missing facts are supplied, and marked `simulated`."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from entrepot.documents.invoice import Invoice, read_invoice
from entrepot.documents.stated import StatedParty

from .cast import SIMULATED, Casting
from .stories import Teller, Told

HS_SUPPLIED = "210690"  # food preparations not elsewhere specified: a code to try things with
INCOTERM_SUPPLIED = ("DAP", "Hamburg")
ABROAD = "SG"


def settle_invoice(teller: Teller, casting: Casting, raw: bytes) -> Told:
    """Admits the invoice's parties (simulated), supplies what it lacks, settles it. Raises: Problem, EntrepotError."""
    invoice = read_invoice(raw)
    seller, buyer = _parties(invoice)
    shorts = {"seller": _short(seller), "buyer": _short(buyer)}
    for side, party in (("seller", seller), ("buyer", buyer)):
        casting.company(shorts[side], party)
    cast = casting.assemble({shorts["seller"]: seller, shorts["buyer"]: buyer})
    cast.parties |= {side: cast.parties[short] for side, short in shorts.items()}
    teller.cast = dataclasses.replace(cast, stated={"seller": seller, "buyer": buyer})
    supplied = supplied_for(invoice)
    teller.say(f"The demo operator supplies ({SIMULATED}, marked simulated): {_in_words(invoice, buyer, supplied)}.")
    teller.say(f"Due dates count from today, the day of admission; the invoice is of {invoice.issue_date}.")
    return teller.invoice(raw, {"supplied": supplied} if supplied else {})


def _in_words(invoice: Invoice, buyer: StatedParty, supplied: dict[str, Any]) -> str:
    facts = ["both parties' admission"]
    if buyer.country != invoice.buyer.country:
        facts.append(f"the buyer's country {buyer.country}, so that a border is crossed")
    if "hs" in supplied:
        facts.append(f"HS code {supplied['hs']}")
    if "incoterm" in supplied:
        facts.append(f"Incoterm {supplied['incoterm']} {supplied['incoterm_place']}")
    return "; ".join(facts)


def supplied_for(invoice: Invoice) -> dict[str, Any]:
    """The facts that this invoice lacks for a trade."""
    supplied: dict[str, Any] = {}
    if invoice.delivery is None:
        supplied |= {"incoterm": INCOTERM_SUPPLIED[0], "incoterm_place": INCOTERM_SUPPLIED[1]}
    if any(not line.hs for line in invoice.lines):
        supplied["hs"] = HS_SUPPLIED
    return supplied


def _parties(invoice: Invoice) -> tuple[StatedParty, StatedParty]:
    """Both parties; a domestic invoice's buyer is admitted as established abroad, so that a border is crossed."""
    seller, buyer = invoice.seller, invoice.buyer
    country = seller.country or "XX"
    if buyer.country in ("", country):
        buyer = dataclasses.replace(buyer, country=ABROAD if country != ABROAD else "DE")
    return seller, buyer


def _short(party: StatedParty) -> str:
    """A stable short name for credentials: the same party of the next invoice, in the same country, is the same one."""
    identity = party.registration or party.tax_id or party.name
    return "x" + hashlib.sha256(f"{identity}|{party.country}".encode()).hexdigest()[:10]
