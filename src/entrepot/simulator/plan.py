"""What happens next in a run: drawn from the seed, mostly what fits a trade's state, sometimes what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement

from .acts import NAMESAKE, Action, Stage
from .meetings import DECIDE, SEND, WATCH
from .people import BUYERS, SELLERS

OPEN_MAX, TRADES_MAX, AGAIN_MAX, ERRANDS = 5, 14, 6, 0.12
MET = (DECIDE, DECIDE, DECIDE, SEND, SEND, WATCH)
# Before which statement, or which call outside: a batch begins with four statements, and sends after two transactions
PLACES = {DECIDE: (4, 5, 6, 8, 12, 20, 99), SEND: (2, 3, 3, 4, 5), WATCH: (2, 3)}
SLOW_S = (1, 5, 31)
CAPS = (12_000_000, 15_000_000, 50_000_000)  # about one, some, and as many of the largest trades as the law has it
SIDES = ("seller", "buyer")
HOUR_S = 3600
Choice = tuple[int, tuple[object, ...]]  # (weight, an act without its trade)

# What people do in a state: weights, and acts. "{...}" figures are drawn in `_figures`.
_ANYTIME: tuple[Choice, ...] = (
    (1, ("order", "freeze")), (1, ("block",)), (1, ("dispute", "side")), (1, ("plain", "withdraw", "side")),
    (1, ("fund", "attempt")), (1, ("present", "which")), (1, ("examine", "finding")), (1, ("waive",)),
    (1, ("dispose", "officer", "verdict")), (1, ("claim_fee",)), (1, ("award", "percent")), (1, ("sign", "side")),
    (1, ("plain", "requote", "side")), (2, ("by_hand", "payer", "percent")), (1, ("return",)),
    (1, ("order", "unblock")), (1, ("order", "unfreeze")),
)  # fmt: skip
_OFTEN: dict[State, tuple[Choice, ...]] = {
    State.PROPOSED: ((5, ("sign", "side")),),
    State.QUOTED: ((60, ("sign", "side")), (3, ("plain", "requote", "side"))),
    State.AGREED: ((3, ("plain", "withdraw", "side")),),
    State.CLEARED: ((60, ("fund", "attempt")), (3, ("plain", "withdraw", "side"))),
    State.FUNDED: ((60, ("present", "which")), (4, ("dispute", "side")), (3, ("order", "freeze")), (2, ("block",))),
    State.PRESENTED: ((60, ("examine", "finding")), (6, ("dispute", "side")), (3, ("order", "freeze")),
                      (2, ("block",))),
    State.DISCREPANT: ((20, ("waive",)), (30, ("present", "which")), (5, ("dispute", "side")), (3, ("block",))),
    State.DISPUTED: ((40, ("award", "percent")), (3, ("order", "freeze")), (3, ("block",))),
    State.RELEASING: ((6, ("order", "freeze")), (4, ("block",))),
    State.REFUNDING: ((6, ("order", "freeze")), (4, ("block",))),
    State.REJECTING: ((6, ("order", "freeze")), (4, ("block",))),
    State.FROZEN: ((12, ("order", "unfreeze")), (3, ("block",))),
    State.BLOCKED: ((12, ("order", "unblock")), (3, ("review_block",))),
    State.IN_REVIEW: ((60, ("dispose", "officer", "verdict")), (3, ("order", "freeze")), (2, ("block",))),
    State.RELEASED: ((3, ("claim_fee",)), (2, ("return",)), (2, ("by_hand", "payer", "percent"))),
    State.REFUNDED: ((1, ("return",)), (1, ("by_hand", "payer", "percent")), (2, ("claim_fee",))),
    State.REJECTED: ((1, ("return",)), (1, ("by_hand", "payer", "percent")), (1, ("claim_fee",))),
}  # fmt: skip
_FAULTS: tuple[Choice, ...] = (
    (8, ("crash", "effects")), (6, ("cut", "commits")), (4, ("lose_reply",)), (4, ("pass_over",)), (4, ("tell_twice",)),
    (4, ("reorganise", "depth")), (3, ("node",)), (3, ("again",)), (2, ("poison", "event")),
    (3, ("list", "company")), (3, ("delist",)), (3, ("namesake", "company")), (2, ("feed",)),
    (2, ("stop", "grade", "seconds")), (2, ("lift_stops",)),
    (2, ("issuer", "company")), (2, ("standing", "company")),
)  # fmt: skip

ORDERS = dict.fromkeys(("freeze", "unfreeze", "unblock"), "length")
_VALUES: dict[str, tuple[object, ...]] = {
    "side": SIDES,
    "attempt": (0, 0, 0, 1, 2),
    "which": ("right",) * 7 + ("wrong",) * 3,
    "finding": ("comply",) * 7 + ("do not comply",) * 3,
    "officer": (1, 2),
    "verdict": ("clear",) * 3 + ("refuse",),
    "percent": (0, 1, 33, 50, 100, 100),
    "payer": ("the buyer", "a stranger"),
    "length": (60, 3600, 86_400, 5 * 86_400),
    "company": (*SELLERS, *BUYERS),
    "grade": ("new", "fund", "all"),
    "seconds": (600, 7200, 86_400),
    "effects": tuple(range(1, 10)),
    "commits": (1, 2, 3, 4),
    "depth": (1, 1, 2),
    "event": ("released", "funded", "presented", "refunded", "mispaid"),
}


# One trade and how it gets to a state when everybody keeps the terms.
TURN: tuple[Action, ...] = (("decide",), ("send",), ("blocks", 3), ("watch",), ("decide",))
QUOTED: tuple[Action, ...] = (("propose", 1, "Ban Mai", "Nordkontor", 1), ("decide",))
AGREED = (*QUOTED, ("sign", 1, "seller"), ("sign", 1, "buyer"), *TURN)
FUNDED = (*AGREED, ("fund", 1, 0), *TURN, *TURN)
PRESENTED = (*FUNDED, ("present", 1, "right"), *TURN)
DISCREPANT = (*FUNDED, ("present", 1, "wrong"), *TURN, ("examine", 1, "do not comply"), *TURN)
DISPUTED = (*PRESENTED, ("dispute", 1, "buyer"), *TURN)
RELEASING = (*PRESENTED, ("examine", 1, "comply"), ("decide",), ("send",))
AHEAD = (AGREED, FUNDED, FUNDED, PRESENTED, PRESENTED, DISCREPANT, DISPUTED, RELEASING)


def ahead(random: Random) -> Plan:
    """A plan for a short run, which begins where a trade is on its way already."""
    return Plan(random, trades=1, queue=list(random.choice(AHEAD)))


def _by_two(act: Action) -> list[Action]:
    """What one person proposes and a second confirms at once."""
    return [act, ("decide",), ("confirm", 3), ("decide",)]


@dataclass
class Plan:
    """Draws the actions of one run. `lasting` are faults that are on: what they hit."""

    random: Random
    trades: int = 0
    lasting: dict[str, str] = field(default_factory=dict)
    queue: list[Action] = field(default_factory=list)

    def next(self, stage: Stage) -> Action:
        """The next action."""
        if not self.queue:
            self.queue = self._some(stage)
        return self.queue.pop(0)

    def _some(self, stage: Stage) -> list[Action]:
        draw, random = self.random.random(), self.random
        if draw < 0.40:
            return [("decide",), ("send",), ("blocks", random.choice((1, 1, 2, 3))), ("watch",)]
        if draw < 0.55:
            return [random.choice((("decide",), ("decide",), ("send",), ("watch",), ("blocks", 1)))]
        if draw < 0.60:
            return [("wait", self._wait(stage))]
        if draw < 0.67:
            return [self._fault()]
        if draw < 0.72:
            return [("confirm", random.choice((0, 1, 1, 2, 3, 3, 4, 5)))]
        return self._meeting(stage) if draw < 0.74 and self.trades else self._people(stage)

    def _people(self, stage: Stage) -> list[Action]:
        shadows = stage.invariants.shadows
        there = {number: shadows.get(stage.people.settlement_of(number)) for number in range(1, self.trades + 1)}
        is_open = [number for number, one in there.items() if one is None or not one.is_ended]
        if (len(is_open) < OPEN_MAX and self.trades < TRADES_MAX) or not self.trades:
            self.trades += 1
            seller, buyer = self.random.choice(tuple(SELLERS)), self.random.choice(tuple(BUYERS))
            return [("propose", self.trades, seller, buyer, self.random.choice((1, 2, 3, 4, 8, 16)))]
        number = (
            self.random.choice(is_open)
            if is_open and self.random.random() < 0.85
            else self.random.randint(1, self.trades)
        )
        one = there[number]
        if one is not None and one.terms_hash and self.random.random() < ERRANDS:
            return self._errand(stage, number, one)
        first = self._act(number, one)
        if self.random.random() < 0.15:  # somebody else clicks at the same moment
            return [first, self._act(number, one), ("decide",)]
        return [first]

    def _errand(self, stage: Stage, number: int, one: Settlement) -> list[Action]:
        """What takes two persons or a few blocks, done in one go: so it is done while the trade stays where it is."""
        told: list[Action] = [("blocks", 3), ("watch",), ("decide",)]
        match self.random.choice(("order", "return", "return", "fee", "award", "outage", "slow", "rivals")):
            case "order":
                subject = {State.FROZEN: "unfreeze", State.BLOCKED: "unblock"}.get(one.state, "freeze")
                return _by_two(("order", number, *self._figures([subject])))
            case "return":
                pay = ("by_hand", number, *self._figures(["payer", "percent"]))
                paid = [] if stage.invariants.unreturned(one.id) else [pay, *told]
                sent = [("send",), *told] if self.random.random() < 0.5 else []
                return [*paid, *_by_two(("return", number)), *sent]
            case "award" if one.state is State.DISPUTED:
                paid = [("decide",), ("send",), *told]
                return [("award", number, self.random.choice((1, 33, 50))), *paid, *paid]
            case "slow" if self.trades < TRADES_MAX:
                return [*self._slow(stage, number), *told]
            case "rivals" if self.trades < TRADES_MAX:
                return self._rivals(stage, number)
            case "outage":  # whatever was asked for in time is sent when its time may be over
                self.lasting.pop("node", None)
                gone = [("node", True), ("send",), ("wait", self._until_next(stage, one)), ("node", False)]
                return [self._act(number, one), ("decide",), *gone, ("send",), *told, ("send",), *told]
        return [("claim_fee", number), ("decide",), ("send",), *told]

    def _two(self, stage: Stage, first: int) -> tuple[list[Action], list[Action]]:
        """Two more trades between the sides of one: how they are proposed, and how they are signed."""
        seller, buyer = stage.people.proposed[first]
        numbers = self.trades + 1, self.trades + 2
        self.trades += 2
        signed: list[Action] = [("sign", number, side) for number in numbers for side in SIDES]
        return [("propose", number, seller, buyer, 1) for number in numbers], signed

    def _slow(self, stage: Stage, first: int) -> list[Action]:
        """A worker has read two payments, and hears of the first only when a stop or an order has come."""
        asked, signed = self._two(stage, first)
        held_up = self.random.choice((("stop", "all", HOUR_S), ("stop", "fund", HOUR_S)))
        meet: Action = ("meet", SEND, 3, (("wait", 5), *_by_two(held_up), ("wait", 1)))
        paid: list[Action] = [("fund", self.trades - 1, 0), ("fund", self.trades, 0), ("decide",)]
        return [*asked, ("decide",), *signed, *TURN, *TURN, *paid, meet, ("send",)]

    def _rivals(self, stage: Stage, first: int) -> list[Action]:
        """Two trades of one buyer are agreed at one moment by two workers, with headroom for one of them."""
        asked, signed = self._two(stage, first)
        meet: Action = ("meet", DECIDE, self.random.choice(PLACES[DECIDE]), (signed[3], ("decide",)))
        met: list[Action] = [*signed[:2], ("decide",), signed[2], meet, ("decide",), ("decide",)]
        return [*_by_two(("caps", CAPS[0])), *asked, ("decide",), *met, *_by_two(("caps", CAPS[-1]))]

    def _meeting(self, stage: Stage) -> list[Action]:
        """A worker is at what somebody asked for, or sends it, and others come in the midst of it."""
        first = self._people(stage)
        act = self.random.choice(MET)
        others = self._others(stage)
        if act == SEND and self.random.random() < 0.5:  # a worker that is slow, maybe for longer than its lease
            others = [("wait", self.random.choice(SLOW_S)), *others, ("wait", self.random.choice(SLOW_S))]
        meet: Action = ("meet", act, self.random.choice(PLACES[act]), tuple(others))
        told: list[Action] = [("blocks", 1), ("watch",), ("decide",)]
        return [*first, *([] if act == DECIDE else [("decide",)]), meet, ("decide",), ("send",), *told]

    def _others(self, stage: Stage) -> list[Action]:
        """What others do and commit meanwhile."""
        number = self.random.randint(1, self.trades)
        one = stage.invariants.shadows.get(stage.people.settlement_of(number))
        match self.random.choice(
            ("act", "act", "work", "stop", "order", "block", "list", "caps", "invoice", "standing")
        ):
            case "work":
                return [("decide",), ("send",), ("blocks", 1), ("watch",), ("decide",)]
            case "stop":
                return _by_two(("stop", *self._figures(["grade", "seconds"])))
            case "order":
                return _by_two(("order", number, *self._figures([self.random.choice(tuple(ORDERS))])))
            case "block":
                return [("block", number), ("decide",)]
            case "list" | "standing" as name:
                return [self._lasting(name)]
            case "caps":
                return _by_two(("caps", self.random.choice(CAPS)))
            case "invoice":
                return [*self._same_invoice(number), ("decide",)]
        return [self._act(number, one), ("decide",)]

    def _same_invoice(self, first: int) -> list[Action]:
        """Somebody sends the invoice of a trade once more."""
        if self.trades >= TRADES_MAX + AGAIN_MAX:
            return []
        self.trades += 1
        return [("propose_again", self.trades, first)]

    def _until_next(self, stage: Stage, one: Settlement) -> int:
        """How long until a trade's next date, or some hours more or less."""
        act, now = one.next_act(), stage.world.clock.now
        ahead = act[1] - now if act is not None else 0
        return int(max(1, ahead + self.random.choice((-HOUR_S, 1, 12 * HOUR_S, 24 * HOUR_S))))

    def _act(self, number: int, one: Settlement | None) -> Action:
        often = _OFTEN.get(one.state, ()) if one is not None else ()
        choices = often if often and self.random.random() < 0.85 else _ANYTIME
        name, *figures = self._drawn(choices)
        return (name, number, *self._figures(figures))

    def _drawn(self, choices: tuple[Choice, ...]) -> tuple[object, ...]:
        return self.random.choices([act for _, act in choices], [weight for weight, _ in choices])[0]

    def _figures(self, names: list[object]) -> list[object]:
        """What stands for a figure is drawn; everything else is itself. An order has its subject and a length."""
        found: list[object] = []
        for name in names:
            if name in ORDERS:
                found.append(name)
            values = _VALUES.get(ORDERS.get(str(name), str(name)))
            found.append(self.random.choice(values) if values else name)
        return found

    def _fault(self) -> Action:
        """A fault; one that lasts is ended when it is drawn again."""
        name, *figures = self._drawn(_FAULTS)
        return self._lasting(str(name), figures)

    def _lasting(self, name: str, figures: Sequence[object] = ("company",)) -> Action:
        figures = list(figures)
        match name:
            case "node" | "feed":
                return (name, self._turned(str(name)))
            case "issuer":
                company = self.lasting.get("issuer") or str(self._figures(figures)[0])
                is_on = self._turned("issuer", company)
                return ("issuer", company, is_on)
            case "standing":
                company = self.lasting.get("standing") or str(self._figures(figures)[0])
                return ("standing", company, "suspended" if self._turned("standing", company) else "admitted")
            case "list":
                company = str(self._figures(figures)[0])
                self.lasting[f"list {company}"] = company
                return ("list", company)
            case "namesake":  # one at a time: a list that loses too many entries at once is not taken
                company = self.lasting.get("namesake") or str(self._figures(figures)[0])
                is_listed = self._turned("namesake", company)
                return ("namesake", company) if is_listed else ("delist", NAMESAKE.format(company))
            case "delist":
                listed = sorted(name for name in self.lasting if name.startswith("list "))
                return ("delist", self.lasting.pop(listed[0]) if listed else "Meridian")
            case "poison":
                return ("poison", self.random.randint(1, max(1, self.trades)), *self._figures(figures))
        return (name, *self._figures(figures))

    def _turned(self, name: str, what: str = "on") -> bool:
        if self.lasting.pop(name, None) is not None:
            return False
        self.lasting[name] = what
        return True

    def _wait(self, stage: Stage) -> int:
        """Mostly a moment; sometimes right up to the next date of some trade, or just past it, node or not."""
        if self.random.random() < (0.9 if "node" in self.lasting else 0.6):
            return self.random.choice((1, 5, 31, 61, 300, 1801))
        now = stage.world.clock.now
        ahead = [act[1] - now for one in stage.invariants.shadows.values() if (act := one.next_act()) and act[1] > now]
        return max(1, self.random.choice(sorted(ahead)) + self.random.choice((-1, 0, 1))) if ahead else 60
