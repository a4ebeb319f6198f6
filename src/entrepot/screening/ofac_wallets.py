"""Reads OFAC's digital-currency addresses, one file an asset: `sanctioned_addresses_XBT.txt`, one address a line.

The addresses are those of the SDN list; the format is that of the public repository that extracts them.
"""

from __future__ import annotations

from .content import Content, malformed, text_of
from .entity import Entity, Wallet
from .identifiers import wallet_of

SOURCE = "OFAC_WALLETS"
WALLET_FILE_PREFIX = "sanctioned_addresses_"


def read_wallets(raw: dict[str, bytes]) -> Content:
    """One entry an address, with every asset it is listed for. Raises: Invalid(list_malformed) with the line."""
    wallets: dict[str, list[Wallet]] = {}
    for name, content in sorted(raw.items()):
        asset = name[len(WALLET_FILE_PREFIX) : -len(".txt")].upper()
        for line, text in enumerate(text_of(name, content).splitlines(), start=1):
            if not text.strip():
                continue
            wallet = wallet_of(asset, text)
            if wallet is None:
                raise malformed(name, line, f"{text!r:.80} is not an address of {asset}.")
            wallets.setdefault(wallet.address, []).append(wallet)
    entities = (
        Entity(id=address, source=SOURCE, schema="wallet", wallets=tuple(dict.fromkeys(found)))
        for address, found in wallets.items()
    )
    return Content(SOURCE, tuple(entities))
