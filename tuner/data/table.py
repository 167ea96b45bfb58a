"""What every source of rows ends in: a table with named columns, a target, and a digest of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.layout import Input
from tuner.metrics import Task
from tuner.trial import Value

if TYPE_CHECKING:
    import pandas as pd


class Kind(StrEnum):
    """What a feature column holds."""

    NUMERIC = "numeric"  # float64, NaN for an empty cell; true and false are 1 and 0
    TEXT = "text"  # object, str or None for an empty cell
    CODES = "codes"  # numbers that are names: float64, NaN for an empty cell
    ARRAY = "array"  # the single column "x" of an .npz, or an input of a function's


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Features and target, row by row.

    `features` is a DataFrame with index 0 … n-1, or for `Kind.ARRAY` a float32 array of shape (rows, …), which is flat
    where a table has a layout. `target`
    holds class numbers (int64) or values (float64), shape (rows,). `lines` has the place of each row in its source,
    counted in `unit`, as a `Sheet` has it; None where the rows are arrays.
    """

    features: pd.DataFrame | NDArray[Any]
    target: NDArray[Any]
    lines: NDArray[np.int64] | None = None
    unit: str = "row"

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A data set, before it is split.

    `classes` are sorted, a class number is an index into them; None for a regression. `kinds` has the feature columns
    in order. `marks` are values that mean "missing", by column; they are left in place in the features, because the
    model that takes raw rows must know them too. `empties` is text that was read as an empty cell of a column of
    numbers; whoever reads raw rows later must do the same. `test` is set where the data brings its own test part.
    `test` and `validation` are rows that came apart. Where there is a `layout`, rows are arrays, flat side by side in
    a matrix, and where they are `as_they_are` nothing is made of them before they go to a model. `code` is the sha256
    of the file that gave the rows, where it is a program.

    `extra` has the columns that only the split looks at, aligned with the rows: `split.group` as str or float64,
    `split.time` as float64 (dates as seconds since 1970). `warnings` are for a person, one line each.
    """

    name: str
    target: str
    task: Task
    classes: tuple[Value, ...] | None
    kinds: Mapping[str, Kind]
    marks: Mapping[str, tuple[float | str, ...]]
    rows: Rows
    test: Rows | None
    digest: str
    warnings: tuple[str, ...]
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    empties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    validation: Rows | None = None
    layout: tuple[Input, ...] = ()
    as_they_are: bool = False
    code: str = ""


def digest_of(
    target: str,
    classes: tuple[Value, ...] | None,
    rows: Rows,
    test: Rows | None,
    extra: Mapping[str, NDArray[Any]],
) -> str:
    """The sha256 of columns, values, target and test part: the same for the same cells, whatever file held them."""
    hashed = hashlib.sha256()
    for part in (rows, test):
        named = {} if part is None else dict(_columns(part))
        hashed.update(json.dumps([target, classes, list(named), 0 if part is None else len(part)]).encode())
        for values in named.values():
            hashed.update(_bytes(values))
        if part is not None:
            hashed.update(_bytes(part.target))
    for name in sorted(extra):
        hashed.update(json.dumps(name).encode() + _bytes(extra[name]))
    return hashed.hexdigest()


def _columns(rows: Rows) -> list[tuple[str, NDArray[Any]]]:
    if isinstance(rows.features, np.ndarray):
        return [(f"x{list(rows.features.shape[1:])}", rows.features)]
    return [(str(name), rows.features[name].to_numpy()) for name in rows.features.columns]


def _bytes(values: NDArray[Any]) -> bytes:
    """Values as bytes that do not depend on the platform: one bit pattern for NaN and one for zero."""
    if values.dtype.kind not in "OUS":
        wide = values.astype("<f4" if values.dtype == np.float32 else "<f8")
        wide[np.isnan(wide)] = np.nan
        return np.ascontiguousarray(wide + 0.0).tobytes()
    # Neither byte occurs in UTF-8, so no two lists of cells give the same bytes.
    return b"\xfe".join(cell.encode() if isinstance(cell, str) else b"\xff" for cell in values.tolist())
