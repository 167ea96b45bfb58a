"""A trainer in memory, for tests of what uses one: curves that are made up, and all epochs in one thread.

It passes the contract that the real ones pass.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tuner.trainers import Ask, Judge, Stop
from tuner.trial import Metrics, Objective, Report, Result, State, Trial


def curve(trial: Trial, epoch: int) -> dict[str, float]:
    """Made-up metrics: better with each epoch, and by an amount that hangs on the values and the seed."""
    rest = random.Random(f"{sorted(trial.values.items())} {trial.seed}").uniform(0.1, 0.5)
    return {"loss": rest + 1 / epoch, "val_loss": rest + 1.5 / epoch, "val_accuracy": 1 - rest - 0.25 / epoch}


@dataclass
class FakeTrainer:
    """Room for `room` trials, which take turns. One whose values have `broken` raises, and `diverges` gives no score.

    `trained` is every trial that it ever began, in order, and `kept` are those with weights that others may go on from.
    """

    objective: Objective
    room: int = 1
    trained: list[Trial] = field(default_factory=list)
    kept: set[tuple[int, int]] = field(default_factory=set)

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        running: dict[Any, list[Metrics]] = {}
        trials: dict[Any, Trial] = {}
        more = True
        while not stop():
            if more and len(running) < self.room:
                batch = ask(self.room - len(running))
                more = batch.more
                for trial in batch.trials:
                    self.trained.append(trial)
                    trials[trial.number, trial.retake] = trial
                    running[trial.number, trial.retake] = []
            if not running and not more:
                return
            for key in [key for key in running if "broken" in trials[key].values]:
                del running[key]
                yield self._failed(trials[key])
            for key in [key for key in running if not self._can_begin(trials[key])]:
                del running[key]
                error = f"the weights of trial {trials[key].parent}, which it goes on from, are not there"
                yield Result(trials[key], State.FAILED, error=error)
            reports = {key: self._epoch(trials[key], history) for key, history in running.items()}
            stopped = judge(list(reports.values())) if reports else set()
            for key, report in reports.items():
                if result := self._ended(trials[key], running[key], report, report.trial in stopped):
                    del running[key]
                    yield result

    def _can_begin(self, trial: Trial) -> bool:
        return trial.parent is None or (trial.parent, trial.retake) in self.kept

    def _epoch(self, trial: Trial, history: list[Metrics]) -> Report:
        epoch = trial.first_epoch + len(history)
        history.append(curve(trial, epoch))
        return Report(trial.number, epoch, history[-1])

    def _ended(self, trial: Trial, history: list[Metrics], report: Report, stopped: bool) -> Result | None:
        last = report.epoch == trial.last_epoch
        if "diverges" in trial.values:
            return Result(trial, State.DIVERGED, history=tuple(history))
        if not (last or stopped):
            return None
        score, epoch = self.objective.score(history, trial.first_epoch) or (None, None)
        if last:
            self.kept.add((trial.number, trial.retake))
        return Result(trial, State.COMPLETE if last else State.PRUNED, score, epoch, tuple(history), 0.5)

    def _failed(self, trial: Trial) -> Result:
        try:
            raise ValueError("broken")
        except ValueError:
            return Result(trial, State.FAILED, error=traceback.format_exc())
