"""What tests of packing do in a worker, where Keras is, and bring back as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuner import packaging
from tuner.data.split import Split
from tuner.errors import ExportError
from tuner.metrics import Array
from tuner.trainers.work import Work
from tuner.trial import Metrics, Result, Trial


@dataclass(frozen=True)
class Network:
    """A network as it begins: its weights, and what it gives for the validation rows."""

    weights: list[Array]
    outputs: Array
    metrics: Metrics


def begun(work: Work, trial: Trial, threshold: int | None = None) -> Network:
    """One without training; the bias is such that the validation row `threshold` is on the threshold of two classes.

    Of more than two, those are its most probable ones.
    """
    from tuner.trainers import plain, readings

    split = Split.open(work.split)
    network = plain.build(trial, split)
    if threshold is not None:
        kernel, bias = network.get_weights()
        each = np.asarray(split.x_validation)[threshold] @ kernel
        # All as probable as the first, or with more than two the first two, and the others never.
        rare = np.where(np.arange(len(each)) < 2, 0.0, -50.0).astype(np.float32)
        network.set_weights([kernel, bias - each + rare])
    raw = np.asarray(plain.outputs(network, split.x_validation))
    return Network(network.get_weights(), raw, readings.validation(split, raw))


def refusals(work: Work, results: Sequence[Result]) -> list[ExportError | None]:
    """Why each of them is not restored."""
    split = Split.open(work.split)
    return [_refusal(work, result, split) for result in results]


def _refusal(work: Work, result: Result, split: Split) -> ExportError | None:
    try:
        packaging.restored(work, result, split)
    except ExportError as error:
        return error
    return None


def model(work: Work, result: Result, folder: Path) -> Path:
    return packaging.model(packaging.Subject(work, "made", "made@1", {}, {}), result, folder)


def predictions(folder: Path, rows: Array) -> Array:
    """The probability of each class that an exported model gives for raw rows."""
    from tuner.models.champion import Champion

    return np.asarray(Champion(folder).predict(rows).filter(like="p("))
