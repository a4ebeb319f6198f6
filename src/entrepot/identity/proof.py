"""What both ways of proving who one is have in common: how they say no."""

from __future__ import annotations


class NotProved(Exception):
    """The answer proves nothing; why is for the log, never for whoever answered."""
