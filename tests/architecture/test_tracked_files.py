"""What must not stand in a tracked file: registries' hosts, paths of one machine, unfinished work, secrets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from tree import ROOT, line_of, texts, tracked

# Words are put together here, so that this file does not hold what it looks for.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"))]
MACHINE_PATH = re.compile(r"(?<![\w.:])/(?:work|root|home/[a-z]+|Users/[a-z]+)/[\w.]")
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")) + r")\b")
PRIVATE_KEY = re.compile("-----BEGIN " + "[A-Z ]*PRIVATE KEY-----")
BYTES_MAX = 3_000_000


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{line_of(text, found.start())}: {found.group()}"
        for path, text in texts()
        for found in pattern.finditer(text)
    ]


def hosts() -> list[str]:
    """The public registries, and the one that this machine is set up for."""
    known = list(HOSTS)
    if npm := shutil.which("npm"):
        said = subprocess.run([npm, "config", "get", "registry"], cwd=ROOT, capture_output=True, text=True, timeout=30)
        known += re.findall(r"https?://(?:[^@/\s]*@)?([\w.-]+)", said.stdout)
    return known


def test_no_file_names_a_registry() -> None:
    assert places(re.compile("|".join(re.escape(host) for host in hosts()))) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert places(MACHINE_PATH) == []


def test_nothing_is_left_unfinished() -> None:
    assert places(UNFINISHED) == []


def test_no_private_key_is_tracked() -> None:
    assert places(PRIVATE_KEY) == []


def test_no_file_is_huge() -> None:
    assert [path for path in tracked() if (ROOT / path).is_file() and (ROOT / path).stat().st_size > BYTES_MAX] == []


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (MACHINE_PATH, "open('/" + "root/x')", "see ../shared and /v1/work/items, http://host/root/x"),
        (UNFINISHED, "# TO" + "DO later", "the todo list of a treasurer"),
        (PRIVATE_KEY, "-----BEGIN EC " + "PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----"),
    ],
)
def test_the_patterns_find_what_they_name(pattern: re.Pattern[str], yes: str, no: str) -> None:
    assert pattern.search(yes) and not pattern.search(no)


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock and not re.search(r"^\s*--(?!hash=sha256:)", lock, re.M), "only --hash options"
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        assert "--hash=sha256:" in entry, entry[:80]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert not {"uv.lock", "pylock.toml"} & set(tracked()), "these record download addresses"
