"""What stands around the weights of a layer, in a network of any kind: scale of the inputs, initial weights, penalty,
normalisation, activation, dropout. All that is drawn hangs on the trial's seed and the place of the layer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from tuner.metrics import Array
from tuner.trial import Value, derive_seed
from tuner.tunables import RRELU_SLOPES, setting

Tensor: TypeAlias = Any
Values: TypeAlias = Mapping[str, Value]

# The factor and the offset of each feature.
Affine: TypeAlias = tuple[Array, Array]

# What a seed is for; each purpose draws from a stream of its own.
_WEIGHTS, _DROPOUT, _SLOPES = 1, 2, 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is in its network.

    `layer` is the number under which a trial has values for it alone, None where it takes those of the whole network.
    `name` ends the names of its Keras layers, and `dice` is the number that its draws hang on: one of its own for every
    layer of a network.
    """

    layer: int | None
    name: str
    dice: int

    @classmethod
    def dense(cls, layer: int) -> Place:
        """That of a dense layer, counted from 1."""
        return cls(layer, str(layer), layer)


def entered(x: Tensor, values: Values, seed: int, affine: Affine | None) -> Tensor:
    """The features as the first layer has them: scaled by factors and offsets, where there are any, and dropped out."""
    if affine is not None:
        factor, offset = (each.tolist() for each in affine)
        x = keras.layers.Rescaling(factor, offset, name="scaling")(x)
    rate = float(setting(values, "input_dropout"))
    return keras.layers.Dropout(rate, seed=derive_seed(seed, _DROPOUT, 0), name="input_dropout")(x) if rate else x


def initializer(name: str, seed: int, dice: int, **options: Value) -> keras.initializers.Initializer:
    """What makes the initial weights of a layer, from the trial's seed."""
    drawn = {} if name in ("zeros", "ones") else {"seed": derive_seed(seed, _WEIGHTS, dice)}
    return keras.initializers.get({"class_name": name, "config": drawn | options})


def initial(values: Values, seed: int, place: Place) -> keras.initializers.Initializer:
    """What makes the initial weights of a hidden layer."""
    name, options = str(setting(values, "initializer", place.layer)), dict[str, Value]()
    if name == "variance_scaling":
        options = {each: setting(values, f"init_{each}", place.layer) for each in ("scale", "mode", "distribution")}
    return initializer(name, seed, place.dice, **options)


def penalty(values: Values, place: Place) -> keras.regularizers.Regularizer | None:
    """What the weights of a hidden layer add to the loss."""
    l1, l2 = float(setting(values, "l1", place.layer)), float(setting(values, "l2", place.layer))
    if l1:
        return keras.regularizers.L1L2(l1, l2)
    return keras.regularizers.L2(l2) if l2 else None


def is_normalised(values: Values, place: Place, at: str = "activation") -> bool:
    """Whether a layer is normalised there: before its "activation", or before the weights of the "layer".

    Before its activation it has no bias of its own, because the normalisation's shift is one.
    """
    return bool(setting(values, "batch_norm", place.layer)) and setting(values, "normalise_at") == at


def normalised(x: Tensor, values: Values, place: Place, at: str = "activation") -> Tensor:
    """Batch normalisation, where the layer has it there."""
    if not is_normalised(values, place, at):
        return x
    return keras.layers.BatchNormalization(name=f"batch_norm_{place.name}")(x)


def activated(x: Tensor, values: Values, seed: int, place: Place) -> Tensor:
    """The activation of a layer; `seed` is for one that draws. A slope that is trained is one for each unit or filter,
    and begins at 0, as Keras has it.
    """
    activation, name = str(setting(values, "activation", place.layer)), f"activation_{place.name}"
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(float(setting(values, "negative_slope", place.layer)), name=name)(x)
    if activation == "prelu":
        return keras.layers.PReLU(shared_axes=list(range(1, len(x.shape) - 1)) or None, name=name)(x)
    if activation == "rrelu":
        return RandomizedReLU(derive_seed(seed, _SLOPES, place.dice), name=name)(x)
    return keras.layers.Activation(activation, name=name)(x)


def dropped(x: Tensor, values: Values, seed: int, place: Place) -> Tensor:
    """Dropout after a layer, where it has it."""
    rate = float(setting(values, "dropout", place.layer))
    if not rate:
        return x
    of = keras.layers.AlphaDropout if setting(values, "alpha_dropout", place.layer) else keras.layers.Dropout
    return of(rate, seed=derive_seed(seed, _DROPOUT, place.dice), name=f"dropout_{place.name}")(x)


class RandomizedReLU(keras.layers.Layer):  # type: ignore[misc]
    """A leaky relu whose slope below 0 is drawn for each unit and row in training, and is their mean otherwise.

    Keras has none. A file with a layer of ours would not load where only Keras is: see `stock`.
    """

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(name=name)
        self._dice = keras.random.SeedGenerator(seed)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training:
            return keras.activations.leaky_relu(x, sum(RRELU_SLOPES) / 2)
        slope = keras.random.uniform(keras.ops.shape(x), *RRELU_SLOPES, dtype=x.dtype, seed=self._dice)
        return keras.ops.where(x > 0, x, slope * x)


def stock(network: keras.Model) -> keras.Model:
    """What the network gives when it predicts, of Keras' own layers only; its weights are shared, not copied."""

    def of(layer: keras.layers.Layer) -> keras.layers.Layer:
        known = not isinstance(layer, RandomizedReLU)
        return layer if known else keras.layers.LeakyReLU(sum(RRELU_SLOPES) / 2, name=layer.name)

    # A model of its own first, as a copy of one that is compiled would be compiled like it.
    bare = keras.Model(network.inputs[0], network.outputs[0], name="network")
    return keras.models.clone_model(bare, clone_function=of)
