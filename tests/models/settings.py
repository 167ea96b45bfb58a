"""Every setting that a space may vary, with what differs by it in what the trainer builds; see `built`.

No Keras is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.models.built import Values
from tuner.metrics import Array
from tuner.trial import Value

# Two dense layers on 13 numbers, none on 30 and on 10, and one after two blocks on images of 8 × 8.
BASES: Mapping[str, Values] = {
    "wine": {"layers": 2, "units": 8},
    "breast_cancer": {"layers": 0},
    "diabetes": {"layers": 0},
    "digits": {"conv_layers": 2, "filters": 4, "layers": 1, "units": 8},
}
RATE = 0.001

# What classes there are, and what is said of them: of three, and of two.
CLASSES = np.array([[0], [1], [2]]), np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]], dtype="float32")
TRUTH = np.array([[0], [1], [1]]), np.array([[0.3], [0.6], [0.8]], dtype="float32")
# The log loss and the squared error of these, by hand; with a share of the targets spread over all classes.
LOGS = np.log([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
SMOOTHED = -(np.eye(3) * 0.7 + 0.1) * LOGS
SQUARED = (0.3**2 + 0.2**2 + 0.1**2) + (0.1**2 + 0.4**2 + 0.3**2) + (0.2**2 + 0.2**2 + 0.4**2)
# The log loss of each class against the others, likewise.
AGAINST = np.log([[0.3, 0.8, 0.9], [0.9, 0.4, 0.7], [0.8, 0.8, 0.4]])
APART = -(np.eye(3) * LOGS + (1 - np.eye(3)) * AGAINST).sum()
APART_SMOOTHED = -((np.eye(3) * 0.7 + 0.1) * LOGS + (0.9 - np.eye(3) * 0.7) * AGAINST).sum()
TRUTH_SMOOTHED = [0.1 * np.log(0.3) + 0.9 * np.log(0.7), 0.9 * np.log(0.6) + 0.1 * np.log(0.4),
                  0.9 * np.log(0.8) + 0.1 * np.log(0.2)]  # fmt: skip


class Other:
    """Anything but what it was."""

    def __eq__(self, other: object) -> bool:
        return other is not None

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Case:
    """A setting, its value, and what differs by it: the new value of each key of `built`, None where it is gone.

    That may follow from the raw train rows and their classes. `of` are values of both trials, beside those of the base;
    they may hold the one that is changed.
    """

    setting: str
    value: Value
    differs: Mapping[str, Any] | Callable[[Array, Array], Mapping[str, Any]]
    of: Values = field(default_factory=dict)
    data: str = "wine"

    @property
    def sides(self) -> tuple[Values, Values]:
        before = {**BASES[self.data], **self.of}
        return before, {**before, self.setting: self.value}

    def __str__(self) -> str:
        return f"{self.setting}-{self.value}" + ("-" + "-".join(map(str, self.of.values())) if self.of else "")


Of = Callable[[int], dict[str, Any]]


def each(setting: str, value: Value, differs: Of, data: str = "wine", **of: Value) -> Iterator[Case]:
    """A setting of layers, once for all of them and once for the second alone; `differs` says it of one of them."""
    yield Case(setting, value, differs(1) | differs(2), of, data)
    yield Case(f"{setting}_2", value, differs(2), of, data)


def following(n: int) -> str:
    """What comes after a dense layer, counted from 1, and what belongs to it."""
    return ["dense_2", "prediction"][n - 1]


def shapes() -> Iterator[Case]:
    third = {"dense_3": "Dense", "dense_3/units": 8, "dense_3/after": "activation_2", "activation_3": "Activation",
             "activation_3/after": "dense_3", "prediction/after": "activation_3",
             "prediction/kernel_initializer/seed": Other()}  # fmt: skip
    yield Case("layers", 3, third)
    yield Case("shape", "8-12", {"dense_2/units": 12}, {"shape": "8-8"})
    yield from each("units", 12, lambda n: {f"dense_{n}/units": 12})


# The class of each activation's layer, where it has one of its own, and its settings; or Keras' name in the one of all.
ACTIVATIONS: Mapping[str, str | tuple[str, Mapping[str, Any]]] = {
    **{word: word for word in ("elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "relu6", "selu",
                               "sigmoid", "silu", "softplus", "softsign", "tanh")},
    "swish": "silu",
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.2}),
    "prelu": ("PReLU", {"shared_axes": None}),
    "rrelu": ("RandomizedReLU", {}),
}  # fmt: skip


def of_activation(word: str, name: str) -> dict[str, Any]:
    """What differs of the layer of that name, from one of `softplus` or `softsign`."""
    known = ACTIVATIONS[word]
    if isinstance(known, str):
        return {f"{name}/activation": known}
    return {name: known[0], **{f"{name}/{key}": value for key, value in known[1].items()}}


def activations() -> Iterator[Case]:
    for word in ACTIVATIONS:
        of: Values = {"activation": "softplus" if word != "softplus" else "softsign"}
        yield Case("activation", word, of_activation(word, "activation_1") | of_activation(word, "activation_2"), of)
        differs = of_activation(word, "activation_conv_1") | of_activation(word, "activation_conv_2")
        if word == "prelu":  # a slope for each filter, wherever in the image
            differs |= {"activation_conv_1/shared_axes": [1, 2], "activation_conv_2/shared_axes": [1, 2]}
        yield Case("conv_activation", word, differs, {f"conv_{name}": other for name, other in of.items()}, "digits")
    yield Case("activation_2", "tanh", of_activation("tanh", "activation_2"), {"activation": "softplus"})
    yield Case("conv_activation_2", "tanh", of_activation("tanh", "activation_conv_2"),
               {"conv_activation": "softplus"}, "digits")  # fmt: skip
    yield from each("negative_slope", 0.01, lambda n: {f"activation_{n}/negative_slope": 0.01}, activation="leaky_relu")


# What Keras makes of each initializer, and with which settings.
INITIALIZERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "glorot_normal": ("GlorotNormal", {}),
    "glorot_uniform": ("GlorotUniform", {}),
    "he_normal": ("HeNormal", {}),
    "he_uniform": ("HeUniform", {}),
    "lecun_normal": ("LecunNormal", {}),
    "lecun_uniform": ("LecunUniform", {}),
    "ones": ("Ones", {}),
    "orthogonal": ("Orthogonal", {"gain": 1.0}),
    "random_normal": ("RandomNormal", {"mean": 0.0, "stddev": 0.05}),
    "random_uniform": ("RandomUniform", {"minval": -0.05, "maxval": 0.05}),
    "truncated_normal": ("TruncatedNormal", {"mean": 0.0, "stddev": 0.05}),
    "variance_scaling": ("VarianceScaling", {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"}),
    "zeros": ("Zeros", {}),
}


def of_initializer(word: str, n: int) -> dict[str, Any]:
    name, config = INITIALIZERS[word]
    key = f"dense_{n}/kernel_initializer"
    return {key: name, **{f"{key}/{option}": value for option, value in config.items()}}


# Of variance_scaling, with another value of each beforehand.
SCALED: Mapping[str, Mapping[Value, Value]] = {
    "scale": {2.0: 1.0},
    "mode": {"fan_out": "fan_in", "fan_avg": "fan_out", "fan_in": "fan_avg"},
    "distribution": {"uniform": "truncated_normal", "truncated_normal": "uniform", "untruncated_normal": "uniform"},
}


def initializers() -> Iterator[Case]:
    for word in INITIALIZERS:
        other = "he_normal" if word != "he_normal" else "ones"
        yield Case("initializer", word, of_initializer(word, 1) | of_initializer(word, 2), {"initializer": other})
    yield Case("initializer_2", "ones", of_initializer("ones", 2), {"initializer": "he_normal"})
    for option, values in SCALED.items():
        for value, other in values.items():
            of: Values = {"initializer": "variance_scaling", f"init_{option}": other}
            keys = [f"dense_{n}/kernel_initializer/{option}" for n in (1, 2)]
            yield Case(f"init_{option}", value, dict.fromkeys(keys, value), of)
        yield Case(f"init_{option}_2", value, {keys[1]: value}, of)


def around_layers() -> Iterator[Case]:
    own = "input_dropout"
    first = {own: "Dropout", f"{own}/rate": 0.25, f"{own}/after": "features", "dense_1/after": own}
    yield Case(own, 0.25, first)

    def dropped(n: int) -> dict[str, Any]:
        own = f"dropout_{n}"
        return {own: "Dropout", f"{own}/rate": 0.25, f"{own}/after": f"activation_{n}", f"{following(n)}/after": own}

    yield from each("dropout", 0.25, dropped)
    yield from each("dropout", 0.5, lambda n: {f"dropout_{n}/rate": 0.5}, dropout=0.25)
    yield from each("alpha_dropout", True, lambda n: {f"dropout_{n}": "AlphaDropout", f"dropout_{n}/rate": 0.25},
                    dropout=0.25, alpha_dropout=False)  # fmt: skip

    def penalised(n: int, of: str, **by: float) -> dict[str, Any]:
        key = f"dense_{n}/kernel_regularizer"
        return {key: of, **{f"{key}/{name}": pytest.approx(value) for name, value in by.items()}}

    yield from each("l1", 0.01, lambda n: penalised(n, "L1L2", l1=0.01, l2=0.0))
    yield from each("l2", 0.01, lambda n: penalised(n, "L2", l2=0.01))
    yield from each("l2", 0.02, lambda n: {f"dense_{n}/kernel_regularizer/l2": pytest.approx(0.02)}, l1=0.5, l2=0.01)

    def normalised(n: int) -> dict[str, Any]:
        own = f"batch_norm_{n}"
        return {own: "BatchNormalization", f"{own}/after": f"dense_{n}", f"activation_{n}/after": own,
                f"dense_{n}/use_bias": False}  # fmt: skip

    yield from each("batch_norm", True, normalised, batch_norm=False)
    before = {key: value for n, last in ((1, "features"), (2, "activation_1")) for key, value in {
        f"batch_norm_{n}/after": last, f"dense_{n}/after": f"batch_norm_{n}", f"dense_{n}/use_bias": True,
        f"activation_{n}/after": f"dense_{n}"}.items()}  # fmt: skip
    yield Case("normalise_at", "layer", before, {"batch_norm": True, "normalise_at": "activation"})


def blocks() -> Iterator[Case]:
    one = {"image": "Reshape", "image/target_shape": [8, 8, 1], "conv_1": "Conv2D", "conv_1/kernel_size": [3, 3],
           "conv_1/filters": 4, "conv_1/after": "image", "activation_conv_1": "Activation",
           "pooling_conv_1": "MaxPooling2D", "flat": "Flatten", "flat/after": "pooling_conv_1",
           "dense_1/after": "flat"}  # fmt: skip
    yield Case("conv_layers", 1, one, {"conv_layers": 0}, "digits")
    yield from each("filters", 6, lambda n: {f"conv_{n}/filters": 6}, "digits")
    for side in (5, 7):
        yield from each("kernel_size", side, lambda n, side=side: {f"conv_{n}/kernel_size": [side, side]},
                        "digits")  # type: ignore[misc]  # fmt: skip

    def after_pooling(n: int) -> str:
        return ["conv_2", "flat"][n - 1]

    def unpooled(n: int) -> dict[str, Any]:
        return {f"pooling_conv_{n}": None, f"{after_pooling(n)}/after": f"activation_conv_{n}"}

    yield from each("pooling", "none", unpooled, "digits", pooling="max")
    yield from each("pooling", "average", lambda n: {f"pooling_conv_{n}": "AveragePooling2D"}, "digits", pooling="max")

    def normalised(n: int) -> dict[str, Any]:
        own = f"batch_norm_conv_{n}"
        return {own: "BatchNormalization", f"{own}/after": f"conv_{n}", f"activation_conv_{n}/after": own,
                f"conv_{n}/use_bias": False}  # fmt: skip

    yield from each("conv_batch_norm", True, normalised, "digits", conv_batch_norm=False)

    def dropped(n: int) -> dict[str, Any]:
        own = f"dropout_conv_{n}"
        return {own: "Dropout", f"{own}/rate": 0.25, f"{own}/after": f"pooling_conv_{n}",
                f"{after_pooling(n)}/after": own}  # fmt: skip

    yield from each("conv_dropout", 0.25, dropped, "digits")
    # Nothing of the network, which predicts rows as they are: only what it is trained on.
    yield Case("rotation", 10.0, {"batch/x": Other()}, {"rotation": 0.0}, "digits")
    yield Case("shift", 0.125, {"batch/x": Other()}, {"shift": 0.0}, "digits")


# The class of each optimizer, and the settings that it takes beside what all take; none of these is a default.
TAKES: Mapping[str, tuple[str, Values]] = {
    "adadelta": ("Adadelta", {"rho": 0.5, "epsilon": 0.25}),
    "adagrad": ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 0.25}),
    "adam": ("Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25, "amsgrad": True}),
    "adamax": ("Adamax", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}),
    "adamw": ("AdamW", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25, "amsgrad": True}),
    "ftrl": ("Ftrl", {"initial_accumulator_value": 0.5}),
    "lion": ("Lion", {"beta_1": 0.5, "beta_2": 0.75}),
    "nadam": ("Nadam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}),
    "rmsprop": ("RMSprop", {"momentum": 0.5, "rho": 0.5, "epsilon": 0.25, "centered": True}),
    "sgd": ("SGD", {"momentum": 0.5, "nesterov": True}),
}
ALL_TAKE: Values = {"weight_decay": 0.25, "clipnorm": 0.5, "clipvalue": 0.5, "global_clipnorm": 0.5}


def optimizers() -> Iterator[Case]:
    for word, (name, options) in TAKES.items():
        other = "sgd" if word != "sgd" else "adam"
        yield Case("optimizer", word, {"optimizer": name}, {"optimizer": other}, "breast_cancer")
        for option, value in {**options, **ALL_TAKE}.items():
            of: dict[str, Value] = {"optimizer": word} | ({option: False} if value is True else {})
            yield Case(option, value, {f"optimizer/{option}": value}, of, "breast_cancer")


# How much of the rate is left after 0, 5/16 and 15/16 of the steps, on the way to a quarter of it.
LEFT: Mapping[str, list[float]] = {
    "constant": [1.0, 1.0, 1.0],
    "linear": [1.0, 1 - 0.75 * 5 / 16, 1 - 0.75 * 15 / 16],
    "exponential": [1.0, 0.25 ** (5 / 16), 0.25 ** (15 / 16)],
    "cosine": [1.0, 0.25 + 0.375 * (1 + np.cos(np.pi * 5 / 16)), 0.25 + 0.375 * (1 + np.cos(np.pi * 15 / 16))],
    "inverse_time": [1.0, 1 / (1 + 3 * 5 / 16), 1 / (1 + 3 * 15 / 16)],
}


def rates() -> Iterator[Case]:
    def near(*left: float, rate: float = RATE) -> dict[str, Any]:
        return {"rates": pytest.approx([rate * each for each in left], rel=1e-5)}

    yield Case("learning_rate", 0.5, near(1, 1, 1, rate=0.5))
    for word, left in LEFT.items():
        other = "linear" if word == "constant" else "constant"
        # An end that a constant rate does not have is in neither of two trials of a search; here it is in both.
        yield Case("schedule", word, near(*left), {"schedule": other, "end_rate": 0.25})
    yield Case("end_rate", 0.5, near(1, 1 - 0.5 * 5 / 16, 1 - 0.5 * 15 / 16), {"schedule": "linear", "end_rate": 0.25})
    # The first half of 16 steps rises to the rate, by an eighth a step.
    yield Case("warmup", 0.5, near(1 / 8, 6 / 8, 1))


def losses() -> Iterator[Case]:
    of_classes = {"loss/of": pytest.approx(SMOOTHED.sum() / 3, rel=1e-5)}
    yield Case("label_smoothing", 0.3, {"loss": "_Smoothed", "loss/label_smoothing": 0.3, **of_classes})
    yield Case("loss", "mse", {"loss": "_Squared", "loss/of": pytest.approx(SQUARED / 9, rel=1e-5)},
               {"loss": "default"})  # fmt: skip
    smoothed = -float(np.mean(TRUTH_SMOOTHED))
    yield Case("label_smoothing", 0.2, {"loss/label_smoothing": 0.2, "loss/of": pytest.approx(smoothed, rel=1e-5)},
               data="breast_cancer")  # fmt: skip
    squared = (0.3**2 + 0.4**2 + 0.2**2) / 3
    yield Case("loss", "mse", {"loss": "_Squared", "loss/of": pytest.approx(squared, rel=1e-5)}, data="breast_cancer")
    yield Case("label_smoothing", 0.2, {"loss/of": pytest.approx((0.2**2 + 0.3**2 + 0.1**2) / 3, rel=1e-5)},
               {"loss": "mse"}, data="breast_cancer")  # fmt: skip


def outputs() -> Iterator[Case]:
    """Of three classes; two classes and values know no others than they have by default."""
    apart = {"prediction/activation": "sigmoid", "loss": "_Apart", "loss/of": pytest.approx(APART / 9, rel=1e-5)}
    yield Case("output_activation", "sigmoid", apart, {"output_activation": "softmax"})
    # The squared error is that of the outputs, whatever made them.
    yield Case("output_activation", "sigmoid", {"prediction/activation": "sigmoid"}, {"loss": "mse"})
    smoothed = {"loss/of": pytest.approx(APART_SMOOTHED / 9, rel=1e-5)}
    yield Case("label_smoothing", 0.3, smoothed, {"output_activation": "sigmoid"})
    yield Case("output_activation", "softmax", {})
    yield Case("output_activation", "linear", {}, data="diabetes")


def weighed(raw: Array, classes: Array) -> dict[str, Any]:
    """Rows of all classes weigh alike together, and on average 1."""
    weights = {each: pytest.approx(len(classes) / 3 / (classes == each).sum(), rel=1e-5) for each in range(3)}
    return {"batch/weights": weights}


def scaled(factor: Array, offset: Array) -> dict[str, Any]:
    numbers = {"scaling/scale": pytest.approx(factor, rel=1e-4), "scaling/offset": pytest.approx(offset, rel=1e-4)}
    return {"scaling": "Rescaling", "scaling/after": "features", "dense_1/after": "scaling", **numbers}


def as_they_are(raw: Array, classes: Array) -> dict[str, Any]:
    """The standardised numbers made raw again."""
    return scaled(raw.std(axis=0), raw.mean(axis=0))


def from_0_to_1(raw: Array, classes: Array) -> dict[str, Any]:
    width = np.ptp(raw, axis=0)
    return scaled(raw.std(axis=0) / width, (raw.mean(axis=0) - raw.min(axis=0)) / width)


def lengths() -> Iterator[Case]:
    """How long a trial trains that never gets better, of which a schedule is over all epochs."""
    rates = [RATE * (1 - 0.75 * step / 32) for step in (0, 5, 15)]
    yield Case("epochs", 8, {"epochs": 8, "rates": pytest.approx(rates, rel=1e-5)},
               {"schedule": "linear", "end_rate": 0.25})  # fmt: skip
    yield Case("epochs", 3, {"epochs": 3})
    yield Case("patience", 2, {"epochs": 3}, {"patience": 0})


def rows() -> Iterator[Case]:
    """How many there are at a time, and what they weigh and are scaled by."""
    yield Case("batch_size", 10, {"batch/rows": 10, "batch/steps": 11, "batch/x": Other()}, {"batch_size": 32})
    yield Case("class_weight", "balanced", weighed, {"class_weight": "none"})
    yield Case("input_scaling", "none", as_they_are, {"input_scaling": "standard"})
    yield Case("input_scaling", "unit", from_0_to_1, {"input_scaling": "standard"})


TABLE = [case for some in (shapes, activations, initializers, around_layers, blocks, optimizers, rates, losses,
                                   outputs, lengths, rows)
         for case in some()]  # fmt: skip
