"""Whose weights a trial goes on from, and the order in which such trials are trained again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tuner.trial import Batch, Result, Trial


def line(
    trial: Trial, known: Callable[[int], Trial | None], there: Callable[[Trial], bool] = lambda trial: False
) -> list[Trial]:
    """The trials that it goes on from, one from the other, and itself as the last one.

    The first is one that begins with weights of its own, whose parent's weights are `there`, or is not known.
    """
    found = [trial]
    while (number := found[0].parent) is not None:
        parent = known(number)
        if parent is None or there(parent):
            break
        found.insert(0, parent)
    return found


def trainings(results: Iterable[Result]) -> list[Result]:
    """The results, of trials that went on from one another the last one alone, with the seconds of all of them."""
    known = {result.trial.number: result for result in results}
    trials = {number: result.trial for number, result in known.items()}
    gone_on = {trial.parent for trial in trials.values()}
    found = []
    for result in known.values():
        if result.trial.number not in gone_on:
            parts = line(result.trial, trials.get)
            found.append(replace(result, seconds=sum(known[part.number].seconds for part in parts)))
    return found


class InOrder:
    """Hands out trials, each when the one that it goes on from has ended, where that is among them."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._waiting = list(trials)
        self._open = {(trial.number, trial.retake) for trial in self._waiting}

    def ask(self, n: int) -> Batch:
        ready = [trial for trial in self._waiting if (trial.parent, trial.retake) not in self._open][:n]
        self._waiting = [trial for trial in self._waiting if trial not in ready]
        return Batch(tuple(ready), more=bool(self._waiting))

    def tell(self, result: Result) -> None:
        self._open.discard((result.trial.number, result.trial.retake))
