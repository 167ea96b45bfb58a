"""Weights as files, in the order of `keras.Model.get_weights`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tuner.metrics import Array


def save(path: Path, weights: list[Array]) -> Path:
    """Writes weights so that the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, *weights)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def load(path: Path) -> list[Array]:
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in file.files]
