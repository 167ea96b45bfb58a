"""The metrics of a task, computed on whole arrays of predictions, in the target's own units.

Predictions are: the probability of the second class, shape (rows,), for a binary task; probabilities, shape
(rows, classes), for a multiclass one; values in the target's units, shape (rows,), for regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

# A study file is checked against the names and goals below without numpy, which is loaded with the first array.
if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

# Keras' own epsilon: a probability is kept that far from 0 and 1 before its logarithm is taken.
_EPSILON = 1e-7


class Task(StrEnum):
    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of predictions. `of` takes the target (class numbers or values, shape (rows,)) and the predictions."""

    name: str
    goal: str  # "maximize" or "minimize"
    of: Callable[[Array, Array], float]


def classes_of(prediction: Array) -> Array:
    """The predicted class numbers, shape (rows,); a binary row is of the second class from one half on."""
    return (prediction >= 0.5).astype("int64") if prediction.ndim == 1 else prediction.argmax(axis=1)


def accuracy(target: Array, prediction: Array) -> float:
    """The share of rows whose predicted class is the true one."""
    return float((classes_of(prediction) == target).mean())


def log_loss(target: Array, prediction: Array) -> float:
    """The mean of -ln p(true class)."""
    import numpy as np

    p = prediction.astype("float64").clip(_EPSILON, 1 - _EPSILON)
    true = np.where(target == 1, p, 1 - p) if p.ndim == 1 else p[np.arange(len(p)), target.astype("int64")]
    return float(-np.log(true).mean())


def mse(target: Array, prediction: Array) -> float:
    """The mean squared error, in squared units of the target."""
    return float(((target.astype("float64") - prediction) ** 2).mean())


def rmse(target: Array, prediction: Array) -> float:
    """The root of the mean squared error, in units of the target."""
    return math.sqrt(mse(target, prediction))


def mae(target: Array, prediction: Array) -> float:
    """The mean absolute error, in units of the target."""
    return float(abs(target.astype("float64") - prediction).mean())


_CLASSIFICATION = (Metric("accuracy", "maximize", accuracy), Metric("loss", "minimize", log_loss))
_REGRESSION = (Metric("rmse", "minimize", rmse), Metric("mae", "minimize", mae), Metric("loss", "minimize", mse))

# The first metric of each row is the default objective of the task. A regression's loss is its squared error.
METRICS: Mapping[Task, Mapping[str, Metric]] = {
    Task.BINARY: {metric.name: metric for metric in _CLASSIFICATION},
    Task.MULTICLASS: {metric.name: metric for metric in _CLASSIFICATION},
    Task.REGRESSION: {metric.name: metric for metric in _REGRESSION},
}
NAMES = tuple(dict.fromkeys(name for metrics in METRICS.values() for name in metrics))


def evaluate(task: Task, target: Array, prediction: Array) -> dict[str, float]:
    """Every metric of the task."""
    return {name: metric.of(target, prediction) for name, metric in METRICS[task].items()}
