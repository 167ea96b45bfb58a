"""The verdict: intervals against their definitions, baselines against scikit-learn, and the words of the warnings."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from tuner.data import sources
from tuner.data.layout import Input
from tuner.data.split import Split
from tuner.data.split import split as drawn
from tuner.data.table import Kind, Rows, Table
from tuner.evaluate import Verdict, baselines, interval, verdict
from tuner.home import Home
from tuner.metrics import METRICS, Task
from tuner.study import SplitSection, Study, from_document
from tuner.trial import Objective, Result, State, Trial

ACCURACY, LOSS = METRICS[Task.BINARY]["accuracy"], METRICS[Task.BINARY]["loss"]
RMSE = METRICS[Task.REGRESSION]["rmse"]


def study(name: str) -> Study:
    return from_document(name, {"data": {"source": f"sklearn:{name}"}, "space": {"layers": 1}})


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    """Real splits, through the product's own loader: two classes, three classes, values."""
    home = Home(tmp_path_factory.mktemp("home"))
    studies = [study(name) for name in ("breast_cancer", "wine", "diabetes")]
    return {each.name: drawn(sources.load(each, home), each.data.split) for each in studies}


def binary(right: int, rows: int) -> tuple[Any, Any]:
    """A target, and sure predictions of which so many are right."""
    target = np.arange(rows) % 2
    prediction = np.where(np.arange(rows) < right, target, 1 - target).astype(np.float32)
    return target, prediction


def test_the_interval_of_accuracy_is_wilsons() -> None:
    z, n, p = 1.959963984540054, 154, 120 / 154
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert interval(ACCURACY, *binary(120, 154)) == pytest.approx((middle - half, middle + half))


def test_the_interval_of_all_right_is_no_point() -> None:
    low, high = interval(ACCURACY, *binary(10, 10))
    assert (low, high) == (pytest.approx(0.7225, abs=1e-4), 1.0)


@pytest.mark.parametrize("metric", [LOSS, RMSE], ids=lambda metric: metric.name)
def test_a_bootstrap_interval_holds_the_score_and_is_the_same_again(metric: Any) -> None:
    random = np.random.default_rng(1)
    target = random.integers(2, size=300)
    prediction = np.clip(target * 0.4 + 0.3 + random.normal(size=300) * 0.1, 0.01, 0.99)
    low, high = interval(metric, target, prediction)
    assert low < metric.of(target, prediction) < high
    assert interval(metric, target, prediction) == (low, high)


def test_the_bootstrap_has_the_width_that_theory_gives() -> None:
    errors = np.random.default_rng(2).normal(size=400)
    low, high = interval(METRICS[Task.REGRESSION]["loss"], np.zeros(400), errors)
    # The mean of 400 squares of standard normal numbers: variance 2 / 400.
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(2 / 400), rel=0.2)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        right = int(random.binomial(80, 0.8))
        low, high = interval(ACCURACY, *binary(right, 80))
        covered += low <= 0.8 <= high
    assert 180 <= covered <= 200


def test_baselines_of_two_classes(parts: dict[str, Split]) -> None:
    split = parts["breast_cancer"]
    (name, on_validation, on_test), (linear, _, probability) = baselines(split)
    assert (name, linear) == ("majority class", "logistic regression")
    share = float(np.mean(split.y_train == 1))
    assert set(on_test) == set(on_validation) == {share}
    assert on_test.shape == split.y_test.shape
    model = LogisticRegression(max_iter=500).fit(split.x_train.astype("float64"), split.y_train)
    np.testing.assert_allclose(probability, model.predict_proba(split.x_test.astype("float64"))[:, 1])
    assert ACCURACY.of(split.y_test, probability) > 0.9


def test_baselines_of_arrays_as_they_are_do_not_depend_on_their_units() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    x[:, 2] = 1.0
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    found = []
    for units in (np.ones(3), np.array([8192.0, 1 / 1024, 1.0])):  # powers of two, which change no digit
        arrays = {"kinds": {"input": Kind.ARRAY}, "layout": (Input("input", (3,)),), "as_they_are": True}
        rows = Rows((x * units).astype(np.float32), y)
        table = Table("t", "y", Task.BINARY, (0, 1), marks={}, rows=rows, test=None, digest="", warnings=(), **arrays)
        (_, (_, _, probability)) = baselines(drawn(table, SplitSection()))
        found.append(probability)
    np.testing.assert_allclose(*found, atol=1e-9)
    assert np.ptp(found[0]) > 0.9


