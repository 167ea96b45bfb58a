"""From the columns of a source to a table: kinds of columns, target, test part, digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tuner import toml
from tuner.data.beside import beside
from tuner.data.columns import (
    Cells,
    blanks_of,
    conformed,
    frame,
    inferred,
    marks_of,
    names_too_many,
    read_cells,
    stray_cells,
)
from tuner.data.findings import Findings
from tuner.data.naming import marks, not_found, renamed, split_columns, target_name, unknown
from tuner.data.sheet import Sheet
from tuner.data.table import Kind, Rows, Table, digest_of
from tuner.data.targets import Target, alike, target_of
from tuner.errors import listing
from tuner.study import Study


def assemble(name: str, sheet: Sheet, test: Sheet | None, study: Study) -> Table:
    """The table of a sheet, and of one with test rows where those came apart.

    Raises DataError with everything that is wrong in both, a line each.
    """
    findings = Findings(warnings=[*sheet.warnings, *(test.warnings if test else ())])
    sheet = renamed(sheet, study, findings)
    answer = target_name(sheet, study)
    findings.problems.extend(unknown(sheet, answer, study))
    cells = read_columns(sheet, study, findings)
    kinds = _kinds(sheet, cells, answer, study, findings)
    columns = {each: conformed(sheet, each, cells[each], kind, findings.problems) for each, kind in kinds.items()}
    extra = beside(sheet, cells, study, findings)
    target: Target | None = None
    if answer in cells:
        with findings.gathering():
            target = target_of(sheet, answer, cells[answer], marks(study, answer), study.data.labels, study.data.task)
    apart = None if test is None else _apart(renamed(test, study, Findings()), kinds, answer, target, study, findings)
    findings.settle()
    assert target is not None, "a target that is not there is a problem"
    rows = Rows(frame(columns), target.values, sheet.lines, sheet.unit)
    said = {each: marks(study, each) for each in kinds}
    return Table(
        name=name,
        target=target.name,
        task=target.task,
        classes=target.classes,
        kinds=kinds,
        marks={each: found for each, kind in kinds.items() if (found := marks_of(kind, said[each]))},
        rows=rows,
        test=apart,
        digest=digest_of(target.name, target.classes, rows, apart, extra),
        warnings=tuple(dict.fromkeys((*findings.warnings, *target.warnings))),
        extra=extra,
        empties={
            each: found for each, kind in kinds.items() if kind is not Kind.TEXT and (found := blanks_of(said[each]))
        },
    )


def read_columns(sheet: Sheet, study: Study, findings: Findings) -> dict[str, Cells]:
    """The cells of every column that is not left out."""
    cells = {}
    for name, column in sheet.columns.items():
        if name in study.data.drop and name not in split_columns(study).values():
            continue
        try:
            cells[name] = read_cells(column, blanks_of(marks(study, name)), sheet.semicolons)
        except TypeError as error:
            hint = f"Leave it out: drop = [{toml.text(name)}]"
            findings.problems.append(f"{sheet.where}: column '{name}' {error}, expected numbers or text. {hint}")
    commas = [name for name, each in cells.items() if each.comma and sheet.semicolons]
    points = [name for name, each in cells.items() if each.point and not len(each.stray)]
    if commas and points:
        findings.problems.append(
            f"{sheet.where}: numbers have a decimal comma in column '{commas[0]}' and a point in '{points[0]}'; "
            "use one of them throughout"
        )
    elif commas:
        findings.warnings.append(f"{sheet.where}: a comma is read as the decimal point in {listing(commas)}")
    return cells


def _kinds(sheet: Sheet, cells: Mapping[str, Cells], answer: str, study: Study, findings: Findings) -> dict[str, Kind]:
    """The feature columns in order, and what each holds."""
    apart = (answer, *study.data.drop, *split_columns(study).values())
    kinds: dict[str, Kind] = {}
    for name, each in cells.items():
        if name in apart:
            continue
        if name in study.data.categorical:
            kinds[name] = Kind.TEXT if len(each.stray) else Kind.CODES
        elif len(each.stray) and each.meant_as_numbers:
            findings.problems.append(stray_cells(sheet, name, each))
        elif len(each.stray) and (many := names_too_many(each, blanks_of(marks(study, name)))):
            findings.warnings.append(
                f"{sheet.where}: column '{name}' has {many} different texts in {each.filled} cells and is left out. "
                f"To keep it, say under [data]: categorical = [{toml.text(name)}]"
            )
        else:
            kinds[name] = inferred(each)
    if not kinds and not findings.problems:
        findings.problems.append(f"{sheet.where}: no column is left to predict '{answer}' from")
    return kinds


def _apart(
    sheet: Sheet, kinds: Mapping[str, Kind], answer: str, target: Target | None, study: Study, findings: Findings
) -> Rows | None:
    """The test part that came as a file of its own, in the columns, kinds and classes of the other rows."""
    wanted = (*kinds, answer)
    absent = [not_found(sheet, name) for name in wanted if name not in sheet.columns]
    findings.problems.extend(absent)
    known = replace(sheet, columns={name: column for name, column in sheet.columns.items() if name in wanted})
    cells = read_columns(known, study, findings)
    if absent or target is None or len(cells) < len(wanted):
        return None
    columns = {name: conformed(known, name, cells[name], kind, findings.problems) for name, kind in kinds.items()}
    with findings.gathering():
        values = alike(known, target, cells[answer], marks(study, answer), study.data.labels)
        return Rows(frame(columns), values, sheet.lines, sheet.unit)
    return None
