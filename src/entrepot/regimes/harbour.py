"""The Harbour pilot: the first regime. Its figures are invented for the demo; what is law says where it stands.

The laws cited are examples for the demo and not legal advice; marks: T text seen, S secondary source, U unverified.
"""

from __future__ import annotations

import dataclasses

from .regime import INVENTED, Cited, Regime

DAY_S = 86_400

HARBOUR_1 = Regime(
    name="harbour",
    version="1",
    in_force_from=1_767_225_600,  # 2026-01-01T00:00:00Z
    in_force_until=None,
    operator="Entrepot Pilot Operator (invented)",
    escrow_holder="Harbour Escrow Trustees (invented), legal holder of the escrow",
    examiner="Quayside Examiners (invented), examiner of record",
    reference="USD",
    cap_payment_minor=500_000_00,
    cap_window_minor=2_000_000_00,
    window_days=30,
    lists_required=("INVENTED",),
    lists_age_s_max=DAY_S,
    review_s=5 * DAY_S,
    kinds_admitted=Cited(("stablecoin", "cbdc"), INVENTED),
    assets_banned=Cited(
        ("A7A5", "RUBX"),
        "Reg. (EU) 833/2014 art. 5ba and Annex LIII, 19th and 20th package; seen in secondary sources 2026-11-23",
        "S",
    ),
    territories_banned=Cited(("KP", "IR"), f"{INVENTED}; compare FATF high-risk jurisdictions, not verified here", "U"),
    territories_reviewed=Cited(("MM",), f"{INVENTED}; compare FATF high-risk jurisdictions, not verified here", "U"),
    corridors=Cited(("*-*",), INVENTED),
)
VERSIONS: tuple[Regime, ...] = (HARBOUR_1,)


def in_force(at: int, versions: tuple[Regime, ...] = VERSIONS) -> Regime | None:
    """The version in force at `at` (Unix s), None if there is none."""
    return next((regime for regime in reversed(versions) if regime.is_in_force(at)), None)


def describe(regime: Regime) -> list[tuple[str, str, str]]:
    """(rule or figure, its value, its source) for `entrepot regime show`."""
    rows: list[tuple[str, str, str]] = []
    for field in dataclasses.fields(regime):
        value = getattr(regime, field.name)
        if field.name == "figures_source":
            continue
        if isinstance(value, Cited):
            rows.append((field.name, ", ".join(value.value), f"{value.source} [{value.mark}]"))
        else:
            text = ", ".join(value) if isinstance(value, tuple) else str(value)
            rows.append((field.name, text, regime.figures_source))
    rows.append(
        ("blocked", "listed person's interest: neither released nor refunded", "31 CFR 501.603; OFAC FAQ 646 [T]")
    )
    rows.append(("rejected", "prohibited, nobody listed: returned, not kept", "31 CFR 501.604; OFAC FAQ 49 [T]"))
    rows.append(
        (
            "silence",
            "no notice by the 5th banking day: payment",
            "UCP 600 art. 16(f), modelled on [T opening, effect U]",
        )
    )
    return rows
