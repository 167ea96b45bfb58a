"""The driver on Optuna, with every sampler and pruner."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import Any

import optuna
import pytest

from tests.contracts.driver import DriverContract
from tests.contracts.life import EPOCHS, OBJECTIVE, Case, Life, diabetes, few, outcome, values
from tuner import study as studies
from tuner.drivers import build, mirror
from tuner.space import Space
from tuner.study import Study
from tuner.trial import Report, State, Trial

CASES = [
    ("tpe", "hyperband"),
    ("tpe", "median"),
    ("cma-es", "hyperband"),
    ("cma-es", "none"),
    ("nsga-ii", "median"),
    ("nsga-ii", "none"),
    ("random", "successive-halving"),
    ("random", "none"),
    ("grid", "hyperband"),
    ("grid", "none"),
    ("qmc", "median"),
    ("qmc", "none"),
]


class TestOptunaDriver(DriverContract):
    @pytest.fixture(params=CASES, ids="-".join)
    def case(self, request: pytest.FixtureRequest) -> Case:
        return Case(build, *request.param)


def study_of(space: dict[str, Any], sampler: str) -> Study:
    search = {"sampler": sampler, "pruner": "none"}
    return studies.from_document("made", {"data": {"source": "sklearn:wine"}, "space": space, "search": search})


def told(life: Life, trial: Trial, state: State, score: float = 0.5) -> None:
    life.tell(outcome(trial, state, [{"val_accuracy": score}]))


@pytest.mark.parametrize("sampler", ["random", "grid", "qmc"])
def test_a_sampler_that_does_not_learn_proposes_the_same_whatever_it_is_told(sampler: str) -> None:
    one_by_one, batches = (Life(build, diabetes(sampler, "none")) for _ in range(2))
    for i in range(24):
        told(one_by_one, *one_by_one.ask(1), State.COMPLETE, i / 24)
    for n in (1, 7, 16):
        for trial in reversed(batches.ask(n)):
            told(batches, trial, State.DIVERGED)
    assert one_by_one.proposed == batches.proposed


def test_tpe_proposes_what_it_learned() -> None:
    first, second = (Life(build, diabetes("tpe", "none")) for _ in range(2))
    for i in range(12):
        told(first, *first.ask(1), State.COMPLETE, i / 12)
        told(second, *second.ask(1), State.COMPLETE, 1 - i / 12)
    assert values(first.proposed[:10]) == values(second.proposed[:10])
    assert values(first.ask(1)) != values(second.ask(1))


@pytest.mark.parametrize("fate", [State.DIVERGED, State.FAILED])
def test_tpe_keeps_away_from_where_trials_break(fate: State) -> None:
    # The best place is close to the half that breaks, and a trial looks its best just before it does.
    life = Life(build, study_of({"learning_rate": {"float": [1e-4, 1e-1], "log": True}}, "tpe"))
    for _ in range(60):
        (trial,) = life.ask(1)
        exponent = math.log10(float(trial.values["learning_rate"]))
        broken = exponent > -2.5
        told(life, trial, fate if broken else State.COMPLETE, 1.0 if broken else 1 - abs(exponent + 2.7))
    late = [float(trial.values["learning_rate"]) for trial in life.proposed[30:]]
    assert sum(math.log10(rate) > -2.5 for rate in late) < 10
    assert min(abs(math.log10(rate) + 2.7) for rate in late) < 0.02


def test_trials_that_all_break_break_nothing() -> None:
    life = Life(build, diabetes("tpe", "hyperband"))
    for _ in range(15):
        told(life, *life.ask(1), State.FAILED)
    assert len(life.ask(5)) == 5


def test_a_repeat_is_told_its_score_and_never_becomes_a_trial() -> None:
    life = Life(build, few("tpe", "none"))
    life.work_to_the_end(1)
    repeats = {key: twin for key, twin in life.state.items() if key.startswith("repeat/")}
    assert repeats
    assert set(repeats.values()) <= {result.trial.number for result in life.told}
    places = {life.state[f"trial/{trial.number}"]["place"] for trial in life.proposed}
    assert places.isdisjoint(int(key.removeprefix("repeat/")) for key in repeats)
    assert life.state["places"] == 1 + len(places) + len(repeats)


@pytest.mark.parametrize(
    ("pruner", "epochs"), [("hyperband", {1, 3}), ("successive-halving", {1, 3}), ("median", set(range(1, EPOCHS)))]
)
def test_pruners_stop_at_their_rungs(pruner: str, epochs: set[int]) -> None:
    life = Life(build, diabetes("random", pruner))
    life.work(60)
    assert set(life.stopped.values()) <= epochs
    assert len(set(life.stopped.values())) > 1


OF_LENGTHS = {
    "data": {"source": "sklearn:wine"},
    "space": {
        "layers": {"int": [1, 3]},
        "optimizer": {"choice": ["adam", "sgd"]},
        "epochs": {"choice": [2, EPOCHS, 4], "when": {"optimizer": "adam"}},
        "patience": {"choice": [0, 3]},
    },
    "training": {"epochs": 3},
}


@pytest.mark.parametrize("pruner", ["hyperband", "none"])
def test_a_trial_has_the_epochs_of_its_values_after_a_new_start_too(pruner: str) -> None:
    search = {"sampler": "grid", "pruner": pruner}
    life = Life(build, studies.from_document("made", {**OF_LENGTHS, "search": search}))
    life.work(4)
    again = life.again()
    assert again.running
    again.work_to_the_end(4)
    assert len(again.told) == 3 * 2 * (3 + 1)
    assert all(result.trial.last_epoch == result.trial.values.get("epochs", 3) for result in again.told)
    complete = [result for result in again.told if result.state is State.COMPLETE]
    assert all(len(result.history) == result.trial.last_epoch for result in complete)
    assert {result.trial.last_epoch for result in complete} == {2, 3, 4, EPOCHS}


def test_hyperband_counts_up_to_the_most_epochs_of_any_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        mirror, "HyperbandPruner", lambda **given: asked.append(given["max_resource"]) or optuna.pruners.NopPruner()
    )
    Life(build, studies.from_document("made", OF_LENGTHS))
    assert asked == [EPOCHS]


def test_an_epoch_is_judged_once() -> None:
    life = Life(build, diabetes("random", "median"))

    def complete(level: float) -> None:
        (trial,) = life.ask(1)
        life.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": level}] * EPOCHS))

    def reports(epochs: int) -> list[Report]:
        return [Report(middling.number, epoch, {"val_accuracy": 0.5}) for epoch in range(1, epochs + 1)]

    for _ in range(6):
        complete(0.4)
    (middling,) = life.ask(1)
    assert life.driver.judge(reports(3)) == set()
    for _ in range(8):
        complete(0.6)
    again = life.again()
    for driver in (life.driver, again.driver):
        assert driver.judge(reports(3)) == set()
        assert driver.judge(reports(4)) == {middling.number}


def test_the_place_of_a_deleted_trial_is_not_given_again() -> None:
    life = Life(build, diabetes("tpe", "hyperband"))
    life.work(12)
    places = life.state["places"]
    del life.told[:]
    life.running.clear()
    again = life.again()
    again.ask(1)
    assert again.state["places"] == places + 1


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_large_space_is_never_looked_through(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(build, study_of(diabetes("grid", "none").document["space"], sampler))
    assert (life.study.space.size or 0) > 10**20
    looked_at = []
    walk = Space.walk
    monkeypatch.setattr(Space, "walk", lambda self, suggest: looked_at.append(1) or walk(self, suggest))
    for _ in range(20):
        told(life, *life.ask(1), State.COMPLETE)
    assert len(looked_at) < 100


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_continuum_that_gives_nothing_new_is_exhausted(sampler: str) -> None:
    space = {"learning_rate": {"float": [0.1, math.nextafter(0.1, 1)]}}
    life = Life(build, study_of(space, sampler))
    assert life.study.space.size is None
    assert sorted(trial.values["learning_rate"] for trial in life.ask(5)) == space["learning_rate"]["float"]
    assert not life.driver.ask(1).more


def test_grid_follows_the_order_of_the_space() -> None:
    life = Life(build, few("grid", "none"))
    life.work_to_the_end(4)
    assert values(life.proposed) == list(life.study.space.grid())


def test_true_and_one_are_different_choices() -> None:
    space = {"batch_norm": {"choice": [True, False]}, "units": {"choice": [1, 64]}, "layers": 1}
    life = Life(build, study_of(space, "tpe"))
    for trial in life.ask(4):
        told(life, trial, State.COMPLETE)
    assert {type(trial.values["batch_norm"]) for trial in life.proposed} == {bool}
    assert {type(trial.values["units"]) for trial in life.proposed} == {int}


def python(code: str, **environment: str) -> str:
    """What a new process prints, which must be all on standard output."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_optuna_is_imported_only_when_a_driver_is_built() -> None:
    loaded = python("import sys, tuner.drivers; print(*sys.modules)").split()
    assert "tuner.drivers" in loaded
    assert not {"optuna", "scipy", "keras", "tensorflow", "mlflow"} & set(loaded)


_LIFE = """
import json, optuna
from tests.contracts.life import Life, diabetes, values
from tuner.drivers import build
before = optuna.logging.get_verbosity()
life = Life(build, diabetes("tpe", "hyperband"))
life.work(18)
life.again()
assert optuna.logging.get_verbosity() == before
print(json.dumps(values(life.proposed)))
"""


def test_optuna_is_quiet_and_the_order_of_sets_decides_nothing() -> None:
    first, second = (python(_LIFE, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second
    assert len(json.loads(first)) > 14


def test_a_result_of_no_running_trial_is_refused() -> None:
    driver = build(diabetes("random", "none"), OBJECTIVE)
    trial = Trial(7, {}, 0, 1)
    with pytest.raises(ValueError, match=r"trial 7 is not running; expected one of \[\]"):
        driver.tell(outcome(trial, State.COMPLETE, []))
