"""Which call of which contract an operation is: one builder for each kind, and what it takes in `arguments`.

Signatures of several persons are put in ascending order of their signers' addresses, as the escrow demands them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.core.acts import AWARD, EXAMINATION, HOLD
from entrepot.core.canonical import Json, unhex
from entrepot.core.crypto import secp256k1_recover
from entrepot.core.eip712 import Domain, Struct
from entrepot.core.errors import Invalid, Refused
from entrepot.core.escrow import escrow_address
from entrepot.core.passport import STRUCT as PASSPORT
from entrepot.core.passport import Passport
from entrepot.core.terms import STRUCT as TERMS
from entrepot.core.terms import Terms

from .abi import Contract, Undecodable
from .contracts import artifact
from .rail import EscrowState, Operation

FACTORY = Contract(artifact("EscrowFactory")["abi"])
ESCROW = Contract(artifact("TradeEscrow")["abi"])


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where our contracts are on one chain: 0x addresses, lower case."""

    chain_id: int
    factory: str
    implementation: str

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of everything signed about trades here."""
        return Domain(chain_id=self.chain_id, contract=self.factory)

    def escrow_of(self, terms_hash: bytes) -> str:
        """The CREATE2 address of the escrow of a terms hash. Source: EIP-1014, EIP-1167."""
        return escrow_address(factory=self.factory, implementation=self.implementation, terms_hash=terms_hash)


@dataclass(frozen=True, slots=True)
class CallData:
    """One contract call."""

    to: str
    data: bytes


State = Callable[[], EscrowState]  # reads the escrow's state from the chain, only when a builder needs it


@dataclass(frozen=True)
class Act:
    """An operation on its way to becoming a call."""

    contracts: Contracts
    terms: Terms
    arguments: Json
    state: State

    @property
    def escrow(self) -> str:
        """The escrow's address."""
        return self.contracts.escrow_of(unhex(self.terms.hash(), size=32))

    def text(self, name: str) -> Any:
        """An argument. Raises: KeyError."""
        return self.arguments[name]

    def whole(self, name: str) -> int:
        """A whole number, as an int or base-10 string."""
        value = self.arguments[name]
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(f"{name} is not a whole number")
        return int(value)

    def binary(self, name: str) -> bytes:
        """0x-hex of any length."""
        return unhex(self.arguments[name])

    def hash(self, name: str) -> bytes:
        """0x-hex of 32 bytes."""
        return unhex(self.arguments[name], size=32)

    def passport(self) -> tuple[tuple[Any, ...], list[bytes]]:
        """The passport as the contract takes it, and its signatures (one in it, or several beside it)."""
        body = self.arguments["passport"]
        passport = Passport.from_json(body)
        signatures = self.arguments.get("signatures") or [body["signature"]]
        values = passport.values()
        return tuple(values[name] for _, name in PASSPORT.fields), self.ordered(signatures, PASSPORT, lambda: values)

    def ordered(self, signatures: Sequence[str], struct: Struct, values: Callable[[], dict[str, Any]]) -> list[bytes]:
        """Signatures in ascending order of their signers; a malformed one keeps its place at the front."""
        raw = [unhex(text) for text in signatures]
        if len(raw) < 2:
            return raw
        digest = struct.digest(self.contracts.domain, values())
        return sorted(raw, key=lambda signature: secp256k1_recover(signature, digest) or "")

    def about(self) -> dict[str, Any]:
        """What every statement names."""
        return {"escrow": self.escrow, "terms_hash": unhex(self.terms.hash(), size=32)}

    def examination(self, *, complies: bool) -> Callable[[], dict[str, Any]]:
        """The values that the examiners signed, of the documents last presented."""

        def values() -> dict[str, Any]:
            state = self.state()
            documents = {"documents_sha256": unhex(state.documents_sha256, size=32), "round": state.round}
            return self.about() | documents | {"complies": complies}

        return values


