"""Images turned and moved while a network trains: by how much, about what, and from which seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models import networks
from tuner.metrics import Array
from tuner.trainers import processes
from tuner.trial import Value

HEIGHT, WIDTH, ROWS = 9, 13, 200
IMAGE = (HEIGHT, WIDTH, 2)


def slopes() -> Array:
    """Rows of images that rise by 1 to the right in one channel and by 1 downward in the other, 0 in the middle.

    So each cell says where it was, and cells between cells are interpolated without an error.
    """
    down, right = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    image = np.stack([right - (WIDTH - 1) / 2, down - (HEIGHT - 1) / 2], axis=-1)
    return np.tile(image.reshape(1, -1), (ROWS, 1))


def augmented(values: dict[str, Value], *batches: tuple[int, int, int], image: Any = IMAGE) -> list[Array]:
    """The slopes after the batches of (seed, epoch, step), as images."""
    found = processes.call(networks.augmented, values, slopes(), batches, image)
    return [rows.reshape(ROWS, *IMAGE) for rows in found]


def test_images_are_moved_by_up_to_a_share_of_their_sides() -> None:
    (moved,) = augmented({"shift": 0.2}, (1, 1, 0))
    inside = (moved - slopes().reshape(ROWS, *IMAGE))[:, 3:6, 4:9]
    assert inside.std(axis=(1, 2)).max() < 1e-5
    right, down = inside.mean(axis=(1, 2)).T
    for by, most in ((right, 0.2 * WIDTH), (down, 0.2 * HEIGHT)):
        assert -most <= by.min() < -0.9 * most
        assert 0.9 * most < by.max() <= most
    assert abs(np.corrcoef(right, down)[0, 1]) < 0.3
    # Beyond the border is what is on it.
    assert moved[..., 0].max() <= (WIDTH - 1) / 2
    assert moved[..., 0].min() >= -(WIDTH - 1) / 2


def test_images_are_turned_about_their_middle_by_up_to_so_many_degrees_either_way() -> None:
    (turned,) = augmented({"rotation": 20.0}, (1, 1, 0))
    y, x = HEIGHT // 2, WIDTH // 2
    assert abs(turned[:, y, x]).max() < 1e-5
    step = turned[:, y, x + 1] - turned[:, y, x]  # where the cell to the right of the middle came from
    assert np.hypot(*step.T) == pytest.approx(1, abs=1e-5)
    angles = np.degrees(np.arctan2(step[:, 1], step[:, 0]))
    assert -20 <= angles.min() < -18
    assert 18 < angles.max() <= 20.001
    below = turned[:, y + 1, x]
    assert np.einsum("ij,ij->i", step, below) == pytest.approx(0, abs=1e-5)  # not sheared


def test_what_is_drawn_hangs_on_the_seed_the_epoch_and_the_step_alone() -> None:
    values: dict[str, Value] = {"rotation": 10.0, "shift": 0.1, "layers": 3}
    one, again, *others = augmented(values, (1, 1, 0), (1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1))
    assert np.array_equal(one, again)
    assert not any(np.array_equal(one, other) for other in others)
    assert len({row.tobytes() for row in one}) == ROWS


def test_nothing_is_turned_or_moved_where_nobody_asks_for_it() -> None:
    assert augmented({"rotation": 0.0, "shift": 0.0}, (1, 1, 0)) == []
    assert augmented({"rotation": 9.0}, (1, 1, 0), image=None) == []
