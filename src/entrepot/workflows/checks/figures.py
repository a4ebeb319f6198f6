"""Figures that two persons set within the regime: caps below its own, and lists followed besides its own.

A change in force is never edited: a later one takes its place from its own time on.
"""

from __future__ import annotations

import re
from dataclasses import replace

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, declare
from entrepot.regimes.regime import FLOOR_LISTS, Regime
from entrepot.store.records import Change, InboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered, text_in, whole_in
from ..step.batch import Batch
from ..step.change_kind import Kind

CAPS, LIST_SOURCE = "caps", "list_source"
LATE_S_MAX = 60
_SOURCE = re.compile(r"[A-Z0-9][A-Z0-9_-]{1,39}\Z")

declare(
    "Refused",
    cap_out_of_bounds="The cap is not within what the regime allows.",
    cap_in_the_past="A cap takes effect from now on or later.",
    floor_list="The list is one that this deployment may never stop following.",
    list_followed="The list is followed already.",
    list_not_followed="The list is not one that two persons added.",
)


def in_force(tx: Transaction, regime: Regime, now: int) -> Regime:
    """The regime with the caps and lists that two persons set; its own figures are the bounds."""
    caps, lists = caps_in_force(tx, now), followed(tx)
    if caps is not None:
        payment, window = int(caps.body["cap_payment_minor"]), int(caps.body["cap_window_minor"])
        regime = replace(
            regime,
            cap_payment_minor=min(payment, regime.cap_payment_minor),
            cap_window_minor=min(window, regime.cap_window_minor),
        )
    added = tuple(source for source in lists if source not in regime.lists_required)
    return replace(regime, lists_required=(*regime.lists_required, *added)) if added else regime


def caps_in_force(tx: Transaction, now: int) -> Change | None:
    """The change whose caps hold at `now`, None where the regime's own do."""
    found = [
        (max(int(one.body["from"]), one.confirmed_at or 0), place, one)
        for place, one in enumerate(tx.checks.changes(subject=CAPS, confirmed=True))
    ]
    begun = [entry for entry in found if entry[0] <= now]
    return max(begun, key=lambda entry: entry[:2])[2] if begun else None


def followed(tx: Transaction) -> tuple[str, ...]:
    """The lists that two persons added to the regime's own, in order: the one confirmed last counts."""
    names: dict[str, None] = {}
    changes = tx.checks.changes(subject=LIST_SOURCE, confirmed=True)
    for change in sorted(changes, key=lambda one: one.confirmed_at or 0):
        source = str(change.body["source"])
        if change.body["act"] == "follow":
            names[source] = None
        else:
            names.pop(source, None)
    return tuple(names)


def _check_caps(batch: Batch, body: Json) -> None:
    bound = batch.ctx.regime(batch.now)
    payment, window = whole_in(body, "cap_payment_minor", low=1), whole_in(body, "cap_window_minor", low=1)
    if whole_in(body, "from", low=1) < batch.now - LATE_S_MAX:
        raise Refused("cap_in_the_past", "A cap takes effect from now on or later.")
    if payment > bound.cap_payment_minor or window > bound.cap_window_minor or payment > window:
        raise Refused(
            "cap_out_of_bounds",
            f"A payment's cap is at most {bound.cap_payment_minor} and the window's, and the window's at most "
            f"{bound.cap_window_minor}, in hundredths of {bound.reference} ({bound.id}).",
        )


def _caps_before(batch: Batch, _: Json) -> Json:
    now = in_force(batch.tx, batch.ctx.regime(batch.now), batch.now)
    return {"cap_payment_minor": now.cap_payment_minor, "cap_window_minor": now.cap_window_minor}


def _check_source(batch: Batch, body: Json) -> None:
    source, act = text_in(body, "source", chars_max=40), text_in(body, "act", chars_max=10)
    if act not in ("follow", "unfollow"):
        raise Invalid("malformed", "act is follow or unfollow.", path="body.act")
    if not _SOURCE.match(source):
        raise Invalid("malformed", "source is a list's name in capitals, such as EU.", path="body.source")
    own, added = batch.ctx.regime(batch.now).lists_required, followed(batch.tx)
    if act == "follow" and source in (*own, *added):
        raise Refused("list_followed", f"The list {source} is followed already.")
    if act == "unfollow" and source in (*FLOOR_LISTS, *own):
        raise Refused("floor_list", f"The list {source} is one that this deployment may never stop following.")
    if act == "unfollow" and source not in added:
        raise Refused("list_not_followed", f"The list {source} is not one that two persons added.")


def _sources_before(batch: Batch, _: Json) -> Json:
    return {"followed": [*batch.ctx.regime(batch.now).lists_required, *followed(batch.tx)]}


def _agreed(_: Batch, __: InboxItem, change: Change) -> Json:
    return answered(200, {"change": change.id, "subject": change.subject})


CHANGES: dict[str, Kind] = {
    CAPS: Kind(("operator",), _check_caps, _agreed, _caps_before),
    LIST_SOURCE: Kind(("operator",), _check_source, _agreed, _sources_before),
}