def test_baselines_of_three_classes(parts: dict[str, Split]) -> None:
    split = parts["wine"]
    (_, _, shares), (_, _, probability) = baselines(split)
    assert shares.shape == probability.shape == (len(split.y_test), 3)
    np.testing.assert_allclose(shares[0], np.bincount(split.y_train) / len(split.y_train))
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert METRICS[Task.MULTICLASS]["accuracy"].of(split.y_test, probability) > 0.9


def test_baselines_of_values(parts: dict[str, Split]) -> None:
    split = parts["diabetes"]
    (name, _, mean), (linear, _, predicted) = baselines(split)
    assert (name, linear) == ("train mean", "ridge regression")
    assert set(mean) == {float(split.y_train.mean(dtype="float64"))}
    model = Ridge().fit(split.x_train.astype("float64"), split.y_train)
    np.testing.assert_allclose(predicted, model.predict(split.x_test.astype("float64")))
    assert RMSE.of(split.y_test, predicted) < RMSE.of(split.y_test, mean)


def test_a_class_that_no_train_row_has() -> None:
    split = made(y_train=[0, 2, 0, 2], task=Task.MULTICLASS, classes=("a", "b", "c"))
    (_, _, shares), (_, _, probability) = baselines(split)
    assert shares[0].tolist() == [0.5, 0.0, 0.5]
    assert probability[:, 1].tolist() == [0.0] * len(split.y_test)


def test_pictures_are_rows_of_numbers_too() -> None:
    split = made(y_train=[0, 1, 0, 1], x_train=np.arange(16.0).reshape(4, 2, 2, 1))
    split.x_validation = split.x_test = np.zeros((3, 2, 2, 1))
    assert [len(on_test) for _, _, on_test in baselines(split)] == [len(split.y_test), 3]


def made(**parts: Any) -> Any:
    """A split of a few rows whose features say nothing."""
    rows = len(parts["y_train"])
    ready = {
        "x_train": np.zeros((rows, 1), np.float32),
        "x_validation": np.zeros((100, 1), np.float32),
        "y_validation": np.arange(100) % 2,
        "x_test": np.zeros((100, 1), np.float32),
        "y_test": np.arange(100) % 2,
        "task": Task.BINARY,
        "classes": ("no", "yes"),
    }
    ready["preprocessing"] = SimpleNamespace(as_they_are=False)
    return SimpleNamespace(**{**ready, **parts, "y_train": np.asarray(parts["y_train"])})


CHAMPION = Result(Trial(7, {"layers": 2, "units_1": 8}, 0, 5), State.COMPLETE, 0.9, 3)


def judged(right_validation: int, right_test: int, **more: Any) -> Verdict:
    """The verdict on predictions of which so many in a hundred are right; the baselines get fifty."""
    settings = {"objective": Objective("val_accuracy", "maximize"), "fresh": {}, "looks": 1, **more}
    objective = settings.pop("objective")
    return verdict(
        made(y_train=[0, 1, 1, 0]),
        objective,
        CHAMPION,
        validation=binary(right_validation, 100)[1],
        test=binary(right_test, 100)[1],
        results=[CHAMPION] * 12,
        ended="done",
        **settings,
    )


def test_a_good_champion() -> None:
    found = judged(90, 90, fresh={7: 0.88, 3: 0.7})
    assert (found.champion, found.values) == (7, {"layers": 2, "units_1": 8})
    assert (found.score, found.test, found.gap, found.fresh) == (0.9, 0.9, 0.0, 0.88)
    assert found.low < 0.9 < found.high
    assert [(each.name, each.test, each.beaten) for each in found.baselines] == [
        ("majority class", 0.5, True),
        ("logistic regression", 0.5, True),
    ]
    assert (found.trials, found.looks, found.test_rows, found.validation_rows) == (12, 1, 100, 100)
    assert found.warnings == ()


