"""Which rows are for training, for validation, and for the test.

Drawn here and not by scikit-learn's splitters, because every class must be in every part, one time must not be on
both sides of a border, and whole groups must come near their share of the rows, not of the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.table import Table
from tuner.errors import DataError, listing, nearest
from tuner.metrics import Task
from tuner.study import SplitSection

Array = NDArray[Any]


def draw(table: Table, section: SplitSection) -> dict[str, Array]:
    """The row numbers of each part, ascending.

    No `test` where the table brings its own; the share of validation is then one of the rest. No `validation` where it
    brings that. The same table and section always give the same parts. Raises DataError where the rows, a class or the
    groups are too few.
    """
    wanted = {"test": (section.test, table.test), "validation": (section.validation, table.validation)}
    shares = {part: share for part, (share, own) in wanted.items() if own is None}
    rows = len(table.rows.target)
    if not shares:
        return {"train": np.arange(rows, dtype=np.int64)}
    needed = ceil(1 / min(shares.values()))
    if rows < needed:
        raise DataError(f"{table.name}: {rows} rows are too few for {_told(shares)}: expected at least {needed}")
    rng = np.random.default_rng(section.seed)
    stratify = table.task is not Task.REGRESSION if section.stratify is None else section.stratify
    if section.time:
        drawn = _by_time(_times(table, section.time), shares, f"{table.name}: column '{section.time}'")
    elif section.group:
        drawn = _by_group(_groups(table, section.group), shares, rng, f"{table.name}: column '{section.group}'")
    elif not stratify:
        drawn = _at_random(rows, shares, rng)
    elif table.classes is None:
        raise DataError(f"{table.name}: data.split.stratify: '{table.target}' has values, not classes; leave it out")
    else:
        drawn = _by_class(table, shares, rng)
    taken = np.concatenate(list(drawn.values()))
    drawn["train"] = np.setdiff1d(np.arange(rows), taken)
    return {part: np.sort(chosen).astype(np.int64) for part, chosen in drawn.items()}


def _at_random(rows: int, shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, Array]:
    order = rng.permutation(rows)
    drawn: dict[str, Array] = {}
    for part, share in shares.items():
        size = round(share * rows)
        drawn[part], order = order[:size], order[size:]
    return drawn


def _by_class(table: Table, shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, Array]:
    """The shares of every class, and at least one row of it in every part."""
    drawn: dict[str, list[Array]] = {part: [] for part in shares}
    owed = dict.fromkeys(shares, 0.0)  # what rounding took from earlier classes is made good by later ones
    problems = []
    for number, name in enumerate(table.classes or ()):
        order = rng.permutation(np.flatnonzero(table.rows.target == number))
        rows, needed = len(order), len(shares) + 1
        if not rows:  # a column of one-hot targets in which no row has a 1
            continue
        if rows < needed:
            problems.append(
                f"{table.name}: class '{name}' of '{table.target}' has {rows} row{'s' * (rows != 1)}, "
                f"{needed} are needed for one in each part. Add rows, or set data.split.stratify = false"
            )
            continue
        for i, (part, share) in enumerate(shares.items()):
            wanted = share * rows + owed[part]
            size = min(max(round(wanted), 1), len(order) - len(shares) + i)
            owed[part] = wanted - size
            drawn[part].append(order[:size])
            order = order[size:]
    if problems:
        raise DataError(*problems)
    return {part: np.concatenate(chosen) for part, chosen in drawn.items()}


def _by_group(groups: Array, shares: Mapping[str, float], rng: np.random.Generator, where: str) -> dict[str, Array]:
    """Whole groups in random order, those that bring a part nearer to its share of the rows; train has the others."""
    sizes = np.bincount(groups)
    if len(sizes) <= len(shares):
        raise DataError(f"{where}: expected at least {len(shares) + 1} groups, one for each part, got {len(sizes)}")
    left = rng.permutation(len(sizes)).tolist()
    drawn: dict[str, Array] = {}
    for i, (part, share) in enumerate(shares.items()):
        chosen = _near(left, sizes, share * len(groups))[: len(left) - len(shares) + i]
        drawn[part] = np.flatnonzero(np.isin(groups, chosen))
        left = [group for group in left if group not in chosen]
    return drawn


def _near(groups: list[int], sizes: Array, wanted: float) -> list[int]:
    """The groups that bring the sum of sizes nearer to `wanted`, one after the other; the smallest if none does."""
    chosen: list[int] = []
    total = 0
    for group in groups:
        if abs(total + sizes[group] - wanted) < abs(total - wanted):
            chosen.append(group)
            total += int(sizes[group])
    return chosen or [min(groups, key=lambda group: int(sizes[group]))]


def _by_time(times: Array, shares: Mapping[str, float], where: str) -> dict[str, Array]:
    """The latest rows are the test, the latest of the rest the validation; rows of one time stay together."""
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order])) + 1  # where a new time begins
    if len(starts) < len(shares):
        raise DataError(
            f"{where}: expected at least {len(shares) + 1} different times, one for each part, got {len(starts) + 1}"
        )
    drawn: dict[str, Array] = {}
    end = len(order)
    for i, (part, share) in enumerate(shares.items()):
        possible = starts[starts < end][len(shares) - 1 - i :]
        start = int(possible[np.argmin(np.abs(possible - (end - share * len(order))))])
        drawn[part] = order[start:end]
        end = start
    return drawn


def _groups(table: Table, column: str) -> Array:
    """The number of each row's group."""
    given = _extra(table, column)
    _no_gap(table, column, [cell is None or cell != cell for cell in given], "the group of the row")
    return np.asarray(np.unique(given, return_inverse=True)[1])


def _times(table: Table, column: str) -> Array:
    """The time of each row as a number."""
    times = _extra(table, column).astype(np.float64)
    _no_gap(table, column, np.isnan(times), "the time of the row")
    return times


def _no_gap(table: Table, column: str, empty: Sequence[bool] | Array, expected: str) -> None:
    for row in np.flatnonzero(empty)[:1]:
        raise DataError(f"{table.name}: column '{column}', row {row + 1}: is empty, expected {expected}")


def _extra(table: Table, column: str) -> Array:
    if column not in table.extra:
        known = [*table.extra, *table.kinds]
        raise DataError(
            f"{table.name}: column '{column}' not found. Columns: {listing(known)}.{nearest(column, known)}"
        )
    return table.extra[column]


def _told(shares: Mapping[str, float]) -> str:
    return " and ".join(f"{part} = {share:g}" for part, share in shares.items())
