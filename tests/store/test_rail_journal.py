"""The rail's journal in the store: two workers with one sender lose no transaction of each other's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from made_up import MASTER_KEY, Database, sent

from entrepot.core.sent_transaction import SentTransaction
from entrepot.store.memory import MemoryStore
from entrepot.store.postgres import PostgresStore
from entrepot.wire import StoreJournal

CHEAP = sent("a:1:release", 7, state="sent")
DEAR = replace(CHEAP, hash="0x" + "d" * 64, raw=b"\x02\x01", attempt=1, state="prepared")
OVERTAKES_S = 1.0  # a replacement that waits for nobody is committed by then


def kept(journal: StoreJournal) -> SentTransaction:
    """As it stands: the same nonce under one `once`."""
    found = journal.sent(CHEAP.once)
    assert found is not None
    return found


def test_what_became_of_a_replaced_transaction_says_nothing_of_its_replacement() -> None:
    journal = StoreJournal(MemoryStore())
    args = {"chain": CHEAP.chain, "sender": CHEAP.sender, "nonce_min": 7, "sign": lambda _: CHEAP}
    assert journal.prepare(CHEAP.once, **args) == CHEAP  # type: ignore[arg-type]
    journal.update(CHEAP, "mined")
    assert kept(journal) == replace(CHEAP, state="mined")
    assert journal.replace(kept(journal), DEAR) == DEAR
    journal.update(CHEAP, "replaced")  # a slow worker took the first for dropped
    assert kept(journal) == DEAR
    journal.update(DEAR, "sent")
    assert kept(journal) == replace(DEAR, state="sent")


@pytest.mark.slow
def test_a_replacement_is_not_lost_to_an_update_beside_it(database: Database) -> None:
    """The one that is mined must stay known: the chain took its nonce, and nobody would look for it."""
    store = PostgresStore(master_key=MASTER_KEY, work_dsn=database.work_dsn, pool_size=3)
    plain = StoreJournal(store)
    other = threading.Thread(target=lambda: plain.replace(CHEAP, DEAR))

    class Slow:
        """After its last read, and before it writes, the other one replaces the transaction."""

        @contextmanager
        def work(self) -> Iterator[Any]:
            with store.work() as tx:
                put = tx.rails.put_sent

                def late(transaction: SentTransaction) -> None:
                    other.start()
                    other.join(OVERTAKES_S)
                    put(transaction)

                tx.rails.put_sent = late  # type: ignore[method-assign]
                yield tx

    with store.work() as tx:
        tx.rails.put_sent(CHEAP)
    StoreJournal(Slow()).update(CHEAP, "mined")  # type: ignore[arg-type]
    other.join()
    assert kept(plain) == DEAR
    assert plain.sent(f"{CHEAP.once}#0") is not None
    store.close()
