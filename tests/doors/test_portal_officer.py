"""The officers' pages in browsers: a review by two, a request for papers, a freeze notice; what parties are shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from doors_ground import Ground, code_of

pytestmark = pytest.mark.slow
CAUSES = ("review", "officer", "listed", "INVENTED", "INV-0", r"hits?\b", "suspicio", "sanction", "blocked", "frozen",
          "freeze", "refuse", "compliance")  # fmt: skip
NOTICE = {
    "authority": "Ministry of Example",
    "legal_basis": "Example Act art. 1",
    "reference": "REF-77",
    "how_to_apply": "Write to the ministry within 30 days.",
    "contact": "freezes@example.test",
}


def say(page: Any, verdict: str, reason: str) -> None:
    """Opens the act, gives the reason and presses."""
    page.click(f"#act-{verdict} summary")
    page.fill(f"#reason-{verdict}", reason)
    with page.expect_navigation():
        page.click(f"#act-{verdict} button.first")


def test_a_review_by_two_officers_and_the_same_one_is_refused_where_everybody_sees_it(
    ground: Ground, enter: Any
) -> None:
    made = ground.agree("OFF-REVIEW", "carol", "namesake")
    ground.until(made, "in_review")
    first, second = enter("officer-1"), enter("officer-2")
    first.goto(f"{ground.house.base_url}/queue")
    row = first.inner_text(f"tr:has(a[href='/cases/{made}'])")
    assert row.index(ground.stated["carol"].name) < row.index("Meridian"), "the seller, then the buyer, as everywhere"
    first.keyboard.press("j")
    while made not in (first.evaluate("document.activeElement.href") or ""):
        first.keyboard.press("j")
    first.keyboard.press("Enter")
    first.wait_for_url(f"**/cases/{made}")
    asked = first.inner_text("h1")
    assert asked.startswith("Is Meridian Trading Ltd, the buyer, the listed Meridian Trading FZE?")
    assert "One fact says yes, two no." in asked
    assert first.locator("tr.names mark").all_inner_texts() == ["Meridian", "Trading"] * 2
    assert "differs" in first.inner_text("tr:has(th:text-is('Country'))")
    say(first, "clear", "Another country, another registration.")
    first.click("#act-clear summary")
    assert first.get_attribute("#act-clear button.first", "aria-disabled") == "true"
    assert "A second person is needed" in first.inner_text("#act-clear")
    first.fill("#reason-clear", "I am sure.")
    first.locator("#act-clear button.first").click(force=True)
    first.wait_for_selector("code:has-text('same_person')")
    assert ground.view(made)["state"] == "in_review"
    second.goto(f"{ground.house.base_url}/queue?view=second")
    assert made in second.inner_html("main"), second.inner_text("main")
    second.click(f"a[href='/cases/{made}']")
    say(second, "clear", "I agree.")
    ground.until(made, "cleared")
    assert "closed" in second.inner_text("h1") and "may pay" in second.inner_text("h1")


def test_a_case_that_two_refused_says_so_and_what_each_side_reads(ground: Ground) -> None:
    made = ground.agree("OFF-REFUSED", "carol", "namesake")
    ground.until(made, "in_review")
    case = page_of(ground, "officer-1", f"/cases/{made}")
    assert "The checks run before" in case, "what each side reads meanwhile"
    for officer in (ground.officer, ground.officer2):
        officer.post(f"/cases/{made}/dispositions", {"verdict": "refuse", "reason": "the same"})
    ground.until(made, "refused")
    case = page_of(ground, "officer-1", f"/cases/{made}")
    heading = case.partition("<h1>")[2].partition("</h1>")[0]
    assert "closed" in heading and "was refused. No money was moved." in heading and "went on" not in case
    sentence = page_of(ground, "treasurer-carol", f"/settlements/{made}").partition("<h1>")[2].partition("</h1>")[0]
    assert "has ended" in sentence and f"<q>{sentence}</q>" in case


def test_two_officers_who_disagree_are_both_shown(ground: Ground, enter: Any) -> None:
    made = ground.agree("OFF-SPLIT", "carol", "namesake")
    ground.until(made, "in_review")
    ground.officer.post(f"/cases/{made}/dispositions", {"verdict": "clear", "reason": "another company"})
    second = enter("officer-2")
    second.goto(f"{ground.house.base_url}/cases/{made}")
    say(second, "refuse", "It is the same.")
    assert "Two officers disagree" in second.inner_text("main")
    assert "another company" in second.inner_text("main") and "It is the same." in second.inner_text("main")
    assert ground.view(made)["state"] == "in_review"


def test_an_earlier_answer_for_the_same_pair_is_shown_and_clears_nothing(ground: Ground) -> None:
    before = ground.agree("OFF-BEFORE", "seller", "namesake")
    ground.until(before, "in_review")
    for officer in (ground.officer, ground.officer2):
        officer.post(f"/cases/{before}/dispositions", {"verdict": "clear", "reason": "a namesake"})
    ground.until(before, "cleared")
    again = ground.agree("OFF-AGAIN", "carol", "namesake")
    ground.until(again, "in_review")
    (hit,) = ground.officer.get(f"/cases/{again}")["reasons"]
    assert {entry["settlement"] for entry in hit["earlier"]} >= {before} and hit["cleared_by"] == []


def test_papers_are_asked_for_and_given_without_saying_why(ground: Ground, enter: Any, tmp_path: Path) -> None:
    made = ground.agree("OFF-ASK", "carol", "namesake")
    ground.until(made, "in_review")
    officer, party = enter("officer-1"), enter("treasurer-namesake")
    officer.goto(f"{ground.house.base_url}/cases/{made}")
    officer.click("#act-ask summary")
    officer.check("#ask-owners")
    officer.fill("#ask-text", "Are you on a sanctions list?")
    officer.click("#act-ask button.first")
    assert "cannot be sent" in officer.inner_text("main") and not officer.query_selector("button.first")
    officer.goto(f"{ground.house.base_url}/cases/{made}")
    officer.click("#act-ask summary")
    officer.check("#ask-owners")
    officer.fill("#ask-text", "And the packing list, please.")
    officer.click("#act-ask button.first")
    letter = officer.inner_text("#letter")
    assert not officer.locator("#too-late").count(), "it falls due before its case"
    officer.click("button.first:has-text('Send')")
    party.goto(f"{ground.house.base_url}/settlements/{made}")
    shown = party.inner_text(".request")
    for line in letter.splitlines()[1:]:
        assert line.strip() in shown
    paper = tmp_path / "owners.txt"
    paper.write_text("Two sisters, half each.")
    party.goto(f"{ground.house.base_url}/requests")
    party.click("details.act summary")
    party.fill("details.act textarea", "Here are our owners.")
    party.set_input_files("details.act input[type=file]", paper)
    with party.expect_navigation():
        party.click("details.act button.first")
    assert "Every request is answered" in party.inner_text("h1")
    officer.goto(f"{ground.house.base_url}/cases/{made}")
    assert "Here are our owners." in officer.inner_text("main")
    with officer.expect_download() as download:
        officer.click("text=owners.txt")
    assert Path(download.value.path()).read_text() == "Two sisters, half each."
    other = ground.parties["carol"].http
    (asked,) = ground.officer.get(f"/settlements/{made}/information-requests")["requests"]
    file = asked["answers"][0]["files"][0]["id"]
    assert other.get(f"/v1/information-requests/{asked['id']}/files/{file}").status_code == 404


def test_an_operator_asks_from_the_settlements_page_in_the_same_words(ground: Ground, enter: Any) -> None:
    made = ground.propose("OFF-OPERATOR", "carol", "dave")
    operator = enter("operator-1")
    operator.goto(f"{ground.house.base_url}/settlements/{made}")
    operator.click("#act-ask summary")
    operator.check("#ask-transport")
    operator.click("#act-ask button.first")
    operator.click("button.first:has-text('Send')")
    operator.wait_for_url(f"**/settlements/{made}")
    (asked,) = ground.parties["dave"].get(f"/settlements/{made}/information-requests")["requests"]
    assert [item["item"] for item in asked["items"]] == ["transport"]
    assert ground.parties["carol"].http.get(f"/ask/{made}").status_code in (303, 404), "parties send none"


def test_an_officers_request_reads_like_an_operators(ground: Ground) -> None:
    reviewed, ordinary = (
        ground.agree("OFF-ALIKE-1", "carol", "namesake"),
        ground.propose("OFF-ALIKE-2", "carol", "dave"),
    )
    ground.until(reviewed, "in_review")
    body = {"to": "buyer", "items": ["contract", "purpose"]}
    ground.officer.post(f"/settlements/{reviewed}/information-requests", body)
    ground.operator.post(f"/settlements/{ordinary}/information-requests", body)
    told = [
        ground.parties[who].get(f"/settlements/{made}/information-requests")["requests"]
        for who, made in (("namesake", reviewed), ("dave", ordinary))
    ]
    same = [[{**one, "id": "", "settlement": "", "invoice_number": ""} for one in asked] for asked in told]
    assert same[0] == same[1] and "asked_by" not in json.dumps(same)
    assert ground.parties["carol"].get(f"/settlements/{reviewed}/information-requests")["requests"] == []


# ---- what a party's pages show


def page_of(ground: Ground, who: str, path: str, *settlements: str) -> str:
    """A page as a party's browser gets it, without what differs between any two settlements: ids, times, names."""
    with httpx.Client(base_url=ground.house.base_url, trust_env=False, timeout=30) as http:
        assert http.post("/sign-in/demo", data={"person": who, "next": "/"}).status_code == 303
        answer = http.get(path)
        assert answer.status_code == 200
    text = re.sub(r'(name="(?:form_token|once)" value=)"[0-9a-f]*"', r"\1", answer.text)
    text = re.sub(r"<time datetime=[^>]*>[^<]*</time>|0x[0-9a-f]+(…[0-9a-f]+)?|\b[0-9a-f]{12,64}\b", "…", text)
    text = re.sub(r"\b\d+ leaves|block \d+|after=-?\d+|\b\d\d:\d\d(:\d\d)?\b|(OFF|TIP)-[A-Z0-9-]+", "…", text)
    return re.sub(r"in \d+ (second|minute)s?", "…", text)


