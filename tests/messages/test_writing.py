"""What we write is what an XML library reads: what XML can carry comes back, any other text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from entrepot.core.errors import Invalid
from entrepot.messages.blocks import add
from entrepot.messages.writing import Element


def can_stand_in_xml(text: str) -> bool:
    """As the library says."""
    try:
        etree.Element("a").text = text
    except ValueError:
        return False
    return True


@given(st.text(st.characters()) | st.text("<>&\"'\r\n\t ]\x00\x0b\ud800\ufffe\uffff\U0001f600é"))
def test_a_text_is_read_back_as_it_was_or_refused_as_the_library_refuses_it(text: str) -> None:
    root = Element("Document", attribute='xmlns="urn:x"')
    if not can_stand_in_xml(text):
        with pytest.raises(Invalid) as caught:
            add(root, "Place/Nm", text)
        assert (caught.value.code, caught.value.path) == ("message_text_unsayable", "Place/Nm")
        return
    add(root, "Place/Nm", text)
    assert etree.fromstring(root.written().encode())[0][0].text == (text or None)


def test_elements_are_written_as_the_library_indents_them() -> None:
    root = Element("Document", attribute='xmlns="urn:x"')
    place = add(root, "GrpHdr")
    add(place, "MsgId", "A & B <c> \u00e9")
    add(place, "Amt", "1.00", ccy="EUR")
    add(place, "Empty")
    add(root, "Other/Id", "x")
    add(place, "Late", "after its parent's neighbour, and still in its place")
    blank = etree.XMLParser(remove_blank_text=True)
    tree = etree.fromstring(root.written().encode(), blank)
    assert etree.tostring(tree, encoding="UTF-8", pretty_print=True, xml_declaration=False) == root.written().encode()
    assert [child.tag for child in tree[0]] == [f"{{urn:x}}{name}" for name in ("MsgId", "Amt", "Empty", "Late")]
