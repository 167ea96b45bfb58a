"""What pictures and pages show, before anybody draws it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tuner.metrics import Array, classes_of
from tuner.trial import Objective, Result, State


def best_so_far(results: Iterable[Result], objective: Objective) -> list[tuple[int, float]]:
    """The trials that were better than every complete one before them by number, with their scores."""
    steps: list[tuple[int, float]] = []
    for result in sorted(results, key=lambda each: each.trial.number):
        if result.state is not State.COMPLETE or result.score is None:
            continue
        if not steps or objective.better(result.score, steps[-1][1]):
            steps.append((result.trial.number, result.score))
    return steps


def readable(scores: Sequence[float], goal: str, room: float = 2.5) -> tuple[float, float]:
    """The part of an axis that shows most scores well: all of it, unless a few that are far worse would squeeze it.

    Then it has `room` times what lies between the best score and three quarters of all.
    """
    ordered = sorted(scores, reverse=goal == "maximize")
    best, worst = ordered[0], ordered[-1]
    typical = ordered[int(0.75 * (len(ordered) - 1))]
    reach = room * abs(typical - best)
    if len(ordered) < 5 or not 0 < reach < 0.5 * abs(worst - best):
        return min(best, worst), max(best, worst)
    edge = best - reach if goal == "maximize" else best + reach
    return min(best, edge), max(best, edge)


def confusion(target: Array, taken: Array, classes: int) -> tuple[Array, Array]:
    """How many rows of each class (down) were taken for which (across), and the shares of the true class, from 0 to 1.

    `target` and `taken` are class numbers, shape (rows,).
    """
    import numpy as np

    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (target.astype(np.int64), taken.astype(np.int64)), 1)
    return counts, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def mistakes(target: Array, prediction: Array) -> tuple[Array, Array, Array]:
    """The class that each row was taken for, its probability, and the rows that are mistaken, the surest first."""
    import numpy as np

    taken = classes_of(prediction)
    shares = prediction if prediction.ndim > 1 else np.stack([1 - prediction, prediction], axis=1)
    sure = shares[np.arange(len(taken)), taken]
    wrong = np.flatnonzero(taken != target)
    return taken, sure, wrong[np.argsort(-sure[wrong], kind="stable")]


def short(name: str, most: int) -> str:
    """A name cut in its middle, because long names often differ at the end."""
    half = most // 2
    return name if len(name) <= most else f"{name[: max(half - 1, 1)]}…{name[-half:]}"
