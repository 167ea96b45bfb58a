"""The space of a study that has none: what a person would vary first, on rows of each kind."""

from __future__ import annotations

import ast
import tomllib
import zipfile
import zlib
from pathlib import Path
from typing import Any

# Depth and width first, then what decides whether a network learns at all, then what keeps it from learning by heart.
_DENSE = """
layers        = { int = [1, 4] }
units         = { int = [8, 256], log = true, each = "layers" }
activation    = { choice = ["relu", "elu", "gelu", "selu", "tanh"] }
dropout       = { float = [0.0, 0.5], step = 0.1 }
l2            = { choice = [0.0, 1e-5, 1e-4, 1e-3] }
batch_norm    = { choice = [false, true] }
optimizer     = { choice = ["adam", "nadam", "rmsprop", "sgd"] }
learning_rate = { float = [1e-4, 1e-1], log = true }
schedule      = { choice = ["constant", "cosine"] }
momentum      = { float = [0.0, 0.95], when = { optimizer = "sgd" } }
# What selu was made for: its weights, no normalisation, and a dropout that keeps mean and variance.
rules = [
    { if = { activation = "selu" }, then = { batch_norm = false, initializer = "lecun_normal", alpha_dropout = true } },
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
    return source.lower().endswith(".npz") and len(_shape(Path(source))) in (3, 4)


def _shape(path: Path) -> tuple[int, ...]:
    """The shape of the array `x`, or `x_train`, without NumPy, which every command would wait for; none where the file
    is not what it should be, which its reader will say.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in ("x.npy", "x_train.npy") if each in archive.namelist())
            with archive.open(name) as stream:
                magic = stream.read(8)  # the last two of which are the version
                length = int.from_bytes(stream.read(2 if magic[6] == 1 else 4), "little")
                shape = ast.literal_eval(stream.read(min(length, 10_000)).decode("latin-1"))["shape"]
    except (OSError, zipfile.BadZipFile, zlib.error, StopIteration, IndexError, KeyError, ValueError, SyntaxError):
        return ()
    return shape if isinstance(shape, tuple) else ()
