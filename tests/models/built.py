"""What the trainer makes of a trial, in a worker: network, optimizer, rates, loss, epochs and batches, as flat plain
values, so that two of them can be laid side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data.split import Split
from tuner.metrics import Array
from tuner.sections import TrainingSection
from tuner.trainers.course import Course, Kept
from tuner.trainers.work import Work
from tuner.trial import Objective, Trial, Value

EPOCHS, BATCH = 4, 32
# Steps of a training on 100 rows, of which there are 16: the first one, one on the way, and the last.
STEPS = (0, 5, 15)

# Which settings say of a trial what its batches are.
OF_BATCHES = {"batch_size", "class_weight", "rotation", "shift"}

Values = Mapping[str, Value]
Built = Mapping[str, Any]


def built(folder: Path, several: Sequence[Values], targets: Array, predictions: Array) -> list[Built]:
    """What is made of each of several sets of values, for the rows in a folder; the loss is of some predictions."""
    from tuner.trainers import plain

    split, found = Split.open(folder), []
    work = Work(TrainingSection(epochs=EPOCHS), Objective("val_loss", "minimize"), folder, folder)
    for values in several:
        trial = Trial(0, values, 7, work.training.epochs_of(values))
        model = plain.build(trial, split, plain._rates(trial, work.training, -(-len(split.x_train) // BATCH)))
        found.append(
            dict(_network(model))
            | dict(_trained(model.optimizer))
            | dict(_settings("loss", model.loss))
            | {"loss/of": float(model.loss(targets, predictions)), "epochs": _epochs(work, trial)}
            # Batches take ten times as long to make as all else.
            | (dict(_batch(split, trial)) if OF_BATCHES & values.keys() else {})
        )
    return found


def _epochs(work: Work, trial: Trial) -> int:
    """How many epochs a trial trains that never gets better."""
    course = Course(work, trial)
    while course.state is None:
        course.takes({"val_loss": 1.0}, True, lambda: Kept([]))
        course.judged(True)
    return course.epoch


def _network(model: Any) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        yield from _settings(layer.name, layer)
        yield f"{layer.name}/after", ", ".join(node.operation.name for node in layer._inbound_nodes[0].parent_nodes)


def _trained(optimizer: Any) -> Iterator[tuple[str, Any]]:
    from keras.optimizers.schedules import LearningRateSchedule

    rate = optimizer._learning_rate
    if isinstance(rate, LearningRateSchedule):
        yield "rates", [float(rate(step)) for step in STEPS]
        optimizer._learning_rate = 0.0  # one that changes has no config
    else:
        yield "rates", [float(optimizer.learning_rate)] * len(STEPS)
    yield from ((key, each) for key, each in _settings("optimizer", optimizer) if key != "optimizer/learning_rate")


def _settings(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """The class of a thing by its name, and all that its config says of it."""
    yield from _flat(name, {"class_name": type(thing).__name__, "config": thing.get_config()})


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or "class_name" not in value:
        yield name, list(value) if isinstance(value, list | tuple) else value  # Keras' own lists do not travel
        return
    yield name, value["class_name"]
    for key, each in value["config"].items():
        if key != "name":
            yield from _flat(f"{name}/{key}", each)


def _batch(split: Split, trial: Trial) -> Iterator[tuple[str, Any]]:
    """The first batch of a training: how many rows it has, which they are, and what a row of each class weighs."""
    from tuner.trainers import plain

    batches, steps = plain._batches(split, trial, int(trial.values.get("batch_size", BATCH)))
    x, y, *weights = next(batches.as_numpy_iterator())
    yield "batch/rows", len(x)
    yield "batch/steps", steps
    yield "batch/x", hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()
    yield "batch/weights", {int(c): float(w) for c, w in zip(y[:, 0], weights[0], strict=True)} if weights else {}
