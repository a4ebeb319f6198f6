"""A proxy between worker and server cuts the reply to COMMIT: the worker sees an error, and retrying is safe."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from made_up import MASTER_KEY, Database, happen, inbox_item, outbox_item, paper, settlement
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from entrepot.core.errors import Unavailable
from entrepot.core.settlement import Settlement
from entrepot.store.postgres import PostgresStore
from entrepot.store.records import InboxItem

SOCKET = ".s.PGSQL.5432"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Proxy:
    """Passes everything on, and once armed drops the connection instead of the answer to a COMMIT that it passed on."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server, self.is_armed, self.cut = server, False, threading.Event()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / SOCKET))
        self._door.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        while text := client.recv(65536):
            if self.is_armed and text.endswith(COMMIT):
                self.is_armed = False
                client.shutdown(socket.SHUT_WR)  # the answer goes nowhere
                server.sendall(text)
                self.cut.set()
                client.close()
                return
            server.sendall(text)
        server.close()

    def close(self) -> None:
        self._door.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while text := source.recv(65536):
            target.sendall(text)
    except OSError:
        return


@pytest.fixture
def proxied(database: Database) -> Iterator[tuple[Proxy, PostgresStore]]:
    """A store whose connections go through a proxy."""
    folder = Path(tempfile.mkdtemp(prefix="entrepot-proxy-"))
    real = Path(str(conninfo_to_dict(database.work_dsn)["host"])) / SOCKET
    proxy = Proxy(real, folder)
    os.chmod(folder, 0o755)
    store = PostgresStore(master_key=MASTER_KEY, work_dsn=make_conninfo(database.work_dsn, host=str(folder)))
    yield proxy, store
    store.close()
    proxy.close()
    shutil.rmtree(folder)


def step(store: PostgresStore, put: Settlement, item: InboxItem) -> bool:
    """A worker's step with everything in it; False if it finds that it was done already."""
    with store.work() as tx:
        if tx.settlements.get(put.id) is not None:
            return False
        tx.inbox.put(item)
        tx.settlements.insert(put)
        happen(tx, put, "quote_given")
        tx.papers.put(paper(put, owner=put.seller))
        tx.outbox.put([outbox_item("once")])
        return True


def wait_for_row(database: Database, item: InboxItem) -> None:
    """The server was sent the COMMIT, and may still be at it."""
    until = time.monotonic() + 10
    with psycopg.connect(database.owner_dsn, autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM inbox WHERE id = %s", (item.id,)).fetchone() != (1,):
            assert time.monotonic() < until, "it was never committed"
            time.sleep(0.02)


def test_a_commit_whose_reply_is_lost_is_unavailable_and_retried_once(
    proxied: tuple[Proxy, PostgresStore], database: Database
) -> None:
    proxy, store = proxied
    put, item = settlement(), inbox_item()
    proxy.is_armed = True
    with pytest.raises(Unavailable) as caught:
        step(store, put, item)
    assert caught.value.code == "store_unavailable"
    assert proxy.cut.wait(5)
    wait_for_row(database, item)  # it is there, though the worker was not told
    assert step(store, put, item) is False
    with store.work() as tx:
        assert tx.inbox.put(item) == item  # the same key again: the same item, once
        tx.outbox.put([outbox_item("once")])
        assert (tx.log.size(), tx.outbox.open_count(), len(tx.papers.of(put.id))) == (1, 1, 1)
        assert [entry.id for entry in tx.inbox.claim(limit=9)] == [item.id]


def test_a_blind_retry_of_the_same_step_does_nothing_twice(proxied: tuple[Proxy, PostgresStore]) -> None:
    """Even a worker that does not look first is stopped by the unique ids."""
    proxy, store = proxied
    put = settlement()
    proxy.is_armed = True
    for error in (Unavailable, AssertionError):
        with pytest.raises(error), store.work() as tx:
            tx.settlements.insert(put)
            happen(tx, put, "quote_given")
    with store.work() as tx:
        assert tx.log.size() == 1
