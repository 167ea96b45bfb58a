"""What the searches of a way came to, held against what random search comes to.

Of a table all is known, random search included: thousands of them are drawn, with the chance that each point has of
being proposed, which is not the same for all. So the baseline needs no seeds and has next to no noise of its own, and a
score of any table is a share: of so many random searches of as many trials, how many does it beat?
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.curves import Table
from tests.benchmarks.ways import Course
from tuner.parameters import Parameter
from tuner.trial import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of a share that is uniform where a search is no better and no worse than random: the standard deviation.
_UNIFORM = 1 / math.sqrt(12)
# As many standard errors to either side have 95 % of all means.
_SIDES = 1.96


@dataclass
class Baseline:
    """So many random searches of a table, which never try a point twice, up to `most` trials."""

    table: Table
    most: int
    searches: int = 4000  # the share that beats a score is then off by 1 % at most, mostly

    @cached_property
    def costs(self) -> NDArray[np.float32]:
        """The best of the first n + 1 trials of each search: [search, n], the smaller the better; infinite for none."""
        rng = np.random.default_rng(0)
        costs = _costs(self.table)
        chances = np.array([_chance(self.table, point) for point in self.table.ground.points])
        found = np.empty((self.searches, min(self.most, len(costs))), np.float32)
        for line in found:
            # Drawn by these chances without repeats: the order of exponential times (Efraimidis and Spirakis, 2006).
            order = np.argsort(rng.exponential(size=len(costs)) / chances)[: len(line)]
            line[:] = np.minimum.accumulate(costs[order])
        return found

    def beaten(self, score: float | None, n: int) -> float:
        """The share of searches of `n` trials that come to less than this score; of those that come to it, half."""
        own, theirs = self._cost(score), self._after(n)
        return float((theirs > own).mean() + (theirs == own).mean() / 2)

    def worth(self, score: float | None) -> int:
        """After how many trials half of the searches are as good as this score; at most `most`."""
        reached = (self.costs <= self._cost(score)).mean(axis=0) >= 0.5
        return int(reached.argmax()) + 1 if reached.any() else self.costs.shape[1]

    def expected(self, n: int, share: float) -> float:
        """The score that this share of the searches is better than, after `n` trials."""
        cost = float(np.quantile(self._after(n), share, method="nearest"))
        return -cost if _maximised(self.table) else cost

    def _after(self, n: int) -> NDArray[np.float32]:
        costs: NDArray[np.float32] = self.costs[:, min(n, self.costs.shape[1]) - 1]
        return costs

    def _cost(self, score: float | None) -> np.float32:
        return np.float32(np.inf if score is None else -score if _maximised(self.table) else score)


def _maximised(table: Table) -> bool:
    return table.ground.objective.goal == "maximize"


def _costs(table: Table) -> NDArray[np.float32]:
    """The scores of all points, the smaller the better; infinite where a trial did not complete."""
    signed = -table.scores if _maximised(table) else table.scores
    return np.where(np.isnan(signed), np.float32(np.inf), signed)


def _chance(table: Table, point: Mapping[str, Value]) -> float:
    """How likely the point is to be drawn: at every question, each answer is as likely as the others."""
    chance = 1.0

    def asked(name: str, parameter: Parameter) -> Value:
        nonlocal chance
        chance /= parameter.size or math.inf
        return point[name]

    table.ground.study.space.walk(asked)
    return chance


def best(table: Table, scores: Sequence[float]) -> float | None:
    """The best of them; None where there is none."""
    if not scores:
        return None
    return max(scores) if _maximised(table) else min(scores)


def regret(table: Table, score: float | None) -> float:
    """How much worse it is than the best point of the table, in the metric's units; infinite where there is none."""
    return math.inf if score is None else abs(table.best - score)


@dataclass(frozen=True)
class Standing:
    """The searches of a way in one table, from several seeds, after as many trials, or epochs as they have."""

    scores: tuple[float | None, ...]
    regrets: tuple[float, ...]
    shares: tuple[float, ...]
    worths: tuple[int, ...]

    @property
    def score(self) -> float | None:
        """The median; of an even number, the better one of the two in the middle."""
        middle = sorted(self.regrets)[(len(self.regrets) - 1) // 2]
        return next(s for s, r in zip(self.scores, self.regrets, strict=True) if r == middle)


def standing(baseline: Baseline, courses: Iterable[Course], n: int, by_epochs: bool = False) -> Standing:
    """After `n` trials, or as many epochs as `n` whole trials have."""
    table = baseline.table
    epochs = n * table.ground.epochs
    scores = tuple(best(table, each.after_epochs(epochs) if by_epochs else each.after_trials(n)) for each in courses)
    return Standing(
        scores,
        tuple(regret(table, score) for score in scores),
        tuple(baseline.beaten(score, n) for score in scores),
        tuple(baseline.worth(score) for score in scores),
    )


def noise(searches: int) -> float:
    """How far from a half the mean share of as many searches is, 95 times in 100, where they are as good as random."""
    return _SIDES * _UNIFORM / math.sqrt(searches)


def share(standings: Iterable[Standing]) -> float:
    """The mean of all searches of all tables."""
    return fmean(each for standing in standings for each in standing.shares)


def error(standings: Iterable[Standing]) -> float:
    """The standard error of that mean; of a single search, what it is where nothing but chance decides."""
    every = [each for standing in standings for each in standing.shares]
    return (stdev(every) if len(every) > 1 else _UNIFORM) / math.sqrt(len(every))


def typical_worth(standings: Iterable[Standing]) -> float:
    """The median of all searches of all tables."""
    return median(each for standing in standings for each in standing.worths)
