"""What the OpenAPI document says for all doors at once: how one signs in, what 202 means, what a refusal looks like.

A door's own text stays with the door; here is only what is the same everywhere, described once and referred to.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from .ask import PROBLEM, STILL_OPEN

Json = dict[str, Any]

SAYS = f"""Settlement of cross-border trade with digital assets: no payment without proof.

**Sign in** with `Authorization: Bearer KEY`; keys are made on the portal's developer pages.

**Every change carries an `Idempotency-Key`.** The same key again gives the same answer and does nothing twice.

**200 and 201** are done. **202** is not done yet, and `state` is the one word that says why. `{STILL_OPEN}`: the \
worker has not answered; ask again at `Location`. Any other word: it was taken, and waits for what the word says.

**A refusal** is `application/problem+json` (RFC 9457) with a stable `code`. 409: a rule says no, do not retry. \
422: mend the request. 503: retry with the same key. Every answer carries `X-Request-Id`.

**Versions.** Within v1 members may be added to answers; none goes away or changes its meaning."""
REFUSALS = {
    "401": ("NotSignedIn", "Not signed in: no credential, or one that is unknown or has ended."),
    "404": ("NotThere", "It is not there, or it is not yours: the two look alike."),
    "409": ("Refused", "The request is sound and a rule says no. Do not retry."),
    "422": ("Malformed", "The request is malformed; `path` says where, if one place is at fault."),
    "429": ("TooMany", "Too many attempts from one address."),
    "503": ("Unavailable", "No final answer from outside. Retry with the same Idempotency-Key."),
}
_TEXT: Json = {"type": "string"}
PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "Why something was not done (RFC 9457). `code` is stable; `detail` says it with its numbers.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:entrepot:error:", "examples": ["urn:entrepot:error:not_found"]},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$", "examples": ["not_found"]},
        "path": {"type": "string", "description": "The member of the request that is at fault."},
        "cites": {"type": "array", "items": _TEXT, "description": "The rules that it rests on."},
    },
}
ACCEPTED_SCHEMA: Json = {
    "type": "object",
    "description": "Taken and not done yet; `state` says in one word what it waits for.",
    "required": ["state"],
    "properties": {"state": {"type": "string", "pattern": "^[a-z_]+$", "examples": [STILL_OPEN]}},
}
LOCATION: Json = {
    "description": f"Where the answer will be, while `state` is `{STILL_OPEN}`.",
    "schema": {"type": "string", "format": "uri-reference"},
}
BEARER: Json = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key, or the secret of a session or an invitation.",
}


def complete(app: FastAPI) -> None:
    """Has the application's document completed when it is first asked for."""
    generated = app.openapi

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = completed(generated())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def completed(document: Json) -> Json:
    """The document with a security scheme, problems and 202 described once."""
    for methods in document["paths"].values():
        for operation in methods.values():
            _complete(operation)
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {"Problem": PROBLEM_SCHEMA, "Accepted": ACCEPTED_SCHEMA}
    parts["securitySchemes"] = {"bearer": BEARER}
    parts["responses"] = {name: _refusal(says) for name, says in REFUSALS.values()} | {"Accepted": _accepted()}
    return document


def _complete(operation: Json) -> None:
    named = {one["name"] for one in operation.get("parameters", [])}
    operation["parameters"] = [one for one in operation.get("parameters", []) if one["name"] != "authorization"]
    is_signed = "authorization" in named
    operation["security"] = [{"bearer": []}] if is_signed else []
    statuses = ["401"] if is_signed else ["429"]
    statuses += ["404"] if any(one["in"] == "path" for one in operation["parameters"]) else []
    statuses += ["409", "503"] if "Idempotency-Key" in named else []
    if "Idempotency-Key" in named:
        operation["responses"]["202"] = {"$ref": "#/components/responses/Accepted"}
    for status in [*statuses, "422"]:
        operation["responses"][status] = {"$ref": f"#/components/responses/{REFUSALS[status][0]}"}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _refusal(says: str) -> Json:
    return {"description": says, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _accepted() -> Json:
    body = {"schema": {"$ref": "#/components/schemas/Accepted"}}
    return {
        "description": ACCEPTED_SCHEMA["description"],
        "headers": {"Location": LOCATION},
        "content": {"application/json": body},
    }
