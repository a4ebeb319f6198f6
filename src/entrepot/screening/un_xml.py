"""Reads the UN Security Council's consolidated list in XML; no entities, no DTD, no network.

Source: UN Security Council, consolidated list, schema sc-sanctions.xsd.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from lxml import etree

from .birth import from_iso
from .content import Content, malformed
from .entity import Entity, Identifier, ListedName, Schema
from .identifiers import country_of, normalise_identifier

SOURCE = "UN"
UN_ROOT, UN_HEAD_BYTES = b"<CONSOLIDATED_LIST", 4096
WEAK = "low"
NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
SECTIONS: tuple[tuple[str, str, Schema], ...] = (
    ("INDIVIDUALS", "INDIVIDUAL", "person"),
    ("ENTITIES", "ENTITY", "organization"),
)


def read_un(name: str, raw: bytes) -> Content:
    """The list out of one file. Raises: Invalid(list_malformed) with the line."""
    root = _parse(name, raw)
    generated = root.get("dateGenerated", "")
    try:
        at = datetime.fromisoformat(generated)
        published_at = int(at.timestamp()) if at.tzinfo else None
    except ValueError:
        published_at = None
    if published_at is None:
        raise malformed(name, 1, f"dateGenerated {generated!r:.40} is not a time with its zone.")
    entities: list[Entity] = []
    for section, tag, schema in SECTIONS:
        found = root.findall(section)
        if len(found) != 1:
            raise malformed(name, 1, f"{len(found)} sections {section} instead of one.")
        entities += [_entity(name, node, tag, schema) for node in found[0].iter(tag)]
    return Content(SOURCE, tuple(entities), published_at=published_at, version=generated)


def _parse(name: str, raw: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as wrong:
        raise malformed(name, int(wrong.lineno or 1), wrong.msg or "the file is not XML.") from wrong
    if _has_doctype(root):
        raise malformed(name, 1, "a document type is not allowed.")
    if root.tag != UN_ROOT.decode()[1:]:
        raise malformed(name, 1, f"the root is {root.tag!r:.40}.")
    return root


def _has_doctype(root: etree._Element) -> bool:
    return root.getroottree().docinfo.internalDTD is not None


def _entity(name: str, node: etree._Element, tag: str, schema: Schema) -> Entity:
    line = cast(int, node.sourceline or 1)
    reference = _text(node, "REFERENCE_NUMBER")
    names = _names(node, tag)
    if not reference or not names:
        raise malformed(name, line, "an entry without a reference number or a name.")
    places = [_text(place, "COUNTRY") for place in node.iter(f"{tag}_ADDRESS")]
    nations = [value.text or "" for value in node.findall("NATIONALITY/VALUE")]
    countries = [country_of(text) for text in (*nations, *places)]
    return Entity(
        id=reference,
        source=SOURCE,
        schema=schema,
        names=tuple(dict.fromkeys(names)),
        identifiers=tuple(dict.fromkeys(_documents(node))),
        countries=tuple(dict.fromkeys(filter(None, countries))),
        birth_dates=tuple(dict.fromkeys(filter(None, map(_birth, node.iter("INDIVIDUAL_DATE_OF_BIRTH"))))),
        programs=tuple(filter(None, [_text(node, "UN_LIST_TYPE")])),
    )


def _names(node: etree._Element, tag: str) -> list[ListedName]:
    whole = " ".join(filter(None, (_text(node, part) for part in NAME_PARTS)))
    names = [ListedName(whole)] if whole else []
    original = _text(node, "NAME_ORIGINAL_SCRIPT")
    names += [ListedName(original)] if original else []
    for alias in node.iter(f"{tag}_ALIAS"):
        text = _text(alias, "ALIAS_NAME")
        is_weak = _text(alias, "QUALITY").lower() == WEAK
        names += [ListedName(text, "alias", "weak" if is_weak else "strong")] if text else []
    return names


def _documents(node: etree._Element) -> list[Identifier]:
    found = []
    for document in node.iter("INDIVIDUAL_DOCUMENT"):
        said = _text(document, "TYPE_OF_DOCUMENT").lower()
        kind = "passport" if "passport" in said or "pasaporte" in said or "passeport" in said else "national_id"
        country = country_of(_text(document, "ISSUING_COUNTRY") or _text(document, "COUNTRY_OF_ISSUE"))
        found.append(normalise_identifier(kind, _text(document, "NUMBER"), country))
    return [identifier for identifier in found if identifier]


def _birth(node: etree._Element) -> str:
    first, last = _text(node, "FROM_YEAR"), _text(node, "TO_YEAR")
    if first and last:
        return f"{first}/{last}"
    exact = from_iso(_text(node, "DATE")[:10]) or from_iso(_text(node, "YEAR"))
    if exact and _text(node, "TYPE_OF_DATE") == "APPROXIMATELY":
        return f"~{exact[:4]}"
    return exact


def _text(node: etree._Element, tag: str) -> str:
    """The text of a child with its spaces made single, empty if there is none."""
    return " ".join((node.findtext(tag) or "").split())
