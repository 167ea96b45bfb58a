"""Batches of more rows than there are: refused where none fits, told where some do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.data import sources
from tuner.data.batches import check
from tuner.data.split import Split, split
from tuner.errors import StudyError
from tuner.home import Home
from tuner.study import Study, from_document


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Of its 178 rows, 106 are train rows."""
    made = study()
    return split(sources.load(made, Home(tmp_path_factory.mktemp("home"))), made.data.split)


def study(training: dict[str, Any] | None = None, batch_size: Any = None) -> Study:
    space = {"layers": 1} | ({} if batch_size is None else {"batch_size": batch_size})
    return from_document("few", {"data": {"source": "sklearn:wine"}, "space": space, "training": training or {}})


@pytest.mark.parametrize(
    "fitting",
    [
        study(),
        study({"batch_size": 106}),
        study(batch_size=106),
        study(batch_size={"int": [1, 106]}),
        study(batch_size={"int": [10, 110], "step": 48}),
        study(batch_size={"choice": [64, 32]}),
    ],
)
def test_batches_that_the_rows_fill(fitting: Study, wine: Split) -> None:
    assert check(fitting, wine) == ()


@pytest.mark.parametrize(
    ("beyond", "got"),
    [
        (
            study({"batch_size": 107}),
            "training.batch_size: expected at most 106, the number of train rows of {}, got 107",
        ),
        (study(batch_size=128), "space.batch_size: expected at most 106, the number of train rows of {}, got 128"),
        (
            study(batch_size={"choice": [128, 256]}),
            "space.batch_size: expected at most 106, the number of train rows of {}, got 128 | 256",
        ),
        (
            study(batch_size={"int": [107, 1000000], "log": True}),
            "space.batch_size: expected at most 106, the number of train rows of {}, got [107, 1000000] log",
        ),
    ],
)
def test_a_batch_of_more_rows_than_there_are(beyond: Study, got: str, wine: Split) -> None:
    section = got.partition(".")[0]
    with pytest.raises(StudyError, match="expected at most 106") as caught:
        check(beyond, wine)
    assert caught.value.problems == (
        f"few: {got.format(wine.table)}. Write batch_size = 32 under [{section}], or add rows",
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("rows", "fitting"), [(31, 16), (16, 16), (2, 2), (1, 1)])
def test_the_default_is_called_one(rows: int, fitting: int, wine: Split) -> None:
    with pytest.raises(StudyError, match=rf"got 32 \(the default\)\. Write batch_size = {fitting} under \[training\]"):
        check(study(), replace(wine, y_train=np.zeros(rows)))


@pytest.mark.parametrize(
    ("range_", "told"),
    [({"choice": [32, 128]}, "32 | 128"), ({"int": [32, 128], "step": 32}, "[32, 128] step 32")],
)
def test_a_space_that_goes_beyond_the_rows_is_told(range_: dict[str, Any], told: str, wine: Split) -> None:
    assert check(study(batch_size=range_), wine) == (
        f"few: space.batch_size: {told} goes beyond the 106 train rows of {wine.table}; every value above that trains "
        "alike, on all of them at each step",
    )
