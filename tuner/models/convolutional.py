"""The blocks of convolution that come before the hidden layers of a network on images."""

from __future__ import annotations

import keras

from tuner.models import layers
from tuner.models.layers import Place, Tensor, Values
from tuner.tunables import setting

# The draws of blocks hang on numbers beyond those of dense layers.
_DICE = 1000
_POOLS = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}


def convolved(x: Tensor, values: Values, seed: int, image: tuple[int, int, int] | None) -> Tensor:
    """The flat rows as images, through all blocks, and flat again; the rows themselves where there is no block.

    Each block is weights → batch normalisation → activation → pooling → dropout. Images keep their sides in a
    convolution, whatever the kernel, and pooling halves a side until it is 1. Initial weights, penalties and what else
    a block does not have for itself are those that the trial has for the whole network. Raises ValueError where rows
    are no images.
    """
    blocks = int(setting(values, "conv_layers"))
    if not blocks:
        return x
    if image is None:
        raise ValueError("expected rows that are images, as the network has blocks of convolution")
    x = keras.layers.Reshape(image, name="image")(x)
    for block in range(1, blocks + 1):
        own, place = _of_block(values, block), Place(None, f"conv_{block}", _DICE + block)
        x = layers.normalised(x, own, place, "layer")
        x = keras.layers.Conv2D(
            int(setting(values, "filters", block)),
            int(setting(values, "kernel_size", block)),
            padding="same",
            use_bias=not layers.is_normalised(own, place),
            kernel_initializer=layers.initial(own, seed, place),
            kernel_regularizer=layers.penalty(own, place),
            name=place.name,
        )(x)
        x = layers.normalised(x, own, place)
        x = layers.activated(x, own, seed, place)
        x = _pooled(x, str(setting(values, "pooling", block)), place)
        x = layers.dropped(x, own, seed, place)
    return keras.layers.Flatten(name="flat")(x)


def _of_block(values: Values, block: int) -> Values:
    """The trial's values as they are for a block."""
    own = {**values, "dropout": setting(values, "conv_dropout", block)}
    for name in ("activation", "batch_norm"):
        value = values.get(f"conv_{name}_{block}", values.get(f"conv_{name}"))
        if value is not None:
            own[name] = value
    return own


def _pooled(x: Tensor, pooling: str, place: Place) -> Tensor:
    sides = tuple(min(2, side) for side in x.shape[1:3])
    if pooling == "none" or max(sides) == 1:
        return x
    return _POOLS[pooling](sides, name=f"pooling_{place.name}")(x)
