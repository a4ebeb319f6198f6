"""Who is found, who is not, and why; the order of hits; and that more entries never hide one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NOW, entity, loaded

from entrepot.core.errors import Invalid
from entrepot.core.party import NAME_CHARS_MAX as PARTY_CHARS_MAX
from entrepot.documents.stated import SCREENED_CHARS_MAX
from entrepot.screening.entity import (
    BIRTH_DATE_CHARS_MAX,
    IDENTIFIER_CHARS_MAX,
    IDENTIFIER_KIND_CHARS_MAX,
    IDENTIFIERS_MAX,
    NAME_CHARS_MAX,
    WALLET_CHARS_MAX,
    Entity,
    Identifier,
    ListedName,
    Schema,
    Subject,
    Wallet,
)
from entrepot.screening.lists import invented
from entrepot.screening.matching import CERTAIN_SCORE, REVIEW_SCORE, Hit, Index, compare_names, screen

EVM = "0x" + "ab" * 20
LISTED_WALLET = "0xE17E907000000000000000000000000000000001"


@pytest.fixture(scope="module")
def index() -> Index:
    return Index([invented(now=NOW)])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "x" * (NAME_CHARS_MAX + 1)}, "name"),
        ({"name": "Meridian Trading FZE \ud800"}, "name"),  # what a command line makes of a byte that is no UTF-8
        ({"kind": "ghost"}, "kind"),
        ({"country": "Cyprus"}, "country"),
        ({"birth_date": "1" * (BIRTH_DATE_CHARS_MAX + 1)}, "birth_date"),
        ({"wallet": "0x" + "a" * WALLET_CHARS_MAX}, "wallet"),
        ({"identifiers": (("lei", "0" * (IDENTIFIER_CHARS_MAX + 1)),)}, "identifiers.lei"),
        ({"identifiers": (("l" * (IDENTIFIER_KIND_CHARS_MAX + 1), "123"),)}, "identifiers"),
        ({"identifiers": (("lei", "123"),) * (IDENTIFIERS_MAX + 1)}, "identifiers"),
    ],
)
def test_what_is_too_long_is_refused_with_its_path_and_never_clear(
    index: Index, changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        screen(replace(Subject("organization", "Meridian Trading FZE"), **changes), index)
    assert (refused.value.code, refused.value.path) == ("malformed", path)


def test_the_longest_of_everything_is_screened_to_its_end(index: Index) -> None:
    name = "Meridian Trading FZE"
    longest = Subject(
        kind="organization",
        name=name.rjust(NAME_CHARS_MAX, "."),
        country="AE",
        identifiers=(("registration", "FZE-990017".rjust(IDENTIFIER_CHARS_MAX)),)
        + tuple((f"{number}".rjust(IDENTIFIER_KIND_CHARS_MAX), "") for number in range(1, IDENTIFIERS_MAX)),
        wallet=LISTED_WALLET.rjust(WALLET_CHARS_MAX),
    )
    found = {hit.entity: hit.basis for hit in screen(longest, index)}
    assert found == {"INV-0002": "identifier", "INV-0001": "wallet"}
    assert any(hit.has_name_hit for hit in screen(longest, index))


def test_documents_let_no_name_in_that_is_too_long_to_be_screened() -> None:
    assert NAME_CHARS_MAX >= SCREENED_CHARS_MAX and min(NAME_CHARS_MAX, IDENTIFIER_CHARS_MAX) >= PARTY_CHARS_MAX


def hits(subject: Subject, *entities: Entity) -> tuple[Hit, ...]:
    return screen(subject, Index([loaded(*entities)]))


# kind          screened                             listed                                  found
NAMES = """
organization | Shiping Zvezda Severnaja            | Северная Звезда Шиппинг ООО           | yes
organization | Severnaya Zvezda Shipping Co., Ltd. | Северная Звезда Шиппинг ООО           | yes
organization | Severny Veter Shipping Co., Ltd.    | Северная Звезда Шиппинг ООО           | no
organization | Meridian Trading Ltd                | Meridian Trading FZE                  | yes
organization | Meridien Tradng                     | Meridian Trading FZE                  | yes
organization | Median Coffee Ltd                   | Meridian Trading FZE                  | no
organization | Zvezda                              | Severnaya Zvezda Shipping             | no
organization | Hizballah                           | HEZBOLLAH                             | yes
organization | SBER BANK                           | Sberbank PJSC                         | yes
organization | Deutsche Bank AG                    | Sberbank PJSC                         | no
organization | CORP                                | CORP                                  | no
organization | Corporation Ltd                     | Example Corporation Ltd               | no
organization | Trading Company LLC                 | Meridian Trading Company LLC          | no
organization | Bank                                | Bank Mellat                           | no
organization | Islamic State                       | ISLAMIC STATE                         | yes
organization | United Shipbuilding Corp            | JSC UNITED SHIPBUILDING CORPORATION   | yes
organization | United Trading Corp                 | JSC UNITED SHIPBUILDING CORPORATION   | no
organization | Bolshoi Primer Coffee Import Export Hamburg Roasters | Bolshoi Primer       | yes
organization | Bolshoi Coffee Import Export Hamburg Roasters        | Bolshoi Primer       | no
organization | Brigade Example 5                   | Brigade Example 77 Volunteers         | no
person       | Vladimir Primerov                   | Владимир Примеров                     | yes
person       | PRIMEROV, Vladimir                  | Vladimir Sergeyevich Primerov         | yes
person       | Vladimir Petrov                     | Владимир Примеров                     | no
person       | Khalid Mahmud                       | خالد محمود                            | yes
person       | Karim Hassan                        | خالد محمود                            | no
person       | Abdulrahman Misali                  | Abd al-Rahman al-Misali               | yes
person       | Mohammed al Misali                  | Muhammad Misali                       | yes
person       | Jinping Li                          | 李金平                                 | yes
person       | Wang Wei                            | 王伟                                   | yes
person       | Taro Yamada                         | 山田太郎                               | yes
person       | Hanako Tanaka                       | 山田太郎                               | no
person       | Lee Min Ho                          | 이민호                                 | yes
person       | J. M. Walker                        | John Martin Walker                    | yes
person       | J. M. Wagner                        | John Martin Walker                    | no
person       | John Walker                         | John Martin Walker                    | yes
person       | Maria Schmidt                       | John Martin Walker                    | no
vessel       | M/V Ocean Lantern                   | OCEAN LANTERN                         | yes
vessel       | Ocean Star                          | OCEAN LANTERN                         | no
vessel       | Severnaya Zvezda 7                  | СЕВЕРНАЯ ЗВЕЗДА 7                     | yes
"""


def rows() -> Iterator[tuple[Schema, str, str, bool]]:
    for line in NAMES.strip().splitlines():
        kind, mine, listed, found = (cell.strip() for cell in line.split("|"))
        yield kind, mine, listed, found == "yes"  # type: ignore[misc]


@pytest.mark.parametrize(("kind", "mine", "listed", "found"), list(rows()))
def test_names_across_scripts_order_and_spelling(kind: Schema, mine: str, listed: str, found: bool) -> None:
    result = hits(Subject(kind, mine), entity("1", listed, schema=kind))
    assert bool(result) is found, compare_names(kind, mine, listed)
    assert all(REVIEW_SCORE <= hit.score < CERTAIN_SCORE and hit.strength == "name" for hit in result)


def test_a_hit_explains_itself(index: Index) -> None:
    [hit] = screen(Subject("organization", "Shiping Zvezda Severnaja", "DE", role="buyer"), index)
    assert (hit.subject, hit.source, hit.entity, hit.list_version) == (
        "buyer",
        "INVENTED",
        "INV-0001",
        "2026-01-01T00:00:00Z",
    )
    assert hit.has_name_hit and hit.basis == "name"
    assert "name similarity" in hit.explanation and "severnaja ~ severnaya" in hit.explanation
    assert "country differs: subject DE, listed CY, RU" in hit.explanation


def test_the_demo_cast_meets_the_invented_list_as_the_stories_tell(index: Index) -> None:
    lei = "00EXAMPLELISTED00080"
    listed = Subject("organization", "Shiping Zvezda Severnaja", "CY", (("lei", lei), ("registration", "HE 999001")))
    [hit] = screen(listed, index)
    assert hit.basis == "identifier" and hit.has_name_hit and hit.score > CERTAIN_SCORE
    [namesake] = screen(Subject("organization", "Meridian Trading Ltd", "SG", (("registration", "202699999K"),)), index)
    assert namesake.basis == "name" and namesake.entity == "INV-0002"
    for name, country in (
        ("Ban Mai Coffee Export JSC", "VN"),
        ("Nordkontor Rösterei GmbH", "DE"),
        ("Example Ocean Line", ""),
    ):
        assert screen(Subject("organization", name, country), index) == ()
    assert screen(Subject("vessel", "MV Example Star", identifiers=(("imo", "9999993"),)), index) == ()


def test_every_name_of_the_invented_list_is_found(index: Index) -> None:
    for listed in invented(now=NOW).entities:
        for name in listed.names:
            found = screen(Subject(listed.schema, name.text), index)
            assert listed.id in [hit.entity for hit in found], name


@pytest.mark.parametrize(
    ("mine", "listed", "found"),
    [
        (LISTED_WALLET, LISTED_WALLET.lower(), True),
        (f"eip155:1:{LISTED_WALLET}", LISTED_WALLET.lower(), True),
        (LISTED_WALLET[:-1] + "2", LISTED_WALLET.lower(), False),
        ("1EntrepotExamp1eXXXXXXXXXXXXXXXXX7", "1EntrepotExamp1eXXXXXXXXXXXXXXXXX7", True),
        ("1entrepotExamp1eXXXXXXXXXXXXXXXXX7", "1EntrepotExamp1eXXXXXXXXXXXXXXXXX7", False),
        ("BC1QEXAMP0EXAMP0EXAMP0EXAMP0", "bc1qexamp0examp0examp0examp0", True),
    ],
)
def test_wallets_are_found_exactly_and_only_where_case_means_nothing(mine: str, listed: str, found: bool) -> None:
    entry = Entity(id="1", source="TEST", schema="wallet", wallets=(Wallet(listed, "any"),))
    result = hits(Subject("organization", "Somebody Else Entirely", wallet=mine), entry)
    assert [hit.basis for hit in result] == (["wallet"] if found else [])
    assert all(hit.strength == "identifier" and not hit.has_name_hit for hit in result)


@pytest.mark.parametrize(
    ("kind", "value", "country", "listed", "basis"),
    [
        ("lei", "00exampleofac0000017", "DE", Identifier("lei", "00EXAMPLEOFAC0000017"), "identifier"),
        ("lei", "00EXAMPLEOFAC0000018", "DE", Identifier("lei", "00EXAMPLEOFAC0000017"), None),
        ("bic", "XMPLRUMM001", "", Identifier("bic", "XMPLRUMM"), "identifier"),
        ("bic", "XMPLRU2P", "", Identifier("bic", "XMPLRUMM"), None),
        ("imo", "IMO 9999967", "", Identifier("imo", "9999967"), "identifier"),
        ("registration", "7700 000 017", "", Identifier("tax_id", "7700000017", "RU"), "identifier"),
        ("vat", "RU7700000017", "", Identifier("tax_id", "7700000017", "RU"), "identifier"),
        ("registration", "7700000017", "DE", Identifier("tax_id", "7700000017", "RU"), "name"),
        ("registration", "55501", "IR", Identifier("registration", "55501", "IR"), "identifier"),
        ("registration", "55501", "", Identifier("registration", "55501"), "name"),
        ("passport", "Z1234567", "", Identifier("national_id", "Z1234567"), None),
    ],
)
def test_identifiers(kind: str, value: str, country: str, listed: Identifier, basis: str | None) -> None:
    entry = entity("1", "Something Quite Different", identifiers=(listed,))
    result = hits(Subject("organization", "Coffee Roasters", country, ((kind, value),)), entry)
    assert [hit.basis for hit in result] == ([basis] if basis else [])
    assert not any(hit.has_name_hit for hit in result)


def test_less_likeness_is_a_name_hit_beside_an_equal_identifier() -> None:
    lei = Identifier("lei", "00EXAMPLEOFAC0000017")
    entry = entity("1", "Meridian Kontor Handel", identifiers=(lei,))
    assert hits(Subject("organization", "Meridian Handel Roasters"), entry) == ()
    [hit] = hits(Subject("organization", "Meridian Handel Roasters", identifiers=(("lei", lei.value),)), entry)
    assert hit.has_name_hit and hit.basis == "identifier"


def test_a_company_with_a_listed_persons_whole_name_is_found_and_with_half_of_it_is_not() -> None:
    person = entity("1", "Vladimir Primerov", schema="person")
    assert hits(Subject("organization", "Vladimir Primerov LLC"), person)
    assert hits(Subject("organization", "Primerov Coffee LLC"), person) == ()
    assert hits(Subject("vessel", "Vladimir Primerov"), person) == ()


def test_scores_tell_hits_apart_that_share_a_name() -> None:
    names = ("Karl Mustermann",)
    entities = (
        entity("same", *names, schema="person", countries=("EG",), birth_dates=("1948-05-03",)),
        entity("year", *names, schema="person", countries=("EG",), birth_dates=("1948",)),
        entity("country", *names, schema="person", countries=("EG",)),
        entity("nothing", *names, schema="person"),
        entity("other country", *names, schema="person", countries=("DE",)),
        entity("other birth", *names, schema="person", countries=("DE",), birth_dates=("1971",)),
        entity("spelling", "Carl Mustermann", schema="person", countries=("DE",), birth_dates=("1971",)),
    )
    found = hits(Subject("person", "Karl Mustermann", "EG", birth_date="1948-05-03"), *reversed(entities))
    assert [hit.entity for hit in found] == [entry.id for entry in entities]
    assert len({hit.score_bps for hit in found}) == len(found)


def test_a_weak_alias_counts_less() -> None:
    strong = Entity("strong", "TEST", "person", (ListedName("Karl Mustermann", "alias"),))
    weak = Entity("weak", "TEST", "person", (ListedName("Karl Mustermann", "alias", "weak"),))
    found = hits(Subject("person", "Karl Mustermann"), weak, strong)
    assert [hit.entity for hit in found] == ["strong", "weak"]


@pytest.mark.parametrize("subject", [Subject("ghost", "Somebody"), Subject("person", "x" * 301)])
def test_what_would_not_be_screened_whole_is_refused(subject: Subject) -> None:
    with pytest.raises(Invalid):
        hits(subject, entity("1", "Somebody"))
    assert hits(Subject("person", "x" * 300), entity("1", "Somebody")) == ()


def test_who_was_screened_before_changes_nothing() -> None:
    fresh, used = (Index([loaded(entity("1", "John Martin Walker", schema="person"))]) for _ in range(2))
    screen(Subject("organization", "J M Consulting"), used)
    initials = Subject("person", "J. M. Walker")
    assert screen(initials, used) == screen(initials, fresh) != ()


def test_nobody_is_found_by_nothing(index: Index) -> None:
    for name in ("", "  ", "---", "Ltd", "LLC GmbH", "of the"):
        assert screen(Subject("organization", name), index) == ()


WORDS = ["zvezda", "severnaya", "meridian", "trading", "bank", "ltd", "corp", "of", "al", "rahman", "abd", "alrahman",
         "7", "мария", "خالد", "khalid", "mohamed", "muhammad", "orion", "orien", "star", "kontor"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
KINDS: st.SearchStrategy[Schema] = st.sampled_from(("person", "organization", "vessel"))


@st.composite
def entities(draw: st.DrawFn) -> Entity:
    number = draw(st.sampled_from(["7700000017", "5550000001"]))
    return Entity(
        id=draw(st.text("abcdef", min_size=6, max_size=6)),
        source="TEST",
        schema=draw(KINDS),
        names=tuple(ListedName(text) for text in draw(st.lists(TEXTS, max_size=2))),
        identifiers=draw(st.sampled_from([(), (Identifier("registration", number, "DE"),)])),
        countries=draw(st.sampled_from([(), ("DE",)])),
        wallets=draw(st.sampled_from([(), (Wallet(EVM, "evm"),)])),
    )


SUBJECTS = st.builds(
    Subject,
    kind=KINDS,
    name=TEXTS,
    country=st.sampled_from(["", "DE", "CY"]),
    identifiers=st.sampled_from([(), (("registration", "7700000017"),)]),
    wallet=st.sampled_from(["", EVM]),
)


@settings(max_examples=150, deadline=None)
@given(SUBJECTS, st.lists(entities(), max_size=4, unique_by=lambda entry: entry.id), entities())
def test_one_more_entry_never_lowers_anybodys_result(subject: Subject, listed: list[Entity], more: Entity) -> None:
    before = {hit.entity: hit for hit in hits(subject, *listed)}
    after = {hit.entity: hit for hit in hits(subject, *(entry for entry in listed if entry.id != more.id), more)}
    assert all(after[name] == hit for name, hit in before.items() if name != more.id)


@settings(max_examples=150, deadline=None)
@given(SUBJECTS, st.lists(entities(), max_size=5, unique_by=lambda entry: entry.id))
def test_looking_up_finds_what_comparing_with_everybody_finds(subject: Subject, listed: list[Entity]) -> None:
    together = {hit.entity: hit for hit in hits(subject, *listed)}
    alone = {entry.id: hit for entry in listed for hit in hits(subject, entry)}
    assert together == alone
    for entry in listed:
        like = max((compare_names(subject.kind, subject.name, name.text).score for name in entry.names), default=0.0)
        if entry.schema == subject.kind and like >= REVIEW_SCORE:
            assert together[entry.id].has_name_hit


@settings(max_examples=100, deadline=None)
@given(SUBJECTS, st.lists(entities(), max_size=5, unique_by=lambda entry: entry.id))
def test_the_order_is_total_and_scores_stay_inside_their_bands(subject: Subject, listed: list[Entity]) -> None:
    found = hits(subject, *listed)
    assert found == hits(subject, *reversed(listed))
    assert list(found) == sorted(found, key=lambda hit: (-hit.score, hit.source, hit.entity))
    for hit in found:
        low, high = (REVIEW_SCORE, CERTAIN_SCORE) if hit.strength == "name" else (CERTAIN_SCORE, 1.0)
        assert low <= hit.score < high
