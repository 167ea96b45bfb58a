"""The picture of a table of combinations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.plots import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tuner.tables import Cell, Spread, Table

_SERIES = (drawing.BLUE, drawing.RED, drawing.GREEN, drawing.ORANGE, "#CC79A7", "#56B4E9", "#000000")  # of blocks
_MOST_LINES = 30


def combinations(table: Table, path: Path) -> None:
    """The scores of every line of a table, of each block in a colour of its own, beside the seconds they took.

    Means with their standard deviation, validation filled and train hollow. Of many lines the best are shown; where a
    few scores are far worse than the rest, they stand at the edge with their number.
    """
    lines = table.best(_MOST_LINES)
    cells = [table.cells[line, block] for line in lines for block in table.blocks if (line, block) in table.cells]
    scores = [spread for cell in cells for spread in (cell.train, cell.validation) if spread is not None]
    height = 0.3 * max(len(lines), 3) * (1.0 if len(table.blocks) < 3 else 1.6)
    names = [drawing.short(table.named(line), 56) for line in lines]
    width = 9 + 0.07 * max(max(map(len, names)) - 34, 0)
    with drawing.figure(path, width, 1.7 + min(height, 11.0)) as figure:
        against, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        figure.suptitle(
            f"{drawing.words(table.metric)} by {', '.join((*table.rows, *table.columns))}", x=0.02, ha="left"
        )
        reach = _reach(scores, table.goal)
        for number, block in enumerate(table.blocks):
            offset = (number + 0.5) / len(table.blocks) - 0.5
            name = ", ".join(map(" ".join, zip(table.columns, table.spelled(table.columns, block), strict=True)))
            colour = _SERIES[number % len(_SERIES)]
            for place, line in enumerate(lines):
                if cell := table.cells.get((line, block)):
                    _draw_cell((against, seconds), cell, place + 0.7 * offset, colour, reach)
            against.scatter([], [], s=36, color=colour, label=f"{name}{', ' * bool(name)}validation")
        against.scatter([], [], s=36, facecolors="none", edgecolors=drawing.GREY, label="train")
        if reach is not None:
            against.set_xlim(*reach)
        against.set_yticks(range(len(lines)), names)
        against.set_ylim(len(lines) - 0.4, -0.6)
        against.set_xlabel(drawing.words(table.metric))
        seconds.set_xlabel("seconds of a trial")
        seconds.set_xlim(left=0)
        seconds.tick_params(left=False)
        if left_out := len(table.lines) - len(lines):
            seconds.set_title(f"{left_out} worse not shown", loc="right", fontsize=10, color=drawing.GREY)
        drawing.legend_below(figure, against)


def _reach(scores: Sequence[Spread], goal: str) -> tuple[float, float] | None:
    """The part of the axis that shows the better half of the scores well, or None where the whole of it does."""
    sign = -1 if goal == "maximize" else 1
    ordered = sorted(sign * spread.mean for spread in scores)  # the lower the better
    if len(ordered) < 5:
        return None
    best, typical, worst = ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1]
    reach = 4.0 * (typical - best)
    if not 0 < reach < 0.5 * (worst - best):
        return None
    # The spread of the good ones is seen to its end, unless it would take up half of the picture.
    shown = [spread for spread in scores if sign * spread.mean <= best + reach]
    ends = [sign * spread.mean - (spread.deviation or 0.0) for spread in shown]
    low, high = sorted((sign * (max(min(ends), best - reach) - 0.15 * reach), sign * (best + reach)))
    return low, high


def _draw_cell(
    axes: tuple[Axes, Axes], cell: Cell, place: float, colour: str, reach: tuple[float, float] | None
) -> None:
    against, seconds = axes
    for spread, fill, aside in ((cell.train, "white", 0.1), (cell.validation, colour, 0.0)):
        if spread is None:
            continue
        if reach is not None and not reach[0] <= spread.mean <= reach[1]:
            _tell_outside(against, spread.mean, place + 3.7 * aside, colour, reach, train=bool(aside))
            continue
        against.errorbar(
            [spread.mean], [place + aside], xerr=None if spread.deviation is None else [spread.deviation],
            color=colour, alpha=0.6 if aside else 1.0, marker="o", markersize=6, markerfacecolor=fill, elinewidth=1.2,
            capsize=2,
        )  # fmt: skip
    if cell.seconds is not None:
        seconds.errorbar(
            [cell.seconds.mean], [place], xerr=None if cell.seconds.deviation is None else [cell.seconds.deviation],
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
