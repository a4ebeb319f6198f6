"""A party and a listed one, side by side: which facts agree, which conflict, and the question they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from ...language import Language, Shown, marked

FULL_BPS = 10_000
CERTAIN_BPS = 9_500
ROLES: dict[str, str] = {
    "seller": marked("the seller"),
    "buyer": marked("the buyer"),
    "seller_bank": marked("the seller's bank"),
    "buyer_bank": marked("the buyer's bank"),
    "vessel": marked("the ship"),
    "carrier": marked("the carrier"),
    "shipper": marked("the shipper"),
    "consignee": marked("the consignee"),
    "notify": marked("the party to be notified"),
    "invoice_seller": marked("the seller on the invoice"),
    "invoice_buyer": marked("the buyer on the invoice"),
    "origin": marked("where the money came from"),
    "screened": marked("the name you tried"),
}
KINDS: dict[str, str] = {
    "person": marked("person"),
    "organization": marked("company or body"),
    "vessel": marked("ship or aircraft"),
    "wallet": marked("wallet"),
}
IDENTIFIERS: dict[str, str] = {
    "lei": marked("LEI"),
    "registration": marked("Registration"),
    "tax_id": marked("Tax id"),
    "imo": marked("IMO number"),
    "mmsi": marked("MMSI"),
    "bic": marked("BIC"),
    "passport": marked("Passport"),
    "national_id": marked("National id"),
}
NUMBERS: tuple[str, ...] = (
    marked("no"),
    marked("one"),
    marked("two"),
    marked("three"),
    marked("four"),
    marked("five"),
    marked("six"),
    marked("seven"),
)
AGREES, DIFFERS, SILENT = "agrees", "differs", "silent"


def score(bps: int, language: Language) -> str:
    """A score from 0 to 1 with two places; none where a rule spoke and not a list."""
    return language.number(Decimal(bps) / FULL_BPS, 2) if bps else ""


def hits(found: Mapping[str, Any], language: Language) -> list[dict[str, Any]]:
    """The hits of a case, the strongest first, each ready to be shown."""
    listed = [one for one in found["reasons"] if one["about"] == "listed" and one.get("compared")]
    listed.sort(key=lambda one: -one["score_bps"])
    return [side_by_side(one["compared"], language, reason=one, place=place) for place, one in enumerate(listed)]


def side_by_side(
    compared: Mapping[str, Any], language: Language, *, reason: Mapping[str, Any] | None = None, place: int = 0
) -> dict[str, Any]:
    """Both sides of one hit as a page shows them."""
    subject, entry = compared["subject"], compared["entry"]
    speaks_for = sum(float(one["figure"]) > 0 for one in compared["features"])
    against = sum(float(one["figure"]) < 0 for one in compared["features"])
    mine = subject["name"] or subject["wallet"] or ", ".join(value for _, value in subject["identifiers"])
    listed = compared["listed_name"] or _first_name(entry)
    return {
        "place": place,
        "question": _question(mine, listed, subject["role"], speaks_for, against, language),
        "mine": mine,
        "listed": listed,
        "role": language.say(ROLES.get(subject["role"], subject["role"])),
        "mine_marked": _marked(compared["marks"]["subject"]) or mine,
        "listed_marked": _marked(compared["marks"]["listed"]) or listed,
        "entry": entry,
        "aliases": [[text, quality] for text, _, quality in entry["names"] if text != listed],
        "list": compared["list"],
        "rows": _rows(subject, entry, language),
        "parts": _parts(compared, language),
        "score": score(compared["score_bps"], language),
        "score_bps": compared["score_bps"],
        "threshold": score(compared["threshold_bps"], language),
        "threshold_bps": compared["threshold_bps"],
        "certain": score(CERTAIN_BPS, language),
        "certain_bps": CERTAIN_BPS,
        "reason": reason or {},
        "earlier": (reason or {}).get("earlier", []),
    }


def _parts(compared: Mapping[str, Any], language: Language) -> list[dict[str, str]]:
    """What the score is made of: where a hit begins, then what each fact adds or takes; they add up to the score."""
    score, facts = int(compared["score_bps"]), compared["features"]
    adds = [int(one.get("adds_bps", 0)) for one in facts]
    return [
        _part(str(language.say("Where a hit begins")), score - sum(adds), language),
        *(_part(one["says"], bps, language, is_added=True) for one, bps in zip(facts, adds, strict=True)),
        _part(str(language.say("Score")), score, language),
    ]


def _part(says: str, bps: int, language: Language, *, is_added: bool = False) -> dict[str, str]:
    points = language.number(Decimal(bps) / FULL_BPS, 4).replace("-", "−")
    signed = f"+{points}" if is_added and bps > 0 else points
    return {"says": says, "lang": "en" if is_added else language.code, "points": signed}


def _question(mine: str, listed: str, role: str, speaks_for: int, against: int, language: Language) -> Shown:
    if role == "screened":
        asked = language.tell("Is {mine} the listed {listed}?", mine=mine, listed=listed)
    else:
        asked = language.tell(
            "Is {mine}, {role}, the listed {listed}?",
            mine=mine,
            role=Markup("{}").format(language.say(ROLES.get(role, role))),
            listed=listed,
        )
    return Markup("{} {}").format(asked, _weighed(speaks_for, against, language))


def _weighed(speaks_for: int, against: int, language: Language) -> Shown:
    values = {
        "number": _number(speaks_for, language).capitalize(),
        "against": _number(against, language) if against else language.say("none"),
    }
    if speaks_for == 1:
        return language.say("One fact says yes, {against} no.", **values)
    return language.say("{number} facts say yes, {against} no.", **values)


def _number(number: int, language: Language) -> str:
    return str(language.say(NUMBERS[number])) if number < len(NUMBERS) else language.number(number)


def _first_name(entry: Mapping[str, Any]) -> str:
    return str(entry["names"][0][0]) if entry["names"] else str(entry["id"])


def _marked(segments: Iterable[tuple[str, bool]]) -> Shown:
    return Markup("").join(
        Markup("<mark>{}</mark>" if is_paired else "{}").format(text) for text, is_paired in segments
    )


def _rows(subject: Mapping[str, Any], entry: Mapping[str, Any], language: Language) -> list[dict[str, str]]:
    """The facts in which they agree or conflict; where one side is silent nothing is concluded."""
    rows = [_row(marked("Kind"), _kind(subject["kind"], language), _kind(entry["schema"], language), language)]
    rows.append(
        _row(
            marked("Country"),
            _country(subject["country"], language),
            ", ".join(_country(code, language) for code in entry["countries"]),
            language,
            is_same=subject["country"] in entry["countries"],
        )
    )
    mine = dict(subject["identifiers"])
    theirs: dict[str, list[str]] = {}
    for kind, value, _ in entry["identifiers"]:
        theirs.setdefault(kind, []).append(value)
    for kind in dict.fromkeys([*mine, *theirs]):
        listed = theirs.get(kind, [])
        is_same = _plain(mine.get(kind, "")) in {_plain(value) for value in listed}
        rows.append(_row(IDENTIFIERS.get(kind, kind), mine.get(kind, ""), ", ".join(listed), language, is_same=is_same))
    born = ", ".join(entry["birth_dates"])
    if born or subject["birth_date"]:
        rows.append(_row(marked("Born"), subject["birth_date"], born, language))
    wallets = [address for address, _, _ in entry["wallets"]]
    if wallets or subject["wallet"]:
        is_same = subject["wallet"].lower() in {address.lower() for address in wallets}
        rows.append(_row(marked("Wallet"), subject["wallet"], ", ".join(wallets), language, is_same=is_same))
    return rows


def _row(name: str, mine: str, listed: str, language: Language, *, is_same: bool | None = None) -> dict[str, str]:
    is_same = mine == listed if is_same is None else is_same
    state = SILENT if not mine or not listed else AGREES if is_same else DIFFERS
    return {"name": str(language.say(name)), "mine": mine, "listed": listed, "state": state}


def _kind(kind: str, language: Language) -> str:
    return str(language.say(KINDS.get(kind, kind)))


def _country(code: str, language: Language) -> str:
    return f"{language.locale.territories.get(code, code)} ({code})" if code else ""


def _plain(text: str) -> str:
    return "".join(char for char in text.upper() if char.isalnum())
