"""Lists are read whole or not at all, and say what they are and what they lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import ADD, ALT, NOW, SDN, UN, own_list, write_ofac

from entrepot.core.errors import Invalid
from entrepot.screening.entity import Entity, Identifier, ListedName, Wallet
from entrepot.screening.lists import INVENTED_FILE, LoadedList, invented, load_folder


def only(folder: Path) -> LoadedList:
    [found] = load_folder(folder, now=NOW)
    return found


def by_id(found: LoadedList) -> dict[str, Entity]:
    return {entity.id: entity for entity in found.entities}


def test_ofac_entries_carry_names_numbers_wallets_and_dates(tmp_path: Path) -> None:
    write_ofac(tmp_path)
    entities = by_id(only(tmp_path))
    company, person, ship = entities["101"], entities["102"], entities["103"]
    assert company.names == (
        ListedName("EXAMPLE FREIGHT LINES, LTD."),
        ListedName("BEISPIEL FRACHT LINIEN", "alias"),
        ListedName("EFL", "alias", "weak"),
    )
    assert (company.schema, company.countries, company.programs) == ("organization", ("SY",), ("SYRIA", "IRAN"))
    assert company.identifiers == (
        Identifier("tax_id", "7700000017", "RU"),
        Identifier("registration", "55501", "IR"),
        Identifier("bic", "XMPLRUMM"),
        Identifier("lei", "00EXAMPLEOFAC0000017"),
    )
    assert person.schema == "person" and person.birth_dates == ("1948-05-03", "~1950") and person.countries == ("EG",)
    assert person.identifiers == (Identifier("passport", "Z1234567", "EG"),)
    assert person.wallets == (
        Wallet("0xabcdef0123456789abcdef0123456789abcdef01", "evm", "ETH"),
        Wallet("1EntrepotExamp1eXXXXXXXXXXXXXXXXX7", "bitcoin", "XBT"),
    )
    assert ship.schema == "vessel" and ship.identifiers == (Identifier("imo", "9999967"),) and ship.countries == ("CU",)


def test_ofac_rows_without_their_entry_are_counted_and_said(tmp_path: Path) -> None:
    write_ofac(tmp_path)
    version = only(tmp_path).version
    assert (version.source, version.entities, version.orphans) == ("OFAC", 3, 3)
    assert "1 rows of alt.csv name an entry that sdn.csv does not have" in version.warnings
    assert "2 rows of add.csv name an entry that sdn.csv does not have" in version.warnings
    assert "sdn_comments.csv is missing beside sdn.csv" in version.warnings


def test_a_remark_that_was_cut_goes_on_in_the_comments(tmp_path: Path) -> None:
    cut = ("x" * 959 + "; Tax ID No. 77000000171 (Russia); Passpo")[:1000]
    row = f'101,"NAME",individual,SDGT,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"{cut}"\n'
    write_ofac(tmp_path, sdn=row, alt="", add="")
    (tmp_path / "sdn_comments.csv").write_text('101,"rt A1234567 (Egypt)."\n')
    assert len(cut) == 1000
    assert Identifier("passport", "A1234567", "EG") in only(tmp_path).entities[0].identifiers


def test_a_list_without_a_date_is_known_by_its_hash(tmp_path: Path) -> None:
    write_ofac(tmp_path)
    first = only(tmp_path).version
    lines = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
        for name, text in (("add.csv", ADD), ("alt.csv", ALT), ("sdn.csv", SDN))
    )
    assert first.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert first.version == f"sha256-{first.sha256[:16]}" and first.published_at is None
    assert first.loaded_at == first.verified_at == NOW
    write_ofac(tmp_path, alt=ALT.replace("BEISPIEL", "BEISPIEI"))
    assert only(tmp_path).version.version != first.version


def test_un_entries_carry_names_documents_and_dates(tmp_path: Path) -> None:
    (tmp_path / "consolidated.xml").write_text(UN, encoding="utf-8")
    found = only(tmp_path)
    person, front = by_id(found)["QDi.999"], by_id(found)["TAe.999"]
    assert (found.version.version, found.version.published_at) == ("2026-02-27T00:00:09.554Z", 1772150409)
    assert person.names == (
        ListedName("AHMAD EXAMPLEI AL-MISALI"),
        ListedName("أحمد المثالي"),
        ListedName("Abu Misal", "alias", "weak"),
    )
    assert person.birth_dates == ("1971-02-03", "1968/1972") and person.countries == ("IQ",)
    assert person.identifiers == (Identifier("passport", "M00017", "IQ"),) and person.programs == ("Al-Qaida",)
    assert front.schema == "organization" and front.countries == ("PK",)
    assert ListedName("ERF Foundation", "alias") in front.names


def test_wallet_files_merge_by_address_and_keep_the_case_that_means_something(tmp_path: Path) -> None:
    evm = "0xABCDEF0123456789aBcDeF0123456789ABCDEF01"
    files = {
        "ETH": f"{evm}\n\n",
        "ARB": f"{evm.lower()}\n",
        "XBT": "1EntrepotExamp1eXXXXXXXXXXXXXXXXX7\nBC1QEXAMP0EXAMP0EXAMP0EXAMP0\nTEntrepotExamp1eXXXXXXXXXXXXXXXXX7\n",
    }
    for asset, text in files.items():
        (tmp_path / f"sanctioned_addresses_{asset}.txt").write_text(text)
    entities = by_id(only(tmp_path))
    assert {wallet.asset for wallet in entities[evm.lower()].wallets} == {"ETH", "ARB"}
    assert entities["1EntrepotExamp1eXXXXXXXXXXXXXXXXX7"].wallets[0].family == "bitcoin"
    assert entities["TEntrepotExamp1eXXXXXXXXXXXXXXXXX7"].wallets[0].family == "tron", (
        "the address says it, not the file"
    )
    assert len(entities) == 4


def test_the_invented_list_says_that_it_is_and_survives_keeping() -> None:
    found = invented(now=NOW)
    assert found.version.source == "INVENTED" and found.version.published_at == 1767225600
    assert {entity.schema for entity in found.entities} == {"person", "organization", "vessel", "wallet"}
    assert tuple(Entity.from_json(entity.to_json()) for entity in found.entities) == found.entities


def _un(old: str, new: str) -> Callable[[Path], object]:
    assert old in UN
    return lambda folder: (folder / "un.xml").write_text(UN.replace(old, new, 1), encoding="utf-8")


def _sdn(old: str, new: str) -> Callable[[Path], object]:
    assert old in SDN
    return lambda folder: write_ofac(folder, sdn=SDN.replace(old, new, 1))


def _own(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "own.json").write_text(text, encoding="utf-8")


GOOD = {"id": "A", "schema": "person", "names": [{"text": "Somebody"}]}
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a row cut short": (_sdn("103,SAMPLE WAVE,vessel", "103,SAMPLE WAVE"), "sdn.csv:3"),
    "an entry twice": (_sdn("103,SAMPLE", "102,SAMPLE"), "sdn.csv:3"),
    "an entry without a number": (_sdn("102,", "x,"), "sdn.csv:2"),
    "an unknown type of entry": (_sdn(",vessel,", ",spaceship,"), "sdn.csv:3"),
    "a quote that never ends": (_sdn('ELSE."\n', "ELSE."), "sdn.csv:1"),
    "nothing in it": (lambda folder: write_ofac(folder, sdn="\x1a\n"), "sdn.csv:1"),
    "not UTF-8": (lambda folder: (folder / "sdn.csv").write_bytes(b"1,a\n\xff"), "sdn.csv:2"),
    "aliases alone": (lambda folder: (folder / "alt.csv").write_text(ALT), "alt.csv:1"),
    "XML cut short": (_un("</ENTITIES></CONSOLIDATED_LIST>", ""), "un.xml:16"),
    "XML with a document type": (
        _un("<CONSOLIDATED_LIST", '<!DOCTYPE a [<!ENTITY b "c">]><CONSOLIDATED_LIST'),
        "un.xml:1",
    ),
    "XML without its date": (_un(' dateGenerated="2026-02-27T00:00:09.554Z"', ""), "un.xml:1"),
    "XML without a section": (_un("<ENTITIES>", "<OTHERS>"), "un.xml:15"),
    "a wallet that is none": (
        lambda folder: (folder / "sanctioned_addresses_ETH.txt").write_text("\nnot an address\n"),
        "sanctioned_addresses_ETH.txt:2",
    ),
    "JSON that is none": (_own('{"schema": "entrepot/list/1",\n oops'), "own.json:2"),
    "an unknown key": (_own(own_list({**GOOD, "nmaes": []})), "own.json:7"),
    "an unknown schema": (_own(own_list({**GOOD, "schema": "ghost"})), "own.json:7"),
    "a country that is none": (_own(own_list({**GOOD, "countries": ["XQ"]})), "own.json:7"),
    "one id twice": (_own(own_list(GOOD, GOOD)), "own.json:1"),
    "a publisher's name": (_own(own_list(GOOD, source="OFAC")), "own.json:1"),
    "nothing to find it by": (_own(own_list({"id": "A", "schema": "person"})), "own.json:7"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    write, path = BROKEN[case]
    write(tmp_path)
    with pytest.raises(Invalid) as refused:
        load_folder(tmp_path, now=NOW)
    assert (refused.value.code, refused.value.path) == ("list_malformed", path)


def test_an_un_entry_that_lost_all_its_names_is_refused(tmp_path: Path) -> None:
    text = UN.replace("<FIRST_NAME>Example Relief Front</FIRST_NAME>", "").replace("ERF Foundation", "")
    (tmp_path / "un.xml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match="without a reference number or a name"):
        load_folder(tmp_path, now=NOW)


def test_one_broken_list_stops_all_of_them(tmp_path: Path) -> None:
    write_ofac(tmp_path / "ofac")
    (tmp_path / "un.xml").write_text(UN[:-40], encoding="utf-8")
    with pytest.raises(Invalid):
        load_folder(tmp_path, now=NOW)


def test_a_file_of_no_known_list_is_refused_and_notes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "un.xml").write_text(UN, encoding="utf-8")
    (tmp_path / "README.md").write_text("notes")
    assert only(tmp_path).version.source == "UN"
    (tmp_path / "eu.xml").write_text("<export/>")
    with pytest.raises(Invalid) as refused:
        load_folder(tmp_path, now=NOW)
    assert (refused.value.code, refused.value.path) == ("list_unrecognised", "eu.xml")


def test_the_same_list_in_two_places_is_refused(tmp_path: Path) -> None:
    write_ofac(tmp_path / "a")
    write_ofac(tmp_path / "b")
    with pytest.raises(Invalid, match="twice"):
        load_folder(tmp_path, now=NOW)


def test_lists_come_in_the_order_of_their_sources(tmp_path: Path) -> None:
    write_ofac(tmp_path / "ofac")
    (tmp_path / "un.xml").write_text(UN, encoding="utf-8")
    (tmp_path / "own.json").write_text(own_list(GOOD))
    assert [found.version.source for found in load_folder(tmp_path, now=NOW)] == ["OFAC", "OURS", "UN"]


def test_an_empty_folder_holds_no_list_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    assert load_folder(tmp_path, now=NOW) == []
    with pytest.raises(Invalid):
        load_folder(tmp_path / "nowhere", now=NOW)


def test_an_xml_entity_is_never_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    bomb = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]><CONSOLIDATED_LIST'
    text = UN.replace("<CONSOLIDATED_LIST", bomb, 1).replace("Example Relief Front", "&b;")
    (tmp_path / "un.xml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as refused:
        load_folder(tmp_path, now=NOW)
    assert "SECRET" not in refused.value.message


INVENTED_LIST = INVENTED_FILE.read_text(encoding="utf-8")
MISNAMED = {
    "a stranger's list under the invented one's name": own_list(GOOD, source="INVENTED"),
    "nearly its name": own_list(GOOD, source="Invented"),
    "its name in letters that look like Latin ones": own_list(GOOD, source="INV\u0415NTED"),
    "a publisher's name in other letters": own_list(GOOD, source="Ofac"),
    "the invented list with a byte more": INVENTED_LIST + " ",
    "the invented list without an entry": json.dumps(
        {**json.loads(INVENTED_LIST), "entities": json.loads(INVENTED_LIST)["entities"][1:]}
    ),
    "the invented list under a name of our own": json.dumps({**json.loads(INVENTED_LIST), "source": "SANCTIONS"}),
    "one entry of it among others": own_list(GOOD, json.loads(INVENTED_LIST)["entities"][0]),
}


@pytest.mark.parametrize("case", MISNAMED)
def test_a_list_that_passes_for_another_is_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(MISNAMED[case], encoding="utf-8")
    with pytest.raises(Invalid) as refused:
        load_folder(tmp_path, now=NOW)
    assert (refused.value.code, refused.value.path) == ("list_misnamed", "own.json")


def test_the_invented_list_itself_is_taken_from_a_folder_too(tmp_path: Path) -> None:
    (tmp_path / "any name.json").write_bytes(INVENTED_FILE.read_bytes())
    assert only(tmp_path) == invented(now=NOW)
    (tmp_path / "own.json").write_text(own_list({**GOOD, "id": "INV-0001"}))  # an id alone makes no copy
    assert [found.version.source for found in load_folder(tmp_path, now=NOW)] == ["INVENTED", "OURS"]
