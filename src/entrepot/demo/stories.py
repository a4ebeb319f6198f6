"""Four short stories with the same cast of roles: clean, review, refused, gone."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts
from entrepot.documents.stated import StatedParty

from .client import Client, Problem

GONE_FUND_S = 120
GONE_PRESENT_S = 3600
SHIPPED_DAYS_AGO = 5


@dataclass
class Cast:
    """Who plays: one client per person. `parties` maps a company's short name to its treasurer."""

    operators: list[Client]
    officers: list[Client]
    examiner: Client
    parties: dict[str, Client]
    stated: dict[str, StatedParty]


@dataclass
class Told:
    """What became of one story: the settlement, its timings in seconds, and what was said to the customer."""

    story: str
    settlement: str
    seller: Client
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


Say = Callable[[str], None]


class Teller:
    """Plays stories and says each step in words a treasurer understands."""

    def __init__(self, cast: Cast, seed: str, say: Say) -> None:
        self.cast, self.seed, self.say = cast, seed, say

    def trade_facts(self, story: str, seller: str, buyer: str) -> TradeFacts:
        """The sale of this run's story: its invoice number comes from the run's seed."""
        today = datetime.fromtimestamp(self.cast.operators[0].get("/clock")["now"], UTC).date()
        facts = samples.coffee_trade(
            number=f"{story.upper()}-{self.seed}", issue_date=today - timedelta(days=SHIPPED_DAYS_AGO + 3)
        )
        return dataclasses.replace(
            facts,
            seller=self.cast.stated[seller],
            buyer=self.cast.stated[buyer],
            on_board_date=_days_before(today, SHIPPED_DAYS_AGO),
        )

    def clean(self) -> Told:
        """A sale is quoted, signed, checked, funded, presented and released."""
        facts = self.trade_facts("clean", "seller", "buyer")
        told = self._agree("clean", facts, "seller", "buyer")
        self._settle(told, self.cast.parties["buyer"], documents_of(facts))
        return told

    def review(self) -> Told:
        """The buyer has a namesake on a list: one person may not clear it alone, two do, and it settles."""
        facts = self.trade_facts("review", "seller", "namesake")
        told = self._agree("review", facts, "seller", "namesake")
        first, second = self.cast.officers
        case = self.cast.officers[0].wait(told.settlement, "in_review")
        self.say(f"  The buyer's name resembles a listed one: {case['state']}, two officers look at it.")
        path, body = (
            f"/cases/{told.settlement}/dispositions",
            {"verdict": "clear", "reason": "Other country, other registration."},
        )
        first.post(path, body)
        try:
            first.post(path, body)
            raise AssertionError("one person cleared a case alone")
        except Problem as refused:
            self.say(f"  {first.name} clears it, and may not clear it alone ({refused.code}).")
        second.post(path, body)
        self.say(f"  {second.name} clears it too; the checks run again.")
        self._settle(told, self.cast.parties["namesake"], documents_of(facts))
        return told

    def refused(self) -> Told:
        """The buyer is listed: same identifier, a name that differs in script, order and spelling."""
        told = self._agree("refused", self.trade_facts("refused", "seller", "listed"), "seller", "listed")
        view = told.seller.wait(told.settlement, "ended")
        told.said.append(view["says"])
        self.say(f"  What the customer reads: {view['says']}")
        return told

    def gone(self) -> Told:
        """The seller never ships; at expiry, by the sandbox clock, the buyer's money comes back."""
        facts = self.trade_facts("gone", "seller", "buyer")
        told = self._agree("gone", facts, "seller", "buyer", fund_s=GONE_FUND_S, present_s=GONE_PRESENT_S)
        buyer = self.cast.parties["buyer"]
        self._fund(told, buyer)
        self.say(f"  No documents come. The sandbox clock moves {GONE_PRESENT_S // 60} minutes on.")
        self.cast.operators[0].post("/clock", {"advance_s": GONE_PRESENT_S + 60})
        self.cast.operators[0].post("/lists")
        self._until(told, "refunded", buyer, "refunded")
        self.say("  The buyer's money came back, after a fresh check.")
        return told

    def invoice(self, raw: bytes, options: dict[str, Any]) -> Told:
        """Somebody's own invoice, settled like the clean story; what it lacks was supplied, marked `simulated`."""
        from entrepot.documents.invoice import read_invoice
        from entrepot.documents.stated import DeliveryTerms

        told = self._agree("invoice", raw, "seller", "buyer", **options)
        self._require_cleared(told)
        supplied = options.get("supplied", {})
        delivery = DeliveryTerms(supplied.get("incoterm", "FOB"), supplied.get("incoterm_place", ""))
        today = datetime.fromtimestamp(self.cast.operators[0].get("/clock")["now"], UTC).date()
        facts = samples.facts_from(
            read_invoice(raw), delivery=delivery, on_board_date=_days_before(today, SHIPPED_DAYS_AGO)
        )
        lines = tuple(dataclasses.replace(line, hs=line.hs or supplied.get("hs")) for line in facts.lines)
        facts = dataclasses.replace(facts, lines=lines)
        self._settle(
            told, self.cast.parties["buyer"], [raw, samples.packing_list(facts), samples.transport_document(facts)]
        )
        return told

    def _require_cleared(self, told: Told) -> None:
        """Waits for the checks. Raises: Problem with the code of the rule that refuses or sends it into review."""
        view = self.cast.operators[0].wait(told.settlement, "cleared", "in_review", "refused")
        if view["state"] == "cleared":
            return
        verdict, reason = next(
            (decision["verdict"], entry)
            for decision in reversed(view["decisions"])
            if decision
            for entry in decision["reasons"]
            if entry["verdict"] == decision["verdict"]
        )
        raise Problem(
            {"code": reason["rule"], "verdict": verdict, "detail": reason["message"]} | {"settlement": told.settlement}
        )

    def _agree(self, story: str, invoice: TradeFacts | bytes, seller: str, buyer: str, **options: Any) -> Told:
        raw = invoice if isinstance(invoice, bytes) else samples.ubl_invoice(invoice)
        maker, taker = self.cast.parties[seller], self.cast.parties[buyer]
        self.say(f"{story.capitalize()}: {maker.name} invoices {taker.name}.")
        told = Told(story, "", maker)
        with _Timed(told, "quoted"):
            told.settlement = maker.propose(raw, taker.participant, **options)
        quote = maker.get(f"/settlements/{told.settlement}")["quote"]
        rate = f"rate {quote['rate']['value']}, {quote['rate_source']}"
        self.say(f"  Firm quote: {_amount(quote['price'])} and a fee of {_amount(quote['fee'])} ({rate}).")
        with _Timed(told, "agreed"):
            maker.sign_terms(told.settlement)
            taker.sign_terms(told.settlement)
        self.say("  Both signed the same terms.")
        return told

    def _fund(self, told: Told, buyer: Client) -> None:
        self._until(told, "cleared", buyer, "cleared")
        buyer.fund(told.settlement)
        self._until(told, "funded", buyer, "funded")
        self.say(f"  {buyer.name} paid into escrow; the payment is final on the chain.")

    def _settle(self, told: Told, buyer: Client, documents: list[bytes]) -> None:
        self._fund(told, buyer)
        told.seller.present(told.settlement, documents)
        self._until(told, "presented", told.seller, "presented")
        self.say(f"  {told.seller.name} presented invoice, packing list and transport document.")
        self.cast.examiner.examine(told.settlement, complies=True)
        self._until(told, "released", told.seller, "released")
        self.say(f"  Documents in order, checked once more: {told.seller.name} has been paid.")

    def _until(self, told: Told, step: str, who: Client, *states: str) -> None:
        with _Timed(told, step):
            who.wait(told.settlement, *states)


class _Timed:
    """Seconds that a step took."""

    def __init__(self, told: Told, step: str) -> None:
        self.told, self.step = told, step

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.told.seconds[self.step] = round(time.monotonic() - self.began, 3)


def documents_of(facts: TradeFacts) -> list[bytes]:
    """The three documents of a sale."""
    return [samples.ubl_invoice(facts), samples.packing_list(facts), samples.transport_document(facts)]


def _amount(money: dict[str, str]) -> str:
    """Minor units of a 6-decimal token or a 2-decimal currency in words."""
    decimals = 6 if "/" in money["asset"] else 2
    whole, part = divmod(int(money["amount_minor"]), 10**decimals)
    return f"{whole:,}.{part:0{decimals}d} {'USDC' if decimals == 6 else money['asset']}"


def _days_before(day: date, days: int) -> date:
    return day - timedelta(days=days)
