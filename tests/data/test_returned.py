"""What a function may return, what is made of it, and what it is told where that are no rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tuner.data import function_table
from tuner.data.layout import Input
from tuner.data.returned import Returned, write
from tuner.data.split import split
from tuner.data.table import Table
from tuner.errors import DataError
from tuner.metrics import Task
from tuner.study import SplitSection, from_document

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2
PART = (X, Y)
HOT = np.eye(4)[np.arange(20) % 3]


class Tensor:
    """As those of TensorFlow and PyTorch are: they have a shape and a length, and turn into an array when asked."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape = array, array.shape

    def __len__(self) -> int:
        return len(self._array)

    def numpy(self) -> np.ndarray:
        return self._array


def written(value: Any, folder: Path) -> Returned:
    return write(value, folder, "m.py:load", "sum of the file")


def table(value: Any, folder: Path, **data: Any) -> Table:
    document = {"data": {"source": "m.py:load", **data}, "space": {"layers": 1}}
    return function_table.assemble("m.py:load", "m.py:load", written(value, folder), from_document("made", document))


def test_two_pairs_are_train_and_validation_and_three_have_a_test_too(tmp_path: Path) -> None:
    two = written(((X, Y), (X + 1, Y)), tmp_path)
    assert (two.parts, two.digest) == (("train", "validation"), "sum of the file")
    three = written([[X, Y], [X + 1, Y], [X + 2, Y]], tmp_path)
    assert three.parts == ("train", "validation", "test")
    named = written({"test": (X + 2, Y), "train": (X, Y), "validation": (X + 1, Y)}, tmp_path)
    for found in (three, named):
        for add, part in enumerate(found.parts):
            np.testing.assert_array_equal(found.x(part), X + add)
            np.testing.assert_array_equal(found.y(part), Y)
            assert found.x(part).dtype == np.float32
        assert found.inputs == (Input("input", (2,), "float64", 0),)


def test_several_inputs_are_told_apart_by_name_or_in_order(tmp_path: Path) -> None:
    image = np.arange(120, dtype=np.uint8).reshape(20, 3, 2)
    words, age = np.arange(80).reshape(20, 4), np.arange(20) / 2
    wanted = np.hstack([image.reshape(20, 6), words, age[:, None]])
    shapes = [((3, 2), "uint8", 0), ((4,), "int64", 6), ((1,), "float64", 10)]
    for x, names in (
        ({"image": image, "words": words, "age": age}, ("image", "words", "age")),
        ([image, words, age], ("input_1", "input_2", "input_3")),
        ((Tensor(image), words.tolist(), age), ("input_1", "input_2", "input_3")),
    ):
        found = written(((x, Y), (x, Y)), tmp_path)
        assert found.inputs == tuple(Input(name, *each) for name, each in zip(names, shapes, strict=True))
        np.testing.assert_array_equal(found.x("train"), wanted)
    # By name wherever it stands.
    turned = written((({"a": words, "b": age}, Y), ({"b": age, "a": words}, Y)), tmp_path)
    np.testing.assert_array_equal(turned.x("validation"), wanted[:, 6:])


@pytest.mark.parametrize(
    "x",
    [X.tolist(), list(X), Tensor(X), pd.DataFrame(X), X.astype(np.float32)],
    ids=["list", "rows", "tensor", "frame", "single"],
)
def test_one_array_may_be_a_list_rows_a_tensor_or_a_frame(tmp_path: Path, x: Any) -> None:
    found = written(((x, Y), (x, Y)), tmp_path)
    assert (len(found.inputs), found.inputs[0].name) == (1, "input")
    np.testing.assert_array_equal(found.x("train"), X)


