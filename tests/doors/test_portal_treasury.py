"""The treasurer's, examiner's and arbiters' pages, driven in browsers: what goes wrong is seen there, and put right."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors_ground import Ground, code_of
from eth_account import Account
from eth_account.messages import encode_typed_data
from pypdf import PdfWriter

from entrepot.documents import samples
from entrepot.verify import check_parts, verify
from entrepot.web.language import Language

pytestmark = pytest.mark.slow
PROVIDER = """
window.ethereum = { request: async ({ method, params }) => {
  window.asked = [...(window.asked || []), method];
  if (method === "eth_requestAccounts") return [ADDRESS];
  if (method === "eth_signTypedData_v4") return window.signTyped(params[1]);
  throw new Error("no such method");
} };
"""


def pdf_with(name: str, xml: bytes) -> bytes:
    """A PDF that carries this file."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_attachment(name, xml)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def opened(page: Any, ground: Ground, settlement: str) -> Any:
    page.goto(f"{ground.house.base_url}/settlements/{settlement}")
    return page


def act(page: Any, form: str, name: str) -> None:
    """Opens an act's form if it is closed, and does it."""
    if page.get_attribute(f"#act-{form}", "open") is None:
        page.click(f"#act-{form} summary")
    with page.expect_navigation():
        page.click(f"#act-{form} button:has-text('{name}')")


def test_a_pdf_invoice_is_quoted_and_the_original_stays_a_pdf(ground: Ground, enter: Any, tmp_path: Path) -> None:
    raw = pdf_with("factur-x.xml", samples.ubl_invoice(ground.trade_facts("TRE-PDF", "seller", "buyer")))
    (tmp_path / "invoice.pdf").write_bytes(raw)
    (tmp_path / "empty.xml").write_bytes(b"")
    ground.propose("TRE-KNOWN", "seller", "buyer")  # only who trades with it finds a company by its name
    seller = enter("treasurer-seller")
    seller.goto(f"{ground.house.base_url}/new")
    seller.set_input_files("#invoice", tmp_path / "invoice.pdf")
    assert seller.inner_text(".chosen") == "invoice.pdf"
    for named, says in (("Nobody & Sons", "No company that you trade with"), (ground.stated["buyer"].name.upper(), "")):
        seller.set_input_files("#invoice", tmp_path / ("empty.xml" if not says else "invoice.pdf"))
        seller.fill("#buyer", named)
        with seller.expect_navigation():
            seller.click("button:has-text('Get a firm quote')")
        assert (says or "The file is empty") in seller.inner_text("#problem")
    seller.set_input_files("#invoice", tmp_path / "invoice.pdf")
    assert seller.inner_text("#buyer-says + strong") == ground.stated["buyer"].name, "the name as admitted"
    seller.click("button:has-text('Get a firm quote')")
    seller.wait_for_url(re.compile(r"/settlements/[0-9a-f]{32}$"))
    assert seller.locator(".countdown").inner_text()[0].isdigit()
    with seller.expect_navigation():
        seller.click("#act-dry-run button")
    assert "it meets the published rules now" in seller.inner_text("#would")
    seller.goto(seller.url.removesuffix("/dry-run"))
    seller.click("details.paper >> nth=0")
    with seller.expect_download() as download:
        seller.click("text=The original")
    assert Path(download.value.path()).read_bytes() == raw and download.value.suggested_filename.endswith(".pdf")
    before = seller.inner_text(".countdown")
    seller.wait_for_timeout(1500)
    assert seller.inner_text(".countdown") != before


def test_what_is_wrong_with_an_invoice_is_said_in_words_of_people(ground: Ground, enter: Any, tmp_path: Path) -> None:
    made = ground.propose("TRE-TWICE", "seller", "buyer")
    raw = samples.ubl_invoice(ground.facts[made])
    (tmp_path / "again.xml").write_bytes(raw)
    (tmp_path / "bare.xml").write_bytes(raw.replace(b"<cbc:ID>TRE-TWICE</cbc:ID>", b"", 1))
    (tmp_path / "large.xml").write_bytes(b" " * 5_000_000 + raw)
    seller = enter("treasurer-seller")
    for name, says in (
        ("bare", "That is the invoice's number"),
        ("large", "too large"),
        ("again", "settlement of yours"),
    ):
        seller.goto(f"{ground.house.base_url}/new")
        seller.set_input_files("#invoice", tmp_path / f"{name}.xml")
        seller.fill("#buyer", ground.parties["buyer"].participant)
        with seller.expect_navigation():
            seller.click("button:has-text('Get a firm quote')")
        assert says in seller.inner_text("#problem"), seller.inner_text("#problem")
    seller.click("#problem a")
    assert seller.url.endswith(f"/settlements/{made}")


