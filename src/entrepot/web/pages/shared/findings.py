"""What the rules of an examination say, in the reader's language: their English is evidence and stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ...language import Language, Shown, marked

DOCUMENTS = {
    "invoice": marked("the invoice"),
    "packing_list": marked("the packing list"),
    "transport_document": marked("the transport document"),
}
# How documents/examination_rules.py words a finding, and the same as a sentence that is translated.
_FORMS = tuple(
    (re.compile(form), says)
    for form, says in (
        (r"not presented", marked("not presented")),
        (r"(?P<document>invoice|packing_list|transport_document) is required", marked("{document} is required")),
        (r"presented (?P<count>\d+) times", marked("presented {count} times")),
        (r"each document once", marked("each document once")),
        (r"presented (?P<moment>[\d-]+ [\d:]+ UTC)", marked("presented {moment}")),
        (r"by (?P<moment>[\d-]+ [\d:]+ UTC)", marked("by {moment}")),
        (r"on board (?P<day>[\d-]+), presented (?P<other>[\d-]+)", marked("on board {day}, presented {other}")),
        (r"within (?P<days>\d+) days after shipment", marked("within {days} days after shipment")),
        (r"on board (?P<day>[\d-]+)", marked("on board {day}")),
        (r"not later than (?P<day>[\d-]+)", marked("not later than {day}")),
        (r"shipped before presentation", marked("shipped before presentation")),
        (r"at most (?P<amount>.+)", marked("at most {amount}")),
        (r"line (?P<number>[^:]+): (?P<goods>.+)", marked("line {number}: {goods}")),
        (r"(?P<goods>.+) within (?P<percent>\d+%)", marked("{goods}, within {percent}")),
        (r"the invoice is (?P<number>.+)", marked("the invoice is {number}")),
        (r"consignee and notify: (?P<names>.+)", marked("consignee and notify: {names}")),
        (r"the packing list says (?P<number>.+)", marked("the packing list says {number}")),
        (
            r"(?P<goods>.+): net (?P<net>\S+) kg, gross (?P<gross>\S+) kg",
            marked("{goods}: net {net} kg, gross {gross} kg"),
        ),
        (r"net is not above gross", marked("net is not above gross")),
        (r"does not name (?P<goods>.+)", marked("does not name {goods}")),
        (r"names (?P<goods>.+)", marked("names {goods}")),
        (r"the invoice names it", marked("the invoice names it")),
        (r"the invoice does not name it", marked("the invoice does not name it")),
        (r"the invoice says (?P<quantity>.+)", marked("the invoice says {quantity}")),
        (r"not stated", marked("not stated")),
        (r"(?P<article>.+) \(verified\)", marked("{article} (verified)")),
        (r"(?P<article>.+) \(secondary source\)", marked("{article} (secondary source)")),
        (r"(?P<article>.+) \(unverified\)", marked("{article} (unverified)")),
    )
)
TOLD = ("says", "terms_say", "cites")


def told(entry: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A discrepancy with its words in this language; what the examiner wrote stays as written."""
    if entry.get("code") == "examiner":
        return dict(entry) | {"says": Markup('<span dir="auto">{}</span>').format(entry.get("says", ""))}
    return dict(entry) | {name: said(str(entry[name]), language) for name in TOLD if entry.get(name)}


def said(text: str, language: Language) -> Shown:
    """One fact as a finding words it; what no form fits, such as a name or a number, as it stands."""
    for form, sentence in _FORMS:
        if found := form.fullmatch(text):
            values = found.groupdict()
            if "document" in values:
                values["document"] = str(language.say(DOCUMENTS[values["document"]]))
            return language.say(sentence, **values)
    return Markup('<span lang="en" dir="auto">{}</span>').format(text)
