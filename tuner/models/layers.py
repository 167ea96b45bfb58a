"""What stands around the weights of a layer, in a network of any kind: inputs, initial weights, penalty, normalisation,
activation, dropout. All that is drawn hangs on the trial's seed and the place of the layer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from tuner.trial import Value, derive_seed
from tuner.tunables import setting

Tensor: TypeAlias = Any
Values: TypeAlias = Mapping[str, Value]

# What a seed is for; each purpose draws from a stream of its own.
_WEIGHTS, _DROPOUT = 1, 2


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


def initializer(name: str, seed: int, dice: int) -> keras.initializers.Initializer:
    """What makes the initial weights of a layer, from the trial's seed."""
    config = {} if name in ("zeros", "ones") else {"seed": derive_seed(seed, _WEIGHTS, dice)}
    return keras.initializers.get({"class_name": name, "config": config})


def initial(values: Values, seed: int, place: Place) -> keras.initializers.Initializer:
    """What makes the initial weights of a hidden layer."""
    return initializer(str(setting(values, "initializer", place.layer)), seed, place.dice)


def penalty(values: Values, place: Place) -> keras.regularizers.Regularizer | None:
    """What the weights of a hidden layer add to the loss."""
    l1, l2 = float(setting(values, "l1", place.layer)), float(setting(values, "l2", place.layer))
    if l1:
        return keras.regularizers.L1L2(l1, l2)
    return keras.regularizers.L2(l2) if l2 else None


def is_normalised(values: Values, place: Place) -> bool:
    """Whether a layer is; then it has no bias of its own, because the normalisation's shift is one."""
    return bool(setting(values, "batch_norm", place.layer))


def normalised(x: Tensor, values: Values, place: Place) -> Tensor:
    """Batch normalisation between weights and activation, where the layer has it."""
    return keras.layers.BatchNormalization(name=f"batch_norm_{place.name}")(x) if is_normalised(values, place) else x


def activated(x: Tensor, values: Values, seed: int, place: Place) -> Tensor:
    """The activation of a layer; `seed` is for one that draws."""
    activation = str(setting(values, "activation", place.layer))
    return keras.layers.Activation(activation, name=f"activation_{place.name}")(x)


def dropped(x: Tensor, values: Values, seed: int, place: Place) -> Tensor:
    """Dropout after a layer, where it has it."""
    rate = float(setting(values, "dropout", place.layer))
    if not rate:
        return x
    drawn = derive_seed(seed, _DROPOUT, place.dice)
    return keras.layers.Dropout(rate, seed=drawn, name=f"dropout_{place.name}")(x)
