"""Which values were tried, and the next ones that were not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from tuner.drivers.limit import LISTED, PATIENCE, Limit, Values, Weights, listed
from tuner.study import Study
from tuner.trial import Value


class Untried:
    """Finds values for a new trial among candidates, none that a trial had.

    With repeats, all combinations have had as many trials before any has one more. `starts` may be none of the space.
    """

    def __init__(self, study: Study, starts: Sequence[Values], weights: Weights | None) -> None:
        search = study.search
        self._space, self._starts = study.space, starts
        self._size, self._repeats = study.space.size, search.repeats
        self._limit: Limit | None = None
        self._small: Limit | None = None
        if search.max_params is not None and weights is not None:
            even = None if search.sampler == "grid" else PATIENCE
            self._limit = Limit(self._space, weights, search.max_params, even)
            self._small = Limit(self._space, weights, search.max_params)
            # A finite space counts as tried when all that is within the limit is.
            if self._size is not None and (self._size <= LISTED or self._repeats > 1):
                self._size = self._limit.count()
        self._tried: Counter[str] = Counter()
        self._beside = 0  # of those, none of the space

    def add(self, values: Mapping[str, Value]) -> None:
        """Takes in what a trial has."""
        self._tried[_key(values)] += 1
        self._beside += self._size is not None and not self._is_listed(values)

    def start(self, place: int) -> Values | None:
        """What the study has for its trial at that place, counted from 0; None where nothing, or no more of it."""
        found = self._starts[place : place + 1]
        return next((values for values in found if self._tried[_key(values)] <= self._rounds), None)

    def first(self, candidates: Iterable[Values]) -> Values | None:
        """The first of the candidates that fits and was not tried, or another one; None where there are none left."""
        rounds = self._rounds
        if self._size is not None and rounds >= self._repeats:
            return None
        if self._limit is not None:
            candidates = self._limit.within(iter(candidates))
        if self._size is not None:
            # Reached only when nearly all is tried, and looks at no more values than there are trials, and one.
            candidates = chain(candidates, listed(self._space, self._limit))
        return next((values for values in candidates if self._tried[_key(values)] <= rounds), None)

    @property
    def _rounds(self) -> int:
        """How often all of a finite space was tried."""
        return (self._tried.total() - self._beside) // self._size if self._size else 0

    def _is_listed(self, values: Mapping[str, Value]) -> bool:
        try:
            self._space.check(values)
        except ValueError:
            return False
        return True

    def small(self, candidates: Iterable[Values]) -> Iterable[Values]:
        """The candidates, those that are too large made smaller at once."""
        return candidates if self._small is None else self._small.within(iter(candidates))


def _key(values: Mapping[str, Value]) -> str:
    return json.dumps(dict(sorted(values.items())), separators=(",", ":"))
