"""The course of one trial, whatever trains it: what its epochs gave, which was the best, and how it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.metrics import Array
from tuner.trainers.patience import Patience
from tuner.trainers.work import Work
from tuner.trial import Metrics, Report, Result, State, Trial


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an epoch: the weights, and what the network gave for the validation rows, where not Keras itself
    computed that.
    """

    weights: list[Array]
    outputs: Array | None = None


class Course:
    """A trial from epoch to epoch: each is taken in, and judged before the next one is.

    `state` is None while the trial goes on.
    """

    def __init__(self, work: Work, trial: Trial) -> None:
        self.trial = trial
        self.state: State | None = None
        self._work = work
        self._history: list[Metrics] = []
        self._found: float | None = None
        self._best: Kept | None = None
        self._patience = Patience(work.training.stopping_of(trial.values), work.objective)
        self._tired = False
        self._since = time.perf_counter()

    @property
    def epoch(self) -> int:
        """The last one that was taken in."""
        return self.trial.first_epoch + len(self._history) - 1

    @property
    def over(self) -> bool:
        """Whether it trains no further epoch, whatever the judge will say of this one."""
        return self.state is not None or self._tired or self.epoch >= self.trial.last_epoch

    def takes(self, metrics: Metrics, finite: bool, best: Callable[[], Kept]) -> Report | None:
        """Takes in one more epoch, and says what to report; None where it diverged, of which nobody is asked.

        `finite` says it of all weights, as an infinity can sit there while the loss is still finite. `best` gives what
        there is to keep, and is called where the epoch is the best so far.
        """
        self._history.append(metrics)
        if not finite or not all(map(math.isfinite, metrics.values())):
            self.state = State.DIVERGED
            return None
        if self._is_best(metrics):
            self._best = best()
        self._tired = self._patience.runs_out(metrics[self._work.objective.metric])
        return Report(self.trial.number, self.epoch, metrics)

    def _is_best(self, metrics: Metrics) -> bool:
        """Whether this epoch is the one that the objective reads, so far."""
        objective, value = self._work.objective, metrics[self._work.objective.metric]
        if self._found is not None and objective.epoch == "best" and not objective.better(value, self._found):
            return False
        self._found = value
        return True

    def judged(self, go_on: bool) -> None:
        """Takes in what the judge said of the last report. Who is told to stop at the last epoch is told too late."""
        if not go_on and self.epoch < self.trial.last_epoch:
            self.state = State.PRUNED
        elif self.over:
            self.state = State.COMPLETE

    def result(self, program: Mapping[str, str], error: str | None = None) -> Result:
        """The outcome; one with an `error`, a traceback, has failed. Writes the weights of a complete trial."""
        state = State.FAILED if error else self.state or State.COMPLETE
        found = self._work.objective.score(self._history, self.trial.first_epoch) if not error else None
        kept = self._best if state is State.COMPLETE else None
        return Result(
            trial=self.trial,
            state=state,
            score=found[0] if found else None,
            best_epoch=found[1] if found else None,
            history=tuple(self._history),
            seconds=time.perf_counter() - self._since,
            weights=_saved(self._work.weights(self.trial), kept) if kept is not None else None,
            error=error,
            program=program,
        )


def _saved(path: Path, kept: Kept) -> Path:
    from tuner.trainers import weights  # imports numpy, which the owner of a search gets through without

    return weights.save(path, kept.weights, kept.outputs)
