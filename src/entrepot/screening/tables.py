"""The library's tables of personal names: loaded once a process, best before it has grown. Decides nothing."""

from __future__ import annotations

import ctypes

from rigour.names import NameTypeTag, analyze_names


def load_tables() -> None:
    """Loads them now, not at the first person's name, and gives back to the system what only loading needed.

    While they load, some 390 MiB are in use; 165 of them stay. So a worker does it first of all: its peak is then
    below what it would be with everything else in memory already.
    """
    analyze_names(NameTypeTag.PER, ["A B"], phonetics=False)
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; elsewhere the allocator does as it likes
    if give_back is not None:
        give_back(0)
