"""How a search went: the scores of its trials, its Pareto front where it has several objectives, and what mattered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tuner.plots import drawing, reckoned
from tuner.trial import Aim, Objective, Result, State

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOKS: Mapping[State, tuple[str, str]] = {  # colour and marker
    State.COMPLETE: (drawing.BLUE, "o"),
    State.PRUNED: (drawing.ORANGE, "v"),
    State.DIVERGED: (drawing.RED, "X"),
    State.FAILED: (drawing.GREY, "s"),
}


_NUMBERED = 12  # trials of a front, so that their numbers can be read


def optimisation_history(results: Sequence[Result], objective: Objective, path: Path) -> None:
    """The score of every trial by its state, and the best complete one so far.

    Trials without a score stand on the lower edge. Where a few scores are far worse than the rest, the axis leaves
    them out and says so, as the others could not be told apart beside them.
    """
    with drawing.figure(path, 8, 4.5) as figure:
        axes = figure.add_subplot()
        axes.set_title("Optimisation history")
        axes.set_xlabel("trial")
        axes.set_ylabel(drawing.words(objective.metric))
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
        drawing.whole_numbers(axes, [r.trial.number for r in results])
        if not results:
            drawing.say(axes, "no trial has ended")
        if left_out:
            axes.set_title(f"{left_out} far worse not shown", loc="right", fontsize=10, color=drawing.GREY)
        drawing.legend_below(figure, axes)


def _draw_best(axes: Axes, scored: Sequence[Result], objective: Objective) -> None:
    steps = reckoned.best_so_far(scored, objective)
    if steps:
        last = max(result.trial.number for result in scored)
        numbers, scores = zip(*steps, (last, steps[-1][1]), strict=True)
        axes.step(numbers, scores, where="post", color=drawing.GREEN, linewidth=2, label="best so far")


def _keep_readable(axes: Axes, scores: Sequence[float], objective: Objective) -> int:
    """Cuts the axis where a few scores would squeeze all others, and returns how many are left out."""
    low, high = reckoned.readable(scores, objective.goal) if scores else (0.0, 0.0)
    left_out = sum(not low <= score <= high for score in scores)
    if left_out:
        room = 0.1 * (high - low)  # beyond the best
        axes.set_ylim((low, high + room) if objective.goal == "maximize" else (low - room, high))
    return left_out


def _draw_scoreless(axes: Axes, results: Sequence[Result]) -> None:
    for state, (colour, marker) in _LOOKS.items():
        if numbers := [r.trial.number for r in results if r.state is state]:
            axes.scatter(
                numbers, [0.0] * len(numbers), s=28, marker=marker, color=colour, clip_on=False, zorder=3,
                transform=axes.get_xaxis_transform(), label=f"{state.value}, no score ({len(numbers)})",
            )  # fmt: skip


def pareto_front(results: Sequence[Result], objective: Objective, path: Path) -> None:
    """The first objective against each further one: all complete trials, and those that no other betters, by number."""
    valued = {result.trial.number: values for result in results if (values := objective.values(result)) is not None}
    front = [result.trial.number for result in objective.front(results)]
    others = [number for number in valued if number not in front]
    with drawing.figure(path, 5.2 * len(objective.further) + 0.8, 4.5) as figure:
        figure.suptitle(f"Pareto front of {len(valued)} complete trials", x=0.02, ha="left", fontsize=13)
        for place, aim in enumerate(objective.further, start=1):
            axes = figure.add_subplot(1, len(objective.further), place)
            axes.set_xlabel(_aimed(aim))
            axes.set_ylabel(_aimed(objective.aims[0]))
            if not valued:
                drawing.say(axes, "no trial is complete")
                continue
            for label, numbers, fill in (("others", others, "none"), ("on the front", front, drawing.BLUE)):
                x, y = [valued[n][place] for n in numbers], [valued[n][0] for n in numbers]
                edge = drawing.GREY if fill == "none" else fill
                axes.scatter(x, y, s=32, facecolors=fill, edgecolors=edge, label=f"{label} ({len(numbers)})")
            _number(axes, [(number, valued[number][place], valued[number][0]) for number in front])
            if len(objective.further) == 1:  # of more than two objectives, the edge is none that two of them show
                _draw_edge(axes, [(valued[number][place], valued[number][0]) for number in front], aim)
            across = [values[place] for values in valued.values()]
            if min(across) > 0 and max(across) > 20 * min(across):
                axes.set_xscale("log")
        drawing.legend_below(figure, figure.axes[0])


def _aimed(aim: Aim) -> str:
    """An objective as the label of an axis, with the way to go in place of its unit."""
    return f"{drawing.words(aim.metric).partition(' (')[0]} ({'more' if aim.goal == 'maximize' else 'less'} is better)"


def _number(axes: Axes, front: Sequence[tuple[int, float, float]]) -> None:
    for number, x, y in front[:_NUMBERED]:
        axes.annotate(f"{number}", (x, y), xytext=(5, -11), textcoords="offset points", fontsize=9)


def _draw_edge(axes: Axes, front: Sequence[tuple[float, float]], across: Aim) -> None:
    """The edge of what was reached, in steps: between two trials of a front there is nothing on the straight line.

    The level of a trial holds up to the next one to its right where less across is better, and back to the one on its
    left where more is.
    """
    ordered = sorted(front)
    where: Literal["post", "pre"] = "post" if across.goal == "minimize" else "pre"
    axes.step([x for x, _ in ordered], [y for _, y in ordered], where=where, color=drawing.BLUE, linewidth=1, alpha=0.6)


def importance(shares: Mapping[str, float], path: Path) -> None:
    """How much each parameter sets the best trials apart from all of them, by Optuna's PED-ANOVA; most on top."""
    shown = sorted(((name, share) for name, share in shares.items() if math.isfinite(share)), key=lambda each: each[1])
    left_out, shown = max(len(shown) - 20, 0), shown[-20:]
    with drawing.figure(path, 8, 1.6 + 0.32 * max(len(shown), 2)) as figure:
        axes = figure.add_subplot()
        axes.set_title("Parameter importance")
        if not shown:
            drawing.say(axes, "too few trials to tell")
            return
        bars = axes.barh(
            [drawing.short(name) for name, _ in shown], [share for _, share in shown], color=drawing.BLUE, height=0.65
        )
        axes.bar_label(bars, fmt="{:.2f}", padding=4, color=drawing.GREY)
        axes.set_xlabel("how much it sets the best trials apart from all of them, in shares of 1 (PED-ANOVA)")
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.grid(axis="y", visible=False)
        if left_out:
            axes.set_title(f"{left_out} less important not shown", loc="right", fontsize=10, color=drawing.GREY)
