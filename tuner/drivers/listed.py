"""KerasTuner's grid oracle: every combination, the last parameter changing fastest.

Its own tuner tells it only of trials that have ended, since models may ask for hyperparameters as they are built, and
so it proposes one at a time. A space of ours is known before, and so is the combination after any other. What rules
leave of a parameter hangs on the values before it: the oracle is shown what they leave beside the last combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.drivers import oracles
from tuner.drivers.proposing import Drawn, Proposal, Values
from tuner.parameters import Parameter
from tuner.trial import Trial, Value

# Its only trial, which has the last combination, and the one that it is asked for.
_LAST, _NEXT = "last", "next"
# What `state` keeps: the last combination that was proposed or passed over.
_KEY = "combination"


class Listed(Drawn):
    name = "grid"

    def __init__(self, *given: Any, state: Mapping[str, Any]) -> None:
        super().__init__(*given)
        self._last = self._compiled.restored(state[_KEY]) if state.get(_KEY) else None
        self._changed: dict[str, Any] = {}

    def _proposal(self) -> Proposal | None:
        before = self._last
        values = self._untried.first(self._combinations())
        if self._last != before:
            self._changed[_KEY] = self._compiled.shortened(self._last) if self._last else []
        return None if values is None else Proposal(values)

    def begin(self, trial: Trial) -> None:
        pass  # what was tried is all that there is to know

    def end(self, number: int, score: float | None) -> None:
        pass

    def changed(self) -> Mapping[str, Any]:
        changed, self._changed = self._changed, {}
        return changed

    def _combinations(self) -> Iterator[Values]:
        """Those after the last one, and then all of them once more."""
        for _ in range(2):
            while (following := self._first() if self._last is None else self._after(self._last)) is not None:
                self._last = following
                yield following
            self._last = None

    def _first(self) -> Values:
        """The oracle begins with what every hyperparameter has by default, which is its first value."""
        return self._compiled.space.walk(lambda _, left: left.choices()[0])

    def _after(self, values: Values) -> Values | None:
        known, oracle = self._compiled.known(values), self._oracle
        oracle.get_space = lambda: self._compiled.hyperparameters(self._compiled.left(values))
        oracle._ordered_ids = oracles.module_of("grid").LinkedList()
        oracle._ordered_ids.insert(_LAST)
        oracle.trials, oracle.start_order, oracle._populate_next = (
            {_LAST: oracles.trial(_LAST, known)},
            [_LAST],
            [_LAST],
        )
        following = oracle.populate_space(_NEXT)["values"]
        return None if following is None else self._mended(known, following)

    def _mended(self, known: Mapping[str, Any], following: Mapping[str, Any]) -> Values:
        """What is after the value that the oracle has moved on begins anew, with the first value that is left."""
        moved = next(name for name in self._compiled.space.names if known.get(name) != following.get(name))
        passed = False

        def suggest(name: str, left: Parameter) -> Value:
            nonlocal passed
            value = left.choices()[0] if passed else self._compiled.decoded(name, following[name])
            passed = passed or name == moved
            return value

        return self._compiled.space.walk(suggest)
