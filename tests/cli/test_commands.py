"""Each command once, with --json, against a home that a demo left: its schema, its exit code, the nearest no."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from entrepot.__main__ import run
from entrepot.commands import app
from entrepot.commands.line import (
    decision_app,
    invoice_app,
    ledger_app,
    lists_app,
    log_app,
    messages_app,
    screening_app,
)
from entrepot.commands.line import regime_app as regimes
from entrepot.demo.cast import Casting, Credentials
from entrepot.demo.house import House
from entrepot.demo.report import bundle_of, tampered
from entrepot.demo.stories import Teller
from entrepot.documents import samples
from entrepot.screening.entity import NAME_CHARS_MAX
from entrepot.screening.lists import INVENTED_FILE
from entrepot.settings import read_settings
from entrepot.store import embedded

pytestmark = pytest.mark.slow
TIMEOUT_S = 60
OK, INVALID, REFUSED, UNAVAILABLE = 0, 2, 3, 4


@dataclass(frozen=True)
class Left:
    """What a demo left: a settled trade, its bundle, and what `reconcile` said while the node was still there."""

    home: Path
    settlement: str
    bundle: Path
    reconciled: tuple[int, dict[str, Any]]

    def run(self, *words: str, **env: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the object on stdout of `entrepot WORDS --json`, run in this process: it is quicker."""
        said = io.StringIO()
        kept, argv = dict(os.environ), sys.argv
        without_settings()
        os.environ.update({"ENTREPOT_HOME": str(self.home)} | env)
        sys.argv = ["entrepot", *words, "--json"]
        try:
            with contextlib.redirect_stdout(said):
                code = run(lambda: app(sys.argv[1:]))
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(kept)
        assert code != 1, "a defect"
        return code, json.loads(said.getvalue()) if said.getvalue().strip() else {}


def without_settings() -> None:
    """Takes the settings of a house that another test left running out of this process's environment."""
    for name in [name for name in os.environ if name.startswith("ENTREPOT_")]:
        del os.environ[name]


def entrepot(*words: str, **env: str) -> tuple[int, dict[str, Any]]:
    """Runs the command in a process of its own, without the settings of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "entrepot", *words, "--json"],
        env=kept | env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode != 1, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}


@pytest.fixture(scope="module")
def left() -> Iterator[Left]:
    """Plays the clean story, stops the house, and leaves the database running as another command would find it."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="entrepot-cli-") as name:
        home = Path(name)
        home.chmod(0o755)
        without_settings()
        os.environ["ENTREPOT_HOME"] = name
        house = House(read_settings(), lambda _: None)
        try:
            found = _played(house, home)
        finally:
            house.stop()
            os.environ.clear()
            os.environ.update(kept)
        database = embedded.start(home / "postgres")
        try:
            yield found
        finally:
            database.stop()


def _played(house: House, home: Path) -> Left:
    house.start()
    casting = Casting(
        Credentials(house.settings.credentials_path),
        house.base_url,
        house.chain_id,
        house.person_key,
        house.fill_wallet,
    )
    casting.examiner(house.examiner_participant())
    cast = casting.cast()
    told = Teller(cast, "cli", lambda _: None).clean()
    house.wait_delivered(cast.operators[0])
    bundle = bundle_of(cast.operators[0], told.settlement, home / "bundles")
    reconciled = entrepot("reconcile", ENTREPOT_HOME=str(home), ENTREPOT_RPC_URL=house.chain.url)
    return Left(home, told.settlement, bundle, reconciled)


def test_reconcile_finds_books_chain_and_messages_agree(left: Left) -> None:
    """While the node is there; without one there is no answer."""
    code, body = left.reconciled
    assert code == OK and body["settlements"] == 1 and body["differences"] == []
    code, body = left.run("reconcile")
    assert code == UNAVAILABLE and body["code"] == "not_set_up"
    code, body = left.run("reconcile", ENTREPOT_RPC_URL="http://127.0.0.1:9")
    assert code == UNAVAILABLE and body["code"] == "outside_unavailable"


