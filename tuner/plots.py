"""Pictures of a search as PNG files: how it went, what mattered, and what the champion does.

Drawn on `Figure` objects, so that no window system, no global state and no thread is involved. Colours are those of
M. Okabe and K. Ito, "Color Universal Design" (2008), which people with any colour vision tell apart; shapes and line
styles repeat what they say.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.metrics import Array, classes_of
from tuner.trial import Objective, Result, State, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tuner.tables import Cell, Spread, Table

_BLUE, _ORANGE, _GREEN, _RED, _GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676"
_LOOKS: Mapping[State, tuple[str, str]] = {  # colour and marker
    State.COMPLETE: (_BLUE, "o"),
    State.PRUNED: (_ORANGE, "v"),
    State.DIVERGED: (_RED, "X"),
    State.FAILED: (_GREY, "s"),
}
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
}
_SERIES = (_BLUE, _RED, _GREEN, _ORANGE, "#CC79A7", "#56B4E9", "#000000")  # of the blocks of a table
_MOST_LINES = 30
_DPI = 120
_LONGEST_NAME = 24
_IMAGES, _ACROSS = 24, 6
_CELLS_WITH_NUMBERS = 20  # classes up to which the cells of a confusion matrix are large enough for a number


def optimisation_history(results: Sequence[Result], objective: Objective, path: Path) -> None:
    """The score of every trial by its state, and the best complete one so far.

    Trials without a score stand on the lower edge. Where a few scores are far worse than the rest, the axis leaves
    them out and says so, as the others could not be told apart beside them.
    """
    with _figure(path, 8, 4.5) as figure:
        axes = figure.add_subplot()
        axes.set_title("Optimisation history")
        axes.set_xlabel("trial")
        axes.set_ylabel(_words(objective.metric))
        scored = [r for r in results if r.score is not None and math.isfinite(r.score)]
        for state, (colour, marker) in _LOOKS.items():
            mine = [r for r in scored if r.state is state]
            numbers, scores = [r.trial.number for r in mine], [r.score or 0.0 for r in mine]
            fill = colour if state is State.COMPLETE else "none"
            if mine:
                label = f"{state.value} ({len(mine)})"
                axes.scatter(numbers, scores, s=28, marker=marker, facecolors=fill, edgecolors=colour, label=label)
        _draw_best(axes, scored, objective)
        left_out = _keep_readable(axes, [r.score for r in scored if r.score is not None], objective)
        _draw_scoreless(axes, [r for r in results if r not in scored])
        _whole_numbers(axes, [r.trial.number for r in results])
        if not results:
            _say(axes, "no trial has ended")
        if left_out:
            axes.set_title(f"{left_out} far worse not shown", loc="right", fontsize=10, color=_GREY)
        _legend_below(figure, axes)


def _draw_best(axes: Axes, scored: Sequence[Result], objective: Objective) -> None:
    steps: list[tuple[int, float]] = []
    for result in sorted(scored, key=lambda r: r.trial.number):
        better = result.score is not None and (not steps or objective.better(result.score, steps[-1][1]))
        if result.state is State.COMPLETE and better and result.score is not None:
            steps.append((result.trial.number, result.score))
    if steps:
        last = max(result.trial.number for result in scored)
        numbers, scores = zip(*steps, (last, steps[-1][1]), strict=True)
        axes.step(numbers, scores, where="post", color=_GREEN, linewidth=2, label="best so far")


def _keep_readable(axes: Axes, scores: Sequence[float], objective: Objective) -> int:
    """Cuts the axis where a few scores would squeeze all others, and returns how many are left out."""
    if len(scores) < 5:
        return 0
    ordered = sorted(scores, reverse=objective.goal == "maximize")
    best, typical = ordered[0], ordered[int(0.75 * (len(ordered) - 1))]
    reach = 2.5 * abs(typical - best)
    if not 0 < reach < 0.5 * abs(ordered[-1] - best):
        return 0
    sign = -1 if objective.goal == "maximize" else 1
    axes.set_ylim(*sorted((best - sign * 0.1 * reach, best + sign * reach)))
    return sum(abs(score - best) > reach for score in scores)


def _draw_scoreless(axes: Axes, results: Sequence[Result]) -> None:
    for state, (colour, marker) in _LOOKS.items():
        if numbers := [r.trial.number for r in results if r.state is state]:
            axes.scatter(
                numbers, [0.0] * len(numbers), s=28, marker=marker, color=colour, clip_on=False, zorder=3,
                transform=axes.get_xaxis_transform(), label=f"{state.value}, no score ({len(numbers)})",
            )  # fmt: skip


def importance(shares: Mapping[str, float], path: Path) -> None:
    """How much of the difference between scores each parameter explains, the most important on top."""
    shown = sorted(((name, share) for name, share in shares.items() if math.isfinite(share)), key=lambda each: each[1])
    left_out, shown = max(len(shown) - 20, 0), shown[-20:]
    with _figure(path, 8, 1.6 + 0.32 * max(len(shown), 2)) as figure:
        axes = figure.add_subplot()
        axes.set_title("Parameter importance")
        if not shown:
            _say(axes, "too few trials to tell")
            return
        bars = axes.barh([_short(name) for name, _ in shown], [share for _, share in shown], color=_BLUE, height=0.65)
        axes.bar_label(bars, fmt="{:.2f}", padding=4, color=_GREY)
        axes.set_xlabel("importance (share of the difference in score)")
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.grid(axis="y", visible=False)
        if left_out:
            axes.set_title(f"{left_out} less important not shown", loc="right", fontsize=10, color=_GREY)


def learning_curves(result: Result, objective: Objective, path: Path) -> None:
    """The loss, and the objective's metric where it is another, on train and validation rows after each epoch."""
    metric = objective.metric.removeprefix("val_")
    shown = list(dict.fromkeys(("loss", metric)))
    with _figure(path, 5.2 * len(shown) + 0.4, 4.3) as figure:
        figure.suptitle(f"Learning curves of trial {result.trial.number}", x=0.02, ha="left", fontsize=13)
        for i, name in enumerate(shown):
            axes = figure.add_subplot(1, len(shown), i + 1)
            axes.set_xlabel("epoch")
            axes.set_ylabel(_words(name))
            epochs = range(result.trial.first_epoch, result.trial.first_epoch + len(result.history))
            if not result.history:
                _say(axes, "no epoch was finished")
                continue
            for key, colour, style, label in ((name, _BLUE, "--", "train"), (f"val_{name}", _RED, "-", "validation")):
                points = [metrics.get(key, math.nan) for metrics in result.history]
                # One epoch makes no line.
                marker = "o" if len(points) == 1 else ""
                axes.plot(epochs, points, color=colour, linestyle=style, marker=marker, linewidth=2, label=label)
            if result.best_epoch is not None:
                axes.axvline(
                    result.best_epoch,
                    color=_GREY,
                    linestyle=":",
                    linewidth=1.5,
                    label=f"best epoch ({result.best_epoch})",
                )
            _whole_numbers(axes, epochs)
        _legend_below(figure, figure.axes[0])


