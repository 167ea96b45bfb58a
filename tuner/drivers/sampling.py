"""Where proposals come from. Everything is drawn from seeds that are made of the study's and the trial's number.

Random, grid and quasi-random proposals are made here, from our own space: Optuna's grid and Sobol' samplers do not
know conditions. They depend on nothing but the seed, the number, and which proposals there were before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from tuner.drivers.mirror import Mirror, Nsga, Outcome, tpe
from tuner.space import Space
from tuner.trial import Value, derive_seed

Values = dict[str, Value]

# Draws for one trial, all repeats, after which a space counts as exhausted, or is looked through where it is finite.
UNIFORM_DRAWS = 1000
# Draws after the first before TPE is told that it repeats itself, and how often it is told.
REDRAWS = 20
ROUNDS = 3
# Trials from one choice of parents to the next, and how many are chosen. Optuna's own 50 would leave two generations
# in a search of a hundred trials.
POPULATION = 20

# The third step of a seed's path, which keeps these draws apart from TPE's, numbered from 0 on.
_UNIFORM = -1


class Sampler(Protocol):
    """What proposes. All but `candidates` is for those that remember more than which trials there are."""

    def candidates(self, number: int) -> Iterator[Values]:
        """Sets of values for that trial, to be tried in turn: another is only asked for where the last was a repeat."""
        ...

    def marks(self, values: Values) -> Mapping[str, Any]:
        """What is kept with the trial that these values, the last candidate or others, are made into."""
        return {}

    def rebuild(self, trials: Mapping[int, tuple[Values, Mapping[str, Any]]]) -> None:
        """Takes in which trials there are, by number, with their marks; before it learns what they came to."""
        return

    def learn(self, place: int, values: Values, marks: Mapping[str, Any], outcome: Outcome) -> None:
        """Takes in what the trial at that place came to."""
        return


class Random(Sampler):
    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed = space, seed

    def candidates(self, number: int) -> Iterator[Values]:
        rng = np.random.default_rng(derive_seed(self._seed, number, _UNIFORM))
        for _ in range(UNIFORM_DRAWS):
            yield self._space.walk(lambda _, parameter: parameter.at(rng.random()))


class Grid(Sampler):
    """Every combination, the last parameter changing fastest."""

    def __init__(self, space: Space) -> None:
        self._grid = space.grid()

    def candidates(self, number: int) -> Iterator[Values]:
        return self._grid


class Sobol(Sampler):
    """Point n of a scrambled Sobol' sequence for trial n, with a dimension for every name that may be active.

    Where that is a repeat, as it may be in a space of few values, the trial is drawn at random.
    """

    def __init__(self, space: Space, seed: int) -> None:
        from scipy.stats import qmc

        self._space, self._random = space, Random(space, seed)
        self._dimension = {name: i for i, name in enumerate(space.names)}
        self._engine: Any = qmc.Sobol(max(len(self._dimension), 1), rng=seed)
        self._drawn = 0

    def candidates(self, number: int) -> Iterator[Values]:
        yield self._point(number)
        yield from self._random.candidates(number)

    def _point(self, number: int) -> Values:
        # Numbers only grow; those of an earlier command, or of another way to a proposal, are passed over.
        if number > self._drawn:
            self._engine.fast_forward(number - self._drawn)
        point = self._engine.random(1)[0]
        self._drawn = number + 1
        return self._space.walk(lambda name, parameter: parameter.at(point[self._dimension[name]]))


class Tpe(Sampler):
    """Optuna's TPE, re-seeded before each draw; at random where it cannot be made to propose anything new."""

    def __init__(self, space: Space, seed: int, mirror: Mirror, repeated: Callable[[Values], None]) -> None:
        self._seed, self._mirror, self._repeated = seed, mirror, repeated
        self._random = Random(space, seed)

    def candidates(self, number: int) -> Iterator[Values]:
        for first in range(0, ROUNDS * (1 + REDRAWS), 1 + REDRAWS):
            for attempt in range(first, first + 1 + REDRAWS):
                values = self._mirror.draw(tpe(derive_seed(self._seed, number, attempt)))
                yield values
            self._repeated(values)
        yield from self._random.candidates(number)


class Genetic(Sampler):
    """Optuna's NSGA-II: children of the fittest of all trials so far, which are chosen anew after each `POPULATION`.

    A trial counts when its outcome is told, whenever it was proposed, so that the results in that order are all there
    is to know. Until there are enough, trials are drawn at random, and where parents have nothing new to give.
    """

    def __init__(self, space: Space, seed: int, mirror: Mirror) -> None:
        self._seed, self._mirror = seed, mirror
        self._random = Random(space, seed)
        self._parents: list[int] = []  # their places, as are those of the trials since they were chosen
        self._since: list[int] = []

    def candidates(self, number: int) -> Iterator[Values]:
        parents = self._mirror.at(self._parents)
        for attempt in range(1 + REDRAWS if parents else 0):
            yield self._mirror.draw(Nsga(derive_seed(self._seed, number, attempt), POPULATION, parents))
        yield from self._random.candidates(number)

    def learn(self, place: int, values: Values, marks: Mapping[str, Any], outcome: Outcome) -> None:
        """Trials that broke or were stopped leave nothing behind."""
        if outcome.score is None:
            return
        self._since.append(place)
        if len(self._since) == POPULATION:
            self._parents = self._mirror.fittest([*self._parents, *self._since], POPULATION)
            self._since = []
