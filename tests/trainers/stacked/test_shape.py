"""Networks named by a shape train in a stack, as those do that have as many layers of as many units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.trainers.stacked import cases, lanes
from tuner.trainers import processes
from tuner.trial import Trial

SHAPE = {"shape": "7-5", "activation": "tanh"}
LAYERS = {"layers": 2, "units_1": 7, "units_2": 5, "activation": "tanh"}


def test_a_shape_gives_bit_by_bit_what_layers_and_units_give(saved_split: Callable[[str], Path]) -> None:
    folder = saved_split("wine")
    plan = cases.planned(folder, {"shape": {"choice": ["7-5", "90-5-5"]}, "activation": "tanh"}, epochs=2)
    assert plan.reason(SHAPE) is None
    assert plan.reason({**SHAPE, "shape": "90-5-5"}) is None
    assert plan.bucket(SHAPE) == plan.bucket(LAYERS)
    one, other = ([[Trial(0, values, 7, 2)]] for values in (SHAPE, LAYERS))
    found = processes.call(lanes.arranged, folder, plan, {"shape": one, "layers": other})
    assert found["shape"] == found["layers"]
