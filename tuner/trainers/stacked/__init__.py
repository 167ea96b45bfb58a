"""Many trials in one compiled program, in which every hyperparameter is a run-time input.

A `Stack` is a program with lanes, each of which trains one trial; an `Engine` has the stacks of one process, one for
each `Bucket` of shapes. What a trial gives does not depend on its lane, its neighbours or the process: it is a
function of the study, its values and its seed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tuner.metrics import Array
from tuner.trial import Metrics, Trial

# A trial and its retakes have one number.
Key = tuple[int, int]


def key_of(trial: Trial) -> Key:
    """What tells a trial from its neighbours: its number, and which retake of it this is."""
    return trial.number, trial.retake


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one more epoch of a trial gave, and whether all its weights are still finite."""

    metrics: Metrics
    finite: bool


class Stack(Protocol):
    """The lanes of one program."""

    @property
    def free(self) -> int:
        """How many trials may be admitted now."""
        ...

    @property
    def compiled(self) -> bool:
        """Whether its program is compiled, as the first epoch shows. One that is not gives the same up to rounding."""
        ...

    def admit(self, trial: Trial, weights: Sequence[Array] | None = None) -> None:
        """Gives the trial a lane, and the weights that it begins with: its own initial ones where there are no others.

        Raises whatever is wrong with it; the lane is then free.
        """
        ...

    def epoch(self) -> Mapping[Key, Epoch]:
        """Trains every trial in it for one more epoch."""
        ...

    def weights(self, key: Key) -> list[Array]:
        """The weights of a trial after the last epoch, as `keras.Model.get_weights` of its own network gives them."""
        ...

    def outputs(self, key: Key) -> Array:
        """What the trial's network gives for the validation rows after the last epoch, (rows, outputs)."""
        ...

    def drop(self, key: Key) -> None:
        """Frees the lane of a trial."""
        ...


class Engine(Protocol):
    """The stacks of one process."""

    def bucket(self, trial: Trial) -> Hashable:
        """What a trial must have in common with others to be in one stack with them."""
        ...

    def stack(self, trial: Trial) -> Stack:
        """The stack for trials of that bucket; its program is compiled at its first epoch."""
        ...