def test_a_champion_that_does_not_beat_a_baseline() -> None:
    found = judged(50, 49)
    assert not any(each.beaten for each in found.baselines)
    assert found.warnings == (
        "the champion does not beat majority class on the test rows (0.490 against 0.500): prefer the simpler model",
        "the champion does not beat logistic regression on the test rows (0.490 against 0.500): "
        "prefer the simpler model",
    )


def test_as_good_as_a_baseline_is_not_better() -> None:
    found = judged(50, 50)
    assert not found.baselines[0].beaten
    assert found.warnings[0] == (
        "the champion is no better than majority class on the test rows (0.500 against 0.500); "
        "the simpler model does as well"
    )


def test_a_champion_that_beats_a_baseline_by_chance_at_most() -> None:
    found = judged(55, 55)
    assert all(each.beaten for each in found.baselines)
    assert found.warnings[0] == (
        "the champion beats majority class on the test rows (0.550 against 0.500), "
        "but by no more than chance can give on 100 rows"
    )


def test_validation_that_flatters() -> None:
    assert judged(95, 80).warnings == ("validation flatters by 15.0 points: 0.950 there, 0.800 on the test rows",)
    assert judged(85, 80).warnings == (
        "validation flatters by 5.0 points: 0.850 there, 0.800 on the test rows, which is within chance on 100 rows",
    )
    assert judged(82, 80).warnings == ()
    assert judged(80, 95).warnings == ()
    assert judged(80, 95).gap == pytest.approx(-0.15)


def test_a_gap_is_worse_on_the_test_rows_whichever_way_is_better() -> None:
    found = judged(95, 80, objective=Objective("val_loss", "minimize"))
    assert found.metric == "loss"
    assert found.test > found.score
    assert found.gap == pytest.approx(found.test - found.score)
    assert "validation flatters by 2.4177: 0.8059 there, 3.2236 on the test rows" in found.warnings


def test_a_verdict_comes_back_through_json() -> None:
    found = judged(70, 60, fresh={7: 0.65})
    assert Verdict.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    assert found.to_json()["trials"] == 12


def test_what_goes_to_the_record_is_flat_and_finite() -> None:
    found = judged(70, 60, fresh={7: 0.65})
    scores = found.scores()
    assert scores["val_accuracy"] == found.score
    assert scores["test_accuracy"] == found.test
    assert (scores["test_accuracy_low"], scores["test_accuracy_high"]) == (found.low, found.high)
    assert scores["val_accuracy_fresh"] == 0.65
    assert scores["baseline_majority_class_test_accuracy"] == 0.5
    assert scores["gap"] == pytest.approx(0.1)
    assert all(isinstance(score, float) and math.isfinite(score) for score in scores.values())
    assert found.test_json()["score"] == found.test
    assert json.loads(json.dumps(found.test_json())) == found.test_json()


def test_a_verdict_on_values_is_in_their_own_units(parts: dict[str, Split]) -> None:
    split = parts["diabetes"]
    found = verdict(
        split,
        Objective("val_rmse", "minimize"),
        CHAMPION,
        validation=split.y_validation + 10.0,
        test=split.y_test - 20.0,
        fresh={},
        results=[CHAMPION],
        looks=2,
        ended="time",
    )
    assert (found.score, found.test, found.gap) == pytest.approx((10.0, 20.0, 10.0))
    assert found.baselines[1].test == pytest.approx(55, abs=10)
    assert found.test_metrics == pytest.approx(
        {"rmse": 20.0, "mae": 20.0, "loss": 400.0, "r2": 1 - 400 / split.y_test.var()}
    )
    assert found.looks == 2
    assert found.fresh is None


def test_warnings_about_tiny_values_show_their_digits() -> None:
    target = np.arange(100) * 1e-8
    split = made(y_train=[1e-6, 2e-6, 3e-6], y_validation=target, y_test=target, task=Task.REGRESSION, classes=None)
    found = verdict(
        split,
        Objective("val_rmse", "minimize"),
        CHAMPION,
        validation=target + 1e-6,
        test=target + 4e-6,
        fresh={},
        results=[CHAMPION],
        looks=1,
        ended="done",
    )
    assert found.warnings[0].startswith(
        "the champion does not beat train mean on the test rows (4.000e-06 against 1.532e-06)"
    )
    assert found.warnings[-1] == "validation flatters by 3.000e-06: 1.000e-06 there, 4.000e-06 on the test rows"
