"""Drawings of a search's trials: what is on them, whatever was searched."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tests.page.conftest import Written
from tuner.home import Home
from tuner.page import trials
from tuner.page.scales import Numbers, Words
from tuner.plots import reckoned
from tuner.shown import Shown, load_search
from tuner.study import from_document
from tuner.trial import Aim, Objective, Result, State, Trial, Value

Homes = Callable[[str], Home]
PARAMS = Objective("val_rmse", "minimize", further=(Aim("params", "minimize"),))


@pytest.fixture
def shown(homes: Homes) -> Shown:
    return load_search(homes("values"), "made")


def result(number: int, values: Mapping[str, Value], *further: float) -> Result:
    """The error rises with the number."""
    return Result(Trial(number, values, 0, 5), State.COMPLETE, number / 1000, 1, further=further)


def among(shown: Shown, champion: int, results: list[Result]) -> Shown:
    assert shown.verdict is not None
    return replace(shown, results=results, verdict=replace(shown.verdict, champion=champion, trials=len(results)))


def ways(figure: trials.Figure | None) -> Counter[str]:
    """How many lines of each look are on a drawing of parallel coordinates."""
    assert figure is not None
    return Counter(re.findall(r'class="way (\w+)"', figure.wide.__html__()))


def test_the_front_is_a_staircase() -> None:
    points = [(1.0, 9.0), (2.0, 5.0), (4.0, 3.0)]
    assert trials._stairs(points, "minimize") == [(1, 9), (2, 9), (2, 5), (4, 5), (4, 3)]
    assert trials._stairs(points, "maximize") == [(1, 9), (1, 5), (2, 5), (2, 3), (4, 3)]


def test_the_front_is_drawn_with_all_its_trials(homes: Callable[[str], Home], page: Written) -> None:
    shown = load_search(homes("double"), "made")
    text = page("double").read_text(encoding="utf-8")
    section = text.partition('<section id="front">')[2].partition("</section>")[0]
    wide = section.partition("</svg>")[0]
    tips = {int(number) for number in re.findall(r'class="mark (?:complete|champion)"><title>trial (\d+)', wide)}
    assert tips == shown.front
    assert wide.count("<title>trial ") == 12
    assert 'id="front"' not in page("values").read_text(encoding="utf-8")


def test_the_front_is_found_once_for_a_drawing(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = load_search(homes("double"), "made")
    real, asked = Objective.front, []
    monkeypatch.setattr(Objective, "front", lambda *given: asked.append(1) or real(*given))
    assert len(trials.fronts(shown)) == 1
    assert len(asked) == 2, "one for the wide drawing and one for the narrow"


def test_means_of_listed_numbers_stand_in_their_order(shown: Shown) -> None:
    choice = {"layers": {"int": [1, 2]}, "units": {"choice": [64, 8, 16], "each": "layers"}}
    study = from_document("made", {**shown.search.document, "space": choice})
    pairs = [(64, 64), (8, 16), (8, 8), (64, 8), (16, 16)]
    results = [result(i, {"layers": 2, "units_1": a, "units_2": b}) for i, (a, b) in enumerate(pairs)]
    shown = replace(among(shown, 0, results), study=study)
    values = trials._chosen("units", results)
    assert values == {0: 64, 1: 12, 2: 8, 3: 36, 4: 16}
    scale = trials._scale(shown, "units", list(values.values()), 0.0, 100.0)
    assert isinstance(scale, Numbers)
    places = [scale.at(value) for value in sorted(values.values())]
    assert places == sorted(places)
    assert trials._scale(shown, "units", [8, 64, 16], 0.0, 100.0) == Words((64, 8, 16), 0.0, 100.0)
    assert trials.parallel(shown, ()) is not None


def test_far_apart_means_of_listed_numbers_stand_on_a_logarithmic_axis(shown: Shown) -> None:
    scale = trials._scale(shown, "unheard", [1e-4, 1e-2, 0.00505], 0.0, 100.0)
    assert isinstance(scale, Numbers)
    assert scale.log
    assert 40 < scale.at(1e-3) < 60


def test_numbers_among_words_are_no_mean() -> None:
    results = [result(0, {"rate_1": 0.1, "rate_2": 0.3, "rate_3": 0.3}), result(1, {"rate_1": "auto"})]
    assert trials._chosen("rate", results) == {0: 0.3, 1: "auto"}


def test_champion_and_front_are_drawn_however_many_trials_there_are(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "MOST_LINES", 20)
    results = [result(i, {"units_1": 4 + i % 7}, 900.0 if i not in (0, 31, 32) else 100.0 - i) for i in range(60)]
    shown = replace(among(shown, 31, results), objective=PARAMS)
    assert shown.front == {0, 31, 32}
    figure = trials.parallel(shown, ())
    assert figure is not None
    drawn = list(map(int, re.findall(r"<title>trial (\d+)", figure.wide.__html__())))
    assert {0, 31, 32} <= set(drawn)
    assert len(drawn) == len(set(drawn)) == 20
    assert ways(figure)["champion"] == 1
    assert figure.caption.startswith(
        "20 of 60 completed trials, evenly drawn; the best 6 stand out and the champion is the thickest line."
    )
    assert [r.trial.number for r in trials.evenly(results[:4], 2, {1, 2, 3})] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("count", "good", "said"),
    [
        (2, 1, "2 completed trials; the champion is the thickest line."),
        (12, 3, "12 completed trials; the best 3 stand out and the champion is the thickest line."),
        (29, 3, "29 completed trials; the best 3 stand out and the champion is the thickest line."),
        (40, 4, "40 completed trials; the best 4 stand out and the champion is the thickest line."),
    ],
)
def test_the_caption_says_how_many_stand_out(shown: Shown, count: int, good: int, said: str) -> None:
    results = [result(i, {"units_1": 4 + i % 7}) for i in range(count)]
    ended = trials.parallel(among(shown, count - 1, results), ())
    assert ended is not None
    assert ended.caption == said
    looks = ways(ended)
    assert (looks["champion"], looks["good"], looks.total()) == (1, good, count)
    unended = trials.parallel(replace(shown, results=results, verdict=None), ())
    assert unended is not None
    assert unended.caption == re.sub("(; | and )the champion is the thickest line", "", said)


@pytest.mark.parametrize(("epochs", "look"), [(3, "curve"), (1, "mark")])
def test_a_metric_that_only_validation_has_is_drawn_alone(shown: Shown, epochs: int, look: str) -> None:
    history = tuple({"loss": 1 / e, "val_loss": 1.1 / e, "val_f1": 1 - 1 / e} for e in range(1, epochs + 1))
    figure = trials.curves(
        replace(shown, objective=Objective("val_f1", "maximize")), replace(result(0, {}), history=history)
    )
    drawn = figure.wide.__html__()
    assert re.findall(">(f1|loss)</text>", drawn) == ["f1", "loss"]
    assert re.findall(rf'class="{look} (train|validation)"', drawn) == ["validation", "train", "validation"]


def test_a_few_far_scores_do_not_squeeze_the_others() -> None:
    assert reckoned.readable([0.9, 0.89, 0.88, 0.87, 0.1], "maximize")[0] > 0.8
    assert reckoned.readable([0.9, 0.89, 0.1], "maximize") == (0.1, 0.9)
    assert reckoned.readable([1.0, 1.1, 1.2, 1.3, 900.0], "minimize")[1] < 2
