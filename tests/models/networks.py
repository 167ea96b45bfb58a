"""What tests do with networks in a worker, where Keras is, and bring back as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from tuner.metrics import Array, Task
from tuner.trial import Value

Values = Mapping[str, Value]


def build(values: Values, task: Task = Task.BINARY, seed: int = 1, image: tuple[int, int, int] | None = None) -> Any:
    from tuner.models import network

    return network.build(values, seed, task, features=prod(image or (4,)), classes=3, image=image)


def described(values: Values, task: Task = Task.BINARY, image: tuple[int, int, int] | None = None) -> dict[str, Any]:
    """The layers in order as (class, what was set), and how the network is trained."""
    model = build(values, task, image=image)
    return {
        "layers": [(type(layer).__name__, layer.get_config()) for layer in model.layers],
        "output": model.output_shape,
        "optimizer": type(model.optimizer).__name__,
        "settings": model.optimizer.get_config(),
        "loss": type(model.loss).__name__,
        "metrics": [getattr(metric, "name", metric) for metric in model._compile_metrics._user_metrics],
    }


def counted(values: Values, task: Task, image: tuple[int, int, int] | None) -> int:
    """How many weights Keras says there are."""
    return int(build(values, task, image=image).count_params())


def weights(values: Values, seed: int = 1, image: tuple[int, int, int] | None = None) -> dict[str, Array]:
    """The initial weights by the layer and name of each."""
    return {variable.path: np.asarray(variable) for variable in build(values, seed=seed, image=image).weights}


def penalty(values: Values) -> tuple[float, dict[str, Array]]:
    """What is added to the loss, and the weights."""
    model = build(values)
    return sum(float(loss) for loss in model.losses), {each.path: np.asarray(each) for each in model.weights}


def stepped(values: Values, task: Task = Task.BINARY, image: tuple[int, int, int] | None = None) -> dict[str, bool]:
    """Whether each weight is finite and has moved, after one step on a few rows."""
    model = build(values, task, image=image)
    model.run_eagerly = True  # the same step, without the seconds that it takes to trace it
    rng = np.random.default_rng(0)
    before = {each.path: np.array(each) for each in model.weights}
    model.train_on_batch(rng.normal(size=(8, prod(image or (4,)))).astype("float32"), rng.integers(0, 2, size=(8, 1)))
    assert all(np.isfinite(np.asarray(each)).all() for each in model.weights)
    return {each.path: not np.array_equal(np.asarray(each), before[each.path]) for each in model.weights}


def dropped(values: Values, seed: int) -> Array:
    """What two training passes over the same row give."""
    model = build(values, seed=seed)
    row = np.ones((1, 4), dtype="float32")
    return np.concatenate([np.asarray(model(row, training=True)) for _ in range(2)])


def losses(values: Values, task: Task, targets: Array, predictions: Array, weights: Array) -> dict[str, float]:
    """The loss that a network is compiled with, plain and with weights of rows, and Keras' own smoothed one."""
    import keras

    ours = build({"layers": 1, **values}, task).loss
    smoothing = float(values["label_smoothing"])
    if task is Task.BINARY:
        theirs, of_theirs = keras.losses.BinaryCrossentropy(label_smoothing=smoothing), targets
    else:
        theirs, of_theirs = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing), np.eye(3)[targets[:, 0]]
    return {
        "plain": float(ours(targets, predictions)),
        "weighted": float(ours(targets, predictions, sample_weight=weights)),
        "keras": float(theirs(of_theirs, predictions)),
    }


def scheduled(values: Values, steps: int) -> list[float]:
    """What Keras' own schedule gives at each step, without a warm-up."""
    import keras

    first, end = float(values["learning_rate"]), float(values["end_rate"])
    schedules = keras.optimizers.schedules
    schedule = {
        "linear": schedules.PolynomialDecay(first, steps, end * first),
        "exponential": schedules.ExponentialDecay(first, steps, end),
        "cosine": schedules.CosineDecay(first, steps, end),
        "inverse_time": schedules.InverseTimeDecay(first, steps, 1 / end - 1),
    }[str(values["schedule"])]
    return [float(schedule(step)) for step in range(steps)]


def augmented(
    values: Values, rows: Array, batches: Sequence[tuple[int, int, int]], image: tuple[int, int, int] | None
) -> list[Array]:
    """The rows as a network trains on them in each batch of (seed, epoch, step); none where they are left alone."""
    import tensorflow as tf

    from tuner.models.augmentation import augmentation

    made = [(augmentation(values, seed, image), epoch, step) for seed, epoch, step in batches]
    return [augment(tf.constant(rows), epoch, step).numpy() for augment, epoch, step in made if augment is not None]
