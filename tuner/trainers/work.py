"""What every trial of a search shares, in a form that travels to another process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuner.model_file import ModelFile
from tuner.study import TrainingSection
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Objective, Trial


@dataclass(frozen=True, slots=True)
class Work:
    """The settings and files of a search: the arrays are in `split` (see `Split.save`), weights go to `files`.

    `plan` says which programs there are for stacks of trials; without one every trial is trained by itself.
    `model` is the user's own, whose hyperparameters are what the trials' values are of; None for the built-in networks.
    """

    training: TrainingSection
    objective: Objective
    split: Path
    files: Path
    plan: Plan | None = None
    model: ModelFile | None = None

    def weights(self, trial: Trial) -> Path:
        """Where the weights of a trial's best epoch are kept."""
        return weights_of(self.files, trial.number, trial.retake)


def weights_of(files: Path, trial: int, retake: int = 0) -> Path:
    """Where the weights of a trial are kept, or those of one of its retakes."""
    return files / f"trial-{trial:05d}{f'.retake-{retake}' if retake else ''}.weights.npz"