def call_of(contracts: Contracts, operation: Operation, state: State) -> CallData:
    """The call that `operation` is. Raises: Invalid(operation_malformed)."""
    build = _BUILDERS.get(operation.kind)
    if build is None:
        raise Invalid("operation_malformed", f"{operation.kind!r:.40} is no operation.", path="kind")
    terms = operation.terms
    if terms.venue.chain_id != contracts.chain_id or terms.venue.factory != contracts.factory:
        raise Invalid("operation_malformed", "The terms are of another chain or factory.", path="terms.venue")
    act = Act(contracts, terms, operation.arguments, state)
    onchain = terms.onchain()
    struct = tuple(onchain[name] for _, name in TERMS.fields)
    try:
        name, args = build(act)
        if name == "open":
            return CallData(contracts.factory, FACTORY.call(name, struct, *args))
        return CallData(act.escrow, ESCROW.call(name, struct, *args))
    except (KeyError, TypeError, ValueError, AttributeError, Undecodable, Invalid, Refused) as error:
        raise Invalid("operation_malformed", f"{operation.kind}: {error!r:.200}", path="arguments") from None


Built = tuple[str, tuple[Any, ...]]


def _open(act: Act) -> Built:
    """seller_signature, buyer_signature: over the Terms."""
    return "open", (act.binary("seller_signature"), act.binary("buyer_signature"))


def _fund(act: Act) -> Built:
    """passport, attempt, valid_after, valid_before, buyer_signature: the buyer's EIP-3009 authorisation."""
    times = (act.whole("attempt"), act.whole("valid_after"), act.whole("valid_before"))
    return "fund_with_authorization", (*act.passport(), *times, act.binary("buyer_signature"))


def _present(act: Act) -> Built:
    """documents_sha256, seller_signature."""
    return "present", (act.hash("documents_sha256"), act.binary("seller_signature"))


def _reject_presentation(act: Act) -> Built:
    """signatures: examiners' that the documents do not comply."""
    signatures = act.ordered(act.text("signatures"), EXAMINATION, act.examination(complies=False))
    return "reject_presentation", (signatures,)


def _waive(act: Act) -> Built:
    """documents_sha256, buyer_signature."""
    return "waive", (act.hash("documents_sha256"), act.binary("buyer_signature"))


def _release(act: Act) -> Built:
    """amount_minor, passport, examination_signatures: none if the buyer waived, silence lasted or arbiters awarded."""
    listed = act.arguments.get("examination_signatures", [])
    examined = act.ordered(listed, EXAMINATION, act.examination(complies=True))
    return "release", (act.whole("amount_minor"), *act.passport(), examined)


def _spent(name: str) -> Callable[[Act], Built]:
    """passport."""
    return lambda act: (name, act.passport())


def _return_payment(act: Act) -> Built:
    """token, to, amount_minor, passport, signatures: two of the passport signers', or the trustees' quorum."""
    return "return_payment", (act.text("token"), act.text("to"), act.whole("amount_minor"), *act.passport())


def _raise_dispute(act: Act) -> Built:
    """reason_sha256, signature: a party's."""
    return "raise_dispute", (act.hash("reason_sha256"), act.binary("signature"))


def _award(act: Act) -> Built:
    """to_seller_minor, signatures: the arbiters'."""
    to_seller = act.whole("to_seller_minor")
    values = act.about() | {"to_seller": to_seller}
    return "award", (to_seller, act.ordered(act.text("signatures"), AWARD, lambda: values))


def _hold(act: Act) -> Built:
    """hold (1 freeze, 2 block, 3 lift), until, order_sha256, signatures: the authorities'."""
    order = {"kind": act.whole("hold"), "until": act.whole("until"), "order_sha256": act.hash("order_sha256")}

    def values() -> dict[str, Any]:
        return act.about() | order | {"number": act.state().hold_number}

    return "hold", (*order.values(), act.ordered(act.text("signatures"), HOLD, values))


_BUILDERS: dict[str, Callable[[Act], Built]] = {
    "open": _open,
    "fund_with_authorization": _fund,
    "present": _present,
    "reject_presentation": _reject_presentation,
    "waive": _waive,
    "release": _release,
    "refund": _spent("refund"),
    "reject": _spent("reject"),
    "return_payment": _return_payment,
    "claim_fee": _spent("claim_fee"),
    "raise_dispute": _raise_dispute,
    "award": _award,
    "hold": _hold,
}
