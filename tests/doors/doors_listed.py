"""Every door, knocked at for one settlement by whoever may use it, with everything signed as it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doors_ground import Ground

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.crypto import sha256
from entrepot.demo.client import Client, Problem
from entrepot.rails.abi import revert_reason
from entrepot.rails.evm_calls import ESCROW
from entrepot.rails.node import NodeError
from entrepot.signers.keystore import Purpose

Knock = Callable[[Ground, str], Any]
GOOD_SIGNATURE = "0x" + "11" * 65


def _signed(client: Client, settlement: str, act: str, **about: Any) -> str:
    return client.signature(settlement, {"act": act, **about})


def _again(ground: Ground, settlement: str) -> Any:
    """The same parties try another invoice; it must not get past the checks."""
    seller, buyer = ground.sides[settlement]
    made = ground.agree(f"AGAIN-{settlement[:12]}-{ground.now()}", seller, buyer, keys=ground.new_keys)
    ground.until(made, "refused")


def _waive(ground: Ground, settlement: str) -> Any:
    buyer = ground.buyer(settlement)
    signature = _signed(buyer, settlement, "waiver")
    return buyer.post(f"/settlements/{settlement}/waivers", {"signature": signature})


def _examine(ground: Ground, settlement: str) -> Any:
    return ground.examiner.examine(settlement, complies=True)


def _dispose(ground: Ground, settlement: str) -> Any:
    body = {"verdict": "clear", "reason": "let it pass"}
    ground.officer.post(f"/cases/{settlement}/dispositions", body)
    return ground.officer2.post(f"/cases/{settlement}/dispositions", body)


def _clean_wallet(ground: Ground, settlement: str) -> Any:
    """The listed party admits another wallet of its own, which nobody listed, to trade with it from now on."""
    (short,) = {"listed", "late"} & {*ground.sides[settlement]}
    party, key = ground.parties[short], sha256(short.encode())
    other = Client(party.base_url, party.secret, key, party.name, party.participant)
    digest = party.get(f"/wallets/ownership/{party.participant}/{other.address}")["digest"]
    body = {"participant": party.participant, "account": f"eip155:{ground.house.chain_id}:{other.address}"}
    body |= {"signature": other.sign(digest)}
    ground.new_keys[short] = key
    try:
        return party.post("/wallets", body)
    except Problem as refused:  # alone it may not; two operators may
        assert refused.code == "wallet_change_by_two"
        return ground.by_two(ground.operator, ground.people["operator-2"], "wallet", **body)


def _freeze_and_lift(ground: Ground, settlement: str) -> Any:
    until = ground.now() + 600
    ground.by_two(ground.supervisor, ground.supervisor2, "freeze", settlement=settlement, until=until)
    return ground.by_two(ground.supervisor, ground.supervisor2, "unfreeze", settlement=settlement)


def _unblock(ground: Ground, settlement: str) -> Any:
    """Two officers lift the block while the listing lasts: the checks must find it again."""
    return ground.by_two(ground.officer, ground.officer2, "unblock", settlement=settlement)


def _return(ground: Ground, settlement: str) -> Any:
    events = ground.operator.get(f"/settlements/{settlement}/events")["events"]
    hashes = [entry["facts"]["transaction"] for entry in events if "transaction" in entry["facts"]]
    transaction = hashes[-1] if hashes else "0x" + "00" * 32
    return ground.by_two(
        ground.officer, ground.officer2, "return_payment", settlement=settlement, transaction=transaction
    )


def _dispute(ground: Ground, settlement: str) -> Any:
    return ground.dispute(settlement, "seller")


def _post(who: str, path: str, body: dict[str, Any] | None = None) -> Knock:
    def knock(ground: Ground, settlement: str) -> Any:
        client = {
            "seller": ground.seller(settlement),
            "buyer": ground.buyer(settlement),
            "operator": ground.operator,
            "officer": ground.officer,
        }[who]
        return client.post(path.format(settlement=settlement), body)

    return knock


def _faults(ground: Ground, settlement: str) -> Any:
    """What may go wrong on purpose while the checks run. A stranger's payment would only bring the escrow money."""
    buyer = ground.buyer(settlement)
    buyer.post("/sandbox/faults", {"kind": "webhook_failing", "lasts_s": 2})
    return buyer.post("/sandbox/faults", {"kind": "reply_lost", "lasts_s": 2})


