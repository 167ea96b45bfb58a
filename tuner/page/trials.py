"""Drawings of a search's trials: how it went, what mattered, and which trade-offs there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from tuner import wording
from tuner.page.drawing import Drawing, frame, room_below
from tuner.page.scales import Numbers, Scale, Words
from tuner.parameters import Choice, Float, Int
from tuner.plots import reckoned
from tuner.shown import Shown
from tuner.trial import Result, State, Value

_SHAPES = {State.COMPLETE: "circle", State.PRUNED: "triangle", State.DIVERGED: "cross", State.FAILED: "square"}
# Marks and lines beyond which a picture only becomes darker, and its file larger.
MOST_MARKS, MOST_LINES = 1000, 300
MOST_AXES = 9
_LEFT, _TOP = 56.0, 26.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and the line below it; `narrow` stands in for it on a small screen, where there is one."""

    wide: Drawing
    caption: str = ""
    narrow: Drawing | None = None
    title: str = ""


def history(shown: Shown) -> Figure | None:
    """The score of every trial by its state, and the best complete one so far; those without a score below.

    None where none has a score.
    """
    scored = [result for result in shown.results if _finite(result.score)]
    if not scored:
        return None
    told = wording.states(shown.counts)
    low, high = _range(shown, scored)
    far = sum(not low <= (result.score or 0.0) <= high for result in scored)
    caption = f"{told}. The line is the best complete trial so far"
    caption += f"; {far} far worse stand at the edge" if far else ""
    caption += "; those without a score stand below the axis." if len(scored) < len(shown.results) else "."
    wide, narrow = (_history(shown, scored, width, height) for width, height in ((1080.0, 340.0), (360.0, 270.0)))
    return Figure(wide, caption, narrow)


def _history(shown: Shown, scored: Sequence[Result], width: float, height: float) -> Drawing:
    metric = shown.objective.metric
    drawing = Drawing(width, height, f"Optimisation history: {metric} of {wording.count(len(shown.results), 'trial')}")
    below = 30.0 if len(scored) < len(shown.results) else 0.0  # for those without a score
    bottom = height - 40 - below
    x = Numbers.over([r.trial.number for r in shown.results], _LEFT, width - 12, whole=True)
    y = Numbers.over(_range(shown, scored), bottom, _TOP)
    frame(drawing, x, y, "trial", metric, (int(width / 60), 5))
    steps = reckoned.best_so_far(scored, shown.objective)
    if steps:
        last = max(result.trial.number for result in shown.results)
        corners = [(x.at(steps[0][0]), y.at(steps[0][1]))]
        for number, score in [*steps[1:], (last, steps[-1][1])]:
            corners += [(x.at(number), corners[-1][1]), (x.at(number), y.at(score))]
        drawing.path(corners, "best-line", f"best so far: {wording.score(steps[-1][1])}")
    for result in shown.results:
        place = y.at(result.score) if result.score is not None and _finite(result.score) else bottom + 28
        _mark(drawing, shown, result, (x.at(result.trial.number), place))
    return drawing


def _mark(drawing: Drawing, shown: Shown, result: Result, at: tuple[float, float], size: float = 4.0) -> None:
    champion = result.trial.number == shown.champion
    shape = "star" if champion else _SHAPES[result.state]
    drawing.mark(at, f"mark {'champion' if champion else result.state.value}", tip(shown, result), shape, size)


def tip(shown: Shown, result: Result) -> str:
    """A trial in a few words: `trial 7 · val_accuracy 0.7597 · complete`."""
    values = shown.objective.values(result) or (result.score,)
    named = zip((aim.metric for aim in shown.objective.aims), values, strict=False)
    told = [f"{name} {wording.objective(name, value)}" for name, value in named]
    who = f"trial {result.trial.number}{', the champion' if result.trial.number == shown.champion else ''}"
    return " · ".join([who, *told, result.state.value])


def _range(shown: Shown, scored: Sequence[Result]) -> tuple[float, float]:
    scores = [result.score for result in scored if result.score is not None]
    return reckoned.readable(scores, shown.objective.goal) if scores else (0.0, 1.0)


