"""What both sides sign: the trade's terms as JSON, and the on-chain Terms that carry their hash.

The JSON says everything in words a banker reads; the on-chain struct repeats what the escrow must enforce, and its
last field is the SHA-256 of the JSON. `Terms.onchain` derives the one from the other, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from .asset import AssetRegistry
from .canonical import Json, hex0x, sha256_of, unhex
from .crypto import secp256k1_recover
from .eip712 import Domain, Struct, address_bytes
from .errors import Invalid, Refused, declare
from .money import Money
from .party import Party, wallet_address

SCHEMA = "entrepot/terms/1"
ZERO_ADDRESS = "0x" + "00" * 20
SIGNERS_MAX = 5
DESCRIPTION_CHARS_MAX = 500
LINES_MAX = 500

declare("Refused", signature_invalid="The signature is not by the admitted wallet over these terms.")

STRUCT = Struct(
    "Terms",
    (
        ("bytes32", "settlement"),
        ("address", "seller"),
        ("address", "buyer"),
        ("address", "token"),
        ("uint256", "price"),
        ("uint256", "fee"),
        ("address", "fee_recipient"),
        ("uint64", "fund_by"),
        ("uint64", "present_by"),
        ("uint32", "examination_s"),
        ("uint32", "cure_s"),
        ("uint32", "dispute_s"),
        ("address[]", "attesters"),
        ("uint8", "attesters_required"),
        ("address[]", "arbiters"),
        ("uint8", "arbiters_required"),
        ("address", "title_registry"),
        ("uint256", "title_id"),
        ("bytes32", "terms_sha256"),
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of goods: `hs` is the Harmonized System code (6 to 10 digits), `net_amount` major units as invoiced.

    A line may be a discount, so it is text and no Money: nobody is ever paid a line.
    """

    description: str
    hs: str
    quantity: str
    unit: str
    net_amount: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """When what must happen. Unix seconds, and durations in seconds that the escrow counts itself.

    `examination_days` banking days on `calendar` are the promise; `examination_s` is their upper bound on chain.
    `latest_shipment` is an ISO date, `shipment_to_presentation_days` after UCP 600 art. 14(c).
    """

    fund_by: int
    present_by: int
    examination_days: int
    calendar: str
    examination_s: int
    cure_s: int
    dispute_s: int
    latest_shipment: str
    shipment_to_presentation_days: int


@dataclass(frozen=True, slots=True)
class Venue:
    """Where the money waits and whose signatures count: chain, factory, keys (0x addresses, lower case)."""

    rail: str
    chain_id: int
    factory: str
    fee_recipient: str
    attesters: tuple[str, ...]
    attesters_required: int
    arbiters: tuple[str, ...]
    arbiters_required: int
    title_registry: str = ZERO_ADDRESS
    title_id: str = "0"