# (method, path) of the door → how it is tried for a settlement with a listed party. In this order.
KNOCKS: dict[tuple[str, str], Knock] = {
    ("POST", "/v1/settlements/{settlement}/examinations"): _examine,
    ("POST", "/v1/settlements/{settlement}/waivers"): _waive,
    ("POST", "/v1/settlements/{settlement}/disputes"): _dispute,
    ("POST", "/v1/settlements/{settlement}/awards"): lambda ground, made: ground.award(made, 1_000_000),
    ("POST", "/v1/settlements/{settlement}/funding"): lambda ground, made: ground.buyer(made).fund(made),
    ("POST", "/v1/settlements/{settlement}/presentations"): lambda ground, made: ground.seller(made).present(
        made, ground.documents(made)
    ),
    ("POST", "/v1/settlements/{settlement}/fee-claims"): _post("operator", "/settlements/{settlement}/fee-claims"),
    ("POST", "/v1/trades/{settlement}/signatures"): lambda ground, made: ground.buyer(made).sign_terms(made),
    ("POST", "/v1/trades/{settlement}/withdrawal"): _post("buyer", "/trades/{settlement}/withdrawal"),
    ("POST", "/v1/quotes"): lambda ground, made: ground.seller(made).post("/quotes", {"settlement": made}),
    ("POST", "/v1/cases/{settlement}/dispositions"): _dispose,
    ("POST", "/v1/wallets"): _clean_wallet,
    ("POST", "/v1/changes"): _freeze_and_lift,
    ("POST", "/v1/changes/{change}/confirmations"): _return,
    ("POST", "/v1/trades"): _again,
    ("POST", "/v1/lists"): lambda ground, made: ground.reload_lists(),
    ("POST", "/v1/sandbox/faults"): _faults,
    ("POST", "/v1/clock"): lambda ground, made: ground.pass_time(60),
}


def knock_everywhere(ground: Ground, settlement: str) -> dict[tuple[str, str], str]:
    """What each door answered: the refusal's code, "" where it was taken."""
    answers: dict[tuple[str, str], str] = {}
    for door, knock in KNOCKS.items():
        try:
            knock(ground, settlement)
            answers[door] = ""
        except Problem as refused:
            answers[door] = refused.code
    return answers


# ---- the contract's doors


def escrow_calls(ground: Ground, settlement: str) -> dict[str, tuple[Any, ...]]:
    """Arguments for every function that changes something, each with a passport that the real keys signed just now."""
    terms, view = ground.terms(settlement), ground.view(settlement)
    onchain = terms.onchain()
    from entrepot.core.passport import STRUCT as PASSPORT
    from entrepot.core.passport import Act, Passport
    from entrepot.core.terms import STRUCT as TERMS

    struct = tuple(onchain[name] for _, name in TERMS.fields)
    escrow, now = view["escrow"], int(ground.node.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    sequence = int(ground.node.call("eth_call", {"to": escrow, "data": hex0x(ESCROW.call("sequence"))}, "latest"), 16)
    keys = sorted(ground.keys.accounts(Purpose.PASSPORT, 2), key=lambda key: key.address)

    def passport(act: Act, payee: str, amount: int, signers: int = 1) -> tuple[tuple[Any, ...], list[bytes]]:
        made = Passport(
            escrow=escrow, terms_hash=view["terms_hash"], act=act, payee=payee, token=terms.token_address,
            amount_minor=amount, sequence=sequence, valid_from=now - 60, valid_until=now + 3600,
            decision_sha256="0x" + "00" * 32,
        )  # fmt: skip
        values = made.values()
        signatures = [key.sign_digest(made.digest(terms.domain)) for key in keys[:signers]]
        return tuple(values[name] for _, name in PASSPORT.fields), signatures

    price, total = terms.price.amount_minor, terms.total.amount_minor
    word, signature = b"\x01" * 32, b"\x11" * 65
    seller, buyer = terms.seller_address, terms.buyer_address
    return {
        "fund": (struct, *passport(Act.FUND, escrow, total)),
        "fund_with_permit": (struct, *passport(Act.FUND, escrow, total), now + 3600, 27, word, word),
        "fund_with_authorization": (struct, *passport(Act.FUND, escrow, total), 1, 0, now + 3600, signature),
        "release": (struct, price, *passport(Act.RELEASE, seller, price), []),
        "refund": (struct, *passport(Act.REFUND, buyer, total)),
        "reject": (struct, *passport(Act.REJECT, buyer, total)),
        "claim_fee": (struct, *passport(Act.FEE, terms.venue.fee_recipient, 1)),
        "return_payment": (struct, terms.token_address, seller, 1, *passport(Act.RETURN, seller, 1, 2)),
        "present": (struct, word, signature),
        "reject_presentation": (struct, [signature]),
        "waive": (struct, word, signature),
        "raise_dispute": (struct, word, signature),
        "award": (struct, price, [signature, signature]),
        "hold": (struct, 3, 0, word, [signature, signature]),
        "initialise": (word,),
    }


def escrow_refuses(ground: Ground, settlement: str, name: str, args: tuple[Any, ...], sender: str) -> str:
    """The reason that the escrow reverts a call with; "" if it would have gone through."""
    call = {"from": sender, "to": ground.view(settlement)["escrow"], "data": hex0x(ESCROW.call(name, *args))}
    try:
        ground.node.call("eth_call", call, "latest")
    except NodeError as refused:
        reason = revert_reason(unhex(refused.data))
        assert reason, f"{name}: {refused} {refused.data}"
        return reason
    return ""
