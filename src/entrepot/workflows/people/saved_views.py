"""Saved views: a person's named ways of looking at a list. A view opens nothing; each reader sees their own rows."""

from __future__ import annotations

from collections.abc import Callable

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import InboxItem

from ..step.answers import answered, text_in
from ..step.batch import Batch

VIEWS_MAX = 30
NAME_CHARS_MAX = 60
QUERY_CHARS_MAX = 500

declare("Refused", too_many_views="A person keeps at most 30 saved views; delete one first.")


def save_view(batch: Batch, item: InboxItem) -> Json:
    """Keeps a view under a name; the same name again replaces it."""
    name = " ".join(text_in(item.body, "name", chars_max=NAME_CHARS_MAX).split())
    query = str(item.body.get("query", ""))
    if len(query) > QUERY_CHARS_MAX or not query.isprintable():
        raise Invalid("malformed", f"query is a text of at most {QUERY_CHARS_MAX} characters.", path="query")
    kept = [one for one in batch.tx.people.saved_views(item.person, item.participant) if one["name"] != name]
    if len(kept) >= VIEWS_MAX:
        raise Refused("too_many_views", f"You have {len(kept)} saved views; delete one first.")
    view: Json = {"id": item.id, "name": name, "query": query}
    batch.tx.people.put_saved_views(item.person, item.participant, [*kept, view])
    return answered(201, view)


def delete_view(batch: Batch, item: InboxItem) -> Json:
    """Forgets a view."""
    wanted = text_in(item.body, "view", chars_max=32)
    kept = batch.tx.people.saved_views(item.person, item.participant)
    left = [one for one in kept if one["id"] != wanted]
    if len(left) == len(kept):
        raise Unknown("not_found", "There is no such view of yours.")
    batch.tx.people.put_saved_views(item.person, item.participant, left)
    return answered(200, {"view": wanted})


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {"save_view": save_view, "delete_view": delete_view}
