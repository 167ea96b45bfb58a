"""What Optuna is told of a result, and what it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.contracts.life import EPOCHS, diabetes
from tuner.drivers.mirror import Mirror, Outcome
from tuner.drivers.sampling import Random
from tuner.trial import PARAMS, Aim, Objective, Result, State, Trial

OBJECTIVE = Objective("val_loss", "minimize")
TRIAL = Trial(0, {}, seed=0, last_epoch=4)


def result(state: State, losses: list[float], score: float | None = None) -> Result:
    return Result(TRIAL, state, score, history=tuple({"val_loss": loss} for loss in losses))


def test_a_complete_trial_has_its_score_and_its_curve() -> None:
    told = Outcome.of(result(State.COMPLETE, [3.0, 1.0, 2.0], 1.0), OBJECTIVE)
    assert told == Outcome(1.0, {1: 3.0, 2: 1.0, 3: 2.0})
    assert (told.state, told.value) == (TrialState.COMPLETE, 1.0)


def test_a_pruned_trial_has_the_value_of_its_last_epoch() -> None:
    told = Outcome.of(result(State.PRUNED, [3.0, 1.0, 2.0], 1.0), OBJECTIVE)
    assert (told.state, told.value) == (TrialState.PRUNED, 2.0)


def test_epochs_count_from_the_first_of_the_trial() -> None:
    later = Result(Trial(1, {}, 0, last_epoch=9, first_epoch=7), State.PRUNED, history=({"val_loss": 1.0},) * 2)
    assert Outcome.of(later, OBJECTIVE).curve == {7: 1.0, 8: 1.0}


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers_are_told(odd: float) -> None:
    assert Outcome.of(result(State.PRUNED, [3.0, odd]), OBJECTIVE).curve == {1: 3.0}
    assert Outcome.of(result(State.COMPLETE, [3.0], odd), OBJECTIVE) == Outcome()


@pytest.mark.parametrize("state", [State.DIVERGED, State.FAILED])
def test_nothing_that_a_broken_trial_reached_is_told(state: State) -> None:
    assert Outcome.of(result(state, [3.0, 0.001], 0.001), OBJECTIVE) == Outcome()


def test_a_pruned_trial_without_epochs_has_no_value() -> None:
    assert Outcome.of(result(State.PRUNED, []), OBJECTIVE).value is None


class Asked(optuna.samplers.RandomSampler):  # type: ignore[misc]
    """Notes for which parameters it is asked jointly, and gives known values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.values, self.jointly = values, list[set[str]]()

    def sample_relative(self, study: Any, trial: Any, search_space: Mapping[str, Any]) -> dict[str, Any]:
        self.jointly.append(set(search_space))
        return {name: self.values[name] for name in search_space}


@pytest.mark.parametrize("rebuilt", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_what_trials_have_together_is_drawn_jointly_and_only_what_the_proposal_has(layers: int, rebuilt: bool) -> None:
    space = diabetes("tpe", "none").space
    mirror, draws = Mirror(space, Objective("val_accuracy", "maximize"), "none", EPOCHS, learns=True), Random(space, 0)
    trials = [next(draws.candidates(number)) for number in range(100)]
    for values in trials:
        if rebuilt:
            mirror.put_back(values, Outcome(0.5), {})
        else:
            mirror.leave(mirror.enter(values), Outcome())
    proposal = next(values for values in trials if values["layers"] == layers and "momentum" not in values)
    sampler = Asked(mirror.enter(proposal).params)
    assert mirror.draw(sampler) == proposal
    each = [{f"{name}_{n}" for name in ("units", "activation", "dropout")} for n in range(1, layers + 1)]
    always = {"layers", "initializer", "optimizer", "learning_rate"} | each[0]
    assert sampler.jointly == [always, *each[1:]]


class Looks(optuna.samplers.RandomSampler):  # type: ignore[misc]
    """Notes which places it sees, and draws nothing jointly."""

    def sample_relative(self, study: Any, trial: Any, search_space: Mapping[str, Any]) -> dict[str, Any]:
        self.seen = [each.number for each in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        return {}


@pytest.mark.parametrize("rebuilt", [True, False])
@pytest.mark.parametrize(("goal", "best"), [("maximize", [4, 5, 6]), ("minimize", [1, 2, 3])])
def test_of_a_long_search_a_sampler_sees_the_latest_and_the_best_of_those_before(
    goal: str, best: list[int], rebuilt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.drivers.mirror._LATEST", 6)
    monkeypatch.setattr("tuner.drivers.mirror._BEST", 3)
    space, objective = diabetes("tpe", "none").space, Objective("val_loss", goal)
    mirror, draws = Mirror(space, objective, "none", EPOCHS, learns=True), Random(space, 0)
    trials = [next(draws.candidates(number)) for number in range(20)]
    for place, values in enumerate(trials, start=1):
        # The latest are better than all before.
        latest = 0.0 if goal == "minimize" else 9.0
        outcome = Outcome(float(place) if place < 7 else 3.5 if place < 15 else latest)
        if rebuilt:
            mirror.put_back(values, outcome, {})
        else:
            mirror.leave(mirror.enter(values), outcome)
        sampler = Looks(seed=0)
        mirror.draw(sampler)
        assert sampler.seen[-6:] == list(range(1, place + 1))[-6:]
    assert sampler.seen == [*best, *range(15, 21)]
    assert mirror.places == 21


def test_with_several_objectives_a_sampler_sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.drivers.mirror._LATEST", 6)
    space, objective = (
        diabetes("tpe", "none").space,
        Objective("val_loss", "minimize", further=(Aim(PARAMS, "minimize"),)),
    )
    mirror, draws = Mirror(space, objective, "none", EPOCHS, learns=True), Random(space, 0)
    trials = [next(draws.candidates(number)) for number in range(20)]
    for values in trials:
        mirror.leave(mirror.enter(values), Outcome(1.0, further=(2.0,)))
    sampler = Looks(seed=0)
    mirror.draw(sampler)
    assert sampler.seen == list(range(1, 21))


def test_what_a_sampler_leaves_out_of_a_group_is_drawn_alone_and_the_group_once() -> None:
    space = diabetes("nsga-ii", "none").space
    mirror, draws = Mirror(space, Objective("val_accuracy", "maximize"), "none", EPOCHS, learns=True), Random(space, 0)
    trials = [next(draws.candidates(number)) for number in range(40)]
    for values in trials:
        mirror.leave(mirror.enter(values), Outcome())

    class Forgets(Asked):
        def sample_relative(self, study: Any, trial: Any, search_space: Mapping[str, Any]) -> dict[str, Any]:
            super().sample_relative(study, trial, search_space)
            return {}

    sampler = Forgets(dict.fromkeys(space.names))
    space.check(mirror.draw(sampler))
    groups = [frozenset(group) for group in sampler.jointly]
    assert len(set(groups)) == len(groups)
