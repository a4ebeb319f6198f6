"""Single sign-on as steps: the worker asks the provider outside of any transaction, then says whom it found.

The doors never learn the client's secret and cannot say who somebody is: they bring the browser's code.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from entrepot.core.canonical import Json
from entrepot.core.errors import EntrepotError, Refused, Unknown, declare
from entrepot.identity.openid import identity_id
from entrepot.identity.proof import NotProved
from entrepot.store.records import InboxItem, OutboxItem
from entrepot.store.sign_in_records import Attempt, AttemptState, Identity

from ..step.answers import answered, text_in
from ..step.batch import Batch
from ..step.context import Context, SingleSignOn
from .sessions import new_secret_in
from .sign_ins import (
    invitation_in_force,
    label_in,
    may_change,
    new_attempt,
    not_signed_in,
    open_first,
    require_another_way,
    taken,
)

CODE_CHARS_MAX = 2_000

log = structlog.get_logger(__name__)

declare("Refused", no_single_sign_on="This deployment has no single sign-on provider.")


def begin(batch: Batch, item: InboxItem) -> Json:
    """An attempt by single sign-on: to sign in, by invitation, or to bind an identity to who is signed in."""
    if batch.ctx.sign_in.provider is None:
        raise Refused("no_single_sign_on", "This deployment has no single sign-on provider.")
    invited = may_change(batch, item) if item.person else ""
    fresh = {name: batch.ctx.salt() + batch.ctx.salt() for name in ("state", "nonce", "verifier")}
    attempt = new_attempt(batch, "openid", person=item.person, invitation=invited, facts=fresh)
    batch.send(f"openid:{attempt.id}:ask", "openid", "", {"attempt": attempt.id})
    return answered(201, {"attempt": attempt.id, "expires_at": attempt.expires_at})


def answer(batch: Batch, item: InboxItem) -> Json:
    """What the browser brought back from the provider; who it is, is asked outside."""
    if item.person:
        may_change(batch, item)
    attempt = taken(batch, item, "openid")
    if attempt is None or attempt.person != item.person or attempt.invitation != item.body.get("invitation", ""):
        return not_signed_in()
    binds = bool(attempt.person) and not attempt.invitation
    secret_sha256 = "" if binds else new_secret_in(item.body)
    state, code = str(item.body.get("state", "")), str(item.body.get("code", ""))
    if not hmac.compare_digest(state.encode(), attempt.facts["state"].encode()) or not 0 < len(code) <= CODE_CHARS_MAX:
        _close(batch, attempt, "refused")
        return not_signed_in()
    said = {
        "code": code,
        "iss": str(item.body.get("iss", ""))[:500],
        "secret_sha256": secret_sha256,
        "device": label_in(item.body, "device"),
    }
    batch.tx.sign_ins.put_attempt(replace(attempt, state="proving", facts=attempt.facts | said))
    batch.send(f"openid:{attempt.id}:prove", "openid", "", {"attempt": attempt.id})
    return answered(202, {"attempt": attempt.id, "state": "proving"})


def remove_identity(batch: Batch, item: InboxItem) -> Json:
    """The identity opens nothing any more; as with passkeys, the last way in goes only knowingly."""
    batch.tx.people.lock(item.person)
    known = batch.tx.sign_ins.identity(text_in(item.body, "id", chars_max=64))
    if known is None or known.person != item.person:
        raise Unknown("not_found", "There is no such identity of yours.")
    may_change(batch, item)
    require_another_way(batch, item)
    batch.tx.sign_ins.remove_identity(known.id)
    return answered(200, {"identity": known.id})


def outside(ctx: Context, item: OutboxItem) -> None:
    """One step with the provider. A failure ends the attempt: a code is good once, and the person begins again."""
    with ctx.store.work() as tx:
        attempt = tx.sign_ins.attempt(item.body["attempt"])
    provider = ctx.sign_in.provider
    if attempt is None or provider is None or attempt.expires_at < ctx.now() - ctx.offset_s:
        return
    try:
        if attempt.state == "asked":
            _ask(ctx, provider, attempt)
        elif attempt.state == "proving":
            subject = provider.subject(
                code=attempt.facts["code"],
                redirect_uri=ctx.sign_in.redirect_uri,
                nonce=attempt.facts["nonce"],
                verifier=attempt.facts["verifier"],
                issuer=attempt.facts["iss"],
            )
            _in_batch(ctx, lambda batch: _proved(batch, attempt, provider.issuer, subject))
    except (NotProved, EntrepotError) as error:
        log.warning("single sign-on refused", attempt=attempt.id, why=str(error)[:200])
        _in_batch(ctx, lambda batch: _refuse(batch, attempt))
    ctx.store.wake()


def _ask(ctx: Context, provider: SingleSignOn, attempt: Attempt) -> None:
    facts = attempt.facts
    url = provider.authorize_url(
        redirect_uri=ctx.sign_in.redirect_uri, state=facts["state"], nonce=facts["nonce"], verifier=facts["verifier"]
    )
    opened = replace(attempt, state="open", facts=facts | {"authorize_url": url})

    def begin(batch: Batch) -> None:
        if batch.tx.sign_ins.move_attempt(attempt.id, before="asked", after="open"):  # else another worker was faster
            batch.tx.sign_ins.put_attempt(opened)

    _in_batch(ctx, begin)


def _proved(batch: Batch, attempt: Attempt, issuer: str, subject: str) -> None:
    """Whoever the provider named gets in, or is bound, or neither: an identity nobody bound is told nothing more."""
    if not batch.tx.sign_ins.move_attempt(attempt.id, before="proving", after="done"):
        return
    found = identity_id(issuer, subject)
    known, now = batch.tx.sign_ins.identity(found), batch.machine_now
    is_free = known is None or known.person == attempt.person
    if (attempt.person and not is_free) or (not attempt.person and known is None):
        raise NotProved("the identity is another person's" if attempt.person else "the identity is nobody's")
    person = known.person if known is not None else attempt.person
    item = InboxItem(
        id="", source="", key="", kind="", body=attempt.facts, body_sha256="", received_at=now, person=person
    )
    if attempt.invitation:
        invitation_in_force(batch, item, attempt.invitation)
        if not batch.tx.sign_ins.use_invitation(attempt.invitation, at=now):
            raise NotProved("the invitation was used meanwhile")
    if known is None:
        batch.tx.sign_ins.put_identity(Identity(found, person, issuer, now, now))
    elif not batch.tx.sign_ins.use_identity(found, at=now):
        raise NotProved("the identity was unbound meanwhile")
    if attempt.invitation or not attempt.person:
        opened = open_first(
            batch, item, person=person, secret_sha256=attempt.facts["secret_sha256"], invited=attempt.invitation
        )
        if opened["status"] >= 400:
            raise NotProved("the person has no membership")
    _close(batch, attempt, "done")


def _refuse(batch: Batch, attempt: Attempt) -> None:
    if batch.tx.sign_ins.move_attempt(attempt.id, before=attempt.state, after="refused"):  # else another was faster
        _close(batch, attempt, "refused")


def _close(batch: Batch, attempt: Attempt, state: AttemptState) -> None:
    """The attempt is over; what it knew is forgotten."""
    batch.tx.sign_ins.put_attempt(replace(attempt, state=state, facts={}))


def _in_batch(ctx: Context, act: Callable[[Batch], Any]) -> None:
    with ctx.store.work() as tx:
        batch = Batch(ctx, tx, ctx.now())
        act(batch)
        batch.finish()


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "begin_single_sign_on": begin,
    "answer_single_sign_on": answer,
    "remove_identity": remove_identity,
}
