"""What UBL and CII state alike, each in its own places: the currency payable, and who a party is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from ..core.asset import Asset
from ..core.errors import Invalid
from .stated import Remark, StatedParty, country_code
from .stated_codes import LEI_SCHEME, Party, party_of
from .xml_reading import Node


def require_same_currency(payable: Node, currency: Asset) -> None:
    """The amount payable names no currency, or the invoice's. Raises: Invalid(invoice_currency_conflict)."""
    stated = payable.attribute("currencyID")
    if stated not in ("", currency.id):
        raise Invalid(
            "invoice_currency_conflict",
            f"The invoice is in {currency.id}, its payable amount in {stated}.",
            path=payable.path,
        )


def read_party(
    node: Node,
    remarks: list[Remark],
    *,
    names: tuple[str, ...],
    ids: str,
    legal_ids: str,
    taxes: Iterable[tuple[bool, str]],
    country: str,
    address: Iterable[str],
) -> StatedParty:
    """The party at `node`, from the places that its syntax gives; the first of `names` that has text counts.

    An LEI stands among `ids` or `legal_ids`; the registration is the first legal id that is none. `taxes` are tax ids,
    each with whether it is another tax's than VAT.
    """
    legal = list(node.every(legal_ids))
    leis = [found for found in chain(node.every(ids), legal) if found.attribute("schemeID") == LEI_SCHEME]
    tax_ids = [tax for tax in taxes if tax[1]]
    home = node.first(country)
    return party_of(
        Party(
            path=node.path,
            name=node.text_of(*names),
            country=country_code(home.text, "invoice", home.path) if home and home.text else "",
            registration=next((found.text for found in legal if found.attribute("schemeID") != LEI_SCHEME), ""),
            tax_id=min(tax_ids, default=(False, ""))[1],
            lei=leis[0].text if leis else "",
            address=node.texts_of(*address),
        ),
        remarks,
    )
