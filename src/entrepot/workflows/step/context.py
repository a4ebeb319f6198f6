"""What a worker works with: the parts that wire.py plugged in, and the one clock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from entrepot.core.asset import AssetRegistry
from entrepot.core.charter import ContractSettings, Executed, SettingChange
from entrepot.core.eip712 import Domain
from entrepot.core.ids import ENTROPY_BYTES, new_id, new_settlement_id
from entrepot.core.ledger import Ledger
from entrepot.core.quote import Rate
from entrepot.core.terms import Terms, Venue
from entrepot.messages.webhooks import Reply
from entrepot.rails.rail import Rail
from entrepot.regimes.regime import HitFacts, Regime
from entrepot.screening.entity import Subject
from entrepot.signers.keystore import Signer
from entrepot.store.records import ListRow
from entrepot.store.store import Store

from .faults import Faults, SandboxTools
from .instruments import Instruments
from .traces import Traces


class Rates(Protocol):
    """Where rates come from; a provider that invents them is named `simulated` in `source`."""

    def rate(self, of: str, into: str, *, now: int) -> Rate | None:
        """The firm rate of a pair, or None: a pair without a rate refuses."""


class Registry(Protocol):
    """The charter's registry on the chain: its settings, and changes by the owners' keys that this worker holds."""

    def read(self, kept: ContractSettings | None = None) -> ContractSettings:
        """At the last final block, from those kept on. Raises: Unavailable."""

    def perform(self, once: str, change: SettingChange, settings: ContractSettings) -> Executed | None:
        """The next step of a change under `once`; None while a final block is awaited. Raises: Refused, Unavailable."""


class ListsChanged(Exception):
    """A list changed since the screener was warmed: the batch is undone and taken again."""


class Screener(Protocol):
    """Screens subjects against pinned list versions."""

    def screen(self, subjects: Sequence[Subject], lists: Sequence[ListRow]) -> tuple[HitFacts, ...]:
        """All hits; `lists` name the versions that must be used (those it was warmed for). Raises: ListsChanged."""

    def warm(self) -> None:
        """Gets ready for the current versions ahead of the first decision."""


class Posts(Protocol):
    """Posts to addresses that others chose, and to none that they may not choose."""

    def require(self, url: str) -> None:
        """Raises: Invalid(webhook_url_refused)."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply: ...


@dataclass(frozen=True)
class Policy:
    """The operator's own figures: durations in seconds, fee in basis points, and where messages go."""

    propose_s: int = 3600
    fund_s: int = 24 * 3600
    present_s: int = 21 * 24 * 3600
    examination_days: int = 5
    calendar: str = "demo"
    examination_s: int = 14 * 24 * 3600
    cure_s: int = 7 * 24 * 3600
    dispute_s: int = 30 * 24 * 3600
    passport_s: int = 3600
    ask_rail_s: int = 5
    pause_s: int = 30
    approval_s: int = 24 * 3600
    payee_cooling_s: int = 48 * 3600
    block_review_s: int = 30 * 24 * 3600
    fee_bps: int = 15
    fee_min_minor: int = 1_000_000
    fee_max_minor: int = 250_000_000
    message_dir: str = ""
    reconcile_hour: int = 1  # of the day (UTC) at which the night's comparison is due
    bank_account: str = "ENTREPOT-ESCROW"  # whose statements are reconciled: IBAN, or the bank's own number


@dataclass
class Pace:
    """How much this worker takes at a time: more while its steps are short, one by one after a defect."""

    step_s: float = 0.5  # how long a step may take, about: a click waits for the one that is under way
    items: int = 100
    outside: int = 10
    careful: int = 0  # so many items are taken one at a time: a batch could not be written


TERMS_KEPT = 4_096


class Recent:
    """Terms by their hash, which says all of them: the last so many that were read. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Terms] = {}

    def get(self, terms_hash: str) -> Terms | None:
        """The terms, if they were read lately."""
        return self._kept.get(terms_hash)

    def put(self, terms_hash: str, terms: Terms) -> None:
        """Keeps terms in the place of those kept longest."""
        with self._lock:
            self._kept[terms_hash] = terms
            if len(self._kept) > TERMS_KEPT:
                del self._kept[next(iter(self._kept))]


class SingleSignOn(Protocol):
    """A provider that says who somebody is. Raises: NotProved, Unavailable."""

    @property
    def name(self) -> str: ...

    @property
    def issuer(self) -> str: ...

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent."""

    def subject(self, *, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str = "") -> str:
        """Who came back with this code."""


@dataclass(frozen=True)
class SignIn:
    """Where the portal is: passkeys are bound to this origin (scheme, host, port), and no other is believed.

    `provider` is None where there is no single sign-on.
    """

    origin: str = "http://localhost:8080"
    provider: SingleSignOn | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return f"{self.origin}/sign-in/back"


@dataclass
class Context:
    """The worker's parts. `regime(at)` is the version in force; `signers` are by purpose."""

    store: Store
    rail: Rail
    registry: Registry
    assets: AssetRegistry
    settlement_asset: str
    venue: Venue
    token_domain: Domain
    examiner: str  # participant id of the examiner of record
    regime: Callable[[int], Regime]
    rates: Rates
    screener: Screener
    passport_signer: Signer
    second_passport_signer: Signer
    authority_signers: Sequence[Signer]
    checkpoint_signer: Callable[[int, bytes], str]
    closing_signer: Callable[[bytes], bytes]
    advance_chain: Callable[[int], None]  # moves a development chain's time to the machine's plus this many seconds
    load_lists: Callable[[], None]
    poster: Posts
    ledger_engine: Ledger | None = None  # another engine than the books, which is told what they posted
    sandbox: SandboxTools | None = None  # on development chains only
    faults: Faults = field(default_factory=Faults)
    policy: Policy = field(default_factory=Policy)
    sign_in: SignIn = field(default_factory=SignIn)
    terms: Recent = field(default_factory=Recent)
    pace: Pace = field(default_factory=Pace)
    instruments: Instruments = field(default_factory=Instruments)
    traces: Traces = field(default_factory=Traces)
    offset_s: int = 0

    def now(self) -> int:
        """Unix seconds by the one clock: the machine's, moved only by the sandbox clock of a development chain."""
        return int(time.time()) + self.offset_s

    def new_id(self) -> str:
        """A fresh id."""
        return new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES))

    def new_settlement_id(self) -> str:
        """A fresh settlement id."""
        return new_settlement_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES))

    def salt(self) -> str:
        """128 random bits that keep a published hash from giving away what it commits to."""
        return os.urandom(16).hex()
