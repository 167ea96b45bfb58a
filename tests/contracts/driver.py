"""What every driver does, the fake included: a test module supplies the `case` fixture and inherits the tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tuner import study as studies
from tuner.drivers import Driver
from tuner.home import shipped
from tuner.study import Study
from tuner.trial import Metrics, Objective, Report, Result, State, Trial, derive_seed

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


def diabetes(sampler: str, pruner: str, seed: int = 0) -> Study:
    """The study as it is shipped, with few epochs; of a finite space where the sampler needs one."""
    options = {
        "search": {"sampler": sampler, "pruner": pruner, "seed": seed},
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


def ruled(sampler: str, pruner: str) -> Study:
    """The same with rules, and a shape that tapers."""
    plain = diabetes(sampler, pruner)
    units = {"int": [8, 128], "step": 8, "each": "layers", "taper": True}
    space = {**plain.document["space"], "units": units, "rules": RULES}
    return studies.from_document("ruled", {**plain.document, "space": space})


def few(sampler: str, pruner: str, seed: int = 0) -> Study:
    """A study of a space that a search can exhaust."""
    document = {
        "data": {"source": "sklearn:wine"},
        "space": FEW,
        "training": {"epochs": EPOCHS},
        "search": {"sampler": sampler, "pruner": pruner, "seed": seed},
    }
    return studies.from_document("few", document)


Build = Callable[..., Driver]  # as tuner.drivers.build


@dataclass(frozen=True)
class Case:
    """A driver to be tested: how it is built, with which sampler and pruner, and what to expect of those."""

    build: Build
    sampler: str = "random"
    pruner: str = "none"

    @property
    def prunes(self) -> bool:
        return self.pruner != "none"


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
        history.append({"val_accuracy": made_up(self.running[number], len(history) + 1)})
        return Report(number, len(history), history[-1])

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
                report = Report(number, len(self.histories[number]), metrics)
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
    score = OBJECTIVE.score(history) or (None, None)
    return Result(trial, state, *score, history=tuple(history))


def values(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    return [dict(trial.values) for trial in trials]


class DriverContract:
    """The life of a search, from the first proposal to the last."""

    @pytest.fixture
    def life(self, case: Case) -> Life:
        return Life(case.build, ruled(case.sampler, case.pruner))

    def test_proposals_are_numbered_seeded_and_within_the_space(self, life: Life) -> None:
        life.work(30)
        trials = life.proposed
        assert len(trials) > 12
        assert [trial.number for trial in trials] == list(range(len(trials)))
        for trial in trials:
            assert list(life.study.space.check(trial.values).items()) == list(trial.values.items())
            assert (trial.first_epoch, trial.last_epoch, trial.parent, trial.retake) == (1, EPOCHS, None, 0)
            assert trial.seed == derive_seed(0, trial.number)

    def test_proposals_obey_the_rules(self, life: Life) -> None:
        life.work(30)
        for trial in life.proposed:
            layers, of = int(trial.values["layers"]), trial.values
            rate, high = float(of["learning_rate"]), of["optimizer"] in ("sgd", "adam")
            assert rate >= (0.001 if high else 0)
            assert rate <= (0.01 if of["optimizer"] == "adam" else 1)
            assert layers < 4 or of["initializer"] != "he_normal"
            widths = [int(of[f"units_{layer}"]) for layer in range(1, layers + 1)]
            assert widths == sorted(widths, reverse=True)
            for layer in range(1, layers + 1):
                narrow = of[f"activation_{layer}"] in ("relu", "selu")
                assert of.get(f"batch_norm_{layer}") == (True if narrow else None)
                assert float(of[f"dropout_{layer}"]) <= (0.2 if narrow else 0.6)

    def test_what_is_not_active_is_not_proposed(self, life: Life) -> None:
        life.work(30)
        for trial in life.proposed:
            assert ("momentum" in trial.values) == (trial.values["optimizer"] == "sgd")
            layers = [name for name in trial.values if name.startswith("units_")]
            assert layers == [f"units_{i + 1}" for i in range(int(trial.values["layers"]))]

    def test_a_batch_has_as_many_as_were_asked_for_and_no_two_alike(self, life: Life) -> None:
        for n in (1, 5, 2):
            assert len(life.ask(n)) == n
        life.work(20, workers=8)
        assert len({trial.key for trial in life.proposed}) == len(life.proposed)

    def test_asking_for_none_is_not_the_end(self, life: Life) -> None:
        batch = life.driver.ask(0)
        assert batch.trials == ()
        assert batch.more

    def test_judging_stops_some_and_spares_some(self, life: Life, case: Case) -> None:
        life.work(60)
        states = {result.state for result in life.told}
        assert State.COMPLETE in states
        assert (State.PRUNED in states) == case.prunes

    @pytest.mark.parametrize("state", list(State))
    @pytest.mark.parametrize("epochs", [0, 1, EPOCHS])
    def test_every_fate_may_be_told(self, life: Life, state: State, epochs: int) -> None:
        for trial in life.ask(12):
            history = [{"val_accuracy": 0.5 + trial.number / 100}] * (epochs - 1) + [{"val_accuracy": math.nan}]
            life.tell(outcome(trial, state, history[:epochs]))
        assert len(life.ask(2)) == 2

    def test_a_trial_is_told_once(self, life: Life) -> None:
        (trial,) = life.ask(1)
        life.end(trial, State.FAILED)
        with pytest.raises(ValueError, match=f"trial {trial.number} is not running"):
            life.driver.tell(outcome(trial, State.FAILED, []))

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_a_report_without_a_number_breaks_nothing(self, life: Life, value: float | None) -> None:
        life.work(25)
        (trial,) = life.ask(1)
        odd = {} if value is None else {"val_accuracy": value}
        for epoch in (1, 2, 3):
            assert life.driver.judge([Report(trial.number, epoch, odd)]) <= {trial.number}
        life.end(trial, State.DIVERGED)
        life.work(5)

    def test_reports_of_trials_that_do_not_run_are_passed_over(self, life: Life) -> None:
        life.work(25)
        ended = life.told[0].trial.number
        assert life.driver.judge([Report(ended, 1, {"val_accuracy": 0.0}), Report(10_000, 1, {})]) == set()
        assert life.driver.judge([]) == set()

    def test_a_verdict_stands_when_the_trial_trains_again(self, life: Life, case: Case) -> None:
        life.work(25)
        number, stopped = _bad_trial(life)
        assert (stopped is not None) == case.prunes
        for driver in (life.driver, life.again().driver):
            for epoch in range(1, EPOCHS + 1):
                verdict = driver.judge([Report(number, epoch, {"val_accuracy": 0.001 * epoch})])
                assert verdict == ({number} if stopped is not None and epoch >= stopped else set())

    @pytest.mark.parametrize("workers", [1, 4, FEW_SIZE + 1])
    def test_a_finite_space_is_tried_once_each_and_then_exhausted(self, case: Case, workers: int) -> None:
        life = Life(case.build, few(case.sampler, case.pruner))
        life.work_to_the_end(workers)
        everything = [json.dumps(one) for one in life.study.space.grid()]
        assert len(everything) == FEW_SIZE
        assert sorted(json.dumps(one) for one in values(life.proposed)) == sorted(everything)
        assert not life.driver.ask(1).more
        assert not life.again().driver.ask(1).more

    def test_a_driver_rebuilt_among_repeats_goes_on_as_the_unbroken_one(self, case: Case) -> None:
        life = Life(case.build, few(case.sampler, case.pruner))
        while len(life.proposed) < FEW_SIZE - 4:
            life.work(1, workers=2)
        other, proposed = life.again(), len(life.proposed)
        other.catch_up(life)
        life.work_to_the_end(2)
        other.work_to_the_end(2)
        assert life.proposed[proposed:] == other.proposed
        assert life.told == other.told
        assert life.state == other.state

    def test_a_space_of_one_point_gives_one_trial(self, case: Case) -> None:
        study = few(case.sampler, case.pruner)
        fixed = {"layers": 1, "activation": "relu", "optimizer": "adam"}
        life = Life(case.build, studies.from_document("one", {**study.document, "space": fixed}))
        assert values(life.ask(3)) == [fixed]
        assert not life.driver.ask(3).more

    @pytest.mark.parametrize("epochs", [1, 14, 33, 47])
    def test_a_rebuilt_driver_goes_on_as_the_unbroken_one(self, life: Life, epochs: int) -> None:
        life.work(epochs)
        other = life.again()
        other.catch_up(life)
        proposed = len(life.proposed)
        stops = len(life.stopped)
        life.work(25)
        other.work(25)
        assert life.proposed[proposed:] == other.proposed
        assert list(life.stopped.items())[stops:] == list(other.stopped.items())
        assert life.told == other.told

    def test_a_driver_is_rebuilt_as_often_as_one_likes(self, life: Life) -> None:
        other = Life(life.build, life.study)
        for _ in range(12):
            life.work(3)
            other.work(3)
            fresh = other.again()
            fresh.catch_up(other)
            other = fresh
        assert life.told == other.told

    def test_a_deleted_trial_keeps_its_number(self, life: Life, case: Case) -> None:
        life.work(25)
        following = len(life.proposed)
        told = [result for result in life.told if result.trial.number % 2]
        again = case.build(life.study, OBJECTIVE, told, [], life.state)
        assert [trial.number for trial in again.ask(2).trials] == [following, following + 1]
        bare = case.build(life.study, OBJECTIVE, told, [], {}, next_number=following)
        assert [trial.number for trial in bare.ask(2).trials] == [following, following + 1]

    def test_a_trial_of_which_the_state_knows_nothing_is_put_back(self, life: Life, case: Case) -> None:
        life.work(25)
        running = list(life.running.values())
        driver = case.build(life.study, OBJECTIVE, life.told, running, {})
        known = {trial.key for trial in life.proposed}
        for trial in running:
            driver.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": 0.5}]))
        fresh = driver.ask(4).trials
        assert [trial.number for trial in fresh] == [len(life.proposed) + i for i in range(4)]
        assert not known & {trial.key for trial in fresh}

    def test_the_state_holds_only_what_changed(self, life: Life) -> None:
        life.work(40, workers=1)
        assert life.driver.state() == {}
        (trial,) = life.ask(1)
        life.end(trial, State.COMPLETE)
        entries = []
        for _ in range(10):
            (trial,) = life.driver.ask(1).trials
            changed = dict(life.driver.state())
            life.driver.tell(outcome(trial, State.FAILED, []))
            changed |= life.driver.state()
            entries.append(len(json.dumps(changed)))
        assert max(entries) < 300

    def test_the_seed_decides(self, case: Case) -> None:
        def proposals(seed: int) -> list[Trial]:
            life = Life(case.build, diabetes(case.sampler, case.pruner, seed))
            life.work(25)
            return life.proposed

        first = proposals(0)
        assert first == proposals(0)
        other = proposals(1)
        assert [trial.seed for trial in first[:8]] != [trial.seed for trial in other[:8]]
        assert (values(first[:8]) == values(other[:8])) == (case.sampler == "grid")


def _bad_trial(life: Life) -> tuple[int, int | None]:
    """A trial with a hopeless curve, and the epoch at which it is stopped, if it is; it stays without an outcome."""
    for trial in life.ask(6):
        for epoch in range(1, EPOCHS + 1):
            if life.driver.judge([Report(trial.number, epoch, {"val_accuracy": 0.001 * epoch})]):
                life._keep()
                return trial.number, epoch
    return trial.number, None
