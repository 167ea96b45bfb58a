"""Rows of several arrays: flat in the matrices, and each of them found again by its name, shape and place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tuner.data.features import Pixels, Preprocessing, Raw
from tuner.data.layout import Input, placed
from tuner.data.scaling import affine
from tuner.data.split import Split, split
from tuner.data.table import Kind, Rows, Table
from tuner.metrics import Task
from tuner.study import SplitSection

ROWS = 60
IMAGES = np.random.default_rng(0).integers(0, 256, (ROWS, 3, 2)).astype(np.float32)
WORDS = np.random.default_rng(1).integers(0, 9000, (ROWS, 4)).astype(np.float32)
LAYOUT = tuple(placed([("image", (3, 2), "uint8"), ("words", (4,), "int64")]))


def made(as_they_are: bool) -> Split:
    flat = np.hstack([IMAGES.reshape(ROWS, -1), WORDS])
    kinds = {"image": Kind.ARRAY, "words": Kind.ARRAY}
    rows = Rows(flat, np.arange(ROWS) % 2)
    table = Table(
        "t", "y", Task.BINARY, (0, 1), kinds, {}, rows, None, "d", (), layout=LAYOUT, as_they_are=as_they_are
    )  # fmt: skip
    return split(table, SplitSection())


def test_arrays_that_stay_as_they_are_are_found_again_by_name(tmp_path: Path) -> None:
    made(True).save(tmp_path / "split")
    again = Split.open(tmp_path / "split")
    assert again.layout == (Input("image", (3, 2), "uint8", 0), Input("words", (4,), "int64", 6))
    assert again.preprocessing.steps == (Raw("image", (3, 2), "uint8"), Raw("words", (4,), "int64"))
    for part in ("train", "validation", "test"):
        chosen, x = again.indices[part], getattr(again, f"x_{part}")
        np.testing.assert_array_equal(again.layout[0].of(x), IMAGES[chosen])
        np.testing.assert_array_equal(again.layout[1].of(x), WORDS[chosen])
    first = again.indices["train"][0]
    assert again.example[0] == {"image": IMAGES[first].tolist(), "words": WORDS[first].tolist()}
    assert again.image is None


def test_each_array_has_a_scale_of_its_own_for_built_in_networks() -> None:
    found = made(False)
    train = found.indices["train"]
    for each, raw in zip(found.layout, (IMAGES, WORDS), strict=True):
        x = each.of(found.x_train)
        assert (x.mean(), x.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
        np.testing.assert_allclose(x, (raw[train] - raw[train].mean()) / raw[train].std(), atol=1e-5)
    assert {type(step) for step in found.preprocessing.steps} == {Pixels}
    unit, none = affine(found, "unit"), affine(found, "none")
    assert unit is not None
    assert none is not None
    for each in found.layout:
        scaled = each.of(found.x_train * unit[0] + unit[1])
        assert (scaled.min(), scaled.max()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
    np.testing.assert_allclose(found.layout[1].of(found.x_train * none[0] + none[1]), WORDS[train], rtol=1e-4)


def test_a_model_is_told_the_shape_and_the_type_of_each_array() -> None:
    steps = Preprocessing((Raw("image", (3, 2), "uint8"), Raw("age", (1,)), Raw("class", (4,), "int64")))
    assert steps.columns() == [
        {"name": "image", "kind": "array", "shape": [3, 2], "dtype": "uint8"},
        {"name": "age", "kind": "array", "shape": [1]},
        {"name": "class", "kind": "array", "shape": [4], "dtype": "int64", "input": "column_2_0"},
    ]
    assert Preprocessing.from_json(steps.to_json()) == steps
    assert steps.feature_names[5:8] == ("image[5]", "age[0]", "class[0]")


def test_an_only_array_of_two_sides_is_an_image() -> None:
    assert Preprocessing((Raw("input", (8, 9), "uint8"),)).image == (8, 9, 1)
    assert Preprocessing((Raw("input", (8, 9, 3)),)).image == (8, 9, 3)
    assert Preprocessing((Raw("input", (8,)),)).image is None
    assert Preprocessing((Raw("a", (8, 9)), Raw("b", (8, 9)))).image is None
