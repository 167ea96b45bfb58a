"""What a search may vary, and the values that the models and trainers understand. No Keras is imported here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import nearest
from tuner.metrics import Task
from tuner.parameters import said
from tuner.trial import Value

# Keras' own names, but for `rrelu`, which Keras does not have: a leaky relu whose slope is drawn for each unit and row
# while it trains, and is the mean of those afterwards.
ACTIVATIONS = (
    "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "prelu", "relu", "relu6", "rrelu",
    "selu", "sigmoid", "silu", "softplus", "softsign", "swish", "tanh",
)  # fmt: skip
# From where to where the slopes of `rrelu` are drawn.
RRELU_SLOPES = (1 / 8, 1 / 3)
INITIALIZERS = (
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "ones",
    "orthogonal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros",
)  # fmt: skip
OPTIMIZERS = (
    "adadelta", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop", "sgd",
)  # fmt: skip
# Of variance_scaling.
INIT_MODES = ("fan_in", "fan_out", "fan_avg")
INIT_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
NORMALISED_AT = ("activation", "layer")
INPUT_SCALINGS = ("standard", "unit", "none")
LOSSES = ("default", "mse")
# What may stand behind the outputs, by task, what they have by default first: of the others, one output that is a
# softmax is always 1, what is linear is no probability, and values know no bounds.
OUTPUTS: Mapping[Task, tuple[str, ...]] = {
    Task.BINARY: ("sigmoid",),
    Task.MULTICLASS: ("softmax", "sigmoid"),
    Task.REGRESSION: ("linear",),
}
OUTPUT_ACTIVATIONS = ("softmax", "sigmoid", "linear")
SCHEDULES = ("constant", "linear", "exponential", "cosine", "inverse_time")
CLASS_WEIGHTS = ("none", "balanced")
# What means nothing where the target is a value.
FOR_CLASSES = ("label_smoothing", "class_weight", "loss")
# What means nothing where rows are no images.
FOR_IMAGES = (
    "conv_layers", "filters", "kernel_size", "conv_batch_norm", "conv_activation", "pooling", "conv_dropout",
    "rotation", "shift",
)  # fmt: skip
POOLINGS = ("max", "average", "none")
# What a shape stands for.
SHAPED = ("layers", "units")
# Keras clips gradients in one way at a time.
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True, slots=True)
class Tunable:
    """One thing that a space may vary: its kind, the values that make sense, and its value where nobody sets it.

    The default is None where there is no single one: it differs by optimizer or task, is what `[training]` says, or
    unset means that nothing is done.
    `only` names another parameter and the values of it that know this one; under any other it would be ignored, and
    so must not be in the record of a trial. What is `per_layer` may have a value for each that its `counter` counts.
    """

    kind: type[int] | type[float] | type[str] | type[bool]
    default: Value | None
    about: str
    low: float = 0
    high: float = math.inf  # the range is [low, high], or [low, high) where `open` is set
    open: bool = False
    words: tuple[str, ...] = ()
    form: str = ""  # what a text must look like, where its words cannot be listed
    per_layer: bool = False
    counter: str = "layers"
    only: tuple[str, tuple[str, ...]] | None = None

    def problem(self, value: object) -> str | None:
        """Why `value` makes no sense here, or None where it does."""
        if self.form:
            fits = isinstance(value, str) and re.fullmatch(self.form, value)
            return None if fits else f"expected {self.about}, got {said(value)}"
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


# Of 1 to 100 layers, each of 1 to 9999 units.
_SHAPE = r"[1-9]\d{0,3}(-[1-9]\d{0,3}){0,99}"
_ADAMS = ("adam", "adamax", "adamw", "lion", "nadam")
_WITH_EPSILON = ("adadelta", "adagrad", "adam", "adamax", "adamw", "nadam", "rmsprop")


def _block(
    kind: type[int] | type[float] | type[str] | type[bool], default: Value | None, about: str, **more: Any
) -> Tunable:
    """What each block of convolution may have for itself."""
    return Tunable(kind, default, f"{about} of a block", per_layer=True, counter="conv_layers", **more)


_SCALED = ("initializer", ("variance_scaling",))


def _of(*optimizers: str) -> tuple[str, tuple[str, ...]]:
    return ("optimizer", optimizers)


TUNABLES: Mapping[str, Tunable] = {
    "layers": Tunable(int, 2, "hidden layers", high=100),
    "units": Tunable(int, 64, "width of a hidden layer", low=1, high=65536, per_layer=True),
    "shape": Tunable(
        str, None, 'the widths of all hidden layers, as "300-100-50", in place of layers and units', form=_SHAPE
    ),
    "activation": Tunable(str, "relu", "activation of a hidden layer", words=ACTIVATIONS, per_layer=True),
    "negative_slope": Tunable(
        float, 0.2, "slope of leaky_relu below 0", high=1.0, per_layer=True, only=("activation", ("leaky_relu",))
    ),
    "input_dropout": Tunable(float, 0.0, "dropout rate of the inputs", high=1.0, open=True),
    "dropout": Tunable(float, 0.0, "dropout rate after a hidden layer", high=1.0, open=True, per_layer=True),
    "alpha_dropout": Tunable(bool, False, "dropout that keeps mean and variance, for selu", per_layer=True),
    "initializer": Tunable(str, "glorot_uniform", "initial weights", words=INITIALIZERS, per_layer=True),
    "init_scale": Tunable(float, 1.0, "scale of variance_scaling", 1e-6, 1000.0, per_layer=True, only=_SCALED),
    "init_mode": Tunable(
        str, "fan_in", "what variance_scaling divides by", words=INIT_MODES, per_layer=True, only=_SCALED
    ),
    "init_distribution": Tunable(
        str,
        "truncated_normal",
        "what variance_scaling draws from",
        words=INIT_DISTRIBUTIONS,
        per_layer=True,
        only=_SCALED,
    ),
    "batch_norm": Tunable(bool, False, "batch normalisation of a layer", per_layer=True),
    "normalise_at": Tunable(
        str,
        "activation",
        "whether batch normalisation comes right before the activation, or before the weights",
        words=NORMALISED_AT,
    ),
    "l1": Tunable(float, 0.0, "L1 penalty on the weights of a layer", high=1000.0, per_layer=True),
    "l2": Tunable(float, 0.0, "L2 penalty on the weights of a layer", high=1000.0, per_layer=True),
    "conv_layers": Tunable(int, 0, "blocks of convolution before the hidden layers; for images", high=20),
    "filters": _block(int, 32, "filters", low=1, high=4096),
    "kernel_size": _block(int, 3, "side of the kernels", low=1, high=63),
    "conv_batch_norm": _block(bool, None, "batch normalisation, by default that of the network,"),
    "conv_activation": _block(str, None, "activation, by default that of the network,", words=ACTIVATIONS),
    "pooling": _block(str, "max", "what halves the sides at the end", words=POOLINGS),
    "conv_dropout": _block(float, 0.0, "dropout rate at the end", high=1.0, open=True),
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
    "rotation": Tunable(float, 0.0, "degrees by which images are turned at most, either way, in training", high=180.0),
    "shift": Tunable(float, 0.0, "share of a side by which images are moved at most, in training", high=1.0, open=True),
    "loss": Tunable(str, "default", "what is minimised: the log loss, or the squared error of p", words=LOSSES),
    "output_activation": Tunable(
        str, None, "activation of the outputs, by default what the task has", words=OUTPUT_ACTIVATIONS
    ),
    "input_scaling": Tunable(
        str, "standard", "numbers as mean 0 and deviation 1, as 0 to 1, or as they are", words=INPUT_SCALINGS
    ),
    "batch_size": Tunable(int, 32, "rows of one step", low=1, high=2**20),
    "epochs": Tunable(int, None, "the most epochs", low=1, high=100_000),
    "patience": Tunable(int, None, "epochs without a better objective that end a trial; 0: none do", high=100_000),
}

# What Keras' optimizers take beside the learning rate, where the trial has a value for it.
OPTIONS = (
    "momentum", "nesterov", "beta_1", "beta_2", "rho", "epsilon", "amsgrad", "centered", "initial_accumulator_value",
    "weight_decay", *CLIPPING,
)  # fmt: skip


def only_for_images(values: Mapping[str, Value]) -> str | None:
    """The parameter by which these values ask for what only images can have; None where they ask for nothing of it."""
    return next((name for name in ("conv_layers", "rotation", "shift") if setting(values, name)), None)


def output_activation(values: Mapping[str, Value], task: Task) -> str:
    """What stands behind the outputs of a network: what its values say, or else what the task has."""
    return str(values.get("output_activation", OUTPUTS[task][0]))


def setting(values: Mapping[str, Value], name: str, layer: int | None = None) -> Value:
    """What a trial's values say of `name`, in that layer where it differs by layer, or its default.

    Layers count from 1. What has no single default must be in the values.
    """
    if name in SHAPED and "shape" in values:
        widths = str(values["shape"]).split("-")
        return len(widths) if layer is None else int(widths[layer - 1])
    if layer is not None and f"{name}_{layer}" in values:
        return values[f"{name}_{layer}"]
    value = values.get(name, TUNABLES[name].default)
    assert value is not None, f"{name} has no one value where nobody sets it"
    return value
