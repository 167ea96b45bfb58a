"""What a target turns out to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tuner.data.columns import blanks_of, read_cells
from tuner.data.sheet import Sheet, rows_from
from tuner.data.targets import Target, alike, target_of
from tuner.errors import DataError
from tuner.metrics import Task


def target(cells: list[Any], labels: Any = None, task: Task | None = None, marks: tuple[Any, ...] = ()) -> Target:
    column = pa.array(cells)
    sheet = Sheet("rows.csv", {"y": column}, rows_from(len(cells), first=2), unit="line")
    return target_of(sheet, "y", read_cells(column, blanks_of(marks)), marks, labels or {}, task)


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["sick", "well"] * 5, Task.BINARY, ("sick", "well")),
        (["b", "c", "a"] * 5, Task.MULTICLASS, ("a", "b", "c")),
        (["true", "False"] * 5, Task.BINARY, (False, True)),
        ([True, False] * 5, Task.BINARY, (False, True)),
        (["1", "0"] * 5, Task.BINARY, (0, 1)),
        (["1.0", "0.0"], Task.BINARY, (0, 1)),
        ([7, 9], Task.BINARY, (7, 9)),
        (list(range(20)) * 5, Task.MULTICLASS, tuple(range(20))),
        (list(range(21)) * 5, Task.REGRESSION, None),
        (list(range(20)) * 4, Task.REGRESSION, None),
        ([0, 1, 2] * 4, Task.REGRESSION, None),
        ([0.5, 1.5] * 5, Task.REGRESSION, None),
        ([0, 1, 0.5] * 50, Task.REGRESSION, None),
    ],
)
def test_the_task_goes_by_the_values(cells: list[Any], task: Task, classes: tuple[Any, ...] | None) -> None:
    found = target(cells)
    assert (found.task, found.classes) == (task, classes)
    assert found.warnings == ()
    assert found.values.dtype == (np.float64 if classes is None else np.int64)


def test_a_class_number_is_the_place_of_its_name() -> None:
    assert target(["well", "sick", "sick", "well"]).values.tolist() == [1, 0, 0, 1]
    assert target([3, 1, 2] * 5).values.tolist()[:3] == [2, 0, 1]


def test_whole_numbers_that_are_not_numbered_classes_are_said() -> None:
    found = target([3, 5, 8] * 10)
    assert found.task is Task.MULTICLASS
    assert found.warnings == (
        "rows.csv: column 'y' has 3 whole numbers (3, 5, 8) and is taken for classes. If they are values, say under "
        '[data]: task = "regression"',
    )
    assert target([3, 5, 8] * 10, task=Task.MULTICLASS).warnings == ()


def test_the_study_overrides_the_task() -> None:
    assert target([0, 1] * 5, task=Task.REGRESSION).values.tolist() == [0.0, 1.0] * 5
    assert target(list(range(30)), task=Task.MULTICLASS).classes == tuple(range(30))
    assert target([0, 1] * 5, task=Task.MULTICLASS).classes == (0, 1)


@pytest.mark.parametrize(
    ("cells", "labels", "classes"),
    [
        (["neg", "pos"], {"neg": 0, "pos": 1}, (0, 1)),
        (["neg", "pos"], {"neg": False, "pos": True}, (False, True)),
        ([0, 1], {"neg": 0, "pos": 1}, (0, 1)),
        ([0, 1], {"0": "well", "1": "sick"}, ("sick", "well")),
        ([True, False], {"True": "sick", "false": "well"}, ("sick", "well")),
        (["a", "b", "c"], {"b": "a"}, ("a", "c")),
        (list(range(9)) * 2, {str(i): f"class {i}" for i in range(9)}, tuple(f"class {i}" for i in range(9))),
    ],
)
def test_labels_name_the_classes_that_the_source_has(cells: list[Any], labels: Any, classes: tuple[Any, ...]) -> None:
    found = target(cells, labels)
    assert found.classes == classes
    assert found.warnings == ()


def test_labels_that_no_class_has_are_said() -> None:
    assert target(["a", "b"], {"A": 0, "B": 1}).warnings == (
        "rows.csv: column 'y': none of the labels is one of its classes, a, b",
    )


BAD: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "empty cells": ([0, None, 1, None, None, None], {}, "y' is the target and has 4 empty cells (lines 3, 5, 6, …)"),
    "empty text": (["a", "", "b"], {}, "y' is the target and has 1 empty cell (line 3). Fill"),
    "marked cells": ([0, -1, 1, 0], {"marks": (-1,)}, "has 1 empty cell (line 3)"),
    "marked text": (["a", "?", "b", "a"], {"marks": ("?",)}, "has 1 empty cell (line 3)"),
    "one class": ([1] * 9, {}, "y' is the target and has only one class, 1. Expected rows of two or more"),
    "one text": (["a"] * 9, {}, "y' is the target and has only one class, a."),
    "one value": ([0.5] * 9, {}, "y' is the target and has only one value, 0.5"),
    "stray text": ([str(i) for i in range(30)] + ["x"], {}, "y', line 32: expected a number, got 'x'. Mend it, or say"),
    "names of rows": ([f"p{i}" for i in range(30)], {}, "has 30 different texts in 30 rows, too many for classes"),
    "text values": (["a", "b"], {"task": Task.REGRESSION}, "y', line 2: expected a number, got 'a' (and 1 more such"),
    "infinite": ([0.5, np.inf, 1], {}, "y', line 3: expected a finite number, got inf"),
    "too many for two": ([0, 1, 2], {"task": Task.BINARY}, "has 3 classes (0, 1, 2), expected 2. Say task = "),
    "fractions": ([0.5, 1, 1], {"task": Task.MULTICLASS}, "or true and false), got 0.5. For values say task = "),
    "half of the labels": (["a", "b"], {"labels": {"a": 0}}, "labels name only some of its classes: 0, b."),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_target_is_told_in_one_line(case: str) -> None:
    cells, settings, expected = BAD[case]
    with pytest.raises(DataError) as caught:
        target(cells, **settings)
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_test_part_has_the_classes_of_the_train_rows() -> None:
    main = target(["neg", "pos", "neg"], {"neg": 0, "pos": 1})
    sheet = Sheet("test.csv", {}, rows_from(2, first=2), unit="line")
    # The other file has the names that the labels give, and only one of them.
    assert alike(sheet, main, read_cells(pa.array(["1", "1"])), (), {"neg": 0, "pos": 1}).tolist() == [1, 1]
    with pytest.raises(DataError, match=r"has classes that no train row has: 2\. Known: 0, 1"):
        alike(sheet, main, read_cells(pa.array(["1", "2"])), (), {})
    with pytest.raises(DataError, match=r"test\.csv: column 'y' is the target and has 1 empty cell \(line 2\)"):
        alike(sheet, main, read_cells(pa.array([None, "1"])), (), {})


def test_a_test_part_of_values() -> None:
    main = target([0.5, 1.5, 2.5])
    sheet = Sheet("test.csv", {}, rows_from(2, first=2), unit="line")
    assert alike(sheet, main, read_cells(pa.array(["1", "1"])), (), {}).tolist() == [1.0, 1.0]
