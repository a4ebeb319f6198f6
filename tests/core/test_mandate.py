"""Who may do what for a company: small tables that a treasurer could check."""

from __future__ import annotations

from typing import Any

import pytest

from entrepot.core.asset import AssetRegistry
from entrepot.core.errors import CODES, Invalid
from entrepot.core.mandate import (
    ACTS,
    LIMIT_MAX,
    Mandate,
    Mode,
    Outcome,
    is_governed,
    mandates_of,
    read_mandates,
    ruling_of,
    uncovered,
)
from entrepot.core.money import Money

NOW = 1_800_000_000
USD, EUR = AssetRegistry().get("USD"), AssetRegistry().get("EUR")
MEMBERS = ("hana", "omar", "lena", "tom")

ALONE = Mandate("small payments", ("fund", "sign"), ("hana",), limits={"USD": 1000})
JOINT = Mandate("large payments", ("fund",), ("hana", "omar", "lena"), Mode.JOINT, 2, limits={"USD": 5000})
THREE = Mandate("very large payments", ("fund",), ("hana", "omar", "lena"), Mode.JOINT, 3, limits={"USD": 9000})
CHECKED = Mandate("documents", ("present",), ("omar",), Mode.MAKER_CHECKER, checkers=("lena", "omar"))
ENDED = Mandate("last year", ("waive",), ("hana",), valid_until=NOW)
COMING = Mandate("next year", ("dispute",), ("hana",), valid_from=NOW + 1)
BOTH_PAST_AND_COMING = Mandate("next year too", ("waive",), ("omar",), valid_from=NOW + 1)
PAST = Mandate("until now", ("waive",), ("omar",), valid_until=NOW)
NO_MORE = Mandate("checked by one who left off", ("withdraw",), ("tom",), Mode.MAKER_CHECKER, checkers=("lena",))
COMPANY = (ALONE, JOINT, THREE, CHECKED, ENDED, COMING, BOTH_PAST_AND_COMING, PAST, NO_MORE)

TABLE = """
    act       amount     persons            outcome   code or who may
    fund      1000 USD   hana               done
    fund      1001 USD   hana               waits     omar lena
    fund      1001 USD   hana omar          done
    fund      1001 USD   hana hana          refused   same_person
    fund      1001 USD   hana tom           refused   no_power
    fund      5001 USD   hana omar          waits     lena
    fund      5001 USD   hana omar lena     done
    fund      5001 USD   hana omar omar     refused   same_person
    fund      9001 USD   hana               refused   limit_exceeded
    fund      1 EUR      hana               refused   limit_exceeded
    fund      1 USD      tom                refused   no_power
    fund      -          hana               done
    sign      1001 USD   hana               refused   limit_exceeded
    sign      10 USD     omar               refused   no_power
    present   99999 USD  omar               waits     lena
    present   99999 USD  omar lena          done
    present   99999 USD  omar hana          refused   no_power
    present   99999 USD  lena               refused   no_power
    waive     1 USD      hana               refused   power_expired
    waive     1 USD      omar               refused   power_not_yet
    dispute   1 USD      hana               refused   power_not_yet
    withdraw  -          tom                waits     lena
    withdraw  -          tom lena           done
    propose   1 USD      hana               refused   no_power
"""


def rows() -> list[list[str]]:
    """The table's cells, split where two blanks or more stand."""
    lines = [line.strip() for line in TABLE.strip().splitlines()[1:]]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


@pytest.mark.parametrize("row", rows(), ids=" ".join)
def test_the_company_of_the_table(row: list[str]) -> None:
    act, said_amount, persons, outcome, *told = row
    amount = None
    if said_amount != "-":
        minor, asset = said_amount.split()
        amount = Money(int(minor), {"USD": USD, "EUR": EUR}[asset])
    ruling = ruling_of(COMPANY, act, amount, now=NOW, persons=persons.split())
    assert ruling.outcome == outcome
    expected = told[0] if told else ""
    assert (ruling.code or " ".join(ruling.may)) == expected
    assert bool(ruling.message) == (ruling.outcome is Outcome.REFUSED)
    assert not ruling.code or CODES.get(ruling.code, None) is not None or ruling.code == "same_person"


def test_a_company_without_mandates_acts_by_each_treasurer_alone() -> None:
    for act in ACTS:
        assert ruling_of((), act, Money(1, USD), now=NOW, persons=["tom"]).outcome is Outcome.DONE
    assert ruling_of((), "fund", None, now=NOW, persons=["tom", "tom"]).code == "same_person"


def test_a_power_counts_to_the_last_second_before_its_end() -> None:
    (one,) = (Mandate("a day", ("fund",), ("hana",), valid_from=NOW, valid_until=NOW + 10),)
    at = {when: ruling_of([one], "fund", None, now=when, persons=["hana"]).code for when in (NOW - 1, NOW, NOW + 9)}
    assert at == {NOW - 1: "power_not_yet", NOW: "", NOW + 9: ""}
    assert ruling_of([one], "fund", None, now=NOW + 10, persons=["hana"]).code == "power_expired"


