"""The columns beside features and target, which only the split looks at: a group for each row, or a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.columns import Cells, cell_at, texts
from tuner.data.findings import Findings
from tuner.data.naming import split_columns
from tuner.data.sheet import Sheet
from tuner.study import Study


def beside(sheet: Sheet, cells: Mapping[str, Cells], study: Study, findings: Findings) -> dict[str, NDArray[Any]]:
    """`split.group` as str or float64, `split.time` as float64, by column name; none of them with an empty cell."""
    extra: dict[str, NDArray[Any]] = {}
    for setting, name in split_columns(study).items():
        if name not in cells:
            continue
        each = cells[name]
        if setting == "time":
            extra[name] = _seconds(sheet, name, each, findings)
        else:
            extra[name] = texts(each) if len(each.stray) else each.numbers
        filled = ~np.isnan(each.numbers)
        filled[each.stray] = True
        if len(rows := np.flatnonzero(~filled)):
            findings.problems.append(
                f"{sheet.where}: column '{name}' is data.split.{setting} and is empty in {sheet.place(rows)}. "
                "Fill it, or leave those rows out"
            )
    return extra


def _seconds(sheet: Sheet, name: str, cells: Cells, findings: Findings) -> NDArray[Any]:
    """Times as numbers: numbers as they are, dates as seconds since 1970 (UTC where they say no zone)."""
    import pandas as pd

    if not len(cells.stray):
        return cells.numbers
    given = texts(cells)
    found = pd.to_datetime(pd.Series(given, dtype=object), format="ISO8601", errors="coerce", utc=True)
    # In microseconds, because nanoseconds end in the year 2262.
    micros = found.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    seconds: NDArray[Any] = np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)
    wrong = [row for row in np.flatnonzero(np.isnan(seconds)).tolist() if given[row] is not None]
    if wrong:
        findings.problems.append(
            f"{sheet.where}: column '{name}', {sheet.place(wrong)}: expected numbers, or times such as 2026-01-31 or "
            f"2026-01-31T12:30, got '{cell_at(cells, wrong[0])}'"
        )
    return seconds
