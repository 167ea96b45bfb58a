"""The CMA evolution strategy: what it has a say in, what it learns from, and that it is made again from results."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.contracts.life import Life, outcome, values
from tuner import study as studies
from tuner.drivers import build, remarks
from tuner.drivers.evolution import share, steered
from tuner.space import Choice, Float, Int, Parameter
from tuner.study import Study
from tuner.trial import State, Trial

RATE = {"float": [1e-4, 1e-1], "log": True}


def study_of(space: dict[str, Any], **search: Any) -> Study:
    document = {
        "data": {"source": "sklearn:wine"},
        "space": space,
        "search": {"sampler": "cma-es", "pruner": "none", **search},
    }
    return studies.from_document("made", document)


def searched(space: dict[str, Any], trials: int, score: Any, at_once: int = 1) -> Life:
    """A search in which a trial scores what `score` says of its values, or breaks where that is None."""
    life = Life(build, study_of(space))
    while len(life.proposed) < trials:
        for trial in life.ask(at_once):
            ended(life, trial, score(trial.values))
    return life


def ended(life: Life, trial: Trial, score: float | None) -> None:
    broken = State.DIVERGED if trial.number % 2 else State.FAILED
    life.tell(
        outcome(trial, broken if score is None else State.COMPLETE, [{"val_accuracy": 1.0 if score is None else score}])
    )


def rate(given: Any) -> float:
    return math.log10(float(given["learning_rate"]))


PLANE = {"learning_rate": RATE, "dropout": {"float": [0.0, 0.6]}, "units": {"int": [8, 128], "log": True}}


def hill(given: Any) -> float:
    return -abs(rate(given) + 3.2) - 3 * abs(given["dropout"] - 0.45) - abs(math.log2(given["units"]) - 4)


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_it_closes_in_on_the_best_place(goal: str) -> None:
    sign = 1 if goal == "maximize" else -1
    life = Life(
        lambda study, objective, *rest: build(study, type(objective)("val_accuracy", goal), *rest), study_of(PLANE)
    )
    while len(life.proposed) < 160:
        for trial in life.ask(4):
            ended(life, trial, sign * hill(trial.values))
    scores = [hill(trial.values) for trial in life.proposed]
    assert sorted(scores[-40:])[20] > -0.35
    assert sorted(scores[:40])[20] < -0.9


def test_it_keeps_away_from_where_trials_break() -> None:
    life = searched({"learning_rate": RATE}, 80, lambda v: None if rate(v) > -2.5 else 1 - abs(rate(v) + 2.7))
    late = [rate(trial.values) for trial in life.proposed[40:]]
    assert sum(each > -2.5 for each in late) < 12
    assert min(abs(each + 2.7) for each in late) < 0.02


def test_trials_that_were_stopped_late_rank_above_those_stopped_early_and_below_complete_ones() -> None:
    life = Life(build, study_of({"learning_rate": RATE}))
    while len(life.proposed) < 100:
        (trial,) = life.ask(1)
        at = rate(trial.values)
        # What is stopped at once looks best by its value; the longest stand near 10⁻³.
        state, epochs = (State.COMPLETE, 9) if abs(at + 3) < 0.1 else (State.PRUNED, max(1, round(8 - 4 * abs(at + 3))))
        life.tell(outcome(trial, state, [{"val_accuracy": 1.0 / epochs}] * epochs))
    late = [rate(trial.values) for trial in life.proposed[60:]]
    assert sorted(abs(each + 3) for each in late)[20] < 0.15


def test_what_is_no_number_of_every_trial_stays_random() -> None:
    space = {
        "layers": {"int": [1, 3]},
        "optimizer": {"choice": ["adam", "sgd"]},
        "units": {"int": [8, 64], "each": "layers"},
        "momentum": {"float": [0.0, 0.9], "when": {"optimizer": "sgd"}},
        "learning_rate": RATE,
    }
    study = study_of(space)
    assert list(steered(study.space)) == ["layers", "units_1", "learning_rate"]
    life = searched(space, 120, lambda v: -abs(rate(v) + 2) - (v["optimizer"] == "sgd"))
    late = [trial.values for trial in life.proposed[60:]]
    assert 15 < sum(each["optimizer"] == "sgd" for each in late) < 45
    assert remarks(study) == [
        "note: cma-es has a say in layers, units_1 and learning_rate; optimizer, units and momentum are drawn at "
        "random, as choices are, and what not every trial has"
    ]


def test_what_all_numbers_are_of_needs_no_remark() -> None:
    assert remarks(study_of(PLANE)) == []
    assert remarks(study_of({"optimizer": {"choice": ["adam", "sgd"]}, "learning_rate": RATE}, sampler="tpe")) == []
    (only,) = remarks(study_of({"optimizer": {"choice": ["adam", "sgd"]}}))
    assert only.startswith("note: cma-es has a say in nothing; optimizer is drawn at random")


COARSE = {"units": {"int": [1, 30]}, "layers": {"int": [1, 30]}}


def at_the_end(given: Any) -> float:
    return -abs(given["units"] - 28) - abs(given["layers"] - 3)


def test_a_converged_strategy_starts_again() -> None:
    life = searched(COARSE, 150, at_the_end)
    starts = [life.state[f"trial/{trial.number}"]["marks"]["cma"][0] for trial in life.proposed]
    assert starts == sorted(starts)
    assert starts[-1] > 0
    assert {"units": 28, "layers": 3} in [dict(trial.values) for trial in life.proposed]


@pytest.mark.parametrize("done", [30, 61, 97, 140])
def test_a_rebuilt_strategy_is_where_the_unbroken_one_is(done: int) -> None:
    """After a kill among starts and generations, with trials under way that were proposed for an earlier one."""
    life = Life(build, study_of(COARSE))

    def work(life: Life, until: int) -> None:
        while len(life.proposed) < until:
            life.ask(6 - len(life.running))
            # Those that were asked last end first, one of them never.
            for trial in sorted(life.running.values(), key=lambda each: -each.number)[:4]:
                ended(life, trial, at_the_end(trial.values))

    work(life, done)
    again = life.again()
    again.proposed = list(life.proposed)
    work(life, done + 40)
    work(again, done + 40)
    assert life.proposed == again.proposed
    assert life.told == again.told


@pytest.mark.parametrize(
    "parameter",
    [
        Int(name="units", low=3, high=11),
        Int(name="units", low=8, high=127, step=8),
        Int(name="units", low=1, high=300, log=True),
        Float(name="rate", low=0.1, high=0.7, step=0.2),
        Float(name="rate", low=0.1, high=0.7),
        Float(name="rate", low=1e-5, high=1.0, log=True),
        Choice(name="units", options=(8, 32, 64)),
    ],
)
def test_the_place_of_a_value_is_where_it_is_drawn_from(parameter: Parameter) -> None:
    for i in range(101):
        value = parameter.at(i / 101)
        place = share(parameter, value)
        assert 0 <= place <= 1
        assert parameter.at(min(place, math.nextafter(1, 0))) == pytest.approx(value)


def test_rules_narrow_what_it_draws() -> None:
    space = {
        "optimizer": {"choice": ["adam", "sgd"]},
        "learning_rate": RATE,
        "rules": [{"if": {"optimizer": "sgd"}, "then": {"learning_rate": {"min": 1e-2}}}],
    }
    life = searched(space, 80, lambda v: -abs(rate(v) + 4))
    assert all(rate(trial.values) >= -2 for trial in life.proposed if trial.values["optimizer"] == "sgd")
    assert {trial.values["optimizer"] for trial in life.proposed[40:]} == {"adam", "sgd"}


def test_results_that_come_when_their_generation_is_over_are_passed_over() -> None:
    one, other = (Life(build, study_of(PLANE)) for _ in range(2))
    for life, sign in ((one, 1), (other, -1)):
        for i, trial in enumerate(life.ask(14)):
            ended(life, trial, hill(trial.values) * (1 if i < 7 else sign))  # seven are a generation of three numbers
    assert values(one.ask(3)) == values(other.ask(3))
    assert one.state["trial/14"]["marks"] == {"cma": [0, 1]}
