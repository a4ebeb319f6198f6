"""The commands of `entrepot`, one file a subject; importing this registers them on `app`."""

from . import backing_up, books, checks, papers, running, simulating
from .line import app

__all__ = ["app", "backing_up", "books", "checks", "papers", "running", "simulating"]
