"""The order in which a trial sees its rows: a function of its seed and the epoch alone, for every trainer the same."""

from __future__ import annotations

import numpy as np

from tuner.metrics import Array
from tuner.trial import Trial, derive_seed

_STREAM = 3  # of a trial's seed; `models.layers`, `models.augmentation` and `stacked.dropout` have the others


def rows_of(trial: Trial, epoch: int, rows: int) -> Array:
    """The row numbers of an epoch, int32 (rows,)."""
    seed = derive_seed(trial.seed, _STREAM, epoch)
    return np.random.default_rng(seed).permutation(rows).astype(np.int32)
