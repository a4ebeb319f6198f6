"""What a chart shows: labels, series and reference lines, once; its table and its picture are both made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from .language import Shown

Kind = Literal["columns", "stack", "lines", "bars"]
Tone = Literal["harbour", "waiting", "final", "stop", "soft", "line"]


@dataclass(frozen=True, slots=True)
class Series:
    """A row of figures: `values` for the picture (None: no figure), `says` the same in a reader's words."""

    name: str
    values: tuple[float | None, ...]
    says: tuple[str | Shown, ...]
    tone: Tone = "harbour"


@dataclass(frozen=True, slots=True)
class Reference:
    """A line to measure against: at `value` of the figures, or (`label`) at a label of the other axis."""

    name: str
    source: str
    value: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture with its table. `says` is one sentence with what it shows; `across` names what the labels are.

    `columns` stand side by side, `stack` on each other, `lines` run through time, `bars` lie (long names).
    Nothing but zeros is no figure unless `zero_counts`; then `when_empty` is said.
    """

    id: str
    title: str
    says: str | Shown
    kind: Kind
    across: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    references: tuple[Reference, ...] = ()
    is_logarithmic: bool = False
    zero_counts: bool = False
    when_empty: str | Shown = ""
    counted: str = ""  # what is counted, where the figures are numbers of things and have no unit

    @property
    def is_empty(self) -> bool:
        """True if there is no figure to draw."""
        values = [value for one in self.series for value in one.values if value is not None]
        return not (values if self.zero_counts else any(values))

    @property
    def picture(self) -> dict[str, Any]:
        """What the script draws."""
        return {
            "kind": self.kind,
            "labels": self.labels,
            "unit": self.unit,
            "log": self.is_logarithmic,
            "series": [
                {"name": one.name, "tone": one.tone, "values": one.values, "says": [_plain(text) for text in one.says]}
                for one in self.series
            ],
            "references": [{"name": one.name, "value": one.value, "label": one.label} for one in self.references],
        }

    @property
    def rows(self) -> list[tuple[str, list[str | Shown]]]:
        """The table's rows: a label and what each series says there."""
        return [(label, [one.says[place] for one in self.series]) for place, label in enumerate(self.labels)]


def _plain(text: str | Shown) -> str:
    return Markup(text).striptags() if isinstance(text, Markup) else text
