"""Data sets of images by name: those that Keras publishes, fetched and kept, and scikit-learn's digits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from tuner.data import arrays, fetched, published
from tuner.errors import DataError, listing, nearest
from tuner.home import Home, user_cache

KERAS = ("fashion_mnist", "mnist")
INSIDE = "sklearn:digits"

_SECONDS = 30.0  # how long a silent server is waited for
# Keras' loader: in a process, as it takes TensorFlow along, and in a folder of its own, as it deletes strange files.
_LOADER = f"""
import socket, sys
socket.setdefaulttimeout({_SECONDS})
import keras, numpy
(x_train, y_train), (x_test, y_test) = getattr(keras.datasets, sys.argv[1]).load_data()
numpy.savez_compressed(sys.argv[2], x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
"""


def has(source: str) -> bool:
    """Whether a source is one of images, so that its rows are arrays."""
    return source == INSIDE or source.startswith("keras:")


def fetch(source: str, home: Home) -> tuple[Mapping[str, NDArray[Any]], tuple[str, ...]]:
    """The arrays of `keras:NAME` or `sklearn:digits`, as `arrays.read` gives them, and warnings.

    Those of Keras come from the data folder, else from the user's cache, else from where they are published. Raises
    DataError where there is no such set, where it cannot be reached, and where a file is not one of it.
    """
    if source == INSIDE:
        return _digits(), ()
    name = source.partition(":")[2]
    if name not in KERAS:
        raise DataError(f"{source}: no such data set.{nearest(name, KERAS)} Known: {listing(KERAS)}")
    kept = user_cache() / "keras" / f"{name}.npz"
    folder = home.data / kept.name if home.data is not None else None
    path = folder if folder is not None and folder.is_file() else kept
    if not path.is_file():
        _get(source, name, kept, home)
    found = arrays.read(path, str(path))
    return found, published.check_images(source, str(path), found)


def _digits() -> dict[str, NDArray[Any]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return {"x": found.images.astype("float32"), "y": found.target}


def _get(source: str, name: str, kept: Path, home: Home) -> None:
    """Puts the set into the cache, whole or not at all."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent) as place:
            made = Path(place) / kept.name
            told = subprocess.run(
                [sys.executable, "-c", _LOADER, name, str(made)],
                env={**os.environ, "KERAS_HOME": place, "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
            )
            if told.returncode == 0:
                made.replace(kept)
                return
        said = told.stderr.strip().splitlines() or [f"exit code {told.returncode}"]
        # Keras says: Exception: URL fetch failure on ADDRESS: NUMBER -- REASON
        reason = said[-1].rpartition(" -- ")[2]
    except OSError as error:
        reason = error.strerror or str(error)
    raise DataError(f"{source}: cannot be fetched ({reason}). {fetched.instead(kept.name, home)}")
