"""Who is listed and who is screened. Values are kept normalised, so that equal means equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Schema = Literal["person", "organization", "vessel", "wallet"]  # a vessel is a ship or an aircraft
NameKind = Literal["primary", "alias"]
NameQuality = Literal["strong", "weak"]
SCHEMAS: tuple[str, ...] = get_args(Schema)


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
