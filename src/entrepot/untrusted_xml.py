"""Untrusted XML as a tree: no entities, no document type, no network, and no more bytes than its reader takes."""

from __future__ import annotations

from lxml import etree

from .core.errors import Invalid


def parse_untrusted(raw: bytes, code: str, *, bytes_max: int) -> etree._Element:
    """The root of a well-formed document, without comments and processing instructions. Raises: Invalid(`code`).

    A document type declaration is refused outright, so no entity is ever defined; libxml2's own limits (depth 256,
    10 MB a text node) stay on because `huge_tree` is off.
    """
    if len(raw) > bytes_max:
        raise Invalid(code, f"{len(raw)} bytes; at most {bytes_max} are read.")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise Invalid(code, f"Not well-formed XML: {error!s:.160}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid(code, "A document type declaration is not read.")
    return root
