"""Drivers of several objectives: told all values, they go on after an interruption, and find the front."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.life import FEW, FEW_SIZE, Life, outcome
from tuner import study as studies
from tuner.drivers import build, importance
from tuner.drivers.sampling import POPULATION
from tuner.study import Study
from tuner.trial import PARAMS, Aim, Objective, Result, State, Trial

OBJECTIVE = Objective("val_accuracy", "maximize", further=(Aim(PARAMS, "minimize"),))
SPACE = {
    "layers": {"int": [1, 3]},
    "units": {"int": [8, 128], "step": 8, "each": "layers"},
    "activation": {"choice": ["relu", "tanh"], "each": "layers"},
    "learning_rate": {"float": [1e-4, 1e-1], "log": True},
}


def study(sampler: str, space: Any = SPACE, **search: Any) -> Study:
    document = {
        "data": {"source": "sklearn:wine"},
        "space": space,
        "objective": {"metric": ["val_accuracy", "params"]},
        "search": {"sampler": sampler, **search},
    }
    return studies.from_document("made", document)


def built(study: Study, _: Objective, *rest: Any) -> Any:
    return build(study, OBJECTIVE, *rest)


def size(trial: Trial) -> float:
    return float(sum(int(value) for name, value in trial.values.items() if name.startswith("units")))


def scored(trial: Trial, by: Callable[[float], float] = lambda x: x) -> Result:
    """Better near 10⁻² and with more units; of some trials the state is another."""
    rate = math.log10(float(trial.values.get("learning_rate", 0.01)))
    if trial.seed % 7 == 0:
        return outcome(trial, State.DIVERGED, [{"val_accuracy": 0.99}, {"val_accuracy": math.nan}])
    told = outcome(trial, State.COMPLETE, [{"val_accuracy": by(size(trial) / 400 - abs(rate + 2))}])
    return replace(told, further=(size(trial),))


def work(life: Life, until: int, at_once: int = 4) -> None:
    while len(life.proposed) < until:
        life.ask(at_once - len(life.running))
        for trial in sorted(life.running.values(), key=lambda each: -each.number)[: at_once - 1]:
            life.tell(scored(trial))


@pytest.mark.parametrize("sampler", ["tpe", "nsga-ii", "random", "qmc"])
@pytest.mark.parametrize("done", [3, 31, 66])
def test_a_rebuilt_driver_goes_on_as_the_unbroken_one(sampler: str, done: int) -> None:
    life = Life(built, study(sampler))
    work(life, done)
    again = life.again()
    again.proposed = list(life.proposed)
    for each in (life, again):
        work(each, done + 3 * POPULATION)
    assert life.proposed == again.proposed
    assert life.told == again.told


@pytest.mark.parametrize("sampler", ["tpe", "nsga-ii", "random", "grid"])
def test_a_finite_space_is_tried_once_each(sampler: str) -> None:
    life = Life(built, study(sampler, FEW))
    while trials := life.ask(2):
        for trial in trials:
            life.tell(scored(trial))
    assert len({trial.key for trial in life.proposed}) == len(life.proposed) == FEW_SIZE


@pytest.mark.parametrize("sampler", ["tpe", "nsga-ii"])
def test_what_learns_spends_its_trials_near_the_front(sampler: str) -> None:
    def missed(sampler: str) -> float:
        """How far from the best rate the later trials were, on average: the front has every size, and that rate."""
        life = Life(built, study(sampler))
        work(life, 140)
        rates = [math.log10(float(trial.values["learning_rate"])) for trial in life.proposed[70:]]
        return sum(abs(rate + 2) for rate in rates) / len(rates)

    assert missed(sampler) < 0.6 * missed("random")


def test_both_objectives_count() -> None:
    def mean_size(further: bool) -> float:
        """Of networks that are the better the larger, and where size does not count."""
        objective = OBJECTIVE if further else Objective("val_accuracy", "maximize")
        life = Life(lambda study, _, *rest: build(study, objective, *rest), study("nsga-ii"))
        while len(life.proposed) < 160:
            for trial in life.ask(4):
                told = outcome(trial, State.COMPLETE, [{"val_accuracy": size(trial)}])
                life.tell(replace(told, further=(size(trial),) if further else ()))
        return sum(size(trial) for trial in life.proposed[100:]) / 60

    assert mean_size(further=False) > 1.3 * mean_size(further=True)


@pytest.mark.parametrize("sampler", ["tpe", "nsga-ii"])
def test_trials_that_all_break_break_nothing(sampler: str) -> None:
    life = Life(built, study(sampler))
    for _ in range(2 * POPULATION):
        for trial in life.ask(1):
            life.tell(outcome(trial, State.FAILED, []))
    assert len(life.ask(5)) == 5


def test_children_inherit_from_parents_that_have_what_they_need() -> None:
    """Also what few networks have, as the widths of a third layer."""
    life = Life(built, study("nsga-ii", {**SPACE, "units": {"int": [1, 1000], "each": "layers"}}))
    while len(life.proposed) < 3 * POPULATION:
        for trial in life.ask(1):
            life.tell(replace(outcome(trial, State.COMPLETE, [{"val_accuracy": 0.5}]), further=(1.0,)))
    widths = [trial.values.get("units_3") for trial in life.proposed]
    known, drawn = {*widths[:POPULATION]}, [each for each in widths[POPULATION : 2 * POPULATION] if each is not None]
    assert len(drawn) > 3
    assert sum(each in known for each in drawn) > 0.6 * len(drawn)


def test_importance_is_of_the_first() -> None:
    life = Life(built, study("random"))
    work(life, 80)
    assert next(iter(importance(life.study, OBJECTIVE, life.told))) == "learning_rate"
