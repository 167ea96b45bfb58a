"""From the values of a trial to a compiled dense Keras model on the transformed matrix."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from tuner.metrics import Array, Task
from tuner.models import layers
from tuner.models.compiling import compiled
from tuner.trial import Value
from tuner.tunables import setting


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
    depth = int(setting(values, "layers"))
    for place in map(layers.Place.dense, range(1, depth + 1)):
        x = keras.layers.Dense(
            int(setting(values, "units", place.layer)),
            use_bias=not layers.is_normalised(values, place),
            kernel_initializer=layers.initial(values, seed, place),
            kernel_regularizer=layers.penalty(values, place),
            name=f"dense_{place.name}",
        )(x)
        x = layers.normalised(x, values, place)
        x = layers.activated(x, values, seed, place)
        x = layers.dropped(x, values, seed, place)
    units, activation = {
        Task.BINARY: (1, "sigmoid"),
        Task.MULTICLASS: (classes, "softmax"),
        Task.REGRESSION: (1, "linear"),
    }[task]
    x = keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=layers.initializer("glorot_uniform", seed, depth + 1),
        name="prediction",
    )(x)
    return compiled(keras.Model(inputs, x, name="network"), values, task, classes, rates)
