"""Images turned and moved at random while a network trains on them, so that it learns what does not hang on that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from typing import Any

import tensorflow as tf

from tuner.trial import Value, derive_seed
from tuner.tunables import setting

_STREAM = 5  # of a trial's seed; `models.layers`, `trainers.order` and `stacked.dropout` have the others

Augment = Callable[[Any, Any, Any], Any]


def augmentation(values: Mapping[str, Value], seed: int, image: tuple[int, int, int] | None) -> Augment | None:
    """What turns and moves the rows of a batch, (rows, epoch, step) → rows, all float32 (rows, features); or None.

    Each row is turned by up to `rotation` degrees either way about its middle, and moved by up to `shift` of its sides.
    Cells between cells are interpolated, and those beyond the border are as the nearest one on it. What is drawn hangs
    on the trial's seed, the epoch and the step alone.
    """
    most = float(setting(values, "rotation")) * pi / 180
    shift = float(setting(values, "shift"))
    if image is None or not (most or shift):
        return None
    height, width, _ = image
    drawn_from = derive_seed(seed, _STREAM)

    def augment(rows: Any, epoch: Any, step: Any) -> Any:
        number = tf.cast(epoch * 2**20 + step, tf.int64)
        draws = tf.random.stateless_uniform((tf.shape(rows)[0], 3), (drawn_from, number), -1.0, 1.0)
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.reshape(rows, (-1, *image)),
            transforms=_transforms(draws[:, 0] * most, draws[:, 1] * shift, draws[:, 2] * shift, height, width),
            output_shape=(height, width),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
        return tf.reshape(moved, tf.shape(rows))

    return augment


def _transforms(angle: Any, right: Any, down: Any, height: int, width: int) -> Any:
    """The eight numbers that say for each place of an image which place of the original it shows, (rows, 8)."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    # Back by the shift, then about the middle.
    back_x, back_y = x + right * width, y + down * height
    none = tf.zeros_like(angle)
    return tf.stack(
        [
            *(cos, -sin, x - cos * back_x + sin * back_y),
            *(sin, cos, y - sin * back_x - cos * back_y),
            *(none, none),
        ],
        axis=1,
    )
