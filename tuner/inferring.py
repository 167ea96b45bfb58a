"""What rows look like to who has never seen them: the beginning of a study file.

The project's own readers read them, and what they refuse is refused here. The rest are guesses, and each guess that a
person should look at is a question, with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner import opening, toml, wording
from tuner.data import fetched, files, images, sources
from tuner.data.columns import as_text
from tuner.data.naming import not_found
from tuner.data.sheet import Sheet
from tuner.data.split import Split
from tuner.data.table import Kind, Table
from tuner.errors import DataError, StudyError, listing, one_line
from tuner.home import Home
from tuner.looks import Looks
from tuner.metrics import Task
from tuner.study import Study, from_document
from tuner.trial import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names that people give the column to predict, the more telling first.
_TARGETS = ("target", "class", "label", "y", "outcome", "labels", "response")
# A class with this share of all rows makes the accuracy of saying nothing else look good.
_LOPSIDED = 0.8
_FEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the `[data]` of a study may say, with a reason for each thing that it leaves out.

    `drop` has the reason by column. `questions` are for a person, a line each without what cannot be seen; `notes` are
    what the readers say.
    `counts` are the rows of each class, or None for values.
    """

    source: str
    target: str
    guessed: str
    task: Task
    counts: Mapping[str, int] | None
    rows: int
    train: int  # of them, those that a network is trained on
    kinds: Mapping[str, Kind]
    shape: tuple[int, ...] | None
    image: bool
    own_test: bool
    stratify: bool
    missing: Mapping[str, tuple[Value, ...]]
    categorical: tuple[str, ...]
    drop: Mapping[str, str]
    questions: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def lopsided(self) -> bool:
        """Whether one class has so many of the rows that accuracy misleads."""
        return self.counts is not None and max(self.counts.values()) >= _LOPSIDED * sum(self.counts.values())


def infer(source: str, home: Home, target: str | None = None, task: str | None = None) -> Inferred:
    """What a study of that source may say.

    `source` is as in a study file, a file seen from here. Raises StudyError for a source that is none, and DataError,
    a line for each problem, for rows that no search could be made on.
    """
    given: dict[str, Any] = {"source": source, **({"task": task} if task else {})}
    data = _study(given).data
    if data.function is not None:
        raise StudyError(
            f"--data: expected rows to look at, got a function, {source}. Write the study yourself; its first line is "
            f"data = {toml.text(source)}"
        )
    if images.has(source) or source.lower().endswith(".npz"):
        return _of_arrays(given, home, target)
    where = source if data.is_file else data.source
    sheet = files.read(Path(source), where) if data.is_file else fetched.fetch(source, home)
    name, guessed = _target(sheet, target)
    looks = Looks(sheet, name)
    given |= {"target": name, "drop": list(looks.drop), "categorical": list(looks.categorical)}
    given |= {"missing": {column: list(marks) for column, marks in looks.missing.items()}}
    try:
        table, stratify, parts = _checked(given, home)
    except DataError as error:
        raise DataError(*(_with_guesses(line, name, guessed, looks.drop) for line in error.problems)) from None
    questions = [*looks.questions, *_about_rows(table, stratify)]
    return replace(_plain(table, source, stratify, parts), guessed=guessed, missing=looks.missing,
                   categorical=tuple(looks.categorical), drop=looks.drop,
                   questions=tuple(map(one_line, questions)))  # fmt: skip


def _with_guesses(line: str, target: str, guessed: str, drop: Mapping[str, str]) -> str:
    """A problem with what was guessed before it came up, where that may be why."""
    if guessed and one_line(f"'{target}' is the target") in line:
        return f"{line}. It was taken because {guessed}; another: --target NAME"
    if drop and "no column is left" in line:
        return f"{line}. Left out: {listing([f'{name} ({why})' for name, why in drop.items()])}"
    return line


def _of_arrays(given: dict[str, Any], home: Home, target: str | None) -> Inferred:
    if target:
        given["target"] = target
    table, stratify, parts = _checked(given, home)
    questions = tuple(map(one_line, _about_rows(table, stratify)))
    return replace(_plain(table, given["source"], stratify, parts), questions=questions)


