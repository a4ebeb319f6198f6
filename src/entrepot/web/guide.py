"""The guided first minute of a sandbox: who you are, what to press, what just happened, and whose turn it is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .language import marked
from .visitor import Visitor, keep_choice, own_path, visitor_of

COOKIE = "entrepot_guide"
NEW, LIST = "new", "list"


@dataclass(frozen=True, slots=True)
class Step:
    """One place on the way: what happened, what to press, who is next (a side or a role), what may be filled in."""

    happened: str
    press: str
    next: str = ""
    fill: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A step as it is shown: `next` is the demo person to become (id and name), `fill` what a sample is fetched for."""

    you: str
    step: Step
    next_id: str = ""
    next_name: str = ""
    fill: str = ""
    settlement: str = ""


ROLES = {
    "treasurer": marked("You are {name}, who acts for a company: it sells and it buys."),
    "operator": marked("You are {name}, an operator: you admit companies and resolve what went wrong."),
    "officer": marked("You are {name}, a compliance officer: with a second officer you clear or refuse a hit."),
    "supervisor": marked("You are {name}, a supervisor: you see why each payment was allowed, and may only stop."),
    "examiner": marked("You are {name}, the examiner of record: you say whether documents comply."),
    "arbiter": marked("You are {name}, an arbiter: you decide a dispute."),
    "engineer": marked("You are {name}, an engineer: your programs use the API."),
}
SIDES = {
    "seller": marked("You are {name}, the seller."),
    "buyer": marked("You are {name}, the buyer."),
}

# (state as this reader sees it, side or role) → the step. Where a row is missing, the guide says only who you are.
STEPS: dict[tuple[str, str], Step] = {
    (LIST, "treasurer"): Step(
        marked("Some sales were played while this demo started; those of this company stand in the list."),
        marked("Begin one of your own: press “New invoice”."),
    ),
    (NEW, "treasurer"): Step(
        marked("Nothing yet. An invoice becomes a firm quote in about a second."),
        marked("Press “Use a sample invoice”, then “Get a firm quote”."),
        fill="invoice",
    ),
    ("quoted", "seller"): Step(
        marked("The invoice was read, and a firm quote is on the page: both amounts, the fee and the whole cost."),
        marked("Sign the terms, then be the buyer and sign them too."),
        "buyer",
    ),
    ("quoted", "buyer"): Step(
        marked("The seller's invoice came with a firm quote."),
        marked("Sign the terms. Once both have signed, the checks run."),
        "seller",
    ),
    ("signed", "seller"): Step(
        marked("You signed the hash of the terms with your company's own key."),
        marked("It is the buyer's move: be the buyer and sign the same terms."),
        "buyer",
    ),
    ("signed", "buyer"): Step(
        marked("You signed the hash of the terms with your company's own key."),
        marked("It is the seller's move: be the seller and sign the same terms."),
        "seller",
    ),
    ("checking", "seller"): Step(
        marked("Both have signed one hash over the terms."),
        marked("Nothing to press: the page changes by itself."),
        "buyer",
    ),
    ("checking", "buyer"): Step(
        marked("Both have signed one hash over the terms."),
        marked("Nothing to press: the page changes by itself."),
        "seller",
    ),
    ("cleared", "seller"): Step(
        marked("Everybody in the sale was screened, and the regime's rules allow it."),
        marked("It is the buyer's move: be the buyer and pay into escrow."),
        "buyer",
    ),
    ("cleared", "buyer"): Step(
        marked("Everybody in the sale was screened, and the regime's rules allow it."),
        marked("Press “Pay into escrow”: your key signs this one payment and no other."),
        "seller",
    ),
    ("funding", "buyer"): Step(
        marked("Your signature went to the chain with a passport that says the payment was checked."),
        marked("Wait until the payment is final; then be the seller and present the documents."),
        "seller",
    ),
    ("funding", "seller"): Step(
        marked("The buyer's payment is on its way into escrow."), marked("Wait until it is final.")
    ),
    ("funded", "seller"): Step(
        marked("The money waits in this settlement's own escrow; neither side can take it alone."),
        marked("Press “Use sample papers”, then “Present documents”."),
        "buyer",
        fill="papers",
    ),
    ("funded", "buyer"): Step(
        marked("Your money waits in this settlement's own escrow; neither side can take it alone."),
        marked("It is the seller's move: be the seller and present the documents."),
        "seller",
    ),
    ("presented", "seller"): Step(
        marked("The escrow has recorded the hash of your documents; the clock of the expiry stands still."),
        marked("Be the examiner, and see what the rules found."),
        "examiner",
    ),
    ("presented", "buyer"): Step(
        marked("The documents are with the examiner; silence would count as yes."),
        marked("Be the examiner, and see what the rules found."),
        "examiner",
    ),
    ("presented", "examiner"): Step(
        marked("The machine compared the documents with the terms; what it found is on the page."),
        marked("Sign that they comply. The checks run once more, and the escrow pays."),
        "seller",
    ),
    ("differs", "examiner"): Step(
        marked("The machine compared the documents with the terms, and found what differs."),
        marked("Sign that they differ: the notice names every discrepancy to both sides."),
        "seller",
    ),
    ("releasing", "seller"): Step(marked("The checks ran again and were clear."), marked("Wait for the payment.")),
    ("releasing", "buyer"): Step(marked("The checks ran again and were clear."), marked("Wait for the payment.")),
    ("releasing", "examiner"): Step(
        marked("You signed, and the checks ran again."), marked("See how the seller is paid."), "seller"
    ),
    ("released", "seller"): Step(
        marked("You were paid. The ledger, the chain, and two bank messages say the same."),
        marked("Download the evidence and verify it yourself; or be the supervisor, and see why it was allowed."),
        "supervisor",
    ),
    ("released", "buyer"): Step(
        marked("The seller was paid. The ledger, the chain, and two bank messages say the same."),
        marked("Download the evidence and verify it yourself; or be the supervisor, and see why it was allowed."),
        "supervisor",
    ),
    ("released", "examiner"): Step(marked("The seller was paid."), marked("See it with the seller's eyes."), "seller"),
    ("in_review", "officer"): Step(
        marked("A name in this sale resembles a listed one; nothing moves until two officers agree."),
        marked("Open the case in your queue."),
    ),
    ("released", "supervisor"): Step(
        marked("This payment was allowed twice: before the money came in, and before it went out."),
        marked("Look at the reasons and their sources; then at the log, whose proof your own browser checks."),
    ),
}


