"""No door pays a listed party: every door of REST, command line and contract stands in a table here, and is tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import pytest
from doors_ground import PRESENT_S, Ground, code_of
from doors_listed import KNOCKS, escrow_calls, escrow_refuses, knock_everywhere

from entrepot.api.app import create_app
from entrepot.commands import app as command_line
from entrepot.rails.contracts import artifact

READS = "reads only"
PAID = ("release_cleared", "refund_cleared", "reject_cleared", "return_cleared", "fee_cleared", "released", "refunded")

REST: dict[tuple[str, str], str] = {
    **dict.fromkeys(KNOCKS, "knocked at with a listed party"),
    ("POST", "/v1/dry-runs"): "test_a_dry_run_says_no_more_than_the_trade_would",
    ("POST", "/v1/settlements/{settlement}/statements"): "makes a digest, changes nothing",
    ("POST", "/v1/settlements/{settlement}/blocks"): "only ever stops a payment",
    ("POST", "/v1/settlements/{settlement}/block-reviews"): "keeps that a block was looked at; it stands",
    ("POST", "/v1/settlements/{settlement}/information-requests"): "asks a party for papers, moves nothing",
    ("POST", "/v1/information-requests/{request_id}/answers"): "keeps what a party provides, moves nothing",
    ("POST", "/v1/information-requests/wordings"): "tries a text, keeps nothing",
    ("POST", "/v1/participants"): "names a participant; terms keep the names that were screened",
    ("POST", "/v1/mandates"): "says who may act; what they do is checked as ever",
    ("POST", "/v1/payees"): "another wallet or bank, screened at the next check like the one before",
    ("POST", "/v1/approvals/{approval}/confirmations"): "does what waited through its own door, with all its checks",
    ("POST", "/v1/approvals/{approval}/refusals"): "ends what waited",
    ("POST", "/v1/reconciliations"): "compares, corrects nothing",
    ("POST", "/v1/statements"): "keeps what a bank said and compares it, corrects nothing",
    ("POST", "/v1/screenings"): "shows hits, changes nothing",
    ("POST", "/v1/changes/{change}/refusals"): "ends a proposal without effect",
    ("POST", "/v1/sessions"): "a secret for what the person may do anyway; screening asks for no secret",
    ("POST", "/v1/credentials"): "the same, for a program",
    ("DELETE", "/v1/credentials/{credential}"): "ends a secret",
    ("POST", "/v1/webhooks"): "tells a participant what it may read anyway",
    ("PATCH", "/v1/webhooks/{webhook}"): "the same, elsewhere",
    ("DELETE", "/v1/webhooks/{webhook}"): "no longer",
    ("POST", "/v1/webhooks/{webhook}/secrets"): "another secret to sign what is told",
    ("POST", "/v1/webhooks/{webhook}/tests"): "tells that nothing happened",
    ("POST", "/v1/webhooks/{webhook}/replays"): "tells it again",
    ("DELETE", "/v1/sandbox/faults/{fault}"): "ends what hinders",
    ("POST", "/v1/views"): "names a way of looking at a list",
    ("DELETE", "/v1/views/{view}"): "forgets it",
    **dict.fromkeys(
        (("POST", "/v1/sign-ins"), ("POST", "/v1/sign-ins/{attempt}"), ("POST", "/v1/passkeys/attempts"),
         ("POST", "/v1/passkeys"), ("POST", "/v1/passkeys/{passkey}/name"), ("DELETE", "/v1/passkeys/{passkey}"),
         ("POST", "/v1/invitation/attempts"), ("POST", "/v1/invitation/passkeys"), ("POST", "/v1/single-sign-on"),
         ("POST", "/v1/single-sign-on/{attempt}"), ("POST", "/v1/identities/attempts"), ("POST", "/v1/identities"),
         ("DELETE", "/v1/identities/{identity}"), ("POST", "/v1/invitation/identities/attempts"),
         ("POST", "/v1/invitation/identities")),
        "a way to show who one is: it opens a session, as what one is anyway",
    ),
    **{
        ("GET", path): READS
        for path in (
            "/v1/trades/{settlement}", "/v1/settlements", "/v1/settlements/{settlement}",
            "/v1/settlements/{settlement}/events", "/v1/settlements/{settlement}/messages",
            "/v1/settlements/{settlement}/documents", "/v1/settlements/{settlement}/papers/{paper}",
            "/v1/settlements/{settlement}/papers/{paper}/reading", "/v1/settlements/{settlement}/findings",
            "/v1/presentations", "/v1/views", "/v1/ledger/export",
            "/v1/settlements/{settlement}/evidence", "/v1/cases", "/v1/cases/{settlement}", "/v1/me",
            "/v1/information-requests", "/v1/information-requests/templates", "/v1/information-requests/{request_id}",
            "/v1/information-requests/{request_id}/files/{file}", "/v1/settlements/{settlement}/information-requests",
            "/v1/settlements/{settlement}/notices",
            "/v1/participants", "/v1/participants/{participant}", "/v1/memberships",
            "/v1/participants/{participant}/files/{kyb}",
            "/v1/wallets/ownership/{participant}/{address}", "/v1/ledger/accounts", "/v1/ledger/balances",
            "/v1/ledger/transfers", "/v1/log/checkpoint", "/v1/log/inclusion/{settlement}", "/v1/log/consistency",
            "/v1/document-templates/{kind}", "/v1/sandbox/samples/invoice", "/v1/sandbox/samples/{settlement}/{kind}",
            "/v1/stops/history",
            "/v1/decisions", "/v1/settlements/{settlement}/decisions", "/v1/measures",
            "/v1/escrow", "/v1/headroom", "/v1/disclosures", "/v1/log/checkpoints",
            "/v1/mandates", "/v1/payees", "/v1/approvals", "/v1/approvals/{approval}",
            "/v1/activity", "/v1/credentials", "/v1/sign-ins", "/v1/passkeys", "/v1/invitation",
            "/v1/single-sign-on/{attempt}", "/v1/identities",
            "/v1/stops", "/v1/assets", "/v1/contract-settings",
            "/v1/regime", "/v1/lists", "/v1/changes", "/v1/clock", "/v1/exceptions",
            "/v1/health", "/v1/metrics", "/v1/reconciliations", "/v1/reconciliations/{reconciliation}",
            "/v1/statements", "/v1/closed-periods/{period}",
            "/v1/requests/{key}", "/healthz",
            "/v1/webhooks", "/v1/webhooks/events", "/v1/webhooks/{webhook}", "/v1/webhooks/{webhook}/deliveries",
            "/v1/webhooks/{webhook}/deliveries/{delivery}", "/v1/requests", "/v1/requests/by-id/{api_request}",
            "/v1/sandbox/faults",
        )
    },
}  # fmt: skip
UNSCHEMED = {"/metrics": READS, "/v1/openapi.json": READS, "/assets": READS}

COMMANDS = {
    "serve": "opens the REST doors above",
    "work": "does what doors asked and what is due: the rest of this file",
    "init": "makes two operators, moves nothing",
    "migrate": "makes tables, moves nothing",
    "rotate-master-key": "wraps the keys of personal data anew, moves nothing",
    "simulate": "plays in a world of its own, never on this deployment's",
    "backup": "copies files, moves nothing",
    "restore": "brings files back into an empty home, and replays them; moves nothing",
    "lists load": "loads lists: can only add to what stops a payment, or delist within the shrinking bound",
    "ledger post": "posts to a ledger file of its own, never to this deployment's books",
    **dict.fromkeys(
        ("decision show", "invoice read", "ledger accounts", "ledger balances", "ledger check", "lifecycle",
         "lists status", "log checkpoint", "log consistency", "log prove", "messages check", "messages make",
         "reconcile", "regime show", "screen", "screening evaluate", "verify", "verify-close"),
        READS,
    ),
}  # fmt: skip

# Function of the contract → the blocked trade it is called on, with passports of the real keys, and what it says.
# tests/contracts/test_blocked_escrow.py has each of them where nothing but the block stops it, and its yes.
BLOCKED = "escrow is blocked"
ESCROW: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("release", "reject", "claim_fee", "return_payment", "present", "reject_presentation", "waive",
         "raise_dispute", "award"),
        ("examined", BLOCKED),
    ),
    "refund": ("expired", BLOCKED),
    **dict.fromkeys(("fund", "fund_with_permit", "fund_with_authorization"), ("examined", "already funded")),
    "hold": ("examined", "signature v is not 27 or 28"),  # an order moves no money: a lift, signed by nobody
    "initialise": ("examined", "not the factory"),
}  # fmt: skip


@dataclass
class Late:
    """Trades whose seller (or buyer) is listed after the money arrived; `all` names each by what brings it on."""

    all: dict[str, str]
    paid_before: str
    money: dict[str, int]


@pytest.fixture(scope="module")
def listed_before(ground: Ground) -> dict[str, str]:
    """Trades with a party that was listed all along, signed by both."""
    buyer, seller = ground.side_by_side(
        lambda: ground.agree("LB-1", "seller", "listed"), lambda: ground.agree("LS-1", "listed", "buyer")
    )
    return {"listed buyer": buyer, "listed seller": seller}


@pytest.fixture(scope="module")
def late(ground: Ground) -> Iterator[Late]:
    """Six trades with money in escrow and one that was paid; then the wallet of one company is listed."""
    made = ground.side_by_side(
        lambda: ground.brought_to("presented", "LATE-EXAMINED", "late", "buyer"),
        lambda: ground.brought_to("discrepant", "LATE-WAIVED", "late", "buyer"),
        lambda: ground.brought_to("disputed", "LATE-AWARDED", "late", "buyer"),
        lambda: ground.brought_to("funded", "LATE-EXPIRED", "late", "buyer", fund_s=600, present_s=PRESENT_S),
        lambda: ground.brought_to("presented", "LATE-SILENT", "late", "buyer"),
        lambda: ground.brought_to("funded", "LATE-BUYER", "seller", "late", fund_s=600, present_s=PRESENT_S),
        lambda: ground.brought_to("released", "LATE-PAID", "late", "buyer"),
    )
    names = ("examined", "waived", "awarded", "expired", "silent", "buyer")
    trades, paid = dict(zip(names, made[:6], strict=True)), made[6]
    ground.pay_bare(ground.parties["late"], ground.view(trades["expired"])["escrow"], 5_000_000)
    ground.operator.until(lambda: ground.events(trades["expired"]), lambda kinds: "mispaid" in kinds)
    ground.list_wallets(ground.parties["late"].address, "0x" + "ab" * 20)
    yield Late(trades, paid, money_of(ground, *trades.values(), paid))


def money_of(ground: Ground, *settlements: str) -> dict[str, int]:
    """As `ground.money`, but for the seller who trades elsewhere in this house too: its due here is in its escrow."""
    found = ground.money(*settlements)
    del found[ground.parties["seller"].address]
    return found


def test_every_door_stands_in_the_table() -> None:
    app = create_app(cast(Any, None), facts=cast(Any, None))
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == set(REST), "a REST door came or went: say here how it is kept from paying a listed party"
    others = {str(getattr(route, "path", "")) for route in app.routes} - {path for _, path in found}
    assert {path for path in others if path and not path.startswith("/v1/") and path != "/healthz"} <= set(UNSCHEMED)


def test_every_command_stands_in_the_table() -> None:
    def walk(part: Any, before: str = "") -> Iterator[str]:
        for name in (name for name in part if not name.startswith("-")):
            below = [entry for entry in part[name] if not entry.startswith("-")]
            yield from walk(part[name], f"{before}{name} ") if below else (f"{before}{name}",)

    assert set(walk(command_line)) == set(COMMANDS), "a command came or went: say here why it pays no listed party"


def test_every_function_of_the_escrow_stands_in_the_table() -> None:
    functions = [entry for entry in artifact("TradeEscrow")["abi"] if entry["type"] == "function"]
    changing = {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")}
    assert changing == set(ESCROW), "the escrow's doors changed: say here how each is kept from paying a listed party"


@pytest.mark.parametrize("party", ["listed buyer", "listed seller"])
def test_a_party_listed_all_along_is_paid_by_no_door(ground: Ground, listed_before: dict[str, str], party: str) -> None:
    settlement = listed_before[party]
    assert ground.until(settlement, "refused", "cleared", "in_review")["state"] == "refused"
    before = ground.money(settlement)
    answers = knock_everywhere(ground, settlement)
    ground.rest(1.5)
    own = {door: code for door, code in answers.items() if "{settlement}" in door[1]}
    assert all(own.values()), f"a door took something for a refused trade: {own}"
    assert ground.view(settlement)["state"] == "refused" and ground.money(settlement) == before
    assert not {"funding_sent", "funded", *PAID} & set(ground.events(settlement))


def test_a_party_listed_after_funding_is_paid_by_no_act(ground: Ground, late: Late) -> None:
    trades = late.all
    signature = ground.buyer(trades["waived"]).signature(trades["waived"], {"act": "waiver"})
    ground.examiner.examine(trades["examined"], complies=True)
    ground.buyer(trades["waived"]).post(f"/settlements/{trades['waived']}/waivers", {"signature": signature})
    ground.award(trades["awarded"], ground.terms(trades["awarded"]).price.amount_minor)
    for name in ("examined", "waived", "awarded"):
        ground.until(trades[name], "blocked")
    ground.pass_time(PRESENT_S + 120)  # the clock opens a refund, and silence a release
    for name in ("expired", "silent", "buyer"):
        ground.until(trades[name], "blocked")
    assert money_of(ground, *trades.values(), late.paid_before) == late.money
    for name, settlement in trades.items():
        assert not set(PAID) & set(ground.events(settlement)), name


def test_no_door_pays_once_it_is_blocked(ground: Ground, late: Late) -> None:
    trades = late.all
    answers = {name: knock_everywhere(ground, trades[name]) for name in ("examined", "expired", "buyer")}
    ground.rest()
    assert money_of(ground, *trades.values(), late.paid_before) == late.money, answers
    for name, settlement in trades.items():
        assert ground.view(settlement)["state"] == "blocked", (name, answers.get(name))
        assert not set(PAID) & set(ground.events(settlement)), name


def test_two_officers_who_lift_a_block_do_not_lift_a_listing(ground: Ground, late: Late) -> None:
    for name in ("silent", "buyer"):
        settlement = late.all[name]
        ground.by_two(ground.officer, ground.officer2, "unblock", settlement=settlement)
        ground.until_happened(settlement, "blocked", 2)
        assert ground.view(settlement)["state"] == "blocked"
    ground.rest(1.5)
    assert money_of(ground, *late.all.values(), late.paid_before) == late.money


def test_what_lies_beside_the_trade_or_was_earned_waits_too(ground: Ground, late: Late) -> None:
    fee = code_of(lambda: ground.operator.post(f"/settlements/{late.paid_before}/fee-claims"))
    mispaid = [
        entry["facts"]["transaction"]
        for entry in ground.operator.get(f"/settlements/{late.all['expired']}/events")["events"]
        if entry["event"] == "mispaid"
    ]
    back = code_of(
        lambda: ground.by_two(
            ground.officer, ground.officer2, "return_payment", settlement=late.all["expired"], transaction=mispaid[0]
        )
    )
    assert (fee, back) == ("not_cleared", "not_cleared")


def test_a_blocked_escrow_refuses_passports_of_the_real_keys(ground: Ground, late: Late) -> None:
    calls = {}
    for short in ("examined", "expired"):
        escrow = {"to": ground.view(late.all[short])["escrow"], "data": "0x" + _selector("blocked")}
        ground.operator.until(lambda call=escrow: int(ground.node.call("eth_call", call, "latest"), 16), bool, 20)
        calls[short] = escrow_calls(ground, late.all[short])
        assert set(calls[short]) == set(ESCROW)
    for name, (short, reason) in ESCROW.items():
        terms = ground.terms(late.all[short])
        senders = {terms.buyer_address, terms.seller_address, terms.venue.fee_recipient}
        if name == "fund":  # the one function that asks who sends: nobody else gets as far as the reason
            senders = {terms.buyer_address}
        for sender in senders:
            said = escrow_refuses(ground, late.all[short], name, calls[short][name], sender)
            assert said == reason, f"{name} from {sender}: {said or 'went through'}"


def test_passports_of_the_real_keys_pay_where_nothing_is_blocked(ground: Ground, late: Late) -> None:
    """The control of the test above: passports made in the very same way, on escrows without a block."""
    funded = ground.brought_to("funded", "CONTROL-1", "seller", "buyer")
    for settlement, name in ((funded, "reject"), (late.paid_before, "claim_fee")):
        args, sender = escrow_calls(ground, settlement)[name], ground.terms(settlement).seller_address
        assert escrow_refuses(ground, settlement, name, args, sender) == "", name


@pytest.fixture
def fresh_lists_again(ground: Ground) -> Iterator[None]:
    """Whatever a test did to the lists, the next one finds them fresh."""
    yield
    ground.reload_lists()


@pytest.mark.usefixtures("fresh_lists_again")
def test_nothing_settles_while_lists_are_stale_or_missing(ground: Ground) -> None:
    first = ground.brought_to("presented", "PAUSE-1", "seller", "buyer")
    cleared = ground.agree("PAUSE-2", "seller", "buyer")
    ground.until(cleared, "cleared")
    money = ground.money(first, cleared)
    aged = "UPDATE list_versions SET verified_at = verified_at - 90000"
    gone = "DELETE FROM list_versions WHERE source = 'INVENTED'"
    for number, (act, code) in enumerate(((aged, "lists_stale"), (gone, "lists_missing"))):
        with psycopg.connect(ground.house.database.owner_dsn) as connection:
            connection.execute(act)
        fresh = ground.agree(f"PAUSE-N{number}", "seller", "buyer")
        if not number:
            ground.examiner.examine(first, complies=True)
        refused = code_of(lambda: ground.buyer(cleared).fund(cleared))
        assert refused, f"funded while {code}"
        for one in (first, fresh):
            ground.until_paused(one, code)
        ground.rest(1.5)
        assert [ground.view(one)["state"] for one in (first, cleared, fresh)] == ["presented", "cleared", "agreed"]
        assert ground.money(first, cleared) == money
    ground.reload_lists()
    ground.until(first, "released")  # the nearest yes
    ground.until(fresh, "cleared")


def test_a_stop_by_two_supervisors_stops_funding_and_payouts(ground: Ground) -> None:
    first, second = ground.side_by_side(
        lambda: ground.brought_to("presented", "STOP-1", "seller", "buyer"),
        lambda: ground.agree("STOP-2", "seller", "buyer"),
    )
    ground.until(second, "cleared")
    money = ground.money(first, second)
    alone = {"subject": "stop", "body": {"grade": "all", "until": ground.now() + 60}, "reason": "alone"}
    change = ground.supervisor.post("/changes", alone)["change"]
    assert code_of(lambda: ground.supervisor.post(f"/changes/{change}/confirmations")) == "same_person"
    ground.stop_all("all", 9)
    ground.examiner.examine(first, complies=True)
    assert code_of(lambda: ground.buyer(second).fund(second)), "funded while stopped"
    assert code_of(lambda: ground.propose("STOP-3", "seller", "buyer")) == "new_trades_stopped"
    ground.rest(2)
    assert ground.money(first, second) == money and ground.view(first)["state"] == "presented"
    ground.until(first, "released")  # the nearest yes: the stop has its end


def test_a_dry_run_says_no_more_than_the_trade_would(ground: Ground) -> None:
    import base64

    from entrepot.documents import samples

    def reasons(made: str) -> Any:
        body = {
            "invoice_base64": base64.b64encode(samples.ubl_invoice(ground.facts[made])).decode(),
            "buyer": ground.buyer(made).participant,
        }
        return ground.seller(made).post("/dry-runs", body)

    made = ground.propose("DRY-1", "seller", "listed")
    ground.seller(made).post(f"/trades/{made}/withdrawal")
    said = reasons(made)
    assert (said["rules_met"], said["reasons"]) == (True, []), "a hit on the other side is no part of it"
    assert "once both have signed" in said["not_part"]


def test_a_delisted_party_is_paid_after_two_officers_lifted_the_block(ground: Ground, late: Late) -> None:
    settlement = late.all["examined"]
    before = ground.holds(ground.seller(settlement).address)
    ground.list_wallets("0x" + "ab" * 20, "0x" + "cd" * 20)
    ground.rest(1.5)
    assert ground.view(settlement)["state"] == "blocked", "delisting alone lifts no block"
    ground.by_two(ground.officer, ground.officer2, "unblock", settlement=settlement)
    ground.until(settlement, "released")
    paid = ground.holds(ground.seller(settlement).address) - before
    assert paid == ground.terms(settlement).price.amount_minor


def _selector(name: str) -> str:
    from entrepot.rails.evm_calls import ESCROW as CONTRACT

    return CONTRACT.call(name).hex()
