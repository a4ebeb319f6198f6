"""Proving who one is: passkeys and single sign-on, how the first comes by invitation, and what a proof opens.

An attempt is begun and answered once, right or wrong. Every wrong answer is told as one: not_signed_in.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unauthenticated, Unknown, declare
from entrepot.identity import passkey as proofs
from entrepot.identity.proof import NotProved
from entrepot.store.records import Credential, InboxItem, Membership
from entrepot.store.sign_in_records import Attempt, AttemptKind, Invitation, Passkey

from ..step.answers import answered, problem, text_in
from ..step.batch import Batch
from .sessions import held_in, new_secret_in, open_for

ATTEMPT_S = 300  # a challenge is good for this long
INVITATION_S = 3 * 86_400
FRESH_S = 900  # so long after proving who they are a person may change how they prove it
PASSKEYS_MAX = 20
LABEL_CHARS_MAX = 60
_CREDENTIAL_ID = re.compile(r"[A-Za-z0-9_-]{1,1366}\Z")  # 1,023 bytes. Source: WebAuthn, section 4, Credential ID

log = structlog.get_logger(__name__)

declare(
    "Refused",
    prove_again="Ways of signing in are changed within 15 minutes of signing in: sign in again.",
    last_way_in="This is the person's last way to sign in; say `even_if_last` to remove it all the same.",
    passkey_known="This passkey is registered already.",
    passkeys_full="A person has at most 20 passkeys.",
)


def not_signed_in() -> Json:
    """The one answer to every proof that proves nothing."""
    return problem(Unauthenticated("not_signed_in", "That did not sign you in. Begin again."))


def begin_sign_in(batch: Batch, item: InboxItem) -> Json:
    """A challenge for any passkey that knows us; nobody says who they are."""
    attempt = new_attempt(batch, "passkey")
    origin = batch.ctx.sign_in.origin
    options = proofs.request_options(origin=origin, challenge=challenge_of(attempt))
    return answered(201, {"attempt": attempt.id, "expires_at": attempt.expires_at, "options": options})


def sign_in(batch: Batch, item: InboxItem) -> Json:
    """A passkey's answer opens a session under the new secret; the attempt is over, whatever the answer."""
    attempt, given = taken(batch, item, "passkey"), item.body.get("passkey")
    secret_sha256 = new_secret_in(item.body)
    if attempt is None or not isinstance(given, dict):
        return not_signed_in()
    known = batch.tx.sign_ins.passkey(str(given.get("id", ""))[:1400])
    if known is None:
        return not_signed_in()
    try:
        sign_count = proofs.proved(
            given,
            challenge=challenge_of(attempt),
            origin=batch.ctx.sign_in.origin,
            person=known.person,
            public_key=known.public_key,
            sign_count=known.sign_count,
        )
    except NotProved as error:
        log.warning("passkey refused", person=known.person, why=str(error)[:200])
        return not_signed_in()
    if not batch.tx.sign_ins.use_passkey(known.id, sign_count=sign_count, at=batch.machine_now):
        return not_signed_in()
    return open_first(batch, item, person=known.person, secret_sha256=secret_sha256)


def open_first(batch: Batch, item: InboxItem, *, person: str, secret_sha256: str, invited: str = "") -> Json:
    """A session in the person's membership: the one they were invited to, else their first."""
    memberships = batch.tx.people.memberships(person=person)
    if invited:
        invitation = batch.tx.sign_ins.invitation(invited)
        assert invitation is not None
        memberships = [Membership(person, invitation.participant, invitation.role)] + memberships
    if not memberships:
        return not_signed_in()
    return open_for(batch, memberships[0], secret_sha256, label=label_in(item.body, "device"))


