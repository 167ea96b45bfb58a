"""A search is the same at any number of workers, at any timing, and however often it is interrupted."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.driver import DriverContract
from tests.contracts.life import FEW_SIZE, OBJECTIVE, Build, Case, Life, diabetes, few, outcome
from tests.fakes.driver import FakeDriver
from tuner import drivers
from tuner.drivers import ordered
from tuner.drivers.ordered import WINDOW, Ordered
from tuner.sections import SAMPLERS_OF
from tuner.study import PRUNERS, Study, from_document
from tuner.trial import Batch, Report, Result, State, Trial

LEARNING = [
    *(
        pytest.param("optuna", sampler, pruner, id=f"{sampler}-{pruner}")
        for sampler in SAMPLERS_OF["optuna"]
        for pruner in PRUNERS
        if sampler in ("tpe", "cma-es", "nsga-ii") or pruner != "none"
    ),
    pytest.param("keras-tuner", "hyperband", "none", id="keras-tuner-hyperband"),
    pytest.param("keras-tuner", "bayesian", "none", id="keras-tuner-bayesian"),
]


def deterministic(study: Study) -> Study:
    search = {**study.document["search"], "deterministic": True}
    return from_document(study.name, {**study.document, "search": search})


def build(study: Study, *arguments: Any, **more: Any) -> drivers.Driver:
    return drivers.build(deterministic(study), *arguments, **more)


class TestOrderedDriver(DriverContract):
    @pytest.fixture(params=[("tpe", "hyperband"), ("qmc", "successive-halving")], ids="-".join)
    def case(self, request: pytest.FixtureRequest) -> Case:
        return Case(build, *request.param)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small window, which makes searches short in which much is known."""
    monkeypatch.setattr(ordered, "WINDOW", 5)


def searched(study: Study, workers: int, seed: int = 0, kills: int = 0, build: Build = build, trials: int = 30) -> Life:
    """A whole search. The seed decides how fast each trial is, and when the process is killed.

    The one that goes on with it then has another number of workers.
    """
    rng, life = random.Random(seed), Life(build, study)
    speed = [rng.choice([0.1, 0.4, 1.0]) for _ in range(trials)]
    killed = rng.sample(range(150), kills)
    for moment in range(10_000):
        life.ask(min(workers - len(life.running), trials - len(life.told) - len(life.running)))
        if not life.running:
            return life
        training = sorted(life.running)[:workers]
        numbers = [number for number in rng.sample(training, len(training)) if rng.random() < speed[number]]
        if moment not in killed:
            life.epoch(numbers)
            continue
        if moment % 2:
            life.judge([life.report(number) for number in numbers])  # and nobody hears of the verdicts
        life, workers = life.again(), rng.choice([1, 2, 5, 16])
    pytest.fail(f"no end: {sorted(life.running)} run, {len(life.told)} are told")


def assert_same(one: Life, other: Life) -> None:
    assert by_number(one.told) == by_number(other.told)
    assert one.state == other.state


def by_number(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.trial.number)


@pytest.mark.parametrize(("driver", "sampler", "pruner"), LEARNING)
def test_a_search_is_the_same_at_any_number_of_workers_and_after_interruptions(
    driver: str, sampler: str, pruner: str, narrow: None
) -> None:
    study = diabetes(sampler, pruner, driver=driver)
    alone = searched(study, workers=1)
    assert (State.PRUNED in {result.state for result in alone.told}) == (pruner != "none")
    for workers, kills in ((2, 0), (16, 0), (5, 12)):
        assert_same(searched(study, workers, seed=workers, kills=kills), alone)


def test_a_driver_that_waits_is_told_of_more_at_any_number_of_workers_and_after_interruptions(narrow: None) -> None:
    """Rounds of Hyperband at the end of a space, where nothing new can be begun meanwhile."""
    study = few("hyperband", "none", driver="keras-tuner")
    alone = searched(study, workers=1, trials=100)
    assert "heard" in alone.state
    assert not alone.driver.ask(1).more
    assert len([trial for trial in alone.proposed if trial.parent is None]) == FEW_SIZE
    for workers, kills in ((16, 0), (5, 12), (2, 30)):
        other = searched(study, workers, seed=workers, kills=kills, trials=100)
        assert by_number(other.told) == by_number(alone.told)


