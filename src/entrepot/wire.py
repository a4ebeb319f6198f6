"""Plugs concrete parts together: the only module that names them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from entrepot.api.health import Facts
from entrepot.core import note
from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.eip712 import Signable
from entrepot.core.errors import Invalid, Refused, Unavailable, declare
from entrepot.core.ledger import Ledger
from entrepot.core.sent_transaction import SentState, SentTransaction
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms, Venue
from entrepot.identity.openid import Client, Provider
from entrepot.messages.schemas import message_types
from entrepot.messages.webhooks import Poster
from entrepot.rails.anvil import move_clock
from entrepot.rails.authorization import authorization_of
from entrepot.rails.evm import Deployment, EvmRail, connect, read_deployment
from entrepot.rails.evm_registry import EvmRegistry
from entrepot.rails.node import Node
from entrepot.rails.simulated_faults import FaultyNode, Sandbox
from entrepot.rates.simulated import SimulatedRates
from entrepot.regimes.harbour import in_force
from entrepot.regimes.regime import DEVELOPMENT_CHAINS, Regime, required_lists
from entrepot.settings import Settings, read_settings
from entrepot.signers.keystore import Keystore, MessageKey, Purpose
from entrepot.store import embedded
from entrepot.store.database import read_sign_ins
from entrepot.store.master_key import keep_master_key, read_master_key
from entrepot.store.postgres import PostgresStore
from entrepot.store.store import Store, Transaction
from entrepot.store.vault import KEY_BYTES
from entrepot.workflows.checks.screen import ListScreener, load_lists
from entrepot.workflows.step.context import Context, Policy, SignIn

ORIGIN = "entrepot.local/pilot"
OWNERS = 3  # keys of the registry's owners in the keystore; one that the registry does not know signs nothing

declare(
    "Unavailable", not_set_up="This deployment is not set up yet; the message says what is missing and what makes it."
)
declare(
    "Invalid",
    ledger_engine_unknown="ENTREPOT_LEDGER names no ledger engine, or not where it is.",
    policy_unknown="The house's file sets a figure that does not exist.",
)
declare(
    "Refused",
    regime_not_in_force="No version of the regime is in force at this time.",
    log_key_differs="Verifiers pin another key of the log: restore it, or publish the new one with `entrepot init`.",
)


class House:
    """What `init` wrote beside the rail's deployment: who operates and examines, and the operator's own figures."""

    def __init__(self, settings: Settings) -> None:
        for path, makes_it in (
            (settings.house_path, "`entrepot init` makes it"),
            (settings.deployment_path, "`./run demo` deploys the contracts, to a development chain of this home"),
        ):
            if not path.exists():
                raise Unavailable("not_set_up", f"{path.name} is not there yet: {makes_it}.", path=str(path))
        self.deployment: Deployment = read_deployment(settings.deployment_path)
        self.body: dict[str, Any] = json.loads(settings.house_path.read_bytes())
        self.keys = Keystore(settings.keys_dir)

    @property
    def assets(self) -> AssetRegistry:
        """The currencies and the settlement token; its decimals were compared with the token's own."""
        token = self.deployment.token
        return AssetRegistry(
            [
                Asset(
                    id=self.deployment.asset,
                    symbol=token.symbol,
                    decimals=token.decimals,
                    kind="stablecoin",
                    peg="USD",
                    issuer="Circle's FiatTokenV2_2 as packaged by Offchain Labs, on a development chain",
                )
            ]
        )

    @property
    def venue(self) -> Venue:
        """Where trades settle, and whose signatures count: a demo examiner 1 of 1, arbiters 2 of 3."""
        examiner = self.keys.account(Purpose.EXAMINER)
        arbiters = tuple(key.address for key in self.keys.accounts(Purpose.ARBITER, 3))
        return Venue(
            rail="evm",
            chain_id=self.deployment.chain_id,
            factory=self.deployment.factory,
            fee_recipient=self.keys.account(Purpose.OWNER).address,
            attesters=(examiner.address,),
            attesters_required=1,
            arbiters=arbiters,
            arbiters_required=2,
        )

    def passport_signers(self) -> tuple[str, ...]:
        """Addresses of the keys whose passports count."""
        return tuple(key.address for key in self.keys.accounts(Purpose.PASSPORT, 2))

    def checkpoint_key(self) -> MessageKey:
        """The key of checkpoints and bundle manifests."""
        return self.keys.messages(Purpose.CHECKPOINT)

    def verification_key(self) -> dict[str, Any]:
        """What a verifier pins. Public."""
        return {
            "schema": "entrepot/verification-key/1",
            "checkpoint_key": note.verifier_key(ORIGIN, self.checkpoint_key().public),
            "closing_key": note.verifier_key(ORIGIN, self.keys.messages(Purpose.CLOSING).public),
            "passport_signers": list(self.passport_signers()),
            "chain_id": self.deployment.chain_id,
            "factory": self.deployment.factory,
            "implementation": self.deployment.implementation,
        }

    def require_pinned_keys(self, path: Path) -> None:
        """A lost key is never made anew unseen. Raises: Refused(log_key_differs) unless ours are those published."""
        pinned = json.loads(path.read_text()) if path.exists() else {}
        ours = self.verification_key()
        for name in ("checkpoint_key", "closing_key"):
            if pinned.get(name, ours[name]) != ours[name]:
                raise Refused("log_key_differs", f"{path.name} names another {name} than the one in the keystore.")


