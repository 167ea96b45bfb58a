"""A record in memory, for tests of what uses one. It passes the contract that the real one passes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tuner.trackers import Closing, Opening
from tuner.trial import Result, State


@dataclass
class Entry:
    """What the shelf holds of one search. `runs` is by trial number, and None is the search's own run."""

    opening: Opening
    status: str = "RUNNING"
    results: dict[int, Result] = field(default_factory=dict)
    runs: dict[int | None, str] = field(default_factory=dict)
    closing: Closing | None = None


@dataclass
class FakeShelf:
    """Where records are kept. `away` makes it unreachable."""

    entries: dict[str, Entry] = field(default_factory=dict)
    away: bool = False
    ids: itertools.count[int] = field(default_factory=itertools.count)

    def entry(self, opening: Opening) -> Entry:
        made = self.entries.setdefault(opening.identity, Entry(opening))
        made.runs.setdefault(None, f"run-{next(self.ids)}")
        return made


class FakeTracker:
    """Writes at once, or when the shelf is back."""

    def __init__(self, shelf: FakeShelf) -> None:
        self.shelf = shelf
        self._opening: Opening | None = None
        self._work: list[tuple[bool, Callable[[Entry], None]]] = []
        self._ids: dict[int | None, str] = {}
        self._ended = False

    def begin(self, opening: Opening) -> None:
        self._opening = opening

        def open_(entry: Entry) -> None:
            entry.status = "RUNNING"
            self._ids[None] = entry.runs[None]

        self._put(open_, counts=False)

    def record(self, result: Result) -> None:
        def write(entry: Entry) -> None:
            number = result.trial.number
            entry.results.setdefault(number, result)
            self._ids[number] = entry.runs.setdefault(number, f"run-{next(self.shelf.ids)}")

        if not result.trial.retake:
            self._put(write)

    def end(self, closing: Closing | None) -> None:
        def write(entry: Entry) -> None:
            entry.closing = closing
            entry.status = "FAILED" if closing is None else "FINISHED"
            self._ended = True

        self._put(write)

    def recorded(self) -> Mapping[int | None, str]:
        self._flush()
        ids, self._ids = self._ids, {}
        return ids

    @property
    def offline(self) -> str | None:
        return "the shelf is away" if self.shelf.away else None

    @property
    def waiting(self) -> int:
        return sum(counts for counts, _ in self._work)

    def close(self, seconds: float) -> int:
        def leave(entry: Entry) -> None:
            if not self._ended:
                entry.status = "KILLED"

        if self._opening is not None:
            self._put(leave, counts=False)
        return self.waiting

    def _put(self, write: Callable[[Entry], None], *, counts: bool = True) -> None:
        self._work.append((counts, write))
        self._flush()

    def _flush(self) -> None:
        if self.shelf.away or self._opening is None:
            return
        work, self._work = self._work, []
        for _, write in work:
            write(self.shelf.entry(self._opening))


def status(result: Result) -> str:
    return "FINISHED" if result.state in (State.COMPLETE, State.PRUNED) else "FAILED"


def curves(result: Result) -> dict[str, dict[int, float]]:
    """Each metric's value by epoch; an infinite one is NaN."""
    told: dict[str, dict[int, float]] = {}
    for i, metrics in enumerate(result.history):
        for name, value in metrics.items():
            told.setdefault(name, {})[result.trial.first_epoch + i] = value if math.isfinite(value) else math.nan
    return told
