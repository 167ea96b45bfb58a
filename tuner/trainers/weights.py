"""Weights as files, in the order of `keras.Model.get_weights`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tuner.metrics import Array

_OUTPUTS = "outputs"


def save(path: Path, weights: list[Array], outputs: Array | None = None) -> Path:
    """Writes weights so that the file is there whole or not at all.

    `outputs` are what the network gave for the validation rows, where something else than Keras computed them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            named = {f"arr_{i}": each for i, each in enumerate(weights)}
            if outputs is not None:
                named[_OUTPUTS] = outputs
            np.savez(file, allow_pickle=False, **named)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def load(path: Path) -> list[Array]:
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in file.files if name != _OUTPUTS]


def outputs(path: Path) -> Array | None:
    """What the network gave for the validation rows as its weights were kept; None where Keras itself was asked."""
    with np.load(path, allow_pickle=False) as file:
        return file[_OUTPUTS] if _OUTPUTS in file.files else None
