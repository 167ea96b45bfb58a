"""A search as a table: a line for each combination of some parameters, with what its trials came to.

Read from the ledger alone. Only trials that completed count; the others are named, not averaged. Trials that went on
from one another are one training, and the last of them counts.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from tuner import lineage, wording
from tuner.errors import ExportError, StudyError, listing, nearest
from tuner.home import Home
from tuner.metrics import METRICS, Task
from tuner.parameters import Parameter
from tuner.plots import comparisons
from tuner.shown import Shown, load_search
from tuner.trial import Result, State, Value

# What one parameter was in a trial: a value, one for each layer, or None where the trial had no use for it.
Setting = Value | tuple[Value, ...] | None
Combination = tuple[Setting, ...]

_MOST_DRAWN = 30  # lines
_LONGEST_NAME = 80  # of a picture's file; a file system takes 255 bytes


class Spread(NamedTuple):
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
        return frozenset(name for name, found in named if len({_spelled(name, s) for s in found}) < len(set(found)))

    def spelled(self, names: Sequence[str], combination: Combination) -> tuple[str, ...]:
        """The settings of a combination as a person reads them, one of each layer as 32-16-8."""
        pairs = zip(names, combination, strict=True)
        return tuple(_exactly(setting) if name in self._alike else _spelled(name, setting) for name, setting in pairs)

    def headed(self, block: Combination) -> str:
        """A block in words, as `batch_norm yes`; nothing where it is the only one, of no parameter."""
        return ", ".join(map(" ".join, zip(self.columns, self.spelled(self.columns, block), strict=True)))

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
        return _added(self.cells.values())

    def left_out_of(self, line: Combination) -> dict[State, int]:
        """How many trials of a line did not complete, by state."""
        return _added(cell for (each, _), cell in self.cells.items() if each == line)


def _added(cells: Iterable[Cell]) -> dict[State, int]:
    counts = Counter[State]()
    for cell in cells:
        counts.update(cell.others)
    return dict(counts)


def table(home: Home, name: str, rows: Sequence[str], columns: Sequence[str] = (), metric: str | None = None) -> Table:
    """The table of a study's newest search, or of `diabetes@1`.

    Raises LedgerError where nothing was searched, and StudyError, with everything that is wrong, where a parameter or
    the metric is not one of the search, or no trial has completed.
    """
    shown = load_search(home, name)
    label = shown.search.label
    chosen = (metric or shown.objective.metric).removeprefix("val_")
    trained = lineage.trainings(shown.results)
    done = [result for result in trained if result.state is State.COMPLETE]
    if not done:
        raise StudyError(f"{label}: no trial has completed yet. Go on with: tuner search {shown.search.study}")
    if not rows:
        raise StudyError("--rows: expected the names of parameters, as layers,activation")
    task, aims = Task(shown.search.data["task"]), shown.objective.aims
    problems = [*_parameter_problems(shown, rows, columns), *_metric_problems(done, chosen, label, task)]
    if problems:
        raise StudyError(*problems)
    groups: dict[tuple[Combination, Combination], list[Result]] = {}
    for result in trained:
        shared, layered = wording.by_layer(result.trial.values)
        settings: dict[str, Setting] = {**shared, **{each: tuple(values) for each, values in layered.items()}}
        place = tuple(settings.get(each) for each in rows), tuple(settings.get(each) for each in columns)
        groups.setdefault(place, []).append(result)
    space = {parameter.name: parameter for parameter in shown.study.space.parameters}
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
    """Draws the table as a picture of its search, and says where. Those of the ending are made anew with each one.

    Of many lines the best are drawn. Raises ExportError where the file cannot be written.
    """
    path = home.search(table.label) / "tables" / f"{_file_name(table)}.png"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        comparisons.combinations(_compared(table), path)
    except OSError as error:
        place = path.relative_to(home.root)
        raise ExportError(f"{place}: the picture cannot be written ({error.strerror or error})") from None
    return path


def _file_name(table: Table) -> str:
    """The parameters and the metric; where that is too long, the beginning of it and a digest of all of it."""
    whole = "-".join((*table.rows, *(("by", *table.columns) if table.columns else ()), table.metric))
    if len(whole) <= _LONGEST_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST_NAME - 9]}-{digest}"


def _compared(table: Table) -> comparisons.Comparison:
    """What a picture shows of it: the best lines, beside whose names stands how many trials did not complete."""
    lines = table.best(_MOST_DRAWN)
    places = [(line, block) for line in range(len(lines)) for block in range(len(table.blocks))]
    cells = {(line, block): table.cells.get((lines[line], table.blocks[block])) for line, block in places}
    return comparisons.Comparison(
        metric=table.metric,
        goal=table.goal,
        by=(*table.rows, *table.columns),
        lines=[_with_others(table.named(line), table.left_out_of(line)) for line in lines],
        blocks=[table.headed(block) for block in table.blocks],
        marks={
            place: comparisons.Mark(cell.train, cell.validation, cell.seconds)
            for place, cell in cells.items()
            if cell is not None
        },
        left_out=len(table.lines) - len(lines),
        not_counted=wording.states(table.left_out),
    )


def _with_others(name: str, others: Mapping[State, int]) -> str:
    return f"{name} ({wording.states(others)})" if others else name


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


def _metric_problems(done: Sequence[Result], metric: str, label: str, task: Task) -> Iterable[str]:
    recorded = [name.removeprefix("val_") for name in done[0].history[-1] if name.startswith("val_")]
    if metric in recorded:
        return
    has = f"It has {', '.join(recorded)}"
    if metric in METRICS[task]:
        yield (
            f"{label}: no {metric}, which is computed only where the study asks for it. {has}. Choose one of these, or "
            f'search again with metric = "val_{metric}" under [objective]'
        )
    else:
        yield f"{label}: no metric '{metric}'.{nearest(metric, recorded)} {has}"


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


def _spelled(name: str, setting: Setting) -> str:
    return "-".join("—" if value is None else wording.parameter(name, value) for value in _layers(setting))


def _exactly(setting: Setting) -> str:
    return "-".join("—" if value is None else str(value) for value in _layers(setting))
