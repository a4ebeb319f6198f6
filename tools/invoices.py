"""Writes docs/invoices.md: each of the shared sample invoices is really tried on one fresh house, in order of name.

What can be settled is settled, on a real database, node and contracts; `--check` says whether the page is current.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrepot.core.errors import EntrepotError
from entrepot.demo.cast import Casting, Credentials
from entrepot.demo.client import Problem
from entrepot.demo.house import House
from entrepot.demo.own_invoice import settle_invoice
from entrepot.demo.stories import Teller
from entrepot.documents.invoice import read_invoice
from entrepot.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "invoices.md"
REVIEW_CODE = "invoice_number_reused"

HEAD = """# What becomes of the sample invoices

<!-- Made by `.venv/bin/python tools/invoices.py`; do not edit. -->

Every file is tried on one fresh house, in the order below, as `./run demo --invoice FILE` does it: the parties are
admitted, missing facts are supplied, the checks run, and what clears is funded, presented and released. What was
supplied is `simulated`: `seller_admission` and `buyer_admission` (all parties), `buyer_country` (a domestic invoice's
buyer is admitted abroad), `hs`, `incoterm`. USD rates are simulated too.

- **settled**: paid to the seller, released on the chain.
- **duplicate**: the same invoice (issuer, number, date, amount) is settled already; refused with `duplicate_invoice`.
- **review**: the same issuer and number with another date or amount; it waits for two officers.
- **refused**: with the code that says why; [errors.md](errors.md) and `entrepot regime show` explain the codes.

| file | number | payable | outcome | simulated |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: str
    number: str
    payable: str
    kind: str  # settled, duplicate, review, refused
    says: str
    supplied: str

    def row(self) -> str:
        """The file's line of the page."""
        return f"| {self.file} | {self.number} | {self.payable} | {self.says} | {self.supplied} |"


def samples_folder() -> Path:
    """Where the shared invoices are, if they are."""
    return Path(os.environ.get("ENTREPOT_SHARED_DATA", ROOT.parent / "shared" / "data")) / "invoices"


def outcomes(folder: Path) -> list[Outcome]:
    """Tries every file on one house."""
    files = sorted(folder.rglob("*.xml"))
    with _house() as (house, casting):
        teller = Teller(casting.cast(), secrets.token_hex(3), lambda _: None)
        seen: dict[str, str] = {}
        found = []
        for path in files:
            found.append(_tried(path, str(path.relative_to(folder)), house, casting, teller, seen))
            print(found[-1].row(), file=sys.stderr, flush=True)
        return found


def _tried(path: Path, name: str, house: House, casting: Casting, teller: Teller, seen: dict[str, str]) -> Outcome:
    raw = path.read_bytes()
    number, payable = "", ""
    try:
        invoice = read_invoice(raw)
        number, payable = invoice.number, str(invoice.payable)
        told = settle_invoice(teller, casting, raw)
    except (Problem, EntrepotError) as error:
        first = next((file for settlement, file in seen.items() if settlement in str(error)), "another party's")
        kind, says = _refusal(error.code, first)
        return Outcome(name, number, payable, kind, says, "")
    seen[told.settlement] = name
    view = casting.first.get(f"/settlements/{told.settlement}")
    assert view["state"] == "released" and view["held_minor"] == "0", view
    return Outcome(name, number, payable, "settled", "**settled**", ", ".join(view["supplied"]))


def _refusal(code: str, first: str) -> tuple[str, str]:
    if code == "duplicate_invoice":
        return "duplicate", f"duplicate of {first}"
    if code == REVIEW_CODE:
        return "review", f"review (`{code}`, with {first})"
    return "refused", f"refused: `{code}`"


@contextmanager
def _house() -> Iterator[tuple[House, Casting]]:
    """A house in a fresh home that the database's OS user may enter, gone afterwards."""
    kept = dict(os.environ)
    home = Path(tempfile.mkdtemp(prefix="entrepot-invoices-"))
    home.chmod(0o755)
    os.environ["ENTREPOT_HOME"] = str(home)
    house = House(read_settings(), lambda _: None)
    try:
        house.start()
        casting = Casting(
            Credentials(house.settings.credentials_path),
            house.base_url,
            house.chain_id,
            house.person_key,
            house.fill_wallet,
        )
        casting.examiner(house.examiner_participant())
        yield house, casting
    finally:
        house.stop()
        os.environ.clear()
        os.environ.update(kept)
        shutil.rmtree(home, ignore_errors=True)


def page(found: list[Outcome]) -> str:
    """The page's text."""
    counts = Counter(one.kind for one in found)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in ("settled", "duplicate", "review", "refused"))
    return HEAD + "\n".join(one.row() for one in found) + f"\n\n{len(found)} files: {words}.\n"


def main() -> int:
    """Writes the page, or with --check compares it; 3 if the shared invoices are not there."""
    folder = samples_folder()
    if not folder.is_dir():
        print("The shared invoices are not here.", file=sys.stderr)
        return 3
    text = page(outcomes(folder))
    if "--check" in sys.argv:
        return 0 if text == PAGE.read_text() else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