def test_a_form_becomes_an_invoice_and_loses_nothing_on_the_way(ground: Ground, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{ground.house.base_url}/sign-in")
    page.click("button[value=treasurer-carol]")
    page.goto(f"{ground.house.base_url}/new")
    page.click("#byhand summary")
    said = {"#buyer": ground.parties["dave"].participant, "#number": "TRE-FORM", "#issue_date": "2026-01-02",
            "#currency": "EUR", "#buyer_name": ground.stated["dave"].name, "#buyer_country": "NO",
            "#description-1": "White quinoa, washed", "#quantity-1": "100", "#unit-1": "KGM",
            "#price-1": "2.40"}  # fmt: skip
    for where, text in said.items():
        page.fill(where, text)
    page.click("button:has-text('Get a firm quote')")
    assert "Incoterm" in page.inner_text("#problem") and page.is_visible("#incoterm")
    assert {where: page.input_value(where) for where in said} == said
    page.select_option("#incoterm", "FOB")
    page.fill("#incoterm_place", "Callao")
    page.fill("#hs-1", "100850")
    page.click("button:has-text('Get a firm quote')")
    page.wait_for_url(re.compile(r"/settlements/[0-9a-f]{32}$"))
    assert "EUR 240.00" in page.inner_text("#quote").replace("\xa0", " ")
    context.close()


def test_an_underpayment_is_seen_by_both_sides_sent_back_and_the_rest_goes_on(ground: Ground, enter: Any) -> None:
    made = ground.agree("TRE-SHORT", "seller", "buyer")
    ground.until(made, "cleared")
    escrow = ground.view(made)["escrow"]
    seller, buyer = opened(enter("treasurer-seller"), ground, made), opened(enter("treasurer-buyer"), ground, made)
    transaction = ground.pay_bare(ground.parties["buyer"], escrow, 5_000_000)
    for page in (seller, buyer):
        page.wait_for_selector(".notice.stop:has-text('5.00')")
        assert "counts as no payment" in page.inner_text(".notice.stop")
        assert "cleared" not in page.inner_text("h1") and "escrow" in page.inner_text("h1")
    ground.by_two(ground.officer, ground.officer2, "return_payment", settlement=made, transaction=transaction)
    for page in (seller, buyer):
        page.wait_for_selector(".notice.calm:has-text('went back to')")
    act(buyer, "fund", "Pay into escrow")
    seller.wait_for_selector("text=Waiting for documents")
    assert "is yours once you present" in seller.inner_text("h1")


def test_a_refund_at_expiry_is_shown_as_it_happens(ground: Ground, enter: Any) -> None:
    made = ground.agree("TRE-GONE", "seller", "buyer", fund_s=1800, present_s=3600)
    ground.fund(made)
    buyer = opened(enter("treasurer-buyer"), ground, made)
    assert "it goes back to" in buyer.inner_text(".otherwise")
    ground.pass_time(3700)
    buyer.wait_for_selector(".chip.final:has-text('Paid back')", timeout=60_000)
    assert "came back to you" in buyer.inner_text("h1")
    assert buyer.locator("svg.picture.wide path.back.moved").count() == 1
    assert "came back to you" in buyer.inner_text(".events >> nth=0")


def test_the_examiner_reads_what_the_rules_found_before_signing_that_documents_differ(
    ground: Ground, enter: Any
) -> None:
    made = ground.agree("TRE-EXAM", "seller", "buyer")
    ground.fund(made)
    papers = ground.documents(made)
    other = json.loads(papers[1])
    other["lines"][0]["quantity"] = "1"
    ground.seller(made).present(made, [papers[0], json.dumps(other).encode(), papers[2]])
    ground.until(made, "presented")
    examiner = enter("examiner")
    examiner.goto(f"{ground.house.base_url}/presentations")
    examiner.click(f"a[href='/settlements/{made}']")
    assert "discrepanc" in examiner.inner_text("#act-examine") and "UCP 600" in examiner.inner_text("#papers")
    act(examiner, "examine", "Sign: they differ")
    ground.until(made, "discrepant")
    seller, buyer = opened(enter("treasurer-seller"), ground, made), opened(enter("treasurer-buyer"), ground, made)
    assert "UCP 600" in seller.inner_text("#papers") and "differ" in seller.inner_text("h1")
    act(buyer, "waive", "Accept the documents as they are")
    seller.wait_for_selector(".chip.final:has-text('Paid')")


def test_a_file_that_cannot_be_presented_is_named_by_its_field(ground: Ground, enter: Any, tmp_path: Path) -> None:
    made = ground.agree("TRE-PAPERS", "seller", "buyer")
    ground.fund(made)
    seller = opened(enter("treasurer-seller"), ground, made)
    if seller.get_attribute("#act-present", "open") is None:
        seller.click("#act-present summary")
    with seller.expect_download() as download:
        seller.click("#act-present a[download='packing_list.json']")
    fitting = Path(download.value.path()).read_bytes()
    papers = ground.documents(made)
    for name, raw in (("invoice", papers[0]), ("transport_document", papers[2]), ("packing_list", b"")):
        (tmp_path / name).write_bytes(raw)
        seller.set_input_files(f"#paper-{name}", tmp_path / name)
    seller.click("#act-present button.first")
    seller.wait_for_selector("#act-present .said:has-text('The file chosen as Packing list is empty')")
    (tmp_path / "packing_list").write_bytes(fitting.replace(b'"packages"', b'"parcels"'))
    seller.set_input_files("#paper-packing_list", tmp_path / "packing_list")
    seller.click("#act-present button.first")
    seller.wait_for_selector("#act-present .said:has-text('Packing list: Document 2')")


def test_two_arbiters_share_a_price_between_both_sides(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("disputed", "TRE-DISPUTE", "seller", "buyer")
    half = int(ground.view(made)["price_minor"]) // 2
    first, second = enter("arbiter-1"), enter("arbiter-2")
    first.goto(f"{ground.house.base_url}/disputes")
    first.click(f"a[href='/settlements/{made}']")
    assert "goods are short" in first.inner_text("main")
    for page in (first, opened(second, ground, made)):
        if page.get_attribute("#act-award", "open") is None:
            page.click("#act-award summary")
    for typed, says in (("0.0000001", "too fine"), ("1,5", "no amount"), (f"{half}", "too large")):
        first.fill("#to_seller", typed)
        first.click("button[data-only]")
        first.wait_for_selector(f"#act-award .said:has-text('{says}')")
        assert first.input_value("#to_seller") == typed and not first.inner_text("#mine")
    for page in (first, second):
        page.fill("#to_seller", f"{half / 10**6:,.6f}")
        assert f"USDC {half / 10**6:,.2f}"[:-1] in page.inner_text("#echo")
    first.click("button[data-only]")
    first.wait_for_selector("#mine:has-text('0x')")
    for width in (390, 1440):
        first.set_viewport_size({"width": width, "height": 900})
        assert first.evaluate("document.documentElement.scrollWidth") <= width
        box, form = (first.locator(one).bounding_box() for one in ("#mine", "#act-award form"))
        assert box["x"] >= form["x"] and box["x"] + box["width"] <= form["x"] + form["width"] + 1
    signed = first.inner_text("#mine")
    first.fill("#to_seller", "1")
    assert not first.inner_text("#mine") and not first.input_value("#act-award [name=signature]")
    first.fill("#to_seller", f"{half / 10**6:.6f}")
    first.click("button[data-only]")
    first.wait_for_selector("#mine:has-text('0x')")
    assert first.inner_text("#mine") == signed, "the same amount, however it is written"
    second.fill("#signatures", first.inner_text("#mine"))
    with second.expect_navigation():
        second.click("text=Sign and send the award")
    assert not second.locator("#act-award").count()  # the escrow takes one
    ground.until(made, "released", "refunded")
    buyer = opened(enter("treasurer-buyer"), ground, made)
    buyer.wait_for_selector("h1:has-text('came back to you')")
    proven_by_its_receipt(ground, made, "awarded", ('"to_seller_minor":"', '"to_seller_minor":"1'))


def proven_by_its_receipt(ground: Ground, settlement: str, event: str, lie: tuple[str, str]) -> None:
    """What the log says of an act of the escrow is what the escrow announced: another amount is given away."""
    raw = ground.operator.http.get(f"/v1/settlements/{settlement}/evidence").content
    key = json.loads(ground.house.settings.verification_key_path.read_text())
    told = [check for check in verify(raw, key) if check.name == f"{event} is proven by its receipt"]
    assert [check.status for check in told] == ["ok"]
    parts = json.loads(raw)["parts"]
    entry = next(entry for entry in parts["events"] if f'"event":"{event}"' in entry["leaf"])
    entry["leaf"] = entry["leaf"].replace(*lie)
    told = [check for check in check_parts(parts, key) if check.name == f"{event} is proven by its receipt"]
    assert [check.status for check in told] == ["failed"]


def test_a_wallet_in_the_browser_signs_what_it_shows(ground: Ground, enter: Any) -> None:
    made = ground.propose("TRE-WALLET", "seller", "buyer")
    page, client = enter("treasurer-seller"), ground.parties["seller"]

    def sign(text: str) -> str:
        told = json.loads(text)
        assert (
            told["primaryType"] == "Terms" and told["domain"]["verifyingContract"] == ground.terms(made).venue.factory
        )
        return (
            "0x" + bytes(Account.sign_message(encode_typed_data(full_message=told), client.wallet_key).signature).hex()
        )

    page.expose_function("signTyped", sign)
    page.add_init_script(PROVIDER.replace("ADDRESS", json.dumps(client.address)))
    opened(page, ground, made)
    page.click("#act-sign summary")
    assert page.is_visible("#act-sign .by-wallet") and not page.is_visible("#act-sign .by-demo")
    with page.expect_navigation():
        page.click("#act-sign button.first")
    assert ground.view(made)["signed_by"] == ["seller"]


def test_the_list_is_filtered_saved_shared_and_forgotten(ground: Ground, enter: Any) -> None:
    made = ground.propose("TRE-LIST", "carol", "dave")
    page, other = enter("treasurer-carol"), enter("treasurer-dave")
    page.fill("#q", "TRE-LIST")
    page.press("#q", "Enter")
    page.wait_for_url("**q=TRE-LIST**")
    assert page.locator("table.rows tbody tr").count() == 1
    page.fill("#view-name", "My list")
    page.click("text=Save view")
    page.wait_for_selector(".views a:has-text('My list')")
    link = page.get_attribute(".views a:has-text('My list')", "href")
    other.goto(f"{ground.house.base_url}{link}")
    assert (
        other.locator("table.rows tbody tr").count() == 1 and other.locator(".views a:has-text('My list')").count() == 0
    )
    page.goto(f"{ground.house.base_url}{link}&state=released")
    assert "No settlement fits" in page.inner_text("main")
    page.click("button[aria-label='Forget the view My list']")
    page.wait_for_url("**/settlements")
    assert page.locator(".views a:has-text('My list')").count() == 0
    page.goto(f"{ground.house.base_url}/overview")
    assert page.locator(f"a[href='/settlements/{made}']").count() == 1


def test_lists_say_what_the_reader_pays_with_the_fee_and_gets_without_it(ground: Ground) -> None:
    made = ground.agree("TRE-DUE", "dave", "carol")
    ground.until(made, "cleared")
    due = ground.view(made)
    ground.brought_to("funded", "TRE-HELD", "carol", "dave")
    price, fee = int(due["price_minor"]), int(due["fee_minor"])
    views = ground.parties["carol"].get("/settlements", limit=200)["settlements"]
    sold = [view for view in views if view["seller_name"] == ground.stated["carol"].name and int(view["held_minor"])]
    mine = sum(int(view["price_minor"]) - int(view["released_minor"]) for view in sold if view["state"] != "refunding")

    def said(minor: int) -> str:
        return str(Language("en").amount(minor, {"symbol": "USDC", "decimals": 6}))

    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=20) as http:
        assert http.post("/sign-in/demo", data={"person": "treasurer-carol", "next": "/"}).status_code == 303
        listed = http.get("/settlements?q=TRE-DUE").text
        assert said(price + fee) in listed and said(price) not in listed
        figure = http.get("/overview").text.partition("as seller")[2].partition("</div>")[0]
        assert said(mine) in figure, (figure, mine)


def test_the_journal_balances_and_holds_no_line_of_anothers(ground: Ground, enter: Any) -> None:
    made = ground.brought_to("released", "TRE-BOOKS", "carol", "dave")
    page = enter("treasurer-carol")
    page.goto(f"{ground.house.base_url}/journal")
    assert "debits equal credits" in page.inner_text("h1")
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    ours = [row for row in rows if row["settlement"] == made]
    assert {row["account"] for row in ours} >= {"wallet", "escrow", "counterparty", "fee"}
    assert sum(float(row["amount"]) for row in ours) == 0 and {row["reference"] for row in ours} == {"TRE-BOOKS"}
    mine = {view["id"] for view in ground.parties["carol"].get("/settlements", limit=200)["settlements"]}
    assert {row["settlement"] for row in rows} <= mine
    assert date.fromisoformat(ours[0]["date"])
    too_long = {"since": 1, "until": 400 * 86_400}
    assert code_of(lambda: ground.parties["carol"].get("/ledger/export", **too_long)) == "malformed"
