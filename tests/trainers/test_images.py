"""Trials on images: who trains them, that they repeat, what is done to images in training alone, and their model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from tests import packings
from tests.trainers import jobs
from tuner import export
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.packaging import PLOTS, Order, Subject, folder_of, pack
from tuner.study import Study, TrainingSection, from_document
from tuner.trainers import processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.stacked import plan
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Result, State, Trial, Value, derive_seed

CONVOLVED: dict[str, Value] = {
    "conv_layers": 1, "filters_1": 4, "kernel_size_1": 3, "pooling_1": "max", "rotation": 10.0, "shift": 0.1,
    "layers": 1, "units_1": 8, "batch_size": 256,
}  # fmt: skip
SPACE = {
    "conv_layers": {"int": [0, 1]},
    "filters": {"choice": [4, 8], "each": "conv_layers"},
    "rotation": {"choice": [0.0, 10.0], "when": {"conv_layers": 1}},
    "layers": 1,
    "units": {"choice": [8, 16], "each": "layers"},
}


def study() -> Study:
    return from_document("made", {"data": {"source": "sklearn:digits"}, "space": SPACE})


@pytest.fixture
def work(saved_split: Callable[[str], Path], tmp_path: Path) -> Work:
    """The digits, and a plan of a study on them."""
    training, folder = TrainingSection(epochs=2, batch_size=256), saved_split("digits")
    made = plan.plan(study().space, training, plan.Rows.of(Split.open(folder)))
    return Work(training, Objective("val_loss", "minimize"), folder, tmp_path / "weights", made)


def trial(number: int, values: dict[str, Value], epochs: int = 2) -> Trial:
    return Trial(number, values, derive_seed(0, number), epochs)


def trained(work: Work, workers: int, trials: Sequence[Trial], say: Callable[[str], None] = print) -> list[Result]:
    waiting = list(trials)

    def ask(n: int) -> Batch:
        batch = tuple(waiting[:n])
        del waiting[:n]
        return Batch(batch, more=bool(waiting))

    with PoolTrainer(work, workers, say=say) as pool:
        results = list(pool.run(ask, lambda _: set(), lambda: False))
    return sorted(results, key=lambda result: result.trial.number)


def test_a_trial_on_images_has_the_same_score_at_any_number_of_workers(work: Work) -> None:
    dense: dict[str, Value] = {"conv_layers": 0, "layers": 1, "units_1": 8}
    trials = [trial(0, CONVOLVED), trial(1, dense), trial(2, CONVOLVED), trial(3, {**CONVOLVED, "rotation": 0.0})]
    said: list[str] = []
    one, two = trained(work, 1, trials, said.append), trained(work, 2, trials[::-1])
    assert [result.state for result in one] == [State.COMPLETE] * 4, [result.error for result in one]
    assert [result.history for result in one] == [result.history for result in two]
    assert len({result.score for result in one}) == 4
    assert [result.program["trainer"] for result in one] == ["plain", "stacked", "plain", "plain"]
    assert any(line.endswith("the stacked trainer does not know conv_layers") for line in said), said


def test_images_are_moved_in_training_alone(work: Work) -> None:
    """Where nothing is learned, the loss of the train rows is another, and that of the validation rows the same."""
    fixed = {**CONVOLVED, "learning_rate": 0.0, "batch_size": 2000}
    moved, still = (
        processes.call(jobs.fit, work, trial(0, {**fixed, **more})) for more in ({}, {"rotation": 0.0, "shift": 0.0})
    )
    first, second = moved.history
    assert first["val_loss"] == second["val_loss"] == still.history[0]["val_loss"]
    assert still.history[0]["loss"] == still.history[1]["loss"]
    assert len({first["loss"], second["loss"], still.history[0]["loss"]}) == 3


def test_few_rows_go_at_once_through_a_network_that_makes_many_cells_of_each(work: Work) -> None:
    values: dict[str, Value] = {"conv_layers": 1, "filters_1": 2048, "kernel_size_1": 1, "layers": 0}
    assert processes.call(jobs.rows_at_once, work, trial(0, values)) == 2**24 // (8 * 8 * 2048)
    assert processes.call(jobs.rows_at_once, work, trial(0, {"layers": 2, "units": 4096})) == 4096


def test_the_model_of_a_convolutional_trial_takes_raw_images(work: Work, tmp_path: Path) -> None:
    result = processes.call(jobs.fit, work, trial(0, CONVOLVED))
    folder = processes.call(packings.model, work, result, tmp_path / "model")
    assert export.rows_of(folder) == "rows.npz"
    split = Split.open(work.split)
    step: Any = split.preprocessing.steps[0]
    raw = np.asarray(split.x_validation).reshape(-1, 8, 8) * step.scale + step.mean
    told: Array = processes.call(packings.predictions, folder, raw)
    looked = processes.call(jobs.look, work, result)
    np.testing.assert_allclose(told, looked.prediction, atol=1e-5)


def test_the_pictures_of_a_champion_on_images_show_those_that_it_misclassifies(work: Work, tmp_path: Path) -> None:
    result = processes.call(jobs.fit, work, trial(0, CONVOLVED))
    order = Order(Subject(work, "made", "made@1", {}, {}), result, (result,), (result,), {}, 1, "done", {"units": 1.0})
    processes.call(pack, order, tmp_path)
    assert (folder_of(tmp_path, 0) / "model.keras").is_file()
    assert min(imread(tmp_path / PLOTS / "misclassified.png").shape[:2]) > 200
