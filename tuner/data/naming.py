"""Column names: those of the study in place of the source's, and what is said about columns that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tuner.data.findings import Findings
from tuner.data.sheet import Sheet
from tuner.errors import DataError, listing, nearest
from tuner.study import Study
from tuner.trial import Value


def renamed(sheet: Sheet, study: Study, findings: Findings) -> Sheet:
    """The sheet under the study's column names, where the source has those that it renames."""
    rename = study.data.rename
    names = [rename.get(name, name) for name in sheet.columns]
    for name in dict.fromkeys(name for i, name in enumerate(names) if name in names[:i]):
        old = [each for each in sheet.columns if rename.get(each, each) == name]
        findings.problems.append(
            f"{sheet.where}: data.rename gives {' and '.join(old)} one name, '{name}'. Choose another for one of them"
        )
    for old_name, new in rename.items():
        if old_name not in sheet.columns and new not in names:
            findings.warnings.append(f"{sheet.where}: data.rename: there is neither a column '{old_name}' nor '{new}'")
    return replace(
        sheet,
        columns=dict(zip(names, sheet.columns.values(), strict=True)),
        target=None if sheet.target is None else rename.get(sheet.target, sheet.target),
    )


def target_name(sheet: Sheet, study: Study) -> str:
    """The column to predict: the study's, or the one that the source means. Raises DataError where neither says."""
    if name := study.data.target or sheet.target:
        return name
    raise DataError(
        f"{sheet.where}: which column is to be predicted? Say --target COLUMN beside --data, or "
        f'target = "…" under [data]. Columns: {listing(list(sheet.columns))}'
    )


def split_columns(study: Study) -> dict[str, str]:
    """The columns that only the split looks at, by setting."""
    named = {"group": study.data.split.group, "time": study.data.split.time}
    return {setting: name for setting, name in named.items() if name}


def unknown(sheet: Sheet, target: str, study: Study) -> Iterator[str]:
    """A line for each name in the study that no column has."""
    data = study.data
    named: dict[str, list[str]] = {
        "": [target],
        "data.missing: ": list(data.missing),
        "data.categorical: ": list(data.categorical),
        "data.drop: ": list(data.drop),
    }
    for setting, name in split_columns(study).items():
        named[f"data.split.{setting}: "] = [name]
        if name == target:
            yield f"{sheet.where}: column '{target}' is the target, so it cannot be data.split.{setting} too"
    for setting, names in named.items():
        for name in names:
            if name not in sheet.columns:
                yield not_found(sheet, name, setting, data.rename.get(name))


def not_found(sheet: Sheet, name: str, setting: str = "", new: str | None = None) -> str:
    """The problem of a name that no column has; `new` is what the study calls that column."""
    columns = list(sheet.columns)
    if new in columns:
        return f"{sheet.where}: {setting}column '{name}' is renamed to '{new}' by data.rename. Use that name"
    hint = f"Columns: {listing(columns)}.{nearest(name, columns)}".removesuffix(".")
    return f"{sheet.where}: {setting}column '{name}' not found. {hint}"


def marks(study: Study, column: str) -> tuple[Value, ...]:
    """The values that the study declares to mean a missing cell of that column."""
    given = study.data.missing.get(column, ())
    return given if isinstance(given, tuple) else (given,)
