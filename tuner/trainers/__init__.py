"""Trainers train. They have never heard of drivers or of the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tuner.trial import Batch, Report, Result

Ask = Callable[[int], Batch]
Judge = Callable[[Sequence[Report]], set[int]]
Stop = Callable[[], bool]


class Trainer(Protocol):
    """What trains trials, as many at a time as it has room for."""

    def run(self, ask: Ask, judge: Judge, stop: Stop) -> Iterator[Result]:
        """Asks for trials when there is room, hands every epoch to `judge`, and yields results as they come.

        Ends when `ask` answers that there are no more and all results are out, or within a second of `stop()`
        turning true; trials in flight then have no result.
        """
        ...
