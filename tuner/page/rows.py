"""What the champion does on the rows of one part: what it mistakes, with the cells or the picture of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner import npz, wording
from tuner.data.split import Split
from tuner.data.table import Rows, Table
from tuner.errors import DataError, TunerError
from tuner.home import Home
from tuner.metrics import Array, Task
from tuner.packaging import PREDICTIONS, folder_of
from tuner.page import pictures
from tuner.page.champion import Matrix, matrix, residuals
from tuner.page.trials import Figure
from tuner.plots import reckoned
from tuner.shown import Shown

# Rows that are listed, and columns of them.
MOST, MOST_COLUMNS = 100, 40
# What the number of a row means where the source has no lines, or they are not known.
_COUNTED = "Rows are counted from 1, without a header and without empty ones."


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that was taken for something else, or whose value is far off. `sure` is a probability, or the error."""

    place: int  # of the row: what is counted is `Part.unit`
    true: str
    predicted: str
    sure: str
    cells: tuple[str, ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The champion on the validation or the test rows; `columns` name the cells of its mistakes.

    The `unit` of their places is the line of a file, or the row, from 1; a remark says which.
    """

    name: str
    rows: int
    wrong: int
    mistakes: tuple[Mistake, ...]
    matrix: Matrix | None = None
    residuals: tuple[Figure, ...] = ()
    columns: tuple[str, ...] = ()
    unit: str = "row"
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Predicted:
    """One part of the rows: what is true, what was predicted, and which rows these are."""

    name: str
    target: Array
    prediction: Array
    rows: Array


def parts(shown: Shown, home: Home, names: Sequence[str]) -> tuple[list[Part], str]:
    """What the champion does on these parts, or why that is not known, in a line."""
    if shown.champion is None:
        return [], "There is no champion yet."
    folder = home.search(shown.search.label)
    try:
        split = Split.open(folder / "split")
    except DataError:
        return [], "The arrays of this search are not in its folder, so that its rows cannot be shown."
    if split.fingerprint != shown.search.data["fingerprint"]:
        return [], "The arrays in this search's folder are not those that it was made with, and are not shown."
    try:
        given = _given(folder_of(folder, shown.champion) / PREDICTIONS, split, names)
    except DataError as error:
        return [], f"The champion's predictions {error}, so that its rows cannot be shown."
    source = _Source(shown, home, split)
    return [_part(split, source, each) for each in given], ""


def _given(path: Path, split: Split, names: Sequence[str]) -> list[_Predicted]:
    """What was predicted for each part. Raises DataError where that was not kept, or the file is damaged."""
    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:  # which would leave it open
            kept = {name: file[name] for name in names}
    except FileNotFoundError:
        raise DataError("were not kept with it") from None
    except (*npz.DAMAGED, *npz.MISWRITTEN):
        raise DataError(f"cannot be read, as the file with them ({path.name}) is damaged") from None
    classes = (len(split.classes),) if split.task is Task.MULTICLASS and split.classes else ()
    if any(kept[name].shape != (len(split.indices[name]), *classes) for name in names):
        raise DataError(f"in {path.name} are not for its rows")
    return [_Predicted(name, getattr(split, f"y_{name}"), kept[name], split.indices[name]) for name in names]


def _part(split: Split, source: _Source, given: _Predicted) -> Part:
    found, chosen = _errors(split, given) if split.task is Task.REGRESSION else _confusions(split, given)
    return source.shown(found, given.rows[chosen], chosen)


def _errors(split: Split, given: _Predicted) -> tuple[Part, Array]:
    """Of values: the largest errors, and which rows of the part they are."""
    import numpy as np

    errors = given.prediction.astype(np.float64) - given.target
    chosen = np.argsort(-abs(errors), kind="stable")[:MOST]
    mistakes = [
        Mistake(int(given.rows[i]) + 1, f"{given.target[i]:.6g}", f"{given.prediction[i]:.6g}", f"{errors[i]:+.4g}")
        for i in chosen
    ]
    found = residuals(np.asarray(given.target), given.prediction, split.target)
    return Part(given.name, len(errors), 0, tuple(mistakes), residuals=found), chosen


def _confusions(split: Split, given: _Predicted) -> tuple[Part, Array]:
    """Of classes: the surest mistakes, and which rows of the part they are."""
    import numpy as np

    taken, sure, wrong = reckoned.mistakes(given.target, given.prediction)
    chosen = wrong[:MOST]
    found = matrix(np.asarray(given.target), taken, split.classes or ())
    names = found.classes
    mistakes = [
        Mistake(int(given.rows[i]) + 1, names[int(given.target[i])], names[int(taken[i])], f"{sure[i]:.2f}")
        for i in chosen
    ]
    return Part(given.name, len(taken), len(wrong), tuple(mistakes), found), chosen


class _Source:
    """Where the rows are from: their lines and cells there, or their pictures as the network sees them."""

    def __init__(self, shown: Shown, home: Home, split: Split) -> None:
        self._shown, self._home, self._split = shown, home, split
        self._loaded: Table | None = None

    def shown(self, part: Part, rows: Array, chosen: Array) -> Part:
        """The part with what is known of its mistakes: `rows` of the source, which are the `chosen` of the part."""
        if not len(chosen):
            return part
        if self._split.image is not None:
            x = getattr(self._split, f"x_{part.name}")
            images = x[chosen].reshape(-1, *self._split.image)
            drawn = zip(part.mistakes, pictures.addresses(images), strict=True)
            mistakes = tuple(replace(each, image=image) for each, image in drawn)
            return replace(part, mistakes=mistakes, remarks=("Rows are counted from 1.",))
        if self._shown.study.data.function is not None:  # arrays have no cells to show, and code is not run for a page
            return replace(part, remarks=("Rows are counted from 1.",))
        try:
            found = self._rows(part.name)
        except DataError as error:
            remarks = (_COUNTED, f"The cells of these rows are not shown: {error}.")
            return replace(part, remarks=remarks)
        return _with_cells(self._placed(part, found, rows), found, rows)

    def _rows(self, part: str) -> Rows:
        """The rows that a part is numbered in. Raises DataError, with no word of where on this machine they lie."""
        from tuner.data import sources

        name = self._split.table
        if self._loaded is None:
            try:
                self._loaded = sources.load(self._shown.study, self._home)
            except TunerError:
                raise DataError(f"{name} is not where it was, or cannot be read as it could be then") from None
        table = self._loaded
        if table.digest != self._split.digest:
            raise DataError(f"{name} has other rows now than those that were searched")
        return table.test if part == "test" and table.test is not None else table.rows

    def _placed(self, part: Part, found: Rows, rows: Array) -> Part:
        """The part with the place of each mistake in its file, where it is from one that a person can look into."""
        data = self._shown.study.data
        apart = self._loaded is not None and found is self._loaded.test
        file = data.test if apart else data.source if data.is_file else None
        if file is None or found.lines is None:
            return replace(part, remarks=(_COUNTED,))
        told = f"{found.unit.capitalize()}s are those of {Path(file).name}"
        told += ", with its header as line 1." if found.unit == "line" else ", counted from 1."
        mistakes = zip(part.mistakes, found.lines[rows].tolist(), strict=True)
        placed = tuple(replace(each, place=place) for each, place in mistakes)
        return replace(part, mistakes=placed, unit=found.unit, remarks=(told,))


def _with_cells(part: Part, found: Rows, rows: Array) -> Part:
    """The part with the cells of each mistake as its source has them; arrays have no columns."""
    frame: Any = found.features
    if not hasattr(frame, "columns"):
        return part
    columns = [str(name) for name in frame.columns][:MOST_COLUMNS]
    shown = frame.iloc[rows, : len(columns)]
    cells = [tuple(map(_cell, row)) for row in shown.itertuples(index=False, name=None)]
    left_out = len(frame.columns) - len(columns)
    remarks = (f"{wording.count(left_out, 'column')} more not shown.",) if left_out else ()
    filled = tuple(replace(each, cells=own) for each, own in zip(part.mistakes, cells, strict=True))
    return replace(part, mistakes=filled, columns=tuple(columns), remarks=(*part.remarks, *remarks))


def _cell(cell: object) -> str:
    """A cell as a person wrote it, about; a dash for an empty one."""
    if cell is None or cell != cell:
        return "—"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
