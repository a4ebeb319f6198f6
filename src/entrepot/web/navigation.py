"""Where each role can go. A role's first place is where it lands."""

from __future__ import annotations

from dataclasses import dataclass

from .language import Marked, marked


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the navigation: its path, its name (translated when shown), and the key after `g` that goes there."""

    path: str
    name: str
    key: str


ROLES: Marked[dict[str, str]] = {
    "treasurer": "Treasurer",
    "operator": "Operator",
    "officer": "Compliance officer",
    "supervisor": "Supervisor",
    "examiner": "Document examiner",
    "arbiter": "Arbiter",
    "authority": "Authority",
    "engineer": "Engineer",
}
SETTLEMENTS = Place("/settlements", marked("Settlements"), "s")
CAPS = Place("/caps", marked("Caps"), "c")
DECISIONS = Place("/decisions", marked("Why it was allowed"), "w")
STOPS = Place("/stops", marked("Stops"), "x")
MEASURES = Place("/measures", marked("Measures"), "m")
LOG = Place("/log", marked("Log"), "l")
REGIME = Place("/regime", marked("Regime"), "r")
APPROVALS = Place("/approvals", marked("Approvals"), "a")
DISCLOSURES = Place("/disclosures", marked("Disclosures"), "d")
EXCEPTIONS = Place("/exceptions", marked("Exceptions"), "e")
PARTICIPANTS = Place("/participants", marked("Participants"), "p")
CASES = Place("/queue", marked("Cases"), "q")
CHANGES = Place("/changes", marked("Changes"), "t")
RECONCILIATION = Place("/reconciliation", marked("Reconciliation"), "r")
DASHBOARD = Place("/dashboard", marked("Dashboard"), "b")
HEALTH = Place("/health", marked("Health"), "h")
DEVELOPER = (
    Place("/developer", marked("Developers"), "v"),
    Place("/developer/keys", marked("API keys"), "k"),
    Place("/developer/webhooks", marked("Webhooks"), "h"),
    Place("/developer/requests", marked("API requests"), "q"),
    Place("/developer/sandbox", marked("Sandbox"), "b"),
)
PLACES: dict[str, tuple[Place, ...]] = {
    "treasurer": (
        SETTLEMENTS,
        Place("/overview", marked("Overview"), "o"),
        Place("/new", marked("New invoice"), "n"),
        Place("/journal", marked("Accounting export"), "j"),
        APPROVALS,
        Place("/company", marked("Company"), "c"),
        Place("/requests", marked("Requests"), "r"),
        LOG,
        DISCLOSURES,
        DEVELOPER[0],
    ),
    "engineer": (
        *DEVELOPER,
        SETTLEMENTS,
        LOG,
    ),
    "operator": (
        SETTLEMENTS,
        EXCEPTIONS,
        PARTICIPANTS,
        CHANGES,
        RECONCILIATION,
        HEALTH,
        DASHBOARD,
        APPROVALS,
        CAPS,
        STOPS,
        MEASURES,
        DECISIONS,
        LOG,
        DISCLOSURES,
    ),
    "officer": (
        Place("/queue", marked("Queue"), "q"),
        SETTLEMENTS,
        Place("/screen", marked("Screening desk"), "n"),
        Place("/lists", marked("Lists"), "l"),
        Place("/suspensions", marked("Suspensions"), "u"),
        EXCEPTIONS,
        CHANGES,
        DECISIONS,
        REGIME,
        DISCLOSURES,
    ),
    "supervisor": (
        SETTLEMENTS,
        Place("/supervision", marked("Overview"), "o"),
        CASES,
        DECISIONS,
        CAPS,
        STOPS,
        CHANGES,
        HEALTH,
        MEASURES,
        LOG,
        REGIME,
        DISCLOSURES,
    ),
    "examiner": (
        Place("/presentations", marked("Presentations"), "p"),
        SETTLEMENTS,
    ),
    "arbiter": (
        Place("/disputes", marked("Disputes"), "d"),
        SETTLEMENTS,
    ),
}  # fmt: skip


def places_of(role: str) -> tuple[Place, ...]:
    """The places of a role; settlements for a role that has none of its own."""
    return PLACES.get(role, (SETTLEMENTS,))