def _plain(table: Table, source: str, stratify: bool, parts: Split) -> Inferred:
    features = table.rows.features
    array = isinstance(features, np.ndarray)
    return Inferred(
        source=source,
        target=table.target,
        guessed="",
        task=table.task,
        counts=_counts(table),
        rows=len(table.rows),
        train=len(parts.y_train),
        kinds=dict(table.kinds),
        shape=tuple(features.shape[1:]) if array else None,
        image=parts.image is not None,
        own_test=table.test is not None,
        stratify=stratify,
        missing={},
        categorical=(),
        drop={},
        questions=(),
        notes=table.warnings,
    )


def _study(data: Mapping[str, Any], split: Mapping[str, Any] | None = None) -> Study:
    document = {
        "data": {**data, **({"split": split} if split else {})},
        "space": {"layers": 1},
        "training": {"batch_size": 1},
    }
    try:
        return from_document("init", document)
    except StudyError as error:
        lines = (line.replace("init: data.source: ", "--data: ", 1) for line in error.problems)
        raise StudyError(*(line.removeprefix("init: data.") for line in lines)) from None


def _checked(data: dict[str, Any], home: Home) -> tuple[Table, bool, Split]:
    """The rows as a search would have them, whether there are enough of every class for shares of it in every part, and
    the parts.
    """
    table = sources.load(_study(data), home)
    counts = _counts(table)
    stratify = counts is not None and min(counts.values()) >= (2 if table.test else 3)
    parts = opening.split(_study(data, {"stratify": stratify} if counts else None), home)
    return table, stratify, parts


def _counts(table: Table) -> dict[str, int] | None:
    if table.classes is None:
        return None
    counts = np.bincount(table.rows.target, minlength=len(table.classes))
    return {as_text(name): int(count) for name, count in zip(table.classes, counts, strict=True)}


def _target(sheet: Sheet, given: str | None) -> tuple[str, str]:
    """The column to predict, and why it was taken for that where nobody said so."""
    if given is not None:
        if given not in sheet.columns:
            raise DataError(not_found(sheet, given, "--target: "))
        return given, ""
    if sheet.target is not None:
        return sheet.target, ""
    named = {re.sub(r"\W", "", name).lower(): name for name in reversed(list(sheet.columns))}
    if found := next((named[word] for word in _TARGETS if word in named), None):
        return found, "it has a name that targets have"
    return list(sheet.columns)[-1], "it is the last column"


def _about_rows(table: Table, stratify: bool) -> Iterator[str]:
    """Questions that only all columns together raise."""
    counts = _counts(table)
    if counts is not None and not stratify:
        rare = [name for name, count in counts.items() if count < 3]
        yield (
            f"too few rows of {listing(rare)} for one in each part, so classes are not shared out evenly: "
            "can rows be added, or classes be put together under labels?"
        )
    if isinstance(table.rows.features, np.ndarray):
        return
    frame = table.rows.features.assign(**{" target": table.rows.target})
    if twice := int(frame.duplicated().sum()):
        yield (
            f"{wording.count(twice, 'row')} {'is a copy of another' if twice == 1 else 'are copies of others'}: are "
            "they one thing measured once? Copies that are apart in train and test rows flatter the score; remove "
            'them, or name what they share: split = { group = "…" }'
        )
    told = [name for name in table.kinds if _tells(frame[name].to_numpy(), table)]
    if told:
        yield (
            f"{listing(told)} tells '{table.target}' exactly: is it known before that is? "
            f"If not: drop = [{toml.text(told[0])}]"
        )


def _tells(cells: NDArray[Any], table: Table) -> bool:
    """Whether a column is the target under another name."""
    import pandas as pd

    target = table.rows.target
    if table.classes is not None:
        pairs = pd.DataFrame({"cells": cells, "target": target}).drop_duplicates()
        return len(pairs) == len(table.classes) == pairs["cells"].nunique(dropna=False)
    if cells.dtype == object or len(cells) < _FEW_ROWS:
        return False
    filled = np.isfinite(cells)
    if filled.sum() < _FEW_ROWS or np.ptp(cells[filled]) == 0 or np.ptp(target[filled]) == 0:
        return False
    return bool(abs(np.corrcoef(cells[filled], target[filled])[0, 1]) > 0.99999)