def regime_at(at: int) -> Regime:
    """The regime version in force. Raises: Refused(regime_not_in_force)."""
    found = in_force(at)
    if found is None:
        raise Refused("regime_not_in_force", f"No regime is in force at {at} (Unix s).")
    return found


def facts_of(settings: Settings) -> Facts:
    """What the doors know of the deployment. Raises: Unavailable(not_set_up), Refused(log_key_differs)."""
    house = House(settings)
    house.require_pinned_keys(settings.verification_key_path)
    regime = regime_at(int(house.body["opened_at"]))

    def authorization(settlement: Settlement, terms: Terms, attempt: int, valid_before: int) -> Signable:
        allowed = authorization_of(terms, settlement.escrow, attempt=attempt, valid_before=valid_before)
        return allowed.to_sign(house.deployment.token_domain)

    return Facts(
        chain_id=house.deployment.chain_id,
        factory=house.deployment.factory,
        assets=house.assets,
        lists_required=required_lists(regime.lists_required, house.deployment.chain_id),
        lists_age_s_max=regime.lists_age_s_max,
        sign_manifest=house.checkpoint_key().sign,
        authorization=authorization,
        origin=settings.origin,
        single_sign_on=settings.openid_name if settings.openid_issuer else "",
    )


def context_of(settings: Settings, store: Store, rail: EvmRail) -> Context:
    """A worker's parts."""
    message_types()  # finds the schemas before work begins
    house = House(settings)
    house.require_pinned_keys(settings.verification_key_path)
    first, second = house.keys.accounts(Purpose.PASSPORT, 2)
    return Context(
        store=store,
        rail=rail,
        registry=EvmRegistry(rail, house.keys.accounts(Purpose.OWNER, OWNERS)),
        assets=house.assets,
        settlement_asset=house.deployment.asset,
        venue=house.venue,
        token_domain=house.deployment.token_domain,
        examiner=str(house.body["examiner"]),
        regime=regime_at,
        rates=SimulatedRates(house.assets),
        screener=ListScreener(store),
        passport_signer=first,
        second_passport_signer=second,
        authority_signers=house.keys.accounts(Purpose.AUTHORITY, 2),
        checkpoint_signer=_checkpoint_signer(house.checkpoint_key()),
        closing_signer=house.keys.messages(Purpose.CLOSING).sign,
        advance_chain=_advance_chain(settings),
        load_lists=lambda: _reload(settings, store),
        ledger_engine=_engine_beside_the_books(settings, store),
        poster=Poster(allows_loopback=house.deployment.chain_id in DEVELOPMENT_CHAINS),
        sandbox=_sandbox(house, rail),
        policy=_policy(house, settings),
        sign_in=SignIn(origin=settings.origin, provider=_provider(settings)),
    )


