"""From the values of a trial to a compiled dense Keras model on the transformed matrix."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from tuner.metrics import Array, Task
from tuner.models.compiling import compiled
from tuner.trial import Value, derive_seed
from tuner.tunables import setting

# What a seed is for; each purpose draws from a stream of its own.
_WEIGHTS, _DROPOUT = 1, 2


def build(
    values: Mapping[str, Value], seed: int, task: Task, features: int, classes: int, rates: Array | None = None
) -> keras.Model:
    """A network that takes (rows, features) and gives what the task's predictions are, before any rescaling.

    Each hidden layer is weights → batch normalisation → activation → dropout; a layer that is normalised has no bias
    of its own, because the normalisation's shift is one. Initial weights and dropout depend on `seed` alone. `rates`
    holds the learning rate of each step; without it, it is the trial's own at all of them.
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    layers = int(setting(values, "layers"))
    for layer in range(1, layers + 1):
        normalised = bool(setting(values, "batch_norm", layer))
        x = keras.layers.Dense(
            int(setting(values, "units", layer)),
            use_bias=not normalised,
            kernel_initializer=initializer(str(setting(values, "initializer", layer)), seed, layer),
            kernel_regularizer=_penalty(values, layer),
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
        kernel_initializer=initializer("glorot_uniform", seed, layers + 1),
        name="prediction",
    )(x)
    return compiled(keras.Model(inputs, x, name="network"), values, task, classes, rates)


def _penalty(values: Mapping[str, Value], layer: int) -> keras.regularizers.Regularizer | None:
    l1, l2 = float(setting(values, "l1", layer)), float(setting(values, "l2", layer))
    if l1:
        return keras.regularizers.L1L2(l1, l2)
    return keras.regularizers.L2(l2) if l2 else None


def initializer(name: str, seed: int, layer: int) -> keras.initializers.Initializer:
    """What makes the initial weights of a layer, from the trial's seed; the layer of predictions is the one after all
    hidden ones.
    """
    config = {} if name in ("zeros", "ones") else {"seed": derive_seed(seed, _WEIGHTS, layer)}
    return keras.initializers.get({"class_name": name, "config": config})
