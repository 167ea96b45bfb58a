"""Rows that are images, and what a study that takes others for images is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner import opening
from tuner.data.split import Split
from tuner.errors import StudyError
from tuner.home import Home
from tuner.study import from_document


def opened(home: Home, source: str, **space: Any) -> Split:
    study = from_document("made", {"data": {"source": source}, "space": {"layers": 1, "batch_size": 8, **space}})
    return opening.split(study, home)


@pytest.mark.parametrize(
    ("shape", "image"),
    [((6, 5), (6, 5, 1)), ((6, 5, 3), (6, 5, 3)), ((6,), None), ((2, 3, 4, 3), None)],
)
def test_a_split_knows_what_an_image_is_also_after_it_was_saved(
    tmp_path: Path, shape: tuple[int, ...], image: tuple[int, int, int] | None
) -> None:
    x = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    made = opened(Home(tmp_path), str(tmp_path / "a.npz"))
    assert made.image == image
    made.save(tmp_path / "split")
    again = Split.open(tmp_path / "split")
    assert again.image == image
    if image is not None:  # the flat rows are the images, cell by cell
        first = (x[again.indices["train"][0]] - made.preprocessing.steps[0].mean) / made.preprocessing.steps[0].scale
        np.testing.assert_allclose(again.x_train[0].reshape(image), first.reshape(image), rtol=1e-5, atol=1e-6)


def test_what_only_images_have_is_refused_in_one_line_where_rows_are_none(tmp_path: Path) -> None:
    wanted = {"conv_layers": {"int": [0, 2]}, "filters": {"int": [4, 8], "each": "conv_layers"}, "rotation": 5.0}
    assert opened(Home(tmp_path), "sklearn:digits", **wanted).image == (8, 8, 1)
    with pytest.raises(StudyError) as caught:
        opened(Home(tmp_path), "sklearn:wine", **wanted)
    assert caught.value.problems == (
        "made: space.conv_layers: expected rows that are images, arrays of (height, width) or (height, width, "
        "channels), and sklearn:wine has 13 columns; leave out conv_layers, filters, rotation",
    )
    np.savez(tmp_path / "a.npz", x=np.eye(40, dtype=np.float32), y=np.arange(40) % 2)
    with pytest.raises(StudyError, match=r"space\.shift: expected rows that are images, .* has 40 columns"):
        opened(Home(tmp_path), str(tmp_path / "a.npz"), shift=0.1)
