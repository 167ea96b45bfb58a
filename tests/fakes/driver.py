"""A driver that learns nothing, for tests of what uses one. It passes the contract that the real one passes."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.study import Study
from tuner.trial import Batch, Objective, Report, Result, Trial, Value, derive_seed


class FakeDriver:
    """Proposes at random, or what `script` says, and stops the trials that `stops` names at the epoch given there.

    Values of a script that are repeats are passed over; when it ends there are no other trials. `told` and `reports`
    keep what was heard, in order.
    """

    def __init__(
        self,
        study: Study,
        objective: Objective,
        told: Sequence[Result] = (),
        asked: Sequence[Trial] = (),
        state: Mapping[str, Any] | None = None,
        next_number: int = 0,
        *,
        script: Sequence[Mapping[str, Value]] | None = None,
        stops: Mapping[int, int] | None = None,
    ) -> None:
        known = [*(result.trial for result in told), *asked]
        self.told, self.reports = list(told), list[Report]()
        self._study, self._objective, self._stops_at = study, objective, dict(stops or {})
        self._script = script
        self._running = {trial.number: trial for trial in asked}
        self._keys = {trial.key for trial in known}
        self._next = max([next_number, (state or {}).get("next", 0), *(trial.number + 1 for trial in known)])
        self._changed: dict[str, Any] = {}

    def ask(self, n: int) -> Batch:
        trials: list[Trial] = []
        while len(trials) < n and (trial := self._untried()) is not None:
            trials.append(trial)
            self._running[trial.number] = trial
            self._keys.add(trial.key)
            self._next += 1
            self._changed["next"] = self._next
        return Batch(tuple(trials), more=bool(trials) or n < 1)

    def judge(self, reports: Sequence[Report]) -> set[int]:
        self.reports += reports
        return {report.trial for report in reports if report.trial in self._running and self._stops(report)}

    def tell(self, result: Result) -> None:
        if result.trial.number not in self._running:
            raise ValueError(f"trial {result.trial.number} is not running; expected one of {sorted(self._running)}")
        del self._running[result.trial.number]
        self.told.append(result)

    def state(self) -> Mapping[str, Any]:
        changed, self._changed = self._changed, {}
        return changed

    def needs(self) -> frozenset[int]:
        return frozenset()

    def _stops(self, report: Report) -> bool:
        stop = self._stops_at.get(report.trial, math.inf)
        return stop <= report.epoch and stop < self._running[report.trial].last_epoch

    def _untried(self) -> Trial | None:
        space, seed = self._study.space, self._study.search.seed
        if self._script is not None:
            candidates = (space.check(values) for values in self._script)
        elif space.size is not None and len(self._keys) >= space.size:
            return None
        else:
            rng = random.Random(derive_seed(seed, self._next, 1))
            candidates = (space.walk(lambda _, parameter: parameter.at(rng.random())) for _ in range(10_000))
        epochs = self._study.training.epochs_of
        trials = (Trial(self._next, values, derive_seed(seed, self._next), epochs(values)) for values in candidates)
        return next((trial for trial in trials if trial.key not in self._keys), None)