def test_the_page_of_a_reviewed_settlement_is_that_of_one_whose_check_is_slow(ground: Ground) -> None:
    reviewed = ground.agree("OFF-PAGE-1", "carol", "namesake")
    ground.until(reviewed, "in_review")
    ground.officer.post(f"/cases/{reviewed}/dispositions", {"verdict": "clear", "reason": "another company"})
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        connection.execute("UPDATE list_versions SET verified_at = verified_at - 90000")
    try:
        slow = ground.agree("OFF-PAGE-2", "carol", "namesake")
        ground.operator.until(lambda: ground.view(slow)["pause"], bool)
        for who in ("treasurer-carol", "treasurer-namesake"):
            mine, ordinary = (page_of(ground, who, f"/settlements/{made}") for made in (reviewed, slow))
            assert mine == ordinary
            main = mine.partition("<main")[2]
            assert not re.findall(rf"\b({'|'.join(CAUSES)})", main)
    finally:
        ground.reload_lists()


def test_a_freeze_notice_is_read_once_two_officers_released_it_and_nothing_of_it_before(
    ground: Ground, enter: Any
) -> None:
    held, ordinary = ground.side_by_side(
        lambda: ground.brought_to("presented", "OFF-HELD-1", "carol", "dave"),
        lambda: ground.brought_to("presented", "OFF-HELD-2", "carol", "dave"),
    )
    body = {"settlement": held, "to": "buyer"} | NOTICE
    draft = {"subject": "freeze_notice", "body": body, "reason": "notice to the owner"}
    assert code_of(lambda: ground.officer.post("/changes", draft)) == "nothing_frozen"
    ground.officer.post(f"/settlements/{held}/blocks", {"reason": "an officer's own finding"})
    ground.until(held, "blocked")
    first, second = enter("officer-1"), enter("officer-2")
    first.goto(f"{ground.house.base_url}/cases/{held}")
    assert "31 CFR 501.603" in first.inner_text("main")
    first.click("#act-block-review summary")
    first.fill("#reason-block-review", "still listed today")
    with first.expect_navigation():
        first.click("#act-block-review button.first")
    first.wait_for_selector("text=looked at the block again")
    assert "still listed today" in first.inner_text("main")
    first.click("#act-notice summary")
    for name, text in NOTICE.items():
        first.fill(f"#notice-{name}", text)
    with first.expect_navigation():
        first.click("#act-notice button.first")
    with first.expect_navigation():
        first.locator("button:has-text('Release to the owner')").click(force=True)
    assert "same_person" in first.inner_text("main")
    for who in ("treasurer-carol", "treasurer-dave"):
        mine, other = (page_of(ground, who, f"/settlements/{made}") for made in (held, ordinary))
        assert mine == other, "before the release a party sees an ordinary settlement"
        api = [
            ground.parties[who[10:]].http.get(f"/v1/settlements/{made}/notices").content for made in (held, ordinary)
        ]
        assert api[0] == api[1] == b'{"notices":[]}'
    second.goto(f"{ground.house.base_url}/cases/{held}")
    with second.expect_navigation():
        second.click("button:has-text('Release to the owner')")
    assert "Ministry of Example" in page_of(ground, "treasurer-dave", f"/settlements/{held}")
    assert ground.parties["dave"].get(f"/settlements/{held}/notices")["notices"][0]["reference"] == "REF-77"
    mine, other = (page_of(ground, "treasurer-carol", f"/settlements/{made}") for made in (held, ordinary))
    assert mine == other, "it is the owner's notice, and nobody else's"


