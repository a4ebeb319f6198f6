"""Who is listed and who is screened. Values are kept normalised, so that equal means equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from entrepot.core.errors import Invalid

Schema = Literal["person", "organization", "vessel", "wallet"]  # a vessel is a ship or an aircraft
NameKind = Literal["primary", "alias"]
NameQuality = Literal["strong", "weak"]
SCHEMAS: tuple[str, ...] = get_args(Schema)

# What is screened of a subject: rather refused than cut, because what is cut off is not screened.
NAME_CHARS_MAX = 300
IDENTIFIER_KIND_CHARS_MAX, IDENTIFIER_CHARS_MAX, IDENTIFIERS_MAX = 40, 200, 20
WALLET_CHARS_MAX = 200
COUNTRY_CHARS = 2  # ISO 3166-1 alpha-2
BIRTH_DATE_CHARS_MAX = 10


@dataclass(frozen=True, slots=True)
class ListedName:
    """A name as its list writes it; `weak` is the list's own word for an alias that finds many others."""

    text: str
    kind: NameKind = "primary"
    quality: NameQuality = "strong"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A normalised number; `country` (ISO 3166-1 alpha-2) issued it, empty if unknown or worldwide."""

    type: str
    value: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class Wallet:
    """A normalised address; `family` is the kind of chain it stands on, `asset` the list's code for its coin."""

    address: str
    family: str
    asset: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """One entry of a list. `countries` are ISO 3166-1 alpha-2, `birth_dates` as in `birth.py`."""

    id: str
    source: str
    schema: Schema
    names: tuple[ListedName, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    countries: tuple[str, ...] = ()
    birth_dates: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    wallets: tuple[Wallet, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a store keeps it."""
        return {
            "id": self.id,
            "source": self.source,
            "schema": self.schema,
            "names": [[name.text, name.kind, name.quality] for name in self.names],
            "identifiers": [[entry.type, entry.value, entry.country] for entry in self.identifiers],
            "countries": list(self.countries),
            "birth_dates": list(self.birth_dates),
            "programs": list(self.programs),
            "wallets": [[wallet.address, wallet.family, wallet.asset] for wallet in self.wallets],
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Entity:
        """What `to_json` wrote."""
        return cls(
            id=kept["id"],
            source=kept["source"],
            schema=cast(Schema, kept["schema"]),
            names=tuple(ListedName(*name) for name in kept["names"]),
            identifiers=tuple(Identifier(*entry) for entry in kept["identifiers"]),
            countries=tuple(kept["countries"]),
            birth_dates=tuple(kept["birth_dates"]),
            programs=tuple(kept["programs"]),
            wallets=tuple(Wallet(*wallet) for wallet in kept["wallets"]),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is screened, as they say it themselves: `identifiers` are (type, value), `wallet` an address or CAIP-10."""

    kind: str
    name: str = ""
    country: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()
    birth_date: str = ""
    wallet: str = ""
    role: str = ""

    def require_screenable(self) -> None:
        """Raises: Invalid(malformed) for a kind that is not screened, or a text that is too long or none; with path."""
        if self.kind not in SCHEMAS:
            raise Invalid("malformed", f"{self.kind!r:.40} is none of {', '.join(SCHEMAS)}.", path="kind")
        if self.country and len(self.country) != COUNTRY_CHARS:
            raise Invalid("malformed", f"{self.country!r:.40} is not an ISO 3166-1 alpha-2 country.", path="country")
        if len(self.identifiers) > IDENTIFIERS_MAX:
            raise Invalid("malformed", f"At most {IDENTIFIERS_MAX} identifiers are read.", path="identifiers")
        _require_text(self.name, "name", NAME_CHARS_MAX)
        _require_text(self.birth_date, "birth_date", BIRTH_DATE_CHARS_MAX)
        _require_text(self.wallet, "wallet", WALLET_CHARS_MAX)
        for kind, value in self.identifiers:
            _require_text(kind, "identifiers", IDENTIFIER_KIND_CHARS_MAX)
            _require_text(value, f"identifiers.{kind}", IDENTIFIER_CHARS_MAX)


def _require_text(text: str, path: str, chars_max: int) -> None:
    if len(text) > chars_max:
        raise Invalid("malformed", f"{path} has {len(text)} characters; at most {chars_max} are read.", path=path)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Invalid("malformed", f"{path} holds half a character (a lone surrogate).", path=path)
