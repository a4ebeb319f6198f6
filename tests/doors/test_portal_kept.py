"""What a refused form keeps: nobody types or chooses twice what a browser or the page can hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors_ground import Ground

from entrepot.documents import samples
from entrepot.web.pages.treasury.invoice import KEPT_BYTES_MAX, File

pytestmark = pytest.mark.slow


def test_a_refused_award_is_still_there_as_it_was_typed(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("disputed", "KEPT-AWARD", "seller", "buyer")
    arbiter = enter("arbiter-1")
    arbiter.goto(f"{ground.house.base_url}/settlements/{made}")
    if arbiter.get_attribute("#act-award", "open") is None:
        arbiter.click("#act-award summary")
    arbiter.fill("#to_seller", "1,234.50")
    arbiter.fill("#signatures", "0x12")
    with arbiter.expect_navigation():
        arbiter.click("text=Sign and send the award")
    assert "Nothing was changed" in arbiter.inner_text("#problem")
    assert arbiter.get_attribute("#act-award", "open") is not None
    assert (arbiter.input_value("#to_seller"), arbiter.input_value("#signatures")) == ("1,234.50", "0x12")
    assert not arbiter.input_value("#act-award [name=signature]"), "a signature is made anew"
    arbiter.reload()
    assert arbiter.url.endswith(f"/settlements/{made}/award") or arbiter.url.endswith(made)


def test_an_invoice_chosen_once_serves_every_further_try(ground: Ground, enter: Any, tmp_path: Path) -> None:
    paper = tmp_path / "our invoice.xml"
    paper.write_bytes(samples.ubl_invoice(ground.trade_facts("KEPT-FILE", "seller", "buyer")))
    seller = enter("treasurer-seller")
    seller.goto(f"{ground.house.base_url}/new")
    seller.set_input_files("#invoice", paper)
    seller.fill("#buyer", "Nobody of this name")
    with seller.expect_navigation():
        seller.click("button:has-text('Get a firm quote')")
    assert "our invoice.xml" in seller.inner_text("#kept") and "No company" in seller.inner_text("#problem")
    seller.fill("#buyer", ground.parties["buyer"].participant)
    with seller.expect_navigation():
        seller.click("button:has-text('Does it meet the rules?')")
    assert "our invoice.xml" in seller.inner_text("#kept") and "dry run" in seller.inner_text("#would")
    seller.click("button:has-text('Get a firm quote')")
    seller.wait_for_url(re.compile(r"/settlements/[0-9a-f]{32}$"))
    assert "KEPT-FILE" in seller.inner_text("main") or "KEPT-FILE" in seller.inner_text(".crumbs")


def test_a_file_that_is_no_invoice_or_too_large_is_named_and_not_kept(
    ground: Ground, enter: Any, tmp_path: Path
) -> None:
    paper = tmp_path / "nothing.xml"
    paper.write_bytes(b"<a/>")
    seller = enter("treasurer-seller")
    seller.goto(f"{ground.house.base_url}/new")
    seller.set_input_files("#invoice", paper)
    seller.fill("#buyer", ground.parties["buyer"].participant)
    with seller.expect_navigation():
        seller.click("button:has-text('Get a firm quote')")
    assert "nothing.xml was not kept" in seller.inner_text("#problem") and not seller.locator("#kept").count()
    assert File("large.pdf", b"a" * (KEPT_BYTES_MAX + 1)).carried == ""


def test_what_a_page_carries_is_read_like_any_file(ground: Ground) -> None:
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        http.post("/sign-in/demo", data={"person": "treasurer-seller", "next": "/"})
        page = http.get("/new").text
        token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
        assert token
        for carried in ("PGEvPg==", "%%%", "<script>"):
            sent = {
                "form_token": token[1],
                "once": carried[:3],
                "buyer": "x",
                "kept_base64": carried,
                "kept_name": "<b>",
            }
            answer = http.post("/new", data=sent)
            assert (
                answer.status_code == 422 and "<script>alert" not in answer.text and "<b></strong>" not in answer.text
            )
