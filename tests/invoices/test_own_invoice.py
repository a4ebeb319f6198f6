"""`--invoice FILE` on the running parts: settled once, everything made up marked `simulated`, each no with its code."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from entrepot.demo.__main__ import _play, main
from entrepot.demo.house import House
from entrepot.demo.report import verified
from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts
from entrepot.documents.stated import DeliveryTerms, StatedParty
from entrepot.settings import read_settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOLD = samples.coffee_trade(number="OWN-1", issue_date=date(2026, 3, 2), currency="EUR")


class Playing:
    """One house on which invoices are settled, as `./run demo --invoice FILE --exit --json` does."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.printed: list[str] = []

    def play(self, raw: bytes) -> tuple[dict[str, Any], int]:
        """The JSON and the exit code."""
        path = self.folder / "own.xml"
        path.write_bytes(raw)
        self.printed.clear()
        options = argparse.Namespace(exit=True, json=True, invoice=path, seed="own")
        return _play(self.house, options, "own", self.printed.append)


@pytest.fixture(scope="module")
def playing() -> Iterator[Playing]:
    """A house in a fresh home that the database's OS user may enter."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="entrepot-own-") as name:
        Path(name).chmod(0o755)
        os.environ["ENTREPOT_HOME"] = name
        house = House(read_settings(), lambda _: None)
        try:
            house.start()
            yield Playing(house, Path(name))
        finally:
            house.stop()
            os.environ.clear()
            os.environ.update(kept)


def domestic(**changes: Any) -> TradeFacts:
    """A German seller's invoice to a German buyer, without HS codes."""
    seller = StatedParty(name="Hafenwerk GmbH", country="DE", registration="HRB 111111", address=("Kai 1", "Hamburg"))
    lines = tuple(dataclasses.replace(line, hs=None) for line in SOLD.lines)
    return dataclasses.replace(SOLD, seller=seller, lines=lines, **changes)


@pytest.fixture(scope="module")
def settled(playing: Playing) -> tuple[dict[str, Any], list[str]]:
    """The domestic invoice, settled once."""
    told, code = playing.play(samples.ubl_invoice(domestic()))
    assert code == 0, playing.printed
    return told["settlements"][0], list(playing.printed)


def test_an_own_invoice_is_settled_and_what_was_made_up_is_marked(settled: tuple[dict[str, Any], list[str]]) -> None:
    """State, output and bundle; the verifier finds nothing failed."""
    one, printed = settled
    assert one["state"] == "released" and one["invoice"]["number"] == "OWN-1"
    made_up = {"hs", "seller_admission", "buyer_admission", "buyer_country"}
    assert set(one["invoice"]["supplied"]) == {f"{name} (simulated)" for name in made_up}
    bundle = json.loads(Path(one["bundle"]).read_text())
    assert set(bundle["parts"]["simulated"]["supplied"]) == made_up
    assert not [check for check in one["checks"] if check["status"] == "failed"]
    assert any("simulated" in line and "buyer's country SG" in line and "HS code 210690" in line for line in printed)


def test_due_dates_count_from_admission(settled: tuple[dict[str, Any], list[str]]) -> None:
    """An invoice of long ago may still be funded and presented."""
    one, _ = settled
    bundle = json.loads(Path(one["bundle"]).read_text())
    schedule, opened = bundle["parts"]["terms"]["schedule"], bundle["parts"]["settlement"]["created_at"]
    assert opened < schedule["fund_by"] < schedule["present_by"]


def test_a_second_time_it_exits_3_and_names_the_first(
    playing: Playing, settled: tuple[dict[str, Any], list[str]]
) -> None:
    """In whatever syntax: the same invoice as CII is the same invoice."""
    for raw in (samples.ubl_invoice(domestic()), samples.cii_invoice(domestic())):
        told, code = playing.play(raw)
        assert code == 3 and told["settlements"] == []
        assert told["refused"]["code"] == "duplicate_invoice"
        assert settled[0]["id"] in told["refused"]["message"]


def test_a_complete_cross_border_invoice_lacks_only_the_admissions(playing: Playing) -> None:
    """The nearest other yes: nothing about the goods is supplied, no country changed."""
    facts = dataclasses.replace(SOLD, invoice_number="OWN-2", delivery=DeliveryTerms("CIF", "Hamburg"))
    told, code = playing.play(samples.cii_invoice(facts))
    assert code == 0, playing.printed
    assert set(told["settlements"][0]["invoice"]["supplied"]) == {
        "seller_admission (simulated)",
        "buyer_admission (simulated)",
    }


def priced(factor: int, **changes: Any) -> bytes:
    """The domestic invoice with other amounts."""
    lines = tuple(dataclasses.replace(line, net_amount=line.net_amount * factor) for line in domestic().lines)
    return samples.ubl_invoice(dataclasses.replace(domestic(), lines=lines, **changes))


NO: list[tuple[str, bytes]] = [
    ("cap_payment", priced(5, invoice_number="OWN-3")),
    ("invoice_nothing_payable", priced(0, invoice_number="OWN-4")),
    ("no_rate", priced(1, invoice_number="OWN-5", currency="XOF")),
    ("invoice_number_reused", priced(2)),
    ("invoice_is_credit_note", priced(1, invoice_number="OWN-6").replace(b">380<", b">381<")),
]


@pytest.mark.parametrize(("code", "raw"), NO, ids=[code for code, _ in NO])
@pytest.mark.usefixtures("settled")
def test_each_no_exits_3_with_its_code(playing: Playing, code: str, raw: bytes) -> None:
    """Over cap, nothing payable, no rate, a number used again, a credit note."""
    told, exit_code = playing.play(raw)
    assert (told["refused"]["code"], exit_code, told["settlements"]) == (code, 3, [])
    assert any(code in line for line in playing.printed)


@pytest.mark.usefixtures("settled")
def test_the_ten_lines_of_the_readme_work(playing: Playing, capsys: pytest.CaptureFixture[str]) -> None:
    """Just as they stand there, but for URL and home; the bundle they write verifies."""
    code = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    here = code.replace("http://127.0.0.1:8080", playing.house.base_url).replace('"var"', repr(str(playing.folder)))
    assert here.count(playing.house.base_url) == here.count(str(playing.folder)) == 1
    exec(compile(here, "README.md", "exec"), {})
    assert "released" in capsys.readouterr().out
    key = playing.house.settings.verification_key_path
    exit_code, found = verified(playing.folder / "bundle.json", key)
    assert exit_code == 0, found


def test_a_file_that_is_not_there_exits_2_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any part is started."""
    monkeypatch.setenv("ENTREPOT_HOME", str(tmp_path / "home"))
    assert main(["--invoice", str(tmp_path / "none.xml"), "--exit"]) == 2
    assert "none.xml" in capsys.readouterr().err and not (tmp_path / "home").exists()


def the_tool() -> ModuleType:
    """tools/invoices.py, which is no package."""
    spec = importlib.util.spec_from_file_location("invoices_page", ROOT / "tools" / "invoices.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_of_outcomes_is_current() -> None:
    """Every shared invoice is tried again on a fresh house; skipped where the shared folder is absent."""
    tool = the_tool()
    if not tool.samples_folder().is_dir():
        pytest.skip(f"the shared example invoices are not at {tool.samples_folder()}")
    assert tool.PAGE.read_text() == tool.page(tool.outcomes(tool.samples_folder()))


def test_amounts_of_the_page_are_exact() -> None:
    """The made-up invoice's total is what its lines say, so that the caps above are tested at known figures."""
    assert domestic().total == Decimal("110400.00")
