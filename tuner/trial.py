"""A proposal, what is heard of it while it trains, its outcome, and what its score means.

A `Trial` is what a driver proposes and a `Result` is what a trainer makes of it; neither changes after it is made.
Epochs count from 1, and the first and last epoch of a trial are both trained.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Objective:
    """The one definition of score: which metric, which way is better, and at which epoch it is read."""

    metric: str
    goal: str  # "maximize" or "minimize"
    epoch: str = "best"  # "best" or "last"

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
        """The completed results with a finite score, best first; the earlier trial wins a tie."""
        sign = -1.0 if self.goal == "maximize" else 1.0
        scored = [
            (sign * result.score, result.trial.number, result)
            for result in results
            if result.state is State.COMPLETE and result.score is not None and math.isfinite(result.score)
        ]
        return [result for _, _, result in sorted(scored, key=lambda each: each[:2])]
