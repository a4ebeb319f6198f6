"""Numbers and addresses in the one form in which they are compared."""

from __future__ import annotations

import re
from functools import lru_cache

from rigour.territories import get_territory, lookup_territory

from .entity import Identifier, Wallet

WORLDWIDE = ("lei", "bic", "imo", "imo_company", "mmsi", "duns")
OWN_KINDS = (*WORLDWIDE, "passport", "tail_number")
ANY_NUMBER = "number"  # registration, tax and national numbers: authorities call one number by different names
SYNONYMS = {"swift": "bic", "vat": "tax_id", "vat_id": "tax_id", "passport_number": "passport"}
SHORT_CHARS = 6  # numbers with fewer characters say something only together with their country
VALUE_CHARS_MIN = 3
BIC_CHARS = 8  # institution, country, location; the rest is a branch. Source: ISO 9362

_NOT_ALNUM = re.compile(r"[^0-9A-Z]")
_VAT = re.compile(r"([A-Z]{2})(\d{8,})\Z")
_SHIP = re.compile(r"(?:IMO)?(\d{7})\Z")
_EVM = re.compile(r"0x[0-9a-f]{40}\Z")
_BECH32 = re.compile(r"(?:bc|tb|bcrt|ltc)1[02-9ac-hj-np-z]{8,90}\Z")
_CASHADDR = re.compile(r"[qp][02-9ac-hj-np-z]{41}\Z")
_BASE58 = "[1-9A-HJ-NP-Za-km-z]"

# Chain family → what its addresses look like.
SHAPES = {
    "evm": _EVM,
    "tron": re.compile(rf"T{_BASE58}{{33}}\Z"),
    "bitcoin": re.compile(rf"(?:[13]{_BASE58}{{24,34}}|bc1[02-9ac-hj-np-z]{{8,87}})\Z"),
}
ANY_SHAPE = re.compile(r"[0-9A-Za-z]{20,120}\Z")
# OFAC's code for an asset → chain family. Source: OFAC SDN data specification, feature type Digital Currency Address.
FAMILIES = {
    "ETH": "evm", "ETC": "evm", "BSC": "evm", "ARB": "evm", "USDC": "evm", "XBT": "bitcoin", "TRX": "tron",
    "BCH": "bitcoin-cash", "BSV": "bitcoin-sv", "BTG": "bitcoin-gold", "DASH": "dash", "LTC": "litecoin",
    "XMR": "monero", "XRP": "ripple", "XVG": "verge", "ZEC": "zcash", "SOL": "solana",
}  # fmt: skip


def normalise_identifier(kind: str, text: str, country: str = "") -> Identifier | None:
    """Upper case, letters and digits only; None if nothing is left that tells anybody apart."""
    kind = kind.strip().lower()
    kind = SYNONYMS.get(kind, kind)
    value = _NOT_ALNUM.sub("", text.upper())
    if kind == "imo" and (ship := _SHIP.match(value)):
        value = ship[1]
    if kind == "bic":
        value = value[:BIC_CHARS]
    if kind == "tax_id" and (vat := _VAT.match(value)) and get_territory(vat[1].lower()):
        country, value = country or vat[1], vat[2]
    if len(value) < VALUE_CHARS_MIN or not any(char.isdigit() for char in value) and kind not in ("bic", "tail_number"):
        return None
    return Identifier(kind, value, "" if kind in WORLDWIDE else country)


def comparison_key(identifier: Identifier) -> tuple[str, str]:
    """Equal keys are the same number, as far as country or length do not speak against it."""
    return (identifier.type if identifier.type in OWN_KINDS else ANY_NUMBER, identifier.value)


def is_same_issue(mine: Identifier, listed: Identifier, *, my_country: str) -> bool:
    """False if two equal numbers may belong to different holders: issued by different countries, or short."""
    if listed.type in WORLDWIDE:
        return True
    country = mine.country or my_country
    if country and listed.country:
        return country == listed.country
    return len(listed.value) >= SHORT_CHARS


def normalise_wallet(text: str) -> str:
    """The address alone (of CAIP-10 too); lower case where case means nothing. Source: EIP-55, BIP-173, CAIP-10."""
    address = text.strip().rpartition(":")[2]
    lower = address.lower()
    if _EVM.match(lower):
        return lower
    is_one_case = address in (lower, address.upper())
    if is_one_case and (_BECH32.match(lower) or _CASHADDR.match(lower)):
        return lower
    return address


def wallet_of(asset: str, text: str) -> Wallet | None:
    """A listed wallet, None if `text` is no address at all.

    The address says the family before the asset does: the list of 2024-09 has a Tron address under XBT.
    """
    address = normalise_wallet(text)
    if not ANY_SHAPE.match(address):
        return None
    by_shape = (family for family, shape in SHAPES.items() if shape.match(address))
    return Wallet(address, next(by_shape, FAMILIES.get(asset, asset.lower())), asset)


@lru_cache(maxsize=4096)
def country_of(text: str) -> str:
    """ISO 3166-1 alpha-2 of a country's name as lists write it, empty if it is not understood."""
    text = text.strip()
    if not text:
        return ""
    found = lookup_territory(text)
    while found is not None and not found.is_country and found.parent is not None:
        found = found.parent
    return found.code[:2].upper() if found is not None else ""