def test_invoice_read(left: Left, tmp_path: Path) -> None:
    """What an invoice states; a credit note is refused, a file that is not there malformed."""
    facts = samples.coffee_trade(number="CLI-1", issue_date=date(2026, 3, 2))
    sound, credit = tmp_path / "sound.xml", tmp_path / "credit.xml"
    sound.write_bytes(samples.ubl_invoice(facts))
    credit.write_bytes(samples.ubl_invoice(facts).replace(b">380<", b">381<"))
    code, body = left.run("invoice", "read", str(sound))
    assert (code, body["schema"], body["number"]) == (OK, "entrepot/invoice-reading/1", "CLI-1")
    assert body["payable"]["amount_minor"] == "11040000" and body["duplicate_key"] == "0399999991|CLI-1"
    assert left.run("invoice", "read", str(credit))[0] == REFUSED
    code, body = left.run("invoice", "read", str(tmp_path / "none.xml"))
    assert (code, body["error"]) == (INVALID, "malformed")


def test_ledger(left: Left) -> None:
    """Accounts, balances now and before everything, and the check that the sums are zero."""
    code, accounts = left.run("ledger", "accounts")
    assert code == OK and {row["class"] for row in accounts["accounts"]} >= {"escrow"}
    code, now = left.run("ledger", "balances")
    assert code == OK and any(row["posted_minor"] != "0" for row in now["balances"])
    escrow = [row for row in now["balances"] if row["class"] == "escrow"]
    assert all(row["posted_minor"] == "0" for row in escrow), "everything was paid out or accrued"
    code, before = left.run("ledger", "balances", "--at", "1")
    assert code == OK and all(row["posted_minor"] == "0" for row in before["balances"])
    code, body = left.run("ledger", "check")
    assert (code, body["ok"], body["differences"], set(body["sums_minor"].values())) == (OK, True, [], {"0"})
    assert left.run("ledger", "balances", "--at", "yesterday")[0] == INVALID


def test_ledger_post_keeps_a_ledger_of_its_own(left: Left, tmp_path: Path) -> None:
    """Posted once, exists again, over the limit refused, a malformed line named."""
    fund = {"id": f"{1:032x}", "debit": "outside:acme", "credit": "escrow:4711", "amount": "100", "asset": "USD"}
    over = {"id": f"{2:032x}", "debit": "escrow:4711", "credit": "outside:bob", "amount": "101", "asset": "USD"}
    with tempfile.TemporaryDirectory(prefix="entrepot-ledger-") as name:
        Path(name).chmod(0o755)
        books = ("--ledger", str(Path(name) / "books"))
        file = tmp_path / "transfers.jsonl"
        file.write_text(json.dumps(fund))
        assert left.run("ledger", "post", str(file), *books)[1]["answers"][0]["answer"] == "posted"
        assert left.run("ledger", "post", str(file), *books) == (
            OK,
            {"schema": "entrepot/postings/1", "answers": [{"id": fund["id"], "answer": "exists"}]},
        )
        file.write_text(json.dumps(over))
        assert left.run("ledger", "post", str(file), *books)[0] == REFUSED
        file.write_text("[]")
        code, body = left.run("ledger", "post", str(file), *books)
        assert code == INVALID and "line 1" in body["message"]


def test_lists(left: Left, tmp_path: Path) -> None:
    """Loaded from a folder, with version and age; one that is not there, or has none, is an error and no success."""
    code, body = left.run("lists", "load", str(tmp_path))
    assert (code, body["code"], body["path"]) == (INVALID, "malformed", str(tmp_path))
    code, body = left.run("lists", "status")
    assert code == OK and body["lists"][0]["source"] == "INVENTED" and 0 <= body["lists"][0]["age_s"] < TIMEOUT_S
    (tmp_path / "copy.json").write_bytes(INVENTED_FILE.read_bytes())
    code, again = left.run("lists", "load", str(tmp_path))
    assert code == OK and [row["source"] for row in again["loaded"]] == ["INVENTED"]
    (tmp_path / "copy.json").write_bytes(INVENTED_FILE.read_bytes() + b"\n")
    code, refused = left.run("lists", "load", str(tmp_path))
    assert (code, refused["code"], refused["path"]) == (INVALID, "list_misnamed", "copy.json")
    assert left.run("lists", "status")[1]["lists"][0]["sha256"] == body["lists"][0]["sha256"]
    code, body = left.run("lists", "load", str(tmp_path / "none"))
    assert (code, body["code"]) == (INVALID, "malformed")


