"""Compiles the Vyper sources beside it into artifacts.json; the same sources always give the same bytes."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from vyper.cli.vyper_compile import compile_files  # type: ignore[import-untyped]
from vyper.compiler.settings import Settings  # type: ignore[import-untyped]

from entrepot.rails.contracts import ARTIFACTS, CONTRACTS, Artifact

FOLDER = Path(__file__).parent
RUNTIME_LIMIT = 24_576  # bytes of code a contract may have. Source: EIP-170


def compiled() -> str:
    """The text of artifacts.json for the sources as they are. Raises: ValueError when a contract is too large."""
    contracts = {name: _compiled(name) for name in CONTRACTS}
    made = {"compiler": f"vyper {version('vyper')}", "evm_version": "cancun", "contracts": contracts}
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def _compiled(name: str) -> Artifact:
    source = FOLDER / f"{name}.vy"
    outputs = compile_files(
        [str(source)],
        ["abi", "bytecode", "bytecode_runtime"],
        paths=[str(FOLDER)],
        include_sys_path=False,
        no_bytecode_metadata=True,
        settings=Settings(),
    )
    output = next(iter(outputs.values()))
    runtime_bytes = (len(output["bytecode_runtime"]) - 2) // 2
    if runtime_bytes > RUNTIME_LIMIT:
        raise ValueError(f"{name} has {runtime_bytes} bytes of code, more than the {RUNTIME_LIMIT} of EIP-170")
    return {"abi": output["abi"], "bytecode": output["bytecode"]}


if __name__ == "__main__":
    (FOLDER / ARTIFACTS).write_text(compiled(), "utf-8")
