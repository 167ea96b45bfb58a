"""Combinations of settings side by side: what their trials came to, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.plots import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The mean of some trials, and their standard deviation where there are two or more.
Spread = tuple[float, float | None]

_SERIES = (drawing.BLUE, drawing.RED, drawing.GREEN, drawing.ORANGE, "#CC79A7", "#56B4E9", "#000000")  # of blocks
_LONGEST_LINE = 56


@dataclass(frozen=True, slots=True)
class Mark:
    """What the trials of a combination came to: scores on train and validation rows, and seconds."""

    train: Spread | None
    validation: Spread | None
    seconds: Spread | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is drawn: a line for each combination, in which each block has a mark. Both are in words, best as short."""

    metric: str  # without "val_"
    goal: str
    by: Sequence[str]  # the parameters
    lines: Sequence[str]
    blocks: Sequence[str]  # "" where there is only one
    marks: Mapping[tuple[int, int], Mark]  # by the places of line and block
    left_out: int = 0  # lines, worse than those here
    not_counted: str = ""  # the trials that are in no mark


def combinations(made: Comparison, path: Path) -> None:
    """The scores of every line, of each block in a colour of its own, beside the seconds they took.

    Means with their standard deviation, validation filled and train hollow. Where a few scores are far worse than the
    rest, they stand at the edge with their number.
    """
    scores = [spread for mark in made.marks.values() for spread in (mark.train, mark.validation) if spread is not None]
    height = 0.3 * max(len(made.lines), 3) * (1.0 if len(made.blocks) < 3 else 1.6)
    names = [drawing.short(line, _LONGEST_LINE) for line in made.lines]
    width = 9 + 0.07 * max(max(map(len, names)) - 34, 0)
    with drawing.figure(path, width, 1.7 + min(height, 11.0)) as figure:
        against, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        figure.suptitle(drawing.short(f"{drawing.words(made.metric)} by {', '.join(made.by)}", 90), x=0.02, ha="left")
        reach = _reach(scores, made.goal)
        for (line, block), mark in made.marks.items():
            offset = (block + 0.5) / len(made.blocks) - 0.5
            _draw_mark((against, seconds), mark, line + 0.7 * offset, _SERIES[block % len(_SERIES)], reach)
        for block, name in enumerate(made.blocks):
            label = f"{name}{', ' * bool(name)}validation"
            against.scatter([], [], s=36, color=_SERIES[block % len(_SERIES)], label=label)
        against.scatter([], [], s=36, facecolors="none", edgecolors=drawing.GREY, label="train")
        if reach is not None:
            against.set_xlim(*reach)
        against.set_yticks(range(len(names)), names)
        against.set_ylim(len(names) - 0.4, -0.6)
        against.set_xlabel(drawing.words(made.metric))
        seconds.set_xlabel("seconds of a trial")
        seconds.set_xlim(left=0)
        seconds.tick_params(left=False)
        if made.not_counted:
            against.set_title(f"not counted: {made.not_counted}", loc="left", fontsize=10, color=drawing.GREY)
        if made.left_out:
            seconds.set_title(f"{made.left_out} worse not shown", loc="right", fontsize=10, color=drawing.GREY)
        drawing.legend_below(figure, against)


def _reach(scores: Sequence[Spread], goal: str) -> tuple[float, float] | None:
    """The part of the axis that shows the better half of the scores well, or None where the whole of it does."""
    sign = -1 if goal == "maximize" else 1
    ordered = sorted(sign * mean for mean, _ in scores)  # the lower the better
    if len(ordered) < 5:
        return None
    best, typical, worst = ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1]
    reach = 4.0 * (typical - best)
    if not 0 < reach < 0.5 * (worst - best):
        return None
    # The spread of the good ones is seen to its end, unless it would take up half of the picture.
    ends = [sign * mean - (deviation or 0.0) for mean, deviation in scores if sign * mean <= best + reach]
    low, high = sorted((sign * (max(min(ends), best - reach) - 0.15 * reach), sign * (best + reach)))
    return low, high


def _draw_mark(
    axes: tuple[Axes, Axes], mark: Mark, place: float, colour: str, reach: tuple[float, float] | None
) -> None:
    against, seconds = axes
    for spread, fill, aside in ((mark.train, "white", 0.1), (mark.validation, colour, 0.0)):
        if spread is None:
            continue
        mean, deviation = spread
        if reach is not None and not reach[0] <= mean <= reach[1]:
            _tell_outside(against, mean, place + 3.7 * aside, colour, reach, train=bool(aside))
            continue
        against.errorbar(
            [mean], [place + aside], xerr=None if deviation is None else [deviation], color=colour,
            alpha=0.6 if aside else 1.0, marker="o", markersize=6, markerfacecolor=fill, elinewidth=1.2, capsize=2,
        )  # fmt: skip
    if mark.seconds is not None:
        mean, deviation = mark.seconds
        seconds.errorbar(
            [mean], [place], xerr=None if deviation is None else [deviation],
            color=colour, marker="|", markersize=10, markeredgewidth=2, elinewidth=1.2,
        )  # fmt: skip


def _tell_outside(
    axes: Axes, mean: float, place: float, colour: str, reach: tuple[float, float], *, train: bool
) -> None:
    """A score that is not in the picture, at the edge that it lies behind; hollow as its mark would be."""
    low = mean < reach[0]
    axes.annotate(
        f"{'◃' if train else '◂'} {mean:.4g}" if low else f"{mean:.4g} {'▹' if train else '▸'}",
        (0.01 if low else 0.99, place), xycoords=("axes fraction", "data"), va="center",
        ha="left" if low else "right", color=colour, alpha=0.6 if train else 1.0, fontsize=9,
    )  # fmt: skip
