"""Measured limits: ``pore.area_fraction <= 0.01`` and the verdict that follows."""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from napari_qualify.decide.verdict import Call, Decision, Reason, Verdict
from napari_qualify.errors import UsageError
from napari_qualify.measure.table import MEASURES, Quantity

Operator = Literal["<=", "<", ">=", ">"]

_PATTERN = re.compile(
    r"\s*(?P<phase>\S.*?)\s*\.\s*(?P<measure>[A-Za-z_]\w*)\s*(?P<op><=|>=|<|>|≤|≥)"
    r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>(?:1\s*/|[^\s\d.+-]).*?)?\s*"
)
_OPERATORS: dict[str, Operator] = {
    "<=": "<=", "<": "<", ">=": ">=", ">": ">", "≤": "<=", "≥": ">=",
}  # fmt: skip
# Unit as written -> unit of the table, factor. The first of each is the default.
_LENGTHS = {"um": ("um", 1.0), "px": ("px", 1.0), "nm": ("um", 1e-3), "mm": ("um", 1e3)}
_UNITS: dict[Quantity, dict[str, tuple[str, float]]] = {
    "share": {"": ("", 1.0), "%": ("", 0.01)},
    "number": {"": ("", 1.0)},
    "index": {"": ("", 1.0)},
    "length": _LENGTHS,
    "area": {"um2": ("um2", 1.0), "px2": ("px2", 1.0), "mm2": ("um2", 1e6)},
    "per_area": {"1/um2": ("1/um2", 1.0), "1/px2": ("1/px2", 1.0), "1/mm2": ("1/um2", 1e-6)},
    "per_length": {"1/um": ("1/um", 1.0), "1/px": ("1/px", 1.0), "1/mm": ("1/um", 1e-3)},
}
_EXAMPLE = "pore.area_fraction <= 0.01"


@dataclass(frozen=True)
class Limit:
    """A bound on one measure of one phase.

    Attributes
    ----------
    phase, measure : str
        As in the table of `napari_qualify.measure`.
    op : {'<=', '<', '>=', '>'}
    value : float
        In `unit`.
    unit : str
        '' for a share, a count or a ratio, else a unit of the table: um or px
        for lengths, 1/um2 or 1/px2 for numbers per area.
    text : str
        As written.
    """

    phase: str
    measure: str
    op: Operator
    value: float
    unit: str
    text: str

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read ``phase.measure op number [unit]``.

        Parameters
        ----------
        text : str
            For example ``pore.area_fraction <= 1 %`` or
            ``dissolved carbide.equivalent_diameter < 30 um``. Lengths also in
            nm and mm, numbers per area in 1/um2, 1/mm2 or 1/px2; without a unit
            a share counts as such, a length in um, a number per area in 1/um2.

        Returns
        -------
        Limit

        Raises
        ------
        UsageError
            When it does not read so; the message says what is known.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise UsageError(
                f"Limit {text!r} is not understood; write PHASE.MEASURE OPERATOR NUMBER "
                f"[UNIT], for example {_EXAMPLE!r}. Operators: <=, <, >=, >."
            )
        name = match["measure"]
        if name not in MEASURES:
            raise UsageError(
                f"Limit {text!r}: no measure {name!r}. The measures are {', '.join(MEASURES)}."
            )
        written = re.sub(r"[\s^]", "", match["unit"] or "").replace("µ", "u").replace("μ", "u")
        written = written.replace("²", "2")
        written = f"1{written}" if written.startswith("/") else written
        units = _UNITS[MEASURES[name].quantity]
        if written and written not in units:
            allowed = ", ".join(unit or "no unit" for unit in units)
            raise UsageError(
                f"Limit {text!r}: {name} is not measured in {match['unit']!r}; use {allowed}."
            )
        unit, factor = units[written] if written else next(iter(units.values()))
        value = float(match["number"]) * factor
        if not math.isfinite(value):
            raise UsageError(f"Limit {text!r}: the number is not finite.")
        return cls(match["phase"], name, _OPERATORS[match["op"]], value, unit, text.strip())

    def __str__(self) -> str:
        return self.text

    def holds(self, value: float) -> bool:
        """Whether a value, in `unit`, is on the accepting side."""
        match self.op:
            case "<=":
                return value <= self.value
            case "<":
                return value < self.value
            case ">=":
                return value >= self.value
            case ">":
                return value > self.value

    def judge(self, table: pd.DataFrame | None, criterion: str = "") -> Verdict:
        """Judge one micrograph by its measured values.

        Accept or reject when the whole 95 % interval is on one side of the
        limit, else review. What cannot be measured is a review too.

        Parameters
        ----------
        table : DataFrame or None
            What `napari_qualify.measure` gave for one micrograph, or
            `napari_qualify.measure.fields.pool_fields` for one sample; None when
            it has no phases.
        criterion : str
            Name for the verdict.

        Returns
        -------
        Verdict
            Of modality 'measure'.

        Raises
        ------
        UsageError
            When the table holds the measure of more than one micrograph.
        """
        blank = Verdict(
            criterion=criterion, verdict="review", modality="measure", rule="limit",
            limit=self.text, unit=self.unit,
        )  # fmt: skip
        if table is None or table.empty:
            return replace(blank, reason="no_phases", messages=("No phases were found.",))
        rows = table[(table["phase"] == self.phase) & (table["measure"] == self.measure)]
        if rows.empty:
            known = ", ".join(table["phase"].unique())
            message = f"No phase {self.phase!r} is named; the phases are {known}."
            return replace(blank, reason="no_phases", messages=(message,))
        if len(rows) > 1:
            raise UsageError(
                f"Limit {self.text!r}: the table holds {len(rows)} micrographs; judge one "
                "at a time."
            )
        row = rows.iloc[0]
        return self._judge_row(blank, row)

    def _judge_row(self, blank: Verdict, row: "pd.Series[object]") -> Verdict:
        value, low, high = (float(row[key]) for key in ("value", "low", "high"))
        found = replace(
            blank, value=_or_none(value), value_low=_or_none(low), value_high=_or_none(high),
            unit=str(row["unit"]),
        )  # fmt: skip
        if row["unit"] != self.unit:
            remedy = "give the pixel size" if "um" in self.unit else "write it in um"
            message = f"The limit is in {self.unit}, the value in {row['unit']}: {remedy}."
            return replace(found, reason="no_interval", messages=(message,))
        if math.isnan(value):
            message = f"Nothing to measure: {row['method']}."
            return replace(found, reason="no_interval", messages=(message,))
        call: Call = "accept" if self.holds(value) else "reject"
        messages = (str(row["method"]), "Segmentation error is not in the interval.")
        verdict, reason = self._decide(low, high)
        return replace(found, verdict=verdict, reason=reason, call=call, messages=messages)

    def _decide(self, low: float, high: float) -> tuple[Decision, Reason]:
        if math.isnan(low) or math.isnan(high):
            return "review", "no_interval"
        ends = {self.holds(low), self.holds(high)}
        if len(ends) == 2:
            return "review", "interval_spans_limit"
        return ("accept" if ends.pop() else "reject"), ""


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
