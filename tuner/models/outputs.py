"""What the outputs of a network for several classes mean. No Keras is imported here: every trainer reads it so."""

from __future__ import annotations

from typing import Any

from tuner.metrics import Array

# Keras' own epsilon, from which on it takes logarithms.
_EPSILON = 1e-7
# How far the sum of a softmax in single precision may be from 1.
_ROUNDED = 1e-5


def shares(outputs: Any, ops: Any) -> Any:
    """The shares that outputs have in their sum, (rows, classes), alike where all are 0; arrays of any namespace."""
    kept = ops.clip(outputs, _EPSILON, 1.0)
    return kept / ops.sum(kept, axis=-1, keepdims=True)


def probabilities(outputs: Array) -> Array:
    """Outputs as probabilities of the classes: as they are where they sum to 1, and their shares where they do not, as
    those of sigmoids.
    """
    import numpy as np

    whole = np.abs(outputs.sum(axis=-1, keepdims=True, dtype=np.float64) - 1.0) <= _ROUNDED
    found: Array = outputs if whole.all() else np.where(whole, outputs, shares(outputs, np))
    return found
