"""What an epoch is recorded as: the metrics of the task, from sums over train rows and predictions for validation rows.

Every trainer reads its epochs here, so that their numbers mean the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from tuner import metrics
from tuner.data.split import Split
from tuner.metrics import Array, Task
from tuner.models.outputs import probabilities
from tuner.trainers.work import Work


def split_of(work: Work) -> Split:
    """The rows of a search. For a user's own model the values of a regression stay in their own units."""
    split = Split.open(work.split)
    if work.model is None:
        return split
    return replace(split, preprocessing=replace(split.preprocessing, target_mean=0.0, target_scale=1.0))


def train(split: Split, loss: float, second: float) -> dict[str, float]:
    """The means over the epoch's steps, dropout on, in the target's own units.

    `loss` is without penalties and smoothing, of standardised values in a regression; `second` is the accuracy, or
    the mean absolute error.
    """
    if split.task is not Task.REGRESSION:
        return {"loss": loss, "accuracy": second}
    scale = float(split.preprocessing.target_scale)
    squared = loss * scale**2
    return {"loss": squared, "mae": second * scale, "rmse": squared**0.5}


def validation(split: Split, raw: Array, objectives: Collection[str] = ()) -> dict[str, float]:
    """The metrics of an epoch on the validation rows, those of the objectives among them; `raw` is what the network
    gives, (rows, outputs).
    """
    also = [name.removeprefix("val_") for name in objectives]
    found = metrics.evaluate(split.task, split.y_validation, predictions(split, raw), also)
    return {f"val_{name}": value for name, value in found.items()}


def predictions(split: Split, raw: Array) -> Array:
    """A network's outputs in the target's own units; see `tuner.metrics` for shapes."""
    if split.task is Task.MULTICLASS:
        return probabilities(raw)
    flat: Array = raw[:, 0]
    if split.task is Task.REGRESSION:
        return np.asarray(split.preprocessing.restored(flat))
    return flat


def targets(split: Split) -> Array:
    """What the network is trained towards, shape (rows, 1): class numbers, or standardised values."""
    if split.task is Task.REGRESSION:
        return split.preprocessing.scaled(split.y_train)[:, None]
    found: Array = split.y_train.astype(np.float32 if split.task is Task.BINARY else np.int32)
    return found[:, None]
