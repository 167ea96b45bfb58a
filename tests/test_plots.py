"""The pictures: each can be drawn for whatever a search may give, and shows what it says it shows."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rcParams, style
from matplotlib.figure import Figure
from matplotlib.image import imread

from tuner.plots import champions, comparisons, drawing, searches
from tuner.plots.comparisons import Comparison, Mark
from tuner.trial import Aim, Objective, Result, State, Trial

ACCURACY, LOSS = Objective("val_accuracy", "maximize"), Objective("val_loss", "minimize")
Draw = Callable[..., Figure]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draws a picture, checks that the file is a picture with something on it, and returns its figure."""
    kept: list[Figure] = []
    real = drawing.figure

    @contextmanager
    def watched(path: Path, width: float, height: float) -> Iterator[Figure]:
        with real(path, width, height) as figure:
            kept.append(figure)
            yield figure

    monkeypatch.setattr(drawing, "figure", watched)

    def drawn(picture: Callable[..., None], *given: Any) -> Figure:
        path = tmp_path / "picture.png"
        picture(*given, path)
        pixels = imread(path)
        assert min(pixels.shape[:2]) >= 150
        assert max(pixels.shape[:2]) <= 1600
        assert (pixels[..., :3] < 0.5).any(), "nothing is drawn"
        return kept[-1]

    return drawn


def result(number: int, score: float | None, state: State = State.COMPLETE, epochs: int = 3) -> Result:
    history = tuple(
        {"loss": 1 / e, "val_loss": 1.1 / e, "accuracy": 1 - 1 / (e + 1), "val_accuracy": 0.9 - 1 / (e + 1)}
        for e in range(1, epochs + 1)
    )
    return Result(Trial(number, {}, 0, epochs), state, score, min(2, epochs) or None, history)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def line(figure: Figure, label: str) -> list[tuple[float, float]]:
    (found,) = [each for each in figure.axes[0].lines if each.get_label() == label]
    return [(float(x), float(y)) for x, y in found.get_xydata()]


def test_history_shows_every_state_and_the_best_so_far(draw: Draw) -> None:
    results = [
        result(0, 0.5),
        result(3, 0.6),
        result(1, 0.9, State.PRUNED),
        result(2, None, State.FAILED, 0),
        result(4, math.nan, State.DIVERGED),
        result(5, 0.55),
    ]
    figure = draw(searches.optimisation_history, results, ACCURACY)
    assert legend(figure) == [
        "complete (3)", "pruned (1)", "best so far", "diverged, no score (1)", "failed, no score (1)",
    ]  # fmt: skip
    assert line(figure, "best so far") == [(0, 0.5), (3, 0.6), (5, 0.6)]
    assert figure.axes[0].get_ylabel() == "validation accuracy (share of rows)"


def test_history_of_a_metric_that_falls(draw: Draw) -> None:
    figure = draw(searches.optimisation_history, [result(0, 0.5), result(1, 0.7), result(2, 0.4)], LOSS)
    assert line(figure, "best so far") == [(0, 0.5), (2, 0.4), (2, 0.4)]


@pytest.mark.parametrize("objective", [ACCURACY, LOSS], ids=lambda objective: objective.metric)
def test_history_leaves_out_what_would_squeeze_the_rest_and_says_so(draw: Draw, objective: Objective) -> None:
    sign = 1 if objective.goal == "minimize" else -1
    results = [result(i, sign * (1 + i / 100)) for i in range(20)] + [result(20, sign * 500.0)]
    figure = draw(searches.optimisation_history, results, objective)
    assert figure.axes[0].get_title(loc="right") == "1 far worse not shown"
    low, high = figure.axes[0].get_ylim()
    assert all(low <= sign * (1 + i / 100) <= high for i in range(20))
    assert not low <= sign * 500.0 <= high


def test_history_of_ordinary_scores_leaves_nothing_out(draw: Draw) -> None:
    figure = draw(searches.optimisation_history, [result(i, 0.6 + i / 100) for i in range(20)], ACCURACY)
    assert figure.axes[0].get_title(loc="right") == ""


