"""From the arrays of an .npz to a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tuner.data.assembly import read_columns
from tuner.data.beside import beside
from tuner.data.findings import Findings
from tuner.data.naming import marks, split_columns
from tuner.data.sheet import Sheet, rows_from
from tuner.data.table import Kind, Rows, Table, digest_of
from tuner.data.targets import Target, alike, target_of
from tuner.study import Study

_PARTS = ("x", "y", "x_test", "y_test")


def assemble(name: str, where: str, arrays: Mapping[str, NDArray[Any]], study: Study) -> Table:
    """The table of `x` and `y`, of `x_test` and `y_test` where there are any, and of the arrays that the split names.

    Raises DataError with everything that is wrong, a line each.
    """
    import pyarrow as pa

    data, findings = study.data, Findings()
    said = {"rename": data.rename, "missing": data.missing, "categorical": data.categorical, "drop": data.drop}
    findings.problems.extend(
        f"{where}: data.{setting} names columns, and arrays have none; leave it out"
        for setting in said
        if said[setting]
    )
    for setting, column in split_columns(study).items():
        if column in _PARTS or column not in arrays:
            findings.problems.append(f"{where}: data.split.{setting}: there is no array '{column}' beside x and y")
        elif len(arrays[column]) != len(arrays["x"]):
            findings.problems.append(
                f"{where}: the array {column} has {len(arrays[column])} rows and x has {len(arrays['x'])}"
            )
    findings.settle()
    answer = data.target or "y"
    main = {answer: arrays["y"], **{each: arrays[each] for each in arrays if each not in _PARTS}}
    sheet = Sheet(where, {each: pa.array(array) for each, array in main.items()}, rows_from(len(arrays["x"])))
    cells = read_columns(sheet, study, findings)
    extra = beside(sheet, cells, study, findings)
    target: Target | None = None
    apart = None
    with findings.gathering():
        target = target_of(sheet, answer, cells[answer], marks(study, answer), data.labels, data.task)
        if "y_test" in arrays:
            tested = Sheet(
                where, {answer: pa.array(arrays["y_test"])}, rows_from(len(arrays["y_test"])), unit="test row"
            )
            given = read_columns(tested, study, findings)[answer]
            apart = Rows(arrays["x_test"], alike(tested, target, given, marks(study, answer), data.labels))
    findings.settle()
    assert target is not None, "a target that is not there is a problem"
    rows = Rows(arrays["x"], target.values)
    return Table(
        name=name,
        target=answer,
        task=target.task,
        classes=target.classes,
        kinds={"x": Kind.ARRAY},
        marks={},
        rows=rows,
        test=apart,
        digest=digest_of(answer, target.classes, rows, apart, extra),
        warnings=(*findings.warnings, *target.warnings),
        extra=extra,
    )
