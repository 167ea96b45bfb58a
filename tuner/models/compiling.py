"""How a network is trained, from the values of a trial: Keras' optimizer, loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tuner.metrics import Array, Task
from tuner.models.outputs import shares
from tuner.trial import Value
from tuner.tunables import OPTIONS, output_activation, setting


def compiled(
    network: keras.Model, values: Mapping[str, Value], task: Task, classes: int, rates: Array | None
) -> keras.Model:
    """The network, ready to be trained; `rates` holds the learning rate of each step where it changes."""
    # XLA's compile time is many times what it saves on the small models that a search is made of.
    network.compile(
        optimizer=optimizer(values, rates),
        loss=loss(values, task, classes),
        metrics=_metrics(task, output_activation(values, task)),
        jit_compile=False,
    )
    return network


def optimizer(values: Mapping[str, Value], rates: Array | None = None) -> keras.optimizers.Optimizer:
    """The trial's optimizer with the settings that it has; everything else as Keras has it by default."""
    config: dict[str, Any] = {name: values[name] for name in OPTIONS if name in values}
    config["learning_rate"] = float(setting(values, "learning_rate")) if rates is None else _Rates(rates)
    return keras.optimizers.get({"class_name": str(setting(values, "optimizer")), "config": config})


class _Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of each step, float32 (steps,); that of the last one for any after it."""

    def __init__(self, rates: Array) -> None:
        self._rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step: Any) -> Any:
        return keras.ops.take(self._rates, keras.ops.minimum(step, len(self._rates) - 1))


def loss(values: Mapping[str, Value], task: Task, classes: int) -> keras.losses.Loss:
    """What is minimised, the penalties on weights aside. Where rows have weights, Keras divides the weighted sum of a
    batch by its number of rows, not by the sum of their weights (`sum_over_batch_size`).
    """
    if task is Task.REGRESSION:
        return keras.losses.MeanSquaredError()
    smoothing = float(setting(values, "label_smoothing"))
    if setting(values, "loss") == "mse":
        return _Squared(classes if task is Task.MULTICLASS else 1, smoothing)
    if task is Task.BINARY:
        return keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
    if output_activation(values, task) == "sigmoid":
        return _Apart(classes, smoothing)
    return _Smoothed(classes, smoothing) if smoothing else keras.losses.SparseCategoricalCrossentropy()


class _Apart(keras.losses.BinaryCrossentropy):  # type: ignore[misc]
    """The log loss of each class against all others, in the mean over the classes, for outputs that are no shares of
    one whole; targets are class numbers, shape (rows, 1).
    """

    def __init__(self, classes: int, smoothing: float) -> None:
        super().__init__()
        self._classes, self._smoothing = classes, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(_spread(y_true, self._classes, self._smoothing, y_pred.dtype), y_pred)


class _Smoothed(keras.losses.CategoricalCrossentropy):  # type: ignore[misc]
    """Keras' own smoothed loss of class numbers, shape (rows, 1), because the sparse one has no smoothing."""

    def __init__(self, classes: int, smoothing: float) -> None:
        super().__init__(label_smoothing=smoothing)
        self._classes = classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(keras.ops.one_hot(keras.ops.cast(y_true[:, 0], "int32"), self._classes), y_pred)


class _Squared(keras.losses.MeanSquaredError):  # type: ignore[misc]
    """The squared error of p, or its mean over the classes; targets are class numbers, shape (rows, 1)."""

    def __init__(self, outputs: int, smoothing: float) -> None:
        super().__init__()
        self._outputs, self._smoothing = outputs, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(_spread(y_true, self._outputs, self._smoothing, y_pred.dtype), y_pred)


def _spread(y_true: Any, outputs: int, smoothing: float, dtype: Any) -> Any:
    """What each output should be, (rows, outputs). What is taken from the true class goes to all alike; the one output
    of two classes stands for both.
    """
    wanted = keras.ops.cast(y_true, dtype)
    if outputs > 1:
        wanted = keras.ops.one_hot(keras.ops.cast(y_true[:, 0], "int32"), outputs, dtype=dtype)
    return wanted * (1.0 - smoothing) + smoothing / max(outputs, 2)


def _of_shares(y_true: Any, y_pred: Any) -> Any:
    """The log loss of each row, of outputs that need not sum to 1. Keras itself would look behind their sigmoids, and
    take what it finds there for what is before a softmax.
    """
    return keras.losses.sparse_categorical_crossentropy(y_true, shares(y_pred, keras.ops))


def _metrics(task: Task, activation: str) -> list[Any]:
    """What the task is judged by, and the loss once more, because the one that is minimised may have penalties,
    smoothing and weights in it, or be another: for classes the record has the log loss, whatever is minimised.
    As `metrics`, and not `weighted_metrics`, every row counts alike.
    """
    known, plain = {
        Task.BINARY: ("accuracy", keras.metrics.BinaryCrossentropy),
        Task.MULTICLASS: ("accuracy", keras.metrics.SparseCategoricalCrossentropy),
        Task.REGRESSION: ("mae", keras.metrics.MeanSquaredError),
    }[task]
    if task is Task.MULTICLASS and activation == "sigmoid":
        return [known, keras.metrics.MeanMetricWrapper(_of_shares, name="plain_loss")]
    return [known, plain(name="plain_loss")]
