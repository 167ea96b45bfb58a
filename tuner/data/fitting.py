"""Fitting the preprocessing: what the train rows, and they alone, say about every column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.features import Codes, Number, Pixels, Preprocessing, Raw, Step, Words, read_numbers, read_texts
from tuner.data.table import Kind, Rows, Table
from tuner.errors import DataError
from tuner.metrics import Task

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

# The columns that one column of names may become. More than that are seldom names, but keys or free text.
MOST_NAMES = 256


def fit(table: Table, train: Rows) -> tuple[Preprocessing, tuple[str, ...]]:
    """The preprocessing of the train rows, and a warning for every column that is left out or cut short.

    Of the table only what is known of its columns is looked at, and no other row.

    Raises DataError where no column is left, a number is beyond float32, or the values to learn are all equal.
    """
    warnings: list[str] = []
    steps: tuple[Step, ...]
    if isinstance(train.features, np.ndarray):
        steps = tuple(_fit_arrays(table, train.features))
    else:
        found = [_fit_column(table, name, train.features, warnings) for name in table.kinds]
        steps = tuple(step for step in found if step is not None)
    if not steps:
        raise DataError("no column is left to learn from: in the train rows each has one value, or none")
    if table.task is not Task.REGRESSION or table.as_they_are:
        return Preprocessing(steps), tuple(warnings)
    target = train.target.astype(np.float64)
    if np.abs(target).max() > np.finfo(np.float32).max:
        raise DataError(f"the target: expected numbers within ±3.4e38, got {np.abs(target).max():g}. Scale it")
    mean, scale = _moments(target)
    if scale == 0:
        raise DataError(f"the target is {target[0]:g} in every train row; there is nothing to learn")
    return Preprocessing(steps, mean, scale), tuple(warnings)


def _fit_column(table: Table, name: str, features: pd.DataFrame, warnings: list[str]) -> Step | None:
    kind, marks = table.kinds[name], table.marks.get(name, ())
    if kind is Kind.TEXT:
        return _fit_words(name, read_texts(features[name]), marks, warnings)
    step = _fit_numeric(name, kind, read_numbers(features, [name])[:, 0], marks, warnings)
    return step and replace(step, empties=table.empties.get(name, ()))


def _fit_numeric(
    name: str, kind: Kind, x: Array, marks: Iterable[float | str], warnings: list[str]
) -> Number | Codes | None:
    numbers = tuple(float(np.float32(mark)) for mark in marks if not isinstance(mark, str))
    missing = np.isnan(x) | np.isin(x, np.array(numbers, np.float32))
    known = x[~missing]
    gaps = bool(missing.any())
    if kind is Kind.CODES:
        if not _tells_apart(name, len(np.unique(known)), gaps, known[:1], warnings):
            return None
        return Codes(name, _most_common(name, known.tolist(), warnings), numbers, empty=gaps)
    mean, scale = _moments(known) if len(known) else (0.0, 0.0)
    if not _tells_apart(name, 2 if scale else min(len(known), 1), gaps, known[:1], warnings):
        return None
    return Number(name, mean, scale or 1.0, numbers, flag=gaps, value=scale != 0)


def _fit_words(name: str, texts: Sequence[str], marks: Iterable[float | str], warnings: list[str]) -> Words | None:
    spelled = tuple(_spelled(mark) for mark in marks)
    known = [text for text in texts if text and text not in spelled]
    gaps = len(known) < len(texts)
    if not _tells_apart(name, len(set(known)), gaps, known[:1], warnings):
        return None
    return Words(name, _most_common(name, known, warnings), spelled, gaps)


def _fit_arrays(table: Table, x: Array) -> Iterator[Step]:
    """A step for each array of a row: nothing where they go to a model as they are."""
    if not table.layout:
        yield _fit_pixels(next(iter(table.kinds)), x)
    for each in table.layout:
        if table.as_they_are:
            yield Raw(each.name, each.shape, each.dtype)
        else:
            yield _fit_pixels(each.name, each.of(x))


def _fit_pixels(name: str, x: Array) -> Pixels:
    if not np.isfinite(x).all():
        raise DataError(f"array '{name}': expected a finite number in every cell, got NaN or infinity")
    mean, scale = _moments(x)
    if scale == 0:
        raise DataError(f"array '{name}': every cell of the train rows is {mean:g}; there is nothing to learn from")
    return Pixels(name, tuple(x.shape[1:]), mean, scale)


def _tells_apart(name: str, values: int, gaps: bool, first: Sequence[Any] | Array, warnings: list[str]) -> bool:
    """Whether a column has more than one value, a gap being one; otherwise the warning is added."""
    if values == 0:
        warnings.append(f"column '{name}' is empty in every train row; it is left out")
    elif values == 1 and not gaps:
        shown = first[0] if isinstance(first[0], str) else f"{first[0]:.7g}"
        warnings.append(f"column '{name}' is {shown} in every train row; it is left out")
    else:
        return True
    return False


def _most_common(name: str, known: list[Any], warnings: list[str]) -> tuple[Any, ...]:
    """The values in order; where there are too many, the most frequent ones."""
    counts = Counter(known)
    if len(counts) > MOST_NAMES:
        warnings.append(
            f"column '{name}' has {len(counts)} different values; the {MOST_NAMES} most frequent are told apart. "
            f'If it is a key or free text, leave it out: data.drop = ["{name}"]'
        )
    # The smaller value first where counts are equal, so that the order of the rows decides nothing.
    return tuple(sorted(sorted(counts, key=lambda value: (-counts[value], value))[:MOST_NAMES]))


def _moments(x: Array) -> tuple[float, float]:
    """Mean and population standard deviation, summed as float64, kept as float32 values.

    The deviation is 0 where all are equal, or so nearly that float32 cannot hold the inverse of it.
    """
    if x.min() == x.max():
        return float(np.float32(x.flat[0])), 0.0
    mean = x.mean(dtype=np.float64)
    # In slices: a float64 copy of all images at once would be twice their size.
    squares = sum(float(np.square(x[i : i + 4096] - mean, dtype=np.float64).sum()) for i in range(0, len(x), 4096))
    scale = np.float32(np.sqrt(squares / x.size))
    return float(np.float32(mean)), float(scale) if scale >= np.finfo(np.float32).tiny else 0.0


def _spelled(mark: float | str) -> str:
    return f"{mark:g}" if isinstance(mark, float) else str(mark)
