"""A search of ours as a study of Optuna's, for its dashboard and plots.

It is a copy that nobody goes on from: Optuna's samplers may, ours never read it. Parameters have their own ranges and
words there, and not the indices that our driver has Optuna draw from.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.errors import ExchangeError
from tuner.exchange import storage
from tuner.home import Home
from tuner.parameters import Choice, Float, Int, Parameter
from tuner.shown import Shown, load_search
from tuner.trial import Result, State
from tuner.wording import count, last_line

# Attributes of a study and of its trials there, by which they are known again.
_SEARCH, _TRIAL = "tuner.search", "tuner.trial"
_STATES = {
    State.COMPLETE: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
    State.DIVERGED: TrialState.FAIL,
    State.FAILED: TrialState.FAIL,
}


def write(home: Home, name: str, url: str) -> str:
    """Writes the trials that are not there yet, and says so. Raises ExchangeError where the storage cannot be used, or
    has a study of that name that is not this search, and LedgerError where there is no such search.
    """
    shown = load_search(home, name)
    label = shown.search.label
    with storage.told(url):
        study = _study(shown, url)
        there = {trial.user_attrs.get(_TRIAL) for trial in study.get_trials(deepcopy=False)}
        new = [each for each in _ended(shown) if each.trial.number not in there]
        ranges = {name: distribution(shown.study.space.parameter(name)) for name in shown.study.space.names}
        for result in new:
            study.add_trial(_frozen(shown, result, ranges))
    known = f", {len(there)} were there already" if there else ""
    return f"wrote {count(len(new), 'trial')} of {label} to the study {label} in {storage.shown(url)}{known}"


def _study(shown: Shown, url: str) -> Any:
    """The study of the search's name, made where there is none."""
    label, opened = shown.search.label, storage.opened(url)
    if label not in [study.study_name for study in opened.get_all_studies()]:
        directions = [aim.goal for aim in shown.objective.aims]
        study = optuna.create_study(study_name=label, storage=opened, directions=directions)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([aim.metric for aim in shown.objective.aims])
        study.set_user_attr(_SEARCH, shown.search.identity)
        study.set_user_attr("title", shown.study.title)
        return study
    study = optuna.load_study(study_name=label, storage=opened)
    if study.user_attrs.get(_SEARCH) != shown.search.identity:
        raise ExchangeError(
            f"{storage.shown(url)}: there is a study {label} that is not this search. Name another storage, or remove "
            f"that one: optuna delete-study --study-name {label} --storage …"
        )
    return study


def _ended(shown: Shown) -> list[Result]:
    return sorted([*shown.results, *shown.imported], key=lambda result: result.trial.number)


def distribution(parameter: Parameter) -> BaseDistribution:
    """The range as Optuna's plots should show it."""
    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.options)
    if isinstance(parameter, Int):
        last = parameter.low + (parameter.size - 1) * parameter.step
        return IntDistribution(parameter.low, last, log=parameter.log, step=parameter.step)
    assert isinstance(parameter, Float)
    # Optuna moves the end of a range that its step does not divide: here it is the last value itself.
    high = parameter.high if parameter.size is None else parameter.nth(parameter.size - 1)
    return FloatDistribution(parameter.low, high, log=parameter.log, step=parameter.step)


def _frozen(shown: Shown, result: Result, ranges: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state, values = _STATES[result.state], result.trial.values
    curve = {} if shown.objective.further else _curve(result, shown.objective.metric)
    scores: list[float] | None = None
    if state is TrialState.COMPLETE:
        scores = list(shown.objective.values(result) or ())
        state = state if scores else TrialState.FAIL  # complete, without all of its objectives
    elif state is TrialState.PRUNED and curve:
        scores = [curve[max(curve)]]  # as Optuna has it
    trial = create_trial(
        state=state,
        values=scores or None,
        params=dict(values),
        distributions={name: ranges[name] for name in values},
        user_attrs=_attributes(shown, result),
        intermediate_values=curve,
    )
    if result.ended is not None:
        trial.datetime_complete = datetime.fromtimestamp(result.ended)
        trial.datetime_start = datetime.fromtimestamp(result.ended - result.seconds)
    return trial


def _curve(result: Result, metric: str) -> dict[int, float]:
    first = result.trial.first_epoch
    known = {first + i: metrics.get(metric, math.nan) for i, metrics in enumerate(result.history)}
    return {epoch: value for epoch, value in known.items() if math.isfinite(value)}


def _attributes(shown: Shown, result: Result) -> dict[str, Any]:
    """What Optuna has no place of its own for."""
    told: dict[str, Any] = {
        _TRIAL: result.trial.number,
        "state": result.state.value,
        "seed": None if result.imported else result.trial.seed,
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "run": shown.runs.get(result.trial.number),
        "error": last_line(result.error) if result.error else None,
        "imported": f"{result.program['imported']}: {result.program['from']}" if result.imported else None,
    }
    return {name: value for name, value in told.items() if value is not None}