def test_screen(left: Left) -> None:
    """A listed name is explained, another has no hit."""
    code, body = left.run("screen", "Meridian Trading FZE")
    assert code == OK and body["hits"][0]["entity"] == "INV-0002" and body["hits"][0]["why"]
    assert left.run("screen", "Nordkontor Kaffee") == (OK, {"schema": "entrepot/screening/1", "hits": []})
    for words, path in (
        (["Meridian Trading FZE".ljust(NAME_CHARS_MAX + 1, ".")], "name"),
        (["Meridian Trading FZE \udcff"], "name"),  # a byte of the command line that is no UTF-8
        (["Meridian Trading FZE", "--country", "Emirates"], "country"),
    ):
        code, body = left.run("screen", *words)
        assert (code, body["code"], body["path"]) == (INVALID, "malformed", path) and "hits" not in body
    code, body = left.run("screen", "Meridian Trading FZE".ljust(NAME_CHARS_MAX, "."))
    assert code == OK and body["hits"][0]["entity"] == "INV-0002"


def test_screening_evaluate(left: Left, tmp_path: Path) -> None:
    """Figures over a file of pairs; a file without the columns is malformed."""
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "schema,name1,name2,is_match\nPerson,Ivan Petrov,Ivan Petrov,true\nPerson,Ivan Petrov,Maria Lopez,false\n"
    )
    code, body = left.run("screening", "evaluate", str(pairs))
    assert code == OK and {"precision", "recall", "f1", "auc"} <= set(body)
    pairs.write_text("a,b\n1,2\n")
    assert left.run("screening", "evaluate", str(pairs))[0] == INVALID


def test_simulate() -> None:
    """One short seed holds, and says what it reached."""
    code, body = entrepot("simulate", "--seeds", "1", "--steps", "60")
    assert code == OK and body["violations"] == 0 and body["steps"] >= 60
    assert 0 < body["lines_reached"] < body["lines_total"]


def test_messages(left: Left, tmp_path: Path) -> None:
    """Printed as sent and valid; of no kind there is none; a broken one is not valid."""
    code, body = left.run("messages", "make", left.settlement, "--type", "pacs.008")
    message = base64.b64decode(body["body_base64"])
    assert code == OK and message in [path.read_bytes() for path in (left.home / "messages").glob("*pacs.008.xml")]
    file = tmp_path / "message.xml"
    file.write_bytes(message)
    code, body = left.run("messages", "check", str(file))
    assert (code, body["ok"], body["type"]) == (OK, True, "pacs.008.001.08")
    file.write_bytes(message.replace(b"<NbOfTxs>1<", b"<NbOfTxs>x<"))
    code, body = left.run("messages", "check", str(file))
    assert (code, body["ok"]) == (REFUSED, False) and body["faults"]
    assert left.run("messages", "make", left.settlement, "--type", "pacs.009")[0] == INVALID


def test_log(left: Left) -> None:
    """Checkpoint, inclusion, consistency; sizes that are not, are not proven."""
    code, newest = left.run("log", "checkpoint")
    assert code == OK and newest["size"] > 2
    code, body = left.run("log", "prove", left.settlement)
    assert code == OK and body["leaves"] and all(row["proof"] for row in body["leaves"])
    code, body = left.run("log", "consistency", "2", str(newest["size"]))
    assert code == OK and body["proof"]
    assert left.run("log", "consistency", str(newest["size"]), "2")[0] == INVALID
    assert left.run("log", "prove", "0" * 32)[0] == INVALID


def test_verify(left: Left) -> None:
    """Ok; one changed byte fails and names the part; what is no bundle is unreadable."""
    key = ("--key", str(left.home / "verification-key.json"))
    code, body = left.run("verify", str(left.bundle), *key)
    assert (code, body["ok"]) == (OK, True)
    code, body = left.run("verify", str(tampered(left.bundle)), *key)
    assert (code, body["ok"]) == (REFUSED, False)
    assert "terms" in {check["part"] for check in body["checks"] if check["status"] == "failed"}
    assert left.run("verify", key[1], *key)[0] == INVALID
    assert left.run("verify", str(left.bundle), *key, "--rpc", "http://127.0.0.1:9")[0] == UNAVAILABLE


