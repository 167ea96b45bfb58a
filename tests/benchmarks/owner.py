"""What a search costs its owner: the real loop, ledger, driver and MLflow, and a trainer that only pretends.

CPU time of the whole process, MLflow's thread included, per trial of 50 epochs, each epoch judged by itself. What the
judge says is not obeyed, so that every trial has all its epochs. Importing, opening the record and rebuilding a driver
are outside; a stretch ends when MLflow has all of its trials.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import answering
from tests.benchmarks.tasks import opened
from tuner.home import Home
from tuner.metrics import METRICS, Task
from tuner.trainers import Ask, Judge, Stop
from tuner.trial import Objective, Report, Result, State, Trial


class Scripted:
    """Yields results with all their epochs at once."""

    def __init__(self, objective: Objective, task: Task) -> None:
        self.objective = objective
        self.names = ["loss", "accuracy", *(f"val_{name}" for name, each in METRICS[task].items() if each.every)]

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        while not stop():
            batch = ask(1)
            if not batch.trials:
                return
            for trial in batch.trials:
                yield self._trained(trial, judge)

    def _trained(self, trial: Trial, judge: Judge) -> Result:
        draw, history = random.Random(trial.seed), []
        for epoch in range(trial.first_epoch, trial.last_epoch + 1):
            history.append({name: draw.random() for name in self.names})
            judge([Report(trial.number, epoch, history[-1])])
        score, best = self.objective.score(history) or (None, None)
        return Result(trial, State.COMPLETE, score, best, tuple(history), 1.0, program={"trainer": "scripted"})


def answer(order: Mapping[str, Any]) -> dict[str, list[float]]:
    """The CPU seconds per trial of each stretch that has a name: [{"name", "trials", "sampler", "pruner"}, …]."""
    from tuner import live, opening
    from tuner.ledger import Ledger, own

    home = Home(Path.cwd())
    study, split = opened(home, order["study"])
    ledger = Ledger(home)
    found = opening.claim(ledger, study, split, None, True)
    costs: dict[str, list[float]] = {}
    never = lambda: False  # noqa: E731
    with (
        live.watch(quiet=True) as watch,
        own(ledger, found) as record,
        opening.recording(home, record, study, split, watch, never) as tracker,
    ):
        watch.begins(found.label, study, split, record)
        for stretch in order["stretches"]:
            cost = _stretch(home, order["study"], stretch, split.task, record, tracker, watch)
            costs.setdefault(stretch["name"], []).append(cost)
    return costs


def _stretch(
    home: Home, name: str, stretch: Mapping[str, Any], task: Task, record: Any, tracker: Any, watch: Any
) -> float:
    """Goes on with the search by that many trials, with that sampler and pruner."""
    from tuner import drivers, opening, search

    options = {key: stretch[key] for key in ("sampler", "pruner")}
    study = opening.study(name, None, home, {"search": {**options, "trials": len(record.results) + stretch["trials"]}})
    objective, known = study.objective_for(task), record.ledger.driver_state(record.search)
    driver = drivers.build(study, objective, record.results, record.waiting, known, record.next_number)
    never = lambda: False  # noqa: E731
    before = time.process_time()
    search.loop(study, record, driver, Scripted(objective, task), tracker, watch, never, never)
    while tracker.waiting:
        time.sleep(0.002)
    return (time.process_time() - before) / stretch["trials"]


if __name__ == "__main__":
    answering(answer)
