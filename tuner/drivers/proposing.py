"""How each of KerasTuner's oracles proposes: what it is told before, and what becomes of its answer.

An oracle is asked by `populate_space`, the method that its own subclasses write; the methods around that write files
and hold locks, and are left alone. All that it goes by is set before each proposal: what trials there are, in the order
of their numbers, and what it draws from, a seed made of the study's and the trial's number. So nothing hangs on what it
was asked before, and one that is made anew from the same trials goes on as the other would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tuner.drivers import oracles
from tuner.drivers.compiled import Compiled, Known
from tuner.drivers.untried import Untried
from tuner.trial import Objective, Trial, Value, derive_seed

Values = dict[str, Value]

# Draws for one trial, all repeats, after which a continuum counts as exhausted, and a finite space is looked through.
DRAWS = 1000
# The third step of a seed's path, which keeps what is drawn here apart from what the oracles draw.
_MENDED = -3


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trial without its number; `values` that were tried before only where it goes on from its `parent`."""

    values: Values
    epochs: tuple[int, int] | None = None
    parent: int | None = None


class Proposer(Protocol):
    def propose(self, number: int, place: int) -> Proposal | None:
        """What that trial is to be, the search's own one at that place; None where there is nothing, now or ever."""
        ...

    def begin(self, trial: Trial) -> None:
        """Takes in a trial that runs."""
        ...

    def end(self, number: int, score: float | None) -> None:
        """Takes in what a trial came to; without a finite score it broke."""
        ...

    def waits(self) -> bool:
        """Whether there may be more to propose once something has ended."""
        ...

    def needs(self) -> frozenset[int]:
        """As `Driver.needs`."""
        ...

    def changed(self) -> Mapping[str, Any]:
        """What `state` has of it that changed since the last call."""
        ...


class Drawn:
    """The random oracle; the others are like it in what is not theirs alone."""

    name = "random"

    def __init__(self, compiled: Compiled, objective: Objective, seed: int, untried: Untried, **more: Any) -> None:
        self._compiled, self._seed, self._untried = compiled, seed, untried
        self._goal = 1.0 if objective.goal == "maximize" else -1.0
        self._oracle: Any = oracles.oracle(self.name)(
            objective=oracles.objective(objective.metric, objective.goal),
            hyperparameters=compiled.hyperparameters(),
            seed=1,  # every draw has a seed of its own
            **more,
        )
        self._oracle.fresh = self._fresh
        self._number = 0
        self._broken: set[str] = set()

    def propose(self, number: int, place: int) -> Proposal | None:
        self._number = number
        start = self._untried.start(place)
        return self._proposal() if start is None else Proposal(start)

    def _proposal(self) -> Proposal | None:
        answer = self._oracle.populate_space(str(self._number))
        if answer["status"] != "RUNNING":
            return None
        return Proposal(self._compiled.values(answer["values"], seed=0))

    def begin(self, trial: Trial) -> None:
        entered = oracles.trial(str(trial.number), self._compiled.known(trial.values))
        self._oracle.trials[str(trial.number)] = entered
        self._oracle.ongoing_trials[str(trial.number)] = entered

    def end(self, number: int, score: float | None) -> None:
        ended = self._oracle.ongoing_trials.pop(str(number))
        ended.status, ended.score = "COMPLETED", score
        if score is None:
            self._broken.add(str(number))

    def waits(self) -> bool:
        return False

    def needs(self) -> frozenset[int]:
        return frozenset()

    def changed(self) -> Mapping[str, Any]:
        return {}

    def _fresh(self) -> Known | None:
        """Values that no trial had, drawn by the oracle at random."""
        values = self._untried.first(self._draws())
        return None if values is None else self._compiled.known(values)

    def _draws(self) -> Iterator[Values]:
        size = self._compiled.space.size
        for attempt in range(DRAWS if size is None else min(DRAWS, 10 * size)):
            drawn = self._oracle.drawn(derive_seed(self._seed, self._number, attempt))
            yield self._compiled.values(drawn, derive_seed(self._seed, self._number, attempt, _MENDED))