@pytest.mark.parametrize(
    ("y", "task", "classes", "values"),
    [
        (np.arange(20) % 3, Task.MULTICLASS, (0, 1, 2), np.arange(20) % 3),
        ((np.arange(20) % 3)[:, None] + 5, Task.MULTICLASS, (5, 6, 7), np.arange(20) % 3),
        (["dog", "cat"] * 10, Task.BINARY, ("cat", "dog"), [1, 0] * 10),
        (pd.Series([b"dog", b"cat"] * 10).to_numpy("S3"), Task.BINARY, ("cat", "dog"), [1, 0] * 10),
        (np.linspace(0, 1, 20), Task.REGRESSION, None, np.linspace(0, 1, 20)),
        (np.linspace(0, 1, 20)[:, None].astype(np.float32), Task.REGRESSION, None, np.linspace(0, 1, 20)),
        (np.eye(2)[Y], Task.BINARY, (0, 1), Y),
        (Tensor(np.eye(3, dtype=bool)[np.arange(20) % 3]), Task.MULTICLASS, (0, 1, 2), np.arange(20) % 3),
        (HOT, Task.MULTICLASS, (0, 1, 2, 3), np.arange(20) % 3),
    ],
)
def test_the_task_follows_from_the_targets(tmp_path: Path, y: Any, task: Task, classes: Any, values: Any) -> None:
    made = table(((X, y), (X, y), (X, y)), tmp_path)
    assert (made.task, made.classes) == (task, classes)
    assert made.validation is not None
    assert made.test is not None
    for rows in (made.rows, made.validation, made.test):
        np.testing.assert_allclose(rows.target, values, rtol=1e-6)


def test_a_study_may_say_what_the_targets_mean(tmp_path: Path) -> None:
    value = ((X, Y), (X, Y))
    assert table(value, tmp_path, task="regression", target="height").classes is None
    assert table(value, tmp_path, labels={"0": "no", "1": "yes"}).classes == ("no", "yes")
    hot = ((X, HOT), (X, HOT))
    assert table(hot, tmp_path, labels={"0": "b", "1": "a", "2": "d", "3": "c"}).classes == ("b", "a", "d", "c")
    with pytest.raises(DataError, match=r"y_train has one-hot rows of 4 classes, and data\.task is regression"):
        table(hot, tmp_path, task="regression")


def test_a_class_of_no_validation_row_is_a_warning_and_one_of_no_train_row_an_error(tmp_path: Path) -> None:
    y = np.arange(20) % 3
    (warning,) = table(((X, y), (X[:2], y[:2])), tmp_path).warnings
    assert warning == "m.py:load: no validation row is of class 2, which train rows are"
    with pytest.raises(DataError, match=r"m\.py:load: column 'y' has classes that no train row has: 7\. Known: 0, 1"):
        table(((X, Y), (X, np.full(20, 7))), tmp_path)
    with pytest.raises(DataError, match=r"m\.py:load: every row of y_train is of class 2"):
        table(((X, np.eye(4)[np.full(20, 2)]), (X, HOT)), tmp_path)


def test_a_model_of_the_users_own_has_arrays_as_they_are_and_a_built_in_network_standardised_ones(
    tmp_path: Path,
) -> None:
    given = written(((X, np.linspace(3, 4, 20)), (X + 1, np.linspace(3, 4, 20))), tmp_path)
    model = {"path": "/m.py", "name": "build_model", "digest": ""}
    found = []
    for whose in ({"space": {"layers": 1}}, {"model": model}):
        study = from_document("made", {"data": "m.py:load", **whose})
        found.append(split(function_table.assemble("m.py:load", "m.py:load", given, study), SplitSection()))
    ours, own = found
    np.testing.assert_array_equal(own.layout[0].of(own.x_train), X[own.indices["train"]])
    np.testing.assert_allclose(ours.x_train, (own.x_train - own.x_train.mean()) / own.x_train.std(), atol=1e-5)
    assert own.preprocessing.target_scale == 1.0
    assert ours.preprocessing.target_scale == pytest.approx(ours.y_train.std())