def confusion(target: Array, predicted: Array, classes: Sequence[Value], path: Path) -> None:
    """How many rows of each class (down) were taken for which (across); `target` and `predicted` are class numbers.

    Colours show the share of a true class, so that a rare class is as visible as a common one.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    size = len(classes)
    names = [_short(str(name), _LONGEST_NAME if size <= 12 else _LONGEST_NAME // 2 + 4) for name in classes]
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (target.astype(np.int64), predicted.astype(np.int64)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side, points = min(max(3.4, 0.62 * size), 9.0), 11 if size <= 12 else 8
    width = max(map(len, names)) * points / 120  # of a name, in inches
    turned = size * (width + 0.1) > side
    with _figure(path, side + 1.9 + width, side + 1.4 + (0.7 * width if turned else 0.0)) as figure:
        figure.set_layout_engine("compressed")  # for cells that must stay square
        axes = figure.add_subplot()
        axes.set_title(f"Confusion matrix, {len(target)} rows")
        # Without numbers in the cells, small shares must show by their colour.
        numbered = size <= _CELLS_WITH_NUMBERS
        image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(1.0 if numbered else 0.4, vmin=0.0, vmax=1.0))
        axes.grid(visible=False)
        axes.set_xticks(range(size), names, fontsize=points)
        axes.set_yticks(range(size), names, fontsize=points)
        if turned:
            axes.set_xticks(range(size), names, fontsize=points, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046, pad=0.04)
        for row, column in np.ndindex(size, size) if numbered else ():
            colour = "white" if shares[row, column] > 0.5 else "black" if counts[row, column] else "#b0b0b0"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=points)


def misclassified(images: Array, target: Array, prediction: Array, classes: Sequence[Value], path: Path) -> None:
    """What was taken for another class, the surest mistakes first; `images` (rows, height, width, channels)."""
    import numpy as np

    taken = classes_of(prediction)
    shares = prediction if prediction.ndim > 1 else np.stack([1 - prediction, prediction], axis=1)
    sure = shares[np.arange(len(taken)), taken]
    wrong = np.flatnonzero(taken != target)
    shown = wrong[np.argsort(-sure[wrong], kind="stable")][:_IMAGES]
    down = max(math.ceil(len(shown) / _ACROSS), 1)
    with _figure(path, 9.6, 0.8 + 1.95 * down) as figure:
        more = ", the surest mistakes first" if len(wrong) > 1 else ""
        figure.suptitle(f"{len(wrong)} of {len(target)} images misclassified{more}", x=0.02, ha="left", fontsize=13)
        if not len(shown):
            _say(figure.add_subplot(), "each was taken for what it is")
            return
        pictures = np.asarray(images[shown])
        pictures = (pictures - pictures.min()) / max(float(np.ptp(pictures)), 1e-9)
        for place, (row, picture) in enumerate(zip(shown, pictures, strict=True), start=1):
            axes = figure.add_subplot(down, _ACROSS, place)
            axes.imshow(picture if picture.shape[-1] == 3 else picture.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
            names = [_short(str(classes[int(number)]), 12) for number in (target[row], taken[row])]
            axes.set_title(f"{names[0]} taken for\n{names[1]}, {sure[row]:.2f}", fontsize=9, loc="center")
            axes.set_axis_off()


def residuals(target: Array, predicted: Array, name: str, path: Path) -> None:
    """Predicted against true values, in the target's own units, beside the errors left."""
    import numpy as np

    errors = predicted.astype(np.float64) - target
    with _figure(path, 10.6, 4.6) as figure:
        figure.suptitle(f"{_short(name)}: predictions for {len(target)} rows", x=0.02, ha="left", fontsize=13)
        against, spread = figure.subplots(1, 2)
        ends = [min(target.min(), predicted.min()), max(target.max(), predicted.max())]
        faint = min(0.7, max(0.08, 60 / len(target) ** 0.75))
        against.scatter(target, predicted, s=18, color=_BLUE, alpha=faint, linewidths=0, rasterized=True)
        against.plot(ends, ends, color=_GREY, linestyle="--", label="true = predicted")
        against.set_xlabel(f"true {_short(name)}")
        against.set_ylabel(f"predicted {_short(name)}")
        against.legend(loc="upper left")
        spread.hist(errors, bins=min(max(10, int(np.sqrt(len(errors)))), 60), color=_BLUE)
        spread.axvline(0.0, color=_GREY, linestyle="--")
        mean = float(errors.mean())
        spread.axvline(mean, color=_RED, label=f"mean error ({mean:.3g})")
        spread.set_xlabel(f"predicted − true {_short(name)}")
        spread.set_ylabel("rows")
        spread.legend(loc="upper left")


