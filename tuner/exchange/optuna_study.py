"""A study in a storage of Optuna's, read."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from tuner.errors import ExchangeError
from tuner.exchange import storage
from tuner.exchange.foreign import ForeignSearch, ForeignTrial, contiguous, digest
from tuner.trial import Objective, State

PROGRAM = "optuna"
_FATES = {
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


def read(url: str, name: str, objective: Objective) -> ForeignSearch:
    """The trials that have ended, in their order. Raises ExchangeError where there is no such study, or it has another
    objective.

    A study that does not name its metric is taken to be of the objective's; its direction is always known.
    """
    with storage.told(url):
        study = storage.load(url, name)
        remarks = _check_objective(study, name, objective)
        found: list[FrozenTrial] = study.get_trials(deepcopy=False)
    left_out = Counter(
        "still running there" if trial.state is TrialState.RUNNING else "waiting there"
        for trial in found
        if trial.state not in _FATES
    )
    # Steps count from 0 in some programs and from 1 in others: an epoch is one of either.
    first = min((step for trial in found for step in trial.intermediate_values), default=1)
    trials = tuple(_trial(name, trial, objective, max(1 - first, 0)) for trial in found if trial.state in _FATES)
    return ForeignSearch(PROGRAM, f"the Optuna study {name} in {storage.shown(url)}", trials, left_out, remarks)


def _check_objective(study: Any, name: str, objective: Objective) -> tuple[str, ...]:
    """What to say of the objective. Raises ExchangeError where it is not the study's own."""
    goals = [direction.name.lower() for direction in study.directions]
    wanted = [aim.goal for aim in objective.aims]
    ours = ", ".join(f"{aim.metric} ({aim.goal})" for aim in objective.aims)
    if goals != wanted:
        raise ExchangeError(f"{name}: it is to {' and '.join(goals)}, and the objective of the study here is {ours}")
    metrics = study.metric_names
    if metrics and list(metrics) != [aim.metric for aim in objective.aims]:
        raise ExchangeError(
            f"{name}: its values are {', '.join(metrics)}, and the objective of the study here is {ours}"
        )
    return () if metrics else (f"note: {name} does not name its metric; its values are taken to be {ours}",)


def _trial(name: str, trial: FrozenTrial, objective: Objective, before: int) -> ForeignTrial:
    """One trial, whose steps are `before` fewer than epochs."""
    fate = _FATES[trial.state]
    if fate is State.COMPLETE and not all(map(math.isfinite, trial.values)):
        fate = State.DIVERGED  # Optuna lets a program return infinities
    values = trial.values if fate is State.COMPLETE else None
    curve = {step + before: {objective.metric: value} for step, value in trial.intermediate_values.items()}
    epochs = sorted(curve)
    scored = objective.score([curve[epoch] for epoch in epochs])
    at = epochs[scored[1] - 1] if scored else None
    first, history = contiguous(curve, at)
    score = values[0] if values else scored[0] if scored and fate is State.PRUNED else None
    begun, ended = trial.datetime_start, trial.datetime_complete
    return ForeignTrial(
        name=str(trial.number),
        values=trial.params,
        state=fate,
        digest=digest(PROGRAM, name, trial.number, trial.params, trial.values, str(begun), str(ended)),
        score=score,
        best_epoch=at if scored and scored[0] == score else None,  # what a program returned may be of no epoch
        first_epoch=first,
        history=history,
        further=tuple(values[1:]) if values else (),
        seconds=max((ended - begun).total_seconds(), 0.0) if begun and ended else 0.0,
        ended=ended.timestamp() if ended else None,
        error=_why(trial) if fate is State.FAILED else None,
    )


def _why(trial: FrozenTrial) -> str:
    """Optuna keeps no reason; some loops leave one in an attribute."""
    told = next((str(value) for key, value in trial.system_attrs.items() if "fail" in key and value), "")
    return told or "no reason is written down"
