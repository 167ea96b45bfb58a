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
# The optimizers with a momentum of their own; any other ignores the parameter, so a space must not offer it there.
WITH_MOMENTUM = ("rmsprop", "sgd")


@dataclass(frozen=True, slots=True)
class Tunable:
    """One thing that a space may vary: its kind, the values that make sense, and its value where nobody sets it."""

    kind: type[int] | type[float] | type[str] | type[bool]
    default: Value
    about: str
    low: float = 0
    high: float = math.inf  # the range is [low, high], or [low, high) where `open` is set
    open: bool = False
    words: tuple[str, ...] = ()
    per_layer: bool = False

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


TUNABLES: Mapping[str, Tunable] = {
    "layers": Tunable(int, 2, "hidden layers", high=100),
    "units": Tunable(int, 64, "width of a hidden layer", low=1, high=65536, per_layer=True),
    "activation": Tunable(str, "relu", "activation of a hidden layer", words=ACTIVATIONS, per_layer=True),
    "dropout": Tunable(float, 0.0, "dropout rate after a hidden layer", high=1.0, open=True, per_layer=True),
    "initializer": Tunable(str, "glorot_uniform", "initial weights", words=INITIALIZERS, per_layer=True),
    "batch_norm": Tunable(bool, False, "batch normalisation between the weights and the activation", per_layer=True),
    "l2": Tunable(float, 0.0, "L2 penalty on the weights of a layer", high=1000.0, per_layer=True),
    "optimizer": Tunable(str, "adam", "optimizer", words=OPTIMIZERS),
    "learning_rate": Tunable(float, 0.001, "learning rate", high=1000.0),
    "momentum": Tunable(float, 0.0, "momentum of sgd or rmsprop", high=1.0, open=True),
    "batch_size": Tunable(int, 32, "rows of one step", low=1, high=2**20),
}


def setting(values: Mapping[str, Value], name: str, layer: int | None = None) -> Value:
    """What a trial's values say of `name`, in that layer where it differs by layer, or its default.

    Layers count from 1.
    """
    if layer is not None and f"{name}_{layer}" in values:
        return values[f"{name}_{layer}"]
    return values.get(name, TUNABLES[name].default)
