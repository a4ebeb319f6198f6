"""ISO 4217 as a table, and a registry in which one id means one asset."""

from __future__ import annotations

import pytest
from made_up_trade import ASSETS, TOKEN

from entrepot.core.asset import CURRENCIES, Asset, AssetRegistry
from entrepot.core.errors import Invalid

# ISO 4217 list one, known exceptions to two decimals, by hand. Source: SIX, list one.
ZERO = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
THREE = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}


def test_every_currency_has_the_minor_unit_of_iso_4217() -> None:
    assert {code for code, asset in CURRENCIES.items() if asset.decimals == 0} == ZERO
    assert {code for code, asset in CURRENCIES.items() if asset.decimals == 3} == THREE
    assert {asset.decimals for asset in CURRENCIES.values()} == {0, 2, 3}


def test_every_currency_stands_for_itself() -> None:
    for code, asset in CURRENCIES.items():
        assert (asset.id, asset.symbol, asset.peg, asset.kind) == (code, code, code, "currency")
        assert len(code) == 3 and code.isascii() and code.isupper()


def test_currencies_in_use_are_there_and_those_gone_are_not() -> None:
    assert {"EUR", "USD", "GBP", "CNY", "INR", "NGN", "SLE", "VED", "ZWG", "XCG"} <= set(CURRENCIES)
    assert not {"DEM", "HRK", "SLL", "ZWL", "ANG", "BGN", "XAU", "XTS", "XUA", "CLF"} & set(CURRENCIES)


def test_the_registry_knows_its_tokens_and_every_currency_and_nothing_else() -> None:
    assert ASSETS.get(TOKEN.id) is TOKEN and ASSETS.tokens == (TOKEN,)
    assert ASSETS.get("JPY").decimals == 0
    for other in ("jpy", "", TOKEN.id.upper(), "XTS"):
        with pytest.raises(Invalid) as refused:
            ASSETS.get(other)
        assert refused.value.code == "asset_unknown"


def test_one_id_is_one_asset() -> None:
    with pytest.raises(AssertionError, match="share an id"):
        AssetRegistry([TOKEN, TOKEN])
    with pytest.raises(AssertionError, match="share an id"):
        AssetRegistry([Asset("EUR", "EURX", 6, "stablecoin")])


@pytest.mark.parametrize(("decimals", "is_fine"), [(-1, False), (0, True), (18, True), (19, False)])
def test_decimals_are_from_0_to_18(decimals: int, is_fine: bool) -> None:
    if is_fine:
        assert Asset("eip155:1/erc20:0x1", "T", decimals, "stablecoin").decimals == decimals
        return
    with pytest.raises(AssertionError):
        Asset("eip155:1/erc20:0x1", "T", decimals, "stablecoin")


@pytest.mark.parametrize(("asset_id", "symbol"), [("", "T"), ("T", "")])
def test_an_asset_without_a_name_is_our_defect(asset_id: str, symbol: str) -> None:
    with pytest.raises(AssertionError):
        Asset(asset_id, symbol, 2, "stablecoin")
