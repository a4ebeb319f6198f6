"""The library's tables of personal names: loaded once a process, best before it has grown. Decides nothing."""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import Future

from rigour.names import NameTypeTag, analyze_names


def load_tables() -> None:
    """Loads them now, not at the first person's name, and gives back to the system what only loading needed.

    While they load, some 390 MiB are in use; 165 of them stay. So a worker does it first of all: its peak is then
    below what it would be with everything else in memory already.

    They load in a thread of their own, which stays: an allocator such as glibc's gives each thread a place of its own,
    and no other gets this one's. What loading leaves is holes all over that place, and whatever is allocated in such
    holes lies far apart: in the place where a worker works, making a settlement's messages took 2.7 times as long.
    """
    loaded: Future[None] = Future()
    threading.Thread(target=_load, args=(loaded,), name="tables", daemon=True).start()
    loaded.result()
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; elsewhere the allocator does as it likes
    if give_back is not None:
        give_back(0)


def _load(loaded: Future[None]) -> None:
    try:
        analyze_names(NameTypeTag.PER, ["A B"], phonetics=False)
    except BaseException as error:
        loaded.set_exception(error)
    else:
        loaded.set_result(None)
        threading.Event().wait()  # with the thread its place would go to the next thread