def test_an_ended_second_power_confirms_nothing() -> None:
    before = Mandate("two", ("fund",), ("hana", "omar"), Mode.JOINT, 2, valid_until=NOW)
    after = Mandate("two others", ("fund",), ("hana", "lena"), Mode.JOINT, 2)
    assert ruling_of([before, after], "fund", None, now=NOW, persons=["hana", "omar"]).code == "power_expired"
    assert ruling_of([before, after], "fund", None, now=NOW - 1, persons=["hana", "omar"]).outcome is Outcome.DONE
    assert ruling_of([before, after], "fund", None, now=NOW, persons=["hana"]).may == ("lena",)


def test_persons_of_two_powers_are_not_enough_together() -> None:
    powers = [
        Mandate("of three", ("fund",), ("hana", "omar", "lena"), Mode.JOINT, 3),
        Mandate("checked", ("fund",), ("omar",), Mode.MAKER_CHECKER, checkers=("tom",)),
    ]
    assert ruling_of(powers, "fund", None, now=NOW, persons=["hana", "tom"]).outcome is Outcome.REFUSED
    assert ruling_of(powers, "fund", None, now=NOW, persons=["omar", "tom"]).outcome is Outcome.DONE
    assert ruling_of(powers, "fund", None, now=NOW, persons=["omar", "hana"]).may == ("lena", "tom")


def test_where_nobody_is_left_the_act_is_refused_and_does_not_wait_for_ever() -> None:
    unreadable = Mandate("too few", ("fund",), ("hana", "omar"), Mode.JOINT, 3)
    ruling = ruling_of([unreadable], "fund", None, now=NOW, persons=["hana", "omar"])
    assert (ruling.outcome, ruling.code) == (Outcome.REFUSED, "no_second_person")


def test_what_is_governed_and_what_nobody_may_do() -> None:
    assert is_governed(COMPANY, "fund", NOW) and not is_governed(COMPANY, "waive", NOW)
    assert is_governed(COMPANY, "waive", NOW - 1)
    assert uncovered(COMPANY, NOW) == ("propose", "waive", "dispute", "change_mandates", "change_payee")
    assert uncovered((), NOW) == ACTS


def asked(**changes: Any) -> list[dict[str, Any]]:
    """One mandate as a company asks for it."""
    return [{"name": "payments", "acts": ["fund"], "persons": ["hana", "omar"], **changes}]


def test_mandates_are_kept_as_they_were_asked_for() -> None:
    whole = asked(mode="joint", required=2, limits={"USD": str(LIMIT_MAX)}, valid_from=5, valid_until=9)
    read = read_mandates(whole, members=MEMBERS)
    assert read == (Mandate("payments", ("fund",), ("hana", "omar"), Mode.JOINT, 2, (), {"USD": LIMIT_MAX}, 5, 9),)
    assert mandates_of([one.to_json() for one in read]) == read
    checked = read_mandates(asked(mode="maker_checker", checkers=["lena"]), members=MEMBERS)
    assert mandates_of([one.to_json() for one in checked]) == checked
    assert read_mandates(asked(), members=MEMBERS)[0].mode is Mode.ALONE


BROKEN: dict[str, Any] = {
    "no list": {},
    "nothing": [],
    "too many": asked() * 51,
    "no object": ["fund"],
    "an unknown member": asked(colour="red"),
    "no name": asked(name=" "),
    "a long name": asked(name="x" * 101),
    "a name that is no text": asked(name=3),
    "another mode": asked(mode="loudly"),
    "no acts": asked(acts=[]),
    "an unknown act": asked(acts=["freeze"]),
    "acts that are no list": asked(acts="fund"),
    "the same act twice": asked(acts=["fund", "fund"]),
    "nobody": asked(persons=[]),
    "the same person twice": asked(persons=["hana", "hana"]),
    "persons that are no texts": asked(persons=[1]),
    "somebody of another company": asked(persons=["mallory"]),
    "a checker of another company": asked(mode="maker_checker", checkers=["mallory"]),
    "a maker who checks alone": asked(mode="maker_checker", persons=["hana"], checkers=["hana"]),
    "no checker": asked(mode="maker_checker"),
    "jointly by one": asked(mode="joint", required=1),
    "jointly by more than there are": asked(mode="joint", required=3),
    "a true number": asked(mode="joint", required=True),
    "a broken number": asked(mode="joint", required=2.5),
    "an end before the beginning": asked(valid_from=9, valid_until=9),
    "a time before all times": asked(valid_from=-1),
    "limits that are no object": asked(limits=[]),
    "too many limits": asked(limits={str(place): "1" for place in range(51)}),
    "a limit that is no text": asked(limits={"USD": 1}),
    "a limit with a sign": asked(limits={"USD": "-1"}),
    "a limit in other digits": asked(limits={"USD": "\u0663"}),
    "a limit beyond all money": asked(limits={"USD": str(LIMIT_MAX + 1)}),
    "a limit of a thousand digits": asked(limits={"USD": "9" * 1000}),
    "mandates changed by one": asked(acts=["change_mandates"]),
    "the payee changed by one": asked(acts=["fund", "change_payee"]),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_mandates_that_nobody_could_mean_are_malformed(value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_mandates(value, members=MEMBERS)
    assert refused.value.code == "malformed" and refused.value.path.startswith("mandates")


def test_changes_by_two_are_taken() -> None:
    for two in ({"mode": "joint", "required": 2}, {"mode": "maker_checker", "checkers": ["lena"]}):
        assert read_mandates(asked(acts=["change_mandates", "change_payee"], **two), members=MEMBERS)
