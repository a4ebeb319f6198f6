"""What a thief writes into an invoice or calls a company is text on every page, for every role."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from doors_ground import Ground

from entrepot.documents import samples
from entrepot.documents.stated import DeliveryTerms, InvoiceLine, StatedParty
from portal_walk import Person, sign_in, walk

pytestmark = pytest.mark.slow
IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "\"'><script>alert(2)</script>"
EVIL = StatedParty(
    name=f"Evil {IMAGE} Ltd", country="PT", registration=f"PT{SCRIPT}"[:60], address=(SCRIPT, f"{IMAGE} Porto")
)
INJECTED = """() => document.querySelectorAll(
  "script:not([src]), [onerror], [onload], [onclick], img[src='x'], svg[onload], a[href^='javascript']").length"""


def test_markup_in_every_field_of_an_invoice_stays_text_on_every_page(ground: Ground, browser: Any) -> None:
    ground.casting.company("evil", EVIL)
    evil = ground.casting.credentials.client("treasurer-evil", ground.house.base_url)
    facts = dataclasses.replace(
        ground.trade_facts("X", "carol", "dave"),
        invoice_number=f"XSS-{SCRIPT}",
        seller=EVIL,
        lines=(InvoiceLine("1", f"Beans {IMAGE}{SCRIPT}", "090111", Decimal(10), "KGM", Decimal("99.00")),),
        delivery=DeliveryTerms("FOB", f"Porto {IMAGE}"),
    )
    made = evil.propose(samples.ubl_invoice(facts), ground.parties["dave"].participant)
    for client in (evil, ground.parties["dave"]):
        client.sign_terms(made)
    seen = 0
    for who in ("treasurer-evil", "treasurer-dave", "operator-1", "officer-1", "supervisor-1", "examiner"):
        page = sign_in(browser.new_context(), ground.house.base_url, Person(who, ""))
        page.on("dialog", lambda dialog, who=who: pytest.fail(f"{who}: {dialog.message}"))
        for path in walk(page, ground.house.base_url, settlements_max=1):
            assert page.evaluate(INJECTED) == 0, f"{who} {path}"
            seen += IMAGE in page.inner_text("body")
        page.goto(f"{ground.house.base_url}/settlements/{made}")
        assert page.evaluate(INJECTED) == 0 and IMAGE in page.inner_text("body")
        page.context.close()
    assert seen > 6  # it stands there, as text
