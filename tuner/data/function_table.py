"""From the rows that a function returned to a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.assembly import read_columns
from tuner.data.columns import as_text
from tuner.data.findings import Findings
from tuner.data.returned import Returned
from tuner.data.sheet import Sheet, rows_from
from tuner.data.table import Kind, Rows, Table, digest_of
from tuner.data.targets import Target, alike, target_of
from tuner.errors import DataError, listing
from tuner.metrics import Task
from tuner.study import Study


def assemble(name: str, where: str, given: Returned, study: Study) -> Table:
    """The table of those rows; its parts are the function's.

    A model of the user's own has the arrays as they are, because what they are divided by, and what their numbers
    mean, is in its code. A built-in network has them standardised, as those of a file. So it is the study that decides,
    and what else there is to do with the rows follows from the table.

    Raises DataError with everything that is wrong, a line each.
    """
    findings = Findings()
    answer = study.data.target or "y"
    target: Target | None = None
    others: dict[str, Rows] = {}
    with findings.gathering():
        target = _target(where, answer, given, study)
    for part in given.parts[1:] if target is not None else ():
        with findings.gathering():
            assert target is not None
            others[part] = Rows(given.x(part), _alike(where, answer, part, given, target, study))
    findings.settle()
    assert target is not None, "a target that is not there is a problem"
    rows, test = Rows(given.x("train"), target.values), others.get("test")
    findings.warnings += _unseen(where, target, others["validation"])
    return Table(
        name=name,
        target=answer,
        task=target.task,
        classes=target.classes,
        kinds={each.name: Kind.ARRAY for each in given.inputs},
        marks={},
        rows=rows,
        test=test,
        digest=_digest(given, target, rows, others["validation"], test),
        warnings=(*findings.warnings, *target.warnings),
        validation=others["validation"],
        layout=given.inputs,
        as_they_are=study.model is not None,
        code=given.digest,
    )


def _target(where: str, answer: str, given: Returned, study: Study) -> Target:
    """The target of the train part. One-hot rows have as many classes as columns, whether or not a row is of each."""
    data, found = study.data, given.y("train")
    if given.one_hot is None:
        sheet = _sheet(where, answer, found, "train row")
        return target_of(sheet, answer, read_columns(sheet, study, Findings())[answer], (), data.labels, data.task)
    task = data.task or (Task.BINARY if given.one_hot == 2 else Task.MULTICLASS)
    if task is Task.REGRESSION or (task is Task.BINARY and given.one_hot > 2):
        raise DataError(
            f"{where}: y_train has one-hot rows of {given.one_hot} classes, and data.task is {task}; leave it out"
        )
    if len(np.unique(found)) == 1:
        raise DataError(f"{where}: every row of y_train is of class {found[0]}. Expected rows of two or more")
    names = tuple(data.labels.get(str(number), number) for number in range(given.one_hot))
    if len(set(shown := [as_text(name) for name in names])) < len(names):
        raise DataError(f"{where}: data.labels: two classes have the same name, {listing(shown)}")
    return Target(answer, task, names, found.astype(np.int64))


def _alike(where: str, answer: str, part: str, given: Returned, target: Target, study: Study) -> NDArray[Any]:
    found = given.y(part)
    if given.one_hot is not None:
        return found.astype(np.int64)
    sheet = _sheet(where, answer, found, f"{part} row")
    cells = read_columns(sheet, study, Findings())[answer]
    return alike(sheet, target, cells, (), study.data.labels)


def _sheet(where: str, answer: str, y: NDArray[Any], unit: str) -> Sheet:
    import pyarrow as pa

    return Sheet(where, {answer: pa.array(y)}, rows_from(len(y)), unit=unit)


def _unseen(where: str, target: Target, validation: Rows) -> Iterator[str]:
    """A warning for classes that no validation row has: what is chosen there knows nothing of them."""
    there = set(np.unique(validation.target).tolist())
    trained = sorted(set(np.unique(target.values).tolist()) - there) if target.classes else []
    if target.classes and trained:
        names = [as_text(target.classes[number]) for number in trained]
        yield f"{where}: no validation row is of class {listing(names, 6)}, which train rows are"


def _digest(given: Returned, target: Target, rows: Rows, validation: Rows, test: Rows | None) -> str:
    """Of all parts and of their layout: the same for the same rows, whatever the code that made them."""
    total = hashlib.sha256(json.dumps([[each.name, each.shape] for each in given.inputs]).encode())
    total.update(digest_of(target.name, target.classes, rows, test, {}).encode())
    total.update(digest_of(target.name, target.classes, validation, None, {}).encode())
    return total.hexdigest()
