"""`init`, `migrate`, `serve`, `work`: setting a deployment up and running its two processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pkgutil
import secrets
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from entrepot.core.errors import EntrepotError, Invalid, Unavailable, declare
from entrepot.settings import Settings, read_settings

from .line import app, show, tell

declare("Unavailable", port_taken="Another process listens at the port, or it may not be used.")


def quiet_logs() -> None:
    """Structured logs on stderr, without personal data; libraries only from warnings on."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    level = getattr(logging, os.environ.get("ENTREPOT_LOG", "INFO").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@app.command
def migrate(*, json: bool = False) -> None:
    """Brings the database to this version's schema, with the owner's DSN or on the embedded server."""
    from entrepot.store.database import bring_up

    settings = read_settings()
    database = bring_up(settings.owner_dsn, directory=settings.database_dir, kept=settings.sign_ins_path)
    database.leave()
    applied = list(database.applied)
    show({"schema": "entrepot/migration/1", "applied": applied}, applied or ["Nothing to do."], as_json=json)


@app.command(name="rotate-master-key")
def rotate_master_key(*, json: bool = False) -> None:
    """Wraps all data keys with a fresh master key. Stop `serve` and `work` first; after a crash run it again.

    A copy of the database from before is read with the master key of before: keep that as long as such a copy.
    """
    from entrepot.store.database import bring_up
    from entrepot.store.master_key import change_master_key

    settings = read_settings()
    database = bring_up(settings.owner_dsn, directory=settings.database_dir, kept=settings.sign_ins_path)
    try:
        count = change_master_key(database.owner_dsn, settings.master_key_path)
    finally:
        database.leave()
    show(
        {"schema": "entrepot/master-key/1", "data_keys": count}, [f"{count} data keys are wrapped anew."], as_json=json
    )


@app.command
def init(*, json: bool = False) -> None:
    """Makes the first two persons (operators) and writes their credentials; the second time changes nothing."""
    from entrepot.wire import open_store

    settings = read_settings()
    with open_store("work", settings) as store:
        names = set_up(settings, store)
    show(
        {"schema": "entrepot/init/1", "home": str(settings.home), "persons": names},
        [f"{name}: credential in {settings.credentials_path.name}" for name in names],
        as_json=json,
    )


def set_up(settings: Settings, store: Any) -> list[str]:
    """Operator, examiner of record and two operators' credentials in one transaction; then what a verifier pins."""
    from entrepot.core.crypto import sha256
    from entrepot.core.ids import ENTROPY_BYTES, new_id
    from entrepot.store.records import Credential, Membership, Participant, Person
    from entrepot.wire import House, regime_at

    now = int(time.time())
    house = json.loads(settings.house_path.read_bytes()) if settings.house_path.exists() else {}
    if "operator" not in house:
        operator, examiner = (new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES)) for _ in range(2))
        regime = regime_at(now)
        people: dict[str, dict[str, str]] = {}
        with store.work() as tx:
            for id_, kind, name in ((operator, "operator", regime.operator), (examiner, "examiner", regime.examiner)):
                tx.people.put_participant(Participant(id_, kind, "LU", "admitted", now, {"name": name}))
            for number, name in ((1, "Mara Lindqvist"), (2, "Diego Faria")):
                secret, person = secrets.token_urlsafe(24), new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES))
                tx.people.put_person(Person(person, {"name": name}))
                tx.people.put_membership(Membership(person, operator, "operator"))
                tx.people.put_credential(
                    Credential(sha256(secret.encode()).hex(), person, operator, "operator", now + 90 * 86_400)
                )
                people[f"operator-{number}"] = {
                    "name": name,
                    "role": "operator",
                    "participant": operator,
                    "secret": secret,
                    "wallet_key": "",
                }
            _write(settings.credentials_path, people, mode=0o600)
        house |= {"operator": operator, "examiner": examiner, "opened_at": now}
        _write(settings.house_path, house, mode=0o644)
    if settings.deployment_path.exists():
        _publish(settings.verification_key_path, House(settings).verification_key())
    return sorted(json.loads(settings.credentials_path.read_text()))


def _publish(path: Path, key: dict[str, Any]) -> None:
    """Writes what verifiers pin; one that named another key of the log is kept, as what was given out needs it."""
    before = json.loads(path.read_text()) if path.exists() else key
    if before.get("checkpoint_key") != key["checkpoint_key"]:
        kept = path.with_name(f"{path.stem}-before-{int(time.time())}.json")
        os.replace(path, kept)
        print(f"A NEW KEY OF THE LOG: publish {path.name}; the one before is kept as {kept.name}.", file=sys.stderr)
    _write(path, key, mode=0o644)


def _write(path: Path, body: Any, *, mode: int) -> None:
    """Writes a file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as file:
        json.dump(body, file, indent=1, sort_keys=True)
    os.replace(temporary, path)


@app.command
def serve() -> int:
    """The doors: REST on loopback (ENTREPOT_HOST, ENTREPOT_PORT). Stops on SIGTERM."""
    from granian import Granian
    from granian.constants import Interfaces

    quiet_logs()
    settings = read_settings()
    if settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise Invalid("malformed", "This version binds to loopback only; put a proxy in front.", path="ENTREPOT_HOST")
    _require_free(settings.host, settings.port, "ENTREPOT_PORT")
    refused = multiprocessing.Value("i", 0)  # the exit code of the process that serves, if it was refused something
    logging.getLogger("_granian").addFilter(lambda _: not refused.value)  # it has said itself why it ended
    server = Granian(
        "entrepot.serving:build",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]
    )
    try:
        server.serve(target_loader=partial(_built, refused))
    except SystemExit:
        if not refused.value:
            raise
    return int(refused.value)


def _require_free(host: str, port: int, setting: str) -> None:
    """Raises: Unavailable(port_taken)."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise Unavailable("port_taken", f"{host} port {port}: {error.strerror}.", path=setting) from None


def _built(refused: Any, target: str) -> Any:
    """The application, in the process that serves it; a refusal is told as any command's, and ends that process."""
    try:
        return pkgutil.resolve_name(target)()
    except EntrepotError as error:
        refused.value = tell(error)
        sys.exit(refused.value)


@app.command
def work() -> None:
    """The worker: decides what arrived and what is due, sends out, watches the rail. Stops on SIGTERM."""
    from entrepot.screening.tables import load_tables

    quiet_logs()
    settings = read_settings()
    if settings.metrics_port:
        _require_free("127.0.0.1", settings.metrics_port, "ENTREPOT_METRICS_PORT")
    load_tables()  # before the rest is in memory
    from entrepot.wire import context_of, open_rail, open_store
    from entrepot.workflows.step.collector import traces_of
    from entrepot.workflows.step.instruments import serve_metrics
    from entrepot.workflows.work import Worker

    with open_store("work", settings) as store:
        worker = Worker(context_of(settings, store, open_rail(store, settings)))
        worker.ctx.traces = traces_of(os.environ, process="work")
        if settings.metrics_port:
            serve_metrics(worker.ctx.instruments, store, settings.home, port=settings.metrics_port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        structlog.get_logger().info("work", finality=worker.ctx.rail.finality)
        worker.run()
        worker.ctx.traces.close()
