"""Which units a step drops, and what else it draws: a hash of (trial seed, layer, step, row, unit), so that no trial
draws from another's dice.

A counter-based generator such as Philox made whole trainings 2.6 to 3.7 times slower; this one costs a tenth. Both
rounds are Chris Wellons' `lowbias32`, whose bias over all 2³² inputs is 0.17 of what chance alone gives.
"""

from __future__ import annotations

import numpy as np

from tuner.metrics import Array
from tuner.trial import derive_seed

_STREAM = 4  # of a trial's seed; `models.layers`, `models.augmentation` and `trainers.order` have the others
# The least value of selu.
LEAST = -1.6732632423543772 * 1.0507009873554805
# Of what else is drawn with the key of a layer: slopes of `rrelu`, and with that of the first one which inputs to drop.
SLOPES, INPUTS = np.uint32(0x9E3779B9), np.uint32(0x85EBCA6B)
FIRST, SECOND = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)


def mixed(x: Array) -> Array:
    """A bijection of uint32 in which every bit of the input moves every bit of the output."""
    x = (x ^ (x >> np.uint32(16))) * FIRST
    x = (x ^ (x >> np.uint32(15))) * SECOND
    found: Array = x ^ (x >> np.uint32(16))
    return found


def places(rows: int, units: int) -> Array:
    """A number for each (row, unit) of a batch, uint32 (rows, units), which does not depend on how many there are.

    Mixed, because keys and places meet in an exclusive or: of two keys that differ in a few bits one mask would
    otherwise be the other with its units moved.
    """
    # 12 bits for the units and 20 for the rows: as many as a program and a batch may have.
    place = np.arange(rows, dtype=np.uint32)[:, None] << np.uint32(12) | np.arange(units, dtype=np.uint32)[None, :]
    return mixed(place + np.uint32(1))


def keys(seed: int, layers: int, first: int, steps: int) -> Array:
    """A key for every layer of consecutive steps, uint32 (steps, layers); `first` steps were taken before them."""
    step = mixed(np.arange(first, first + steps, dtype=np.uint32) + np.uint32(derive_seed(seed, _STREAM, 0)))
    layer = np.array([derive_seed(seed, _STREAM, layer) for layer in range(1, layers + 1)], dtype=np.uint32)
    return mixed(step[:, None] ^ mixed(layer * np.uint32(2) + np.uint32(1))[None, :])


def other(key: Array, purpose: np.uint32) -> Array:
    """The key of another purpose, whose draws have nothing to do with those of `key`."""
    return mixed(key ^ purpose)


def cells(rows: int, features: int) -> Array:
    """Like `places`, for inputs, which may be many."""
    return mixed(np.arange(rows * features, dtype=np.uint32).reshape(rows, features) + np.uint32(1))


def threshold(rate: float) -> int:
    """A unit is kept where its hash is at least this, out of 2³²."""
    return min(round(rate * 2**32), 2**32 - 1)
