"""The escrow contracts as compiled: what the EVM rail deploys and calls. Compiling is `python -m` of this package."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

CONTRACTS = ("EscrowFactory", "Registry", "TradeEscrow")
ARTIFACTS = "artifacts.json"


class Artifact(TypedDict):
    """A contract's ABI as JSON and its init code as 0x hex, without constructor arguments."""

    abi: list[dict[str, Any]]
    bytecode: str


def artifact(name: str) -> Artifact:
    """The committed artifact of one of CONTRACTS. Raises: KeyError for any other name."""
    return _artifacts()[name]


@cache
def _artifacts() -> dict[str, Artifact]:
    committed: dict[str, Artifact] = json.loads(files(__name__).joinpath(ARTIFACTS).read_text("utf-8"))["contracts"]
    return committed
