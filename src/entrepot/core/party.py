"""Who trades: a party to the terms, as both sides sign it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .errors import Invalid

NAME_CHARS_MAX = 140  # ISO 20022 Max140Text, so that every name fits every message
LEIS_KEPT = 4_096
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}\Z")
_CAIP10 = re.compile(r"(eip155:[1-9][0-9]{0,17}):(0x[0-9a-f]{40})\Z")


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or buyer: `participant` is its id here, `wallet` its admitted account as CAIP-10.

    `country` is ISO 3166-1 alpha-2; `lei` (ISO 17442) and `registration` may be empty.
    """

    participant: str
    name: str
    country: str
    wallet: str
    lei: str = ""
    registration: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= NAME_CHARS_MAX:
            raise Invalid("malformed", f"A party's name has 1 to {NAME_CHARS_MAX} characters.", path="name")
        if not _COUNTRY.match(self.country):
            raise Invalid("malformed", f"{self.country!r:.20} is not an ISO 3166-1 alpha-2 country.", path="country")
        if self.lei and not is_lei(self.lei):
            raise Invalid("malformed", f"{self.lei!r:.40} is not an LEI (ISO 17442).", path="lei")
        wallet_address(self.wallet)

    def to_json(self) -> dict[str, str]:
        """As it stands in the signed terms."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Any, *, path: str = "") -> Party:
        """Reads `to_json`. Raises: Invalid(malformed)."""
        if not isinstance(value, dict) or set(value) != set(cls.__slots__):
            raise Invalid("malformed", f"A party has {', '.join(cls.__slots__)}.", path=path)
        if not all(isinstance(text, str) for text in value.values()):
            raise Invalid("malformed", "A party's facts are text.", path=path)
        return cls(**value)


@lru_cache(maxsize=LEIS_KEPT)
def is_lei(text: str) -> bool:
    """True if the 20 characters carry the right check digits. Source: ISO 17442, ISO 7064 MOD 97-10."""
    return bool(_LEI.match(text)) and int("".join(str(int(char, 36)) for char in text)) % 97 == 1


def wallet_address(caip10: str, *, chain: str = "") -> str:
    """The 0x address of a CAIP-10 account on an EVM chain. Raises: Invalid(malformed)."""
    match = _CAIP10.match(caip10)
    if not match or (chain and match[1] != chain):
        raise Invalid("malformed", f"{caip10!r:.80} is not an account on {chain or 'an EVM chain'} (CAIP-10).")
    return match[2]


def caip10(chain_id: int, address: str) -> str:
    """`eip155:CHAIN:ADDRESS`, lower case. Source: CAIP-10, CAIP-2."""
    return f"eip155:{chain_id}:{address.lower()}"
