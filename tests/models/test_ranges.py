"""What KerasTuner's hyperparameters may be is what our parameters may be, value for value."""

from __future__ import annotations

import math
import random
from typing import Any

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner import own_entries
from tuner.models import ranges
from tuner.parameters import Choice, Float, Int, Parameter

KINDS = keras_tuner.engine.hyperparameters
WHOLE = st.integers(1, 5000)


def ours(hp: Any) -> Parameter:
    return own_entries.read({"name": "x", **ranges.entry(hp)}).parameter()


@st.composite
def stepped_ints(draw: st.DrawFn) -> Any:
    low, high = sorted((draw(WHOLE), draw(WHOLE)))
    sampling = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    return KINDS.Int("x", low, high, step=draw(st.integers(2, 60)), sampling=sampling)


@given(stepped_ints())
def test_stepped_integers_are_equal_as_sets(hp: Any) -> None:
    listed = [int(value) for value in hp.values]
    assert list(ours(hp).choices()) == sorted(set(listed))
    assert {hp.prob_to_value(share / 500) for share in range(500)} <= set(ours(hp).choices())


@st.composite
def stepped_floats(draw: st.DrawFn) -> Any:
    step = draw(st.sampled_from([0.05, 0.1, 0.25, 0.3, 1.5]))
    low = draw(st.integers(-20, 20)) * 0.05
    return KINDS.Float("x", round(low, 2), round(low + step * draw(st.integers(1, 12)), 2), step=step)


@given(stepped_floats())
def test_stepped_floats_are_equal_but_for_a_last_one_that_kerastuner_loses(hp: Any) -> None:
    mine, listed = list(ours(hp).choices()), list(hp.values)
    assert len(listed) <= len(mine) <= len(listed) + 1
    assert mine[: len(listed)] == pytest.approx(listed, abs=1e-9)
    assert mine[-1] == pytest.approx(hp.max_value, abs=1e-9) or mine[-1] + hp.step > hp.max_value


@given(
    st.floats(1e-5, 1.0), st.floats(1.5, 1e5), st.sampled_from([1.5, 2, 10]), st.sampled_from(["log", "reverse_log"])
)
def test_floats_that_are_multiplied_are_equal_as_sets(low: float, times: float, step: float, sampling: str) -> None:
    hp = KINDS.Float("x", low, low * times, step=step, sampling=sampling)
    assert sorted(ours(hp).choices()) == pytest.approx(sorted(set(hp.values)), rel=1e-9)  # type: ignore[type-var]


@pytest.mark.parametrize("sampling", ["linear", "log", "reverse_log"])
@pytest.mark.parametrize("kind", ["Int", "Float"])
def test_what_has_no_step_is_drawn_as_kerastuner_draws_it(kind: str, sampling: str) -> None:
    hp = getattr(KINDS, kind)("x", 4, 400, sampling=sampling)
    mine, dice = ours(hp), random.Random(0)
    assert isinstance(mine, Int | Float)
    shares = [dice.random() for _ in range(4000)]
    theirs = sorted(hp.prob_to_value(share) for share in shares)
    drawn = sorted(float(mine.at(share)) for share in shares)
    assert all(value in mine for value in theirs)
    assert (mine.low, mine.high, drawn[0] < 5, drawn[-1] > 398) == (4, 400, True, True)
    # Halves, the middle and the tails lie where KerasTuner's do.
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert drawn[int(share * 4000)] == pytest.approx(theirs[int(share * 4000)], abs=4 + 0.02 * 400)


@pytest.mark.parametrize(
    ("hp", "options", "ordered"),
    [
        (KINDS.Choice("x", ["b", "a", "b"]), ("b", "a"), False),
        (KINDS.Choice("x", [3, 1, 2]), (3, 1, 2), True),
        (KINDS.Choice("x", [3, 1, 2], ordered=False), (3, 1, 2), False),
        (KINDS.Choice("x", [True, False]), (1, 0), True),  # as KerasTuner itself has them
        (KINDS.Choice("x", [0.5]), (0.5,), False),
        (KINDS.Boolean("x", default=True), (False, True), False),
        (KINDS.Fixed("x", "so"), ("so",), False),
        (KINDS.Fixed("x", False), (False,), False),
        (KINDS.Int("x", 7, 7), (7,), False),
        (KINDS.Float("x", 2, 2), (2.0,), False),
    ],
)
def test_words_and_single_values(hp: Any, options: tuple[Any, ...], ordered: bool) -> None:
    mine = ours(hp)
    assert isinstance(mine, Choice)
    assert [(type(v), v) for v in mine.options] == [(type(v), v) for v in options]
    assert mine.ordered is ordered


def test_numbers_of_a_grid_are_the_decimal_ones() -> None:
    assert ours(KINDS.Float("x", 1e-3, 10, step=10, sampling="log")).choices() == (0.001, 0.01, 0.1, 1.0, 10.0)
    assert ours(KINDS.Float("x", 0.1, 3, step=3, sampling="log")).choices() == (0.1, 0.3, 0.9, 2.7)
    assert math.isclose(float(ours(KINDS.Float("x", 0.1, 0.6, step=0.1)).choices()[-1]), 0.6)
