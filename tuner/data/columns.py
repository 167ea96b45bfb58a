"""From the cells of a source to columns of numbers and of text, and what kind a column is.

What kind a column is, and whether it is a feature at all, is read off every row of a source, before any is drawn for
validation or test: it is the schema of the source. The target's values have no part in that, and every statistic of a
column (mean, scale, words, codes) is fitted later, on train rows only: see `tuner.data.fitting`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuner import toml
from tuner.data.sheet import EMPTY, Column, Sheet
from tuner.data.table import Kind
from tuner.trial import Value

if TYPE_CHECKING:
    import pandas as pd

# A text column with more names than this, or with a name of its own in nearly every row, tells rows apart, not kinds
# of rows: an identifier, a date, free text.
MOST_NAMES = 50
_OWN_NAMES = 0.9
_FEW_ROWS = 10
# Where so few cells, or so small a share of them, are no numbers, the column was meant to hold numbers.
_STRAY_CELLS = 3
_STRAY_SHARE = 0.1

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(?i)[+-]?(inf|infinity|nan)$"
_TRUTH = r"^(?i)(true|false)$"
_COMMA = r"^[+-]?\d+,\d+([eE][+-]?\d+)?$"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A column, read as text and as numbers.

    `text` is an Arrow array of trimmed text, null where empty, or None where the source has numbers. `numbers` is NaN
    where a cell is empty or no number; `stray` are the rows with a cell that is neither. `truth`: all are true or
    false, as 1 and 0. `comma`: there are numbers with a decimal comma, and no other stray cells. `point`: there are
    numbers with a decimal point beside separators that let a comma be one. Declared blanks are empty, but stay in
    `text`.
    """

    text: Column | None
    numbers: NDArray[np.float64]
    stray: NDArray[np.int64]
    truth: bool = False
    comma: bool = False
    point: bool = False

    @property
    def filled(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.numbers))) + len(self.stray)

    @property
    def meant_as_numbers(self) -> bool:
        """Whether the stray cells are too few for the column to hold names, or are numbers with a comma."""
        if self.comma:
            return True
        few = len(self.stray) <= max(_STRAY_CELLS, _STRAY_SHARE * self.filled)
        return few and len(self.stray) * 2 < self.filled


def read_cells(column: Column, blanks: Collection[str] = (), semicolons: bool = False) -> Cells:
    """Reads a column of any type; `blanks` are texts that mean an empty cell.

    Raises TypeError, saying what the cells are, where they are neither numbers nor text.
    """
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind):
        return Cells(None, np.full(len(column), np.nan), np.array([], np.int64))
    if pa.types.is_boolean(kind):
        return Cells(None, _floats(column.cast(pa.int8())), np.array([], np.int64), truth=True)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Cells(None, _floats(column), np.array([], np.int64))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column = column.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise TypeError(f"holds cells of the type {kind}")
    return _read_text(column, blanks, semicolons)


def _read_text(column: Column, blanks: Collection[str], semicolons: bool) -> Cells:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    text = pc.if_else(pc.is_in(text, pa.array(EMPTY, text.type)), None, text)
    shown = pc.if_else(pc.is_in(text, pa.array(list(blanks), text.type)), None, text) if blanks else text
    filled = _mask(pc.is_valid(shown))
    if not semicolons:
        try:  # nearly every column of numbers ends here
            return Cells(text, _floats(shown.cast(pa.float64())), np.array([], np.int64))
        except pa.ArrowInvalid:
            pass
    if filled.any() and pc.all(pc.match_substring_regex(shown, _TRUTH)).as_py():
        truths = pc.equal(pc.utf8_lower(shown), "true")
        return Cells(text, _floats(truths.cast(pa.int8())), np.array([], np.int64), truth=True)
    commas = _mask(pc.match_substring_regex(shown, _COMMA))
    if semicolons and commas.any():
        shown = pc.if_else(commas, pc.replace_substring(shown, ",", "."), shown)
    matched = _mask(pc.match_substring_regex(shown, _NUMBER))
    numbers = _floats(pc.if_else(matched, shown, None).cast(pa.float64()))
    stray = np.flatnonzero(filled & ~matched)
    point = False
    if semicolons and matched.any():
        point = bool((_mask(pc.match_substring(shown, ".")) & matched & ~commas).any())
    comma = bool(commas.any() and (semicolons or commas[stray].all()))
    return Cells(text, numbers, stray, comma=comma, point=point)


