"""A trainer that trains nothing: what a trial would come to is looked up in a table, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.benchmarks.curves import Table
from tuner.trainers import Ask, Judge, Stop
from tuner.trial import Metrics, Report, Result, State, Trial


@dataclass
class Lookup:
    """Room for `room` trials, which go through their epochs side by side, as in a stack.

    A trial that goes on from another's weights goes on along the curve of its point, which is one and the same: what a
    warm start does to it is not in the table. `spent` counts the epochs of all trials.
    """

    table: Table
    room: int = 1
    spent: int = 0
    _running: dict[int, Trial] = field(default_factory=dict)
    _histories: dict[int, list[Metrics]] = field(default_factory=dict)

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        """As every trainer. Raises RuntimeError where the driver has nothing now, though nothing runs."""
        more = True
        while not stop():
            if more and len(self._running) < self.room:
                batch = ask(self.room - len(self._running))
                more = batch.more
                for trial in batch.trials:
                    self._running[trial.number], self._histories[trial.number] = trial, []
            if not self._running:
                if not more:
                    return
                raise RuntimeError("the driver waits, and there is nothing to wait for")
            yield from self._round(judge)

    def _round(self, judge: Judge) -> Iterator[Result]:
        """An epoch of every trial, and what ends with it."""
        reports = [self._epoch(trial) for trial in self._running.values()]
        metric = self.table.ground.objective.metric
        broken = {report.trial for report in reports if math.isnan(report.metrics[metric])}
        stopped = judge([report for report in reports if report.trial not in broken])
        for report in reports:
            trial = self._running[report.trial]
            if report.trial in broken:
                yield self._end(trial, State.DIVERGED)
            elif report.epoch == trial.last_epoch:
                yield self._end(trial, State.COMPLETE)
            elif report.trial in stopped:
                yield self._end(trial, State.PRUNED)

    def _epoch(self, trial: Trial) -> Report:
        history = self._histories[trial.number]
        epoch = trial.first_epoch + len(history)
        value = self.table.curve(trial.values)[epoch - 1]
        history.append({self.table.ground.objective.metric: float(value)})
        self.spent += 1
        return Report(trial.number, epoch, history[-1])

    def _end(self, trial: Trial, state: State) -> Result:
        del self._running[trial.number]
        history = self._histories.pop(trial.number)
        score, epoch = self.table.ground.objective.score(history, trial.first_epoch) or (None, None)
        return Result(trial, state, score, epoch, tuple(history), float(len(history)))
