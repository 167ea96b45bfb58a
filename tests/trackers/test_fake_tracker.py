"""The fake keeps the promises of the real one."""

from __future__ import annotations

import pytest

from tests.contracts.tracker import Child, Seen, TrackerContract
from tests.fakes.tracker import FakeShelf, FakeTracker, curves, status


class MemoryShelf:
    def __init__(self) -> None:
        self._shelf = FakeShelf()

    def tracker(self) -> FakeTracker:
        return FakeTracker(self._shelf)

    def seen(self, identity: str) -> list[Seen]:
        if identity not in self._shelf.entries:
            return []
        entry = self._shelf.entries[identity]
        children = {
            number: [
                Child(
                    told.state.value,
                    status(told),
                    {name: str(value) for name, value in {**told.trial.values, "seed": told.trial.seed}.items()},
                    curves(told),
                )
            ]
            for number, told in entry.results.items()
        }
        closing = entry.closing
        scores = {} if closing is None else dict(closing.scores)
        return [Seen(entry.status, children, scores, None if closing is None else closing.champion)]

    def take_away(self) -> None:
        self._shelf.away = True

    def bring_back(self) -> None:
        self._shelf.away = False


class TestFakeTracker(TrackerContract):
    @pytest.fixture
    def shelf(self) -> MemoryShelf:
        return MemoryShelf()
