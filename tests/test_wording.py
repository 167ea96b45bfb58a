"""How numbers, values and trials read."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tuner import wording
from tuner.trial import Result, State, Trial


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (None, "—"),
        (0.0, "0.0000"),
        (0.78125, "0.7812"),
        (1.0, "1.0000"),
        (-0.5, "-0.5000"),
        (53.14159265, "53.1416"),
        (999.5, "999.5000"),
        (1000.0, "1,000.0"),
        (-48213.77, "-48,213.8"),
        (0.1, "0.1000"),
        (0.09999999, "0.1000"),
        (0.0123456, "0.01235"),
        (-0.04, "-0.04000"),
        (0.00012345, "0.0001234"),
        (1.5e-6, "1.500e-06"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_a_score(score: float | None, shown: str) -> None:
    assert wording.score(score) == shown


def test_tiny_scores_that_differ_look_different() -> None:
    assert wording.score(1.02e-6) != wording.score(1.03e-6)


@pytest.mark.parametrize(
    ("difference", "shown"), [(0.15, "+0.1500"), (-0.15, "-0.1500"), (0.0, "+0.0000"), (-3e-6, "-3.000e-06")]
)
def test_a_difference_has_a_sign(difference: float, shown: str) -> None:
    assert wording.difference(difference) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "yes"), (False, "no"), (1, "1"), (0.30000000000000004, "0.3"), (1e-4, "0.0001")]
)
def test_a_value(value: bool | int | float, shown: str) -> None:
    assert wording.value(value) == shown


def test_the_default_loss_is_told_with_what_it_is() -> None:
    assert wording.values({"loss": "default", "units_1": 8}) == "loss default (log loss) · units 8"
    assert [wording.parameter("loss", "mse"), wording.parameter("dropout", 0.10000001)] == ["mse", "0.1"]


def test_values_on_a_line() -> None:
    given = {"layers": 3, "units_1": 64, "dropout_1": 0.1, "units_2": 32, "units_3": 8, "batch_norm": True}
    assert wording.values(given) == "layers 3 · batch_norm yes · units 64-32-8 · dropout 0.1"


def test_values_that_all_share_are_left_out() -> None:
    given = {"layers": 2, "units_1": 64, "units_2": 32, "beta_1": 0.9}
    assert wording.values(given, {"layers", "units"}) == "beta_1 0.9"
    assert wording.values(given, {"beta_1"}) == "layers 2 · units 64-32"
    line = "trial 7 complete 0.7500 (3 epochs, 1.2 s)"
    assert wording.result(told(3), {"layers"}) == f"{line} · units 8"
    assert wording.result(told(3), {"layers", "units"}) == line


def test_values_by_layer() -> None:
    """A number at the end of a parameter's own name is not that of a layer."""
    given = {"layers": 2, "learning_rate": 0.1, "beta_1": 0.9, "units_1": 64, "units_2": 32, "beta_2": 0.99}
    shared, layered = wording.by_layer(given)
    assert shared == {"layers": 2, "learning_rate": 0.1, "beta_1": 0.9, "beta_2": 0.99}
    assert layered == {"units": [64, 32]}


def test_a_layer_that_has_no_value_keeps_its_place() -> None:
    given = {"layers": 4, "units": 8, "alpha_dropout_3": True, "dropout_2": 0.1, "dropout_4": 0.5}
    assert wording.by_layer(given)[1] == {"alpha_dropout": ["·", "·", True], "dropout": ["·", 0.1, "·", 0.5]}
    assert wording.values(given) == "layers 4 · units 8 · alpha_dropout ·-·-yes · dropout ·-0.1-·-0.5"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5399, "1 h 30 min"),
        (7200, "2 h 0 min"),
    ],
)
def test_a_duration(seconds: float, shown: str) -> None:
    assert wording.duration(seconds) == shown


def test_the_states_that_occurred() -> None:
    counts = {State.FAILED: 1, State.COMPLETE: 31, State.DIVERGED: 0, State.PRUNED: 12}
    assert wording.states(counts) == "31 complete · 12 pruned · 1 failed"
    assert wording.states({}) == ""


def test_what_did_not_complete_is_counted_too() -> None:
    counts = {State.FAILED: 1, State.COMPLETE: 31, State.DIVERGED: 0, State.PRUNED: 12}
    assert wording.tally(counts) == "44 trials, 12 pruned, 1 failed"
    assert wording.tally({State.COMPLETE: 1}) == "1 trial"
    assert wording.tally({State.DIVERGED: 2}) == "2 trials, 2 diverged"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(16, "trial 7 · a · bb"), (15, "trial 7 · a · …"), (14, "trial 7 · …"), (3, "trial 7 · …")],
)
def test_a_line_is_cut_between_its_parts(width: int, shown: str) -> None:
    assert wording.fitting("trial 7 · a · bb", width) == shown
    assert wording.fitting("trial 7", width) == "trial 7"


def told(epochs: int, state: State = State.COMPLETE, error: str | None = None) -> Result:
    score = None if state is State.FAILED else 0.75
    return Result(
        Trial(7, {"layers": 1, "units_1": 8}, 0, 3), state, score, history=({},) * epochs, seconds=1.23, error=error
    )


def test_a_finished_trial() -> None:
    assert wording.result(told(3)) == "trial 7 complete 0.7500 (3 epochs, 1.2 s) · layers 1 · units 8"


def test_what_a_trial_scored_before_it_diverged_is_not_told() -> None:
    assert wording.result(told(3, State.DIVERGED)) == "trial 7 diverged after 3 epochs (1.2 s) · layers 1 · units 8"


def test_one_epoch_is_one_epoch() -> None:
    assert wording.result(told(1, State.PRUNED)) == (
        "trial 7 pruned after 1 epoch, its best was 0.7500 (1.2 s) · layers 1 · units 8"
    )


@pytest.mark.parametrize(
    ("epochs", "parent", "trained"),
    [(3, 2, "epochs 4 to 6, on from trial 2"), (1, 2, "epoch 4, on from trial 2"), (2, None, "epochs 4 to 5")],
)
def test_one_that_went_on_from_another_counts_the_epochs_of_that(epochs: int, parent: int | None, trained: str) -> None:
    made = told(epochs)
    later = replace(made, trial=replace(made.trial, first_epoch=4, parent=parent), best_epoch=4)
    assert wording.result(later, {"layers", "units"}) == f"trial 7 complete 0.7500 ({trained}, 1.2 s)"
    assert wording.epoch(later) == f"4/{3 + epochs}"


def test_a_failed_trial_says_of_what() -> None:
    error = "Traceback (most recent call last):\n  …\nValueError: no such layer\n"
    assert wording.result(told(0, State.FAILED, error)) == "trial 7 failed: ValueError: no such layer"
    assert wording.result(told(0, State.FAILED)) == "trial 7 failed: no reason known"


def test_the_last_line_of_an_error() -> None:
    assert wording.last_line("a\nb\n\n") == "b"
    assert wording.last_line(" \n") == ""


def test_one_has_no_plural() -> None:
    assert [wording.count(number, "trial") for number in (0, 1, 2, 1000)] == [
        "0 trials",
        "1 trial",
        "2 trials",
        "1,000 trials",
    ]
