"""The CMA evolution strategy, over the numbers that every trial has.

Optuna's own sampler of that name keeps the strategy as a pickle in a trial's attributes, and leaves out trials that
were stopped or broke. Here the same library is told ranks, of every outcome, and what it knows is made again from the
results in the order told: nothing is unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from cmaes import CMA
from optuna.trial import TrialState

from tuner.drivers.mirror import Outcome
from tuner.drivers.sampling import REDRAWS, Random, Sampler, Values
from tuner.space import Choice, Float, Int, Parameter, Space
from tuner.trial import Value, derive_seed

# What is written on a trial: in which start of the strategy, and for which of its generations, it was proposed.
_MARK = "cma"
# The third step of a seed's path, for what the strategy has no say in.
_BESIDE = -2


def steered(space: Space) -> list[str]:
    """The names of the numbers that are active in every trial: those that the strategy has a say in."""
    numbers = [
        p
        for p in space.parameters
        if (isinstance(p, Int | Float) or (isinstance(p, Choice) and p.ordered)) and p.size != 1
    ]
    return [name for parameter in numbers for name in _always(space, parameter)]


def _always(space: Space, parameter: Parameter) -> list[str]:
    if not parameter.always:
        return []
    if parameter.each is None:
        return [parameter.name]
    counter = space.parameter(parameter.each)
    fewest = min(int(n) for n in counter.choices()) if _always(space, counter) else 0
    return [f"{parameter.name}_{layer}" for layer in range(1, fewest + 1)]


class Evolution(Sampler):
    """Proposes for a generation until enough of it is known, then moves and reshapes what it draws from.

    Where it proposes nothing new any more, as a space of few values is soon narrowed down to one, a trial is drawn at
    random, and the strategy starts again around that one.
    """

    def __init__(self, space: Space, seed: int, goal: str) -> None:
        self._space, self._seed, self._sign = space, seed, -1.0 if goal == "maximize" else 1.0
        self._names = steered(space)
        self._random = Random(space, seed)
        self._start, self._lost = 0, False
        self._strategy = self._begun(None)
        self._known: list[tuple[Any, tuple[float, ...]]] = []  # of this generation, in the order told

    def candidates(self, number: int) -> Iterator[Values]:
        self._lost = False
        for attempt in range(1 + REDRAWS if self._strategy else 0):
            yield self._drawn(derive_seed(self._seed, number, attempt), number, attempt)
        self._lost = True
        yield from self._random.candidates(number)

    def marks(self, values: Values) -> Mapping[str, Any]:
        if self._strategy is None:
            return {}
        if self._lost:
            self._starts(self._start + 1, values)
        return {_MARK: [self._start, self._strategy.generation]}

    def rebuild(self, trials: Mapping[int, tuple[Values, Mapping[str, Any]]]) -> None:
        first: dict[int, Values] = {}
        for _, (values, marks) in sorted(trials.items()):
            first.setdefault(marks.get(_MARK, (0, 0))[0], values)
        if (last := max(first, default=0)) > 0:
            self._starts(last, first[last])

    def learn(self, place: int, values: Values, marks: Mapping[str, Any], outcome: Outcome) -> None:
        """Results that come when their generation is over are passed over: they say little of where it is now."""
        if self._strategy is None or marks.get(_MARK) != [self._start, self._strategy.generation]:
            return
        self._known.append((self._point(values), self._rank(outcome)))
        if len(self._known) == self._strategy.population_size:
            order = sorted({rank for _, rank in self._known})
            self._strategy.tell([(point, float(order.index(rank))) for point, rank in self._known])
            self._known = []

    def _begun(self, values: Values | None) -> CMA | None:
        if not self._names:
            return None
        mean = np.full(len(self._names), 0.5) if values is None else self._point(values)
        bounds = np.tile([0.0, 1.0], (len(mean), 1))
        # A sixth of each range, and as many draws to stay inside it, as Optuna has it.
        return CMA(mean, sigma=1 / 6, bounds=bounds, n_max_resampling=10 * len(mean), seed=0)

    def _starts(self, start: int, values: Values) -> None:
        self._start, self._strategy, self._known = start, self._begun(values), []

    def _drawn(self, seed: int, number: int, attempt: int) -> Values:
        assert self._strategy is not None
        self._strategy.reseed_rng(seed)
        shares = dict(zip(self._names, self._strategy.ask(), strict=True))
        rng = np.random.default_rng(derive_seed(self._seed, number, _BESIDE, attempt))

        def suggest(name: str, left: Parameter) -> Value:
            # A share of 1 is the end of the range, which `at` does not have.
            return left.at(min(shares[name], math.nextafter(1.0, 0.0)) if name in shares else rng.random())

        return self._space.walk(suggest)

    def _point(self, values: Values) -> Any:
        """Where in [0, 1] each of the numbers lies within what the rules left of it; halfway where that was a value."""
        shares = dict.fromkeys(self._names, 0.5)

        def given(name: str, left: Parameter) -> Value:
            if name in shares:
                shares[name] = share(left, values[name])
            return values[name]

        self._space.walk(given)
        return np.array(list(shares.values()))

    def _rank(self, outcome: Outcome) -> tuple[float, ...]:
        """Lower is better: complete before stopped, stopped late before stopped early, and broken last."""
        if outcome.state is TrialState.COMPLETE:
            return (0, 0, self._sign * float(outcome.value or 0.0))
        if outcome.value is None:
            return (2,)
        return (1, -max(outcome.curve), self._sign * outcome.value)


def share(parameter: Parameter, value: Value) -> float:
    """Where in [0, 1] a value lies: `parameter.at` of that is the value again."""
    if isinstance(parameter, Choice):  # some values of a number, which rules left of it
        return (parameter.options.index(value) + 0.5) / parameter.size
    assert isinstance(parameter, Int | Float)
    if parameter.reverse:
        return 1 - share(replace(parameter, log=True, reverse=False), parameter.mirrored(value))  # type: ignore[arg-type]
    low, high, at = float(parameter.low), float(parameter.high), float(value)
    if parameter.log:
        margin = 0.5 if isinstance(parameter, Int) else 0.0
        low, high, at = math.log(low - margin), math.log(high + margin), math.log(at)
    elif parameter.size is not None and parameter.step is not None:
        return (round((at - low) / parameter.step) + 0.5) / parameter.size
    return (at - low) / (high - low)
