"""One trade on the chain in memory: its terms, and every act with valid defaults that a test may spoil."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from escrow_world import (
    DAY_S,
    ZERO,
    Deployed,
    Reverted,
    World,
    encode_typed_data,
    keccak,
    now,
    sha,
    signature,
    typed,
    who,
    words,
)

from entrepot.rails.contracts import artifact

PRICE, FEE = 1_000_000_007, 2_500_001  # minor units; odd, so that rounding shows
FUND, RELEASE, REFUND, REJECT, RETURN, FEE_ACT = range(1, 7)
FREEZE, BLOCK, LIFT = range(1, 4)
OPEN, FUNDED, PRESENTED, CLOSED = range(4)


def refused(reason: str) -> AbstractContextManager[Any]:
    """The block ends in a revert with exactly this reason."""
    return pytest.raises(Reverted, match=f"^{reason}$")


def sound_terms(world: World, token: Deployed | None = None, **changes: Any) -> dict[str, Any]:
    """Terms that the factory opens, changed where a test wants it."""
    return {
        "settlement": sha("settlement"),
        "seller": who("seller"),
        "buyer": who("buyer"),
        "token": (token or world.token).address,
        "price": PRICE,
        "fee": FEE,
        "fee_recipient": who("fees"),
        "fund_by": now() + 2 * DAY_S,
        "present_by": now() + 20 * DAY_S,
        "examination_s": 5 * DAY_S,
        "cure_s": 4 * DAY_S,
        "dispute_s": 30 * DAY_S,
        "attesters": [who("attester1"), who("attester2"), who("attester3")],
        "attesters_required": 2,
        "arbiters": [who("arbiter1"), who("arbiter2"), who("arbiter3")],
        "arbiters_required": 2,
        "title_registry": ZERO,
        "title_id": 0,
        "terms_sha256": sha("terms"),
    } | changes


def open_with(world: World, terms: dict[str, Any], seller: str = "seller", buyer: str = "buyer") -> str:
    """Opens an escrow with the terms signed by these two."""
    message = typed(world.factory.address, "Terms", terms)
    return str(world.factory("open", words(terms), signature(message, seller), signature(message, buyer)))


class Trade:
    """An open escrow; methods are the acts, with what is right today as their defaults."""

    def __init__(self, world: World, token: Deployed | None = None, **changes: Any) -> None:
        self.world = world
        self.token = token or world.token
        self.terms = sound_terms(world, self.token, **changes)
        self.escrow = Deployed(open_with(world, self.terms), artifact("TradeEscrow")["abi"])
        self.terms_hash = self.escrow("terms_hash")
        self.total = self.terms["price"] + self.terms["fee"]

    def state(self) -> dict[str, Any]:
        """The escrow's state by field."""
        return dict(self.escrow("state"))

    def balance(self, name: str) -> int:
        """Of the trade's token."""
        return int(self.token("balanceOf", who(name)))

    def held(self) -> int:
        """The balance of the escrow."""
        return int(self.token("balanceOf", self.escrow.address))

    def left(self) -> int:
        """Held and not earned as fee."""
        state = self.state()
        return int(state["held"] - state["fee_claimable"])

    def act(self, name: str, *args: Any, by: str = "stranger") -> Any:
        """Calls the escrow with the terms first."""
        return self.escrow(name, words(self.terms), *args, by=by)

    def statement(self, struct: str, /, *names: str, **values: Any) -> list[bytes]:
        """Signatures of a statement about this escrow."""
        about = {"escrow": self.escrow.address, "terms_hash": self.terms_hash}
        return self.world.signed(struct, about | values, *names)

    def passport(
        self, act: int, payee: str, amount: int, /, signers: tuple[str, ...] = ("operator",), **changes: Any
    ) -> tuple[tuple[Any, ...], list[bytes]]:
        """A passport and its signatures."""
        values = {
            "escrow": self.escrow.address,
            "terms_hash": self.terms_hash,
            "act": act,
            "payee": payee,
            "token": self.token.address,
            "amount": amount,
            "sequence": self.escrow("sequence"),
            "valid_from": now() - 60,
            "valid_until": now() + 3600,
            "decision_sha256": sha("decision"),
        } | changes
        return words(values), self.world.signed("Passport", values, *signers)

    def supply(self, amount: int | None = None) -> None:
        """Gives the buyer coins and the escrow an allowance."""
        amount = self.total if amount is None else amount
        self.token("mint", who("buyer"), amount)
        self.token("approve", self.escrow.address, amount, by="buyer")

    def fund(self, by: str = "buyer", **changes: Any) -> None:
        """The buyer pays out of an allowance, which is made first."""
        self.supply()
        self.act("fund", *self.passport(FUND, self.escrow.address, self.total, **changes), by=by)

    def present(self, documents: bytes = sha("documents"), by: str = "seller", **changes: Any) -> None:
        values = {"documents_sha256": documents, "round": self.escrow("round") + 1} | changes
        self.act("present", documents, self.statement("Presentation", by, **values)[0])

    def examinations(self, complies: bool, /, *names: str, **changes: Any) -> list[bytes]:
        """Signatures of attesters about the current documents."""
        state = self.state()
        values = {"documents_sha256": state["documents_sha256"], "round": state["round"], "complies": complies}
        return self.statement("Examination", *names, **(values | changes))

    def find_discrepant(self, *names: str, **changes: Any) -> None:
        signed = self.examinations(False, *(names or ("attester1", "attester2")), **changes)
        self.act("reject_presentation", signed)

    def waive(self, by: str = "buyer", documents: bytes | None = None, **changes: Any) -> None:
        state = self.state()
        documents = state["documents_sha256"] if documents is None else documents
        values = {"documents_sha256": documents, "round": state["round"]} | changes
        self.act("waive", documents, self.statement("Waiver", by, **values)[0])

    def release(self, amount: int | None = None, attesters: tuple[str, ...] = (), **changes: Any) -> None:
        amount = self.terms["price"] if amount is None else amount
        examined = self.examinations(True, *attesters) if attesters else []
        passport, signed = self.passport(RELEASE, self.terms["seller"], amount, **changes)
        self.act("release", amount, passport, signed, examined)

    def refund(self, amount: int | None = None, **changes: Any) -> None:
        amount = self.left() if amount is None else amount
        self.act("refund", *self.passport(REFUND, self.terms["buyer"], amount, **changes))

    def reject(self, amount: int | None = None, **changes: Any) -> None:
        amount = self.left() if amount is None else amount
        self.act("reject", *self.passport(REJECT, self.terms["buyer"], amount, **changes))

    def claim_fee(self, amount: int | None = None, **changes: Any) -> None:
        amount = self.escrow("fee_claimable") if amount is None else amount
        self.act("claim_fee", *self.passport(FEE_ACT, self.terms["fee_recipient"], amount, **changes))

    def give_back(
        self,
        to: str,
        amount: int,
        signers: tuple[str, ...] = ("operator", "operator2"),
        token: Deployed | None = None,
        **changes: Any,
    ) -> None:
        """return_payment."""
        coin = (token or self.token).address
        passport, signed = self.passport(RETURN, to, amount, signers, **({"token": coin} | changes))
        self.act("return_payment", coin, to, amount, passport, signed)

    def dispute(self, by: str = "buyer") -> None:
        signed = self.statement("Dispute", by, reason_sha256=sha("reason"))
        self.act("raise_dispute", sha("reason"), signed[0])

    def award(self, to_seller: int, *names: str) -> None:
        signed = self.statement("Award", *(names or ("arbiter1", "arbiter3")), to_seller=to_seller)
        self.act("award", to_seller, signed)

    def hold(self, kind: int, until: int = 0, signers: tuple[str, ...] = ("authority",), **changes: Any) -> None:
        values = {"kind": kind, "until": until, "order_sha256": sha("order"), "number": self.state()["hold_number"]}
        signed = self.statement("Hold", *signers, **(values | changes))
        self.act("hold", kind, until, sha("order"), signed)

    def freeze(self, seconds: int) -> None:
        self.hold(FREEZE, now() + seconds)

    def lift(self, until: int = 0) -> None:
        self.hold(LIFT, until, ("authority", "authority2"))

    def permit(self, amount: int, deadline: int, by: str = "buyer") -> tuple[int, bytes, bytes]:
        """v, r, s of an EIP-2612 permit of Circle's token to the escrow."""
        values = {
            "owner": self.terms["buyer"],
            "spender": self.escrow.address,
            "value": amount,
            "nonce": self.token("nonces", self.terms["buyer"]),
            "deadline": deadline,
        }
        fields = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
        raw = signature(_coin_message(self.token, "Permit", fields, values), by)
        return raw[64], raw[:32], raw[32:64]

    def authorisation(self, amount: int, attempt: int = 0, by: str = "buyer", **changes: Any) -> bytes:
        """An EIP-3009 ReceiveWithAuthorization of Circle's token to the escrow, valid for the next hour."""
        values = {
            "from": self.terms["buyer"],
            "to": self.escrow.address,
            "value": amount,
            "validAfter": 0,
            "validBefore": now() + 3600,
            "nonce": bytes(keccak(self.terms_hash + attempt.to_bytes(32, "big"))),
        } | changes
        fields = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
        return signature(_coin_message(self.token, "ReceiveWithAuthorization", fields, values), by)


def _coin_message(token: Deployed, kind: str, fields: str, values: dict[str, Any]) -> Any:
    # titanoboa runs the token's CHAINID as 1, its own default.
    domain = {"name": "USD Coin", "version": "2", "chainId": 1, "verifyingContract": token.address}
    types = [dict(zip(("type", "name"), part.split(), strict=True)) for part in fields.split(",")]
    return encode_typed_data(domain, {kind: types}, values)
