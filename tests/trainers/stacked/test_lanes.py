"""What a trial gives is a function of the study, its values and its seed: bit by bit the same in any lane, beside and
after any others.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from tests.trainers.stacked import cases, comparing, lanes
from tests.trainers.stacked.cases import Values
from tests.trainers.stacked.lanes import Bits
from tuner.trainers import processes
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Trial, derive_seed

# Unlike each other in all that a lane holds.
KINDS: list[Values] = [
    {"layers": 3, "units_1": 16, "units_2": 5, "units_3": 9, "activation": "tanh", "batch_norm": True, "dropout": 0.3,
     "optimizer": "adam", "learning_rate": 0.01},
    {"layers": 1, "units_1": 7, "activation": "relu", "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05},
    {"layers": 2, "units_1": 3, "units_2": 16, "activation_1": "sigmoid", "activation_2": "tanh", "batch_norm_1": False,
     "batch_norm_2": True, "l2": 0.01, "optimizer": "rmsprop", "momentum": 0.5, "learning_rate": 0.003},
    {"layers": 3, "units": 12, "activation": "relu", "dropout_1": 0.0, "dropout_2": 0.5, "dropout_3": 0.1,
     "optimizer": "adadelta", "learning_rate": 1.0, "schedule": "cosine", "end_rate": 0.1, "epochs": 5},
    {"layers": 1, "units": 16, "activation": "sigmoid", "optimizer": "ftrl", "learning_rate": 0.1, "warmup": 0.5,
     "epochs": 2},
]  # fmt: skip
EPOCHS = 3


def made(number: int, epochs: int = EPOCHS, **more: float) -> Trial:
    """A trial that is the same wherever its number is."""
    return Trial(number, {**KINDS[number % len(KINDS)], **more}, derive_seed(3, number), epochs)


SIXTEEN = [made(number) for number in range(16)]
OTHERS = [made(number) for number in range(100, 115)]


@pytest.fixture(scope="module")
def plan(saved_split: Callable[[str], Path]) -> Plan:
    sets = {str(number): values for number, values in enumerate(KINDS)}
    return cases.just_enough(saved_split("wine"), sets, depths={16: (0, 3), 64: (0, 3)})


@pytest.fixture(scope="module")
def arranged(saved_split: Callable[[str], Path], plan: Plan) -> Callable[..., list[list[Bits]]]:
    """Trains each arrangement, a list of groups one after another, in a process for all of them."""

    def train(*arrangements: Sequence[Sequence[Trial]]) -> list[list[Bits]]:
        named = {str(i): arrangement for i, arrangement in enumerate(arrangements)}
        return list(processes.call(lanes.arranged, saved_split("wine"), plan, named).values())

    return train


def test_any_lane_and_any_neighbours(arranged: Callable[..., list[list[Bits]]]) -> None:
    """The trial has the largest number, and so comes last in what is returned."""
    trial = replace(made(0), number=999)
    counts = [OTHERS[:n] for n in (0, 1, 3, 7)]
    first = [[[trial, *others]] for others in counts]
    last = [[[*others, trial]] for others in counts]
    strangers = [[[*OTHERS[7:14], trial]]]
    alone, *rest = [found[-1] for found in arranged(*first, *last, *strangers)]
    assert rest == [alone] * 8


def test_any_number_side_by_side_and_any_process(arranged: Callable[..., list[list[Bits]]]) -> None:
    groups = [[SIXTEEN[start : start + k] for start in range(0, 16, k)] for k in (1, 2, 4, 8, 16)]
    backwards = [SIXTEEN[::-1]]
    alone, *rest = arranged(*groups, backwards)
    assert len(set(alone)) == 16
    assert rest == [alone] * 5
    assert arranged(groups[-1]) == [alone]


def test_a_lane_that_others_were_in(arranged: Callable[..., list[list[Bits]]]) -> None:
    """Every kind of trial comes after every other kind, some of them while a neighbour trains on."""
    long = replace(made(1), number=500, last_epoch=40)
    fresh, *after = arranged(
        [[trial] for trial in SIXTEEN[:5]],
        *[[[*OTHERS[start : start + 8]], SIXTEEN[:5]] for start in range(5)],
        [[long, *OTHERS[:12], *SIXTEEN[:5]]],
    )
    for found in after:
        assert found[:5] == fresh


def test_wider_ones_too(arranged: Callable[..., list[list[Bits]]]) -> None:
    """Four lanes of 64 units."""
    wide = [replace(made(number, units_1=61), number=number) for number in range(4)]
    alone, together, backwards = arranged([[trial] for trial in wide], [wide], [wide[::-1]])
    assert alone == together == backwards


@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_a_neighbour_that_diverges_touches_nobody(rate: float, saved_split: Callable[[str], Path], plan: Plan) -> None:
    folder, trial = saved_split("wine"), made(0, 5)
    wild = [made(number, 5, learning_rate=rate) for number in range(101, 108)]
    quiet, _ = processes.call(lanes.beside, folder, plan, trial, [])
    found, neighbours = processes.call(lanes.beside, folder, plan, trial, wild)
    assert found.bits == quiet.bits
    assert found.finite
    lost = [not each.finite for each in neighbours]
    assert any(lost)
    for each in neighbours:
        assert each.finite == all(np.isfinite(tensor).all() for tensor in each.weights)


def test_a_lane_is_sound_after_one_that_diverged(arranged: Callable[..., list[list[Bits]]]) -> None:
    wild = [made(number, 5, learning_rate=1e30) for number in range(100, 108)]
    fresh, after = arranged([SIXTEEN[:8]], [wild, SIXTEEN[:8]])
    assert after[:8] == fresh


def test_the_weights_of_an_epoch_are_those_of_a_training_that_ends_there(
    saved_split: Callable[[str], Path], plan: Plan
) -> None:
    """So that those of the best epoch can be kept while the trial goes on."""
    found = processes.call(lanes.kept, saved_split("wine"), plan, made(0, 4), OTHERS[:3])
    assert len(found) == 4
    for given, ended in found:
        assert all(np.array_equal(one, other) for one, other in zip(given, ended, strict=True))
    assert not np.array_equal(found[0][0][0], found[1][0][0])


def test_one_that_goes_on_is_in_any_lane_what_the_whole_would_have_been(
    saved_split: Callable[[str], Path], plan: Plan
) -> None:
    """Bit by bit, where the optimizer has nothing to remember: with the rows, draws and rates of the true epochs."""
    values: Values = {"layers": 3, "units_1": 16, "units_2": 5, "units_3": 9, "activation": "tanh", "batch_norm": True,
                      "dropout": 0.3, "optimizer": "sgd", "learning_rate": 0.05, "schedule": "cosine",
                      "epochs": 5}  # fmt: skip
    whole = Trial(776, values, 11, last_epoch=5)
    found, later = processes.call(lanes.gone_on, saved_split("wine"), plan, whole, 3, OTHERS[:7])
    assert len(found.history) == 5
    for words, each in later.items():
        assert each.history == found.history[2:], words
        assert all(np.array_equal(*pair) for pair in zip(each.weights, found.weights, strict=True)), words


def test_a_refilled_lane_as_keras(saved_split: Callable[[str], Path], plan: Plan) -> None:
    """More trials than lanes, of different lengths, so that lanes are refilled while others train on."""
    length = cycle([1, 8, 2, 5, 3])
    before = [replace(each, last_epoch=next(length)) for each in OTHERS]
    trials = [made(number, 8) for number in range(5)]
    found = processes.call(comparing.compared, saved_split("wine"), plan, trials, before)
    assert all(each.agrees() for each in found)


def test_workers_share_the_rows(tmp_path: Path, saved_split: Callable[[str], Path], plan: Plan) -> None:
    """None of them has a copy."""
    folder = shutil.copytree(saved_split("wine"), tmp_path / "split")
    assert processes.call(lanes.shared, folder, plan) == [True, True]
