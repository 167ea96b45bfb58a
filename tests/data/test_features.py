"""Preprocessing: constants of the train rows, and what they make of other rows."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tuner.data.features import Codes, Number, Pixels, Preprocessing, Words
from tuner.data.fitting import MOST_NAMES, fit
from tuner.data.table import Kind, Rows, Table
from tuner.errors import DataError
from tuner.metrics import Task

N, T, C = Kind.NUMERIC, Kind.TEXT, Kind.CODES


def fitted(columns, kinds, marks=None, target=None, empties=None):
    features = columns if isinstance(columns, np.ndarray) else pd.DataFrame(columns)
    rows = Rows(features, np.arange(len(features)) % 2 if target is None else np.array(target))
    task, classes = (Task.BINARY, (0, 1)) if target is None else (Task.REGRESSION, None)
    table = Table("t", "y", task, classes, kinds, marks or {}, rows, None, "digest", (), {}, empties or {})
    return fit(table, rows)


def test_numbers_are_standardised_by_the_fitted_rows():
    made, warnings = fitted({"a": [1.0, 2.0, 3.0, 6.0], "b": [0.0, 10.0, 0.0, 10.0]}, {"a": N, "b": N})
    assert warnings == ()
    assert made.steps[0] == Number("a", 3.0, float(np.float32(math.sqrt(3.5))))
    x = made.transform(pd.DataFrame({"b": [5.0, 20.0], "a": [3.0, 3.0 + math.sqrt(3.5)]}))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, [[0, 0], [1, 3]], atol=1e-6)


def test_a_missing_cell_becomes_the_mean_and_a_flag():
    made, _ = fitted({"a": [1.0, np.nan, 3.0], "b": [1.0, 2.0, 3.0]}, {"a": N, "b": N})
    assert made.feature_names == ("a", "b", "a is missing")
    x = made.transform(pd.DataFrame({"a": [np.nan, 3.0], "b": [np.nan, 2.0]}))
    np.testing.assert_allclose(x, [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("marks", [(-9.0,), (-9.0, 99.9), (1.0, -9.0, 99.9)])
def test_a_mark_is_a_missing_cell_when_fitted_and_when_applied(marks):
    values = [2.0, 4.0, *marks]
    made, _ = fitted({"b": [0.0, *range(1, len(values))], "a": values}, {"b": N, "a": N}, {"a": marks})
    assert made.steps[1] == Number("a", 3.0, 1.0, tuple(float(np.float32(m)) for m in marks), flag=True)
    x = made.transform(pd.DataFrame({"a": values, "b": [0.0, *values[1:]]}))
    np.testing.assert_array_equal(x[:, 1], [-1, 1] + [0] * len(marks))
    np.testing.assert_array_equal(x[:, 2], [0, 0] + [1] * len(marks))
    assert np.all(x[:, 0] != 0), "the mark of one column is a number in another"
    assert made.feature_names == ("b", "a", "a is missing")


def test_texts_are_one_hot_over_the_fitted_words():
    made, _ = fitted({"s": ["b", "a", None, "?"]}, {"s": T}, {"s": ("?",)})
    assert made.steps == (Words("s", ("a", "b"), ("?",), empty=True),)
    assert made.feature_names == ("s = a", "s = b", "s is missing")
    x = made.transform(pd.DataFrame({"s": ["a", "b", None, np.nan, "?", "", "never seen"]}))
    np.testing.assert_array_equal(x, [*np.eye(3)[[0, 1, 2, 2, 2, 2]], [0, 0, 0]])


def test_an_empty_text_is_all_zeros_where_no_train_row_had_one():
    made, _ = fitted({"s": ["b", "a"]}, {"s": T}, {"s": ("?",)})
    np.testing.assert_array_equal(made.transform(pd.DataFrame({"s": [None, "?", "b"]})), [[0, 0], [0, 0], [0, 1]])


def test_codes_are_one_hot_by_equality():
    made, _ = fitted({"c": [20.0, 3.0, 3.0, -1.0, np.nan]}, {"c": C}, {"c": (-1,)})
    assert made.steps == (Codes("c", (3.0, 20.0), (-1.0,), empty=True),)
    assert made.feature_names == ("c = 3", "c = 20", "c is missing")
    x = made.transform(pd.DataFrame({"c": [3.0, 20.0, -1.0, np.nan, 4.0]}))
    np.testing.assert_array_equal(x, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]])


def test_blocks_follow_each_other_whatever_the_order_of_the_columns():
    columns = {"s": ["u", "v", "u"], "c": [1.0, 2.0, 1.0], "n": [0.0, np.nan, 2.0], "m": [0.0, 3.0, 3.0]}
    made, _ = fitted(columns, {"s": T, "c": C, "n": N, "m": N})
    assert made.feature_names == ("n", "m", "n is missing", "c = 1", "c = 2", "s = u", "s = v")
    x = made.transform(pd.DataFrame(columns))
    np.testing.assert_allclose(x[1], [0, 1 / math.sqrt(2), 1, 0, 1, 0, 1], rtol=1e-6)
    assert made.numbers == ("c", "n", "m")


def test_constant_and_empty_columns_are_left_out_with_a_warning():
    columns = {
        "one": [7.0] * 3, "none": [np.nan] * 3, "marked": [-1.0] * 3, "word": ["x"] * 3, "nil": [None] * 3,
        "code": [4.0] * 3, "a": [1.0, 2.0, 3.0],
    }  # fmt: skip
    kinds = {name: T if name in ("word", "nil") else C if name == "code" else N for name in columns}
    made, warnings = fitted(columns, kinds, {"marked": (-1,)})
    assert [step.name for step in made.steps] == ["a"]
    assert warnings == (
        "column 'one' is 7 in every train row; it is left out",
        "column 'none' is empty in every train row; it is left out",
        "column 'marked' is empty in every train row; it is left out",
        "column 'word' is x in every train row; it is left out",
        "column 'nil' is empty in every train row; it is left out",
        "column 'code' is 4 in every train row; it is left out",
    )
    assert [column["name"] for column in made.columns()] == ["a"]


def test_a_column_of_one_value_and_gaps_keeps_its_flag_only():
    made, warnings = fitted({"a": [7.1, np.nan, 7.1]}, {"a": N})
    assert (made.feature_names, warnings) == (("a is missing",), ())
    np.testing.assert_array_equal(made.transform(pd.DataFrame({"a": [np.nan, 5.0]})), [[1], [0]])


def test_values_that_float32_cannot_tell_apart_are_constant():
    values = [1.0, 1.0 + 1e-9, 1.0 + 2e-9]
    made, warnings = fitted({"a": values, "b": [1.0, 2.0, 3.0]}, {"a": N, "b": N})
    assert made.feature_names == ("b",)
    assert warnings == ("column 'a' is 1 in every train row; it is left out",)


def test_only_the_most_frequent_of_too_many_names_are_told_apart():
    words = [f"w{i:03d}" for i in range(MOST_NAMES + 5)]
    made, warnings = fitted({"s": [*words, *words[-5:]]}, {"s": T})
    assert made.steps[0].words == (*words[: MOST_NAMES - 5], *words[-5:])
    assert warnings[0].startswith(f"column 's' has {MOST_NAMES + 5} different values; the {MOST_NAMES} most frequent")


def test_no_column_left_is_an_error():
    with pytest.raises(DataError, match="no column is left to learn from"):
        fitted({"a": [1.0, 1.0]}, {"a": N})


def test_a_number_beyond_float32_is_named():
    frame = {"a": [1.0, 2.0], "b": [3.0, -1e39]}
    with pytest.raises(DataError, match=r"column 'b', row 2: expected a number within ±3.4e38, got -1e\+39"):
        fitted(frame, {"a": N, "b": N})
    made, _ = fitted({"b": [1.0, 2.0]}, {"b": N})
    with pytest.raises(DataError, match="column 'b', row 12: expected"):
        made.transform(pd.DataFrame({"b": [1.0, 1e300]}, index=[4, 11]))


def test_an_array_has_one_mean_and_one_scale():
    x = np.random.default_rng(0).normal(5, 2, (9000, 3, 2)).astype(np.float32)
    x[:, 0, 0] = 1.0  # a cell that never varies stays, or the picture would lose its shape
    made, warnings = fitted(x, {"x": Kind.ARRAY})
    step = made.steps[0]
    assert warnings == ()
    assert isinstance(step, Pixels)
    assert step.shape == (3, 2)
    assert step.mean == pytest.approx(x.mean(dtype=np.float64), rel=1e-6)
    assert step.scale == pytest.approx(x.std(dtype=np.float64), rel=1e-6)
    flat = made.transform(x[:4])
    np.testing.assert_allclose(flat, (x[:4].reshape(4, 6) - x.mean()) / x.std(), atol=1e-5)
    assert made.feature_names[-1] == "x[5]"
    assert made.columns() == [{"name": "x", "kind": "array", "shape": [3, 2]}]


def test_arrays_without_numbers_or_contrast_are_errors():
    with pytest.raises(DataError, match="array 'x': expected a finite number in every cell"):
        fitted(np.array([[1.0, np.nan]], np.float32), {"x": Kind.ARRAY})
    with pytest.raises(DataError, match="array 'x': every cell of the train rows is 2"):
        fitted(np.full((3, 4), 2, np.float32), {"x": Kind.ARRAY})


def test_the_target_of_a_regression_is_standardised_and_restored():
    made, _ = fitted({"a": [1.0, 2.0, 3.0]}, {"a": N}, target=[100.0, 300.0, 500.0])
    assert made.target_mean == 300.0
    assert made.target_scale == pytest.approx(163.299, abs=1e-3)
    scaled = made.scaled(np.array([100.0, 300.0]))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [-1.2247449, 0], atol=1e-6)
    np.testing.assert_allclose(made.restored(scaled), [100, 300], rtol=1e-6)


def test_classes_are_left_as_they_are():
    made, _ = fitted({"a": [1.0, 2.0]}, {"a": N})
    assert (made.target_mean, made.target_scale) == (0.0, 1.0)
    probabilities = np.array([0.1, 0.9])
    assert made.restored(probabilities) is probabilities


@pytest.mark.parametrize(
    ("target", "problem"), [([3.0, 3.0], "the target is 3 in every train row"), ([1e300, 0.0], "the target: expected")]
)
def test_a_target_that_cannot_be_learned_is_an_error(target, problem):
    with pytest.raises(DataError, match=problem):
        fitted({"a": [1.0, 2.0]}, {"a": N}, target=target)


def test_json_brings_every_constant_back_exactly():
    rng = np.random.default_rng(1)
    columns = {
        "a": rng.normal(size=50) / 3, "b": [np.nan, *rng.normal(size=49)], "c": rng.integers(0, 3, 50).astype(float),
        "é \"": rng.choice(["x", "y\n", None], 50),
    }  # fmt: skip
    made, _ = fitted(
        columns,
        {"a": N, "b": N, "c": C, 'é "': T},
        {"a": (0.1, -99.9), "c": (0,), 'é "': ("?",)},
        target=rng.normal(size=50),
        empties={"a": ("?", "n/a")},
    )
    again = Preprocessing.from_json(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()
    for step in made.steps:
        if isinstance(step, Number):
            assert (step.mean, step.scale) == (float(np.float32(step.mean)), float(np.float32(step.scale)))
    pixels = Preprocessing((Pixels("x", (2, 3), 0.1, 0.3),))
    assert Preprocessing.from_json(pixels.to_json()) == pixels


def test_json_of_a_newer_format_is_refused():
    newer = json.dumps({**json.loads(Preprocessing((Number("a", 0.0, 1.0),)).to_json()), "format": 2})
    with pytest.raises(DataError, match="preprocessing: expected format 1, got 2"):
        Preprocessing.from_json(newer)


def test_columns_say_what_a_reader_of_raw_rows_must_know():
    made, _ = fitted(
        {"a": [1.0, 2.0], "s": ["x", "y"], "c": [1.0, 2.0]}, {"a": N, "s": T, "c": C}, empties={"a": ("?",)}
    )
    assert made.columns() == [
        {"name": "a", "kind": "numeric", "empties": ["?"]},
        {"name": "s", "kind": "text"},
        {"name": "c", "kind": "codes"},
    ]


def test_a_name_that_keras_cannot_have_gets_another_for_the_input():
    names = {
        "Age": "Age", "a/b": "a_b", "mean radius": "mean_radius", "a b": "column_3_0", "age": "column_4_0",
        "": "column_5_0", "max": "column_6_0", "Where_2": "column_7_0", "network": "column_8_0", "größe": "gr_e",
        "1st": "column_10_0", "_x": "x", "class": "column_12_0", "self": "column_13_0", "column_15_0": "column_15_0",
        "%": "column_15_1", "x_1": "x_1",
    }  # fmt: skip
    columns = Preprocessing(tuple(Number(name, 0.0, 1.0) for name in names)).columns()
    assert {column["name"]: column.get("input", column["name"]) for column in columns} == names
    assert "input" not in columns[0]
