"""The column that is to be predicted: which task it makes, its classes, and its values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.columns import Cells, as_text, cell_at, marks_of
from tuner.data.sheet import Sheet
from tuner.data.table import Kind
from tuner.errors import DataError, listing
from tuner.metrics import Task
from tuner.trial import Value

# Whole numbers are classes where there are at most so many of them, each in several rows; else they are values.
MOST_CLASSES = 20
_ROWS_A_CLASS = 5
# Text with a name of its own in more than every second row names rows, not classes.
_ROWS_A_NAME = 2
_FEW_ROWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What the target of the main rows turned out to be: `values` are class numbers (int64) or values (float64)."""

    name: str
    task: Task
    classes: tuple[Value, ...] | None
    values: NDArray[Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """The different values of a target under the names that labels give them, and the number of it in each row.

    `named` says that labels know them, so that they are classes even where they are numbers.
    """

    distinct: list[Value]
    numbers: NDArray[np.int64]
    named: bool


def target_of(
    sheet: Sheet, name: str, cells: Cells, marks: Collection[Value], labels: Mapping[str, Value], task: Task | None
) -> Target:
    """The target, with `labels` in place of the source's own class names.

    `task` is what the study says, or None to go by the values: text, true and false are classes; so are whole numbers
    that labels name, any two of them, and up to 20 where there are five rows for each; all else is a regression.
    Raises DataError where the values do not go with the task, and where they are all the same.
    """
    _check_filled(sheet, name, cells, marks)
    if task is None and cells.meant_as_numbers and len(cells.stray):
        raise DataError(f'{_stray(sheet, name, cells)}. Mend it, or say task = "multiclass" if the values are names')
    answers = None if task is Task.REGRESSION else _answers(cells, labels)
    if answers is None or (task is None and not _are_classes(cells, answers)):
        values = _values(sheet, name, cells)
        if (values == values[0]).all():
            raise DataError(f"{sheet.where}: column '{name}' is the target and has only one value, {values[0]:g}")
        return Target(name, Task.REGRESSION, None, values)
    problems = list(_class_problems(sheet, name, answers, task))
    if problems:
        raise DataError(*problems)
    warnings = list(_unused(sheet, name, answers, labels))
    if task is None and not _look_like_codes(answers):
        shown = listing([as_text(value) for value in sorted(answers.distinct)], 6)
        warnings.append(
            f"{sheet.where}: column '{name}' has {len(answers.distinct)} whole numbers ({shown}) and is taken for "
            'classes. If they are values, say under [data]: task = "regression"'
        )
    classes = tuple(sorted(answers.distinct))
    order = np.array([classes.index(value) for value in answers.distinct], dtype=np.int64)
    task = task or (Task.BINARY if len(classes) == 2 else Task.MULTICLASS)
    return Target(name, task, classes, order[answers.numbers], tuple(warnings))


def alike(
    sheet: Sheet, target: Target, cells: Cells, marks: Collection[Value], labels: Mapping[str, Value]
) -> NDArray[Any]:
    """The target of a test part, as that of the main rows. Raises DataError where it does not fit."""
    _check_filled(sheet, target.name, cells, marks)
    if target.classes is None:
        return _values(sheet, target.name, cells)
    answers = _answers(cells, labels)
    known = {as_text(value): i for i, value in enumerate(target.classes)}
    new = [as_text(value) for value in answers.distinct if as_text(value) not in known]
    if new:
        raise DataError(
            f"{sheet.where}: column '{target.name}' has classes that no train row has: {listing(new)}. "
            f"Known: {listing(list(known))}"
        )
    order = np.array([known[as_text(value)] for value in answers.distinct], dtype=np.int64)
    found: NDArray[Any] = order[answers.numbers]
    return found


def _check_filled(sheet: Sheet, name: str, cells: Cells, marks: Collection[Value]) -> None:
    empty = np.isnan(cells.numbers) | np.isin(cells.numbers, marks_of(Kind.NUMERIC, tuple(marks)))
    empty[cells.stray] = False
    rows = np.flatnonzero(empty)
    if len(rows):
        raise DataError(
            f"{sheet.where}: column '{name}' is the target and has {len(rows)} empty "
            f"cell{'s' if len(rows) > 1 else ''} ({sheet.place(rows)}). Fill them, or leave those rows out"
        )


def _answers(cells: Cells, labels: Mapping[str, Value]) -> _Answers:
    own: list[Value]
    if len(cells.stray) and cells.text is not None:
        encoded = cells.text.dictionary_encode()
        own, numbers = encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
    else:
        values, numbers = np.unique(cells.numbers, return_inverse=True)
        own = [
            bool(value) if cells.truth else int(value) if float(value).is_integer() else float(value)
            for value in values.tolist()
        ]
    # A text that is spelled True in one file and true in the next is the same truth.
    given = {key.lower() if cells.truth else key: value for key, value in labels.items()}
    names = [given.get(as_text(value), value) for value in own]
    distinct: dict[tuple[type, Value], int] = {}
    places = [distinct.setdefault((type(value), value), len(distinct)) for value in names]
    known = {as_text(value) for value in labels.values()}
    named = any(as_text(value) in given for value in own) or {as_text(value) for value in names} <= known
    return _Answers([value for _, value in distinct], np.array(places, dtype=np.int64)[numbers], named)


def _are_classes(cells: Cells, answers: _Answers) -> bool:
    if len(cells.stray) or cells.truth or answers.named:
        return True
    if any(isinstance(value, float) for value in answers.distinct):
        return False
    different = len(answers.distinct)
    return different <= 2 or different <= min(MOST_CLASSES, len(cells.numbers) // _ROWS_A_CLASS)


def _look_like_codes(answers: _Answers) -> bool:
    """Whether whole numbers are 0, 1, 2, … or 1, 2, 3, …, as those who number classes write them."""
    if answers.named or len(answers.distinct) <= 2 or not all(type(value) is int for value in answers.distinct):
        return True
    values = sorted(int(value) for value in answers.distinct)
    return values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1


def _class_problems(sheet: Sheet, name: str, answers: _Answers, task: Task | None) -> Iterator[str]:
    where, shown = f"{sheet.where}: column '{name}'", [as_text(value) for value in answers.distinct]
    if float in (kinds := {type(value) for value in answers.distinct}):
        wrong = next(as_text(value) for value in answers.distinct if isinstance(value, float))
        yield (
            f"{where}: expected classes (text, whole numbers, or true and false), got {wrong}. "
            'For values say task = "regression"'
        )
    elif len(kinds) > 1:
        yield f"{where}: labels name only some of its classes: {listing(shown)}. Name them all, or none"
    elif len(shown) == 1:
        yield f"{where} is the target and has only one class, {shown[0]}. Expected rows of two or more"
    elif task is Task.BINARY and len(shown) > 2:
        yield f'{where} has {len(shown)} classes ({listing(shown, 6)}), expected 2. Say task = "multiclass", or nothing'
    elif str in kinds and len(sheet) >= _FEW_ROWS and len(shown) * _ROWS_A_NAME > len(sheet):
        yield (
            f"{where} is the target and has {len(shown)} different texts in {len(sheet)} rows, "
            "too many for classes. Is another column meant?"
        )


def _unused(sheet: Sheet, name: str, answers: _Answers, labels: Mapping[str, Value]) -> Iterator[str]:
    if labels and not answers.named:
        found = listing([as_text(value) for value in answers.distinct], 6)
        yield f"{sheet.where}: column '{name}': none of the labels is one of its classes, {found}"


def _values(sheet: Sheet, name: str, cells: Cells) -> NDArray[np.float64]:
    if len(cells.stray):
        raise DataError(f"{_stray(sheet, name, cells)}. Classes are predicted with a task of binary or multiclass")
    infinite = np.flatnonzero(np.isinf(cells.numbers))
    if len(infinite):
        raise DataError(
            f"{sheet.where}: column '{name}', {sheet.place(infinite)}: expected a finite number, got "
            f"{cell_at(cells, int(infinite[0]))}. Mend it, or leave the row out"
        )
    return cells.numbers


def _stray(sheet: Sheet, name: str, cells: Cells) -> str:
    more = f" (and {len(cells.stray) - 1} more such cells)" if len(cells.stray) > 1 else ""
    return (
        f"{sheet.where}: column '{name}', {sheet.place(cells.stray[:1])}: expected a number, "
        f"got '{cell_at(cells, int(cells.stray[0]))}'{more}"
    )
