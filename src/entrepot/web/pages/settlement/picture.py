"""The money picture as SVG: who paid, where it lies, who will get it; solid where moved, dashed ahead, the fee apart.

Drawn on the server with classes only, so that colours are the page's tokens and no style stands in the markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

WIDE, TALL = "wide", "tall"
NAME_CHARS_MAX = 26


@dataclass(frozen=True, slots=True)
class Flow:
    """One stream of money between two places; `state` is moved, waits (dashed) or none."""

    state: str
    says: str | Markup


@dataclass(frozen=True, slots=True)
class Money:
    """Who paid, where it lies, who will get it; texts are ready to show."""

    buyer: str
    seller: str
    paid: Flow
    held: str | Markup
    is_held: bool
    to_seller: Flow
    back: Flow
    fee: Flow
    beside: Flow
    escrow: str


def drawn(money: Money, words: dict[str, str]) -> Markup:
    """The picture in two shapes: beside each other for a desk, below each other for a phone."""
    return Markup("").join((_wide(money, words), _tall(money, words)))


def _wide(money: Money, words: dict[str, str]) -> Markup:
    parts = [
        _stream("M216 106 H330", money.paid.state),
        _stream("M470 106 H584", money.to_seller.state),
        _stream("M330 136 C290 176 250 176 160 142", money.back.state, thin=True, to="back"),
        _stream("M440 160 C460 196 500 200 580 200", money.fee.state, thin=True, to="fee"),
        _stream("M400 8 V50", money.beside.state, thin=True, to="past"),
        _place(4, 72, 212, 68, money.buyer, money.paid.says),
        _place(584, 72, 212, 68, money.seller, money.to_seller.says),
        _escrow(330, 52, 140, 108, money, words["escrow"]),
        _label(588, 204, money.fee.says),
        _label(120, 192, money.back.says) if money.back.state != "none" else Markup(""),
        _label(412, 26, money.beside.says) if money.beside.state != "none" else Markup(""),
    ]
    return _svg("800 220", WIDE, parts)


def _tall(money: Money, words: dict[str, str]) -> Markup:
    parts = [
        _stream("M110 76 V124", money.paid.state),
        _stream("M110 228 V276", money.to_seller.state),
        _stream("M180 124 V76", money.back.state, thin=True, to="back"),
        _stream("M206 176 H236", money.fee.state, thin=True, to="fee"),
        _place(4, 8, 292, 68, money.buyer, money.paid.says),
        _escrow(4, 124, 202, 104, money, words["escrow"]),
        _place(4, 276, 292, 68, money.seller, money.to_seller.says),
        _label(192, 104, money.back.says) if money.back.state != "none" else Markup(""),
        _label(216, 204, words["fee_short"]),
    ]
    return _svg("300 352", TALL, parts)


def _svg(size: str, shape: str, parts: list[Markup]) -> Markup:
    return Markup('<svg class="picture {}" viewBox="0 0 {}" aria-hidden="true" focusable="false">{}</svg>').format(
        shape, size, Markup("").join(parts)
    )


def _stream(path: str, state: str, *, thin: bool = False, to: str = "") -> Markup:
    if state == "none":
        return Markup("")
    kind = " ".join(word for word in ("stream", state, "thin" if thin else "", to) if word)
    return Markup('<path class="{}" d="{}"/>').format(kind, path)


def _place(x: int, y: int, wide: int, high: int, name: str, says: Any) -> Markup:
    return Markup(
        '<rect class="spot" x="{}" y="{}" width="{}" height="{}" rx="8"/>'
        '<text class="name" x="{}" y="{}">{}</text><text class="says" x="{}" y="{}">{}</text>'
    ).format(x, y, wide, high, x + 14, y + 29, _cut(name), x + 14, y + 51, _plain(says))


def _escrow(x: int, y: int, wide: int, high: int, money: Money, word: str) -> Markup:
    middle = x + wide // 2
    return Markup(
        '<rect class="spot escrow{}" x="{}" y="{}" width="{}" height="{}" rx="8"/>'
        '<text class="held" x="{}" y="{}">{}</text><text class="says mid" x="{}" y="{}">{}</text>'
        '<text class="says mid mono" x="{}" y="{}">{}</text>'
    ).format(
        " holds" if money.is_held else "", x, y, wide, high,
        middle, y + high // 2 - 8, _plain(money.held), middle, y + high // 2 + 14, word,
        middle, y + high // 2 + 34, f"{money.escrow[:6]}…{money.escrow[-4:]}" if money.escrow else "",
    )  # fmt: skip


def _label(x: int, y: int, says: Any) -> Markup:
    return Markup('<text class="says" x="{}" y="{}">{}</text>').format(x, y, _plain(says))


def _plain(text: Any) -> str:
    return Markup(text).striptags().replace("\xa0", " ") if isinstance(text, Markup) else str(text)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_CHARS_MAX else name[: NAME_CHARS_MAX - 1] + "…"


def rows(money: Money, words: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """The same picture as a table's rows: a place and what is true there."""
    yield money.buyer, money.paid.says
    yield words["escrow"], money.held
    yield money.seller, money.to_seller.says or words["nothing"]
    yield words["fee"], money.fee.says
    if money.back.state != "none":
        yield words["back"], money.back.says
    if money.beside.state != "none":
        yield words["beside"], money.beside.says
