"""What only data with classes have: a weight for the rows of each, and parameters that mean nothing without them."""

from __future__ import annotations

import numpy as np

from tuner.data.split import Split
from tuner.errors import StudyError
from tuner.metrics import Array, Task
from tuner.study import Study
from tuner.tunables import FOR_CLASSES


def weights_of_classes(split: Split) -> Array:
    """What a train row of each class weighs where classes are balanced, float32 (classes,).

    rows / (classes · rows of its class), as scikit-learn's `class_weight="balanced"`: all classes weigh the same in
    total, and the rows weigh 1 on average. A class that no train row has is none of those counted, and weighs 0.
    """
    assert split.classes is not None, "a regression has no classes"
    rows = np.bincount(np.asarray(split.y_train, dtype=np.int64), minlength=len(split.classes))
    seen = rows > 0
    weights = np.zeros(len(rows), dtype=np.float64)
    weights[seen] = rows.sum() / (seen.sum() * rows[seen])
    return weights.astype(np.float32)


def check(study: Study, split: Split) -> None:
    """Raises StudyError where the study varies what only a classification has, and the target is a value."""
    if split.task is not Task.REGRESSION:
        return
    named = {parameter.name for parameter in study.space.parameters}
    lines = [
        f"{study.name}: space.{name}: the data is a regression task, which has no classes; leave it out"
        for name in FOR_CLASSES
        if name in named
    ]
    if lines:
        raise StudyError(*lines)
