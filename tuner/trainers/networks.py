"""The network of a trial, whoever designed it: one of ours, or a user's own model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.data.split import Split
from tuner.trainers.work import Work
from tuner.trial import Trial

if TYPE_CHECKING:
    import keras

    from tuner.trainers.own import Made


def build(work: Work, trial: Trial, split: Split) -> tuple[keras.Model, Made | None]:
    """The trial's network, from (rows, features) to what its task's predictions are, with its initial weights; and what
    it is made of, where it is a user's own.

    Imports TensorFlow. Raises what a user's own code raises, and TrialFailed.
    """
    from tuner.trainers import plain

    if work.model is None:
        return plain.build(trial, split), None
    from tuner.trainers import own

    made = own.build(work, trial, split)
    return made.network, made