def test_history_of_nothing(draw: Draw) -> None:
    assert texts(draw(searches.optimisation_history, [], ACCURACY)) == ["no trial has ended"]


def test_history_of_one_trial_counts_whole_trials(draw: Draw) -> None:
    figure = draw(searches.optimisation_history, [result(4, 0.5)], ACCURACY)
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [4]


def several(number: int, accuracy: float, *further: float) -> Result:
    return replace(result(number, accuracy), further=further)


TWO = Objective("val_accuracy", "maximize", further=(Aim("params", "minimize"),))
THREE = Objective("val_accuracy", "maximize", further=(Aim("params", "minimize"), Aim("val_loss", "minimize")))


def test_the_front_is_told_from_the_others_and_has_their_numbers(draw: Draw) -> None:
    results = [several(0, 0.9, 9000.0), several(3, 0.8, 50.0), several(1, 0.7, 300.0), several(2, 0.95, 9500.0)]
    figure = draw(searches.pareto_front, [*results, result(4, 0.99, State.PRUNED)], TWO)
    others, front = (sorted(map(tuple, each.get_offsets().tolist())) for each in figure.axes[0].collections)
    assert others == [(300.0, 0.7)]
    assert front == [(50.0, 0.8), (9000.0, 0.9), (9500.0, 0.95)]
    assert texts(figure) == ["2", "0", "3"]
    assert legend(figure) == ["others (1)", "on the front (3)"]
    axes = figure.axes[0]
    assert axes.get_xlabel() == "params (less is better)"
    assert axes.get_ylabel() == "validation accuracy (more is better)"
    assert axes.get_xscale() == "log"
    assert [tuple(point) for point in axes.lines[0].get_xydata()] == front


@pytest.mark.parametrize(
    ("goal", "across", "reached"),
    [
        ("maximize", "minimize", {1: 1.0, 2: 3.0}),
        ("maximize", "maximize", {1: 3.0, 2: 1.0}),
        ("minimize", "minimize", {1: 3.0, 2: 1.0}),
        ("minimize", "maximize", {1: 1.0, 2: 3.0}),
    ],
)
def test_the_edge_of_a_front_promises_nothing_that_no_trial_reached(
    draw: Draw, goal: str, across: str, reached: dict[int, float]
) -> None:
    """Between two trials it is at the level of the one that is good enough across."""
    objective = Objective("val_accuracy", goal, further=(Aim("val_loss", across),))
    (edge,) = draw(searches.pareto_front, [several(n, y, n) for n, y in reached.items()], objective).axes[0].lines
    x, y = edge.get_path().interpolated(4).vertices.T
    assert set(y[(x > 1) & (x < 2)]) == {reached[1] if across == "minimize" else reached[2]}


def test_each_further_objective_has_its_picture_of_the_front(draw: Draw) -> None:
    results = [several(0, 0.9, 100.0, 0.4), several(1, 0.8, 110.0, 0.3), several(2, 0.8, 120.0, 0.5)]
    figure = draw(searches.pareto_front, results, THREE)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "params (less is better)", "validation loss (less is better)"
    ]  # fmt: skip
    assert [axes.collections[1].get_offsets()[:, 0].tolist() for axes in figure.axes] == [[100.0, 110.0], [0.4, 0.3]]
    assert not any(axes.lines for axes in figure.axes)
    assert {axes.get_xscale() for axes in figure.axes} == {"linear"}


def test_a_front_of_nothing(draw: Draw) -> None:
    assert texts(draw(searches.pareto_front, [], TWO)) == ["no trial is complete"]


def test_importance_puts_the_most_important_on_top(draw: Draw) -> None:
    figure = draw(searches.importance, {"units": 0.2, "optimizer": 0.7, "momentum": 0.1, "odd": math.nan})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["momentum", "units", "optimizer"]
    assert texts(figure) == ["0.10", "0.20", "0.70"]
    assert "sets the best trials apart" in figure.axes[0].get_xlabel()
    assert "PED-ANOVA" in figure.axes[0].get_xlabel()


