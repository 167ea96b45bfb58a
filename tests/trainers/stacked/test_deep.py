"""Wide networks of many layers, whose layers are in a loop: as Keras has them, whatever their shapes, and bit by bit
the same after any others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.stacked import cases, comparing, lanes
from tests.trainers.stacked.cases import Values
from tuner.metrics import Task
from tuner.study import from_document
from tuner.trainers import processes
from tuner.trainers.stacked.plan import Plan, Rows, levels, sides
from tuner.trainers.stacked.plan import plan as planned
from tuner.trial import Trial, derive_seed

DEPTHS = {128: (0, 6)}
SETS: dict[str, Values] = {
    "one layer": {"layers": 1, "units_1": 100, "activation_1": "tanh", "optimizer": "sgd", "learning_rate": 0.1},
    "as many as there are": {
        "layers": 6, "units_1": 128, "units_2": 60, "units_3": 90, "units_4": 128, "units_5": 96, "units_6": 20,
        "activation": "tanh", "activation_3": "sigmoid", "dropout_2": 0.2, "dropout_5": 0.1, "l2": 0.001,
        "optimizer": "adam", "learning_rate": 0.001,
    },
    "between": {
        "layers": 4, "units_1": 120, "units_2": 128, "units_3": 96, "units_4": 96, "activation": "elu",
        "activation_2": "tanh", "l1": 0.0001, "optimizer": "sgd", "momentum": 0.8, "learning_rate": 0.01,
    },
    "narrow": {
        "layers": 5, "units_1": 8, "units_2": 8, "units_3": 64, "units_4": 128, "units_5": 9, "activation": "sigmoid",
        "activation_4": "leaky_relu", "negative_slope_4": 0.3, "dropout_4": 0.3, "alpha_dropout_4": True,
        "optimizer": "adadelta", "learning_rate": 1.0,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(saved_split: Callable[[str], Path]) -> Plan:
    made = cases.just_enough(saved_split("wine"), SETS, depths=DEPTHS)
    assert {made.bucket(values).loops(made.traits) for values in SETS.values()} == {True}
    return made


@pytest.mark.parametrize(
    ("more", "loops"),
    [
        ({}, True),
        ({"dropout": {"float": [0.0, 0.5], "each": "layers"}, "l1": 0.1}, True),
        ({"units": {"int": [8, 96]}}, False),
        ({"units": {"int": [8, 256]}}, True),
        ({"layers": {"int": [0, 4]}}, False),
        ({"batch_norm": {"choice": [False, True]}}, False),
        ({"clipnorm": {"float": [0.1, 1.0]}}, False),
        ({"activation": {"choice": ["relu", "prelu"], "each": "layers"}}, False),
    ],
)
def test_one_program_has_all_that_are_in_a_loop(more: Mapping[str, Any], loops: bool) -> None:
    """And what a loop has no term for, or what does not pay for one, is in programs for fewer layers."""
    space = {"layers": {"int": [0, 10]}, "units": {"int": [8, 128], "each": "layers"}, **more}
    document = {"data": {"source": "sklearn:wine"}, "space": space, "training": {"epochs": 50, "batch_size": 32}}
    study = from_document("made", document)
    made = planned(study.space, study.training, Rows(Task.BINARY, 8, 2, 491, 154))
    looped = {
        width
        for width, depths in made.depths.items()
        if made.bucket({"layers": depths[-1], "units": width}).loops(made.traits)
    }
    assert looped == ({128} if loops else set())
    assert all((made.depths[width] == (0, 10)) == (width in looped) for width in made.depths)


def test_every_shape_is_there() -> None:
    """Among the sets above: a kernel that is cut in a wrong place is in one of them."""
    known = levels(128)
    units = [[values.get(f"units_{layer}") for layer in range(1, 7)] for values in SETS.values()]
    level = [[min(each for each in known if each >= int(one)) for one in own if one] for own in units]
    assert {pair for own in level for pair in pairwise(own)} >= {*sides(128)} - {(64, 96), (96, 64), (96, 128)}


@pytest.mark.timeout(600)
def test_as_keras(saved_split: Callable[[str], Path], plan: Plan) -> None:
    trials = cases.trials(SETS, plan.epochs)
    for words, found in zip(SETS, processes.call(comparing.compared, saved_split("wine"), plan, trials), strict=True):
        assert found.agrees(), (words, found.distance, found.rounding)
        assert found.sliced <= 1e-5, words


def test_whatever_was_trained_before(saved_split: Callable[[str], Path], plan: Plan) -> None:
    """Deeper and wider ones, and one whose weights are not finite in the end."""
    made = {words: Trial(n, values, derive_seed(3, n), 2) for n, (words, values) in enumerate(SETS.items())}
    few, many = made["one layer"], made["as many as there are"]
    wild = replace(many, number=99, values={**many.values, "optimizer": "sgd", "learning_rate": 1e30})
    narrow = made["narrow"]
    found = processes.call(
        lanes.arranged,
        saved_split("wine"),
        plan,
        {"alone": [[few]], "last": [[many], [wild], [few]], "other": [[narrow]], "after": [[wild], [few], [narrow]]},
    )
    assert found["last"][0] == found["alone"][0]
    assert found["after"][1] == found["other"][0]


def test_what_is_not_compiled_gives_the_same(saved_split: Callable[[str], Path], plan: Plan) -> None:
    """But for rounding: where XLA cannot keep what it makes, TensorFlow runs the graph."""
    trial = Trial(0, SETS["narrow"], 5, last_epoch=1)
    compiled, plain = processes.call(lanes.plainly, saved_split("wine"), plan, trial)
    for one, other in zip(compiled.weights, plain.weights, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
