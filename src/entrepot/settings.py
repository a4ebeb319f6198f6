"""Where this deployment keeps its files and finds its database and node; read from the environment once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from entrepot.core.errors import Invalid

DEFAULT_HOME = "var"
PORT_MAX, CLUSTER_MAX = 2**16 - 1, 2**128 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """`home` holds every file. `owner_dsn` is for migrations only; "" means the embedded server.

    `serve_dsn` and `work_dsn` are given only where somebody else keeps the two roles' passwords.
    """

    home: Path
    owner_dsn: str
    serve_dsn: str
    work_dsn: str
    rpc_url: str
    host: str
    port: int
    given_origin: str = ""
    openid_issuer: str = ""
    openid_client_id: str = ""
    openid_client_secret: str = field(default="", repr=False)
    openid_name: str = ""
    explorer_url: str = ""
    ledger: str = "postgres"
    tigerbeetle_addresses: str = ""
    tigerbeetle_cluster: int = 0
    metrics_port: int = 0

    @property
    def origin(self) -> str:
        """Where browsers find the portal (scheme, host, port): ENTREPOT_ORIGIN, else localhost and our port."""
        return self.given_origin.rstrip("/") or f"http://localhost:{self.port}"

    @property
    def keys_dir(self) -> Path:
        """Private keys, one a purpose."""
        return self.home / "keys"

    @property
    def master_key_path(self) -> Path:
        """What wraps all data keys: 32 bytes."""
        return self.keys_dir / "master.key"

    @property
    def deployment_path(self) -> Path:
        """Chain id and contract addresses, written at deployment."""
        return self.home / "deployment.json"

    @property
    def house_path(self) -> Path:
        """Who operates and examines; written by `init`."""
        return self.home / "house.json"

    @property
    def database_dir(self) -> Path:
        """The embedded PostgreSQL's files."""
        return self.home / "postgres"

    @property
    def sign_ins_path(self) -> Path:
        """How the two roles sign in to a database of one's own; `migrate` writes it, readable by the owner only."""
        return self.home / "database.json"

    @property
    def verification_key_path(self) -> Path:
        """What a verifier pins; public."""
        return self.home / "verification-key.json"

    @property
    def credentials_path(self) -> Path:
        """Bearer secrets that `init` and the demo made, readable by the owner only."""
        return self.home / "credentials.json"

    @property
    def lists_dir(self) -> Path:
        """The followed lists' files; empty means the invented list alone."""
        return self.home / "lists"

    @property
    def messages_dir(self) -> Path:
        """Where messages are written."""
        return self.home / "messages"


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Reads ENTREPOT_HOME, _DATABASE_URL (owner), _DATABASE_SERVE_URL, …_WORK_URL, _RPC_URL, _HOST, _PORT, _ORIGIN,
    and _OPENID_ISSUER, _OPENID_CLIENT_ID, _OPENID_CLIENT_SECRET, _OPENID_NAME of a single sign-on provider.

    _EXPLORER_URL is a block explorer's: transactions are linked as URL/tx/HASH. _LEDGER is postgres, or tigerbeetle at
    _TIGERBEETLE_ADDRESSES (host:port,…) of cluster _TIGERBEETLE_CLUSTER: the engine beside the books. _METRICS_PORT is
    where a worker tells Prometheus of itself, on loopback only; 0: nowhere. Raises: Invalid(malformed).
    """
    env = os.environ if env is None else env
    owner = env.get("ENTREPOT_DATABASE_URL", "")
    return Settings(
        home=Path(env.get("ENTREPOT_HOME", DEFAULT_HOME)).absolute(),
        owner_dsn=owner,
        serve_dsn=env.get("ENTREPOT_DATABASE_SERVE_URL", ""),
        work_dsn=env.get("ENTREPOT_DATABASE_WORK_URL", ""),
        rpc_url=env.get("ENTREPOT_RPC_URL", ""),
        host=env.get("ENTREPOT_HOST", "127.0.0.1"),
        port=_whole(env, "ENTREPOT_PORT", 8080, least=1, most=PORT_MAX),
        given_origin=env.get("ENTREPOT_ORIGIN", ""),
        openid_issuer=env.get("ENTREPOT_OPENID_ISSUER", ""),
        openid_client_id=env.get("ENTREPOT_OPENID_CLIENT_ID", ""),
        openid_client_secret=env.get("ENTREPOT_OPENID_CLIENT_SECRET", ""),
        openid_name=env.get("ENTREPOT_OPENID_NAME", "") or "single sign-on",
        explorer_url=env.get("ENTREPOT_EXPLORER_URL", "").rstrip("/"),
        ledger=env.get("ENTREPOT_LEDGER", "") or "postgres",
        tigerbeetle_addresses=env.get("ENTREPOT_TIGERBEETLE_ADDRESSES", ""),
        tigerbeetle_cluster=_whole(env, "ENTREPOT_TIGERBEETLE_CLUSTER", 0, least=0, most=CLUSTER_MAX),
        metrics_port=_whole(env, "ENTREPOT_METRICS_PORT", 0, least=0, most=PORT_MAX),
    )


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """A setting that is a whole number; one that is not there, or empty, is the default."""
    given = env.get(name, "") or str(default)
    if not given.isdecimal() or len(given) > len(str(most)) or not least <= int(given) <= most:
        raise Invalid("malformed", f"{given!r} is no whole number from {least} to {most}.", path=name)
    return int(given)
