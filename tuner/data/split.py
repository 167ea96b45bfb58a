"""Train, validation and test rows: drawn before anything is fitted, then transformed by what the train rows say."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.features import Preprocessing
from tuner.data.fitting import fit
from tuner.data.layout import Input
from tuner.data.parts import draw
from tuner.data.table import Rows, Table
from tuner.errors import DataError
from tuner.metrics import Task
from tuner.study import SplitSection
from tuner.trial import Value

Array = NDArray[Any]

FORMAT = 1
EXAMPLE_ROWS = 5
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three parts, transformed: `x_…` float32 (rows, features), `y_…` class numbers or values in their own units.

    `indices` are the row numbers of each part; those of a test part that came apart count in that part. `example` is
    the first raw train rows as JSON, `digest` that of the table. `fingerprint` changes with any row, the part that it
    is in, and any fitted constant. `tested` is the same wherever the same rows are kept apart for the test, whatever
    columns are read of them, and however these are prepared. `code` is the sha256 of the program that gave the rows,
    where one did.
    """

    table: str
    target: str
    task: Task
    classes: tuple[Value, ...] | None
    digest: str
    preprocessing: Preprocessing
    x_train: Array
    x_validation: Array
    x_test: Array
    y_train: Array
    y_validation: Array
    y_test: Array
    indices: Mapping[str, Array]
    fingerprint: str
    tested: str
    example: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    code: str = ""

    @property
    def layout(self) -> tuple[Input, ...]:
        """Which columns of the flat matrices are which input, by name and shape; of a table all of them are one."""
        return self.preprocessing.layout

    @property
    def image(self) -> tuple[int, int, int] | None:
        """(height, width, channels) that a row of the flat matrices has as an image; None where rows are none."""
        return self.preprocessing.image

    def save(self, folder: Path) -> None:
        """Writes the folder, whole or not at all: arrays as .npy, the rest as split.json."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, array in self._arrays().items():
                np.save(half / f"{name}.npy", array, allow_pickle=False)
            (half / "split.json").write_text(json.dumps(self._document(), allow_nan=False), encoding="utf-8")
            if folder.exists():  # a folder cannot be renamed onto one that holds files
                old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
                os.rename(folder, old / "old")
                os.rename(half, folder)
                shutil.rmtree(old)
            else:
                os.rename(half, folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)

    @classmethod
    def open(cls, folder: Path) -> Split:
        """The split that was saved there, its arrays mapped into memory, so that processes share them.

        Raises DataError where there is none, or one that a newer program wrote.
        """
        try:
            document = json.loads((folder / "split.json").read_text(encoding="utf-8"))
            arrays = {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("*.npy")}
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: not a saved split ({error}). The search makes it again") from None
        if document["format"] != FORMAT:
            raise DataError(f"{folder}: expected a split of format {FORMAT}, got {document['format']}")
        return cls(
            table=document["table"],
            target=document["target"],
            task=Task(document["task"]),
            classes=None if document["classes"] is None else tuple(document["classes"]),
            digest=document["digest"],
            preprocessing=Preprocessing.from_json(document["preprocessing"]),
            indices={part: arrays.pop(f"rows_{part}") for part in PARTS},
            fingerprint=document["fingerprint"],
            tested=document.get("tested", document["fingerprint"]),  # a folder of before there was any
            example=tuple(document["example"]),
            warnings=tuple(document["warnings"]),
            code=document.get("code", ""),
            **arrays,
        )

    def _arrays(self) -> dict[str, Array]:
        matrices = {f.name: getattr(self, f.name) for f in fields(self) if f.name[:2] in ("x_", "y_")}
        return matrices | {f"rows_{part}": rows for part, rows in self.indices.items()}

    def _document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "table": self.table,
            "target": self.target,
            "task": self.task.value,
            "classes": self.classes,
            "digest": self.digest,
            "preprocessing": self.preprocessing.to_json(),
            "fingerprint": self.fingerprint,
            "tested": self.tested,
            "example": self.example,
            "warnings": self.warnings,
            **({"code": self.code} if self.code else {}),
        }


def split(table: Table, section: SplitSection) -> Split:
    """The parts of a table, and the preprocessing fitted on its train rows.

    Raises DataError where a part cannot be drawn, or the train rows leave nothing to learn.
    """
    indices = draw(table, section)
    parts = {part: _take(table.rows, rows) for part, rows in indices.items()}
    for part, apart in (("validation", table.validation), ("test", table.test)):
        if apart is not None:
            parts[part] = apart
            indices[part] = np.arange(len(apart.target), dtype=np.int64)
    train = parts["train"]
    warnings = (*_idle(table, section), *_kept_apart(table, section, indices), *_class_warnings(table, train))
    try:
        preprocessing, fitted = fit(table, train)
        matrices = {f"x_{part}": preprocessing.transform(rows.features) for part, rows in parts.items()}
    except DataError as error:
        raise DataError(*(f"{table.name}: {problem}" for problem in error.problems)) from None
    return Split(
        table=table.name,
        target=table.target,
        task=table.task,
        classes=table.classes,
        digest=table.digest,
        preprocessing=preprocessing,
        **matrices,
        **{f"y_{part}": rows.target for part, rows in parts.items()},
        indices=indices,
        fingerprint=_fingerprint(table.digest, indices, preprocessing),
        tested=_tested(table, indices["test"]),
        example=_example(train, preprocessing),
        warnings=(*table.warnings, *warnings, *fitted),
        code=table.code,
    )


def _idle(table: Table, section: SplitSection) -> Iterator[str]:
    """A warning where a share of the rows is asked for as a part, and the table brings that."""
    if table.test is not None and "test" in section.model_fields_set:
        yield (
            f"{table.name}: data.split.test = {section.test:g} is not looked at, as the rows for the test come apart; "
            "leave it out"
        )
    if table.validation is not None and "validation" in section.model_fields_set:
        yield (
            f"{table.name}: data.split.validation = {section.validation:g} is not looked at, as the validation rows "
            "come apart; leave it out"
        )


def _kept_apart(table: Table, section: SplitSection, indices: Mapping[str, Array]) -> Iterator[str]:
    """A line where the test rows are some of those that were given to train on."""
    if table.validation is not None and table.test is None:
        yield (
            f"{table.name} gives no test part: {len(indices['test'])} of its {len(table.rows)} train rows "
            f"(data.split.test = {section.test:g}) are kept apart, for a score on rows that nothing was chosen by"
        )


def _take(rows: Rows, chosen: Array) -> Rows:
    if isinstance(rows.features, np.ndarray):
        if len(chosen) == len(rows):  # ascending, so all of them as they are
            return rows
        return Rows(rows.features[chosen], rows.target[chosen])
    return Rows(rows.features.iloc[chosen], rows.target[chosen])


def _class_warnings(table: Table, train: Rows) -> tuple[str, ...]:
    """A warning for every class that no train row has. Raises DataError where they are all of one class."""
    names = table.classes or ()
    seen = set(np.unique(train.target).tolist()) if names else set()
    if names and len(seen) < 2:
        raise DataError(
            f"{table.name}: every train row is of class '{names[seen.pop()]}' of '{table.target}'; "
            f"expected at least two classes. Change data.split"
        )
    return tuple(
        f"class '{name}' of '{table.target}' is in no train row; it will never be predicted"
        for number, name in enumerate(names)
        if number not in seen
    )


def _fingerprint(digest: str, indices: Mapping[str, Array], preprocessing: Preprocessing) -> str:
    total = hashlib.sha256(digest.encode())
    for part in PARTS:
        total.update(f"/{part}:{len(indices[part])}/".encode())
        total.update(indices[part].astype("<i8").tobytes())
    total.update(preprocessing.to_json().encode())
    return total.hexdigest()


def _tested(table: Table, rows: Array) -> str:
    """Of the target alone, all of it in its order: which columns are read beside it is up to each study."""
    total = hashlib.sha256()
    for target in (table.rows.target, *(() if table.test is None else (table.test.target,))):
        total.update(f"/{len(target)}/".encode() + target.astype("<f8").tobytes())
    total.update(rows.astype("<i8").tobytes())
    return total.hexdigest()


def _example(train: Rows, preprocessing: Preprocessing) -> tuple[Mapping[str, Any], ...]:
    """The first raw train rows, in the columns that a model takes; None where a cell is empty."""
    names = [column["name"] for column in preprocessing.columns()]
    if isinstance(train.features, np.ndarray):
        first = train.features[:EXAMPLE_ROWS].reshape(-1, sum(each.size for each in preprocessing.layout))
        arrays = {each.name: each.of(first).tolist() for each in preprocessing.layout}
        return tuple({name: arrays[name][i] for name in names} for i in range(len(first)))
    frame = train.features[names].iloc[:EXAMPLE_ROWS]
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return tuple({str(name): cell for name, cell in record.items()} for record in records)
