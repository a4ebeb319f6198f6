"""Codes that both XML syntaxes carry alike: identifier schemes, classifications, units, Incoterms, type codes."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import Invalid
from ..core.party import is_lei
from .stated import INCOTERMS, DeliveryTerms, Remark, StatedParty, hs_code, unit_code

LEI_SCHEME = "0199"  # ISO 6523 ICD of the Legal Entity Identifier
HS_LIST = "HS"  # UNTDID 7143: Harmonised system
# UNTDID 1001: credit notes as EN 16931 lists them, and the self-billed and factored ones.
CREDIT_NOTE_TYPES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
INCOTERM_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Party:
    """A party's texts as found under `path`, before they are judged."""

    path: str
    name: str
    country: str
    registration: str
    tax_id: str
    lei: str
    address: tuple[str, ...]


def party_of(found: Party, remarks: list[Remark]) -> StatedParty:
    """The party, an LEI only if its check digits are right. Raises: Invalid(invoice_field_missing)."""
    for field, value in (("name", found.name), ("country", found.country)):
        if not value:
            raise Invalid("invoice_field_missing", f"{found.path} has no {field}.", path=f"{found.path} ({field})")
    lei = found.lei.upper()
    if lei and not is_lei(lei):
        remarks.append(Remark("lei_check_digits", f"{lei!r:.40} is not an LEI (ISO 17442); left out.", found.path))
        lei = ""
    return StatedParty(found.name, found.country, found.registration, found.tax_id, lei, found.address)


def hs_of(codes: list[tuple[str, str, str]], remarks: list[Remark]) -> str | None:
    """The first well-formed HS code among (list, code, path) of a line; a malformed one is remarked."""
    for listed, text, path in codes:
        if listed.upper() == HS_LIST:
            if code := hs_code(text):
                return code
            remarks.append(Remark("hs_malformed", f"{text!r:.40} is not an HS code of 6 to 10 digits.", path))
    return None


def unit_of(text: str, path: str, remarks: list[Remark]) -> str:
    """The unit's code, or empty with a remark."""
    code = unit_code(text)
    if code is None:
        remarks.append(Remark("unit_unknown", f"{text!r:.20} is not a unit code of UN/ECE Rec 20.", path))
    return code or ""


def delivery_of(code: str, place: str, path: str, remarks: list[Remark]) -> DeliveryTerms | None:
    """The delivery terms, if `code` is an Incoterm of 2020; another three-letter code is remarked."""
    incoterm = code.upper()
    if incoterm in INCOTERMS:
        return DeliveryTerms(incoterm, place)
    if len(incoterm) == INCOTERM_LENGTH:
        remarks.append(Remark("incoterm_unknown", f"{code!r:.20} is not one of the eleven Incoterms 2020.", path))
    return None
