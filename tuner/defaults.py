"""The space of a study that has none: what a person would vary first, on rows of each kind."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from tuner import npz

# Depth and width first, then what decides whether a network learns at all, then what keeps it from learning by heart.
_DENSE = """
layers        = { int = [1, 4] }
units         = { int = [8, 256], log = true, each = "layers" }
activation    = { choice = ["relu", "elu", "gelu", "selu", "tanh"] }
batch_norm    = { choice = [false, true] }
dropout       = { float = [0.0, 0.5], step = 0.1 }
l2            = { choice = [0.0, 1e-5, 1e-4, 1e-3] }
optimizer     = { choice = ["adam", "nadam", "rmsprop", "sgd"] }
learning_rate = { float = [1e-4, 1e-1], log = true }
schedule      = { choice = ["constant", "cosine"] }
momentum      = { float = [0.0, 0.95], when = { optimizer = "sgd" } }
# What selu was made for: its weights, no normalisation, and a dropout that keeps mean and variance. And dropout moves
# the variance that batch normalisation has learned, so that the two are not together.
rules = [
    { if = { activation = "selu" }, then = { batch_norm = false, initializer = "lecun_normal", alpha_dropout = true } },
    { if = { batch_norm = true }, then = { dropout = 0.0 } },
    { if = { activation = ["relu", "elu", "gelu"] }, then = { initializer = "he_normal" } },
    { if = { optimizer = ["adam", "nadam", "rmsprop"] }, then = { learning_rate = { max = 0.02 } } },
]
"""
_BLOCKS = """
conv_layers   = { int = [0, 3] }
filters       = { choice = [8, 16, 32, 64], each = "conv_layers" }
kernel_size   = { choice = [3, 5], each = "conv_layers" }
"""


def written(images: bool) -> str:
    """The space as a file has it, for rows that are images or not, without its first line."""
    return (_BLOCKS.rstrip("\n") + _DENSE if images else _DENSE).lstrip("\n")


def space(source: object) -> dict[str, Any]:
    """The `[space]` for rows of that source."""
    return tomllib.loads(written(isinstance(source, str) and _of_images(source)))


def _of_images(source: str) -> bool:
    """Whether rows are images, as far as the name of their source, or the head of an archive of arrays, tells."""
    if source.startswith("keras:") or source == "sklearn:digits":
        return True
    # Rows of two sides, or of two sides and channels.
    return source.lower().endswith(".npz") and len(npz.shape(Path(source))) in (3, 4)
