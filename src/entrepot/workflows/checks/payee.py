"""Payee: where a participant is paid, and what must happen before it is paid elsewhere.

Another wallet or bank is a decision of two persons. From then on new terms name it, terms that are not funded yet are
quoted and signed afresh, and nothing is funded or released to it before the cooling-off is over. What is funded
already goes to the wallet that both sides signed.
"""

from __future__ import annotations

from dataclasses import replace

from entrepot.core.canonical import Json, unhex
from entrepot.core.crypto import secp256k1_recover
from entrepot.core.eip712 import Domain, Signable, Struct
from entrepot.core.errors import Refused, Unknown, declare
from entrepot.core.party import NAME_CHARS_MAX, wallet_address
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.store.records import Approval, InboxItem, Participant, PayeeChange, Wallet
from entrepot.store.store import Transaction, require_wallet_free

from ..step.answers import answered, signature_in, text_in
from ..step.batch import Batch

BIC_CHARS_MAX = 11
BANK_FIELDS = ("bank_name", "bank_bic")
SOURCE = "payee"

# What proves that a wallet is a participant's own: its key signs the participant's id. Source: EIP-712.
OWNERSHIP = Struct("WalletOwnership", (("bytes32", "participant"), ("address", "account")))

declare(
    "Refused",
    wallet_not_yours="The wallet's key did not sign for this participant.",
    payee_cooling_off="A party is paid elsewhere since a short while; payments to it begin at the time that is named.",
    payee_changed="A party is paid elsewhere since these terms were quoted; both sign again on a fresh quote.",
    payee_unchanged="This is where the participant is paid already.",
)


def ownership_digest(chain_id: int, factory: str, participant: str, address: str) -> bytes:
    """What a wallet's key signs to prove whose it is: 32 bytes."""
    return ownership(chain_id, factory, participant, address).digest()


def ownership(chain_id: int, factory: str, participant: str, address: str) -> Signable:
    """The statement that a wallet is a participant's own."""
    values = {"participant": bytes(16) + bytes.fromhex(participant), "account": address}
    return Signable(OWNERSHIP, Domain(chain_id, factory), values)


def require_owned(batch: Batch, body: Json) -> Wallet:
    """The wallet of a request, whose key signed for its participant. Raises: Refused."""
    participant, account = text_in(body, "participant", chars_max=32), text_in(body, "account", chars_max=100)
    address = wallet_address(account, chain=batch.ctx.rail.chain)
    digest = ownership_digest(batch.ctx.venue.chain_id, batch.ctx.venue.factory, participant, address)
    if secp256k1_recover(unhex(signature_in(body)), digest) != address:
        raise Refused("wallet_not_yours", "The wallet's key did not sign for this participant.")
    wallet = Wallet(account=account, participant=participant, admitted_at=batch.now)
    require_wallet_free(wallet, known=batch.tx.people.wallet(account))
    return wallet


def account_of(tx: Transaction, participant: str) -> str:
    """The account (CAIP-10) on which a participant is paid now, "" if it has none."""
    changed = [one.account for one in tx.mandates.payee_changes(participant) if one.kind == "wallet"]
    wallets = tx.people.wallets(participant)
    return changed[-1] if changed else wallets[0].account if wallets else ""


def paid_from(tx: Transaction, participant: str, account: str, *, is_funded: bool) -> int:
    """When payments to this account, and to the participant's bank, begin (Unix s); 0 if they always could.

    A funded escrow asks only whether the account's first cooling-off is over: its wallet was signed and paid to.
    """
    changes = tx.mandates.payee_changes(participant)
    here = [one.paid_from for one in changes if one.kind == "wallet" and one.account == account]
    banks = [one.paid_from for one in changes if one.kind == "bank"]
    if is_funded:
        wallets = tx.people.wallets(participant)
        is_first = bool(wallets) and wallets[0].account == account
        return 0 if is_first or not here else min(here)
    return max([*here[-1:], *banks[-1:]], default=0)


def cooling_until(batch: Batch, terms: Terms, *, is_funded: bool) -> int:
    """Until when nothing is funded (or released) under these terms because a payee is new; 0: go on."""
    parties = (terms.seller,) if is_funded else (terms.seller, terms.buyer)
    latest = max(paid_from(batch.tx, party.participant, party.wallet, is_funded=is_funded) for party in parties)
    return latest if latest > batch.now else 0


