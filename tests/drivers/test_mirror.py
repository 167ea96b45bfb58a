"""What Optuna is told of a result."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from tuner.drivers.mirror import Outcome
from tuner.trial import Objective, Result, State, Trial

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
