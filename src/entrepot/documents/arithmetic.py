"""Whether an invoice adds up. It need not, to be read: what differs is remarked, and the amount payable stands."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext

from .stated import EXACT, Draft, Remark

_NONE = Decimal(0)


def arithmetic_remarks(draft: Draft) -> Iterator[Remark]:
    """One remark for each sum that differs. Source: EN 16931-1 rules BR-CO-10, -13, -15, -16."""
    totals = draft.totals
    with localcontext(EXACT):
        lines = sum((line.net_amount for line in draft.lines), _NONE)
        exclusive = _plus(totals.lines, -_or_none(totals.allowances), _or_none(totals.charges))
        inclusive = _plus(totals.tax_exclusive, _or_none(totals.tax))
        payable = _plus(totals.tax_inclusive, -_or_none(totals.prepaid), _or_none(totals.rounding))
        if draft.syntax == "json":  # its totals are derived, not stated
            payable = lines + _or_none(totals.tax) - _or_none(totals.prepaid)
        pairs = (
            ("lines_sum_differs", "BR-CO-10: sum of the lines", lines, totals.lines),
            ("tax_exclusive_differs", "BR-CO-13: lines less allowances plus charges", exclusive, totals.tax_exclusive),
            ("tax_inclusive_differs", "BR-CO-15: total without tax plus tax", inclusive, totals.tax_inclusive),
            ("payable_differs", "BR-CO-16: total less prepaid plus rounding", payable, draft.payable),
        )
        for code, rule, computed, stated in pairs:
            if computed is not None and stated is not None and computed != stated:
                yield Remark(code, f"{rule} is {computed:f} {draft.currency.id}, stated {stated:f}.", "totals")
    if totals.prepaid:
        yield Remark("prepaid", f"{totals.prepaid:f} {draft.currency.id} is stated as paid before.", "totals")


def _or_none(amount: Decimal | None) -> Decimal:
    return _NONE if amount is None else amount


def _plus(start: Decimal | None, *parts: Decimal) -> Decimal | None:
    """The sum, or None if its start is not stated."""
    return None if start is None else sum(parts, start)