def inferred(cells: Cells) -> Kind:
    """What the cells look like, in all rows, where nothing is declared."""
    return Kind.TEXT if len(cells.stray) else Kind.NUMERIC


def blanks_of(marks: Sequence[Value]) -> tuple[str, ...]:
    """The declared marks that no number can be, so that they are empty cells in a column of numbers."""
    return tuple(mark.strip() for mark in marks if isinstance(mark, str) and _number(mark) is None)


def marks_of(kind: Kind, marks: Sequence[Value]) -> tuple[float | str, ...]:
    """The declared marks as the features have them: numbers in a column of numbers, text in one of text."""
    if kind is Kind.TEXT:
        return tuple(as_text(mark) for mark in marks)
    return tuple(number for mark in marks if (number := _number(mark)) is not None)


def as_text(value: Value) -> str:
    """A value as a file would have it: 3.0 is 3."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if float(value).is_integer() else repr(value)


def names_too_many(cells: Cells, blanks: Collection[str]) -> int | None:
    """How many different texts all rows have, where that is too many for a feature, or None."""
    names = set(cells.text.unique().to_pylist()) - {None, *blanks} if cells.text is not None else set()
    own = cells.filled >= _FEW_ROWS and len(names) >= _OWN_NAMES * cells.filled
    return len(names) if len(names) > MOST_NAMES or own else None


def stray_cells(sheet: Sheet, name: str, cells: Cells) -> str:
    """The problem of a column that was meant to hold numbers and has other cells too."""
    first = cell_at(cells, int(cells.stray[0]))
    more = f" (and {len(cells.stray) - 1} more such cells)" if len(cells.stray) > 1 else ""
    start = f"{sheet.where}: column '{name}', {sheet.place(cells.stray[:1])}: expected a number, got '{first}'{more}"
    if cells.comma and not sheet.semicolons:
        return f"{start}. Write 1.5 for 1,5 and 1234 for 1,234, or separate the cells with ';' if it is a decimal comma"
    return (
        f"{start}. Mend it, or say under [data]: missing = {{ {toml.key(name)} = {toml.text(first)} }} if it means an "
        f"empty cell, categorical = [{toml.text(name)}] if the values are names"
    )


def conformed(sheet: Sheet, name: str, cells: Cells, kind: Kind, problems: list[str]) -> NDArray[Any]:
    """The column as its kind says: float64 with NaN, or object with None. What does not fit is added to `problems`."""
    if kind is Kind.TEXT:
        return texts(cells)
    if len(cells.stray):
        problems.append(stray_cells(sheet, name, cells))
    infinite = np.flatnonzero(np.isinf(cells.numbers))
    if len(infinite):
        got = cell_at(cells, int(infinite[0]))
        problems.append(
            f"{sheet.where}: column '{name}', {sheet.place(infinite)}: expected a finite number, got {got}. "
            "Mend it, or leave the cell empty"
        )
    return cells.numbers


def texts(cells: Cells) -> NDArray[Any]:
    """The cells as str, None where empty, in an array of objects."""
    made = np.empty(len(cells.numbers), dtype=object)
    if cells.text is not None:
        made[:] = cells.text.to_pylist()
    else:
        made[:] = [None if np.isnan(value) else as_text(_truth(cells, value)) for value in cells.numbers.tolist()]
    return made


def cell_at(cells: Cells, row: int) -> str:
    """One cell, short enough for a message."""
    text = as_text(_truth(cells, cells.numbers[row])) if cells.text is None else str(cells.text[row].as_py())
    return text if len(text) <= 40 else f"{text[:40]}…"


def frame(columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """The columns with index 0 … n-1. Text stays of dtype object, whatever pandas calls a string."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def _truth(cells: Cells, value: float) -> Value:
    return bool(value) if cells.truth else float(value)


def _number(mark: Value) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None


def _floats(column: Column) -> NDArray[np.float64]:
    import pyarrow as pa

    made: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.array(made, dtype=np.float64)


def _mask(column: Column) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    mask: NDArray[np.bool_] = np.asarray(pc.fill_null(column, False))
    return mask
