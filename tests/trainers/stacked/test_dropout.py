"""The dice of dropout: that the masks are fair, that nothing in them is like anything else in them, and that networks
trained with them are as good as Keras' own.

The seeds are fixed, so that a test passes always or never. Bounds are so wide that masks drawn at random would fail
one test in a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.trainers.stacked import cases, dice
from tests.trainers.stacked.cases import Values
from tuner.metrics import Array
from tuner.trainers import processes
from tuner.trainers.stacked import dropout
from tuner.trial import derive_seed

ONE_IN_A_MILLION = 1e-6
SEEDS, STEPS, LAYERS, ROWS, UNITS = 6, 12, 4, 32, 40
RATES = (0.05, 0.1, 0.25, 0.5, 0.6, 0.9)


def hashes(seed: int, steps: int = STEPS, layers: int = LAYERS, rows: int = ROWS, units: int = UNITS) -> Array:
    """What is compared with the threshold, uint32 (steps, layers, rows, units)."""
    keys = dropout.keys(seed, layers, 0, steps)
    return dropout.mixed(dropout.places(rows, units) ^ keys[:, :, None, None])


@pytest.fixture(scope="module")
def drawn() -> Array:
    """For several trials, uint32 (trials, steps, layers, rows, units)."""
    return np.stack([hashes(derive_seed(0, trial)) for trial in range(SEEDS)])


def surprise(counts: Array, expected: Array) -> float:
    """The probability of counts as uneven as these, by Pearson's chi-square; those expected are known."""
    found = float(((counts - expected) ** 2 / expected).sum())
    return float(stats.chi2.sf(found, counts.size))


@pytest.mark.parametrize("rate", RATES)
def test_a_share_as_large_as_the_rate_is_dropped(rate: float, drawn: Array) -> None:
    """Altogether, and in every trial, step, layer, row and unit."""
    dropped = drawn < np.uint32(dropout.threshold(rate))
    spread = math.sqrt(rate * (1 - rate) / dropped.size)
    assert abs(dropped.mean() - rate) < stats.norm.isf(ONE_IN_A_MILLION / 2) * spread
    for axis in range(drawn.ndim):
        counts = np.moveaxis(dropped, axis, 0).reshape(drawn.shape[axis], -1).sum(axis=1)
        n = dropped.size / drawn.shape[axis]
        # The variance of a count is that of a Poisson one times 1 − rate.
        assert surprise(n * rate + (counts - n * rate) / math.sqrt(1 - rate), np.full(len(counts), n * rate)) > 1e-6


def test_every_bit_is_fair(drawn: Array) -> None:
    """The threshold looks at the upper bits only, but a bias of the lower ones would show a hash that is no hash."""
    for bit in range(32):
        ones = int((drawn >> np.uint32(bit) & 1).sum())
        assert abs(ones - drawn.size / 2) < stats.norm.isf(ONE_IN_A_MILLION / 64) * math.sqrt(drawn.size) / 2


@pytest.mark.parametrize("axis", range(5), ids=["trials", "steps", "layers", "rows", "units"])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_neighbours_of_every_kind_are_independent(rate: float, axis: int, drawn: Array) -> None:
    """The four pairs of dropped and kept are as frequent as two dice make them, at every distance along the axis."""
    dropped = np.moveaxis(drawn < np.uint32(dropout.threshold(rate)), axis, 0)
    for apart in range(1, len(dropped)):
        one, other = dropped[apart:].ravel(), dropped[:-apart].ravel()
        both, first, second = (int(each.sum()) for each in (one & other, one & ~other, other & ~one))
        counts = np.array([both, first, second, one.size - both - first - second])
        chances = np.array([rate**2, rate * (1 - rate), rate * (1 - rate), (1 - rate) ** 2])
        assert surprise(counts, one.size * chances) > ONE_IN_A_MILLION / len(dropped), apart


def test_masks_of_different_keys_are_not_each_other_moved() -> None:
    """Masks are the same places under other keys. In no two of them is the order of units the same, wherever the one
    is laid on the other: by any number of units, or with any two units of a power of two apart exchanged.
    """
    masks = (hashes(5, steps=40, layers=2) < np.uint32(2**31)).reshape(80, -1).astype(np.int64) * 2 - 1
    n = masks.shape[1]
    bound = stats.norm.isf(ONE_IN_A_MILLION / 2 / (80 * 80 * 2 * n)) * math.sqrt(n)
    spectra = np.fft.rfft(masks, axis=1)
    for i in range(len(masks)):
        moved = np.fft.irfft(spectra[i + 1 :] * spectra[i].conj(), n, axis=1)
        assert moved.size == 0 or abs(moved).max() < bound
        for bit in range(10):
            exchanged = masks[:, np.arange(1024) ^ (1 << bit)]
            assert i + 1 == len(masks) or abs(exchanged[i + 1 :] @ masks[i, :1024]).max() < bound