def combinations(table: Table, path: Path) -> None:
    """The scores of every line of a table, of each block in a colour of its own, beside the seconds they took.

    Means with their standard deviation, validation filled and train hollow. Of many lines the best are shown; where a
    few scores are far worse than the rest, they stand at the edge with their number.
    """
    lines = table.best(_MOST_LINES)
    cells = [table.cells[line, block] for line in lines for block in table.blocks if (line, block) in table.cells]
    scores = [spread for cell in cells for spread in (cell.train, cell.validation) if spread is not None]
    height = 0.3 * max(len(lines), 3) * (1.0 if len(table.blocks) < 3 else 1.6)
    names = [_short(table.named(line), 56) for line in lines]
    width = 9 + 0.07 * max(max(map(len, names)) - 34, 0)
    with _figure(path, width, 1.7 + min(height, 11.0)) as figure:
        against, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        figure.suptitle(f"{_words(table.metric)} by {', '.join((*table.rows, *table.columns))}", x=0.02, ha="left")
        reach = _reach(scores, table.goal)
        for number, block in enumerate(table.blocks):
            offset = (number + 0.5) / len(table.blocks) - 0.5
            name = ", ".join(map(" ".join, zip(table.columns, table.spelled(table.columns, block), strict=True)))
            colour = _SERIES[number % len(_SERIES)]
            for place, line in enumerate(lines):
                if cell := table.cells.get((line, block)):
                    _draw_cell((against, seconds), cell, place + 0.7 * offset, colour, reach)
            against.scatter([], [], s=36, color=colour, label=f"{name}{', ' * bool(name)}validation")
        against.scatter([], [], s=36, facecolors="none", edgecolors=_GREY, label="train")
        if reach is not None:
            against.set_xlim(*reach)
        against.set_yticks(range(len(lines)), names)
        against.set_ylim(len(lines) - 0.4, -0.6)
        against.set_xlabel(_words(table.metric))
        seconds.set_xlabel("seconds of a trial")
        seconds.set_xlim(left=0)
        seconds.tick_params(left=False)
        if left_out := len(table.lines) - len(lines):
            seconds.set_title(f"{left_out} worse not shown", loc="right", fontsize=10, color=_GREY)
        _legend_below(figure, against)


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


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, written to the file at the end."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes, and the picture is good for the rest.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(path, format="png", facecolor="white")


def _legend_below(figure: Figure, axes: Axes) -> None:
    """Outside the axes, where it hides no point."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles) if len(handles) <= 4 else 3)


def _whole_numbers(axes: Axes, numbers: Sequence[int]) -> None:
    """Ticks of the horizontal axis on whole numbers, with room for a mark at either end."""
    from matplotlib.ticker import MaxNLocator

    if numbers:
        room = max(0.5, 0.02 * (max(numbers) - min(numbers)))
        axes.set_xlim(min(numbers) - room, max(numbers) + room)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color=_GREY, transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


_UNITS = {"accuracy": "share of rows", "mae": "the target's units", "rmse": "the target's units"}


def _words(metric: str) -> str:
    """A metric as the label of an axis: `validation accuracy (share of rows)`."""
    name = metric.removeprefix("val_")
    unit = f" ({_UNITS[name]})" if name in _UNITS else ""
    return f"{'validation ' if metric != name else ''}{name}{unit}"


def _short(name: str, most: int = _LONGEST_NAME) -> str:
    """A name cut in its middle, because long names often differ at the end. A dollar sign would begin a formula."""
    half = most // 2
    cut = name if len(name) <= most else f"{name[: half - 1]}…{name[-half:]}"
    return cut.replace("$", r"\$")