@pytest.mark.parametrize("excellent", range(5))
def test_a_verdict_sees_what_the_proposal_saw(excellent: int, narrow: None) -> None:
    life = Life(build, diabetes("random", "successive-halving"))
    first = life.ask(5)
    for trial in first:
        life.judge([Report(trial.number, 1, {"val_accuracy": 0.9 if trial.number == excellent else 0.1})])
    life.tell(outcome(first[0], State.COMPLETE, [{"val_accuracy": 0.5}]))
    (trial,) = life.ask(1)
    for other in first[1:]:
        life.tell(outcome(other, State.COMPLETE, [{"val_accuracy": 0.5}]))
    life.ask(4)
    # A window back there is the first alone: whether it was better decides, whatever has become of the others.
    for driver in (life.driver, life.again().driver):
        assert driver.judge([Report(trial.number, 1, {"val_accuracy": 0.5})]) == ({5} if excellent == 0 else set())


@pytest.mark.parametrize("pruner", ["none", "hyperband"])
def test_repeats_of_a_finite_space_are_told_as_they_were_known(pruner: str, narrow: None) -> None:
    study = few("tpe", pruner)
    alone = searched(study, workers=1)
    assert any(key.startswith("repeat/") for key in alone.state)
    assert_same(searched(study, 16, seed=1), alone)
    assert_same(searched(study, 5, seed=2, kills=12), alone)


def test_a_driver_rebuilt_at_every_step_goes_on_as_the_unbroken_one(narrow: None) -> None:
    life = unbroken = Life(build, diabetes("tpe", "median"))
    life = life.again()
    for _ in range(60):
        for step in (lambda each: each.ask(3 - len(each.running)), lambda each: each.epoch([*each.running][::-1])):
            step(unbroken)
            step(life)
            before, life = life, life.again()
            life.catch_up(before)
    assert len(unbroken.told) > 15
    assert unbroken.told == life.told
    assert unbroken.state == life.state


def test_a_search_is_not_the_same_where_nobody_asked_for_this() -> None:
    study = diabetes("random", "hyperband")
    one, five = (searched(study, workers, build=drivers.build) for workers in (1, 5))
    assert by_number(one.told) != by_number(five.told)


def test_a_search_that_learns_nothing_is_not_held_up() -> None:
    driver = build(diabetes("random", "none"), OBJECTIVE)
    assert len(driver.ask(WINDOW + 1).trials) == WINDOW + 1
    assert len(build(diabetes("random", "median"), OBJECTIVE).ask(WINDOW + 1).trials) == WINDOW


# The wrapper alone, around a driver whose every proposal hangs on all that it knows.


class Gossip:
    """Proposes what follows from what it was told, in that order, and from what it takes to be running."""

    def __init__(self, told: Sequence[Result], asked: Sequence[Trial], following: int) -> None:
        self.told, self.running = list(told), {trial.number for trial in asked}
        self.following = following
        self.heard: list[Report] = []

    def ask(self, n: int) -> Batch:
        assert n == 1
        knows = [(result.trial.number, result.score) for result in self.told], sorted(self.running)
        trial = Trial(self.following, {"knows": zlib.crc32(repr(knows).encode())}, seed=0, last_epoch=1)
        self.running.add(trial.number)
        self.following += 1
        return Batch((trial,))

    def judge(self, reports: Sequence[Report]) -> set[int]:
        self.heard += reports
        return {report.trial for report in reports}

    def tell(self, result: Result) -> None:
        self.running.remove(result.trial.number)
        self.told.append(result)

    def state(self) -> dict[str, Any]:
        return {}

    def needs(self) -> frozenset[int]:
        return frozenset(self.running)


def gossip(told: Sequence[Result] = (), asked: Sequence[Trial] = (), window: int = WINDOW) -> tuple[Ordered, Gossip]:
    following = len(told) + len(asked)
    inner: list[Gossip] = []

    def rebuild(told: Sequence[Result], asked: Sequence[Trial]) -> Gossip:
        inner.append(Gossip(told, asked, following))
        return inner[0]

    made = Ordered(rebuild, told, asked, following, window)
    return made, inner[0]


def ended(trial: Trial) -> Result:
    return Result(trial, State.COMPLETE, int(trial.values["knows"]) % 97 / 97)


