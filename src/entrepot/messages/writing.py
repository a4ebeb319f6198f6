"""A message's elements as they are written: names, texts and currencies become the bytes that go out.

Elements of our own, because a message has a hundred of them, and a library's made one by one take longer than
writing, parsing and validating the whole text. What is no XML here passes neither parser nor schema (`blocks.sealed`).
"""

from __future__ import annotations

import re

from entrepot.core.errors import Invalid, declare

_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # Source: XML 1.0, 2.2 Char
_INDENT = "  "

declare("Invalid", message_text_unsayable="A text holds characters that no XML message can carry.")


class Element:
    """One element: text or children, and at most one attribute. `name` is written as it stands, prefix and all."""

    __slots__ = ("attribute", "children", "name", "text")

    def __init__(self, name: str, attribute: str = "") -> None:
        self.name, self.attribute = name, attribute
        self.text: str | None = None
        self.children: list[Element] = []

    def written(self) -> str:
        """The element as XML, indented, with an end of line after it."""
        lines: list[str] = []
        _write(self, "\n", lines)
        return "".join(lines)[1:] + "\n"


class Fragment(Element):
    """Elements that stand side by side in several places; written once for each margin. Nothing is added to them."""

    __slots__ = ("_written",)

    def __init__(self, children: list[Element]) -> None:
        super().__init__("")
        self.children = children
        self._written: dict[str, str] = {}

    def at(self, margin: str) -> str:
        """All of them, as they stand at this margin."""
        if margin not in self._written:
            lines: list[str] = []
            for child in self.children:
                _write(child, margin, lines)
            self._written[margin] = "".join(lines)
        return self._written[margin]


def escaped(text: str, *, path: str) -> str:
    """`text` as it stands between tags. Raises: Invalid(message_text_unsayable)."""
    if _UNSAYABLE.search(text):
        raise Invalid("message_text_unsayable", f"{text!r:.80} cannot stand in XML.", path=path)
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return text


def _write(element: Element, margin: str, lines: list[str]) -> None:
    name, children = element.name, element.children
    start = f"{margin}<{name} {element.attribute}" if element.attribute else f"{margin}<{name}"
    if children:
        lines.append(start + ">")
        within = margin + _INDENT
        for child in children:
            if type(child) is Fragment:
                lines.append(child.at(within))
            else:
                _write(child, within, lines)
        lines.append(f"{margin}</{name}>")
    elif element.text is None:
        lines.append(start + "/>")
    else:
        lines.append(f"{start}>{element.text}</{name}>")
