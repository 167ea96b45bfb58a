"""Early stopping, against what a person gets with pencil and paper."""

from __future__ import annotations

import pytest

from tuner.sections import EarlyStopping
from tuner.trainers.patience import Patience
from tuner.trial import Objective

RISING = Objective("val_accuracy", "maximize")
FALLING = Objective("val_loss", "minimize")

# Values of the objective, the rule, and the epoch at which the trial ends.
CASES = [
    ([0.5, 0.6, 0.6, 0.7, 0.7, 0.7], 2, 0.0, RISING, 6),  # best in 4, then two that are only as good
    ([0.5, 0.4, 0.3], 1, 0.0, RISING, 2),
    ([0.5, 0.4, 0.6, 0.5, 0.4], 2, 0.0, RISING, 5),  # the better third epoch begins the count anew
    ([0.5, 0.59, 0.61, 0.7], 2, 0.125, RISING, 3),  # both miss 0.625
    ([0.5, 0.59, 0.64, 0.7], 2, 0.125, RISING, None),  # 0.64 is better by more than 0.125, and 0.7 has one to go
    ([0.5, 0.625, 0.625], 2, 0.125, RISING, 3),  # better by exactly min_delta is not enough
    ([1.0, 0.9, 0.95, 0.9], 2, 0.0, FALLING, 4),
    ([1.0, 0.9, 0.8, 0.7], 1, 0.0, FALLING, None),
    ([1.0, 0.9, 0.88, 0.7], 2, 0.125, FALLING, 3),  # both miss 0.875
    ([1.0, 0.9, 0.86, 0.7], 2, 0.125, FALLING, None),
    ([1.0, 0.875, 0.875], 2, 0.125, FALLING, 3),
    ([-1.0, -2.0, -3.0], 2, 0.0, RISING, 3),
    ([0.0, 0.0], 1, 0.0, FALLING, 2),
]


@pytest.mark.parametrize(("values", "patience", "min_delta", "objective", "expected"), CASES)
def test_it_runs_out_when_it_should(
    values: list[float], patience: int, min_delta: float, objective: Objective, expected: int | None
) -> None:
    watch = Patience(EarlyStopping(patience=patience, min_delta=min_delta), objective)
    ends = [epoch for epoch, value in enumerate(values, 1) if watch.runs_out(value)]
    assert (ends[0] if ends else None) == expected


def test_without_a_patience_it_never_does() -> None:
    watch = Patience(EarlyStopping(), RISING)
    assert not any(watch.runs_out(0.5) for _ in range(100))
