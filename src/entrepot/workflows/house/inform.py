"""Inform: ask a party for what is missing without saying why, take its answer, and tell an owner of a freeze.

A request is made from sentences that fit any cause. Operators send the same kind for ordinary reasons, its due day is
always of one class, and nothing of it enters the settlement's events: that it exists says nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.core.lifecycle import UNDER_ORDER
from entrepot.core.settlement import Settlement
from entrepot.store.records import Change, InboxItem, Paper

from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from ..step.change_kind import Kind
from ..trade.propose import own_settlement

DAY_S = 86_400
DUE_DAYS = 3  # one class for every request, whoever sends it and why; a review lasts longer, and hears the answer
FREE_TEXT_CHARS_MAX = 500
ANSWER_CHARS_MAX = 4_000
FILES_MAX, FILE_BYTES_MAX, FILE_NAME_CHARS_MAX = 5, 2_000_000, 100
REQUESTS_OPEN_MAX = 10
ANSWERS_MAX = 5
SPELT_OUT_MIN = 6  # letters of a stem that is found in words written apart, too
REQUEST, REQUEST_SENT, ANSWER, FILE, NOTICE = (
    "information_request",
    "information_request_sent",  # who sent it: for staff only
    "information_answer",
    "information_file",
    "freeze_notice",
)
TEMPLATES: dict[str, str] = {
    "origin": "Please provide the documents on the origin of the goods.",
    "owners": "Please provide the names, countries and shares of the beneficial owners of your company.",
    "contract": "Please provide the contract or order on which the invoice rests.",
    "purpose": "Please describe the purpose of the payment.",
    "transport": "Please provide the transport documents that you hold.",
    "registration": "Please provide a current extract from the commercial register.",
    "end_use": "Please describe what the goods are used for, and by whom.",
}
NOTICE_FIELDS = {"authority": 140, "legal_basis": 300, "reference": 100, "how_to_apply": 1_000, "contact": 300}
# Word stems, and whole words, that would tell why somebody asks. Ordinary papers may be named.
_STEMS: tuple[str, ...] = (
    "sanction", "suspic", "suspect", "embargo", "blacklist", "watchlist", "freez", "frozen", "block", "seiz",
    "confiscat", "launder", "terror", "investigat", "screening", "screened", "complian", "criminal", "fraud",
    "prohibit", "designat", "flagged", "restricted", "ofac", "ofsi",
)  # fmt: skip
_WORDS = ("list", "lists", "listed", "hit", "hits", "match", "matches", "matched", "alert", "case", "sar", "str",
          "fiu", "pep", "crime", "police", "authorities", "review", "reviewed", "officer", "officers")  # fmt: skip
_ORDINARY = ("packing list", "packing lists", "price list", "price lists")
_TOKEN = re.compile(r"[^\W_]+")

declare(
    "Invalid",
    wording_discloses="The text holds a word that would tell the party why it is asked; say it neutrally.",
    nothing_asked="A request names at least one thing to provide.",
)
declare(
    "Refused",
    too_many_requests="This party has as many open requests as one settlement may have.",
    answered_enough="This request was answered as often as it may be.",
    nothing_frozen="There is no freeze or block to give notice of.",
)


def forbidden_in(text: str) -> str:
    """The first word of `text` that would disclose a suspicion, "" if there is none: a floor, no proof."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    folded = "".join(char for char in folded if not unicodedata.combining(char) and unicodedata.category(char) != "Cf")
    for phrase in _ORDINARY:
        folded = folded.replace(phrase, " ")
    words: list[str] = _TOKEN.findall(folded)
    for word in words:
        if word in _WORDS or any(stem in word for stem in _STEMS):
            return word
    together = "".join(words)
    return next((stem for stem in _STEMS if len(stem) >= SPELT_OUT_MIN and stem in together), "")


def ask_party(batch: Batch, item: InboxItem) -> Json:
    """Asks one side for information: sentences from the templates, and a free text that is checked."""
    require_role(item, "officer", "operator")
    settlement = own_settlement(batch, item)
    items, text = _asked(item.body)
    participant = _side(settlement, item.body)
    known = [paper for paper in batch.tx.papers.of(settlement.id, kind=REQUEST) if paper.owner == participant]
    answers = {_body(paper)["request"] for paper in batch.tx.papers.of(settlement.id, kind=ANSWER)}
    if len([paper for paper in known if paper.id not in answers]) >= REQUESTS_OPEN_MAX:
        raise Refused("too_many_requests", f"At most {REQUESTS_OPEN_MAX} requests are open at a time.")
    body: Json = {"schema": "entrepot/information-request/1", "items": items, "text": text, "due_at": due_at(batch.now)}
    paper = _keep(batch, settlement, REQUEST, body, participant)
    sent: Json = {"schema": "entrepot/information-request-sent/1", "request": paper.id, "by": item.person}
    batch.keep_json(settlement, REQUEST_SENT, sent, visible_to=())
    return answered(201, {"request": paper.id, "due_at": body["due_at"]})


def _asked(body: Json) -> tuple[list[str], str]:
    """The sentences' names and the free text. Raises: Invalid(malformed, nothing_asked, wording_discloses)."""
    items = body.get("items", [])
    if not isinstance(items, list) or len(set(map(str, items))) != len(items) or not set(items) <= set(TEMPLATES):
        raise Invalid("malformed", f"items are of {', '.join(TEMPLATES)}, each once.", path="items")
    text = text_in(body, "text", chars_max=FREE_TEXT_CHARS_MAX) if body.get("text") else ""
    if not items and not text:
        raise Invalid("nothing_asked", "A request names at least one thing to provide.", path="items")
    if word := forbidden_in(text):
        raise Invalid("wording_discloses", f"“{word}” would tell the party why it is asked.", path="text")
    return items, text


