"""What a trial makes of the standardised matrix: the same numbers, those of a unit, or the raw ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tuner.data.scaling import affine
from tuner.data.split import Split, split
from tuner.data.table import Kind, Rows, Table
from tuner.metrics import Task
from tuner.study import SplitSection

Y = np.arange(200) % 2


def table(features: pd.DataFrame | np.ndarray, kinds: dict[str, Kind], marks: dict[str, tuple[float, ...]]) -> Split:
    rows = Rows(features, Y)
    made = Table("t", "y", Task.BINARY, ("a", "b"), kinds, marks, rows, None, "d", ())
    return split(made, SplitSection())


@pytest.fixture(scope="module")
def mixed() -> tuple[Split, pd.DataFrame]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "ward": rng.integers(0, 3, 200).astype(float),
            "age": rng.integers(1, 90, 200).astype(float),
            "same": 5.0,
            "pay": rng.normal(50_000, 9_000, 200),
        }
    )
    frame.loc[rng.random(200) < 0.2, "pay"] = np.nan
    frame.loc[rng.random(200) < 0.2, "same"] = np.nan
    kinds = {"ward": Kind.CODES, "age": Kind.NUMERIC, "same": Kind.NUMERIC, "pay": Kind.NUMERIC}
    return table(frame, kinds, {"age": (1.0,)}), frame


def scaled(made: Split, scaling: str, part: str) -> np.ndarray:
    found = affine(made, scaling)
    assert found is not None
    return getattr(made, f"x_{part}") * found[0] + found[1]


def test_standardised_features_stay_as_they_are(mixed: tuple[Split, pd.DataFrame]) -> None:
    assert affine(mixed[0], "standard") is None


@pytest.mark.parametrize("part", ["train", "validation"])
def test_raw_numbers_with_the_mean_for_what_is_missing(mixed: tuple[Split, pd.DataFrame], part: str) -> None:
    made, frame = mixed
    rows, train = frame.iloc[made.indices[part]], frame.iloc[made.indices["train"]]
    names = list(made.preprocessing.feature_names)
    assert names[:2] == ["age", "pay"]
    found = scaled(made, "none", part)
    np.testing.assert_allclose(found[:, 1], rows["pay"].fillna(train["pay"].mean()), rtol=1e-5)
    age = rows["age"].where(rows["age"] != 1.0)
    np.testing.assert_allclose(found[:, 0], age.fillna(train["age"].where(train["age"] != 1.0).mean()), rtol=1e-5)
    np.testing.assert_array_equal(found[:, 2:], getattr(made, f"x_{part}")[:, 2:])
    assert len(names) > 5, "flags and codes are there"


def test_a_unit_is_from_the_least_to_the_most_that_train_rows_have(mixed: tuple[Split, pd.DataFrame]) -> None:
    made, frame = mixed
    found = scaled(made, "unit", "train")
    np.testing.assert_allclose(found.min(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(found.max(axis=0), 1.0, atol=1e-6)
    pay, train = frame["pay"].iloc[made.indices["validation"]], frame["pay"].iloc[made.indices["train"]]
    expected = (pay.fillna(train.mean()) - train.min()) / (train.max() - train.min())
    np.testing.assert_allclose(scaled(made, "unit", "validation")[:, 1], expected, atol=1e-5)
    np.testing.assert_array_equal(found[:, 2:], made.x_train[:, 2:])


def test_all_cells_of_an_image_are_scaled_alike() -> None:
    x = np.random.default_rng(8).integers(0, 256, (200, 5, 4)).astype(np.float32)
    x[:, 0] = 7.0  # a border that never varies
    made = table(x, {"x": Kind.ARRAY}, {})
    flat = x.reshape(200, 20)[made.indices["train"]]
    np.testing.assert_allclose(scaled(made, "none", "train"), flat, atol=1e-3)
    np.testing.assert_allclose(scaled(made, "unit", "train"), (flat - flat.min()) / np.ptp(flat), atol=1e-6)


def test_without_a_number_nothing_is_scaled() -> None:
    frame = pd.DataFrame({"s": pd.Series(["a", "b", None, "c"] * 50, dtype=object)})
    made = table(frame, {"s": Kind.TEXT}, {})
    for scaling in ("unit", "none"):
        np.testing.assert_array_equal(scaled(made, scaling, "train"), made.x_train)
