"""A search that is the same at any number of workers: what a driver is told depends on numbers, never on the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuner.trial import Batch, Report, Result, Trial

if TYPE_CHECKING:
    from tuner.drivers import Driver

# Trial n is proposed when trials 0 … n − WINDOW have ended, and knows of no others. So at most WINDOW trials are in
# training at once, and one that takes very long lets WINDOW − 1 later ones end before the workers wait for it. The
# price is that the last 15 results are never known, even where a single worker has them all: with made-up curves, TPE
# and Hyperband, 100 trials took 12 % more epochs than with a window of 1, for as good a score (±0.001, 8 seeds).
WINDOW = 16


class Ordered:
    """A driver, told of results in the order of their trials, each just before the proposal that may know of it.

    `rebuild` makes the driver from what it was told and what it takes to be running. A result whose turn has not come
    is kept here; to the driver its trial still runs.

    A driver that has nothing to propose before it hears of more is told of the next result, and of the one after that,
    until it has something. `state` then says under `heard` how far it was told: of all trials with lower numbers.
    """

    def __init__(
        self,
        rebuild: Callable[[Sequence[Result], Sequence[Trial]], Driver],
        told: Sequence[Result],
        asked: Sequence[Trial],
        next_number: int,
        window: int = WINDOW,
        heard: int = 0,
    ) -> None:
        self._next, self._window = next_number, window
        self._heard = self._kept = max(next_number - window, heard, 0)
        self._running = {trial.number for trial in asked}
        self._exhausted = False
        # What was trained elsewhere was there before all others, whatever its numbers.
        ordered = sorted(told, key=lambda result: (not result.imported, result.trial.number))
        # Those that the last proposal knew.
        known = [result for result in ordered if result.imported or result.trial.number < self._heard]
        self._early = {result.trial.number: result for result in ordered[len(known) :]}
        self._driver = rebuild(known, [*asked, *(result.trial for result in self._early.values())])

    def ask(self, n: int) -> Batch:
        trials: list[Trial] = []
        while len(trials) < n and not self._exhausted and self._tells(self._next - self._window):
            batch = self._driver.ask(1)
            # Asked once more, it might find something after all; how often it is asked hangs on the workers.
            self._exhausted = not batch.more
            if batch.trials:
                trials += batch.trials
                self._running.add(self._next)
                self._next += 1
            elif self._exhausted or self._heard == self._next or not self._tells(self._heard):
                break
        return Batch(tuple(trials), more=bool(trials) or not self._exhausted)

    def judge(self, reports: Sequence[Report]) -> set[int]:
        return self._driver.judge([report for report in reports if report.trial in self._running])

    def tell(self, result: Result) -> None:
        number = result.trial.number
        if number not in self._running:
            raise ValueError(f"trial {number} is not running; expected one of {sorted(self._running)}")
        self._running.remove(number)
        self._early[number] = result

    def state(self) -> Mapping[str, Any]:
        own = {"heard": self._heard} if self._heard > max(self._next - self._window, self._kept) else {}
        self._kept = own.get("heard", self._kept)
        return {**self._driver.state(), **own}

    def needs(self) -> frozenset[int]:
        return self._driver.needs()

    def _tells(self, last: int) -> bool:
        """Tells the driver of the results up to that of trial `last`; False where one of them is not there yet."""
        while self._heard <= last:
            if self._heard in self._running:
                return False
            if self._heard in self._early:
                self._driver.tell(self._early.pop(self._heard))
            self._heard += 1
        return True
