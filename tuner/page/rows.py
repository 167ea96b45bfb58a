"""What the champion does on the rows of one part: what it mistakes, with the cells or the picture of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner import wording
from tuner.data.split import Split
from tuner.errors import DataError, TunerError
from tuner.home import Home
from tuner.metrics import Array, Task, classes_of
from tuner.packaging import PREDICTIONS, folder_of
from tuner.page import pictures
from tuner.page.champion import Matrix, matrix, residuals
from tuner.page.trials import Figure
from tuner.report import Shown

# Rows that are listed, and columns of them.
MOST, MOST_COLUMNS = 100, 40


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that was taken for something else, or whose value is far off. `sure` is a probability, or the error."""

    row: int  # from 1
    true: str
    predicted: str
    sure: str
    cells: tuple[str, ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The champion on the validation or the test rows; `columns` name the cells of its mistakes."""

    name: str
    rows: int
    wrong: int
    mistakes: tuple[Mistake, ...]
    columns: tuple[str, ...]
    matrix: Matrix | None
    residuals: tuple[Figure, ...]
    remarks: tuple[str, ...]


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
    kept = _kept(folder_of(folder, shown.champion) / PREDICTIONS)
    if split.fingerprint != shown.search.data["fingerprint"] or not kept:
        return [], "The champion's predictions were not kept with it, so that its rows cannot be shown."
    cells = _Cells(shown, home, split)
    return [
        _part(split, cells, _Predicted(name, getattr(split, f"y_{name}"), kept[name], split.indices[name]))
        for name in names
    ], ""


def _kept(path: Path) -> dict[str, Array]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError):
        return {}


def _part(split: Split, cells: _Cells, given: _Predicted) -> Part:
    import numpy as np

    if split.task is Task.REGRESSION:
        errors = given.prediction.astype(np.float64) - given.target
        chosen = np.argsort(-abs(errors), kind="stable")[:MOST]
        mistakes = [
            Mistake(int(given.rows[i]) + 1, f"{given.target[i]:.6g}", f"{given.prediction[i]:.6g}", f"{errors[i]:+.4g}")
            for i in chosen
        ]
        found = residuals(np.asarray(given.target), given.prediction, split.target)
        return cells.filled(Part(given.name, len(errors), 0, tuple(mistakes), (), None, found, ()), given, chosen)
    taken, classes = classes_of(given.prediction), split.classes or ()
    p = given.prediction
    sure = (p if p.ndim > 1 else np.stack([1 - p, p], axis=1))[np.arange(len(taken)), taken]
    wrong = np.flatnonzero(taken != given.target)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:MOST]
    names = matrix(np.asarray(given.target), taken, classes)
    mistakes = [
        Mistake(
            int(given.rows[i]) + 1, names.classes[int(given.target[i])], names.classes[int(taken[i])], f"{sure[i]:.2f}"
        )
        for i in chosen
    ]  # fmt: skip
    return cells.filled(Part(given.name, len(taken), len(wrong), tuple(mistakes), (), names, (), ()), given, chosen)


class _Cells:
    """The cells of rows as their source has them, or their pictures as the network sees them."""

    def __init__(self, shown: Shown, home: Home, split: Split) -> None:
        self._shown, self._home, self._split = shown, home, split
        self._table: Any = None

    def filled(self, part: Part, given: _Predicted, chosen: Array) -> Part:
        """The part with a picture or the cells of each chosen row."""
        if self._split.image is not None:
            x = getattr(self._split, f"x_{given.name}")
            images = x[chosen].reshape(-1, *self._split.image)
            drawn = zip(part.mistakes, pictures.addresses(images), strict=True)
            return replace(part, mistakes=tuple(replace(each, image=image) for each, image in drawn))
        if not len(chosen):
            return part
        try:
            frame = self._frame(given.name)
        except TunerError as error:
            return replace(part, remarks=(f"The cells of these rows are not shown: {error.problems[0]}",))
        if frame is None:
            return part
        columns = [str(name) for name in frame.columns][:MOST_COLUMNS]
        rows = frame.iloc[given.rows[chosen], : len(columns)]
        cells = [tuple(map(_cell, row)) for row in rows.itertuples(index=False, name=None)]
        left_out = len(frame.columns) - len(columns)
        remarks = (f"{wording.count(left_out, 'column')} more not shown.",) if left_out else ()
        filled = (replace(each, cells=own) for each, own in zip(part.mistakes, cells, strict=True))
        return replace(part, mistakes=tuple(filled), columns=tuple(columns), remarks=remarks)

    def _frame(self, part: str) -> Any:
        """The rows in columns that a part is numbered in; None where they are arrays. Raises DataError."""
        from tuner.data import sources

        if self._table is None:
            self._table = sources.load(self._shown.study, self._home)
        table = self._table
        if table.digest != self._split.digest:
            raise DataError(f"{table.name} has other rows now than those that were searched")
        found = table.test if part == "test" and table.test is not None else table.rows
        return found.features if hasattr(found.features, "columns") else None


def _cell(cell: object) -> str:
    """A cell as a person wrote it, about; a dash for an empty one."""
    if cell is None or cell != cell:
        return "—"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
