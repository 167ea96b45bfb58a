"""Weights as files, in the order of `keras.Model.get_weights`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tuner import npz
from tuner.errors import TrialFailed
from tuner.metrics import Array
from tuner.trainers.work import Work, weights_of
from tuner.trial import Trial

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
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:  # which would leave it open
        return [file[name] for name in file.files if name != _OUTPUTS]


def inherited(work: Work, trial: Trial) -> list[Array] | None:
    """The weights that a trial begins with, where it goes on from another's; a retake goes on from a retake.

    Raises TrialFailed where they are not there, or not whole: every array has a checksum in its file.
    """
    if trial.parent is None:
        return None
    path = weights_of(work.files, trial.parent, trial.retake)
    try:
        return load(path)
    except FileNotFoundError:
        why = f"are not there: it did not complete, or {path.name} was deleted"
    except (*npz.DAMAGED, *npz.MISWRITTEN):
        why = f"cannot be read: {path.name} is damaged"
    raise TrialFailed(f"the weights of trial {trial.parent}, which it goes on from, {why}")


def take_over(own: Sequence[Array], trial: Trial, weights: Sequence[Array]) -> None:
    """Puts the weights of another trial into the trial's own arrays, in place.

    Raises TrialFailed where they are those of another network.
    """
    if [each.shape for each in own] != [each.shape for each in weights]:
        raise TrialFailed(f"the weights of trial {trial.parent}, which it goes on from, are of another network")
    for mine, theirs in zip(own, weights, strict=True):
        mine[...] = theirs


def outputs(path: Path) -> Array | None:
    """What the network gave for the validation rows as its weights were kept; None where Keras itself was asked."""
    with np.load(path, allow_pickle=False) as file:
        return file[_OUTPUTS] if _OUTPUTS in file.files else None
