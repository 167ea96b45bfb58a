"""Weights are held to the record before they become a model: what they give in Keras is what they were scored by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from tests import packings
from tests.packings import Network
from tuner import packaging
from tuner.data.split import Split
from tuner.errors import ExportError
from tuner.metrics import Array, Task
from tuner.packaging import Unfaithful
from tuner.sections import TrainingSection
from tuner.trainers import processes, weights
from tuner.trainers.work import Work
from tuner.trial import Objective, Result, State, Trial

TRIAL = Trial(3, {"layers": 0}, 7, 1)


@dataclass
class Records:
    """Makes results of one network, whose record says what the test wants."""

    work: Work
    network: Network
    made: int = 0

    def result(self, trainer: str = "stacked", outputs: Array | None = None, **off: float) -> Result:
        """With metrics that are `off` by so much, and these `outputs` beside the weights."""
        self.made += 1
        path = weights.save(self.work.files / f"{self.made}.npz", self.network.weights, outputs)
        metrics = {name: value + off.get(name, 0.0) for name, value in self.network.metrics.items()}
        score = metrics[self.work.objective.metric]
        return Result(TRIAL, State.COMPLETE, score, 1, (metrics,), weights=path, program={"trainer": trainer})

    def refusals(self, *results: Result) -> list[str]:
        """A line for each, which is empty where nothing is wrong."""
        return [str(error or "") for error in processes.call(packings.refusals, self.work, results)]


@pytest.fixture
def records(saved_split: Callable[[str], Path], tmp_path: Path) -> Callable[..., Records]:
    def make(name: str, metric: str, threshold: int | None = None) -> Records:
        goal = "maximize" if metric == "val_accuracy" else "minimize"
        work = Work(TrainingSection(), Objective(metric, goal), saved_split(name), tmp_path / "weights")
        return Records(work, processes.call(packings.begun, work, TRIAL, threshold))

    return make


def test_what_a_stack_gave_is_what_keras_gives(records: Callable[..., Records], tmp_path: Path) -> None:
    made = records("wine", "val_accuracy")
    right, off = made.network.outputs, made.network.outputs + 1e-4
    faithful, shifted, alone = made.refusals(
        made.result(outputs=right), made.result(outputs=off), made.result("plain", outputs=off)
    )
    assert faithful == ""
    assert shifted == alone
    assert shifted == "trial 3: in Keras its predictions are up to 1.0e-04 away from those that it was scored by"
    # One from a stack has another way to a model; for one from Keras itself there is none.
    with pytest.raises(Unfaithful, match=r"^trial 3: in Keras") as caught:
        processes.call(packings.model, made.work, made.result(outputs=off), tmp_path / "model")
    assert caught.value.trials == (3,)
    with pytest.raises(ExportError, match=r"^trial 3: in Keras") as refused:
        processes.call(packings.model, made.work, made.result("plain", outputs=off), tmp_path / "model")
    assert not isinstance(refused.value, Unfaithful)
    assert not list(tmp_path.glob("*model*"))


@pytest.mark.parametrize("rows", ["breast_cancer", "wine"])
def test_a_row_on_the_threshold_may_fall_either_way(records: Callable[..., Records], rows: str) -> None:
    """Of two classes and of three: the two that are most probable count, not those that come last."""
    made = records(rows, "val_accuracy", threshold=5)
    row = 1 / len(made.network.outputs)
    assert [line[:40] for line in made.refusals(*(made.result(val_accuracy=n * row) for n in (-1, 0, 1)))] == [""] * 3
    for line in made.refusals(made.result(val_accuracy=-2 * row), made.result(val_accuracy=2 * row)):
        assert line.startswith("trial 3: its weights give val_accuracy ")


def test_the_loss_is_held_to_the_record_beside_the_objective(records: Callable[..., Records]) -> None:
    made = records("breast_cancer", "val_accuracy")
    row = 1 / len(made.network.outputs)
    near, loss, accuracy = made.refusals(
        made.result(val_loss=1e-6), made.result(val_loss=1e-3), made.result(val_accuracy=row)
    )
    assert near == ""
    assert loss.startswith("trial 3: its weights give val_loss ")
    assert accuracy.startswith("trial 3: its weights give val_accuracy ")


def test_values_are_held_to_the_record_as_closely_as_they_are_large(records: Callable[..., Records]) -> None:
    made = records("diabetes", "val_rmse")
    size = made.network.metrics["val_rmse"]
    assert size > 10
    right, near, far = made.refusals(
        made.result(outputs=made.network.outputs), made.result(val_rmse=size * 5e-6), made.result(val_rmse=size * 1e-3)
    )
    assert (right, near) == ("", "")
    assert far.startswith("trial 3: its weights give val_rmse ")


@pytest.mark.parametrize(
    ("task", "raw", "share"),
    [
        (Task.BINARY, [[0.2], [0.7], [0.7 + 1e-5], [0.9]], 1 / 4),  # of two rows of each class, one pair
        (Task.BINARY, [[0.2], [0.7], [0.7 + 1e-4], [0.9]], 0.0),
        (Task.MULTICLASS, [[0.6, 0.4], [0.3, 0.7], [0.3, 0.7], [0.1, 0.9]], 1 / 4),
    ],
)
def test_in_an_area_a_pair_of_equal_rows_may_stand_either_way(task: Task, raw: list[list[float]], share: float) -> None:
    split = cast(Split, SimpleNamespace(task=task, y_validation=np.array([0, 0, 1, 1])))
    assert packaging._slack("val_auc", 0.75, split, np.array(raw)) == pytest.approx(share, abs=2e-5)


def test_the_test_rows_are_scored_by_a_metric_that_is_known_of_any_rows() -> None:
    """A model of the user's own may be searched by one of its own."""
    split = cast(Split, SimpleNamespace(task=Task.REGRESSION))
    known, own = Objective("val_r2", "maximize", "last"), Objective("val_mine", "maximize", "last")
    assert packaging._scored(known, split) is known
    assert packaging._scored(own, split) == Objective("val_rmse", "minimize", "last")
