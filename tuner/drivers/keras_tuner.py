"""The driver on KerasTuner: its oracles decide what is tried next; see `proposing` for how they are asked.

They stop no trial that runs. It is rebuilt from the results, the waiting trials and these entries of `state()`:

    next          the lowest number that no trial had yet
    trial/N       Hyperband: the bracket of trial N, its round, and its parent
    combination   grid: the last one that was proposed or passed over
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.drivers.compiled import Compiled
from tuner.drivers.limit import Weights
from tuner.drivers.proposing import Drawn, Proposal, Proposer
from tuner.drivers.untried import Untried
from tuner.study import Study
from tuner.trial import Batch, Objective, Report, Result, State, Trial, derive_seed


class KerasTunerDriver:
    """See `tuner.drivers.Driver`."""

    def __init__(
        self,
        study: Study,
        objective: Objective,
        told: Sequence[Result],
        asked: Sequence[Trial],
        state: Mapping[str, Any],
        next_number: int,
        weights: Weights | None = None,
    ) -> None:
        starts = study.starts  # which may be between the values that a grid has
        if study.search.sampler == "grid":
            study = study.model_copy(update={"space": study.listed})
        self._seed, self._training = study.search.seed, study.training
        self._untried = Untried(study, starts, weights)
        self._proposer = _proposer(study, objective, self._untried, state)
        self._running = {trial.number for trial in asked}
        self._changed: dict[str, Any] = {}
        self._next = next_number
        self._imported = sum(result.imported for result in told)
        self._rebuild(told, asked)

    def ask(self, n: int) -> Batch:
        trials: list[Trial] = []
        while len(trials) < n and (proposal := self._proposer.propose(self._next, self._next - self._imported)):
            trials.append(self._begin(proposal))
        return Batch(tuple(trials), more=bool(trials) or n < 1 or self._proposer.waits())

    def judge(self, reports: Sequence[Report]) -> set[int]:
        return set()

    def tell(self, result: Result) -> None:
        number = result.trial.number
        if number not in self._running:
            raise ValueError(f"trial {number} is not running; expected one of {sorted(self._running)}")
        self._running.remove(number)
        self._proposer.end(number, _score(result))

    def state(self) -> Mapping[str, Any]:
        changed, self._changed = {**self._changed, **self._proposer.changed()}, {}
        return changed

    def needs(self) -> frozenset[int]:
        return self._proposer.needs()

    def _begin(self, proposal: Proposal) -> Trial:
        first, last = proposal.epochs or (1, self._training.epochs_of(proposal.values))
        seed = derive_seed(self._seed, self._next)
        trial = Trial(self._next, proposal.values, seed, last, first, proposal.parent)
        self._enter(trial)
        self._running.add(trial.number)
        self._next += 1
        self._changed["next"] = self._next
        return trial

    def _enter(self, trial: Trial) -> None:
        self._proposer.begin(trial)
        if trial.parent is None:
            self._untried.add(trial.values)

    def _rebuild(self, told: Sequence[Result], asked: Sequence[Trial]) -> None:
        # What was trained elsewhere was not tried here.
        elsewhere = {result.trial.number for result in told if result.imported}
        for trial in sorted([*(result.trial for result in told), *asked], key=lambda trial: trial.number):
            self._proposer.begin(trial) if trial.number in elsewhere else self._enter(trial)
        for result in told:
            self._proposer.end(result.trial.number, _score(result))


def _score(result: Result) -> float | None:
    """That of a trial which was trained until it ended, or was stopped; None of one that broke."""
    known = result.state in (State.COMPLETE, State.PRUNED) and result.score is not None
    return result.score if known and math.isfinite(result.score or 0.0) else None


def _proposer(study: Study, objective: Objective, untried: Untried, state: Mapping[str, Any]) -> Proposer:
    """What proposes as the sampler of the study."""
    given = Compiled(study.space), objective, study.search.seed, untried
    match study.search.sampler:
        case "bayesian":
            from tuner.drivers.modelled import Modelled  # scikit-learn is imported where it is used

            return Modelled(*given)
        case "hyperband":
            from tuner.drivers.rounds import Rounds

            return Rounds(*given, epochs=study.training.epochs, state=state)
        case "grid":
            from tuner.drivers.listed import Listed

            return Listed(*given, state=state)
        case _:
            return Drawn(*given)