def test_a_proposal_knows_the_results_a_window_back_in_trial_order() -> None:
    driver, inner = gossip(window=3)
    first = driver.ask(9).trials
    assert [trial.number for trial in first] == [0, 1, 2]
    for number in (2, 1):
        driver.tell(ended(first[number]))
    assert driver.ask(9) == Batch((), more=True)
    assert inner.told == []
    driver.tell(ended(first[0]))
    assert [trial.number for trial in driver.ask(1).trials] == [3]
    assert (inner.told, inner.running) == ([ended(first[0])], {1, 2, 3})
    assert [trial.number for trial in driver.ask(9).trials] == [4, 5]
    assert (inner.told, inner.running) == ([ended(trial) for trial in first], {3, 4, 5})


def test_the_driver_hears_of_no_trial_that_has_ended() -> None:
    driver, inner = gossip(window=3)
    trials = driver.ask(3).trials
    driver.tell(ended(trials[1]))
    assert driver.judge([Report(number, 1, {}) for number in (0, 1, 7)]) == {0}
    assert inner.heard == [Report(0, 1, {})]


def test_a_result_that_waits_for_its_turn_cannot_be_told_again() -> None:
    driver, _ = gossip(window=3)
    result = ended(driver.ask(3).trials[1])
    driver.tell(result)
    with pytest.raises(ValueError, match=r"trial 1 is not running; expected one of \[0, 2\]"):
        driver.tell(result)


def test_a_driver_without_further_trials_is_not_asked_again() -> None:
    study = few("random", "none")
    first = {"layers": 1, "activation_1": "relu", "optimizer": "adam"}
    inner = FakeDriver(study, OBJECTIVE, script=[first])
    driver = Ordered(lambda told, asked: inner, [], [], 0)
    assert [dict(trial.values) for trial in driver.ask(5).trials] == [first]
    inner._script = [{**first, "activation_1": "tanh"}]
    assert driver.ask(5) == Batch((), more=False)


class Hesitant(Gossip):
    """Proposes each fourth trial when it has heard of all before it."""

    def ask(self, n: int) -> Batch:
        return Batch() if self.following % 4 == 3 and len(self.told) < self.following else super().ask(n)


def test_a_driver_that_waits_is_told_of_the_next_results_and_knows_them_after_a_new_start() -> None:
    def made(next_number: int, told: Sequence[Result] = (), asked: Sequence[Trial] = (), heard: int = 0) -> Ordered:
        return Ordered(lambda told, asked: Hesitant(told, asked, next_number), told, asked, next_number, 9, heard)

    driver = made(0)
    first = driver.ask(9).trials
    assert [trial.number for trial in first] == [0, 1, 2]
    for number in (2, 0):
        driver.tell(ended(first[number]))
        assert driver.ask(9) == Batch()
    assert driver.state() == {"heard": 1}
    driver.tell(ended(first[1]))
    (fourth,) = driver.ask(1).trials
    assert (driver.state(), driver.state()) == ({"heard": 3}, {})
    told = [ended(first[number]) for number in (2, 0, 1)]
    (fifth,) = made(4, told, [fourth], heard=3).ask(1).trials
    assert (fifth,) == driver.ask(1).trials
    assert (fifth,) != made(4, told, [fourth]).ask(1).trials


MOVES = st.lists(st.tuples(st.sampled_from(["ask", "end", "end", "kill"]), st.integers(0, 8)), max_size=60)


@given(window=st.integers(1, 6), moves=MOVES)
@settings(max_examples=200, deadline=None)
def test_whatever_happens_every_proposal_knows_the_same(window: int, moves: list[tuple[str, int]]) -> None:
    assert lived(window, moves) == lived(window, [])


def lived(window: int, moves: Iterable[tuple[str, int]], trials: int = 14) -> list[Result]:
    """All results of a search in which those things happen; it is then brought to its end, one trial at a time."""
    told: list[Result] = []
    running: list[Trial] = []
    driver, _ = gossip(window=window)
    for move, which in [*moves, *[("ask", 1), ("end", 0)] * trials]:
        if move == "kill":
            driver, _ = gossip(told, running, window)
        elif move == "ask":
            running += driver.ask(min(which, trials - len(told) - len(running))).trials
        elif running:
            result = ended(running.pop(which % len(running)))
            driver.tell(result)
            told.append(result)
    assert len(told) == trials
    return by_number(told)
