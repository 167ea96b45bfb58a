"""What only data with classes have: how much their rows weigh, and what a study may not vary without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tuner import opening
from tuner.data.classes import check, weights_of_classes
from tuner.data.split import Split
from tuner.errors import StudyError
from tuner.home import Home
from tuner.study import Study, from_document
from tuner.tunables import OUTPUT_ACTIVATIONS


def study(source: str = "wine", **space: Any) -> Study:
    return from_document("a", {"data": {"source": f"sklearn:{source}"}, "space": {"layers": 1, **space}})


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_a_class_weighs_what_scikit_learn_has_it_weigh(saved_split: Callable[[str], Path], name: str) -> None:
    split = Split.open(saved_split(name))
    weights = weights_of_classes(split)
    assert weights.dtype == np.float32
    labels = np.arange(len(split.classes or ()))
    assert weights == pytest.approx(compute_class_weight("balanced", classes=labels, y=split.y_train))
    assert weights.min() < 0.95 < 1.05 < weights.max()
    assert weights[split.y_train].mean() == pytest.approx(1.0)


def test_a_class_without_train_rows_does_not_count(saved_split: Callable[[str], Path]) -> None:
    split = replace(Split.open(saved_split("wine")), y_train=np.array([0, 0, 0, 2]))
    assert weights_of_classes(split).tolist() == pytest.approx([2 / 3, 0.0, 2.0])


def test_what_only_classes_have_is_refused_without_them(saved_split: Callable[[str], Path], tmp_path: Path) -> None:
    varied = {"class_weight": {"choice": ["none", "balanced"]}, "label_smoothing": {"float": [0.0, 0.2]}}
    check(study(**varied), Split.open(saved_split("wine")))
    check(study(), Split.open(saved_split("diabetes")))
    with pytest.raises(StudyError, match="which has no classes") as caught:
        opening.split(study("diabetes", **varied), Home(tmp_path))
    assert caught.value.problems == tuple(
        f"a: space.{name}: the data is a regression task, which has no classes; leave it out"
        for name in ("label_smoothing", "class_weight")
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("data", "known", "expected"),
    [
        ("wine", ("softmax", "sigmoid"), [
            "multiclass task, expected softmax or sigmoid, got 'linear'; its outputs would be no probabilities",
        ]),
        ("breast_cancer", ("sigmoid",), [
            "binary task, expected sigmoid, got 'softmax'; the one output of two classes would always be 1",
            "binary task, expected sigmoid, got 'linear'; its outputs would be no probabilities",
        ]),
        ("diabetes", ("linear",), [
            "regression task, expected linear, got 'softmax'; the one output of values would always be 1",
            "regression task, expected linear, got 'sigmoid'; values may be beyond 0 to 1",
        ]),
    ],
)  # fmt: skip
def test_outputs_that_are_none_of_the_task_are_refused(
    saved_split: Callable[[str], Path], data: str, known: tuple[str, ...], expected: list[str]
) -> None:
    split = Split.open(saved_split(data))
    check(study(data, output_activation={"choice": list(known)}), split)
    with pytest.raises(StudyError, match=r"a: space\.output_activation: the data is a") as caught:
        check(study(data, output_activation={"choice": list(OUTPUT_ACTIVATIONS)}), split)
    for line, words in zip(caught.value.problems, expected, strict=True):
        assert line == f"a: space.output_activation: the data is a {words}"


def test_a_rule_may_set_the_outputs_too(saved_split: Callable[[str], Path]) -> None:
    rule = {"if": {"layers": 1}, "then": {"output_activation": "linear"}}
    with pytest.raises(StudyError, match="expected softmax or sigmoid, got 'linear'"):
        check(study(rules=[rule]), Split.open(saved_split("wine")))


def test_an_area_needs_rows_of_several_classes(saved_split: Callable[[str], Path]) -> None:
    asked = from_document("a", {**study("breast_cancer").document, "objective": {"metric": "val_auc"}})
    split = Split.open(saved_split("breast_cancer"))
    check(asked, split)
    one = np.zeros_like(split.y_validation)
    check(study("breast_cancer"), replace(split, y_validation=one))  # accuracy does not
    for part, name in (("validation", "y_validation"), ("test", "y_test")):
        with pytest.raises(StudyError, match=f"a: objective.metric: val_auc needs {part} rows of several classes"):
            check(asked, replace(split, **{name: np.zeros_like(getattr(split, name))}))
