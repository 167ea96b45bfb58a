"""What a search may vary, and the values that the models and trainers understand. No Keras is imported here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tuner.errors import nearest
from tuner.parameters import said
from tuner.trial import Value

# Keras' own names.
ACTIVATIONS = (
    "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "relu", "relu6", "selu",
    "sigmoid", "silu", "softplus", "softsign", "swish", "tanh",
)  # fmt: skip
INITIALIZERS = (
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "ones",
    "orthogonal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros",
)  # fmt: skip
OPTIMIZERS = (
    "adadelta", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop", "sgd",
)  # fmt: skip
SCHEDULES = ("constant", "linear", "exponential", "cosine")
CLASS_WEIGHTS = ("none", "balanced")
# What means nothing where the target is a value.
FOR_CLASSES = ("label_smoothing", "class_weight")
# Keras clips gradients in one way at a time.
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True, slots=True)
class Tunable:
    """One thing that a space may vary: its kind, the values that make sense, and its value where nobody sets it.

    The default is None where there is no single one: it differs by optimizer, or unset means that nothing is done.
    `only` names another parameter and the values of it that know this one; under any other it would be ignored, and
    so must not be in the record of a trial.
    """

    kind: type[int] | type[float] | type[str] | type[bool]
    default: Value | None
    about: str
    low: float = 0
    high: float = math.inf  # the range is [low, high], or [low, high) where `open` is set
    open: bool = False
    words: tuple[str, ...] = ()
    per_layer: bool = False
    only: tuple[str, tuple[str, ...]] | None = None

    def problem(self, value: object) -> str | None:
        """Why `value` makes no sense here, or None where it does."""
        if self.kind is str:
            return None if value in self.words else self._unknown(value)
        if self.kind is bool:
            return None if isinstance(value, bool) else f"expected true or false, got {said(value)}"
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole or (self.kind is float and isinstance(value, float))):
            return f"expected {'a whole number' if self.kind is int else 'a number'}, got {said(value)}"
        assert isinstance(value, int | float)
        inside = self.low <= value <= self.high and not (self.open and value == self.high)
        ends = f"{self.low} to {'below ' if self.open else ''}{self.high}"
        return None if inside else f"expected a value from {ends}, got {said(value)}"

    def _unknown(self, value: object) -> str:
        return f"unknown value {said(value)}.{nearest(str(value), self.words)} Known: {', '.join(self.words)}"


_ADAMS = ("adam", "adamax", "adamw", "lion", "nadam")
_WITH_EPSILON = ("adadelta", "adagrad", "adam", "adamax", "adamw", "nadam", "rmsprop")


def _of(*optimizers: str) -> tuple[str, tuple[str, ...]]:
    return ("optimizer", optimizers)


TUNABLES: Mapping[str, Tunable] = {
    "layers": Tunable(int, 2, "hidden layers", high=100),
    "units": Tunable(int, 64, "width of a hidden layer", low=1, high=65536, per_layer=True),
    "activation": Tunable(str, "relu", "activation of a hidden layer", words=ACTIVATIONS, per_layer=True),
    "dropout": Tunable(float, 0.0, "dropout rate after a hidden layer", high=1.0, open=True, per_layer=True),
    "initializer": Tunable(str, "glorot_uniform", "initial weights", words=INITIALIZERS, per_layer=True),
    "batch_norm": Tunable(bool, False, "batch normalisation between the weights and the activation", per_layer=True),
    "l1": Tunable(float, 0.0, "L1 penalty on the weights of a layer", high=1000.0, per_layer=True),
    "l2": Tunable(float, 0.0, "L2 penalty on the weights of a layer", high=1000.0, per_layer=True),
    "optimizer": Tunable(str, "adam", "optimizer", words=OPTIMIZERS),
    "learning_rate": Tunable(float, 0.001, "learning rate", high=1000.0),
    "schedule": Tunable(str, "constant", "how the learning rate goes to its end", words=SCHEDULES),
    # Above 0, where an exponential never gets.
    "end_rate": Tunable(
        float, 0.01, "learning rate at the end, a share of learning_rate", 1e-6, 1.0, only=("schedule", SCHEDULES[1:])
    ),
    "warmup": Tunable(
        float, 0.0, "share of all steps in which the learning rate first grows from 0", high=1.0, open=True
    ),
    "momentum": Tunable(float, 0.0, "momentum of sgd or rmsprop", high=1.0, open=True, only=_of("rmsprop", "sgd")),
    "nesterov": Tunable(bool, False, "Nesterov's momentum", only=_of("sgd")),
    "beta_1": Tunable(float, 0.9, "decay of the first moment", high=1.0, open=True, only=_of(*_ADAMS)),
    "beta_2": Tunable(float, None, "decay of the second moment", high=1.0, open=True, only=_of(*_ADAMS)),
    "rho": Tunable(float, None, "decay of the squared gradients", high=1.0, open=True, only=_of("adadelta", "rmsprop")),
    "epsilon": Tunable(float, 1e-7, "what keeps divisors above 0", 1e-12, 1.0, only=_of(*_WITH_EPSILON)),
    "amsgrad": Tunable(bool, False, "the largest second moment so far", only=_of("adam", "adamw")),
    "centered": Tunable(bool, False, "squared gradients less their squared mean", only=_of("rmsprop")),
    "initial_accumulator_value": Tunable(
        float, 0.1, "squared gradients at the start", high=1000.0, only=_of("adagrad", "ftrl")
    ),
    "weight_decay": Tunable(float, None, "share of each weight, times the rate, that a step takes off it", high=1000.0),
    "clipnorm": Tunable(float, None, "largest norm of the gradient of one weight matrix", 1e-6, 1e6),
    "clipvalue": Tunable(float, None, "largest value in a gradient", 1e-6, 1e6),
    "global_clipnorm": Tunable(float, None, "largest norm of the gradients of all weights together", 1e-6, 1e6),
    "label_smoothing": Tunable(float, 0.0, "share of a target spread over all classes", high=1.0, open=True),
    "class_weight": Tunable(str, "none", "whether rows of rare classes weigh more", words=CLASS_WEIGHTS),
    "batch_size": Tunable(int, 32, "rows of one step", low=1, high=2**20),
}

# What Keras' optimizers take beside the learning rate, where the trial has a value for it.
OPTIONS = (
    "momentum", "nesterov", "beta_1", "beta_2", "rho", "epsilon", "amsgrad", "centered", "initial_accumulator_value",
    "weight_decay", *CLIPPING,
)  # fmt: skip


def setting(values: Mapping[str, Value], name: str, layer: int | None = None) -> Value:
    """What a trial's values say of `name`, in that layer where it differs by layer, or its default.

    Layers count from 1. What has no single default must be in the values.
    """
    if layer is not None and f"{name}_{layer}" in values:
        return values[f"{name}_{layer}"]
    value = values.get(name, TUNABLES[name].default)
    assert value is not None, f"{name} has no one value where nobody sets it"
    return value
