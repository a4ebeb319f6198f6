"""One sale: its documents, and what its parties, its examiner and its arbiters do."""

from __future__ import annotations

import base64
import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trading_house import House, sign

from entrepot.core.acts import AWARD, DISPUTE, EXAMINATION, PRESENTATION, WAIVER
from entrepot.core.canonical import hex0x, unhex
from entrepot.core.eip712 import Struct
from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement
from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts
from entrepot.rails.authorization import authorization_of
from entrepot.signers.keystore import Keystore, Purpose
from entrepot.workflows.trade.settle import documents_in, presentation_sha256
from entrepot.workflows.trade.unwind import dispute_sha256

_numbers = itertools.count(1)


@dataclass
class Trade:
    """One sale: its documents and what its parties do."""

    house: House
    seller: str
    buyer: str
    facts: TradeFacts
    id: str = ""

    def proposal(self, **options: Any) -> dict[str, Any]:
        """The seller's invoice as a request."""
        raw = base64.b64encode(samples.ubl_invoice(self.facts)).decode()
        return {"invoice_base64": raw, "buyer": self.house.people[self.buyer].participant, **options}

    def propose(self, **options: Any) -> Trade:
        """The seller proposes; a firm quote comes back."""
        self.id = self.house.ask("propose", self.seller, self.proposal(**options))["settlement"]
        return self

    def sign(self, side: str) -> str:
        """`seller` or `buyer` signs the terms; returns the state then."""
        who = self.seller if side == "seller" else self.buyer
        digest = self.house.terms(self.id).digest()
        signature = sign(self.house.people[who].key, digest)
        return str(self.house.ask("sign", who, {"signature": signature}, self.id)["state"])

    def agree(self) -> Trade:
        """Both sign, the checks run, and what follows outside is done."""
        self.sign("seller")
        self.sign("buyer")
        self.house.run()
        return self

    def funding(self, attempt: int = 0) -> dict[str, Any]:
        """The buyer's signed authorisation as a request."""
        terms, one = self.house.terms(self.id), self.one
        until = self.house.now() + 6 * 3600
        allowed = authorization_of(terms, one.escrow, attempt=attempt, valid_before=until)
        signature = sign(self.house.people[self.buyer].key, allowed.digest(self.house.deployment.token_domain))
        return {"signature": signature, "attempt": attempt, "valid_after": 0, "valid_before": until}

    def fund(self) -> Trade:
        """The buyer pays, and it becomes final."""
        self.house.ask("fund", self.buyer, self.funding(), self.id)
        self.house.run()
        assert self.one.state is State.FUNDED, self.one.state
        return self

    def documents(self, facts: TradeFacts | None = None) -> list[bytes]:
        """Invoice, packing list, transport document; other `facts` make the latter two differ."""
        told = facts or self.facts
        return [samples.ubl_invoice(self.facts), samples.packing_list(told), samples.transport_document(told)]

    def presenting(self, documents: list[bytes]) -> dict[str, Any]:
        """A signed presentation as a request."""
        body: dict[str, Any] = {"documents_base64": [base64.b64encode(raw).decode() for raw in documents]}
        said = {"documents_sha256": presentation_sha256(self.one, documents_in(body)), "round": self.one.round + 1}
        return body | {"signature": self.signed(PRESENTATION, said, self.seller)}

    def present(self, facts: TradeFacts | None = None) -> Trade:
        """The seller presents, and the escrow records it."""
        self.house.ask("present", self.seller, self.presenting(self.documents(facts)), self.id)
        self.house.run()
        assert self.one.state is State.PRESENTED, self.one.state
        return self

    def examine(self, *, complies: bool, note: str = "") -> Trade:
        """The examiner of record signs what it found."""
        body = {"complies": complies, "signature": self.signed(EXAMINATION, self.about(complies=complies), "examiner")}
        self.house.ask("examine", "examiner", body | {"note": note}, self.id)
        self.house.run()
        return self

    def waive(self) -> Trade:
        """The buyer takes the documents as they are."""
        self.house.ask("waive", self.buyer, {"signature": self.signed(WAIVER, self.about(), self.buyer)}, self.id)
        self.house.run()
        return self

    def dispute(self, by: str, reason: str) -> Trade:
        """A party asks the arbiters."""
        said = {"reason_sha256": unhex(dispute_sha256(self.one, reason), size=32)}
        body = {"reason": reason, "signature": self.signed(DISPUTE, said, by)}
        self.house.ask("dispute", by, body, self.id)
        self.house.run()
        return self

    def awarding(self, to_seller_minor: int, *, arbiters: int = 2) -> dict[str, Any]:
        """An award signed by so many arbiters, as a request."""
        names = [f"arbiter-{number}" for number in range(1, arbiters + 1)]
        signatures = [self.signed(AWARD, {"to_seller": to_seller_minor}, name) for name in names]
        return {"to_seller_minor": to_seller_minor, "signatures": signatures}

    def award(self, to_seller_minor: int) -> Trade:
        """Two arbiters award."""
        self.house.ask("award", "arbiter-1", self.awarding(to_seller_minor), self.id)
        self.house.run()
        return self

    def about(self, **also: Any) -> dict[str, Any]:
        """The documents last presented."""
        return {"documents_sha256": self.one.documents_sha256, "round": self.one.round, **also}

    def signed(self, struct: Struct, values: dict[str, Any], by: str) -> str:
        """A statement about this escrow."""
        terms, one = self.house.terms(self.id), self.one
        where = {"escrow": one.escrow, "terms_hash": unhex(one.terms_hash, size=32)}
        full = {name: unhex(v, size=32) if name.endswith("sha256") and isinstance(v, str) else v
                for name, v in values.items()}  # fmt: skip
        digest, key = struct.digest(terms.domain, where | full), self.house.people[by].key
        return sign(key, digest) if key else hex0x(self.house_signs(by, digest))

    def house_signs(self, by: str, digest: bytes) -> bytes:
        """Examiner and arbiters sign with the house's keys."""
        keys = Keystore(self.house.settings.keys_dir)
        if by == "examiner":
            return keys.account(Purpose.EXAMINER).sign_digest(digest)
        return keys.account(Purpose.ARBITER, int(by.rpartition("-")[2])).sign_digest(digest)

    @property
    def one(self) -> Settlement:
        """The settlement as it stands."""
        return self.house.settlement(self.id)

    def is_sound(self, state: State | str) -> Trade:
        """Checks state, books, chain and log."""
        self.house.require_sound(self.id, state=state)
        return self


def sale(house: House, buyer: str = "buyer", *, share: int = 1, **changes: Any) -> Trade:
    """A sale of coffee under a fresh invoice number, shipped five days ago; `share` divides its amounts."""
    today = datetime.fromtimestamp(house.now(), UTC).date()
    facts = samples.coffee_trade(number=f"W-{next(_numbers)}", issue_date=today - timedelta(days=8))
    lines = tuple(
        dataclasses.replace(line, quantity=line.quantity / share, net_amount=line.net_amount / share)
        for line in facts.lines
    )
    facts = dataclasses.replace(
        facts, lines=lines, seller=house.stated["seller"], buyer=house.stated[buyer],
        on_board_date=today - timedelta(days=5),
    )  # fmt: skip
    return Trade(house, "seller", buyer, dataclasses.replace(facts, **changes))


def table(text: str) -> Iterator[list[str]]:
    """The rows of a small text table: cells between bars."""
    for line in filter(None, map(str.strip, text.splitlines())):
        yield [cell.strip() for cell in line.strip("|").split("|")]
