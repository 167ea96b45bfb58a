"""A proposal, what is heard of it while it trains, its outcome, and what its score means.

A `Trial` is what a driver proposes and a `Result` is what a trainer makes of it; neither changes after it is made.
Epochs count from 1, and the first and last epoch of a trial are both trained.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Value = bool | int | float | str
Metrics = Mapping[str, float]


class State(StrEnum):
    """The four fates of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    DIVERGED = "diverged"  # NaN or infinite loss, or weights
    FAILED = "failed"  # an exception, no memory left, a killed process


# In `Result.program`, which program trained it, where that was another one and somewhere else.
IMPORTED = "imported"
# The seed of a trial that was trained there: nobody has noted it.
UNKNOWN_SEED = -1


def derive_seed(*path: int) -> int:
    """A seed in [0, 2³¹) that depends on every number of the path: (study seed, trial number, …).

    Hashed, not added, so that neighbouring paths give unrelated seeds; 0 is a number like any other.
    """
    text = "/".join(str(int(step)) for step in path)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 2**31


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal.

    `values` holds the active parameters only. `parent` is the number of the trial whose weights this one goes on
    from, if any. `retake` is 0 for the trial itself, and 1, 2, … where a finalist is trained again with a fresh seed.
    """

    number: int
    values: Mapping[str, Value]
    seed: int
    last_epoch: int
    first_epoch: int = 1
    parent: int | None = None
    retake: int = 0

    @property
    def key(self) -> str:
        """Equal for two trials that would train the same network in the same way, seeds apart."""
        return json.dumps(
            [dict(sorted(self.values.items())), self.first_epoch, self.last_epoch, self.parent],
            separators=(",", ":"),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What a driver answers when asked: trials to train now, and whether more may come later."""

    trials: tuple[Trial, ...] = ()
    more: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of one trial after one epoch."""

    trial: int
    epoch: int
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one trial.

    `history[i]` holds the metrics after epoch `trial.first_epoch + i`, validation metrics named `val_…`.
    `score` is the objective at `best_epoch`; a trial that failed before its first epoch has neither. `weights` is the
    file with the weights of that epoch. `program` says what trained it, for a replay. `seconds` is wall time.
    `further` holds the values of the objectives after the first, in their order, of a trial that completed.
    `ended` is when it was known, in seconds since 1970; None where nobody has noted it.
    """

    trial: Trial
    state: State
    score: float | None = None
    best_epoch: int | None = None
    history: tuple[Metrics, ...] = ()
    seconds: float = 0.0
    weights: Path | None = None
    error: str | None = None
    program: Mapping[str, str] = field(default_factory=dict)
    ended: float | None = field(default=None, compare=False)
    further: tuple[float, ...] = ()

    @property
    def last_epoch(self) -> int:
        """The last one that was trained; the one before its first where none was."""
        return self.trial.first_epoch + len(self.history) - 1

    @property
    def imported(self) -> bool:
        """Whether it was trained elsewhere, by another program: on other rows, with no weights, and never a champion.

        Drivers learn from it; it is ranked nowhere, and its values may be tried here once more.
        """
        return IMPORTED in self.program


# The number of weights of the network: an objective that no epoch has.
PARAMS = "params"


@dataclass(frozen=True, slots=True)
class Aim:
    """One more objective: a metric of every epoch, or `params`."""

    metric: str
    goal: str  # "maximize" or "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """The one definition of score: which metric, which way is better, and at which epoch it is read.

    Where there are `further` objectives, they are read at that epoch too, and a trial is worth what no other trial is
    better than in one and as good as in all: it is on the Pareto front. The score is the value of the first.
    """

    metric: str
    goal: str  # "maximize" or "minimize"
    epoch: str = "best"  # "best" or "last"
    further: tuple[Aim, ...] = ()

    @property
    def aims(self) -> tuple[Aim, ...]:
        """All objectives, the first included."""
        return (Aim(self.metric, self.goal), *self.further)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that every epoch must have."""
        return tuple(aim.metric for aim in self.aims if aim.metric != PARAMS)

    def also(self, result: Result, weights: Callable[[Mapping[str, Value]], int]) -> tuple[float, ...]:
        """The values of the further objectives; none where the trial did not complete, or has not all of them."""
        if result.state is not State.COMPLETE or result.best_epoch is None:
            return ()
        metrics = result.history[result.best_epoch - result.trial.first_epoch]
        found = tuple(
            float(weights(result.trial.values)) if aim.metric == PARAMS else metrics.get(aim.metric, math.nan)
            for aim in self.further
        )
        return found if all(map(math.isfinite, found)) else ()

    def values(self, result: Result) -> tuple[float, ...] | None:
        """The values of all objectives of a trial that completed; None where it did not, or has not all of them."""
        if result.state is not State.COMPLETE or result.score is None or not math.isfinite(result.score):
            return None
        return (result.score, *result.further) if len(result.further) == len(self.further) else None

    def front(self, results: Iterable[Result]) -> list[Result]:
        """The completed trials that no other is better than, best first by the first objective; of one objective, all.

        Of several with the same values, each is as good as the others, and all are there.
        """
        ranked = self._ordered(results)
        if not self.further:
            return [result for _, result in ranked]
        # Nothing that comes later is better in the first: it is enough to look at what came before.
        front: list[tuple[tuple[float, ...], Result]] = []
        for costs, result in ranked:
            if not any(_dominates(before, costs) for before, _ in front):
                front.append((costs, result))
        return [result for _, result in front]

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return a > b if self.goal == "maximize" else a < b

    def score(self, history: Sequence[Metrics], first_epoch: int = 1) -> tuple[float, int] | None:
        """The score and its epoch, or None while no epoch has a finite value. The earlier of equal epochs wins."""
        chosen = history if self.epoch == "best" else history[-1:]
        offset = first_epoch + len(history) - len(chosen)
        found: tuple[float, int] | None = None
        for i, metrics in enumerate(chosen):
            value = metrics.get(self.metric, math.nan)
            if math.isfinite(value) and (found is None or self.better(value, found[0])):
                found = (value, offset + i)
        return found

    def ranked(self, results: Iterable[Result]) -> list[Result]:
        """The completed results with a finite score, best first; the earlier trial wins a tie.

        What was trained elsewhere is not among them, as its score is of other rows; nor is it in `front`. Of several
        objectives, those on the Pareto front come first, and each part is in the order of the first.
        """
        given = list(results)
        ordered = [result for _, result in self._ordered(given)]
        if not self.further:
            return ordered
        front = self.front(given)
        numbers = {result.trial.number for result in front}
        return [*front, *(result for result in ordered if result.trial.number not in numbers)]

    def _ordered(self, results: Iterable[Result]) -> list[tuple[tuple[float, ...], Result]]:
        """The results that have values, with what is the lower the better, in its order, then in that of the trials."""
        signs = [-1.0 if aim.goal == "maximize" else 1.0 for aim in self.aims]
        scored = [
            (tuple(sign * value for sign, value in zip(signs, values, strict=True)), result.trial.number, result)
            for result in results
            if not result.imported and (values := self.values(result)) is not None
        ]
        return [(costs, result) for costs, _, result in sorted(scored, key=lambda each: each[:2])]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether it is as low everywhere, and lower somewhere."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
