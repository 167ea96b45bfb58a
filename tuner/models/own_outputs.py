"""What the outputs of a user's own model mean, and what its loss wants as targets. Both are read off its `compile`.

Targets of classes are:

- one-hot, float32 (rows, classes), for a loss that compares categories (`CategoricalCrossentropy`, `KLDivergence`, …),
  or compares cell by cell (`BinaryCrossentropy`, `MeanSquaredError`, …) where the model has several outputs;
- class numbers, (rows, 1), for any other: int32 for a sparse loss, or for several outputs, and float32 for one.

A loss counts as what it is a subclass of. One that is none of Keras' has class numbers, unless a metric beside it
(`CategoricalAccuracy`, `F1Score`, …) says that targets are one-hot. Targets of a regression are values in their own
units, float32 (rows, 1).

Outputs are logits where the loss says `from_logits`; without a loss of Keras' own, where the last layer has no
activation. One output of a hinge is -1 to 1. Anything else is a probability.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tuner.errors import TrialFailed
from tuner.metrics import Array, Task
from tuner.models.outputs import shares

_ONE_HOT = {
    "categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge", "kldivergence", "cosinesimilarity",
    "dice", "tversky",
}  # fmt: skip
_SPARSE = {"sparsecategoricalcrossentropy", "categoricalgeneralizedcrossentropy", "circle", "ctc"}
_HINGES = {"hinge", "squaredhinge"}
# Metrics that compare the categories of one-hot targets.
_SPREAD = {
    "categoricalaccuracy", "categoricalcrossentropy", "topkcategoricalaccuracy", "f1score", "fbetascore", "onehotiou",
    "onehotmeaniou",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a model with so many outputs a row: its targets ("one_hot", "numbers" or "values"), and its outputs ("logits",
    "signs", "probabilities" or "values"). `cells` says that its loss takes each output by itself.
    """

    task: Task
    classes: int
    width: int
    targets: str
    outputs: str
    cells: bool

    def wanted(self, target: Array) -> Array:
        """The targets as the model's loss wants them; `target` are class numbers or values, (rows,)."""
        if self.targets == "one_hot":
            return np.eye(self.classes, dtype=np.float32)[np.asarray(target, np.int64)]
        exact = self.targets == "numbers" and self.width > 1
        return np.asarray(target, np.int32 if exact else np.float32)[:, None]

    def predictions(self, output: Any) -> Any:
        """A tensor of outputs as what the network of a task gives: float32 (rows, 1), or (rows, classes) of several."""
        ops = keras.ops
        output = output if output.dtype == "float32" else ops.cast(output, "float32")
        output = output if tuple(output.shape[1:]) == (self.width,) else ops.reshape(output, (-1, self.width))
        if self.task is Task.REGRESSION:
            return output
        if self.width == 1:
            return self._chance(output)
        if self.outputs == "logits":
            output = ops.sigmoid(output) if self.cells else ops.softmax(output)
        output = output if self.outputs == "logits" and not self.cells else shares(output, ops)
        return output[:, 1:] if self.task is Task.BINARY else output

    def _chance(self, output: Any) -> Any:
        """That of the second of two classes."""
        if self.outputs == "logits":
            return keras.ops.sigmoid(output)
        return keras.ops.clip((output + 1.0) / 2.0 if self.outputs == "signs" else output, 0.0, 1.0)


def meaning(model: keras.Model, output: Any, task: Task, classes: int) -> Meaning:
    """What the model's one `output` means for a task with so many classes.

    Raises TrialFailed where it has another number of outputs than the task.
    """
    width = _width(output, task, classes)
    if task is Task.REGRESSION:
        return Meaning(task, classes, width, "values", "values", cells=True)
    loss = _only(model.loss)
    kind = _kind(loss)
    cells = kind is not None and kind not in _ONE_HOT | _SPARSE
    spread = kind in _ONE_HOT or (kind is None and not _SPREAD.isdisjoint(_metrics(model)))
    one_hot = width > 1 and (spread or cells)
    return Meaning(task, classes, width, "one_hot" if one_hot else "numbers", _outputs(model, loss, kind), cells)


def _outputs(model: keras.Model, loss: Any, kind: str | None) -> str:
    if kind in _HINGES:
        return "signs"
    logits = _ends_linear(model) if kind is None else _option(loss, "from_logits")
    return "logits" if logits else "probabilities"


def _width(output: Any, task: Task, classes: int) -> int:
    if not isinstance(output, keras.KerasTensor):
        given = len(keras.tree.flatten(output))
        raise TrialFailed(f"the model gives {given} outputs, expected one")
    shape = tuple(output.shape[1:])
    width = 1
    for each in shape:
        width = 0 if each is None else width * each
    allowed = {Task.BINARY: (1, 2), Task.MULTICLASS: (classes,), Task.REGRESSION: (1,)}[task]
    if width not in allowed or sum(each != 1 for each in shape) > 1:
        what = "one value" if task is Task.REGRESSION else f"one probability for each of the {classes} classes"
        what = "one probability, or two, for two classes" if task is Task.BINARY else what
        told = str(width) if len(shape) <= 1 else f"an array of shape {list(shape)}"
        raise TrialFailed(f"the model gives {told} for each row, expected {what}; change its last layer")
    return width


def _only(loss: Any) -> Any:
    """The one loss of a model, which may stand in a list or under the name of an output."""
    while isinstance(loss, (list, tuple, dict)) and len(loss) == 1:
        loss = next(iter(loss.values() if isinstance(loss, dict) else loss))
    return loss


def _kind(loss: Any) -> str | None:
    """The loss of Keras that this one is, in one word; None where it is none of them."""
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            return None
    if isinstance(loss, functools.partial):
        loss = loss.func
    if inspect.isfunction(loss):
        return _word(loss.__name__) if loss.__module__.startswith("keras.") else None
    kinds = (each for each in inspect.getmro(loss if isinstance(loss, type) else type(loss)))
    stock = (each for each in kinds if each.__module__.startswith("keras.src.losses"))
    word = _word(next(stock, type(None)).__name__)
    return None if word in ("loss", "lossfunctionwrapper", "nonetype") else word


def _word(name: str) -> str:
    return name.replace("_", "").lower()


def _option(loss: Any, name: str) -> bool:
    if isinstance(loss, functools.partial):
        return bool(loss.keywords.get(name, False))
    return bool(getattr(loss, name, False)) and not isinstance(loss, type)


def _metrics(model: keras.Model) -> Iterator[str]:
    """The metrics that the model was compiled with, each in a word."""
    given = getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None)
    for metric in keras.tree.flatten(given or []):
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", None) or type(metric).__name__
        yield _word(str(name))


def _ends_linear(model: keras.Model) -> bool:
    """Whether the last layer is one without an activation."""
    last: Any = model
    while layers := getattr(last, "layers", None):
        last = layers[-1]
    return getattr(last, "activation", None) is keras.activations.linear