def is_outdated(batch: Batch, terms: Terms) -> bool:
    """True if a party is paid elsewhere than the terms say."""
    return any(account_of(batch.tx, party.participant) != party.wallet for party in (terms.seller, terms.buyer))


def require_payable(batch: Batch, terms: Terms) -> None:
    """Raises: Refused(payee_changed, payee_cooling_off), whatever else may stand in the way of funding."""
    if is_outdated(batch, terms):
        raise Refused("payee_changed", "A party is paid elsewhere since this quote; ask for a fresh one and sign it.")
    until = cooling_until(batch, terms, is_funded=False)
    if until:
        raise Refused("payee_cooling_off", f"A party is paid elsewhere since a short while: from {until} (Unix s) on.")


def changed(batch: Batch, participant: str, kind: str, account: str, decided_by: tuple[str, ...]) -> PayeeChange:
    """From now on the participant is paid elsewhere; every trade of it that is not funded yet is quoted afresh."""
    change = PayeeChange(
        id=batch.ctx.new_id(),
        participant=participant,
        kind=kind,
        account=account,
        changed_at=batch.now,
        paid_from=batch.now + batch.ctx.policy.payee_cooling_s,
        decided_by=decided_by,
    )
    batch.tx.mandates.put_payee_change(change)
    for settlement in batch.tx.settlements.unpaid(participant):
        batch.tx.inbox.put(
            InboxItem(
                id=batch.ctx.new_id(),
                source=SOURCE,
                key=f"{change.id}:{settlement}",
                kind="payee_changed",
                body={},
                body_sha256="",
                received_at=batch.now,
                role="operator",
                settlement=settlement,
            )
        )
    return change


def check_payee(batch: Batch, body: Json) -> None:
    """Another wallet or bank as it is asked for. Raises: Invalid, Refused, Unknown."""
    participant = _participant(batch, body)
    if body.get("account"):
        if require_owned(batch, body).account == account_of(batch.tx, participant.id):
            raise Refused("payee_unchanged", "The participant is paid on this wallet already.")
    elif _bank(body).items() <= participant.profile.items():
        raise Refused("payee_unchanged", "The participant is paid at this bank already.")


def change_payee(batch: Batch, body: Json, decided_by: tuple[str, ...]) -> Json:
    """What two persons decided: another wallet, or another bank."""
    check_payee(batch, body)
    participant = _participant(batch, body)
    if body.get("account"):
        wallet = require_owned(batch, body)
        batch.tx.people.put_wallet(wallet)
        change = changed(batch, participant.id, "wallet", wallet.account, decided_by)
    else:
        profile = {**participant.profile, **_bank(body)}
        batch.tx.people.put_participant(replace(participant, profile=profile, version=participant.version + 1))
        change = changed(batch, participant.id, "bank", "", decided_by)
    return answered(200, {"participant": participant.id, "kind": change.kind, "paid_from": change.paid_from})


def as_asked(batch: Batch, item: InboxItem, approval: Approval) -> Json:
    """The effect of an approved request of the company's own person."""
    return change_payee(batch, {**item.body, "participant": item.participant}, deciders(approval))


def deciders(approval: Approval) -> tuple[str, ...]:
    """Everybody who asked for or confirmed it."""
    return (approval.asked_by, *approval.confirmed_by)


def may_be_quoted_again(batch: Batch, settlement: Settlement) -> bool:
    """False while money is there, or while a passport to fund the old terms may still be used."""
    if settlement.funded_minor:
        return False
    given = [paper.at for paper in batch.tx.papers.of(settlement.id, kind="passport_fund")]
    return not given or max(given) + batch.ctx.policy.passport_s < min(batch.now, batch.final_time())


def _participant(batch: Batch, body: Json) -> Participant:
    found = batch.tx.people.participant(text_in(body, "participant", chars_max=32))
    if found is None:
        raise Unknown("not_found", "There is no such participant.")
    return found


def _bank(body: Json) -> dict[str, str]:
    name = text_in(body, "bank_name", chars_max=NAME_CHARS_MAX)
    return {"bank_name": name, "bank_bic": str(body.get("bank_bic", ""))[:BIC_CHARS_MAX]}
