"""The learning rate of every step of a training. No Keras is imported here: every trainer reads the same numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tuner.metrics import Array
from tuner.trial import Value
from tuner.tunables import setting


def is_constant(values: Mapping[str, Value]) -> bool:
    """Whether every step of a trial has the same learning rate."""
    return setting(values, "schedule") == "constant" and not setting(values, "warmup")


def rates(values: Mapping[str, Value], steps: int) -> Array:
    """The learning rate of each step of a whole training, float32 (steps,); computed in float64 and rounded once.

    The warm-up grows linearly and has no step of rate 0: the first is as large as the rise from one step to the next.
    What comes after it goes from `learning_rate` towards `end_rate` times that, which it would reach one step after
    the last, as Keras' own schedules do.
    """
    warmup, end = float(setting(values, "warmup")), float(setting(values, "end_rate"))
    step = np.arange(steps, dtype=np.float64)
    share = step / steps
    past = np.clip((share - warmup) / (1 - warmup), 0.0, 1.0)
    factor = {
        "constant": np.ones(steps),
        "linear": 1 - (1 - end) * past,
        "exponential": end**past,
        "inverse_time": 1 / (1 + (1 / end - 1) * past),
        "cosine": end + (1 - end) * (1 + np.cos(np.pi * past)) / 2,
    }[str(setting(values, "schedule"))]
    if warmup:
        factor = np.where(share < warmup, np.minimum((step + 1) / (warmup * steps), 1.0), factor)
    found: Array = (float(setting(values, "learning_rate")) * factor).astype(np.float32)
    return found