def test_the_digest_is_of_the_rows_and_not_of_the_code(tmp_path: Path) -> None:
    base = table(((X, Y), (X, Y)), tmp_path).digest
    again = write(((X.tolist(), Y.tolist()), (X, Y)), tmp_path, "other.py:rows", "another sum")
    study = from_document("made", {"data": {"source": "other.py:rows"}, "space": {"layers": 1}})
    assert function_table.assemble("other.py:rows", "other.py:rows", again, study).digest == base
    shaped = X.reshape(20, 2, 1)
    changed = X.copy()
    changed[3, 1] += 1
    for other in (
        ((changed, Y), (X, Y)), ((X, Y), (changed, Y)), ((X, Y), (X, Y[::-1])), ((shaped, Y), (shaped, Y)),
        ((X, Y), (X, Y), (X, Y)), (({"a": X}, Y), ({"a": X}, Y)),
    ):  # fmt: skip
        assert table(other, tmp_path).digest != base


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "returned nothing, expected (x_train, y_train), (x_validation, y_validation) and"),
        ((X, Y), "returned an array of the shape (20, 2) as the train part, expected (x_train"),
        ((X, Y, X, Y), "returned a tuple of 4, expected (x_train"),
        (((X, Y, Y), PART), "returned a tuple of 3 as the train part"),
        ((part for part in (PART, PART)), "returned one of type generator"),
        ({"train": PART, "valid": PART}, "returned a dict of train, valid, expected train, validation and, where there "
         "is one, test. Did you mean 'validation'?"),
        ({"train": PART}, "returned a dict of train, expected train, validation and"),
        ((PART, (X, Y[:9])), "x_validation has 20 rows and y_validation has 9"),
        ((({"a": X, "b": X[:9]}, Y), ({"a": X, "b": X}, Y)), "x_train, 'b', has 9 rows and y_train has 20"),
        ((({"a": X, "b": X}, Y), ({"a": X}, Y)), "x_validation has the inputs a, and x_train has a, b"),
        ((({}, Y), PART), "x_train is a dict of nothing, expected names"),
        ((PART, (X[:, :1], Y)), "a row of x_validation has the shape (1,), and one of x_train (2,)"),
        (((X[:0], Y), PART), "x_train has no rows"),
        (((X, Y[:0]), PART), "y_train has no rows"),
        (((X[:, :0], Y), PART), "x_train has the shape (20, 0), expected (rows, …) with cells"),
        (((np.full((20, 2), np.nan), Y), PART), "x_train has NaN, infinite or too large cells in 20 rows (the first is "
         "row 1). Fill them"),
        ((PART, (np.where(X == 39, 1e39, X), Y)), "x_validation has NaN, infinite or too large cells in 1 row (the "
         "first is row 20)"),
        ((({"a": X, "b": X.astype(np.int64) + 2**24 - 38}, Y), PART), "x_train, 'b', has whole numbers up to "
         "16,777,217, and float32, in which rows are kept, tells them apart up to 16,777,216"),
        (((X.astype(str), Y), PART), "x_train has cells of the type <U32, expected numbers"),
        (((X + 1j, Y), PART), "x_train has cells of the type complex128, expected numbers"),
        ((([[1, 2], [3]] * 10, Y), PART), "x_train has rows of different lengths; fill them up to one, as "
         "pad_sequences does"),
        (((np.array([[1], [2, 3]] * 10, dtype=object), Y), PART), "x_train holds Python objects of type list, expected "
         "numbers. Fill rows of different lengths"),
        (((np.ma.masked_greater(X, 30), Y), PART), "x_train has masked cells, of which an array has whatever lies"),
        (((object(), Y), PART), "x_train is one of type object, expected an array"),
        (((X, np.random.default_rng(0).normal(size=(20, 3))), PART), "y_train has the shape (20, 3), and its rows are "
         "not one-hot: a model has one output. Return one target"),
        (((X, np.roll(HOT, 1, axis=1) + HOT), PART), "y_train has the shape (20, 4), and its rows are not one-hot"),
        (((X, HOT), PART), "y_validation has numbers, and y_train has one-hot rows of 4 classes"),
        (((X, HOT), (X, HOT[:, :3])), "y_validation has one-hot rows of 3 classes, and y_train has one-hot rows of 4"),
        (((X, [None, "a"] * 10), PART), "y_train holds Python objects of type NoneType"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_are_no_rows_is_told(tmp_path: Path, value: Any, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        written(value, tmp_path)
    assert caught.value.problems[0].startswith(f"m.py:load: {problem}")


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        written(((X + 1j, HOT + 1), (X[:0], Y), (X, Y[:3])), tmp_path)
    assert [problem.split()[1] for problem in caught.value.problems] == ["y_train", "x_train", "x_validation"]


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.zeros(20), "has only one class, 0"),
        (np.full(20, 0.5), "has only one value, 0.5"),
        (np.where(Y == 1, np.nan, 0.0), "has 10 empty cells (train rows 2, 4, 6, …)"),
    ],
)
def test_targets_that_leave_nothing_to_learn_are_told(tmp_path: Path, y: np.ndarray, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        table(((X, y), PART), tmp_path)
    assert problem in caught.value.problems[0]
