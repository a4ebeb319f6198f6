"""An invoice in XML, bounded, and read by paths that errors can name."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from lxml import etree

from ..core.errors import Invalid
from ..untrusted_xml import parse_untrusted
from .stated import DOCUMENT_BYTES_MAX, LINES_MAX, NUMBER_CHARS_MAX, TEXT_CHARS_MAX, clean_text, exact_decimal

DEPTH_MAX = 64
ELEMENTS_MAX = 400_000
STEPS_KEPT = 512  # our readers' own paths

Namespaces = tuple[tuple[str, str], ...]  # (prefix, namespace)


def parse_xml(raw: bytes) -> etree._Element:
    """The root of a well-formed document of bounded depth and size. Raises: Invalid(invoice_malformed)."""
    root = parse_untrusted(raw, "invoice_malformed", bytes_max=DOCUMENT_BYTES_MAX)
    _bound(root)
    return root


def _bound(root: etree._Element) -> None:
    """Refuses a tree that is deeper or larger than any invoice. Raises: Invalid(invoice_malformed)."""
    depth = elements = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if depth > DEPTH_MAX or elements > ELEMENTS_MAX:
            raise Invalid("invoice_malformed", f"Deeper than {DEPTH_MAX} or more than {ELEMENTS_MAX} elements.")


@lru_cache(maxsize=STEPS_KEPT)
def _tags(steps: str, namespaces: Namespaces) -> tuple[str, ...]:
    """The tags that `prefix:name/prefix:name` leads along."""
    named = dict(namespaces)
    parts = (step.split(":") for step in steps.split("/"))
    return tuple(f"{{{named[prefix]}}}{name}" for prefix, name in parts)


def _found(element: etree._Element, tags: tuple[str, ...]) -> list[etree._Element]:
    """All descendants along the tags, in the order of the document."""
    places = [element]
    for tag in tags:
        places = [child for place in places for child in place.iterchildren(tag)]
    return places


class Node:
    """An element and the path that led to it; `steps` are written as in the standards, `cac:Party/cbc:ID`."""

    def __init__(self, element: etree._Element, path: str, namespaces: Namespaces) -> None:
        self.element = element
        self.path = path
        self.namespaces = namespaces

    def every(self, steps: str) -> Iterator[Node]:
        """Each match in order, its path counted from 1."""
        found = _found(self.element, _tags(steps, self.namespaces))
        if len(found) > LINES_MAX:
            raise Invalid("invoice_malformed", f"{len(found)} times; at most {LINES_MAX} are read.", path=steps)
        for nth, element in enumerate(found, start=1):
            suffix = f"[{nth}]" if len(found) > 1 else ""
            yield Node(element, f"{self.path}/{steps}{suffix}", self.namespaces)

    def first(self, steps: str) -> Node | None:
        """The first match, or None."""
        return next(self.every(steps), None)

    def only(self, steps: str) -> Node:
        """The one match. Raises: Invalid(invoice_field_missing, invoice_field_repeated): two readers of one file
        must not see two invoices."""
        found = list(self.every(steps))
        path = f"{self.path}/{steps}"
        if not found:
            raise Invalid("invoice_field_missing", f"{path} is missing.", path=path)
        if len(found) > 1:
            raise Invalid("invoice_field_repeated", f"{path} stands {len(found)} times.", path=path)
        return found[0]

    def attribute(self, name: str) -> str:
        """An attribute's text, or empty."""
        return clean_text(self.element.get(name, ""), "invoice", f"{self.path}/@{name}", chars_max=NUMBER_CHARS_MAX)

    @property
    def text(self) -> str:
        """The element's own text, cleaned. Raises: Invalid(invoice_field_malformed) if it has elements inside."""
        if len(self.element):
            raise Invalid("invoice_field_malformed", "Text was expected, not elements.", path=self.path)
        return clean_text(self.element.text or "", "invoice", self.path, chars_max=TEXT_CHARS_MAX)

    @property
    def number(self) -> Decimal:
        """The text as an exact number. Raises: Invalid(invoice_field_malformed)."""
        return exact_decimal(self.text, "invoice", self.path)

    def text_of(self, *choices: str) -> str:
        """The text of the first of several paths that has any, or empty."""
        return next((node.text for steps in choices for node in self.every(steps) if node.text), "")

    def texts_of(self, *choices: str) -> tuple[str, ...]:
        """Every text at the paths, in their order."""
        return tuple(node.text for steps in choices for node in self.every(steps) if node.text)

    def needed(self, steps: str) -> Node:
        """The one match, with text. Raises: Invalid(invoice_field_missing, invoice_field_repeated)."""
        node = self.only(steps)
        if not node.text:
            raise Invalid("invoice_field_missing", f"{node.path} is empty.", path=node.path)
        return node
