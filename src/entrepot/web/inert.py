"""Text in a CSV that a spreadsheet would run as a formula is made inert."""

from __future__ import annotations

CSV_INJECTION = ("=", "+", "-", "@", "\t", "\r")


def inert(text: str) -> str:
    """The text, with an apostrophe before what begins like a formula."""
    return f"'{text}" if text.startswith(CSV_INJECTION) else text
