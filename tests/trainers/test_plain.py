"""One Keras model at a time: what is trained, how it is scored, what is kept. All of it in workers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from tests.trainers import jobs
from tuner import metrics, replay
from tuner.data.split import Split
from tuner.metrics import Array, Task
from tuner.models.schedule import rates
from tuner.study import EarlyStopping, TrainingSection, from_document
from tuner.trainers import processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.stacked import plan
from tuner.trainers.work import Work
from tuner.trial import Batch, Objective, Result, State, Trial, Value, derive_seed
from tuner.watch import Watch

ACCURACY = Objective("val_accuracy", "maximize")


@pytest.fixture
def make_work(saved_split: Callable[[str], Path], tmp_path: Path) -> Callable[..., Work]:
    def make(name: str, objective: Objective = ACCURACY, **training: object) -> Work:
        return Work(TrainingSection(**training), objective, saved_split(name), tmp_path / "weights")  # type: ignore[arg-type]

    return make


def trial(epochs: int, /, **values: Value) -> Trial:
    return Trial(3, {"layers": 1, "units": 8, **values}, derive_seed(0, 3), epochs)


def fit(work: Work, trial: Trial) -> Result:
    return processes.call(jobs.fit, work, trial)


def test_the_kept_weights_are_those_of_the_best_epoch(make_work: Callable[..., Work]) -> None:
    """A learning rate at which the last epoch is not the best one."""
    work = make_work("wine", batch_size=50)
    result = fit(work, trial(8, learning_rate=0.3))
    assert result.state is State.COMPLETE, result.error
    assert (result.score, result.best_epoch) == ACCURACY.score(result.history)
    assert result.best_epoch is not None
    assert result.best_epoch < 8
    assert result.history[7]["val_loss"] != result.history[result.best_epoch - 1]["val_loss"]
    looked = processes.call(jobs.look, work, result)
    assert looked.metrics["accuracy"] == result.score
    assert {f"val_{name}": value for name, value in looked.metrics.items()} == {
        name: value for name, value in result.history[result.best_epoch - 1].items() if name.startswith("val_")
    }
    # Three classes: probabilities of each, in rows that sum to 1.
    split = Split.open(work.split)
    assert looked.prediction.shape == (len(split.y_validation), 3)
    assert looked.prediction.sum(axis=1) == pytest.approx(1)
    assert (looked.prediction.argmax(axis=1) == split.y_validation).mean() == result.score


def test_where_the_last_epoch_counts_its_weights_are_kept(make_work: Callable[..., Work]) -> None:
    work = make_work("wine", replace(ACCURACY, epoch="last"), batch_size=50)
    result = fit(work, trial(5, learning_rate=0.3))
    assert (result.score, result.best_epoch) == (result.history[4]["val_accuracy"], 5)
    looked = processes.call(jobs.look, work, result)
    assert looked.metrics["loss"] == result.history[4]["val_loss"]


@pytest.mark.parametrize("trainer", ["plain", "stacked"])
@pytest.mark.parametrize(("name", "metric"), [("breast_cancer", "auc"), ("wine", "f1"), ("diabetes", "r2")])
def test_an_epoch_has_the_metric_of_the_objective(
    make_work: Callable[..., Work], trainer: str, name: str, metric: str
) -> None:
    objective = Objective(f"val_{metric}", "maximize")
    work, split = make_work(name, objective), Split.open(make_work(name).split)
    study = from_document("a", {"data": {"source": f"sklearn:{name}"}, "space": {"layers": 1, "units": 8}})
    work = replace(work, plan=plan.plan(study.space, work.training, plan.Rows.of(split)))
    with PoolTrainer(work, trainer=trainer) as pool:
        (result,) = pool.run(lambda _: Batch((trial(2),), more=False), lambda _: set(), lambda: False)
    assert result.program["trainer"] == trainer
    prediction = processes.call(jobs.look, work, result).prediction
    by_hand = metrics.METRICS[split.task][metric].of(split.y_validation, prediction)
    assert result.score == pytest.approx(by_hand, rel=1e-5)
    others = {f"val_{each}" for each in ("auc", "f1", "r2") if each != metric}
    assert all(epoch.keys() & {f"val_{metric}", *others} == {f"val_{metric}"} for epoch in result.history)


def test_a_regression_is_scored_in_the_targets_own_units(make_work: Callable[..., Work]) -> None:
    work = make_work("diabetes", Objective("val_rmse", "minimize"))
    result = fit(work, trial(4, learning_rate=0.01))
    assert result.history[0].keys() == {"loss", "mae", "rmse", "val_loss", "val_mae", "val_rmse"}
    looked = processes.call(jobs.look, work, result)
    target = Split.open(work.split).y_validation
    assert looked.prediction == pytest.approx(looked.by_hand, rel=1e-5)
    error = looked.by_hand.astype(np.float64) - target
    assert result.score == pytest.approx(math.sqrt((error**2).mean()), rel=1e-5)
    assert result.best_epoch is not None
    best = result.history[result.best_epoch - 1]
    assert best["val_mae"] == pytest.approx(abs(error).mean(), rel=1e-5)
    assert best["val_loss"] == pytest.approx(best["val_rmse"] ** 2)
    # A network that has learned nothing is as far off as the target spreads; in other units it would be far away.
    assert 20 < result.score < 1.5 * target.std()


def test_train_metrics_are_those_of_the_rows(make_work: Callable[..., Work]) -> None:
    """In one batch without dropout, what is measured is the untrained network; the loss is that of the rows alone,
    without penalties, smoothing and weights of classes.
    """
    values: dict[str, Value] = {"batch_size": 1000, "l1": 3.0, "l2": 5.0}
    work = make_work("diabetes", Objective("val_rmse", "minimize"))
    found, prediction = processes.call(jobs.first_step, work, trial(1, **values))
    expected = metrics.evaluate(Task.REGRESSION, Split.open(work.split).y_train, prediction, also=())
    assert found == pytest.approx({**found, **expected}, rel=1e-4)
    values |= {"label_smoothing": 0.5, "class_weight": "balanced"}
    for name, task in (("breast_cancer", Task.BINARY), ("wine", Task.MULTICLASS)):
        work = make_work(name)
        found, prediction = processes.call(jobs.first_step, work, trial(1, **values))
        expected = metrics.evaluate(task, Split.open(work.split).y_train, prediction, also=())
        assert found == pytest.approx({**found, **expected}, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "first", "own"), [("breast_cancer", 1, {}), ("wine", 1, {"epochs": 6}), ("wine", 3, {})]
)
def test_steps_are_those_that_the_values_say(
    make_work: Callable[..., Work], name: str, first: int, own: dict[str, Value]
) -> None:
    """A network without hidden layers, trained by hand: rates that change, smoothed targets, balanced classes.

    The rates are those of the study's 8 epochs, or of its own, also of a trial that ends before or begins later.
    """
    values: dict[str, Value] = {
        "layers": 0, "optimizer": "sgd", "learning_rate": 0.5, "schedule": "cosine", "warmup": 0.25,
        "label_smoothing": 0.25, "class_weight": "balanced", "batch_size": 1000, **own,
    }  # fmt: skip
    work = make_work(name, replace(ACCURACY, epoch="last"), epochs=8)
    short = replace(trial(6, **values), first_epoch=first)
    kernel, bias = processes.call(jobs.untrained, work, short)
    split = Split.open(work.split)
    x, y, classes = split.x_train, split.y_train.astype(int), len(split.classes or ())
    spread = np.eye(classes)[y] * 0.75 + 0.25 / classes
    weights = (len(y) / (classes * np.bincount(y)))[y][:, None]
    for rate in rates(values, int(own.get("epochs", 8)))[first - 1 : 6]:
        raw = x @ kernel + bias
        wrong = _sigmoid(raw) - spread[:, 1:] if classes == 2 else _softmax(raw) - spread
        kernel = kernel - rate * x.T @ (weights * wrong) / len(y)
        bias = bias - rate * (weights * wrong).mean(axis=0)
    result = fit(work, short)
    assert result.state is State.COMPLETE, result.error
    looked = processes.call(jobs.look, work, result)
    raw = split.x_validation @ kernel + bias
    expected = _sigmoid(raw)[:, 0] if classes == 2 else _softmax(raw)
    assert looked.prediction == pytest.approx(expected, abs=1e-5)


def _sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def _softmax(x: Array) -> Array:
    powers: Array = np.exp(x)
    return powers / powers.sum(axis=1, keepdims=True)


def ended(result: Result, patience: int, min_delta: float = 0.0) -> int:
    """After how many epochs the accuracy had not been better for a while."""
    values = [epoch["val_accuracy"] for epoch in result.history]
    best, since, end = -1.0, 0, 0
    while since < patience:
        best, since = (values[end], 0) if values[end] - best > min_delta else (best, since + 1)
        end += 1
    return end


def test_early_stopping_ends_a_real_trial(make_work: Callable[..., Work]) -> None:
    work = make_work("breast_cancer", early_stopping=EarlyStopping(patience=2, min_delta=0.01), batch_size=64)
    result = fit(work, trial(40, learning_rate=0.01))
    assert result.state is State.COMPLETE
    assert len(result.history) == ended(result, 2, 0.01) < 40
    assert result.score == max(epoch["val_accuracy"] for epoch in result.history)


OWN: list[dict[str, Value]] = [
    {"epochs": 6, "patience": 0, "schedule": "linear"}, {"epochs": 30, "patience": 1}, {"epochs": 30, "patience": 3},
]  # fmt: skip


@pytest.mark.parametrize("trainer", ["stacked", "plain"])
def test_side_by_side_and_replayed_each_has_its_own_epochs_and_patience(
    make_work: Callable[..., Work], trainer: str
) -> None:
    """To the last bit as it is alone."""
    space = {
        "layers": 1, "units": 8, "epochs": {"choice": [6, 30]}, "patience": {"int": [0, 3]},
        "schedule": {"choice": ["constant", "linear"]},
    }  # fmt: skip
    study = from_document("a", {"data": {"source": "sklearn:breast_cancer"}, "space": space})
    work = make_work("breast_cancer", batch_size=64)
    work = replace(work, plan=plan.plan(study.space, work.training, plan.Rows.of(Split.open(work.split))))
    trials = [replace(trial(int(own["epochs"]), **own), number=number) for number, own in enumerate(OWN)]
    with PoolTrainer(work, trainer=trainer) as pool:
        found = {
            r.trial.number: r for r in pool.run(lambda _: Batch(tuple(trials), False), lambda _: set(), lambda: False)
        }
    assert {result.program["trainer"] for result in found.values()} == {trainer}
    assert [len(found[n].history) for n in range(3)] == [6, ended(found[1], 1), ended(found[2], 3)]
    assert len(found[1].history) < len(found[2].history)
    again = replay._train(work, found[1], Watch())
    assert (again.score, again.history) == (found[1].score, found[1].history)


@pytest.mark.parametrize("size", [32, 53, 106, 1000])
def test_batches(saved_split: Callable[[str], Path], size: int) -> None:
    """Every epoch has every row once, in an order that hangs on the seed and the epoch alone."""
    rows = len(Split.open(saved_split("wine")).x_train)
    whole = trial(3)
    epochs = processes.call(jobs.orders, saved_split("wine"), whole, size)
    assert len(epochs) == 3
    for batches in epochs:
        sizes = [len(batch) for batch in batches]
        assert sizes == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    flat = [list(chain(*batches)) for batches in epochs]
    assert all(sorted(order) == list(range(rows)) for order in flat)
    assert flat[0] != flat[1] != flat[2] != flat[0]
    later = processes.call(jobs.orders, saved_split("wine"), replace(whole, first_epoch=2), 7)
    assert [list(chain(*batches)) for batches in later] == flat[1:]
    other = processes.call(jobs.orders, saved_split("wine"), replace(whole, seed=whole.seed + 1), size)
    assert list(chain(*other[0])) != flat[0]


def test_a_loss_that_is_not_finite_has_diverged(make_work: Callable[..., Work]) -> None:
    work = make_work("diabetes", Objective("val_rmse", "minimize"))
    result = fit(work, trial(9, optimizer="sgd", learning_rate=1000.0, activation="linear", layers=3))
    assert (result.state, result.weights, result.error) == (State.DIVERGED, None, None)
    assert len(result.history) < 9
    assert not all(math.isfinite(value) for value in result.history[-1].values())
    assert not work.files.exists()


def test_a_weight_that_is_not_finite_has_diverged_whatever_the_loss(make_work: Callable[..., Work]) -> None:
    work = make_work("wine")
    result = processes.call(jobs.spoilt, work, trial(4))
    assert (result.state, result.weights, len(result.history)) == (State.DIVERGED, None, 2)
    assert all(math.isfinite(value) for epoch in result.history for value in epoch.values())


def test_weights_that_cannot_be_written_leave_nothing_behind(make_work: Callable[..., Work]) -> None:
    work = make_work("wine")
    work.weights(trial(1)).mkdir(parents=True)  # where the file should be
    with pytest.raises(processes.WorkerDied, match="Is a directory"):
        fit(work, trial(1))
    assert [path.name for path in work.files.iterdir()] == ["trial-00003.weights.npz"]