def test_importance_of_many_keeps_the_first_twenty(draw: Draw) -> None:
    figure = draw(searches.importance, {f"units_{i}": 1 / i for i in range(1, 32)})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert (len(labels), labels[-1]) == (20, "units_1")
    assert figure.axes[0].get_title(loc="right") == "11 less important not shown"


def test_importance_of_nothing(draw: Draw) -> None:
    assert texts(draw(searches.importance, {})) == ["too few trials to tell"]


def test_curves_show_the_loss_and_the_metric_with_the_best_epoch(draw: Draw) -> None:
    figure = draw(champions.learning_curves, result(7, 0.5, epochs=4), ACCURACY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (share of rows)"]
    assert legend(figure) == ["train", "validation", "best epoch (2)"]
    assert line(figure, "validation") == [(e, 1.1 / e) for e in (1, 2, 3, 4)]
    assert line(figure, "best epoch (2)")[0][0] == 2


def test_curves_of_the_loss_alone(draw: Draw) -> None:
    assert len(draw(champions.learning_curves, result(7, 0.5), LOSS).axes) == 1


def test_curves_of_a_trial_that_goes_on_from_another_count_its_own_epochs(draw: Draw) -> None:
    going_on = Result(Trial(1, {}, 0, 6, first_epoch=5), State.COMPLETE, 0.5, 6, ({"loss": 1.0}, {"loss": 0.5}))
    assert line(draw(champions.learning_curves, going_on, LOSS), "train") == [(5, 1.0), (6, 0.5)]


def test_curves_of_one_epoch_are_points(draw: Draw) -> None:
    figure = draw(champions.learning_curves, result(7, 0.5, epochs=1), LOSS)
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_curves_of_a_trial_that_failed_at_once(draw: Draw) -> None:
    assert set(texts(draw(champions.learning_curves, result(7, None, State.FAILED, 0), ACCURACY))) == {
        "no epoch was finished"
    }


def test_confusion_counts_true_down_and_predicted_across(draw: Draw) -> None:
    figure = draw(champions.confusion, np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), ("sick", "well"))
    axes = figure.axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 0): "2", (0, 1): "0", (1, 1): "1"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sick", "well"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_misclassified_images_are_shown_with_the_surest_mistakes_first(draw: Draw) -> None:
    images = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6, 1)
    target = np.array([0, 1, 2, 0])
    prediction = np.array([[0.4, 0.5, 0.1], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    figure = draw(champions.misclassified, images, target, prediction, ("cat", "dog", "cow"))
    assert [axes.get_title() for axes in figure.axes] == [
        "cow taken for\ncat, 0.80", "cat taken for\ncow, 0.60", "cat taken for\ndog, 0.50",
    ]  # fmt: skip
    assert figure.get_suptitle() == "3 of 4 images misclassified, the surest mistakes first"
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert [round(float(picture.mean()) * 119 - 0.5) for picture in shown] == [74, 104, 14]


def test_misclassified_images_of_two_classes_in_colour_and_none_at_all(draw: Draw) -> None:
    images = np.random.default_rng(0).normal(size=(40, 4, 4, 3))
    p = np.linspace(0.01, 0.4, 40)
    figure = draw(champions.misclassified, images, np.ones(40), p, (False, True))
    assert len(figure.axes) == 24
    assert figure.axes[0].get_title() == "True taken for\nFalse, 0.99"
    assert figure.axes[0].images[0].get_array().shape == (4, 4, 3)
    assert set(texts(draw(champions.misclassified, images, np.zeros(40), p, (False, True)))) >= {
        "each was taken for what it is"
    }


def test_confusion_of_a_class_that_no_row_has(draw: Draw) -> None:
    draw(champions.confusion, np.array([0, 0]), np.array([0, 2]), (0, 1, 2))


def test_confusion_of_thirty_classes_with_long_names(draw: Draw) -> None:
    random = np.random.default_rng(0)
    names = [f"a rather long name of class number {i}" for i in range(30)]
    figure = draw(champions.confusion, random.integers(30, size=500), random.integers(30, size=500), names)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(labels)) == 30, "cut names must still differ"
    assert not figure.axes[0].texts


def test_residuals_are_in_the_targets_units(draw: Draw) -> None:
    figure = draw(champions.residuals, np.array([10.0, 20.0, 30.0]), np.array([12.0, 22.0, 32.0], np.float32), "price")
    assert figure.axes[0].get_xlabel() == "true price"
    assert figure.axes[1].get_xlabel() == "predicted − true price"
    assert figure.axes[1].get_legend().get_texts()[0].get_text() == "mean error (2)"


@pytest.mark.parametrize("name", ["price in $", "$\\frac{$", "价格", "a\nb", "^_{", "n" * 200])
def test_a_name_may_be_anything(draw: Draw, name: str) -> None:
    draw(champions.residuals, np.arange(5.0), np.arange(5.0), name)
    draw(champions.confusion, np.array([0, 1]), np.array([0, 1]), (name, f"{name}2"))


@pytest.mark.parametrize(
    "names",
    [
        ("tested_negative", "tested_positive"),
        ("tested_negative for the disease", "tested_positive for the disease"),
        tuple(range(10)),
        tuple(f"a rather long name of class number {i}" for i in range(30)),
    ],
)
def test_no_word_of_a_picture_lies_outside_it(draw: Draw, names: tuple[str, ...]) -> None:
    figure = draw(champions.confusion, np.array([0, 1]), np.array([0, 1]), names)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= width + 0.01
    assert box.y1 <= height + 0.01


def test_the_drawing_leaves_the_libraries_settings_alone(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tuner.plots import drawing, searches
assert "matplotlib" not in sys.modules
import matplotlib
before = {{key: matplotlib.rcParams[key] for key in drawing.STYLE}}
searches.importance({{"units": 1.0}}, Path({str(tmp_path / "a.png")!r}))
assert {{key: matplotlib.rcParams[key] for key in drawing.STYLE}} == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def compared(*validation: tuple[float, float | None], **more: Any) -> Comparison:
    """A line for each score; on train rows it is 0.002 worse."""
    marks = {
        (place, 0): Mark((mean - 0.002, None), (mean, deviation), (2.0, None))
        for place, (mean, deviation) in enumerate(validation)
    }
    lines = [f"row {place}" for place in range(len(validation))]
    return Comparison("accuracy", "maximize", ("name",), lines, ("",), marks, **more)


def test_a_table_shows_the_good_scores_to_the_ends_of_their_spread_and_tells_the_others(draw: Draw) -> None:
    made = compared((0.90, 0.03), (0.89, 0.01), (0.88, 0.01), (0.87, 0.01), (0.10, 0.0))
    figure = draw(comparisons.combinations, made)
    low, high = figure.axes[0].get_xlim()
    assert 0.5 < low < 0.86
    assert high > 0.93
    assert texts(figure) == ["◃ 0.098", "◂ 0.1"]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [f"row {place}" for place in range(5)]
    assert [axes.get_title(loc=side) for axes, side in zip(figure.axes, ("left", "right"), strict=True)] == ["", ""]


def test_a_table_tells_what_is_not_in_it(draw: Draw) -> None:
    figure = draw(comparisons.combinations, compared((0.9, None), left_out=4, not_counted="1 pruned · 2 diverged"))
    assert figure.axes[0].get_title(loc="left") == "not counted: 1 pruned · 2 diverged"
    assert figure.axes[1].get_title(loc="right") == "4 worse not shown"


def test_the_words_of_a_table_stay_in_its_picture(draw: Draw) -> None:
    made = replace(compared((0.9, None)), by=[f"parameter_{n}" for n in range(23)], lines=["very " * 50])
    figure = draw(comparisons.combinations, made)
    assert figure.get_tightbbox().x1 <= figure.get_size_inches()[0] + 0.01


def test_a_style_that_others_have_set_changes_no_picture(tmp_path: Path) -> None:
    searches.importance({"units": 0.6, "layers": 0.4}, tmp_path / "plain.png")
    with style.context("ggplot"):
        searches.importance({"units": 0.6, "layers": 0.4}, tmp_path / "styled.png")
        assert rcParams["axes.facecolor"] != "white", "the style of others is gone"
    assert (tmp_path / "styled.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
