"""The disclosure log, and the purpose that a person of the house states for a session."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...language import marked
from ...navigation import ROLES
from ...page import localised, page, shown
from ...visitor import Visitor, form_of, keep_purpose, purpose_in, visitor_of

PAGE = 50
STAFF = ("operator", "officer", "supervisor")
WHAT = {
    "case": marked("a case"),
    "cases": marked("the list of cases"),
    "decision": marked("a decision"),
    "decisions": marked("the list of decisions"),
    "document": marked("a document's original"),
    "evidence": marked("evidence"),
    "participant": marked("a participant's file"),
    "participants": marked("the list of participants"),
}


async def disclosures(request: Request, visitor: Visitor) -> Response:
    """Who was shown what, newest first."""
    before, language = request.query_params.get("before", ""), visitor.language
    query = {"before": before} if before.isdigit() and len(before) < 16 else {}
    told = await visitor.door.get("/disclosures", limit=PAGE, **query)
    return page(
        request,
        visitor,
        "supervisor/disclosures.html",
        at="/disclosures",
        rows=told["disclosures"],
        next=told["next"],
        is_staff=visitor.role in STAFF,
        has_purpose=visitor.role in told["purposes"],
        default_purpose=visitor.language.say(told["purposes"].get(visitor.role, "")),
        default_purposes=told["purposes"].values(),
        purpose=purpose_in(request, visitor.me["person"]),
        what_says=localised(language, WHAT),
        role_says=localised(language, ROLES),
    )


async def purpose(request: Request) -> Response:
    """Keeps the purpose for this session; an empty one is the role's own again."""
    visitor = await visitor_of(request)
    form: FormData = await form_of(request, visitor)
    response = RedirectResponse("/disclosures", status_code=303)
    keep_purpose(response, request, visitor.me["person"], str(form.get("purpose", "")))
    return response


ROUTES = [
    Route("/disclosures", shown(disclosures)),
    Route("/disclosures/purpose", purpose, methods=["POST"]),
]
