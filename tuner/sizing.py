"""How many weights the network of a trial has, as Keras counts them, without building it."""

from __future__ import annotations

from collections.abc import Mapping

from tuner.trial import Value
from tuner.tunables import setting

# What batch normalisation has for each of its inputs: a factor, an offset, and a running mean and variance.
_NORMALISING = 4

Image = tuple[int, int, int]  # height, width, channels


def weights(values: Mapping[str, Value], features: int, outputs: int, image: Image | None = None) -> int:
    """The weights of a network that takes so many features and gives so many numbers for a row.

    Blocks of convolution take the features as an image. Where rows are none there is no such network, and the blocks
    are not counted.
    """
    total, width = (0, features) if image is None else _of_blocks(values, image)
    for layer in range(1, int(setting(values, "layers")) + 1):
        units = int(setting(values, "units", layer))
        activation, normalised = setting(values, "activation", layer), bool(setting(values, "batch_norm", layer))
        total += _of_layer(values, width, units, width * units, str(activation), normalised)
        width = units
    return total + (width + 1) * outputs


def _of_blocks(values: Mapping[str, Value], image: Image) -> tuple[int, int]:
    """The weights of all blocks, and how many numbers come out of them."""
    (height, width, channels), total = image, 0
    for block in range(1, int(setting(values, "conv_layers")) + 1):
        filters, side = int(setting(values, "filters", block)), int(setting(values, "kernel_size", block))
        activation, normalised = (_of_block(values, name, block) for name in ("activation", "batch_norm"))
        kernels = side * side * channels * filters
        total += _of_layer(values, channels, filters, kernels, str(activation), bool(normalised))
        channels = filters
        if setting(values, "pooling", block) != "none":
            height, width = max(height // 2, 1), max(width // 2, 1)
    return total, height * width * channels


def _of_layer(
    values: Mapping[str, Value], inputs: int, outputs: int, kernel: int, activation: str, normalised: bool
) -> int:
    """The weights of a layer with all that stands around them; a slope that is trained is one for each output."""
    before = normalised and setting(values, "normalise_at") == "layer"
    right_after = normalised and not before  # there the offset of the normalisation takes the place of a bias
    return (
        kernel
        + (0 if right_after else outputs)
        + _NORMALISING * (inputs * before + outputs * right_after)
        + (outputs if activation == "prelu" else 0)
    )


def _of_block(values: Mapping[str, Value], name: str, block: int) -> Value:
    """A block's own value where it has one, or that of the network."""
    own = values.get(f"conv_{name}_{block}", values.get(f"conv_{name}"))
    return setting(values, name) if own is None else own