# ---- lists, the desk, suspensions


def test_a_company_is_suspended_by_two_and_reads_that_new_trades_are_paused(ground: Ground, enter: Any) -> None:
    first, second, party = enter("officer-1"), enter("officer-2"), enter("treasurer-late")
    late = ground.parties["late"].participant
    day = datetime.fromtimestamp(ground.now() + 3 * 86_400, UTC).date().isoformat()
    first.goto(f"{ground.house.base_url}/suspensions")
    first.click("#act-suspend summary")
    first.select_option("#participant", late)
    first.fill("#until", day)
    first.fill("#reason", "A director is charged.")
    with first.expect_navigation():
        first.click("#act-suspend button.first")
    with first.expect_navigation():
        first.locator("button:has-text('Confirm as the second')").click(force=True)
    assert "same_person" in first.inner_text("main")
    assert code_of(lambda: ground.propose("OFF-PAUSED-1", "late", "buyer")) == ""
    second.goto(f"{ground.house.base_url}/suspensions")
    with second.expect_navigation():
        second.click("button:has-text('Confirm as the second')")
    assert "is suspended until" in second.inner_text("h1")
    assert code_of(lambda: ground.propose("OFF-PAUSED-2", "late", "buyer")) == "own_trades_paused"
    party.goto(f"{ground.house.base_url}/settlements")
    said = party.inner_text(".sheet")
    assert "New trades and new payments of your company are paused" in said and "charged" not in said
    read = ground.parties["buyer"].get(f"/participants/{late}")
    assert "paused_until" not in read and read["status"] == "admitted", "who trades with it reads nothing of it"
    second.fill(f"#why-{late}", "The charge was dropped.")
    with second.expect_navigation():
        second.click("button:has-text('Propose to lift')")
    first.goto(f"{ground.house.base_url}/suspensions")
    with first.expect_navigation():
        first.click("button:has-text('Confirm as the second')")
    assert "No company is suspended" in first.inner_text("h1")
    assert code_of(lambda: ground.propose("OFF-PAUSED-3", "late", "buyer")) == ""


