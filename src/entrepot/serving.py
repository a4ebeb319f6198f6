"""What the server process builds: one store, one application."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from starlette.types import ASGIApp

from entrepot.api.app import create_app
from entrepot.api.brake import Brake
from entrepot.api.guard import Drain
from entrepot.commands.running import quiet_logs
from entrepot.rails.anvil import PARTS
from entrepot.regimes.regime import DEVELOPMENT_CHAINS
from entrepot.settings import Settings, read_settings
from entrepot.web.app import People, Person, beside, create_portal
from entrepot.wire import facts_of, open_store
from entrepot.workflows.step.collector import traces_of

PARENT_S = 0.5  # how often the server process looks whether the one that started it is still there


def build() -> ASGIApp:
    """The API and the portal over this deployment's store, which stays open as long as the process lives."""
    quiet_logs()
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
    settings = read_settings()
    stack = ExitStack()
    store = stack.enter_context(open_store("serve", settings))
    named = os.environ.get(PARTS)
    parts = Path(named) if named else Path(__file__).parents[2] / "node_modules"
    traces = traces_of(os.environ, process="serve")
    app = create_app(store, facts=facts_of(settings), assets_dir=parts / "swagger-ui-dist", traces=traces)
    app.state.stack = stack
    people = _demo_people(settings) if app.state.facts.chain_id in DEVELOPMENT_CHAINS else None
    portal = create_portal(
        app,
        parts=parts / ".portal",
        demo_people=people,
        origin=settings.origin,
        explorer=settings.explorer_url,
    )
    return Drain(Brake(beside(app, portal)))


def _demo_people(settings: Settings) -> People:
    """Whoever `credentials.json` names, with the keys that their browsers sign with; on development chains only."""

    def people() -> dict[str, Person]:
        if not settings.credentials_path.exists():
            return {}
        rows = json.loads(settings.credentials_path.read_text())
        return {
            id_: Person(row["name"], row["role"], row["participant"], row["secret"], row.get("wallet_key", ""))
            for id_, row in rows.items()
        }

    return people


def _end_with(parent: int) -> None:
    """Ends this process once its parent was killed: an orphan would go on answering beside its successor."""
    while os.getppid() == parent:
        time.sleep(PARENT_S)
    os._exit(1)
