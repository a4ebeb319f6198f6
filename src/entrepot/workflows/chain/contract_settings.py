"""Contract settings: two operators decide a change of the registry, and the owners' keys here make it so, once.

The change is confirmed by two persons, then proposed, confirmed and executed on the chain from the outbox; what
became of it is kept beside it. Doors have no node: they show the settings as this worker last read them.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from entrepot.core.canonical import Json
from entrepot.core.charter import ChangeOutcome, ContractSettings, Quorum, SettingChange, changed
from entrepot.core.errors import Refused, Unavailable, declare
from entrepot.store.records import Change, InboxItem, OutboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered
from ..step.batch import Batch
from ..step.change_kind import Kind
from ..step.context import Context

SUBJECT, OUTSIDE = "contract_setting", "contract"
ACTS = ("propose", "confirm-2", "confirm-3", "execute")  # of the owners; as many confirmations as are shown
# What this worker signs with: releases carry one passport signature, freezes one authority's.
SIGNATURES_GIVEN = {"passport": 1, "authority": 1}
LOOK_S_MAX = 60
READ_S = 15
WHY_CHARS_MAX = 300

declare(
    "Refused",
    settings_unread="The worker has not read the contract's settings yet; propose again in a moment.",
    setting_key_in_use="This system signs with the key: revoked, or asked for more signatures, it could pay nobody.",
    setting_under_way="Another change of the contract is on its way to the chain; confirm this one after it.",
)

log = structlog.get_logger(__name__)


def settings_in(tx: Transaction) -> ContractSettings:
    """The settings as last read. Raises: Refused(settings_unread)."""
    kept = tx.rails.contract_settings()
    if kept is None:
        raise Refused("settings_unread", "The contract's settings were not read yet; propose again in a moment.")
    return kept


def _after(batch: Batch, body: Json) -> Quorum:
    """The role's quorum after a change that may be proposed. Raises: Invalid, Refused."""
    change = SettingChange.from_json(body)
    after = changed(settings_in(batch.tx).roles, change)
    ctx = batch.ctx
    passports = [ctx.passport_signer.address, ctx.second_passport_signer.address]
    ours = {"passport": passports, "authority": [signer.address for signer in ctx.authority_signers]}
    if change.change == "revoke" and change.who in ours.get(change.role, []):
        raise Refused("setting_key_in_use", f"This system signs as {change.role} with {change.who}.")
    given = SIGNATURES_GIVEN.get(change.role)
    if given is not None and after.required > given:
        said = f"{after.required} keys would have to sign as {change.role}, and this system gives {given} signature"
        raise Refused("setting_key_in_use", f"{said}.")
    return after


def _check(batch: Batch, body: Json) -> None:
    _after(batch, body)


def _before(batch: Batch, body: Json) -> Json:
    quorum = settings_in(batch.tx).roles[SettingChange.from_json(body).role]
    return {"signers": list(quorum.signers), "required": quorum.required}


def _confirmed(batch: Batch, _: InboxItem, change: Change) -> Json:
    """Checked again, because settings may have changed since; then the owners' keys are put to work outside."""
    _after(batch, change.body)
    ended = batch.tx.rails.outcomes()
    others = batch.tx.checks.changes(subject=SUBJECT, confirmed=True)
    if any(one.id not in ended for one in others if one.id != change.id):
        raise Refused("setting_under_way", "One change of the contract goes to the chain at a time.")
    batch.send(f"{OUTSIDE}:{change.id}:1", OUTSIDE, "", {"change": change.id, "look": 1})
    return answered(202, {"change": change.id, "subject": SUBJECT, "state": "under_way"})


def outside(ctx: Context, item: OutboxItem) -> None:
    """One look at a confirmed change: sends what is next, keeps how it ended, or looks again. Raises: Unavailable."""
    with ctx.store.work() as tx:
        found = next(one for one in tx.checks.changes(subject=SUBJECT) if one.id == item.body["change"])
        kept, is_ended = tx.rails.contract_settings(), found.id in tx.rails.outcomes()
    if is_ended:
        return
    settings = ctx.registry.read(kept)
    outcome = _performed(ctx, found, settings)
    if outcome is not None and outcome.state == "executed":
        settings = ctx.registry.read(settings)
    with ctx.store.work() as tx:
        tx.rails.put_contract_settings(settings)
        if outcome is not None:
            tx.rails.put_outcome(outcome)
        else:
            look = int(item.body["look"])
            body = {"change": found.id, "look": look + 1}
            due_at = ctx.now() + min(look, LOOK_S_MAX)
            tx.outbox.put([OutboxItem(f"{OUTSIDE}:{found.id}:{look + 1}", OUTSIDE, "", body, due_at)])
    ctx.store.wake()


def _performed(ctx: Context, change: Change, settings: ContractSettings) -> ChangeOutcome | None:
    failed = ChangeOutcome(change.id, "failed", ctx.now())
    try:
        done = ctx.registry.perform(once_of(change.id), SettingChange.from_json(change.body), settings)
    except Refused as error:
        log.warning("contract change refused", change=change.id, code=error.code, detail=error.message)
        return replace(failed, why=error.message[:WHY_CHARS_MAX])
    except Unavailable as error:
        if error.code != "rail_not_ready":
            raise
        return replace(failed, why=error.message[:WHY_CHARS_MAX])  # no registry is where the deployment says
    return ChangeOutcome(change.id, "executed", ctx.now(), done.block, done.transaction) if done else None


def once_of(change_id: str) -> str:
    """Under which name the rail's journal keeps the owners' transactions of a change."""
    return f"{OUTSIDE}:{change_id}"


def outcome_view(tx: Transaction, change: Change) -> Json | None:
    """How far a confirmed change is, or how it ended, with the transactions that the owners sent; for staff."""
    if change.subject != SUBJECT or not change.confirmed_by:
        return None
    ended = tx.rails.outcomes().get(change.id)
    sent = [(act, tx.rails.sent(f"{once_of(change.id)}:{act}")) for act in ACTS]
    return {
        "state": ended.state if ended else "under_way",
        "block": ended.block or None if ended else None,
        "at": ended.at if ended else None,
        "why": ended.why if ended else "",
        "transactions": [
            {"act": act.partition("-")[0], "hash": one.hash, "state": one.state} for act, one in sent if one
        ],
    }


def refresh(ctx: Context, kept: ContractSettings | None, *, final_time: int, final_block: int) -> None:
    """Reads the settings again where the chain went on for a while. Raises: Unavailable."""
    if kept is not None and (final_block <= kept.block or final_time < kept.block_time + READ_S):
        return
    found = ctx.registry.read(kept)
    with ctx.store.work() as tx:
        tx.rails.put_contract_settings(found)


CHANGES: dict[str, Kind] = {SUBJECT: Kind(("operator",), _check, _confirmed, _before)}
