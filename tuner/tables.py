"""A search as a table: a line for each combination of some parameters, with what its trials came to.

Read from the ledger alone. Only trials that completed count; the others are named, not averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev

from tuner import table_picture, wording
from tuner.errors import StudyError, listing, nearest
from tuner.home import Home
from tuner.metrics import METRICS, Task
from tuner.parameters import Parameter
from tuner.report import Shown, load_search
from tuner.trial import Result, State, Value

# What one parameter was in a trial: a value, one for each layer, or None where the trial had no use for it.
Setting = Value | tuple[Value, ...] | None
Combination = tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean of some trials, and their standard deviation where there are two or more."""

    mean: float
    deviation: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """None where no value is finite."""
        found = [value for value in values if math.isfinite(value)]
        return Spread(fmean(found), stdev(found) if len(found) > 1 else None) if found else None


@dataclass(frozen=True, slots=True)
class Cell:
    """What the trials of a combination came to: scores at the epochs that count, seconds, and how many there were."""

    train: Spread | None
    validation: Spread | None
    seconds: Spread | None
    trials: int
    others: Mapping[State, int]  # those that did not complete


@dataclass(frozen=True)
class Table:
    """A line for each combination of the parameters in `rows`, a block of columns for each of those in `columns`.

    Without `columns` there is one block, of the empty combination. A combination that no trial had has no cell.
    """

    label: str
    title: str
    metric: str  # without "val_"
    goal: str
    epoch: str  # "best" or "last"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Combination, ...]
    blocks: tuple[Combination, ...]
    cells: Mapping[tuple[Combination, Combination], Cell]

    @cached_property
    def _alike(self) -> frozenset[str]:
        """The parameters of which two settings would be spelled alike when rounded."""
        named = zip((*self.rows, *self.columns), (*zip(*self.lines, strict=True), *zip(*self.blocks, strict=True)),
                    strict=True)  # fmt: skip
        return frozenset(name for name, found in named if len({_spelled(s) for s in found}) < len(set(found)))

    def spelled(self, names: Sequence[str], combination: Combination) -> tuple[str, ...]:
        """The settings of a combination as a person reads them, one of each layer as 32-16-8."""
        pairs = zip(names, combination, strict=True)
        return tuple(_exactly(setting) if name in self._alike else _spelled(setting) for name, setting in pairs)

    def named(self, line: Combination) -> str:
        """A line in words; what is on by its name, and what is off only where nothing else is said."""
        told = zip(self.rows, line, self.spelled(self.rows, line), strict=True)
        named = [(name if setting is True else word) for name, setting, word in told if setting is not False]
        return ", ".join(named or (f"no {name}" for name in self.rows))

    def best(self, most: int) -> list[Combination]:
        """So many lines, those with the best validation score of any block, in the order of the table."""
        sign = -1 if self.goal == "maximize" else 1

        def score(line: Combination) -> float:
            found = [cell.validation for (each, _), cell in self.cells.items() if each == line]
            return min((sign * spread.mean for spread in found if spread is not None), default=math.inf)

        kept = set(sorted(self.lines, key=score)[:most])
        return [line for line in self.lines if line in kept]

    @property
    def left_out(self) -> dict[State, int]:
        """How many trials did not complete, by state."""
        counts = dict.fromkeys(State, 0)
        for cell in self.cells.values():
            for state, count in cell.others.items():
                counts[state] += count
        return {state: count for state, count in counts.items() if count}