@dataclass(frozen=True, slots=True)
class Terms:
    """A trade as both sides sign it. `quote` is `Quote.to_json`; `invoice_sha256` is over the original bytes."""

    settlement: str
    salt: str
    seller: Party
    buyer: Party
    invoice_number: str
    invoice_date: str
    invoice_sha256: str
    lines: tuple[Line, ...]
    incoterm: str
    incoterm_place: str
    documents_required: tuple[str, ...]
    price: Money
    fee: Money
    quote: Json
    schedule: Schedule
    venue: Venue
    regime: str
    supplied: tuple[str, ...] = ()  # facts that a demo operator supplied; marked `simulated` wherever shown
    _hashed: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # it never changes

    def __post_init__(self) -> None:
        if self.price.asset != self.fee.asset:
            raise Invalid("asset_mismatch", "Price and fee are in one asset.", path="fee")
        if not 0 < len(self.lines) <= LINES_MAX:
            raise Invalid("malformed", f"A trade has 1 to {LINES_MAX} lines.", path="lines")
        if self.seller.wallet == self.buyer.wallet or self.seller.participant == self.buyer.participant:
            raise Invalid("malformed", "Seller and buyer are the same.", path="buyer")
        if not self.schedule.fund_by < self.schedule.present_by:
            raise Invalid("malformed", "Funding ends before presentation does.", path="schedule")
        for keys, required in (
            (self.venue.attesters, self.venue.attesters_required),
            (self.venue.arbiters, self.venue.arbiters_required),
        ):
            if not 0 < required <= len(set(keys)) == len(keys) <= SIGNERS_MAX:
                raise Invalid("malformed", f"{required} of {len(keys)} signers is not a quorum.", path="venue")

    @property
    def total(self) -> Money:
        """What the buyer pays into escrow."""
        return self.price + self.fee

    @property
    def chain(self) -> str:
        """The CAIP-2 id of the chain."""
        return f"eip155:{self.venue.chain_id}"

    @property
    def seller_address(self) -> str:
        """0x address of the seller's admitted wallet."""
        return wallet_address(self.seller.wallet, chain=self.chain)

    @property
    def buyer_address(self) -> str:
        """0x address of the buyer's admitted wallet."""
        return wallet_address(self.buyer.wallet, chain=self.chain)

    @property
    def token_address(self) -> str:
        """0x address of the settlement token. Source: CAIP-19, namespace erc20."""
        return token_address(self.price.asset.id, chain=self.chain)

    def to_json(self) -> Json:
        """The canonical JSON terms that the on-chain Terms hash."""
        body: Json = {name.name: getattr(self, name.name) for name in fields(self) if name.init}
        body |= {
            "schema": SCHEMA,
            "seller": self.seller.to_json(),
            "buyer": self.buyer.to_json(),
            "lines": [_flat(line) for line in self.lines],
            "documents_required": list(self.documents_required),
            "price": self.price.to_json(),
            "fee": self.fee.to_json(),
            "schedule": _flat(self.schedule),
            "venue": _flat(self.venue)
            | {"attesters": list(self.venue.attesters), "arbiters": list(self.venue.arbiters)},
            "supplied": list(self.supplied),
        }
        return body

    @classmethod
    def from_json(cls, body: Json, assets: AssetRegistry) -> Terms:
        """Reads `to_json`. Raises: Invalid(malformed, …) for any other shape."""
        try:
            if body["schema"] != SCHEMA:
                raise Invalid("malformed", f"Terms have the schema {SCHEMA}.", path="schema")
            plain = {name: value for name, value in body.items() if name != "schema"}
            venue = body["venue"] | {key: tuple(body["venue"][key]) for key in ("attesters", "arbiters")}
            terms = cls(
                **plain
                | {
                    "seller": Party.from_json(body["seller"], path="seller"),
                    "buyer": Party.from_json(body["buyer"], path="buyer"),
                    "lines": tuple(Line(**line) for line in body["lines"]),
                    "documents_required": tuple(body["documents_required"]),
                    "price": Money.from_json(body["price"], assets, path="price"),
                    "fee": Money.from_json(body["fee"], assets, path="fee"),
                    "schedule": Schedule(**body["schedule"]),
                    "venue": Venue(**venue),
                    "supplied": tuple(body["supplied"]),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Invalid("malformed", f"These are not {SCHEMA}: {error!s:.120}") from None
        return terms

    def sha256(self) -> bytes:
        """SHA-256 of the canonical JSON terms: 32 bytes."""
        if "sha256" not in self._hashed:
            self._hashed["sha256"] = sha256_of(self.to_json())
        return bytes(self._hashed["sha256"])

    def onchain(self) -> dict[str, Any]:
        """The values of the on-chain Terms struct."""
        return {
            "settlement": bytes(16) + bytes.fromhex(self.settlement),
            "seller": self.seller_address,
            "buyer": self.buyer_address,
            "token": self.token_address,
            "price": self.price.amount_minor,
            "fee": self.fee.amount_minor,
            "fee_recipient": self.venue.fee_recipient,
            "fund_by": self.schedule.fund_by,
            "present_by": self.schedule.present_by,
            "examination_s": self.schedule.examination_s,
            "cure_s": self.schedule.cure_s,
            "dispute_s": self.schedule.dispute_s,
            "attesters": list(self.venue.attesters),
            "attesters_required": self.venue.attesters_required,
            "arbiters": list(self.venue.arbiters),
            "arbiters_required": self.venue.arbiters_required,
            "title_registry": self.venue.title_registry,
            "title_id": int(self.venue.title_id),
            "terms_sha256": self.sha256(),
        }

    def hash(self) -> str:
        """0x-hex of the on-chain terms hash (EIP-712 hashStruct): the salt of the escrow's address."""
        if "hash" not in self._hashed:
            self._hashed["hash"] = hex0x(STRUCT.hash(self.onchain()))
        return str(self._hashed["hash"])

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of everything signed about this trade: the factory on its chain."""
        return Domain(chain_id=self.venue.chain_id, contract=self.venue.factory)

    def digest(self) -> bytes:
        """The 32 bytes that seller and buyer sign."""
        return self.domain.digest(unhex(self.hash()))


def _flat(part: Line | Schedule | Venue) -> Json:
    """A part whose fields hold no other."""
    return {name: getattr(part, name) for name in part.__slots__}


def require_signed(terms: Terms, *, by: Party, signature: str) -> None:
    """Raises: Refused(signature_invalid) unless `signature` over `terms` is by the wallet of `by`."""
    signer = secp256k1_recover(unhex(signature), terms.digest())
    if signer != wallet_address(by.wallet, chain=terms.chain):
        raise Refused("signature_invalid", f"The terms are not signed by the wallet of {by.participant}.")


def token_address(asset_id: str, *, chain: str) -> str:
    """The 0x address in a CAIP-19 id such as `eip155:31337/erc20:0x…`. Raises: Invalid(malformed)."""
    prefix, _, address = asset_id.rpartition(":")
    if prefix != f"{chain}/erc20":
        raise Invalid("malformed", f"{asset_id!r:.80} is not a token on {chain} (CAIP-19).")
    return hex0x(address_bytes(address))
