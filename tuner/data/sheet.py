"""Rows as a source gives them, before anybody says what they mean: named columns, and where each row is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.errors import DataError

# Cells that say nothing in every file. Others, as "?" or "n/a", are declared: a category may be called so.
EMPTY = ("", "NA", "NaN", "nan", "NAN", "null", "NULL")
# A column without a name of its own: the row numbers that pandas writes into a CSV and into a Parquet file.
_UNNAMED = ("", "__index_level_0__")

# An Arrow array. Arrow's own types are not visible to the type checker.
Column = Any


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The columns of a source as Arrow arrays: text from a CSV, text or numbers from others.

    `where` names the source in messages. `lines` has the place of each row, counted in `unit`: the line of a CSV with
    the header as line 1, or the row of other sources from 1. `semicolons` says that cells are separated by ';', so
    that a number may have a decimal comma. `target` is the column that the source itself means to be predicted.
    `left_out` says which rows were empty from end to end, and are not among these.
    """

    where: str
    columns: Mapping[str, Column]
    lines: NDArray[np.int64]
    unit: str = "row"
    semicolons: bool = False
    target: str | None = None
    warnings: tuple[str, ...] = ()
    left_out: str = ""

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, rows: Sequence[int] | NDArray[Any]) -> str:
        """`line 7`, or `lines 3, 8, 12, …` of many, for row numbers from 0."""
        found = [str(self.lines[int(row)]) for row in rows[:3]]
        more = ", …" if len(rows) > 3 else ""
        return f"{self.unit}{'s' if len(rows) > 1 else ''} {', '.join(found)}{more}"


def rows_from(count: int, first: int = 1) -> NDArray[np.int64]:
    """The places of `count` rows that follow each other from `first` on."""
    return np.arange(first, first + count, dtype=np.int64)


def check_header(where: str, names: Sequence[str], spot: str) -> None:
    """Raises DataError where columns share a name, or where the names look like the first row of the data."""
    twice = list(dict.fromkeys(name for i, name in enumerate(names) if name in names[:i] and name not in _UNNAMED))
    problems = [
        f"{where}: {names.count(name)} columns are named '{name}' "
        f"({', '.join(str(i + 1) for i, each in enumerate(names) if each == name)}). Give each its own name"
        for name in twice
    ]
    if names and all(_is_number(name) or name in EMPTY for name in names):
        shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        problems = [f"{where}: {spot} has no column names, got {shown}. Put a line with the names of the columns first"]
    if problems:
        raise DataError(*problems)


def tidied(sheet: Sheet) -> Sheet:
    """Without rows that are empty from end to end, and without an unnamed column of row numbers or of nothing.

    Raises DataError where there are no rows, or where an unnamed column holds anything else.
    """
    if not len(sheet):
        raise DataError(f"{sheet.where}: has column names but no rows")
    columns, warnings = dict(sheet.columns), list(sheet.warnings)
    for name in [name for name in columns if name in _UNNAMED]:
        spot = list(columns).index(name) + 1
        if not (_is_empty(columns[name]).all() or _counts(columns[name])):
            raise DataError(f"{sheet.where}: column {spot} has no name. Give it one, or leave the column out")
        if not _is_empty(columns[name]).all():
            warnings.append(f"{sheet.where}: column {spot} has no name and numbers the rows; it is left out")
        del columns[name]
    blank = np.ones(len(sheet), dtype=bool)
    for column in columns.values():
        if not blank.any():
            break
        blank &= _is_empty(column)
    lines, left_out = sheet.lines, ""
    if blank.all():
        raise DataError(f"{sheet.where}: every row is empty")
    if blank.any():
        rows = np.flatnonzero(blank)
        left_out = f"{len(rows)} empty row{'s' if len(rows) > 1 else ''} ({sheet.place(rows)})"
        warnings.append(f"{sheet.where}: {left_out} {'are' if len(rows) > 1 else 'is'} left out")
        columns = {name: column.filter(~blank) for name, column in columns.items()}
        lines = lines[~blank]
    return replace(sheet, columns=columns, lines=lines, warnings=tuple(warnings), left_out=left_out)


def _is_empty(column: Column) -> NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    blank = pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        blank = pc.or_(blank, pc.fill_null(pc.is_in(trimmed, pa.array(EMPTY, column.type)), True))
    found: NDArray[np.bool_] = np.asarray(blank)
    return found


def _counts(column: Column) -> bool:
    """Whether the cells are 0, 1, 2, … or 1, 2, 3, …"""
    cells = column.to_pylist()
    return any([str(cell) for cell in cells] == [str(i + first) for i in range(len(cells))] for first in (0, 1))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