def guide_for(request: Request, visitor: Visitor, at: str, values: Mapping[str, Any]) -> Guide | None:
    """The guide of this page; None outside a sandbox and for whoever put it away."""
    people = request.app.state.demo_people
    if people is None or request.cookies.get(COOKIE) == "off":
        return None
    known, view = people(), values.get("view")
    language = visitor.language
    side = visitor.side_in(view) if view else ""
    who = side or visitor.role
    state = str(view["state"]) if view else (NEW if at == "/new" else LIST)
    if view and state == "quoted" and side in view["signed_by"]:
        state = "signed"
    if (state, who) == ("presented", "examiner") and values.get("found_count"):
        state = "differs"
    is_held_up = state in ("cleared", "checking") and getattr(request.state, "stops", [])
    step = STEPS.get((state, who), Step("", "")) if not is_held_up else Step("", "")
    you = language.say(
        SIDES.get(side) or ROLES.get(visitor.role, ROLES["treasurer"]),
        name=visitor.me["participant_name"] if visitor.role == "treasurer" else visitor.me["name"],
    )
    found = next(((id_, one.name) for id_, one in sorted(known.items()) if _is(one, step.next, view)), ("", ""))
    return Guide(str(you), step, found[0], found[1], step.fill, str(view["id"]) if view else "")


def _is(person: Any, wanted: str, view: Mapping[str, Any] | None) -> bool:
    if wanted in ("seller", "buyer") and view:
        return bool(person.role == "treasurer" and person.participant == view[wanted])
    return bool(wanted and person.role == wanted)


async def away(request: Request) -> Response:
    """Puts the guide away, or takes it out again: a choice of this browser, which opens nothing."""
    form = await request.form(max_files=0, max_fields=5)
    response = RedirectResponse(own_path(str(form.get("back", "/"))), status_code=303)
    keep_choice(response, COOKIE, "off" if form.get("guide") == "off" else "on")
    return response


async def sample(request: Request) -> Response:
    """A sample invoice to the demo's buyer, or a sample paper of a settlement, for the page's file inputs."""
    visitor = await visitor_of(request)
    settlement, kind = request.path_params["settlement"], request.path_params["kind"]
    if kind == "invoice" and settlement == "new":
        ours = visitor.me["participant"]
        buyers = [one.participant for id_, one in sorted(request.app.state.demo_people().items()) if "buyer" in id_]
        buyer = next((one for one in buyers if one != ours), "")
        found = await visitor.door.fetch("/sandbox/samples/invoice", buyer=buyer)
        return Response(found.content, media_type="application/xml", headers={"x-buyer": buyer})
    found = await visitor.door.fetch(f"/sandbox/samples/{settlement}/{kind}")
    return Response(found.content, media_type="application/octet-stream")


ROUTES = [
    Route("/guide", away, methods=["POST"]),
    Route("/guide/{settlement:str}/{kind:str}", sample),
]
