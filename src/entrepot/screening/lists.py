"""Lists as they are loaded: whole or not at all, each with the version and hash that a decision pins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from entrepot.core.errors import Invalid, declare

from .content import Content, malformed
from .entity import Entity
from .ofac_csv import OFAC_FILES, read_ofac
from .ofac_wallets import WALLET_FILE_PREFIX, read_wallets
from .own_json import OWN_SCHEMA, RESERVED, read_own
from .un_xml import UN_HEAD_BYTES, UN_ROOT, read_un

FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 200
ENTITIES_MAX = 2_000_000
READ_SUFFIXES = (".csv", ".xml", ".txt", ".json")
INVENTED_FILE = Path(__file__).parent / "invented" / "list.json"

declare(
    "Invalid",
    list_misnamed="A list calls itself what it is not: the invented list, a publisher's, or the invented one renamed.",
)


@dataclass(frozen=True, slots=True)
class ListVersion:
    """One version of one list. `version` is the list's own date, or its hash where no date is inside.

    `entities` counts entries, `orphans` rows that name an entry which is not there. Times are Unix seconds.
    """

    source: str
    version: str
    sha256: str
    published_at: int | None
    loaded_at: int
    verified_at: int
    entities: int
    orphans: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedList:
    """A version and its entries."""

    version: ListVersion
    entities: tuple[Entity, ...]


def load_folder(path: Path, *, now: int) -> list[LoadedList]:
    """Every list in a folder and its subfolders, by source. All of them, or an error.

    The invented list is read here as the very file that comes with the program, and under no other name.

    Raises: Invalid(list_malformed) with file and line; Invalid(list_unrecognised) for a .csv, .xml, .txt or .json
    that no loader takes, because a list that was meant to be followed must not be missing in silence;
    Invalid(list_misnamed) for one that passes for another.
    """
    if not path.is_dir():
        raise Invalid("list_unrecognised", f"{path.name} is not a folder.", path=path.name)
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in READ_SUFFIXES)
    if len(files) > FILES_MAX:
        raise Invalid("list_malformed", f"{path.name} holds {len(files)} files; at most {FILES_MAX} are read.")
    bundled = invented(now=now)
    loaded = [_under_its_own_name(_load(group, now=now), group[0].name, bundled) for group in _groups(files)]
    sources = [entry.version.source for entry in loaded]
    twice = sorted({source for source in sources if sources.count(source) > 1})
    if twice:
        raise Invalid("list_malformed", f"{path.name} holds the list {twice[0]} twice.")
    return sorted(loaded, key=lambda entry: entry.version.source)


def invented(*, now: int) -> LoadedList:
    """The list that comes with the program: every name in it is invented for the demo."""
    return _load([INVENTED_FILE], now=now)


def _under_its_own_name(found: LoadedList, name: str, bundled: LoadedList) -> LoadedList:
    """`found`, unless it passes for the invented list or a publisher's, or is the invented list renamed.

    Raises: Invalid(list_misnamed).
    """
    source, version = found.version.source, bundled.version
    if source == version.source and found.version.sha256 == version.sha256:
        return found
    is_like_another = source.upper() in (*RESERVED, version.source) and source not in RESERVED
    if is_like_another or not source.isascii():
        raise Invalid("list_misnamed", f"{name} calls itself {source} and is not that list.", path=name)
    copied = {replace(entity, source=source) for entity in bundled.entities}.intersection(found.entities)
    if copied:
        raise Invalid(
            "list_misnamed", f"{name} gives {len(copied)} entries of the invented list out as {source}.", path=name
        )
    return found


def _groups(files: list[Path]) -> list[list[Path]]:
    """Files that make one list together."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        name = file.name.lower()
        if name in OFAC_FILES:
            groups.setdefault((file.parent, "ofac"), []).append(file)
        elif name.startswith(WALLET_FILE_PREFIX) and name.endswith(".txt"):
            groups.setdefault((file.parent, "wallets"), []).append(file)
        else:
            groups[(file, "alone")] = [file]
    return list(groups.values())


def _load(files: list[Path], *, now: int) -> LoadedList:
    raw = {file.name: _read(file) for file in files}
    content = _content(raw)
    if not content.entities:
        raise malformed(files[0].name, 1, "the list is empty.")
    if len(content.entities) > ENTITIES_MAX:
        raise malformed(files[0].name, 1, f"the list has more than {ENTITIES_MAX} entries.")
    ids = {entity.id for entity in content.entities}
    if len(ids) != len(content.entities):
        raise malformed(files[0].name, 1, "two entries have the same id.")
    sha256 = _sha256(raw)
    version = ListVersion(
        source=content.source,
        version=content.version or f"sha256-{sha256[:16]}",
        sha256=sha256,
        published_at=content.published_at,
        loaded_at=now,
        verified_at=now,
        entities=len(content.entities),
        orphans=content.orphans,
        warnings=content.warnings,
    )
    return LoadedList(version, content.entities)


def _content(raw: dict[str, bytes]) -> Content:
    """The content of one group of files, by the loader that takes them."""
    name = next(iter(raw))
    lower = name.lower()
    if lower in OFAC_FILES:
        return read_ofac(raw)
    if lower.startswith(WALLET_FILE_PREFIX) and lower.endswith(".txt"):
        return read_wallets(raw)
    if lower.endswith(".xml") and UN_ROOT in raw[name][:UN_HEAD_BYTES]:
        return read_un(name, raw[name])
    if lower.endswith(".json") and OWN_SCHEMA.encode() in raw[name]:
        return read_own(name, raw[name])
    raise Invalid("list_unrecognised", f"{name} is of no known list.", path=name)


def _read(file: Path) -> bytes:
    with file.open("rb") as handle:
        raw = handle.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise malformed(file.name, 1, f"the file is larger than {FILE_BYTES_MAX} bytes.")
    return raw


def _sha256(raw: dict[str, bytes]) -> str:
    """Of the file, or of several: of one line `SHA-256, two spaces, name` a file, in the order of their names."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in raw.items()}
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
