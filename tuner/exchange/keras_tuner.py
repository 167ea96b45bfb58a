"""A project folder of KerasTuner: `oracle.json` beside a `trial_*/trial.json` for each trial. Read as what it is, JSON.

KerasTuner 1.4 writes down neither its objective nor how many epochs a trial had. The objective is the metric whose best
value is every trial's score; its direction stands beside it. Its own loop keeps the metrics of the best epoch only;
loops that report each epoch leave all of them. A step of its is an epoch of ours, counted from 0, and after what came
before where Hyperband lets a trial go on.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from tuner.errors import ExchangeError, listing
from tuner.exchange.foreign import ForeignSearch, ForeignTrial, contiguous, digest
from tuner.trial import Metrics, Objective, State

PROGRAM = "keras-tuner"
_GOALS = {"min": "minimize", "max": "maximize"}
# What Hyperband writes among the values.
_OWN = "tuner/"
_ENDED = ("COMPLETED", "FAILED")
_LEFT_OUT = {"RUNNING": "still running there", "INVALID": "to be tried again there"}


def read(folder: Path, objective: Objective) -> ForeignSearch:
    """The trials that have ended, in their order.

    Raises ExchangeError where it is no project, or one of another objective.
    """
    states = _states(folder)
    ended = [state for state in states if state["status"] in _ENDED]
    _check_objective(folder, ended, objective)
    left_out = Counter(
        _LEFT_OUT.get(state["status"], "not ended there") for state in states if state["status"] not in _ENDED
    )
    trials = tuple(_trial(folder, state, objective) for state in ended)
    return ForeignSearch(PROGRAM, f"the KerasTuner project {folder.resolve().name}", trials, left_out)


def _states(folder: Path) -> list[dict[str, Any]]:
    """What is written of each trial, in the order in which they ended, and then of the others by name."""
    if not folder.is_dir():
        raise ExchangeError(
            f"{folder}: no such folder. Expected a project folder of KerasTuner, with oracle.json in it"
        )
    if not (folder / "oracle.json").is_file():
        within = sorted(path.parent.name for path in folder.glob("*/oracle.json"))
        hint = f" It has one in {listing(within)}" if within else ""
        raise ExchangeError(f"{folder}: expected a project folder of KerasTuner, with oracle.json in it.{hint}")
    order = _json(folder / "oracle.json").get("end_order", [])
    ended = {str(name): place for place, name in enumerate(order if isinstance(order, list) else [])}
    states = [_state(path) for path in sorted(folder.glob("trial_*/trial.json"))]
    if not states:
        raise ExchangeError(f"{folder}: no trial in it. Expected a folder trial_…, with trial.json in it, for each")
    return sorted(states, key=lambda state: (ended.get(state["trial_id"], len(ended)), state["trial_id"]))


def _state(path: Path) -> dict[str, Any]:
    state = _json(path)
    try:
        return {
            "trial_id": str(state["trial_id"]),
            "status": str(state["status"]),
            "values": dict(state["hyperparameters"]["values"]),
            "metrics": {str(name): _metric(each) for name, each in state["metrics"]["metrics"].items()},
            "score": None if state["score"] is None else float(state["score"]),
            "best_step": int(state["best_step"] or 0),
            "message": state.get("message"),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ExchangeError(f"{path}: not what KerasTuner 1.4 writes of a trial ({error!r})") from None


def _metric(told: Mapping[str, Any]) -> dict[str, Any]:
    """The direction of a metric, and its mean over executions by step."""
    steps = {int(each["step"]): fmean(map(float, each["value"])) for each in told["observations"]}
    return {"direction": told["direction"], "steps": steps}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExchangeError(
            f"{path}: cannot be read as JSON ({error}). A kill may have cut it off; move it away"
        ) from None
    if not isinstance(found, dict):
        raise ExchangeError(f"{path}: expected an object of JSON, got {type(found).__name__}")
    return found


def _check_objective(folder: Path, ended: list[dict[str, Any]], objective: Objective) -> None:
    """Raises ExchangeError where the trials were not scored by the study's objective."""
    scored = [state for state in ended if state["score"] is not None and math.isfinite(state["score"])]
    if not scored:
        return
    if objective.epoch != "best":
        raise ExchangeError(
            f"{folder}: KerasTuner scores a trial by its best epoch, and the study by the last one (objective.epoch)"
        )
    fitting = [name for name in scored[0]["metrics"] if all(_is_score(state, name) for state in scored)]
    if objective.metric not in fitting:
        known = [f"{name} ({_GOALS[scored[0]['metrics'][name]['direction']]})" for name in fitting]
        of = f"Its trials are scored by {' or '.join(known)}" if known else "No metric of its trials is their score"
        raise ExchangeError(f"{folder}: {of}, and the study by {objective.metric} ({objective.goal})")
    if any(_GOALS[state["metrics"][objective.metric]["direction"]] != objective.goal for state in scored):
        other = _GOALS[scored[0]["metrics"][objective.metric]["direction"]]
        raise ExchangeError(f"{folder}: it was to {other} {objective.metric}, and the study is to {objective.goal} it")


def _is_score(state: Mapping[str, Any], name: str) -> bool:
    """Whether the best value of a metric, in its own direction, is the trial's score."""
    metric = state["metrics"].get(name)
    if metric is None or metric["direction"] not in _GOALS:
        return False
    known = [value for value in metric["steps"].values() if math.isfinite(value)]
    best = max if metric["direction"] == "max" else min
    return bool(known) and math.isclose(best(known), state["score"], rel_tol=1e-9)


def _trial(folder: Path, state: Mapping[str, Any], objective: Objective) -> ForeignTrial:
    values, score = state["values"], state["score"]
    before = int(values.get(f"{_OWN}initial_epoch", 0) or 0)
    epochs: dict[int, Metrics] = {}
    for name, metric in state["metrics"].items():
        for step, value in metric["steps"].items():
            epochs.setdefault(before + step + 1, {})[name] = value  # type: ignore[index]
    fate = _fate(state)
    best = before + state["best_step"] + 1 if fate is State.COMPLETE else None
    first, history = contiguous(epochs, best)
    return ForeignTrial(
        name=state["trial_id"],
        values={name: value for name, value in values.items() if not name.startswith(_OWN)},
        state=fate,
        # Its folder may be moved, and a trial of that name in another project is another one.
        digest=digest(PROGRAM, state["trial_id"], state["status"], values, score, state["metrics"]),
        score=score if fate is State.COMPLETE else None,
        best_epoch=best,
        first_epoch=first,
        history=history,
        error=(state["message"] or "no reason is written down") if fate is State.FAILED else None,
    )


def _fate(state: Mapping[str, Any]) -> State:
    """A trial whose score was no number counts as failed there."""
    if state["score"] is not None and not math.isfinite(state["score"]):
        return State.DIVERGED
    return State.COMPLETE if state["status"] == "COMPLETED" else State.FAILED
