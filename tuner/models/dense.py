"""From the values of a trial to a compiled dense Keras model on the transformed matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tuner.metrics import Task
from tuner.trial import Value, derive_seed
from tuner.tunables import setting

# What a seed is for; each purpose draws from a stream of its own.
_WEIGHTS, _DROPOUT = 1, 2


def build(values: Mapping[str, Value], seed: int, task: Task, features: int, classes: int) -> keras.Model:
    """A network that takes (rows, features) and gives what the task's predictions are, before any rescaling.

    Each hidden layer is weights → batch normalisation → activation → dropout; a layer that is normalised has no bias
    of its own, because the normalisation's shift is one. Initial weights and dropout depend on `seed` alone.
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    layers = int(setting(values, "layers"))
    for layer in range(1, layers + 1):
        normalised = bool(setting(values, "batch_norm", layer))
        penalty = float(setting(values, "l2", layer))
        x = keras.layers.Dense(
            int(setting(values, "units", layer)),
            use_bias=not normalised,
            kernel_initializer=_initializer(str(setting(values, "initializer", layer)), seed, layer),
            kernel_regularizer=keras.regularizers.L2(penalty) if penalty else None,
            name=f"dense_{layer}",
        )(x)
        if normalised:
            x = keras.layers.BatchNormalization(name=f"batch_norm_{layer}")(x)
        x = keras.layers.Activation(str(setting(values, "activation", layer)), name=f"activation_{layer}")(x)
        rate = float(setting(values, "dropout", layer))
        if rate:
            x = keras.layers.Dropout(rate, seed=derive_seed(seed, _DROPOUT, layer), name=f"dropout_{layer}")(x)
    units, activation = {
        Task.BINARY: (1, "sigmoid"),
        Task.MULTICLASS: (classes, "softmax"),
        Task.REGRESSION: (1, "linear"),
    }[task]
    x = keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=_initializer("glorot_uniform", seed, layers + 1),
        name="prediction",
    )(x)
    model = keras.Model(inputs, x, name="network")
    # XLA's compile time is many times what it saves on the small models that a search is made of.
    model.compile(optimizer=optimizer(values), loss=loss(task), metrics=_metrics(task), jit_compile=False)
    return model


def optimizer(values: Mapping[str, Value]) -> keras.optimizers.Optimizer:
    """The trial's optimizer with the settings that it has; everything else as Keras has it by default."""
    config: dict[str, Any] = {"learning_rate": float(setting(values, "learning_rate"))}
    if "momentum" in values:
        config["momentum"] = float(values["momentum"])
    return keras.optimizers.get({"class_name": str(setting(values, "optimizer")), "config": config})


def loss(task: Task) -> keras.losses.Loss:
    return {
        Task.BINARY: keras.losses.BinaryCrossentropy,
        Task.MULTICLASS: keras.losses.SparseCategoricalCrossentropy,
        Task.REGRESSION: keras.losses.MeanSquaredError,
    }[task]()


def _metrics(task: Task) -> list[Any]:
    """What the task is judged by, and the loss once more, because Keras' own has the penalties in it."""
    known, plain = {
        Task.BINARY: ("accuracy", keras.metrics.BinaryCrossentropy),
        Task.MULTICLASS: ("accuracy", keras.metrics.SparseCategoricalCrossentropy),
        Task.REGRESSION: ("mae", keras.metrics.MeanSquaredError),
    }[task]
    return [known, plain(name="plain_loss")]


def _initializer(name: str, seed: int, layer: int) -> keras.initializers.Initializer:
    config = {} if name in ("zeros", "ones") else {"seed": derive_seed(seed, _WEIGHTS, layer)}
    return keras.initializers.get({"class_name": name, "config": config})
