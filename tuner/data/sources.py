"""From what a study says of its data to a table: the rows are found, read, and checked against the study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tuner.data import array_table, arrays, assembly, fetched, files, images
from tuner.data.findings import Findings
from tuner.data.sheet import Sheet
from tuner.data.table import Table
from tuner.errors import DataError
from tuner.home import Home
from tuner.study import Study


def load(study: Study, home: Home) -> Table:
    """The rows of a study, unless a function gives them: that is code, and no business of the process that reads.

    Raises DataError, with everything that can be seen to be wrong, a line each.
    """
    data = study.data
    assert data.function is None, "the rows of a function come by tuner.trainers.loading"
    where = shown(data.source, home)
    if images.has(data.source) or (data.source.lower().endswith(".npz") and data.is_file):
        return _load_arrays(study, home)
    if data.test and data.test.lower().endswith(".npz"):
        raise DataError(f"{shown(data.test, home)}: expected a .csv or .parquet file, as the other rows are in columns")
    sheet: Sheet | None = None
    test: Sheet | None = None
    findings = Findings()
    with findings.gathering():
        sheet = files.read(Path(data.source), where) if data.is_file else fetched.fetch(data.source, home)
    with findings.gathering():
        test = files.read(Path(data.test), shown(data.test, home)) if data.test else None
    findings.settle()
    assert sheet is not None, "a sheet that is not there is a problem"
    return assembly.assemble(Path(where).name if data.is_file else data.source, sheet, test, study)


def _load_arrays(study: Study, home: Home) -> Table:
    data = study.data
    where = shown(data.source, home)
    columns = [name for name in (data.split.group, data.split.time) if name]
    warnings: tuple[str, ...] = ()
    if data.is_file:
        found = dict(arrays.read(Path(data.source), where, columns))
    else:
        fetched_arrays, warnings = images.fetch(data.source, home)
        found = dict(fetched_arrays)
    if data.test:
        tested = shown(data.test, home)
        if "x_test" in found:
            raise DataError(f"{where}: brings test rows of its own, x_test; leave out data.test")
        if not data.test.lower().endswith(".npz"):
            raise DataError(f"{tested}: expected an .npz file, as the other rows are arrays")
        apart = arrays.read(Path(data.test), tested)
        if apart["x"].shape[1:] != found["x"].shape[1:]:
            raise DataError(
                f"{tested}: expected rows of x of the shape {found['x'].shape[1:]} as in {where}, "
                f"got {apart['x'].shape[1:]}"
            )
        found |= {"x_test": apart["x"], "y_test": apart["y"]}
    made = array_table.assemble(Path(where).name if data.is_file else where, where, found, study)
    return replace(made, warnings=(*warnings, *made.warnings))


def shown(source: str, home: Home) -> str:
    """A file as the user would type it: from the folder in which the command was typed."""
    path = Path(source)
    return str(path.relative_to(home.root)) if path.is_relative_to(home.root) else source