def _policy(house: House, settings: Settings) -> Policy:
    """The operator's own figures. Raises: Invalid(policy_unknown): a figure that does nothing misleads."""
    given = dict(house.body.get("policy", {}))
    unknown = sorted(given.keys() - {entry.name for entry in fields(Policy)})
    if unknown:
        raise Invalid("policy_unknown", f"{settings.house_path.name} sets {unknown[0]}, which is no figure of ours.")
    return replace(Policy(message_dir=str(settings.messages_dir)), **given)


def ledger_engine(settings: Settings) -> Ledger | None:
    """The engine that settings name beside the books in PostgreSQL. Raises: Invalid(ledger_engine_unknown)."""
    if settings.ledger == "postgres":
        return None
    if settings.ledger != "tigerbeetle" or not settings.tigerbeetle_addresses:
        raise Invalid(
            "ledger_engine_unknown",
            f"{settings.ledger!r} is neither postgres, nor tigerbeetle with ENTREPOT_TIGERBEETLE_ADDRESSES.",
            path="ENTREPOT_LEDGER",
        )
    from entrepot.store.tigerbeetle_ledger import TigerBeetleLedger, connect  # loads a native library

    return TigerBeetleLedger(connect(settings.tigerbeetle_addresses, cluster=settings.tigerbeetle_cluster))


def _engine_beside_the_books(settings: Settings, store: Store) -> Ledger | None:
    """The engine, which is told of what was posted before it was there, too."""
    engine = ledger_engine(settings)
    if engine is not None:
        with store.work() as tx:
            tx.intents.catch_up()
    return engine


def expected_statement() -> tuple[str, str]:
    """(account, currency) of the bank's statements that this deployment reconciles."""
    house = House(read_settings())
    account = str(house.body.get("policy", {}).get("bank_account", Policy.bank_account))
    return account, house.assets.get(house.deployment.asset).peg


def _provider(settings: Settings) -> Client | None:
    """The single sign-on provider that settings name; the worker alone talks to it."""
    if not settings.openid_issuer:
        return None
    return Client(
        Provider(settings.openid_issuer, settings.openid_client_id, settings.openid_name, settings.openid_client_secret)
    )


def _sandbox(house: House, rail: EvmRail) -> Sandbox | None:
    """On a development chain, known by its id: what goes wrong there on purpose."""
    if house.deployment.chain_id not in DEVELOPMENT_CHAINS or not isinstance(rail.evm.node, FaultyNode):
        return None
    return Sandbox(rail.evm.node, house.deployment.token.address)


def _checkpoint_signer(key: MessageKey) -> Callable[[int, bytes], str]:
    def sign(size: int, root: bytes) -> str:
        return note.sign_note(note.checkpoint_text(ORIGIN, size, root), ORIGIN, key.public, key.sign)

    return sign


def _advance_chain(settings: Settings) -> Callable[[int], None]:
    """Moves a development chain to the machine's time plus an offset; any other chain refuses by its own chain id."""

    def advance(offset_s: int) -> None:
        move_clock(Node(settings.rpc_url), to_s=int(time.time()) + offset_s)

    return advance


def _reload(settings: Settings, store: Store) -> None:
    with store.work() as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
    load_lists(store, settings.lists_dir, now=now)


