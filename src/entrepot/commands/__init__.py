"""The commands of `entrepot`, one file a subject; importing this registers them."""

from . import books, checks, papers, running

__all__ = ["books", "checks", "papers", "running"]
