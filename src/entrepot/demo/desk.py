"""Leaves work on everybody's desk when the demo serves on: a sale at each place where a person is waited for."""

from __future__ import annotations

from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts

from .client import Client
from .stories import Teller, documents_of

SHARE = 8  # of the stories' sale: the desk leaves the caps' headroom to whoever tries something


def lay_out(teller: Teller) -> None:
    """Opens a sale at each waiting place: to sign, to pay, to present, to examine, to review. Once a home."""
    cast, say = teller.cast, teller.say
    if any(not one["is_ended"] for one in cast.operators[0].get("/settlements")["settlements"]):
        return
    seller, buyer, namesake = (cast.parties[name] for name in ("seller", "buyer", "namesake"))
    _sale(teller, "to-sign", [seller], buyer="buyer")
    _sale(teller, "to-pay", [seller, buyer], buyer="buyer")
    to_present = _sale(teller, "to-present", [seller, buyer], buyer="buyer")
    to_examine = _sale(teller, "to-examine", [seller, buyer], buyer="buyer")
    to_review = _sale(teller, "to-review", [seller, namesake], buyer="namesake")
    for settlement in (to_present, to_examine):
        buyer.wait(settlement, "cleared")
        buyer.fund(settlement)
    buyer.wait(to_examine, "funded")
    seller.present(to_examine, documents_of(_facts(teller, "to-examine", "buyer")))
    cast.officers[0].wait(to_review, "in_review")
    buyer.wait(to_present, "funded")
    seller.wait(to_examine, "presented")
    say("On the desks: one sale each to sign, to pay, to present, to examine and to review.")


def _sale(teller: Teller, name: str, signers: list[Client], *, buyer: str) -> str:
    """A sale that was quoted, and signed by these."""
    raw = samples.ubl_invoice(_facts(teller, name, buyer))
    settlement = teller.cast.parties["seller"].propose(raw, teller.cast.parties[buyer].participant)
    for signer in signers:
        signer.sign_terms(settlement)
    return settlement


def _facts(teller: Teller, name: str, buyer: str) -> TradeFacts:
    return samples.part_of(teller.trade_facts(name, "seller", buyer), SHARE)
