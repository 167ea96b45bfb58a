"""The dense layers of a network: those that are hidden, and the one that predicts."""

from __future__ import annotations

import keras

from tuner.metrics import Task
from tuner.models import layers
from tuner.models.layers import Tensor, Values
from tuner.tunables import output_activation, setting


def hidden(x: Tensor, values: Values, seed: int) -> Tensor:
    """Flat rows through all hidden layers, each of them weights → batch normalisation → activation → dropout, or
    batch normalisation → weights → activation → dropout.
    """
    for place in map(layers.Place.dense, range(1, _depth(values) + 1)):
        x = layers.normalised(x, values, place, "layer")
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
    return x


def predicted(x: Tensor, values: Values, seed: int, task: Task, classes: int) -> Tensor:
    """What the task's predictions are made of: see `models.outputs` for classes; values are not rescaled yet."""
    return keras.layers.Dense(
        classes if task is Task.MULTICLASS else 1,
        activation=output_activation(values, task),
        kernel_initializer=layers.initializer("glorot_uniform", seed, _depth(values) + 1),
        name="prediction",
    )(x)


def _depth(values: Values) -> int:
    return int(setting(values, "layers"))
