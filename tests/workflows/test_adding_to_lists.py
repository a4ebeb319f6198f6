"""A property: whatever entry a list gains, no decision becomes milder, and nothing that was held goes out for it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.core.decision import Decision
from entrepot.core.passport import Act
from entrepot.documents import samples
from entrepot.regimes.harbour import HARBOUR_1
from entrepot.regimes.regime import ListFacts, PartyFacts, PaymentFacts, evaluate
from entrepot.regimes.rules import RULES
from entrepot.screening.entity import Entity, Identifier, ListedName, Subject, Wallet
from entrepot.screening.lists import ListVersion, LoadedList
from entrepot.screening.matching import Index, screen
from entrepot.workflows.checks.screen import _facts

NOW = 1_790_000_000
NAMES = ("Meridian Trading Ltd", "Meridian Trading FZE", "Северная Звезда Шиппинг ООО", "Shiping Zvezda Severnaja",
         "Nordkontor Rösterei GmbH", "Nordkontor Roesterei", "Ban Mai Coffee Export JSC", "Polar Star",
         "Rösterei", "Trading Meridian")  # fmt: skip
LEIS = tuple(samples.lei_of(f"00EXAMPLELIST{place:05d}") for place in range(3))
REGISTRATIONS = ("HRB 999999", "202699999K", "FZE-990017")
WALLETS = tuple("0x" + f"{place:02x}" * 20 for place in (17, 34, 51))
COUNTRIES = ("", "DE", "VN", "SG", "AE", "MM")

subjects = st.builds(
    lambda name, country, lei, registration, wallet, role: Subject(
        kind="organization", name=name, country=country, wallet=wallet, role=role,
        identifiers=tuple(pair for pair in (("lei", lei), ("registration", registration)) if pair[1]),
    ),
    st.sampled_from(NAMES), st.sampled_from(COUNTRIES), st.sampled_from(("", *LEIS)),
    st.sampled_from(("", *REGISTRATIONS)), st.sampled_from(("", *WALLETS)), st.sampled_from(("seller", "buyer")),
)  # fmt: skip
entries = st.builds(
    lambda name, quality, country, lei, wallet: (name, quality, country, lei, wallet),
    st.sampled_from(NAMES), st.sampled_from(("strong", "weak")), st.sampled_from(COUNTRIES),
    st.sampled_from(("", *LEIS)), st.sampled_from(("", *WALLETS)),
)  # fmt: skip


def entity(place: int, said: tuple[str, str, str, str, str]) -> Entity:
    name, quality, country, lei, wallet = said
    return Entity(
        id=f"E-{place}", source="L", schema="organization",
        names=(ListedName(name, "primary", "strong" if quality == "strong" else "weak"),),
        identifiers=(Identifier("lei", lei),) if lei else (), countries=(country,) if country else (),
        wallets=(Wallet(wallet, "evm", "USDC"),) if wallet else (),
    )  # fmt: skip


def decided(entities: list[Entity], screened: list[Subject], cleared: dict[str, tuple[str, ...]]) -> Decision:
    """The decision on one payment, screened against one list of these entries."""
    version = ListVersion("L", "1", "00", NOW, NOW, NOW, len(entities), 0)
    index = Index((LoadedList(version, tuple(entities)),))
    parties = tuple(
        PartyFacts(role, "p", "admitted", country, True) for role, country in (("seller", "VN"), ("buyer", "DE"))
    )
    facts = PaymentFacts(
        act=Act.RELEASE, at=NOW, chain_id=31337, parties=parties, asset_id="a", asset_symbol="USDC",
        asset_kind="stablecoin", amount_minor=1, used_minor=0,
        hits=tuple(_facts(subject, hit) for subject in screened for hit in screen(subject, index)),
        lists=(ListFacts("INVENTED", "1", "00", NOW),), stops=(), invoice_conflict="", hs_codes=(), places=(),
    )  # fmt: skip
    reasons = evaluate(HARBOUR_1, facts, RULES, cleared)
    return Decision("s" * 32, Act.RELEASE, NOW, HARBOUR_1.id, (), (), reasons, "00")


@settings(max_examples=150)
@given(st.lists(entries, max_size=4), entries, st.lists(subjects, min_size=1, max_size=3), st.booleans())
def test_an_added_entry_never_makes_a_decision_milder(
    listed: list[tuple[str, str, str, str, str]],
    added: tuple[str, str, str, str, str],
    screened: list[Subject],
    was_reviewed: bool,
) -> None:
    before = [entity(place, said) for place, said in enumerate(listed)]
    first = decided(before, screened, {})
    cleared = dict.fromkeys(first.open_hits(), ("anna", "ben")) if was_reviewed else {}
    old = decided(before, screened, cleared)
    new = decided([*before, entity(len(before), added)], screened, cleared)
    assert new.verdict >= old.verdict
    assert {reason.hit for reason in old.reasons} <= {reason.hit for reason in new.reasons}
    order = ("clear", "review", "reject", "block")
    assert order.index(new.outcome(holds_money=True)) >= order.index(old.outcome(holds_money=True))


def test_a_hit_that_two_cleared_does_not_clear_a_new_entry_of_the_same_name() -> None:
    subject = Subject(kind="organization", name="Meridian Trading Ltd", country="SG", role="buyer")
    one = entity(0, ("Meridian Trading FZE", "strong", "AE", "", ""))
    cleared = dict.fromkeys(decided([one], [subject], {}).open_hits(), ("anna", "ben"))
    assert cleared and decided([one], [subject], cleared).outcome(holds_money=True) == "clear"
    two = entity(1, ("Meridian Trading FZE", "strong", "AE", "", ""))
    assert decided([one, two], [subject], cleared).outcome(holds_money=True) == "review"
