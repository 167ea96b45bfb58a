"""What the outputs of a network for several classes mean, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tuner import metrics
from tuner.models.outputs import probabilities, shares

WHOLE = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], np.float32)


def test_what_sums_to_one_stays_as_it_is() -> None:
    """To the last bit, as a softmax is what it was before there were other outputs."""
    assert probabilities(WHOLE) is WHOLE
    mixed = np.vstack([WHOLE, [[0.5, 0.5, 0.5]]]).astype(np.float32)
    assert probabilities(mixed)[:2].tobytes() == WHOLE.tobytes()


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([0.9, 0.6, 0.5], [0.45, 0.3, 0.25]),
        ([0.1, 0.0, 0.0], [1.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]),
        ([1.0, 1.0], [0.5, 0.5]),
    ],
)
def test_others_are_shares_of_their_sum(outputs: list[float], expected: list[float]) -> None:
    found = probabilities(np.array([outputs], np.float32))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(expected, abs=1e-5)
    assert shares(np.array([outputs], np.float32), np) == pytest.approx(found, abs=1e-5)


def test_the_class_is_that_of_the_largest_output_and_the_log_loss_that_of_its_share() -> None:
    found = probabilities(np.array([[0.9, 0.6, 0.5], [0.1, 0.2, 0.1]], np.float32))
    assert metrics.classes_of(found).tolist() == [0, 1]
    assert metrics.log_loss(np.array([1, 1]), found) == pytest.approx(-(np.log(0.3) + np.log(0.5)) / 2, rel=1e-5)


def test_what_is_no_number_is_none_afterwards() -> None:
    assert np.isnan(probabilities(np.array([[np.nan, 0.5]], np.float32))).all()