def _side(settlement: Settlement, body: Json) -> str:
    """The participant that `to` names. Raises: Invalid(malformed)."""
    if body.get("to") not in ("seller", "buyer"):
        raise Invalid("malformed", "to is seller or buyer.", path="to")
    return settlement.seller if body["to"] == "seller" else settlement.buyer


def answer_request(batch: Batch, item: InboxItem) -> Json:
    """The party answers with text and files, sealed with its own key."""
    require_role(item, "treasurer")
    request = batch.tx.papers.get(text_in(item.body, "request", chars_max=32))
    if request is None or request.kind != REQUEST or item.participant not in request.visible_to:
        raise Unknown("not_found", "There is no such request.")
    settlement = batch.settlement(request.settlement)
    text = text_in(item.body, "text", chars_max=ANSWER_CHARS_MAX) if item.body.get("text") else ""
    files = _files(item.body)
    if not text and not files:
        raise Invalid("malformed", "An answer has a text or a file.", path="text")
    said = [paper for paper in batch.tx.papers.of(settlement.id, kind=ANSWER) if _body(paper)["request"] == request.id]
    if len(said) >= ANSWERS_MAX:
        raise Refused("answered_enough", f"A request is answered at most {ANSWERS_MAX} times.")
    kept = []
    for name, raw in files:
        paper = batch.keep(
            settlement,
            FILE,
            raw,
            owner=item.participant,
            visible_to=(item.participant,),
            media="application/octet-stream",
        )
        kept.append({"id": paper.id, "name": name, "bytes": len(raw), "sha256": paper.sha256})
    body: Json = {
        "schema": "entrepot/information-answer/1",
        "request": request.id,
        "text": text,
        "files": kept,
        "by": item.person,
    }
    _keep(batch, settlement, ANSWER, body, item.participant)
    return answered(201, {"request": request.id, "files": len(kept)})


def check_notice(batch: Batch, body: Json) -> None:
    """Raises: Invalid(malformed) for a freeze notice that lacks something, Refused(nothing_frozen)."""
    for name, chars_max in NOTICE_FIELDS.items():
        text_in(body, name, chars_max=chars_max)
    _side(_held(batch, body), body)


def release_notice(batch: Batch, _: InboxItem, change: Change) -> Json:
    """The notice becomes readable for the owner. Called once two officers agreed (changes)."""
    settlement = _held(batch, change.body)
    notice: Json = {"schema": "entrepot/freeze-notice/1"} | {name: str(change.body[name]) for name in NOTICE_FIELDS}
    paper = _keep(batch, settlement, NOTICE, notice, _side(settlement, change.body))
    return answered(200, {"change": change.id, "notice": paper.id})


def _held(batch: Batch, body: Json) -> Settlement:
    """The frozen or blocked settlement that `body` names. Raises: Unknown(not_found), Refused(nothing_frozen)."""
    try:
        settlement = batch.settlement(text_in(body, "settlement", chars_max=32))
    except KeyError:
        raise Unknown("not_found", "There is no such settlement.") from None
    if settlement.state not in UNDER_ORDER:
        raise Refused("nothing_frozen", f"The settlement is {settlement.state}: nothing is frozen or blocked.")
    return settlement


def _keep(batch: Batch, settlement: Settlement, kind: str, body: Json, participant: str) -> Paper:
    """Keeps JSON that one party (and staff) may read, sealed with that party's key."""
    raw = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
    return batch.keep(settlement, kind, raw, owner=participant, visible_to=(participant,), media="application/json")


def due_at(now: int) -> int:
    """When what is asked now falls due (Unix s): at the end of a day (UTC), which does not tell the hour of asking."""
    return (now // DAY_S + DUE_DAYS + 1) * DAY_S - 1


def _body(paper: Paper) -> dict[str, Any]:
    """The paper's JSON; empty where its owner was erased."""
    return dict(json.loads(paper.body)) if paper.body else {"request": ""}


def _files(body: Json) -> list[tuple[str, bytes]]:
    """Names and bytes of what was sent along. Raises: Invalid(malformed) beyond the bounds."""
    given = body.get("files", [])
    if not isinstance(given, list) or len(given) > FILES_MAX:
        raise Invalid("malformed", f"At most {FILES_MAX} files are taken.", path="files")
    found = []
    for one in given:
        name = text_in(one, "name", chars_max=FILE_NAME_CHARS_MAX) if isinstance(one, dict) else ""
        try:
            raw = base64.b64decode(str(one.get("content_base64", "")) if name else "", validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("malformed", f"{name:.40} is not base64.", path="files") from None
        if not name or not 0 < len(raw) <= FILE_BYTES_MAX:
            raise Invalid("malformed", f"A file has a name and 1 to {FILE_BYTES_MAX} bytes.", path="files")
        found.append((_base_name(name), raw))
    return found


def _base_name(name: str) -> str:
    """The last part of a file's name: where it lay on the sender's machine is not sent on."""
    return name.replace("\\", "/").rpartition("/")[2] or "file"


CHANGES: dict[str, Kind] = {"freeze_notice": Kind(("officer",), check_notice, release_notice)}
HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "ask_party": ask_party,
    "answer_request": answer_request,
}
