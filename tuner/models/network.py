"""From the values of a trial to a compiled Keras model on the transformed matrix."""

from __future__ import annotations

import keras

from tuner.metrics import Array, Task
from tuner.models import convolutional, dense, layers
from tuner.models.compiling import compiled
from tuner.models.layers import Values


def build(
    values: Values,
    seed: int,
    task: Task,
    features: int,
    classes: int,
    rates: Array | None = None,
    image: tuple[int, int, int] | None = None,
    affine: layers.Affine | None = None,
) -> keras.Model:
    """A network that takes (rows, features) and gives what the task's predictions are, before any rescaling.

    Blocks of convolution come first, on rows that are an `image` of (height, width, channels), then hidden layers.
    Initial weights and dropout depend on `seed` alone. `rates` holds the learning rate of each step; without it, it is
    the trial's own at all of them. `affine` is what the features are scaled by, see `tuner.data.scaling`.
    """
    inputs = keras.Input((features,), name="features")
    x = layers.entered(inputs, values, seed, affine)
    x = convolutional.convolved(x, values, seed, image)
    x = dense.hidden(x, values, seed)
    x = dense.predicted(x, values, seed, task, classes)
    return compiled(keras.Model(inputs, x, name="network"), values, task, classes, rates)
