"""The learning rate of every step, against Keras' own schedules."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.models import networks
from tuner.models.schedule import is_constant, rates
from tuner.trainers import processes
from tuner.trial import Value
from tuner.tunables import SCHEDULES

STEPS = 40


def made(steps: int = STEPS, **values: Value) -> list[float]:
    found = rates(values, steps)
    assert (found.dtype, found.shape) == (np.float32, (steps,))
    return [float(rate) for rate in found]


def test_by_default_every_step_has_the_learning_rate_itself() -> None:
    assert made() == [float(np.float32(0.001))] * STEPS
    assert made(learning_rate=0.3, schedule="constant") == [float(np.float32(0.3))] * STEPS


@pytest.mark.parametrize("schedule", SCHEDULES[1:])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_as_keras_has_it(schedule: str, warmup: float) -> None:
    """Keras' warm-up, where it has one, begins with a step of rate 0; ours is one step ahead of it."""
    values: dict[str, Value] = {"schedule": schedule, "learning_rate": 0.4, "end_rate": 0.05, "warmup": warmup}
    warm = round(warmup * STEPS)
    expected = processes.call(networks.scheduled, values, STEPS - warm)
    found = made(**values)
    assert found[warm:] == pytest.approx(expected, rel=1e-5)
    assert found[:warm] == pytest.approx([0.4 * (step + 1) / warm for step in range(warm)])
    assert len(set(found[warm:])) == STEPS - warm


def test_a_rate_can_grow_and_then_stay() -> None:
    assert made(5, learning_rate=1.0, warmup=0.5) == pytest.approx([0.4, 0.8, 1.0, 1.0, 1.0])
    assert made(4, learning_rate=1.0, warmup=0.01) == [1.0] * 4


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (1, 0.9), (7, 0.3), (1000, 0.999)])
def test_no_step_is_wasted_and_none_goes_beyond(steps: int, warmup: float) -> None:
    for schedule in SCHEDULES:
        found = made(steps, schedule=schedule, learning_rate=0.25, end_rate=1e-6, warmup=warmup)
        assert all(0 < rate <= 0.25 and math.isfinite(rate) for rate in found), schedule


@pytest.mark.parametrize(
    ("values", "constant"),
    [({}, True), ({"warmup": 0.0}, True), ({"warmup": 0.1}, False), ({"schedule": "linear"}, False)],
)
def test_is_constant(values: dict[str, Value], constant: bool) -> None:
    assert is_constant(values) is constant
    assert (len(set(made(**values))) == 1) is constant
