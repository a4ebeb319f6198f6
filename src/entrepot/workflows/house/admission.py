"""Admission: a participant's KYB file is put together by one operator, and admits it once a second has confirmed.

The file is sealed with the participant's key. A later file of an admitted participant takes effect the same way.
Owners and directors are screened with every payment (check), not here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from entrepot.core.canonical import Json, canonical
from entrepot.core.crypto import sha256
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.core.party import NAME_CHARS_MAX, is_lei
from entrepot.store.records import Change, InboxItem, Paper, Participant

from ..checks.payee import BANK_FIELDS
from ..step.answers import answered, require_role, text_in, whole_in
from ..step.batch import Batch
from ..step.change_kind import Kind, proposed

KINDS = ("company", "bank", "operator", "examiner", "authority")
TRADING_KINDS = ("company", "bank")  # whose file must be whole before they are admitted
PROFILE_FIELDS = ("name", "lei", "registration", "tax_id", "bank_name", "bank_bic", "address", "simulated")
ADMISSION = "admission"
FILE, FILE_SCHEMA = "kyb_file", "entrepot/kyb/1"
DOCUMENT = "kyb_document"
PERSONS_MAX, DOCUMENTS_MAX = 30, 20
DOCUMENT_BYTES_MAX = 5_000_000
RATINGS = ("low", "medium", "high")
NOTES_CHARS_MAX = 2_000
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_BORN = re.compile(r"(\d{4}(-\d{2}(-\d{2})?)?)?\Z")
_MAGIC = ((b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))

declare(
    "Refused",
    kyb_incomplete="The KYB file lacks something that an admission needs; the sentence says what.",
    bank_change_by_two="The bank of an admitted participant is changed by two persons, never by one.",
    kyb_newer="A newer KYB file took the place of the one that was proposed.",
)
declare("Invalid", document_unrecognised="The document is neither PDF, PNG, JPEG nor plain text, or it is too big.")


def apply(batch: Batch, item: InboxItem) -> Json:
    """An operator files an application, or (with `id`) a new version of a file; a second operator must confirm it."""
    require_role(item, "operator")
    body = item.body
    known = batch.tx.people.participant(str(body.get("id", "")))
    if body.get("id") and known is None:
        raise Unknown("not_found", "There is no such participant.")
    kind, country = text_in(body, "kind", chars_max=20), text_in(body, "country", chars_max=2)
    if kind not in KINDS:
        raise Invalid("malformed", f"kind is one of {', '.join(KINDS)}.", path="kind")
    _require_country(country, "country")
    profile = _profile(body)
    is_in_force = known is not None and known.status != "applied"
    if known and is_in_force and any(profile.get(name, "") != known.profile.get(name, "") for name in BANK_FIELDS):
        says = "Another bank is a change of its own, with a cooling-off."
        raise Refused("bank_change_by_two", says, path="bank_name")
    id_ = known.id if known else batch.ctx.new_id()
    profile["documents"] = [*(known.profile.get("documents", []) if known else []), *_documents(batch, id_, body)]
    if known is None or known.status == "applied":
        batch.tx.people.put_participant(
            Participant(id_, kind, country, "applied", batch.now, profile, known.version + 1 if known else 1)
        )
    file: Json = {"schema": FILE_SCHEMA, "kind": kind, "country": country, "profile": profile}
    kept = _keep(batch, id_, FILE, canonical(file))
    _withdraw_older(batch, item, id_)
    change = proposed(
        batch, item, ADMISSION, CHANGES[ADMISSION], {"participant": id_, "file": kept.id}, _reason(body, known)
    )
    status = known.status if known else "applied"
    return answered(201, {"participant": id_, "status": status, "change": change.id, "missing": missing(kind, profile)})


def missing(kind: str, profile: Json) -> list[str]:
    """What the file of a company or bank lacks before it can be admitted, in the order of the steps."""
    if kind not in TRADING_KINDS:
        return []
    lacks = {
        "identity": not any(profile.get(name) for name in ("registration", "lei", "tax_id")),
        "directors": not profile.get("directors"),
        "owners": not (profile.get("owners") or profile.get("no_owner_over_25")),
        "documents": not profile.get("documents"),
        "risk": not profile.get("risk"),
    }
    return [step for step, is_missing in lacks.items() if is_missing]


def _reason(body: Json, known: Participant | None) -> str:
    return str(body.get("reason") or ("A new version of the KYB file." if known else "An application."))[:500]


def _profile(body: Json) -> Json:
    profile: Json = {name: text_in(body, name, chars_max=NAME_CHARS_MAX) for name in PROFILE_FIELDS if body.get(name)}
    profile["name"] = text_in(body, "name", chars_max=NAME_CHARS_MAX)
    if profile.get("lei") and not is_lei(profile["lei"]):
        raise Invalid("malformed", f"{profile['lei']} is not an LEI (ISO 17442).", path="lei")
    for group, read in (("directors", _director), ("owners", _owner)):
        rows = body.get(group) or []
        if not isinstance(rows, list) or len(rows) > PERSONS_MAX:
            raise Invalid("malformed", f"{group} is a list of at most {PERSONS_MAX}.", path=group)
        profile |= {group: [read(row, f"{group}.{place}") for place, row in enumerate(rows)]} if rows else {}
    if body.get("no_owner_over_25") is True:
        profile["no_owner_over_25"] = True
    risk = body.get("risk")
    if risk:
        if not isinstance(risk, dict) or risk.get("rating") not in RATINGS:
            raise Invalid("malformed", f"risk.rating is one of {', '.join(RATINGS)}.", path="risk.rating")
        profile["risk"] = {"rating": risk["rating"], "notes": str(risk.get("notes", ""))[:NOTES_CHARS_MAX]}
    return profile


def _director(row: Any, path: str) -> Json:
    if not isinstance(row, dict):
        raise Invalid("malformed", "A person is an object.", path=path)
    person: Json = {"name": text_in(row, "name", chars_max=NAME_CHARS_MAX)}
    if row.get("country"):
        _require_country(str(row["country"]), f"{path}.country")
        person["country"] = row["country"]
    if row.get("born"):
        if not _BORN.match(str(row["born"])):
            raise Invalid("malformed", "born is a year, or a date as 1970-12-31.", path=f"{path}.born")
        person["born"] = row["born"]
    return person


def _owner(row: Any, path: str) -> Json:
    owner = _director(row, path)
    kind = row.get("kind") or "person"
    if kind not in ("person", "organization"):
        raise Invalid("malformed", "kind is person or organization.", path=f"{path}.kind")
    share = whole_in(row, "share_percent", default=0, high=100)
    return owner | {"kind": kind, "share_percent": share, "controls": bool(row.get("controls"))}


def _require_country(text: str, path: str) -> None:
    if not _COUNTRY.match(text):
        raise Invalid("malformed", f"{path} is ISO 3166-1 alpha-2.", path=path)


def _documents(batch: Batch, participant: str, body: Json) -> list[Json]:
    """Seals what was uploaded; the file keeps name, kind and hash of each."""
    rows = body.get("documents") or []
    if not isinstance(rows, list) or len(rows) > DOCUMENTS_MAX:
        raise Invalid("malformed", f"documents is a list of at most {DOCUMENTS_MAX}.", path="documents")
    kept = []
    for row in rows:
        name, about = text_in(row, "name", chars_max=NAME_CHARS_MAX), text_in(row, "kind", chars_max=60)
        try:
            raw = base64.b64decode(text_in(row, "base64", chars_max=2 * DOCUMENT_BYTES_MAX), validate=True)
        except ValueError:  # binascii's, or characters beyond ASCII
            raise Invalid("malformed", "base64 is not base64.", path="documents.base64") from None
        paper = _keep(batch, participant, DOCUMENT, raw, media=_media(raw))
        kept.append({"paper": paper.id, "name": name, "kind": about, "sha256": paper.sha256, "at": batch.now})
    return kept


def _media(raw: bytes) -> str:
    """What a document is by its first bytes. Raises: Invalid(document_unrecognised)."""
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise Invalid("document_unrecognised", f"A document has at most {DOCUMENT_BYTES_MAX} bytes.", path="documents")
    for magic, media in _MAGIC:
        if raw.startswith(magic):
            return media
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Invalid(
            "document_unrecognised", "A document is PDF, PNG, JPEG or plain text.", path="documents"
        ) from None
    return "text/plain"


def _keep(batch: Batch, participant: str, kind: str, body: bytes, *, media: str = "application/json") -> Paper:
    paper = Paper(
        id=batch.ctx.new_id(),
        settlement="",
        kind=kind,
        owner=participant,
        visible_to=(),
        media_type=media,
        body=body,
        sha256=sha256(body).hex(),
        at=batch.now,
    )
    batch.tx.papers.put(paper)
    return paper


def _withdraw_older(batch: Batch, item: InboxItem, participant: str) -> None:
    """A newer file takes the place of one that still waits: nobody confirms what they did not read."""
    for change in batch.tx.checks.changes(subject=ADMISSION, confirmed=False):
        if change.body["participant"] == participant:
            why = "A newer file took its place."
            batch.tx.checks.decline_change(change.id, person=item.person, at=batch.now, why=why)


def _filed(batch: Batch, body: Json) -> tuple[Participant, Json]:
    """The participant and the file that an admission is about. Raises: Unknown, Refused(kyb_newer)."""
    participant = batch.tx.people.participant(text_in(body, "participant", chars_max=32))
    paper = batch.tx.papers.get(text_in(body, "file", chars_max=32))
    if participant is None or paper is None or paper.kind != FILE or paper.owner != participant.id:
        raise Unknown("not_found", "There is no such participant, or no such file of it.")
    return participant, json.loads(paper.body)


def _check(batch: Batch, body: Json) -> None:
    _filed(batch, body)


def _before(batch: Batch, body: Json) -> Json:
    participant, _ = _filed(batch, body)
    return {"status": participant.status, "version": participant.version}


def _admitted(batch: Batch, _: InboxItem, change: Change) -> Json:
    """The file is in force; whoever was suspended stays so. Raises: Refused(kyb_incomplete, kyb_newer)."""
    participant, file = _filed(batch, change.body)
    if participant.version != change.before["version"]:
        raise Refused("kyb_newer", "A newer file took the place of this one: propose it again.")
    lacks = missing(file["kind"], file["profile"])
    if lacks:
        raise Refused("kyb_incomplete", f"The KYB file lacks: {', '.join(lacks)}.")
    is_new = participant.status == "applied"
    batch.tx.people.put_participant(
        Participant(
            id=participant.id,
            kind=file["kind"],
            country=file["country"],
            status="admitted" if is_new else participant.status,
            admitted_at=batch.now if is_new else participant.admitted_at,
            profile=file["profile"],
            version=participant.version + 1,
        )
    )
    status = "admitted" if is_new else participant.status
    return answered(200, {"change": change.id, "participant": participant.id, "status": status})


CHANGES: dict[str, Kind] = {ADMISSION: Kind(("operator",), _check, _admitted, _before)}
HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {"admit": apply}