def test_decision_show(left: Left) -> None:
    """Each decision with its reasons; of an unknown settlement there is none."""
    code, body = left.run("decision", "show", left.settlement)
    assert code == OK and {row["act"] for row in body["decisions"]} == {"FUND", "RELEASE"}
    assert left.run("decision", "show", "0" * 32)[0] == INVALID


def test_regime_and_lifecycle(left: Left) -> None:
    """Every figure of the regime has a source; the table has every line."""
    code, body = left.run("regime", "show")
    assert code == OK and all(row["source"] for row in body["rules"])
    code, body = left.run("lifecycle")
    assert code == OK and {"released", "refunded", "refused"} <= set(body["states"])


def test_an_empty_home_is_set_up_by_migrate_and_init() -> None:
    """Before that there is no answer; the second time nothing changes; the database is left as it was found."""
    with tempfile.TemporaryDirectory(prefix="entrepot-cli-") as name:
        home = Path(name)
        home.chmod(0o755)
        env = {"ENTREPOT_HOME": name}
        for words in (("ledger", "accounts"), ("init",), ("work",)):
            code, body = entrepot(*words, **env) if words != ("work",) else (_code("work", **env), {})
            assert code == UNAVAILABLE and body.get("code", "not_set_up") == "not_set_up"
        code, body = entrepot("migrate", **env)
        assert code == OK and body["applied"]
        assert entrepot("migrate", **env)[1]["applied"] == []
        code, body = entrepot("init", **env)
        assert (code, body["persons"]) == (OK, ["operator-1", "operator-2"])
        secrets = (home / "credentials.json").read_bytes()
        assert entrepot("init", **env)[0] == OK and (home / "credentials.json").read_bytes() == secrets
        assert entrepot("ledger", "accounts", **env) == (OK, {"schema": "entrepot/accounts/1", "accounts": []})
        assert not (home / "postgres" / "postmaster.pid").exists()
        (home / "keys" / "master.key").write_bytes(bytes(32))
        assert _code("serve", **env) == REFUSED, "the doors say so themselves, as every command does"


def test_a_command_leaves_a_running_database_running(left: Left) -> None:
    """`migrate` beside a demo that is up stops nothing."""
    assert left.run("migrate") == (OK, {"schema": "entrepot/migration/1", "applied": []})
    assert (left.home / "postgres" / "postmaster.pid").exists()


def test_serve_binds_to_loopback_only(tmp_path: Path) -> None:
    """Anything else is refused before anything starts."""
    assert _code("serve", ENTREPOT_HOME=str(tmp_path), ENTREPOT_HOST="0.0.0.0") == INVALID


def _code(word: str, **env: str) -> int:
    """The exit code of a command that has no --json."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    return subprocess.run(
        [sys.executable, "-m", "entrepot", word], env=kept | env, capture_output=True, timeout=TIMEOUT_S, check=False
    ).returncode


def test_a_word_that_is_no_command_is_invalid() -> None:
    """Neither is one without what it needs."""
    assert entrepot("nonsense")[0] == INVALID
    assert entrepot("verify", "bundle.json")[0] == INVALID


COVERED = {
    "": {
        "backup",
        "init",
        "lifecycle",
        "migrate",
        "reconcile",
        "restore",
        "rotate-master-key",
        "screen",
        "serve",
        "simulate",
        "verify",
        "verify-close",
        "work",
    },
    "invoice": {"read"},
    "ledger": {"accounts", "balances", "check", "post"},
    "lists": {"load", "status"},
    "log": {"checkpoint", "consistency", "prove"},
    "messages": {"check", "make"},
    "screening": {"evaluate"},
    "decision": {"show"},
    "regime": {"show"},
}


def test_every_command_is_covered_here() -> None:
    """A new command fails this until it has its test above."""
    parts = (invoice_app, ledger_app, lists_app, log_app, messages_app, screening_app, decision_app, regimes)
    found = {part.name[0]: _words(part) for part in parts}
    assert found | {"": _words(app) - set(found)} == COVERED


def _words(part: Any) -> set[str]:
    return {name for name in part if not name.startswith("-")}