def _finite(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def fronts(shown: Shown) -> list[Figure]:
    """The first objective against each further one: the trials on the Pareto front, among all others."""
    return [_front(shown, place) for place in range(1, len(shown.objective.aims))]


def _front(shown: Shown, place: int) -> Figure:
    first, other = shown.objective.aims[0], shown.objective.aims[place]
    valued = [(result, values) for result in shown.results if (values := shown.objective.values(result))]
    wide, narrow = (_drawn_front(shown, place, valued, *size) for size in ((560.0, 340.0), (360.0, 270.0)))
    return Figure(wide, narrow=narrow, title=f"{first.metric} and {other.metric}")


def _drawn_front(
    shown: Shown, place: int, valued: Sequence[tuple[Result, tuple[float, ...]]], width: float, height: float
) -> Drawing:
    first, other = shown.objective.aims[0], shown.objective.aims[place]
    drawing = Drawing(width, height, f"Pareto front of {first.metric} and {other.metric}", "middle-sized")
    across = [values[place] for _, values in valued]
    x = Numbers.over(across, _LEFT, width - 12, log=_of_orders(across))
    y = Numbers.over([values[0] for _, values in valued], height - 46, _TOP)
    frame(drawing, x, y, f"{other.metric} ({other.goal})", f"{first.metric} ({first.goal})")
    front = shown.front
    if len(shown.objective.aims) == 2:
        reached = sorted((values[place], values[0]) for result, values in valued if result.trial.number in front)
        drawing.path(_stairs([(x.at(a), y.at(b)) for a, b in reached], other.goal), "best-line")
    for result, values in sorted(valued, key=lambda each: each[0].trial.number in front):
        on_it = result.trial.number in front
        champion = result.trial.number == shown.champion
        look = "champion" if champion else "complete" if on_it else "behind"
        at = (x.at(values[place]), y.at(values[0]))
        drawing.mark(at, f"mark {look}", tip(shown, result), "star" if champion else "circle", 5.0 if on_it else 3.5)
    return drawing


def _stairs(points: Sequence[tuple[float, float]], goal: str) -> list[tuple[float, float]]:
    """The edge of what was reached: between two points of a front there is nothing on the straight line.

    Where the `goal` of what goes across is to minimize it, each point's own level holds up to the next one.
    """
    corners = list(points[:1])
    for (x, y), after in pairwise(points):
        corners += [(after[0], y) if goal == "minimize" else (x, after[1]), after]
    return corners


def settings(values: Mapping[str, Value]) -> dict[str, tuple[Value, ...]]:
    """What a trial had of each parameter: one value, or one for each layer that has its own."""
    shared, layered = wording.by_layer(values)
    own = {name: tuple(value for value in each if value != "·") for name, each in layered.items()}
    return {**{name: (value,) for name, value in shared.items()}, **own}


def evenly(results: Sequence[Result], most: int, kept: Collection[int] = ()) -> list[Result]:
    """So many of them at most, evenly spread, in their order; the first is always there.

    So is every trial that is `kept`, by number, even where those alone are more.
    """
    if len(results) <= most:
        return list(results)
    others = [result for result in results if result.trial.number not in kept]
    room = min(max(most - (len(results) - len(others)), 1), len(others))
    spread = {others[i * len(others) // room].trial.number for i in range(room)}
    return [result for result in results if result.trial.number in spread or result.trial.number in kept]


def _kept(shown: Shown) -> set[int]:
    """The trials that no drawing leaves out: the champion, and the Pareto front."""
    return shown.front | ({shown.champion} if shown.champion is not None else set())


def slices(shown: Shown, order: Sequence[str]) -> list[Figure]:
    """The score against each parameter that was varied, those in `order` first; of layers, each is a mark."""
    ranked = [r for r in shown.results if r.state in (State.COMPLETE, State.PRUNED) and _finite(r.score)]
    drawn = evenly(sorted(ranked, key=lambda r: r.trial.number != shown.champion), MOST_MARKS, _kept(shown))
    return [_slice(shown, name, drawn) for name in varied(shown, order)] if drawn else []


def varied(shown: Shown, order: Sequence[str]) -> list[str]:
    """The parameters with more than one value in the trials, those in `order` first, then as in the study."""
    found: dict[str, set[Value]] = {}
    for result in shown.results:
        for name, own in settings(result.trial.values).items():
            found.setdefault(name, set()).update(own)
    named = dict.fromkeys([*order, *(p.name for p in shown.study.space.parameters), *found])
    return [name for name in named if len(found.get(name, ())) > 1]


def _slice(shown: Shown, name: str, drawn: Sequence[Result]) -> Figure:
    values = [own for result in drawn for own in settings(result.trial.values).get(name, ())]
    right = 348.0
    drawing = Drawing(360.0, 230.0, f"{shown.objective.metric} against {name}")
    x = _scale(shown, name, values, _LEFT, right)
    words = [said for _, said in x.ticks(8)] if isinstance(x, Words) else []
    bottom = 230.0 - room_below(words, x.share if isinstance(x, Words) else 0.0)
    y = Numbers.over(_range(shown, drawn), bottom, 12)
    frame(drawing, x, y, ticks=(7, 6))
    for i, result in enumerate(reversed(drawn)):
        own = settings(result.trial.values).get(name, ())
        for layer, value in enumerate(own):
            # Marks of a word stand beside each other, the same ones at every drawing.
            aside = ((i * 0.618 + layer * 0.37) % 1 - 0.5) * 0.5 * x.share if isinstance(x, Words) else 0.0
            _mark(drawing, shown, result, (x.at(value) + aside, y.at(result.score or 0.0)), 3.5)
    layered = any(len(settings(result.trial.values).get(name, ())) > 1 for result in drawn)
    return Figure(drawing, "each layer is a mark" if layered else "", title=name)


def _scale(shown: Shown, name: str, values: Sequence[Value], start: float, end: float) -> Scale:
    """The axis of a parameter: as its range is, of the values that occurred."""
    parameter = next((p for p in shown.study.space.parameters if p.name == name), None)
    known = parameter.options if isinstance(parameter, Choice) else ()
    there = set(values)
    if _are_numbers(values) and not there <= set(known):
        numbers = [float(value) for value in values]
        if isinstance(parameter, Int | Float):
            ends = (float(parameter.low), float(parameter.high))  # what was left untried is seen too
            whole = isinstance(parameter, Int) and not parameter.log
            return Numbers.over([*ends, *numbers], start, end, log=parameter.log, whole=whole)
        log = _of_orders(numbers)
        return Numbers.over(
            numbers, start, end, log=log, whole=not log and all(number.is_integer() for number in numbers)
        )
    others = sorted(there - set(known), key=lambda value: (isinstance(value, str), value))
    return Words((*(word for word in known if word in there), *others), start, end)


def parallel(shown: Shown, order: Sequence[str]) -> Figure | None:
    """A line for each completed trial, through its score and its values; None where there is nothing to compare."""
    every = shown.ranked
    ranked = evenly(every, MOST_LINES, _kept(shown))
    names = varied(shown, order)[: MOST_AXES - 1]
    if len(ranked) < 2 or not names:
        return None
    width, height = 1080.0, 360.0
    drawing = Drawing(width, height, f"Parallel coordinates of {len(ranked)} trials", "broad")
    top, bottom, gap = 44.0, height - 44.0, (width - 150) / len(names)
    places = [70.0 + i * gap for i in range(len(names) + 1)]
    score = Numbers.over(_range(shown, ranked), bottom, top)
    chosen = {name: _chosen(name, ranked) for name in names}
    scales = {name: _scale(shown, name, list(own.values()), bottom, top) for name, own in chosen.items()}
    good = {result.trial.number for result in every[: _standing_out(every)]}
    for result in reversed(ranked):
        number = result.trial.number
        points = [(places[0], score.at(result.score or 0.0))]
        points += [
            (x, scales[name].at(chosen[name][number]) if number in chosen[name] else bottom + 18)
            for x, name in zip(places[1:], names, strict=True)
        ]
        look = "champion" if number == shown.champion else "good" if number in good else "rest"
        drawing.path(points, f"way {look}", tip(shown, result))
    _axis(drawing, places[0], score, shown.objective.metric)
    for x, name in zip(places[1:], names, strict=True):
        _axis(drawing, x, scales[name], name)
        if len(chosen[name]) < len(ranked):
            drawing.text((x + 6, bottom + 22), "not used", "tick halo")
    return Figure(drawing, _said_of(shown, names, len(ranked)))


def _standing_out(ranked: Sequence[Result]) -> int:
    """How many of the best are drawn so that they stand out: a tenth, and three of fewer than thirty."""
    return max(3, len(ranked) // 10)


def _said_of(shown: Shown, names: Sequence[str], drawn: int) -> str:
    ranked = shown.ranked
    every, best = len(ranked), _standing_out(ranked)
    said = wording.count(every, "completed trial")
    said = said if drawn == every else f"{drawn:,} of {said}, evenly drawn"
    outstanding = [f"the best {best:,} stand out"] if best < every else []
    outstanding += ["the champion is the thickest line"] if shown.champion is not None else []
    said += f"; {' and '.join(outstanding)}" if outstanding else ""
    layers = [n for n in names if any(len(settings(r.trial.values).get(n, ())) > 1 for r in ranked)]
    said += f". Of {', '.join(layers)}: the mean over layers, or what most of them have" if layers else ""
    left_out = len(varied(shown, ())) - len(names)
    return said + (f". {wording.count(left_out, 'parameter')} more not shown." if left_out else ".")


def _chosen(name: str, results: Sequence[Result]) -> dict[int, Value]:
    """What each trial has of a parameter, all layers in one value: the mean of numbers, or else the most common."""
    own = {result.trial.number: settings(result.trial.values).get(name, ()) for result in results}
    numbers = _are_numbers([value for each in own.values() for value in each])
    return {
        number: _mean(each) if numbers else Counter(each).most_common(1)[0][0] for number, each in own.items() if each
    }


def _mean(own: Sequence[Value]) -> Value:
    """A single number as it is, because it may be a whole one."""
    return own[0] if len(set(own)) == 1 else fmean(map(float, own))


def _are_numbers(values: Sequence[Value]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _of_orders(numbers: Sequence[float]) -> bool:
    """Whether numbers are so far apart that a straight axis would squeeze the small ones together."""
    return min(numbers) > 0 and max(numbers) > 20 * min(numbers)


def _axis(drawing: Drawing, x: float, scale: Scale, name: str) -> None:
    drawing.line((x, scale.start), (x, scale.end), "axis")
    drawing.text((x, scale.end - 18), name, "name", "middle", 17)
    for place, said in scale.ticks(5):
        drawing.line((x - 4, place), (x, place), "axis")
        drawing.text((x + 6, place + 4), said, "tick halo", most=14)


def curves(shown: Shown, result: Result) -> Figure:
    """The loss and the objective's metric by epoch, on train and validation rows, or on those of them that have it."""
    metric = shown.objective.metric.removeprefix("val_")
    had = {name for metrics in result.history for name in metrics}
    names = [name for name in dict.fromkeys((metric, "loss")) if name in had or f"val_{name}" in had]
    height = 190.0
    drawing = Drawing(360.0, height * max(len(names), 1) + 14, f"Learning curves of trial {result.trial.number}")
    epochs = [result.trial.first_epoch + i for i in range(len(result.history))]
    for place, name in enumerate(names):
        both = [[metrics.get(key, math.nan) for metrics in result.history] for key in (name, f"val_{name}")]
        _curve(drawing, result, name, epochs, both, place * height, "epoch" if place == len(names) - 1 else "")
    title = f"Trial {result.trial.number}{' (champion)' if result.trial.number == shown.champion else ''}"
    title += f", on from trial {result.trial.parent}" if result.trial.parent is not None else ""
    return Figure(drawing, f"{shown.objective.metric} {wording.score(result.score)}", title=title)


def _curve(
    drawing: Drawing, result: Result, name: str, epochs: Sequence[int], both: Sequence[Sequence[float]], top: float,
    across: str,
) -> None:  # fmt: skip
    found = [value for line in both for value in line if math.isfinite(value)] or [0.0, 1.0]
    goal = "maximize" if both[1][-1] > both[1][0] else "minimize"
    x = Numbers.over(epochs, _LEFT, 348, whole=True)
    y = Numbers.over(reckoned.readable(found, goal, 8.0), top + 160, top + _TOP)
    frame(drawing, x, y, across, name, (7, 5))
    if result.best_epoch is not None:
        best = x.at(result.best_epoch)
        drawing.line((best, y.start), (best, y.end), "best-epoch")
    for line, part in zip(both, ("train", "validation"), strict=True):
        points = [(x.at(e), y.at(v)) for e, v in zip(epochs, line, strict=True) if math.isfinite(v)]
        if len(epochs) > 1 and points:
            drawing.path(points, f"curve {part}")
        elif points:  # one epoch makes no line
            drawing.mark(points[0], f"mark {part}", f"{part} {name} after epoch {epochs[0]}")
