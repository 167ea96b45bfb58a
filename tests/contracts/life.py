"""The life of a search without training, for the tests of drivers: studies, a driver at work, and made-up curves."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuner import study as studies
from tuner.drivers import Driver
from tuner.home import shipped
from tuner.study import Study
from tuner.trial import Metrics, Objective, Report, Result, State, Trial

OBJECTIVE = Objective("val_accuracy", "maximize")
EPOCHS = 9  # the last is a rung of Hyperband's, at which nothing may be stopped any more

# The space of studies/diabetes.toml with its continua cut into steps, for a grid: still 10³⁰ combinations and more.
STEPPED = {
    "learning_rate": {"choice": [1e-4, 1e-3, 1e-2, 1e-1]},
    "momentum": {"float": [0.0, 0.9], "step": 0.1, "when": {"optimizer": "sgd"}},
}
# adam, and sgd with 2 momenta, times 2 + 2² choices of layers.
FEW: dict[str, Any] = {
    "layers": {"int": [1, 2]},
    "activation": {"choice": ["relu", "tanh"], "each": "layers"},
    "optimizer": {"choice": ["adam", "sgd"]},
    "momentum": {"float": [0.0, 0.9], "step": 0.9, "when": {"optimizer": "sgd"}},
}
FEW_SIZE = 3 * (2 + 4)


def diabetes(sampler: str, pruner: str, seed: int = 0, driver: str = "optuna") -> Study:
    """The study as it is shipped, with few epochs; of a finite space where the sampler needs one."""
    options = {
        "search": {"driver": driver, "sampler": sampler, "pruner": pruner, "seed": seed},
        "training": {"epochs": EPOCHS},
        "space": STEPPED if sampler == "grid" else {},
    }
    return studies.load(shipped() / "diabetes.toml", options)


# Rules of each kind: some of a choice, of a number, of what may be a continuum, and what is not in the space.
RULES = [
    {"if": {"layers": {"min": 4}}, "then": {"initializer": ["glorot_uniform", "lecun_normal"]}},
    {"if": {"activation": ["relu", "selu"]}, "then": {"dropout": {"max": 0.2}, "batch_norm": True}},
    {"if": {"optimizer": ["sgd", "adam"]}, "then": {"learning_rate": {"min": 0.001}}},
    {"if": {"optimizer": "adam"}, "then": {"learning_rate": {"max": 0.01}}},
]


def ruled(sampler: str, pruner: str, driver: str = "optuna") -> Study:
    """The same with rules, and a shape that tapers."""
    plain = diabetes(sampler, pruner, driver=driver)
    units = {"int": [8, 128], "step": 8, "each": "layers", "taper": True}
    space = {**plain.document["space"], "units": units, "rules": RULES}
    return studies.from_document("ruled", {**plain.document, "space": space})


def few(sampler: str, pruner: str, seed: int = 0, driver: str = "optuna") -> Study:
    """A study of a space that a search can exhaust."""
    document = {
        "data": {"source": "sklearn:wine"},
        "space": FEW,
        "training": {"epochs": EPOCHS},
        "search": {"driver": driver, "sampler": sampler, "pruner": pruner, "seed": seed},
    }
    return studies.from_document("few", document)


Build = Callable[..., Driver]  # as tuner.drivers.build


@dataclass(frozen=True)
class Case:
    """A driver to be tested: how it is built, with which sampler and pruner, and what to expect of those."""

    build: Build
    sampler: str = "random"
    pruner: str = "none"
    driver: str = "optuna"

    def diabetes(self, seed: int = 0) -> Study:
        return diabetes(self.sampler, self.pruner, seed, self.driver)

    def ruled(self) -> Study:
        return ruled(self.sampler, self.pruner, self.driver)

    def few(self) -> Study:
        return few(self.sampler, self.pruner, driver=self.driver)

    @property
    def prunes(self) -> bool:
        return self.pruner != "none"

    @property
    def promotes(self) -> bool:
        """Whether trials go on from the weights of others."""
        return self.sampler == "hyperband"


@dataclass
class Life:
    """A search without training: a made-up curve for every trial, and what a ledger would keep."""

    build: Build
    study: Study
    told: list[Result] = field(default_factory=list)
    running: dict[int, Trial] = field(default_factory=dict)
    histories: dict[int, list[Metrics]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    stopped: dict[int, int] = field(default_factory=dict)
    proposed: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver = self.build(self.study, OBJECTIVE, self.told, list(self.running.values()), self.state)

    def ask(self, n: int) -> tuple[Trial, ...]:
        batch = self.driver.ask(n)
        self.begin(batch.trials)
        return batch.trials

    def begin(self, trials: Sequence[Trial]) -> None:
        self.proposed += trials
        self.running |= {trial.number: trial for trial in trials}
        self.histories |= {trial.number: [] for trial in trials}
        self._keep()

    def epoch(self, numbers: Iterable[int] | None = None) -> None:
        """One epoch of running trials, of all or of those `numbers`, judged together; those that end are told."""
        reports = [self.report(number) for number in list(self.running if numbers is None else numbers)]
        verdict = self.judge(reports)
        for report in reports:
            trial = self.running[report.trial]
            if not math.isfinite(report.metrics["val_accuracy"]):
                self.end(trial, State.DIVERGED)
            elif report.trial in verdict:
                assert report.epoch < trial.last_epoch, "a trial was stopped at its last epoch"
                self.end(trial, State.PRUNED)
            elif fails(trial) and report.epoch == 2:
                self.end(trial, State.FAILED)
            elif report.epoch == trial.last_epoch:
                self.end(trial, State.COMPLETE)

    def report(self, number: int) -> Report:
        """The next epoch of a running trial."""
        history = self.histories[number]
        epoch = self.running[number].first_epoch + len(history)
        history.append({"val_accuracy": made_up(self.running[number], epoch)})
        return Report(number, epoch, history[-1])

    def judge(self, reports: Sequence[Report]) -> set[int]:
        verdict = self.driver.judge(reports)
        assert verdict <= self.running.keys(), "judge names trials that are not running"
        self.stopped |= {number: len(self.histories[number]) for number in verdict}
        self._keep()
        return verdict

    def end(self, trial: Trial, state: State) -> None:
        self.tell(outcome(trial, state, self.histories[trial.number]))

    def tell(self, result: Result) -> None:
        self.driver.tell(result)
        self.told.append(result)
        del self.running[result.trial.number]
        self._keep()

    def work(self, epochs: int, workers: int = 4) -> None:
        """That many epochs, with as many trials running as there are workers."""
        for _ in range(epochs):
            self.ask(workers - len(self.running))
            self.epoch()

    def work_to_the_end(self, workers: int) -> None:
        """Until there is nothing left to try."""
        while self.ask(workers - len(self.running)) or self.running:
            self.epoch()

    def again(self) -> Life:
        """The same search in a new process: what is on disk is kept, and the running trials begin anew."""
        state = json.loads(json.dumps(self.state, allow_nan=False))
        life = Life(self.build, self.study, list(self.told), dict(self.running), state=state)
        life.histories = {number: [] for number in self.running}
        return life

    def catch_up(self, other: Life) -> None:
        """Trains the running trials up to where they are in `other`."""
        for number in self.running:
            for metrics in other.histories[number]:
                self.histories[number].append(metrics)
                before = self.running[number].first_epoch - 1
                report = Report(number, before + len(self.histories[number]), metrics)
                assert self.driver.judge([report]) == set(), "a trial that had gone on is stopped when trained again"
        self._keep()

    def _keep(self) -> None:
        self.state |= self.driver.state()


def made_up(trial: Trial, epoch: int) -> float:
    """The objective after an epoch: it rises to a level that follows from the values. Large learning rates diverge."""
    rate = float(trial.values.get("learning_rate", 0.01))
    if rate > 0.05 and epoch >= 3:
        return math.nan
    level = 0.8 - 0.02 * abs(math.log10(rate) + 2.5) - 0.01 * abs(int(trial.values["layers"]) - 3)
    level -= 0.05 * (trial.values["optimizer"] == "sgd") + trial.seed / 2**31 / 20
    return level * (1 - math.exp(-epoch / 3))


def fails(trial: Trial) -> bool:
    return trial.seed % 11 == 0


def outcome(trial: Trial, state: State, history: Sequence[Metrics]) -> Result:
    score = OBJECTIVE.score(history, trial.first_epoch) or (None, None)
    return Result(trial, state, *score, history=tuple(history))


def values(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    return [dict(trial.values) for trial in trials]
