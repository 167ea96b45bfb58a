"""What only data with classes have: a weight for the rows of each, and parameters that mean nothing without them."""

from __future__ import annotations

from itertools import product

import numpy as np

from tuner.data.split import Split
from tuner.errors import StudyError
from tuner.metrics import METRICS, Array, Task
from tuner.study import Study
from tuner.tunables import FOR_CLASSES, OUTPUTS


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
    """Raises StudyError where the study varies what only a classification has, and the target is a value; where its
    outputs are none of the task; and where its metric needs rows of several classes, and the validation or the test
    rows are of one.
    """
    _check_outputs(study, split)
    if split.task is not Task.REGRESSION:
        _check_metric(study, split)
        return
    named = {parameter.name for parameter in study.space.parameters}
    lines = [
        f"{study.name}: space.{name}: the data is a regression task, which has no classes; leave it out"
        for name in FOR_CLASSES
        if name in named
    ]
    if lines:
        raise StudyError(*lines)


_NO_OUTPUT = {
    (Task.BINARY, "softmax"): "the one output of two classes would always be 1",
    (Task.BINARY, "linear"): "its outputs would be no probabilities",
    (Task.MULTICLASS, "linear"): "its outputs would be no probabilities",
    (Task.REGRESSION, "softmax"): "the one output of values would always be 1",
    (Task.REGRESSION, "sigmoid"): "values may be beyond 0 to 1",
}


def _check_outputs(study: Study, split: Split) -> None:
    outputs = next((each for each in study.space.parameters if each.name == "output_activation"), None)
    lines = [
        f"{study.name}: space.output_activation: the data is a {split.task.value} task, expected "
        f"{' or '.join(OUTPUTS[split.task])}, got '{word}'; {_NO_OUTPUT[split.task, str(word)]}"
        for word in (outputs.choices() if outputs else ())
        if word not in OUTPUTS[split.task]
    ]
    if lines:
        raise StudyError(*lines)


def _check_metric(study: Study, split: Split) -> None:
    metrics = [METRICS[split.task][name.removeprefix("val_")] for name in study.objective_for(split.task).metrics]
    parts = (("validation", split.y_validation), ("test", split.y_test))
    for metric, (part, target) in product(metrics, parts):
        if not metric.meant(target):
            raise StudyError(
                f"{study.name}: objective.metric: val_{metric.name} needs {part} rows of several classes, and there "
                f"all {len(target)} are '{(split.classes or ())[int(target[0])]}'; give that part more rows, or choose "
                f"another metric"
            )