def table(home: Home, name: str, rows: Sequence[str], columns: Sequence[str] = (), metric: str | None = None) -> Table:
    """The table of a study's newest search, or of `diabetes@1`.

    Raises LedgerError where nothing was searched, and StudyError, with everything that is wrong, where a parameter or
    the metric is not one of the search, or no trial has completed.
    """
    shown = load_search(home, name)
    label = shown.search.label
    chosen = (metric or shown.objective.metric).removeprefix("val_")
    done = [result for result in shown.results if result.state is State.COMPLETE]
    if not done:
        raise StudyError(f"{label}: no trial has completed yet. Go on with: tuner search {shown.search.study}")
    if not rows:
        raise StudyError("--rows: expected the names of parameters, as layers,activation")
    problems = [*_parameter_problems(shown, rows, columns), *_metric_problems(done, chosen, label)]
    if problems:
        raise StudyError(*problems)
    groups: dict[tuple[Combination, Combination], list[Result]] = {}
    for result in shown.results:
        shared, layered = wording.by_layer(result.trial.values)
        settings: dict[str, Setting] = {**shared, **{each: tuple(values) for each, values in layered.items()}}
        place = tuple(settings.get(each) for each in rows), tuple(settings.get(each) for each in columns)
        groups.setdefault(place, []).append(result)
    space = {parameter.name: parameter for parameter in shown.study.space.parameters}
    task, aims = Task(shown.search.data["task"]), shown.objective.aims
    return Table(
        label=label,
        title=shown.study.title,
        metric=chosen,
        goal=next((aim.goal for aim in aims if aim.metric == f"val_{chosen}"), METRICS[task][chosen].goal),
        epoch=shown.objective.epoch,
        rows=tuple(rows),
        columns=tuple(columns),
        lines=_ordered({line for line, _ in groups}, [space.get(each) for each in rows]),
        blocks=_ordered({block for _, block in groups}, [space.get(each) for each in columns]),
        cells={place: _cell(results, chosen) for place, results in groups.items()},
    )


def draw(table: Table, home: Home) -> Path:
    """Draws the table as a picture of its search, and says where. Those of the ending are made anew with each one."""
    named = "-".join((*table.rows, *(("by", *table.columns) if table.columns else ()), table.metric))
    path = home.search(table.label) / "tables" / f"{named}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    table_picture.combinations(table, path)
    return path


def _parameter_problems(shown: Shown, rows: Sequence[str], columns: Sequence[str]) -> Iterable[str]:
    known = dict.fromkeys(parameter.name for parameter in shown.study.space.parameters)
    for result in shown.results:
        for names in wording.by_layer(result.trial.values):
            known |= dict.fromkeys(names)
    given = [*rows, *columns]
    for name in dict.fromkeys(given):
        if name not in known:
            yield f"{shown.search.label}: no parameter '{name}'.{nearest(name, known)} It has {listing(list(known))}"
        elif given.count(name) > 1:
            yield f"{shown.search.label}: '{name}' is given twice; leave one out"


def _metric_problems(done: Sequence[Result], metric: str, label: str) -> Iterable[str]:
    recorded = [name.removeprefix("val_") for name in done[0].history[-1] if name.startswith("val_")]
    if metric not in recorded:
        yield f"{label}: no metric '{metric}'.{nearest(metric, recorded)} It has {', '.join(recorded)}"


def _cell(results: Sequence[Result], metric: str) -> Cell:
    done = [result for result in results if result.state is State.COMPLETE]
    others = [result.state for result in results if result.state is not State.COMPLETE]
    return Cell(
        train=Spread.of(_counted(result, metric) for result in done),
        validation=Spread.of(_counted(result, f"val_{metric}") for result in done),
        seconds=Spread.of(result.seconds for result in done),
        trials=len(done),
        others={state: others.count(state) for state in dict.fromkeys(others)},
    )


def _counted(result: Result, metric: str) -> float:
    """A metric after the epoch that the trial is scored by; not a number where it was not recorded."""
    if result.best_epoch is None:
        return math.nan
    return result.history[result.best_epoch - result.trial.first_epoch].get(metric, math.nan)


def _ordered(found: Iterable[Combination], parameters: Sequence[Parameter | None]) -> tuple[Combination, ...]:
    """In the order of the study file: numbers by size, choices as they are listed."""

    def place(combination: Combination) -> list[list[tuple[int, float, str]]]:
        pairs = zip(combination, parameters, strict=True)
        return [[_rank(value, parameter) for value in _layers(setting)] for setting, parameter in pairs]

    return tuple(sorted(found, key=place))


def _layers(setting: Setting) -> tuple[Value | None, ...]:
    return setting if isinstance(setting, tuple) else (setting,)


def _rank(value: Value | None, parameter: Parameter | None) -> tuple[int, float, str]:
    if value is None:
        return 3, 0.0, ""
    options = parameter.choices() if parameter is not None and parameter.size is not None else ()
    if value in options:
        return 0, options.index(value), ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, value)


def _spelled(setting: Setting) -> str:
    return "-".join("—" if value is None else wording.value(value) for value in _layers(setting))


def _exactly(setting: Setting) -> str:
    return "-".join("—" if value is None else str(value) for value in _layers(setting))
