"""Reads OFAC's SDN list in CSV: sdn.csv with its aliases, addresses and remark overflow beside it.

Source: OFAC, "SDN data specification" (dat_spec): no header, `-0-` is null, a file ends with 0x1A.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from .content import Content, malformed, text_of
from .entity import Entity, ListedName, Schema
from .identifiers import country_of
from .ofac_remarks import Remarks, read_remarks

SOURCE = "OFAC"
SDN, ALT, ADD, COMMENTS = OFAC_FILES = ("sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv")
COLUMNS = {SDN: 12, ALT: 5, ADD: 6, COMMENTS: 2}
NULL = "-0-"
END_OF_FILE = "\x1a"
REMARK_CHARS_MAX = 1000  # a longer remark goes on in sdn_comments.csv
SCHEMAS: dict[str, Schema] = {"": "organization", "individual": "person", "vessel": "vessel", "aircraft": "vessel"}
UNKNOWN_COUNTRIES_SHOWN = 5

Row = tuple[int, list[str]]  # line, cells


def read_ofac(raw: dict[str, bytes]) -> Content:
    """The list out of the files of one folder. Raises: Invalid(list_malformed) with file and line."""
    files = {name.lower(): content for name, content in raw.items()}
    if SDN not in files:
        raise malformed(next(iter(raw)), 1, f"{SDN} is missing beside it.")
    rows: dict[str, Row] = {}
    for line, cells in _rows(SDN, files[SDN]):
        if cells[0] in rows:
            raise malformed(SDN, line, f"entry {cells[0]} is there twice.")
        rows[cells[0]] = (line, cells)
    if not rows:
        raise malformed(SDN, 1, "the list is empty.")
    orphans: Counter[str] = Counter()
    aliases = _children(ALT, files, rows, orphans)
    addresses = _children(ADD, files, rows, orphans)
    comments = _children(COMMENTS, files, rows, orphans)
    unknown: Counter[str] = Counter()
    entities = tuple(
        _entity(row, aliases.get(number, []), addresses.get(number, []), comments.get(number, []), unknown)
        for number, row in rows.items()
    )
    missing = [f"{name} is missing beside {SDN}" for name in OFAC_FILES if name not in files]
    lost = [f"{count} rows of {name} name an entry that {SDN} does not have" for name, count in orphans.items()]
    return Content(SOURCE, entities, orphans=orphans.total(), warnings=(*missing, *lost, *_unknown(unknown)))


def _rows(name: str, raw: bytes) -> Iterator[Row]:
    """The rows of a file with their lines; cells are stripped and null is empty, but for the remark's own spaces."""
    reader = csv.reader(io.StringIO(text_of(name, raw), newline=""), strict=True)
    try:
        for cells in reader:
            if not cells or cells[0].strip() == END_OF_FILE:
                continue
            if len(cells) != COLUMNS[name]:
                raise malformed(name, reader.line_num, f"{len(cells)} columns instead of {COLUMNS[name]}.")
            if not cells[0].strip().isdigit():
                raise malformed(name, reader.line_num, f"{cells[0]!r:.40} is not an entry's number.")
            yield reader.line_num, ["" if cell.strip() == NULL else cell.strip() for cell in cells]
    except csv.Error as wrong:
        raise malformed(name, reader.line_num, str(wrong)) from wrong


def _children(
    name: str, files: dict[str, bytes], parents: dict[str, Row], orphans: Counter[str]
) -> dict[str, list[list[str]]]:
    """Rows by their entry; those without one are counted."""
    found: dict[str, list[list[str]]] = {}
    for _, cells in _rows(name, files[name]) if name in files else ():
        if cells[0] in parents:
            found.setdefault(cells[0], []).append(cells)
        else:
            orphans[name] += 1
    return found


def _entity(
    row: Row, aliases: list[list[str]], addresses: list[list[str]], comments: list[list[str]], unknown: Counter[str]
) -> Entity:
    line, cells = row
    number, name, kind, program, flag, remark = (cells[i] for i in (0, 1, 2, 3, 9, 11))
    if kind not in SCHEMAS:
        raise malformed(SDN, line, f"{kind!r:.40} is no type of entry.")
    if not name:
        raise malformed(SDN, line, f"entry {number} has no name.")
    said = read_remarks(_whole_remark(remark, [comment[1] for comment in comments]))
    _count_unknown(said, [address[4] for address in addresses] + [flag], unknown)
    countries = [country_of(address[4]) for address in addresses] + [country_of(flag), *said.countries]
    names = [
        ListedName(name),
        *(ListedName(alias[3], "alias") for alias in aliases if alias[3]),
        *(ListedName(alias, "alias", "weak") for alias in said.aliases),
    ]
    return Entity(
        id=number,
        source=SOURCE,
        schema=SCHEMAS[kind],
        names=tuple(dict.fromkeys(names)),
        identifiers=tuple(dict.fromkeys(said.identifiers)),
        countries=tuple(dict.fromkeys(filter(None, countries))),
        birth_dates=tuple(dict.fromkeys(said.birth_dates)),
        programs=tuple(part for part in re.split(r"[\]\[ ]+", program) if part),
        wallets=tuple(dict.fromkeys(said.wallets)),
    )


def _whole_remark(remark: str, overflow: list[str]) -> str:
    """A remark that was cut at 1,000 characters goes on where it stopped; a shorter one has something added."""
    glue = "" if len(remark) >= REMARK_CHARS_MAX - 1 else "; "
    return glue.join([remark, *overflow])


def _count_unknown(said: Remarks, countries: list[str], unknown: Counter[str]) -> None:
    for text in countries:
        if text and not country_of(text):
            unknown[text] += 1
    unknown.update(said.unknown_countries)


def _unknown(unknown: Counter[str]) -> list[str]:
    if not unknown:
        return []
    most = ", ".join(text for text, _ in unknown.most_common(UNKNOWN_COUNTRIES_SHOWN))
    return [f"{unknown.total()} names of countries are not understood, most often: {most}"]