@contextmanager
def open_store(role: str, settings: Settings | None = None) -> Iterator[PostgresStore]:
    """The store as `serve` or `work`; refuses a superuser, an owner, or another schema version."""
    settings = settings or read_settings()
    dsn = settings.serve_dsn if role == "serve" else settings.work_dsn
    kept = None if dsn else read_sign_ins(settings.sign_ins_path)
    if kept is not None:
        dsn = kept.serve if role == "serve" else kept.work
    path = settings.master_key_path
    kept_key = read_master_key(path)
    master_key = kept_key or os.urandom(KEY_BYTES)
    with _embedded(settings, role) if not dsn else nullcontext(dsn) as found:
        is_work = role == "work"
        try:
            store = PostgresStore(
                master_key=master_key,
                work_dsn=found if is_work else "",
                serve_dsn="" if is_work else found,
                keeps_intents=settings.ledger != "postgres",
            )
        except Refused as refused:
            if refused.code == "master_key_differs" and not kept_key:
                raise Refused(refused.code, f"{path} is missing: restore it from its backup.", path=str(path)) from None
            raise
        try:
            if not kept_key:  # only now: a database that has data keys refuses a fresh one
                keep_master_key(path, master_key)
            yield store
        finally:
            store.close()


@contextmanager
def _embedded(settings: Settings, role: str) -> Iterator[str]:
    """The embedded server of this home, found running or started; the last to leave stops it."""
    if settings.owner_dsn or not settings.database_dir.exists():
        steps = "`entrepot migrate` makes it, `entrepot init` the first persons, `./run demo` these and the contracts"
        raise Unavailable("not_set_up", f"{settings.home} has no database yet: {steps}.")
    server = embedded.start(settings.database_dir)
    try:
        yield server.serve_dsn if role == "serve" else server.work_dsn
    finally:
        server.leave()


def open_rail(store: Store, settings: Settings | None = None) -> EvmRail:
    """The EVM rail of this deployment, checked against its node. Raises: Unavailable, Invalid(deployment_differs)."""
    settings = settings or read_settings()
    house = House(settings)
    if not settings.rpc_url:
        raise Unavailable("not_set_up", "ENTREPOT_RPC_URL does not say where the chain's node is.")
    is_sandbox = house.deployment.chain_id in DEVELOPMENT_CHAINS
    node = FaultyNode(settings.rpc_url) if is_sandbox else Node(settings.rpc_url)
    signer = house.keys.account(Purpose.RAIL)
    return connect(settings.rpc_url, house.deployment, signer, StoreJournal(store), node=node)


class StoreJournal:
    """The rail's journal in the store: each method one transaction of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sent(self, once: str) -> SentTransaction | None:
        """See rails.rail.Journal."""
        with self._store.work() as tx:
            return tx.rails.sent(once)

    def prepare(
        self, once: str, *, chain: str, sender: str, nonce_min: int, sign: Callable[[int], SentTransaction]
    ) -> SentTransaction:
        """See rails.rail.Journal."""
        with self._store.work() as tx:
            nonce = tx.rails.next_nonce(chain, sender, at_least=nonce_min)
            kept = tx.rails.sent(once)
            if kept is None:
                kept = sign(nonce)
                tx.rails.put_sent(kept)
        return kept

    def replace(self, old: SentTransaction, new: SentTransaction) -> SentTransaction:
        """See rails.rail.Journal."""
        with self._store.work() as tx:
            kept = self._locked(tx, old)
            if kept.hash != old.hash:
                return kept
            tx.rails.put_sent(new)
            tx.rails.put_sent(replace(old, once=f"{old.once}#{old.attempt}", state="replaced"))
        return new

    def update(self, kept: SentTransaction, state: SentState) -> None:
        """See rails.rail.Journal."""
        with self._store.work() as tx:
            now = self._locked(tx, kept)
            if now.hash == kept.hash:
                tx.rails.put_sent(replace(now, state=state))

    def _locked(self, tx: Transaction, kept: SentTransaction) -> SentTransaction:
        """What is kept under its `once` now, which nobody changes until the transaction ends: the sender is locked."""
        tx.rails.next_nonce(kept.chain, kept.sender, at_least=0)
        found = tx.rails.sent(kept.once)
        assert found is not None, kept.once
        return found

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]:
        """See rails.rail.Journal."""
        with self._store.work() as tx:
            return tx.rails.unfinished(chain, limit=limit)
