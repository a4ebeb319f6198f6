"""How the command line refuses: one line with a code, the same as an object with --json, the exit code of its kind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.__main__ import run
from entrepot.commands import app
from entrepot.core.errors import Invalid
from entrepot.settings import read_settings

TIMEOUT_S = 60
INVALID, REFUSED, UNAVAILABLE = 2, 3, 4


def said(*words: str, out: int = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `entrepot WORDS` with no settings but these; what it says is no traceback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    done = subprocess.run(
        [sys.executable, "-m", "entrepot", *words],
        env=kept | env, stdout=out, stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def the_line(done: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = done.stderr.decode().splitlines()
    return line


@contextlib.contextmanager
def taken() -> Iterator[int]:
    """A port that somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("word", ["serve", "work"])
def test_a_process_that_may_not_open_its_store_says_why_in_one_line(word: str, tmp_path: Path) -> None:
    done = said(word, ENTREPOT_HOME=str(tmp_path))
    assert done.returncode == UNAVAILABLE and the_line(done).startswith("not_set_up: ")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "master.key").write_bytes(bytes(32))
    (tmp_path / "keys" / "master.key").chmod(0o644)
    done = said(word, ENTREPOT_HOME=str(tmp_path))
    assert done.returncode == REFUSED and the_line(done).startswith("key_exposed: ")


def test_not_set_up_names_what_helps_in_order(tmp_path: Path) -> None:
    """`init` makes no database and deploys nothing."""
    line = the_line(said("init", ENTREPOT_HOME=str(tmp_path)))
    places = [line.index(step) for step in ("entrepot migrate", "entrepot init", "./run demo")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("frob",), ""),
        (("verify", "bundle.json"), "key"),
        (("log", "consistency", "1.9", "2"), "old"),
        (("log", "consistency", "1"), "new"),
        (("ledger", "balances", "--at", "1.5"), "at"),
        (("ledger", "balances", "--at", "1.0"), "at"),
        (("simulate", "--seeds", "2e1"), "seeds"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_like_anything_else(
    words: tuple[str, ...], path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fraction is no whole number, and is not cut to one."""
    monkeypatch.setattr(sys, "argv", ["entrepot", *words, "--json"])
    code, told = run(lambda: app(sys.argv[1:])), capsys.readouterr()
    body = json.loads(told.out)
    assert (code, body["schema"], body["code"], body["path"]) == (INVALID, "entrepot/error/1", "malformed", path)
    (line,) = told.err.splitlines()
    assert line.startswith(f"malformed: {body['message']}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENTREPOT_PORT", "http"),
        ("ENTREPOT_PORT", "0"),
        ("ENTREPOT_PORT", "65536"),
        ("ENTREPOT_METRICS_PORT", "-1"),
        ("ENTREPOT_METRICS_PORT", "9464.0"),
        ("ENTREPOT_TIGERBEETLE_CLUSTER", "one"),
    ],
)
def test_a_setting_that_is_no_number_is_named(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_settings({name: value})
    assert (refused.value.code, refused.value.path) == ("malformed", name)


def test_a_setting_that_is_empty_is_the_default() -> None:
    assert read_settings({"ENTREPOT_PORT": "", "ENTREPOT_METRICS_PORT": "65535"}).port == read_settings({}).port


@pytest.mark.parametrize(("word", "setting"), [("serve", "ENTREPOT_PORT"), ("work", "ENTREPOT_METRICS_PORT")])
def test_a_port_that_is_taken_is_named(word: str, setting: str, tmp_path: Path) -> None:
    with taken() as port:
        done = said(word, ENTREPOT_HOME=str(tmp_path), **{setting: str(port)})
    assert done.returncode == UNAVAILABLE and the_line(done).startswith("port_taken: ")
    assert str(port) in the_line(done)


@pytest.mark.parametrize("words", [("lifecycle",), ("frob", "--json")])
def test_a_full_disk_under_the_output_is_told_in_one_line(words: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = said(*words, out=full.fileno())
    assert done.returncode == UNAVAILABLE
    assert done.stderr.decode().splitlines()[-1].startswith("no_room: The output could not be written")


def test_a_terminal_without_utf_8_shows_names_escaped(tmp_path: Path) -> None:
    """An object stays one that can be read; lines for people show what they can."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "ENTREPOT_HOME": str(tmp_path)}
    done = said("verify", "Rösterei", "--key", "k", "--json", **ascii_only)
    body = json.loads(done.stdout.decode("ascii"))
    assert (done.returncode, body["code"]) == (INVALID, "malformed") and "sterei" in body["message"]
    done = said("invoice", "read", "Rösterei.xml", **ascii_only)
    assert done.returncode == INVALID and done.stdout.decode("ascii").strip().endswith("malformed")
