"""The pictures of the page on drivers and samplers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks import standings
from tests.benchmarks.curves import Table
from tests.benchmarks.standings import Baseline
from tests.benchmarks.ways import Course
from tuner.plots import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Courses = Mapping[tuple[str, str], Sequence[Course]]  # by way and ground

_SKY, _PURPLE = "#56B4E9", "#CC79A7"
# Colours are of samplers; solid lines are Optuna's, broken ones KerasTuner's, and dotted ones stop trials early.
_LINES: Mapping[str, tuple[str, str]] = {
    "tpe": (drawing.BLUE, "-"),
    "cma-es": (drawing.ORANGE, "-"),
    "nsga-ii": (drawing.GREEN, "-"),
    "qmc": (_PURPLE, "-"),
    "grid": ("black", "-"),
    "kt-bayesian": (drawing.RED, "--"),
    "random+hyperband": ("black", ":"),
    "tpe+hyperband": (drawing.BLUE, ":"),
    "kt-hyperband": (_SKY, "--"),
}
# Random searches are a band; both grids are one line.
_BY_TRIALS = ("tpe", "cma-es", "nsga-ii", "qmc", "grid", "kt-bayesian")
_BY_EPOCHS = ("tpe", "tpe+hyperband", "random+hyperband", "kt-hyperband")
_FIRST = 10  # trials, or as many epochs as they have: before that, it is luck


def by_trials(path: Path, baselines: Sequence[Baseline], courses: Courses, most: int) -> None:
    """How far from the best point the searches that train every trial whole are, by trials."""
    _draw(path, baselines, {key: each for key, each in courses.items() if key[0] in _BY_TRIALS}, most, by_epochs=False)


def by_epochs(path: Path, baselines: Sequence[Baseline], courses: Courses, most: int) -> None:
    """The same by epochs, of those that stop trials early beside what they are made of."""
    _draw(path, baselines, {key: each for key, each in courses.items() if key[0] in _BY_EPOCHS}, most, by_epochs=True)


def _draw(path: Path, baselines: Sequence[Baseline], courses: Courses, most: int, *, by_epochs: bool) -> None:
    with drawing.figure(path, 4.4 * len(baselines), 4.6) as figure:
        panels = figure.subplots(1, len(baselines), squeeze=False)[0]
        for baseline, axes in zip(baselines, panels, strict=True):
            table = baseline.table
            whole = table.ground.epochs if by_epochs else 1
            ticks = sorted({*_spread(_FIRST, most), most})
            _random(axes, baseline, ticks, whole)
            for (way, ground), each in courses.items():
                if ground == table.ground.name:
                    _line(axes, table, way, each, ticks, by_epochs=by_epochs)
            axes.set_xscale("log")
            axes.set_title(f"{table.ground.title}, {table.ground.measure}")
            axes.set_xlabel("epochs spent" if by_epochs else "trials")
            _ticks(axes, [n * whole for n in (10, 30, 100, 300) if n <= most])
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel("how far from the best point")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=8)


def _spread(first: int, last: int) -> list[int]:
    """Numbers that lie evenly on a logarithmic scale."""
    if first >= last:
        return [last]
    return sorted({round(first * (last / first) ** (i / 40)) for i in range(41)})


def _ticks(axes: Axes, places: Sequence[int]) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_xticks(places, [f"{place:,}" for place in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _random(axes: Axes, baseline: Baseline, ticks: Sequence[int], whole: int) -> None:
    """Where the middle 80 % of all random searches are."""
    ends = [[standings.regret(baseline.table, baseline.expected(n, share)) for n in ticks] for share in (0.1, 0.5, 0.9)]
    places = [n * whole for n in ticks]
    axes.fill_between(places, ends[0], ends[2], color="#e4e4e4", linewidth=0, label="80 % of random searches")
    axes.plot(places, ends[1], color="#b0b0b0", linewidth=3, label="median random search")


def _line(
    axes: Axes, table: Table, way: str, courses: Sequence[Course], ticks: Sequence[int], *, by_epochs: bool
) -> None:
    """The median of the searches from all seeds, as far as all of them went."""
    whole = table.ground.epochs
    reached = min(course.epochs[-1] // whole if by_epochs else len(course.scores) for course in courses)
    if any(course.exhausted for course in courses):
        reached = max(ticks)
    places = [n for n in ticks if n <= reached]
    regrets = [
        median(
            standings.regret(
                table,
                standings.best(table, course.after_epochs(n * whole) if by_epochs else course.after_trials(n)),
            )
            for course in courses
        )
        for n in places
    ]
    colour, style = _LINES[way]
    axes.plot([n * whole if by_epochs else n for n in places], regrets, color=colour, linestyle=style, label=_told(way))


def _told(way: str) -> str:
    """`tpe + hyperband`, `KerasTuner bayesian`."""
    return way.replace("kt-", "KerasTuner ").replace("+", " + ")


def beaten(path: Path, shares: Mapping[str, Mapping[int, tuple[float, float]]], noise: float) -> None:
    """For each way, how many random searches it beats after so many trials, with its standard error.

    The band is no more than chance.
    """
    marks = {0: ("o", drawing.GREY), 1: ("s", drawing.ORANGE), 2: ("D", drawing.BLUE)}
    with drawing.figure(path, 9, 1.6 + 0.36 * len(shares)) as figure:
        axes = figure.subplots()
        axes.axvspan(100 * (0.5 - noise), 100 * (0.5 + noise), color="#e4e4e4", linewidth=0, label="chance")
        counts = sorted({n for each in shares.values() for n in each})
        for i, n in enumerate(counts):
            known = [(place + 0.2 * (i - 1), *each[n]) for place, each in enumerate(shares.values()) if n in each]
            mark, colour = marks[i % len(marks)]
            axes.errorbar(
                [100 * share for _, share, _ in known], [place for place, _, _ in known],
                xerr=[100 * error for _, _, error in known], fmt=mark, color=colour, markersize=7, elinewidth=1.2,
                label=f"{n} trials", zorder=3,
            )  # fmt: skip
        names = [f"{_told(way)}, by epochs" if "hyperband" in way else _told(way) for way in shares]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.set_xlabel("random searches of as many trials, or epochs, that it beats, of 100")
        drawing.legend_below(figure, axes)
