"""What a worker and the owner of a search say to each other, over whatever line.

The worker says a `Round`, and the owner answers each with one `Answer`; to a worker that has nothing to do, the owner
sends one unasked. What a worker does hangs on these messages alone, and not on when they come, so that a search with
one worker gives the same trials every time.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuner.trainers.stacked import Key
from tuner.trial import Report, Result, Trial


@dataclass(frozen=True, slots=True)
class Round:
    """One more epoch of the trials in training.

    `results` are of trials that ended with earlier rounds. `training` are those whose next epoch begins now, or whose
    last one is judged now: if the process dies before it says more, one of them may be why.
    """

    reports: tuple[Report, ...] = ()
    results: tuple[Result, ...] = ()
    training: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Which trials stop with the epoch that was reported last, and which are new."""

    stopped: frozenset[int] = frozenset()
    trials: tuple[Trial, ...] = ()