def test_the_lists_page_says_how_old_they_are_and_verifies_them_again(ground: Ground, enter: Any) -> None:
    officer = enter("officer-1")
    officer.goto(f"{ground.house.base_url}/lists")
    assert "All lists are in time" in officer.inner_text("h1")
    assert "floor: must be there" in officer.inner_text("tr:has-text('INVENTED')")
    before = ground.now()
    with officer.expect_navigation():
        officer.click("button:has-text('Verify all again now')")
    ground.operator.until(
        lambda: ground.operator.get("/lists")["lists"], lambda rows: all(row["verified_at"] >= before for row in rows)
    )


def test_the_desk_shows_hits_with_both_sides_and_says_when_there_is_none(ground: Ground, enter: Any) -> None:
    officer = enter("officer-1")
    officer.goto(f"{ground.house.base_url}/screen")
    officer.fill("#q", "Severnaya Zvezda Shipping")
    with officer.expect_navigation():
        officer.click("main form button.first")
    assert "INV-0001" in officer.inner_text("main") and officer.locator("table.pair").count() >= 1
    officer.fill("#q", "Perfectly Ordinary Bakery")
    with officer.expect_navigation():
        officer.click("main form button.first")
    assert "Nobody on" in officer.inner_text("h1")
    assert ground.parties["buyer"].http.get("/v1/lists").json()["alarm"] is None
