"""Metrics against scikit-learn's, and against numbers done by hand."""

import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as reference

from tuner.metrics import METRICS, NAMES, Task, classes_of, evaluate


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


def test_binary(random: np.random.Generator) -> None:
    target, p = random.integers(2, size=200), random.random(200).astype(np.float32)
    found = evaluate(Task.BINARY, target, p)
    assert found == {
        "accuracy": pytest.approx(reference.accuracy_score(target, p >= 0.5)),
        "loss": pytest.approx(reference.log_loss(target, p.astype(np.float64)), rel=1e-6),
        "f1": pytest.approx(reference.f1_score(target, p >= 0.5)),
        "auc": pytest.approx(reference.roc_auc_score(target, p)),
    }


def test_multiclass(random: np.random.Generator) -> None:
    target, p = random.integers(4, size=200), random.dirichlet(np.ones(4), size=200)
    found = evaluate(Task.MULTICLASS, target, p)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(target, p.argmax(axis=1)))
    assert found["loss"] == pytest.approx(reference.log_loss(target, p, labels=range(4)), rel=1e-6)
    assert found["f1"] == pytest.approx(reference.f1_score(target, p.argmax(axis=1), average="macro"))
    assert found["auc"] == pytest.approx(reference.roc_auc_score(target, p, multi_class="ovr", average="macro"))


def test_regression(random: np.random.Generator) -> None:
    target, predicted = random.normal(size=100), random.normal(size=100).astype(np.float32)
    found = evaluate(Task.REGRESSION, target, predicted)
    assert found["loss"] == pytest.approx(reference.mean_squared_error(target, predicted))
    assert found["rmse"] == pytest.approx(math.sqrt(found["loss"]))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(target, predicted))
    assert found["r2"] == pytest.approx(reference.r2_score(target, predicted))


def test_by_hand() -> None:
    assert evaluate(Task.BINARY, np.array([1, 0]), np.array([0.5, 0.5])) == {
        "accuracy": 0.5,
        "loss": pytest.approx(math.log(2)),
        "f1": pytest.approx(2 / 3),
        "auc": 0.5,
    }
    assert evaluate(Task.REGRESSION, np.array([0, 0]), np.array([3.0, -4.0]))["mae"] == 3.5


def test_equal_probabilities_count_half_in_an_area(random: np.random.Generator) -> None:
    target, p = random.integers(2, size=300), random.integers(5, size=300) / 5
    assert evaluate(Task.BINARY, target, p)["auc"] == pytest.approx(reference.roc_auc_score(target, p))


def test_what_has_no_area_and_what_has_no_variance() -> None:
    assert "auc" not in evaluate(Task.BINARY, np.array([1, 1]), np.array([0.2, 0.8]))
    assert math.isnan(evaluate(Task.BINARY, np.array([0, 1]), np.array([0.2, math.nan]))["loss"])  # it has diverged
    # The third class has no rows: the mean is over the other two. It is predicted once, in vain.
    p = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7]])
    found = evaluate(Task.MULTICLASS, np.array([0, 1, 1]), p)
    assert (found["auc"], found["f1"]) == (1.0, pytest.approx((1 + 2 / 3 + 0) / 3))
    assert evaluate(Task.BINARY, np.array([0, 0]), np.array([0.1, 0.2]))["f1"] == 0.0
    flat = np.array([2.0, 2.0])
    assert [evaluate(Task.REGRESSION, flat, each)["r2"] for each in (flat, flat + 1)] == [1.0, 0.0]


def test_an_epoch_has_what_is_quick_and_what_is_asked_for() -> None:
    target, p = np.array([0, 1]), np.array([0.2, 0.8])
    assert evaluate(Task.BINARY, target, p, also=()).keys() == {"accuracy", "loss"}
    assert evaluate(Task.BINARY, target, p, also=("auc",)).keys() == {"accuracy", "loss", "auc"}


def test_one_half_is_the_second_class_and_the_first_of_equal_classes_wins() -> None:
    assert classes_of(np.array([0.49, 0.5])).tolist() == [0, 1]
    assert classes_of(np.array([[0.4, 0.4, 0.2]])).tolist() == [0]


def test_a_sure_and_wrong_prediction_costs_a_finite_loss() -> None:
    assert evaluate(Task.BINARY, np.array([1]), np.array([0.0]))["loss"] == pytest.approx(-math.log(1e-7))


def test_the_first_metric_of_a_task_is_its_default_and_every_goal_is_a_direction() -> None:
    assert [next(iter(METRICS[task])) for task in Task] == ["accuracy", "accuracy", "rmse"]
    goals = {metric.name: metric.goal for known in METRICS.values() for metric in known.values()}
    assert goals == {
        "accuracy": "maximize", "loss": "minimize", "f1": "maximize", "auc": "maximize", "rmse": "minimize",
        "mae": "minimize", "r2": "maximize",
    }  # fmt: skip
    assert set(NAMES) == set(goals)


def test_the_names_need_no_numpy() -> None:
    code = "import sys, tuner.metrics; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