def begin_passkey(batch: Batch, item: InboxItem) -> Json:
    """A challenge for a new passkey of the person who is signed in, or invited."""
    invited = may_change(batch, item)
    known = batch.tx.sign_ins.passkeys(item.person)
    if len(known) >= PASSKEYS_MAX:
        raise Refused("passkeys_full", f"A person has at most {PASSKEYS_MAX} passkeys.")
    person = batch.tx.people.person(item.person)
    attempt = new_attempt(batch, "new_passkey", person=item.person, invitation=invited)
    options = proofs.creation_options(
        origin=batch.ctx.sign_in.origin,
        challenge=challenge_of(attempt),
        person=item.person,
        name=str(person.profile.get("name", "") if person else "") or item.person,
        known=[(one.id, one.transports) for one in known],
    )
    return answered(201, {"attempt": attempt.id, "expires_at": attempt.expires_at, "options": options})


def add_passkey(batch: Batch, item: InboxItem) -> Json:
    """The new passkey; by invitation it uses the invitation up and opens the first session too."""
    invited = may_change(batch, item)
    attempt, given = taken(batch, item, "new_passkey"), item.body.get("passkey")
    if attempt is None or attempt.invitation != invited or not isinstance(given, dict):
        return not_signed_in()
    try:
        made = proofs.registered(given, challenge=challenge_of(attempt), origin=batch.ctx.sign_in.origin)
    except NotProved as error:
        log.warning("new passkey refused", person=item.person, why=str(error)[:200])
        return not_signed_in()
    if not _CREDENTIAL_ID.match(made.id) or batch.tx.sign_ins.passkey(made.id) is not None:
        raise Refused("passkey_known", "This passkey is registered already.")
    transports = given.get("response", {}).get("transports")
    kept = Passkey(
        id=made.id,
        person=item.person,
        public_key=made.public_key,
        sign_count=made.sign_count,
        label=label_in(item.body, "label") or "Passkey",
        created_at=batch.machine_now,
        transports=proofs.known_transports(transports if isinstance(transports, list) else ()),
        is_synced=made.is_synced,
    )
    batch.tx.sign_ins.put_passkey(kept)
    if not invited:
        return answered(201, {"passkey": kept.id, "label": kept.label})
    return enter_invited(batch, item, invited)


def enter_invited(batch: Batch, item: InboxItem, invited: str) -> Json:
    """Uses the invitation up and opens the first session; of two at once, one enters."""
    if not batch.tx.sign_ins.use_invitation(invited, at=batch.machine_now):
        raise Unauthenticated("not_signed_in", "The invitation is unknown, used or has expired.")
    secret_sha256 = new_secret_in(item.body)
    return open_first(batch, item, person=item.person, secret_sha256=secret_sha256, invited=invited)


def name_passkey(batch: Batch, item: InboxItem) -> Json:
    """Another name for a passkey of the caller's."""
    known = _own_passkey(batch, item)
    label = text_in(item.body, "label", chars_max=LABEL_CHARS_MAX)
    if not batch.tx.sign_ins.name_passkey(known.id, label):
        raise Unknown("not_found", "There is no such passkey any more.")
    return answered(200, {"passkey": known.id, "label": label})


def remove_passkey(batch: Batch, item: InboxItem) -> Json:
    """The passkey opens nothing any more. The last way in goes only if the caller says that they know it is."""
    batch.tx.people.lock(item.person)
    known = _own_passkey(batch, item)
    may_change(batch, item)
    require_another_way(batch, item)
    batch.tx.sign_ins.remove_passkey(known.id)
    return answered(200, {"passkey": known.id})


def require_another_way(batch: Batch, item: InboxItem) -> None:
    """Raises: Refused(last_way_in) where the person could not sign in again, unless they know."""
    ways = len(batch.tx.sign_ins.passkeys(item.person)) + len(batch.tx.sign_ins.identities(item.person))
    if ways <= 1 and item.body.get("even_if_last") is not True:
        raise Refused(
            "last_way_in", "This is your last way to sign in. Without it two operators must invite you again."
        )


def _own_passkey(batch: Batch, item: InboxItem) -> Passkey:
    known = batch.tx.sign_ins.passkey(text_in(item.body, "id", chars_max=1400))
    if known is None or known.person != item.person:
        raise Unknown("not_found", "There is no such passkey of yours.")
    return known


