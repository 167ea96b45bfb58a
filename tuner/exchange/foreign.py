"""What another program's search is to us, before it is held against a study."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuner.space import Float, Space
from tuner.trial import IMPORTED, UNKNOWN_SEED, Metrics, Result, State, Trial, Value

# In `Result.program`, what tells one imported trial from another.
DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ForeignTrial:
    """A trial that has ended, by its own name there.

    `history[i]` holds the metrics after epoch `first_epoch + i`: of the epochs of which something is known. `digest` is
    equal for the same trial read once more, wherever it lies by then.
    """

    name: str
    values: Mapping[str, Any]
    state: State
    digest: str
    score: float | None = None
    best_epoch: int | None = None
    first_epoch: int = 1
    history: tuple[Metrics, ...] = ()
    further: tuple[float, ...] = ()
    seconds: float = 0.0
    ended: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignSearch:
    """What was read: the program, the place as a person names it, and what has no outcome there, by why."""

    program: str
    place: str
    trials: tuple[ForeignTrial, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    remarks: tuple[str, ...] = ()

    def result(self, trial: ForeignTrial, number: int, values: Mapping[str, Value], epochs: int) -> Result:
        """The trial as one of ours. How long it was to train is not known: as long as ours do, at least."""
        last = trial.first_epoch + max(len(trial.history), 1) - 1
        program = {IMPORTED: self.program, "from": self.place, "trial": trial.name, DIGEST: trial.digest}
        made = Trial(number, dict(values), UNKNOWN_SEED, max(last, epochs), trial.first_epoch)
        return Result(
            made, trial.state, trial.score, trial.best_epoch, trial.history, trial.seconds, error=trial.error,
            program=program, ended=trial.ended, further=trial.further,
        )  # fmt: skip


def digest(*parts: Any) -> str:
    """What tells a trial from others: made of all that it is there."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def fit(space: Space, values: Mapping[str, Any]) -> dict[str, Value]:
    """The values in the space. Raises ValueError, with what does not fit, as `Space.check`.

    Only the noise of a float's last digits is mended: 0.1 + 2 · 0.1 is 0.3 where the space says so. And what is not
    active beside the others is left out: KerasTuner draws a value for every layer that any trial had.
    """
    for name, value in values.items():
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{name}: expected a number, a word, or true or false, got {value}")
    return space.check(_active(space, {name: _exact(space, name, value) for name, value in values.items()}))


def _active(space: Space, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values without those of parameters that the trial does not have."""
    try:
        walked = space.walk(lambda name, left: values[name] if name in values else values[left.name])
    except (KeyError, ValueError):
        return dict(values)  # `check` says what is wrong
    idle = set(space.names) - walked.keys()
    return {name: value for name, value in values.items() if name not in idle}


def _exact(space: Space, name: str, value: Value) -> Value:
    try:
        parameter = space.parameter(name)
    except KeyError:
        return value  # which `check` reports
    if isinstance(parameter, Float) and parameter.step is not None and isinstance(value, float):
        nearest = parameter.nearest(value)
        return nearest if math.isclose(nearest, value, rel_tol=1e-9, abs_tol=1e-9 * parameter.step) else value
    return value


def contiguous(epochs: Mapping[int, Metrics], best: int | None) -> tuple[int, tuple[Metrics, ...]]:
    """The first epoch and the history, of metrics that every epoch has; only the best one where some are missing."""
    if not epochs:
        return 1, ()
    numbers = sorted(epochs)
    if numbers[-1] - numbers[0] >= len(numbers):
        numbers = [best if best is not None and best in epochs else numbers[-1]]
    shared: Sequence[str] = [name for name in epochs[numbers[0]] if all(name in epochs[n] for n in numbers)]
    return numbers[0], tuple({name: float(epochs[n][name]) for name in shared} for n in numbers)
