"""When a trial that no longer gets better ends."""

from __future__ import annotations

import math

from tuner.sections import EarlyStopping
from tuner.trial import Objective


class Patience:
    """Watches the objective of one trial from epoch to epoch. Where the rule has no patience it never runs out.

    As in Keras: a value counts as better where it is better than the best so far by more than `min_delta`, and
    `patience` epochs in a row without one are enough.
    """

    def __init__(self, rule: EarlyStopping, objective: Objective) -> None:
        self._rule, self._objective = rule, objective
        self._best = -math.inf if objective.goal == "maximize" else math.inf
        self._stale = 0

    def runs_out(self, value: float) -> bool:
        """Takes in the objective after one more epoch, and says whether the trial ends with it."""
        if self._rule.patience is None:
            return False
        needed = self._rule.min_delta if self._objective.goal == "maximize" else -self._rule.min_delta
        if self._objective.better(value, self._best + needed):
            self._best, self._stale = value, 0
        else:
            self._stale += 1
        return self._stale >= self._rule.patience
