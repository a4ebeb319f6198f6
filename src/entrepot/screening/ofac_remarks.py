"""Reads what OFAC writes in words into an entry's remarks: numbers, wallets, dates of birth, nationality, weak names.

Source: OFAC, "SDN data specification", field Remarks; the labels are those found in the list of 2023-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .birth import from_words
from .entity import Identifier, Wallet
from .identifiers import country_of, normalise_identifier, wallet_of

_LABELS = {
    "lei": r"Legal Entity Number",
    "bic": r"SWIFT/BIC",
    "imo": r"(?:Vessel Registration Identification|Vessel Registration Number|Identification Number) IMO",
    "imo_company": r"Company Number IMO",
    "mmsi": r"MMSI",
    "duns": r"D-U-N-S Number",
    "tail_number": r"Aircraft Tail Number",
    "passport": r"(?:Diplomatic |Stateless Person )?Passport(?: No\.)?",
    "tax_id": r"Tax ID No\.|V\.A\.T\. Number|R\.F\.C\.|RFC|NIT #|RUC #|RIF #|US FEIN|Italian Fiscal Code"
              r"|Fiscal Code|C\.U\.I\.T\.|C\.U\.I\.",
    "registration": r"(?:UK |Public )?Registration (?:Number|ID)|(?:UK )?Company Number|Enterprise Number"
                    r"|Commercial Registry Number|Business Registration (?:Number|Document #)|C\.R\. No\."
                    r"|Trade License No\.|Chamber of Commerce Number|Istanbul Chamber of Comm\. No\."
                    r"|Unified Social Credit Code \(USCC\)|Folio Mercantil No\.|Matricula Mercantil No\.?"
                    r"|Central Registration System Number|Registered Charity No\.|License|Government Gazette Number",
    "national_id": r"National ID No\.|National Foreign ID Number|Cedula No\.|C\.U\.R\.P\.|D\.N\.I\.|SSN"
                   r"|Personal ID Card|Identification Number|Electoral Registry No\.|Credencial electoral"
                   r"|Cartilla de Servicio Militar Nacional|BIK \(RU\)",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?:alt\. )?(?:" + "|".join(f"(?P<{kind}>{label})" for kind, label in _LABELS.items()) + r")\s*:?\s+"
    r"(?P<value>[0-9A-Za-z][0-9A-Za-z ./\-]*?)\s*(?=\(|,| issued| expires| Date of|\Z)(?P<rest>.*)\Z"
)
_WALLET = re.compile(r"(?:alt\. )?Digital Currency Address - ([A-Z0-9]+) (\S+)\Z")
_BIRTH = re.compile(r"(?:alt\. )?DOB (.+)\Z")
_NATION = re.compile(r"(?:alt\. )?(?:nationality|citizen) (.+)\Z")
_ALIAS = re.compile(r"(?:alt\. )?[afn]\.k\.a\. '(.+)'\Z")
_IN_BRACKETS = re.compile(r"\(([^()]+)\)")


@dataclass
class Remarks:
    """What one entry's remarks say."""

    identifiers: list[Identifier] = field(default_factory=list)
    wallets: list[Wallet] = field(default_factory=list)
    birth_dates: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    unknown_countries: list[str] = field(default_factory=list)


def read_remarks(text: str) -> Remarks:
    """Part by part; a part that says nothing about identity is passed over."""
    said = Remarks()
    for part in text.split(";"):
        _read_part(said, part.strip().rstrip("."))
    return said


def _read_part(said: Remarks, part: str) -> None:
    if found := _WALLET.match(part):
        wallet = wallet_of(found[1], found[2])
        said.wallets += [wallet] if wallet else []
    elif found := _BIRTH.match(part):
        said.birth_dates += filter(None, [from_words(found[1])])
    elif found := _NATION.match(part):
        country = country_of(found[1])
        (said.countries if country else said.unknown_countries).append(country or found[1])
    elif found := _ALIAS.match(part):
        said.aliases.append(found[1])
    elif found := _NUMBER.match(part):
        _read_number(said, found)


def _read_number(said: Remarks, found: re.Match[str]) -> None:
    kind = next(kind for kind in _LABELS if found[kind])
    countries = [country for text in _IN_BRACKETS.findall(found["rest"]) if (country := country_of(text))]
    identifier = normalise_identifier(kind, found["value"], countries[0] if countries else "")
    said.identifiers += [identifier] if identifier else []
