"""The metrics of a task, computed on whole arrays of predictions, in the target's own units.

Predictions are: the probability of the second class, shape (rows,), for a binary task; probabilities, shape
(rows, classes), for a multiclass one; values in the target's units, shape (rows,), for regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
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
    """A score of predictions. `of` takes the target (class numbers or values, shape (rows,)) and the predictions.

    One that is not for `every` epoch is computed where it is the objective, and of the champion: it takes about as long
    as an epoch of a small network, or says what others say.
    """

    name: str
    goal: str  # "maximize" or "minimize"
    of: Callable[[Array, Array], float]
    every: bool = True

    def meant(self, target: Array) -> bool:
        """Whether it is a number on such rows: an area needs some that are of a class, and some that are not."""
        return self.name != "auc" or bool((target != target[0]).any())


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


def f1(target: Array, prediction: Array) -> float:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN): of the second class of two, and the mean over
    all classes of more, each counting alike; 0 for a class that is neither there nor predicted.
    """
    import numpy as np

    found, true = classes_of(prediction), target.astype("int64")
    classes = 2 if prediction.ndim == 1 else prediction.shape[1]
    hits, said, there = (np.bincount(each, minlength=classes) for each in (true[found == true], found, true))
    each = 2 * hits / np.maximum(said + there, 1)
    return float(each[1] if prediction.ndim == 1 else each.mean())


def auc(target: Array, prediction: Array) -> float:
    """The area under the ROC curve: the chance that a row of the class has a higher p than one that is not of it, equal
    ones counting half (Mann and Whitney's U over the number of pairs). Of the second class of two; of more, the mean
    over all classes against the rest. Not a number where the target has rows of one class only.
    """
    if prediction.ndim == 1:
        return _ordered(target == 1, prediction)
    import numpy as np

    areas = [_ordered(target == number, prediction[:, number]) for number in range(prediction.shape[1])]
    known = [area for area in areas if not math.isnan(area)]
    return float(np.mean(known)) if known else math.nan


def _ordered(inside: Array, p: Array) -> float:
    import numpy as np

    ones, zeros = int(inside.sum()), int((~inside).sum())
    if not ones or not zeros:
        return math.nan
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]  # equal ones share the mean of their ranks
    return float((ranks[inside].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def mse(target: Array, prediction: Array) -> float:
    """The mean squared error, in squared units of the target."""
    return float(((target.astype("float64") - prediction) ** 2).mean())


def rmse(target: Array, prediction: Array) -> float:
    """The root of the mean squared error, in units of the target."""
    return math.sqrt(mse(target, prediction))


def mae(target: Array, prediction: Array) -> float:
    """The mean absolute error, in units of the target."""
    return float(abs(target.astype("float64") - prediction).mean())


def r2(target: Array, prediction: Array) -> float:
    """The share of the target's variance that is explained, 1 - SSE / SST; below 0 for what is worse than the mean.

    Of a target that does not vary: 1 where every prediction is right, else 0.
    """
    values = target.astype("float64")
    total = float(((values - values.mean()) ** 2).sum())
    left = float(((values - prediction) ** 2).sum())
    return 1 - left / total if total else float(left == 0)


_CLASSIFICATION = (
    Metric("accuracy", "maximize", accuracy),
    Metric("loss", "minimize", log_loss),
    Metric("f1", "maximize", f1, every=False),
    Metric("auc", "maximize", auc, every=False),
)
_REGRESSION = (
    Metric("rmse", "minimize", rmse),
    Metric("mae", "minimize", mae),
    Metric("loss", "minimize", mse),
    Metric("r2", "maximize", r2, every=False),
)

# The first metric of each row is the default objective of the task. A regression's loss is its squared error.
METRICS: Mapping[Task, Mapping[str, Metric]] = {
    Task.BINARY: {metric.name: metric for metric in _CLASSIFICATION},
    Task.MULTICLASS: {metric.name: metric for metric in _CLASSIFICATION},
    Task.REGRESSION: {metric.name: metric for metric in _REGRESSION},
}
NAMES = tuple(dict.fromkeys(name for metrics in METRICS.values() for name in metrics))


def evaluate(task: Task, target: Array, prediction: Array, also: Collection[str] | None = None) -> dict[str, float]:
    """Every metric of the task, but for one that means nothing on these rows; those of every epoch and `also` where
    that is given.
    """
    return {
        name: metric.of(target, prediction)
        for name, metric in METRICS[task].items()
        if (also is None or metric.every or name in also) and metric.meant(target)
    }
