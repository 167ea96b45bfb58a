"""The network of a trial, whoever designed it: one of ours, or a user's own model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.data.split import Split
from tuner.trainers.work import Work
from tuner.trial import Trial

if TYPE_CHECKING:
    import keras


def split_of(work: Work) -> Split:
    """The rows of a search. For a user's own model the values of a regression stay in their own units."""
    split = Split.open(work.split)
    if work.model is None:
        return split
    return replace(split, preprocessing=replace(split.preprocessing, target_mean=0.0, target_scale=1.0))


def build(work: Work, trial: Trial, split: Split) -> keras.Model:
    """The trial's network, from (rows, features) to what its task's predictions are, with its initial weights; to be
    looked at, not to be trained.

    Imports TensorFlow. Raises what a user's own code raises, and TrialFailed.
    """
    from tuner.trainers import plain

    if work.model is None:
        return plain.build(trial, split)
    from tuner.trainers import own

    made = own.build(work, trial, split)
    # Else its optimizer, its losses and its metrics would be written with it wherever it is saved.
    made.model.compiled, made.model.optimizer = False, None
    return made.network
