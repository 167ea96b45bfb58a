"""Searches without training: commands on a real ledger, with a driver, a trainer and a tracker that only pretend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.driver import FakeDriver
from tuner import packaging, search
from tuner.conclusion import Conclusion
from tuner.evaluate import Verdict
from tuner.ledger import Ledger, own
from tuner.study import Study, TrainingSection, from_document
from tuner.trackers import Closing
from tuner.trainers.work import Work, weights_of
from tuner.trial import Batch, Objective, Report, Result, State, Trial
from tuner.watch import Watch

OBJECTIVE = Objective("val_accuracy", "maximize")
DOCUMENT: dict[str, Any] = {
    "data": {"source": "sklearn:wine"},
    "space": {"layers": 1, "units": {"int": [1, 512]}},
    "search": {"sampler": "random", "pruner": "none", "finalists": 2, "keep_models": 2, "max_failures": 3},
    "training": {"epochs": 2},
}
DATA = {"name": "sklearn:wine", "fingerprint": "f", "rows": 178, "task": "multiclass"}


def study(**settings: Any) -> Study:
    return from_document("wine", {**DOCUMENT, "search": {**DOCUMENT["search"], **settings}})


class Trains:
    """Gives every trial what `fate` says; one at a time, so that the order is plain."""

    def __init__(self, fate: Callable[[Trial], Result]) -> None:
        self.fate, self.trained = fate, list[Trial]()

    def run(self, ask: Any, judge: Any, stop: Any) -> Iterator[Result]:
        while not stop():
            batch: Batch = ask(1)
            for trial in batch.trials:
                self.trained.append(trial)
                judge([Report(trial.number, 1, {"val_accuracy": 0.5})])
                yield self.fate(trial)
            if not batch.trials and not batch.more:
                return


class Records:
    """A tracker that remembers what it was told."""

    offline: str | None = None
    waiting = 0

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.ends: list[Closing | None] = []

    def begin(self, opening: Any) -> None: ...
    def record(self, result: Result) -> None:
        self.results.append(result)

    def end(self, closing: Closing | None) -> None:
        self.ends.append(closing)

    def recorded(self) -> dict[int | None, str]:
        return {result.trial.number: f"run-{result.trial.number}" for result in self.results}

    def close(self, seconds: float) -> int:
        return 0


class Says(Watch):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.again: list[int] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def retrained(self, result: Result) -> None:
        self.again.append(result.trial.number)


class Life:
    """Commands typed one after the other on one search; each finds it as the last one left it."""

    def __init__(
        self, ledger: Ledger, fate: Callable[[Trial], Result] | None = None, objective: Objective = OBJECTIVE
    ) -> None:
        self.objective = objective
        self.ledger, self.trainer, self.tracker, self.watch = ledger, Trains(fate or self.scored), Records(), Says()
        self.orders: list[packaging.Order] = []
        self.doubts = False  # whether the champion's weights are found wanting the first time
        self.plain = Trains(self.scored)
        self.driver = FakeDriver

    @property
    def folder(self) -> Path:
        return self.ledger.home.search("wine@1")

    def scored(self, trial: Trial) -> Result:
        """A result whose score is the trial's units, with its weights; none where it cannot go on from others."""
        units, folder = int(trial.values["units"]), self.folder / "weights"
        if trial.parent is not None and not weights_of(folder, trial.parent, trial.retake).exists():
            return Result(trial, State.FAILED, error=f"the weights of trial {trial.parent} are not there")
        weights = weights_of(folder, trial.number, trial.retake)
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.touch()
        history = ({"val_accuracy": units / 512},)
        return Result(trial, State.COMPLETE, units / 512, trial.first_epoch, history, 0.1, weights=weights)

    def alone(self, work: Any, say: Any) -> Any:
        return self.plain

    def pack(self, order: packaging.Order, folder: Path, stop: Any) -> Verdict:
        self.orders.append(order)
        if self.doubts:
            self.doubts = False
            number = order.champion.trial.number
            raise packaging.Unfaithful((number,), f"trial {number}: is not what it was")
        for result in order.kept:
            assert result.weights is not None
            assert result.weights.exists()
            packaging.folder_of(folder, result.trial.number).mkdir(parents=True, exist_ok=True)
        (folder / packaging.PLOTS).mkdir(exist_ok=True)
        return Verdict(
            order.champion.trial.number, dict(order.champion.trial.values), "accuracy", "maximize", 0.5,
            order.fresh.get(order.champion.trial.number), 0.5, 0.4, 0.6, 0.0, (), {}, {}, 36, 36, order.looks,
            len(order.results), order.ended, (),
        )  # fmt: skip

    def type(self, stop: Callable[[], bool] = lambda: False, late: Any = lambda: False, **settings: Any) -> Any:
        """What one command gives: how it ended, and its verdict."""
        wanted = study(**settings)
        with own(self.ledger, self.ledger.get("wine")) as record:
            work = Work(TrainingSection(epochs=2), self.objective, Path("none"), self.folder / "weights")
            driver = self.driver(
                wanted, OBJECTIVE, record.results, record.waiting, self.ledger.driver_state(record.search),
                record.next_number,
            )  # fmt: skip
            ended = search.loop(
                wanted, record, driver, self.trainer, self.tracker, self.watch, stop, late,
                lambda each: replace(each, further=self.objective.also(each, lambda values: int(values["units"]))),
            )  # fmt: skip
            if ended == "stopped":
                return ended, None
            ending = Conclusion(
                record, wanted, work, self.trainer, self.tracker, self.watch, stop, self.pack, self.alone, driver.needs
            )
            return ended, ending.conclude(ended)

    @property
    def told(self) -> list[Result]:
        return self.ledger.results(self.ledger.get("wine"))


def best(results: Sequence[Result]) -> Result:
    return OBJECTIVE.ranked(results)[0]
