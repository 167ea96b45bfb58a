"""What a trial makes of the standardised matrix that all trials share: a factor and an offset for each feature.

Numbers and cells of images are scaled; flags and one-hot columns are 0 and 1 already, and stay. A missing number is the
mean of its column in every scaling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.features import Number, Pixels
from tuner.data.split import Split

Array = NDArray[Any]


def affine(split: Split, scaling: str) -> tuple[Array, Array] | None:
    """The factors and offsets, float32 (features,) each, of a scaling of `tunables`; None where nothing changes.

    "unit" maps what the train rows have onto [0, 1], all cells of an image alike; "none" gives back the raw numbers.
    """
    if scaling == "standard":
        return None
    factor, offset = _unit(split) if scaling == "unit" else _raw(split)
    width = split.x_train.shape[1]
    factors, offsets = np.ones(width), np.zeros(width)
    factors[: len(factor)], offsets[: len(offset)] = factor, offset
    return factors.astype(np.float32), offsets.astype(np.float32)


def _raw(split: Split) -> tuple[Array, Array]:
    """Of the columns that were standardised, which are the first."""
    if arrays := split.preprocessing.arrays:
        sizes = [each.size for each in split.layout]
        known = [(step.scale, step.mean) if isinstance(step, Pixels) else (1.0, 0.0) for step in arrays]
        return np.repeat([scale for scale, _ in known], sizes), np.repeat([mean for _, mean in known], sizes)
    numbers = [step for step in split.preprocessing.steps if isinstance(step, Number) and step.value]
    return np.array([step.scale for step in numbers]), np.array([step.mean for step in numbers])


def _unit(split: Split) -> tuple[Array, Array]:
    scaled = split.x_train[:, : len(_raw(split)[0])]
    low, high = scaled.min(axis=0, initial=np.inf), scaled.max(axis=0, initial=-np.inf)
    for each in split.layout if split.preprocessing.arrays else ():
        low[each.start : each.stop] = low[each.start : each.stop].min()
        high[each.start : each.stop] = high[each.start : each.stop].max()
    factor = 1.0 / (high.astype(np.float64) - low)
    return factor, -low * factor