def test_no_two_places_are_one() -> None:
    """Up to the largest batch and the widest layer."""
    rows = np.array([0, 1, 2, 65535, 65536, 2**20 - 1], dtype=np.uint32)
    units = np.arange(2048, dtype=np.uint32)
    every = np.concatenate([dropout.mixed((row << np.uint32(12) | units) + np.uint32(1)) for row in rows])
    assert len(np.unique(every)) == every.size
    assert np.array_equal(dropout.places(3, 2048), every.reshape(6, -1)[:3])


def test_a_place_hangs_on_no_padding() -> None:
    """So that a trial has the same masks in a program for wider networks and larger batches."""
    assert np.array_equal(dropout.places(64, 128)[:5, :7], dropout.places(5, 7))
    few, many = dropout.keys(9, 2, 0, 10), dropout.keys(9, 5, 0, 10)
    assert np.array_equal(few, many[:, :2])
    assert np.array_equal(dropout.keys(9, 2, 4, 3), few[4:7])
    assert len(np.unique(np.concatenate([dropout.keys(seed, 10, 0, 500).ravel() for seed in range(10)]))) > 49_950


@pytest.mark.parametrize("rate", [0.0, *RATES, 1 - 2**-53])
def test_a_threshold(rate: float) -> None:
    found = dropout.threshold(rate)
    assert 0 <= found < 2**32
    assert found == pytest.approx(rate * 2**32, abs=1)


def test_what_else_is_drawn_has_nothing_to_do_with_masks() -> None:
    """Slopes and masks of one layer, and masks of inputs and of the first layer, are as frequent together as apart."""
    keys = dropout.keys(derive_seed(0, 1), LAYERS, 0, 40)[..., None, None]
    places = dropout.places(ROWS, UNITS)
    masks, slopes = (dropout.mixed(places ^ key) for key in (keys, dropout.other(keys, dropout.SLOPES)))
    inputs = dropout.mixed(dropout.cells(ROWS, UNITS) ^ dropout.other(keys, dropout.INPUTS))
    for one, other in ((masks, slopes), (masks, inputs), (slopes, inputs)):
        counts, *_ = np.histogram2d(one.ravel() / 2**32, other.ravel() / 2**32, bins=8, range=[[0, 1], [0, 1]])
        assert surprise(counts.ravel(), np.full(64, one.size / 64)) > ONE_IN_A_MILLION
    assert len(np.unique(dropout.cells(64, 5000))) == 64 * 5000
    assert np.array_equal(dropout.cells(64, 128)[:5], dropout.cells(5, 128))


def test_the_program_has_the_same_masks(saved_split: Callable[[str], Path]) -> None:
    """Exactly, and what is kept is 1 / (1 − rate) times as large."""
    values: Values = {"layers": 3, "units_1": 5, "units_2": 16, "units_3": 9, "dropout_1": 0.25, "dropout_2": 0.0,
                      "dropout_3": 0.9}  # fmt: skip
    plan = cases.just_enough(saved_split("wine"), {"": values})
    found, expected = processes.call(dice.masks, plan, values, 11)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)
    assert set(np.unique(found[0])) == {0.0, np.float32(4 / 3)}
    assert np.array_equal(found[1], np.broadcast_to(np.arange(16) < 16, found[1].shape))
    assert not found[0][:, 5:].any()


SOME_DICE: Values = {"activation": "relu", "dropout": 0.5}
ALL_DICE: Values = {"activation": "rrelu", "dropout_1": 0.4, "dropout_2": 0.4, "alpha_dropout_1": True,
                    "alpha_dropout_2": False, "input_dropout": 0.3, "input_scaling": "unit"}  # fmt: skip


def losses(folder: Path, seeds: int, dice_: Values = SOME_DICE) -> tuple[Array, Array]:
    values: Values = {"layers": 2, "units_1": 16, "units_2": 8, "optimizer": "adam", "learning_rate": 0.01, **dice_}
    plan = cases.just_enough(folder, {"": values}, epochs=6)
    return processes.call(dice.losses, folder, plan, values, seeds)


def apart(one: Array, other: Array) -> float:
    """The difference of two means in standard errors."""
    error = math.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float(abs(one.mean() - other.mean()) / error)


def test_as_good_as_keras_own_dropout(saved_split: Callable[[str], Path]) -> None:
    """The mean validation loss of 12 seeds. Were both the same, one choice of seeds in 16,000 would fail (Student's t
    with 22 degrees of freedom beyond 4.9); networks without dropout fail by far.
    """
    stacked, keras = losses(saved_split("wine"), 12)
    assert apart(stacked, keras) < 4.9


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("own", [SOME_DICE, ALL_DICE])
def test_as_good_as_keras_own_dropout_in_50_seeds(own: Values, saved_split: Callable[[str], Path]) -> None:
    """Mean and spread. One choice of seeds in 1,000 would fail the first (t beyond 3.4 at 98 degrees of freedom), and
    one in 1,000 the second (F beyond 2.6 or below 1 / 2.6 at 49 and 49).
    """
    stacked, keras = losses(saved_split("wine"), 50, own)
    assert apart(stacked, keras) < 3.4
    assert 1 / 2.6 < stacked.var(ddof=1) / keras.var(ddof=1) < 2.6
