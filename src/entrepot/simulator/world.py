"""The simulated world: one clock, a store, a simulated rail, and a worker with the real workflows between them.

Nothing in it comes from the machine: time, ids, salts and keys follow from the seed, so that a seed is a run.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entrepot.core import note
from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.charter import ROLES, ContractSettings, Executed, Quorum, SettingChange
from entrepot.core.crypto import ed25519_public, ed25519_sign, secp256k1_address, secp256k1_sign, sha256
from entrepot.core.errors import Unavailable
from entrepot.core.ids import ENTROPY_BYTES, new_id, new_settlement_id
from entrepot.core.terms import Venue
from entrepot.messages.webhooks import Reply
from entrepot.rails.simulated import GENESIS_S
from entrepot.rates.simulated import SimulatedRates
from entrepot.regimes.harbour import HARBOUR_1
from entrepot.regimes.regime import HitFacts
from entrepot.screening.entity import Subject
from entrepot.signers.keystore import AccountKey, Purpose
from entrepot.store.memory_locks import Waits
from entrepot.store.records import ListRow
from entrepot.store.store import Store
from entrepot.workflows.chain import observe
from entrepot.workflows.checks.screen import ListScreener, load_lists
from entrepot.workflows.step.context import Context, Pace, Policy, Recent
from entrepot.workflows.work import send_out, step

from .faults import Crash, FaultyRail, FaultyStore, Fuse, Heard
from .meetings import DECIDE, SEND, WATCH, Meeting

ORIGIN = "entrepot.local/simulated"
BLOCK_S = 12
FOR_EVER_S = 1e9
LISTS_READ_S = 12 * 3600
POLICY = Policy(
    propose_s=3600, fund_s=6 * 3600, present_s=2 * 86_400, examination_s=4 * 86_400,
    cure_s=86_400, dispute_s=5 * 86_400, passport_s=1800, ask_rail_s=30, pause_s=60, block_review_s=20 * 86_400,
)  # fmt: skip


@dataclass
class Clock:
    """The one clock and the one source of ids: Unix seconds, and how many ids were given."""

    seed: int
    now: int = GENESIS_S
    given: int = 0

    def entropy(self, size: int) -> bytes:
        """Bytes that follow from the seed and from how many were asked for."""
        self.given += 1
        return hashlib.sha256(f"{self.seed}:{self.given}".encode()).digest()[:size]


@dataclass
class SimulatedContext(Context):
    """A worker's parts whose time, ids and salts are the world's."""

    clock: Clock = field(default_factory=lambda: Clock(0))

    def now(self) -> int:
        """See Context.now."""
        return self.clock.now + self.offset_s

    def new_id(self) -> str:
        """See Context.new_id."""
        return new_id(self.clock.now * 1000, self.clock.entropy(ENTROPY_BYTES))

    def new_settlement_id(self) -> str:
        """See Context.new_settlement_id."""
        return new_settlement_id(self.clock.now * 1000, self.clock.entropy(ENTROPY_BYTES))

    def salt(self) -> str:
        """See Context.salt."""
        return self.clock.entropy(16).hex()


class StillRegistry:
    """A charter that nobody changes."""

    def __init__(self, rail: FaultyRail) -> None:
        self._rail = rail

    def read(self, kept: ContractSettings | None = None) -> ContractSettings:
        """See Registry.read."""
        final = self._rail.final()
        registry = kept.registry if kept else self._rail.deployment.registry
        return ContractSettings(registry, dict.fromkeys(ROLES, Quorum()), final.number, final.time)

    def perform(self, once: str, change: SettingChange, settings: ContractSettings) -> Executed | None:
        """Nobody asks."""
        raise AssertionError(f"{once}: the simulated charter is not changed")


class NoPosts:
    """Nothing is posted in the simulated world."""

    def require(self, url: str) -> None:
        """See Posts.require."""

    def post(self, url: str, headers: Any, body: bytes) -> Reply:
        """Nobody asks."""
        raise AssertionError(url)


_VERDICTS: dict[tuple[tuple[tuple[str, str], ...], Subject], tuple[HitFacts, ...]] = {}
VERDICTS_MAX = 20_000


class RememberingScreener(ListScreener):
    """The real screener; what it said of one subject under the same list versions it need not find again."""

    def screen(self, subjects: Sequence[Subject], lists: Sequence[ListRow]) -> tuple[HitFacts, ...]:
        """See Screener.screen."""
        versions = tuple((row.source, row.sha256) for row in lists)
        super().screen((), lists)  # these are the versions that it is warm for
        if len(_VERDICTS) > VERDICTS_MAX:
            _VERDICTS.clear()
        found: list[HitFacts] = []
        for subject in subjects:
            if (versions, subject) not in _VERDICTS:
                _VERDICTS[versions, subject] = super().screen((subject,), lists)
            found += _VERDICTS[versions, subject]
        return tuple(found)


def key_of(name: str) -> bytes:
    """The private key of somebody in the simulated world, which follows from the name."""
    return sha256(f"entrepot simulator: {name}".encode())


def account_of(purpose: Purpose, number: int = 1) -> AccountKey:
    """A key of the house."""
    private = key_of(f"{purpose} {number}")
    return AccountKey(purpose, secp256k1_address(private), lambda digest: secp256k1_sign(private, digest))


HOUSE = {purpose: [account_of(purpose, number) for number in (1, 2, 3)] for purpose in (
    Purpose.PASSPORT, Purpose.AUTHORITY, Purpose.ARBITER, Purpose.EXAMINER, Purpose.OWNER)}  # fmt: skip
CHECKPOINT = key_of("checkpoint")
CHECKPOINT_PUBLIC = ed25519_public(CHECKPOINT)


def sign_checkpoint(size: int, root: bytes) -> str:
    """The signed checkpoint of a log of `size` leaves."""
    text = note.checkpoint_text(ORIGIN, size, root)
    return note.sign_note(text, ORIGIN, CHECKPOINT_PUBLIC, lambda message: ed25519_sign(CHECKPOINT, message))


class World:
    """Everything that one run is made of. `steps` counts what was decided, delivered, submitted and broken."""

    def __init__(self, seed: int, store: Store, folder: Path, *, examiner: str) -> None:
        self.seed, self.folder, self.fuse, self.heard = seed, folder, Fuse(), Heard()
        self.clock = Clock(seed)
        self.store = FaultyStore(store, self.fuse)
        self.rail = FaultyRail(
            seed, self.fuse, name=f"simulated-{seed}",
            signers=[key.address for key in HOUSE[Purpose.PASSPORT][:2]],
            authorities=[key.address for key in HOUSE[Purpose.AUTHORITY][:2]],
        )  # fmt: skip
        self.listed: dict[str, dict[str, Any]] = {}
        self.is_feed_down = False
        self.read_at = 0
        self.steps = 0
        self.checked: Callable[[], None] = lambda: None
        self.is_meeting = False
        self.ctx = self._context(examiner)
        self.second = replace(self.ctx, screener=RememberingScreener(self.store), terms=Recent())
        (folder / "lists").mkdir(exist_ok=True)
        self.publish()
        self.read_lists()
        self.rail.mine(self.rail.final_blocks + 1)
        self.watch()

    @property
    def token(self) -> str:
        """The settlement token's address."""
        return self.rail.deployment.token.address

    def _context(self, examiner: str) -> SimulatedContext:
        token = self.rail.deployment.token
        asset = Asset(
            id=self.rail.deployment.asset, symbol=token.symbol, decimals=token.decimals, kind="stablecoin", peg="USD",
            issuer="the simulator",
        )  # fmt: skip
        assets = AssetRegistry([asset])
        venue = Venue(
            rail="simulated", chain_id=self.rail.deployment.chain_id, factory=self.rail.deployment.factory,
            fee_recipient=HOUSE[Purpose.OWNER][0].address,
            attesters=(HOUSE[Purpose.EXAMINER][0].address,), attesters_required=1,
            arbiters=tuple(key.address for key in HOUSE[Purpose.ARBITER]), arbiters_required=2,
        )  # fmt: skip
        policy = Policy(**{**POLICY.__dict__, "message_dir": str(self.folder / "messages")})
        return SimulatedContext(
            store=self.store, rail=self.rail, registry=StillRegistry(self.rail), assets=assets,
            settlement_asset=asset.id, venue=venue, token_domain=self.rail.deployment.token_domain,
            examiner=examiner, regime=lambda _: HARBOUR_1, rates=SimulatedRates(assets),
            screener=RememberingScreener(self.store), passport_signer=HOUSE[Purpose.PASSPORT][0],
            second_passport_signer=HOUSE[Purpose.PASSPORT][1], authority_signers=HOUSE[Purpose.AUTHORITY][:2],
            checkpoint_signer=sign_checkpoint,
            closing_signer=lambda raw: ed25519_sign(CHECKPOINT, raw),
            advance_chain=lambda _: None, load_lists=self._load_lists,
            poster=NoPosts(), policy=policy, clock=self.clock,
        )  # fmt: skip

    # What a worker does

    def decide(self) -> int:
        """One batch of what arrived and what is due; how many."""
        return self._worked(DECIDE, step)

    def send(self) -> int:
        """What must be done outside; how many."""
        return self._worked(SEND, send_out)

    def watch(self) -> int:
        """What is new on the rail; how many events."""
        return self._worked(WATCH, observe.watch)

    def _worked(self, name: str, act: Callable[[Context], int]) -> int:
        """A worker's act as its loop does it: what is unavailable is tried later, and a crash is a new process."""
        fuse, ctx = self.fuse, self.second if self.is_meeting else self.ctx
        ctx.pace = Pace(step_s=FOR_EVER_S)  # it follows the machine's clock, and a run must not
        was, fuse.is_at_work, fuse.act = (fuse.is_at_work, fuse.act), True, name
        try:
            taken = act(ctx)
        except Unavailable:
            taken = 1
        except Waits:  # for the worker that it met: it begins anew when that one is done
            taken = 0
        except Crash:
            fuse.put_out()
            ctx.screener = RememberingScreener(self.store)
            taken = 1
        fuse.is_at_work, fuse.act = was
        self.steps += taken
        self.checked()
        return taken

    def meet(self, act: str, at: int, does: Callable[[], object]) -> None:
        """Others come in the midst of a worker's next act of this name; a second worker does what of it is one's."""

        def others() -> None:
            was, self.fuse.is_at_work, self.fuse.act = (self.fuse.is_at_work, self.fuse.act), False, ""
            self.is_meeting = True
            self.second.screener.warm()
            does()
            self.is_meeting = False
            self.fuse.is_at_work, self.fuse.act = was

        self.fuse.meeting = None if self.is_meeting else Meeting(act, at, others)

    def turn(self) -> int:
        """What a worker does in one turn."""
        return self.decide() + self.send() + self.watch()

    # What happens around it

    def block(self) -> None:
        """The rail makes a block, and a little time passes."""
        self.pass_time(BLOCK_S)
        self.rail.mine(1, after_s=max(1, self.clock.now - self.rail.now()))

    def pass_time(self, seconds: int) -> None:
        """The clock moves on; lists are read again when they are due, unless the feed is down."""
        self.clock.now += seconds
        if not self.is_feed_down and self.clock.now >= self.read_at + LISTS_READ_S:
            self.read_lists()

    def publish(self) -> None:
        """The followed list as it stands now: sixty entries that nobody meets, and those that are listed."""
        filler = [
            {"id": f"F-{place:02d}", "schema": "organization", "names": [{"text": f"{name} {what} Kft"}]}
            for place, (name, what) in enumerate(itertools.product(_FILLER, ("Gossamer", "Vexillum", "Dulcet")))
        ]
        body = {"schema": "entrepot/list/1", "source": "FOLLOWED", "published": "2026-02-01T00:00:00Z",
                "about": "Invented for the simulator.", "entities": [*filler, *self.listed.values()]}  # fmt: skip
        (self.folder / "lists" / "followed.json").write_text(json.dumps(body))

    def read_lists(self) -> None:
        """The lists are read and verified again, and the worker gets ready for them."""
        self.ctx.load_lists()
        if not self.is_meeting:  # whoever is met finds out by itself
            self.ctx.screener.warm()
        self.read_at = self.clock.now

    def _load_lists(self) -> None:
        load_lists(self.store.real, self.folder / "lists", now=self.ctx.now())


_FILLER = ("Aurum", "Borealis", "Cinnabar", "Drusilla", "Everglow", "Farrago", "Galatea", "Halcyon", "Isolde",
           "Jacaranda", "Kestrel", "Lodestar", "Marigold", "Nocturne", "Oleander", "Palisade", "Quintessa", "Rosamund",
           "Saffron", "Tamarind")  # fmt: skip
