"""Plugs concrete parts together: the only module that names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from entrepot.api.health import Facts
from entrepot.core import note
from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.eip712 import Domain
from entrepot.core.errors import Refused, Unavailable, declare
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms, Venue, token_address
from entrepot.messages.schemas import message_types
from entrepot.rails.authorization import authorization_of
from entrepot.rails.rail import Rail
from entrepot.rates.simulated import SimulatedRates
from entrepot.regimes.harbour import in_force
from entrepot.regimes.regime import Regime
from entrepot.settings import Settings, read_settings
from entrepot.signers.keystore import Keystore
from entrepot.store.store import Store
from entrepot.workflows.context import Context, Policy

ORIGIN = "entrepot.local/pilot"

declare("Unavailable", not_set_up="This deployment is not set up yet: run `entrepot init` first.")
declare("Refused", regime_not_in_force="No version of the regime is in force at this time.")


class Deployment:
    """What `deployment.json` says: where the contracts are, which token, who the examiner is."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise Unavailable("not_set_up", f"{path} is not there yet; run `entrepot init` first.")
        self.body: dict[str, Any] = json.loads(path.read_text())

    @cached_property
    def assets(self) -> AssetRegistry:
        """The currencies, and the tokens deployed here."""
        return AssetRegistry([Asset(**entry) for entry in self.body["assets"]])

    @cached_property
    def venue(self) -> Venue:
        """Where trades settle."""
        venue = self.body["venue"]
        return Venue(**venue | {"attesters": tuple(venue["attesters"]), "arbiters": tuple(venue["arbiters"])})

    @property
    def settlement_asset(self) -> str:
        """CAIP-19 id of the token that prices are quoted in."""
        return str(self.body["settlement_asset"])

    @property
    def token_domain(self) -> Domain:
        """The token's own EIP-712 domain, in which authorisations are signed."""
        token = self.body["token_domain"]
        address = token_address(self.settlement_asset, chain=f"eip155:{self.venue.chain_id}")
        return Domain(self.venue.chain_id, address, name=token["name"], version=token["version"])


def regime_at(at: int) -> Regime:
    """The regime version in force. Raises: Refused(regime_not_in_force)."""
    found = in_force(at)
    if found is None:
        raise Refused("regime_not_in_force", f"No regime is in force at {at} (Unix s).")
    return found


def facts_of(settings: Settings) -> Facts:
    """What the doors know of the deployment."""
    deployment, keys = Deployment(settings.deployment_path), Keystore(settings.keys_dir)
    regime = regime_at(int(deployment.body["deployed_at"]))

    def digest(settlement: Settlement, terms: Terms, attempt: int, valid_before: int) -> bytes:
        allowed = authorization_of(terms, settlement.escrow, attempt=attempt, valid_before=valid_before)
        return allowed.digest(deployment.token_domain)

    return Facts(
        chain_id=deployment.venue.chain_id,
        factory=deployment.venue.factory,
        lists_required=regime.lists_required,
        lists_age_s_max=regime.lists_age_s_max,
        sign_manifest=keys.checkpoint().sign,
        authorization_digest=digest,
    )


def context_of(settings: Settings, store: Store, rail: Rail) -> Context:
    """A worker's parts."""
    message_types()  # compiles the schemas before work begins
    deployment, keys = Deployment(settings.deployment_path), Keystore(settings.keys_dir)
    return Context(
        store=store,
        rail=rail,
        assets=deployment.assets,
        settlement_asset=deployment.settlement_asset,
        venue=deployment.venue,
        examiner=str(deployment.body["examiner"]),
        regime=regime_at,
        rates=SimulatedRates(deployment.assets),
        screener=screener_of(store),
        passport_signer=keys.passport(1),
        second_passport_signer=keys.passport(2),
        authority_signers=(keys.authority(1), keys.authority(2)),
        checkpoint_signer=checkpoint_signer(keys),
        advance_chain=_advance_chain(settings),
        load_lists=lambda: None,
        policy=Policy(origin=ORIGIN, message_dir=str(settings.messages_dir), **deployment.body.get("policy", {})),
    )


def checkpoint_signer(keys: Keystore) -> Callable[[int, bytes], str]:
    """Signs (size, root) as a C2SP checkpoint."""
    signer = keys.checkpoint()

    def sign(size: int, root: bytes) -> str:
        return note.sign_note(note.checkpoint_text(ORIGIN, size, root), ORIGIN, signer.public, signer.sign)

    return sign


@contextmanager
def open_store(role: str) -> Iterator[Store]:
    """The store as `serve` or `work`; refuses a superuser, an owner, or another schema version."""
    raise NotImplementedError(role, read_settings, asdict)