def may_change(batch: Batch, item: InboxItem) -> str:
    """The invitation (its secret's SHA-256) by which the caller may change their ways in, "" by a fresh session.

    A stolen session or a program's key must not give its thief a way in that lasts.
    Raises: Refused(prove_again), Unauthenticated(not_signed_in) for an invitation that is over.
    """
    secret_sha256 = str(item.body.get("invitation", ""))
    if secret_sha256:
        return invitation_in_force(batch, item, secret_sha256).secret_sha256
    held: Credential = held_in(batch, item)
    if held.kind != "session" or held.opened_at + FRESH_S < batch.machine_now:
        raise Refused("prove_again", f"Sign in again: ways in are changed within {FRESH_S // 60} minutes of that.")
    return ""


def invitation_in_force(batch: Batch, item: InboxItem, secret_sha256: str) -> Invitation:
    """The invitation of this person, unused and in time. Raises: Unauthenticated(not_signed_in)."""
    found = batch.tx.sign_ins.invitation(secret_sha256)
    if (
        found is None
        or found.person != item.person
        or found.used_at is not None
        or found.expires_at < batch.machine_now
    ):
        raise Unauthenticated("not_signed_in", "The invitation is unknown, used or has expired.")
    return found


def invite(batch: Batch, membership: Membership, secret_sha256: str) -> None:
    """Keeps a one-time invitation to a membership. Only a change of two persons does this. Raises: Refused."""
    if batch.tx.sign_ins.invitation(secret_sha256) is not None:
        raise Refused("secret_known", "An invitation with this secret is there already; make another secret.")
    now = batch.machine_now
    batch.tx.sign_ins.put_invitation(
        Invitation(secret_sha256, membership.person, membership.participant, membership.role, now, now + INVITATION_S)
    )


def new_attempt(
    batch: Batch, kind: AttemptKind, *, person: str = "", invitation: str = "", facts: Json | None = None
) -> Attempt:
    """A fresh attempt with a challenge of its own; those that are over are forgotten on the way."""
    now = batch.machine_now
    batch.tx.sign_ins.forget_attempts(expired_before=now - ATTEMPT_S)
    attempt = Attempt(
        id=batch.ctx.salt(),
        kind=kind,
        state="asked" if kind == "openid" else "open",
        expires_at=now + ATTEMPT_S,
        person=person,
        invitation=invitation,
        facts={"challenge": batch.ctx.salt() + batch.ctx.salt()} | (facts or {}),
    )
    batch.tx.sign_ins.put_attempt(attempt)
    return attempt


def taken(batch: Batch, item: InboxItem, kind: AttemptKind) -> Attempt | None:
    """The attempt that is being answered, from now on closed; None if it is not there, over, used, or another's."""
    attempt = batch.tx.sign_ins.attempt(text_in(item.body, "attempt", chars_max=32))
    if attempt is None or attempt.kind != kind or attempt.person not in ("", item.person):
        return None
    is_first = batch.tx.sign_ins.move_attempt(
        attempt.id, before="open", after="proving" if kind == "openid" else "done"
    )
    return attempt if is_first and attempt.expires_at >= batch.machine_now else None


def challenge_of(attempt: Attempt) -> bytes:
    """32 random bytes."""
    return bytes.fromhex(attempt.facts["challenge"])


def label_in(body: Json, name: str) -> str:
    """A short optional text, "" if there is none. Raises: Invalid(malformed)."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > LABEL_CHARS_MAX:
        raise Invalid("malformed", f"{name} is a text of at most {LABEL_CHARS_MAX} characters.", path=name)
    return value.strip()


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "begin_sign_in": begin_sign_in,
    "sign_in": sign_in,
    "begin_passkey": begin_passkey,
    "add_passkey": add_passkey,
    "name_passkey": name_passkey,
    "remove_passkey": remove_passkey,
}
