"""What published data sets must be, cell by cell, wherever a copy comes from: copies on the web are often altered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.columns import read_cells
from tuner.data.sheet import Sheet
from tuner.errors import DataError


@dataclass(frozen=True, slots=True)
class Column:
    """The mean of a column, for a message, and a fingerprint of its cells, in order."""

    mean: float
    cells: str


@dataclass(frozen=True, slots=True)
class Published:
    rows: int
    columns: Mapping[str, Column]
    target: str
    counts: Mapping[str, int]  # rows of each of its two classes
    cells: str  # fingerprint of the target, 1 where it is the second of them


# The NIDDK's 768 women; OpenML's data set 37. Two copies that were made apart agree on every cell, and their means are
# the published ones.
PUBLISHED: Mapping[str, Published] = {
    "openml:diabetes@1": Published(
        rows=768,
        columns={
            "preg": Column(3.84505, "00b43585dc65bd1a"),
            "plas": Column(120.895, "e5d01fe35d273e9f"),
            "pres": Column(69.1055, "9edc1489ca8d32f6"),
            "skin": Column(20.5365, "e6195850a32d66f7"),
            "insu": Column(79.7995, "b0cdb949fd923119"),
            "mass": Column(31.9926, "1c5d77b9c94a6776"),
            "pedi": Column(0.471876, "c0c1ee20bf280b25"),
            "age": Column(33.2409, "1c5943e9481f2d72"),
        },
        target="class",
        counts={"tested_negative": 500, "tested_positive": 268},
        cells="a0b5a5fee94f6c6e",
    ),
}


def check(source: str, sheet: Sheet) -> None:
    """Raises DataError, a line for each difference, where a published data set is not what it must be."""
    if (published := PUBLISHED.get(source)) is None:
        return
    differences = list(_differences(published, sheet))
    if differences:
        raise DataError(
            *(f"{sheet.where}: not {source} as it was published: {difference}" for difference in differences),
            f"{sheet.where}: get {source} again, or read a file of your own with --data FILE",
        )


@dataclass(frozen=True, slots=True)
class Images:
    """Numbers of train and test rows, and the sum of all cells of the train rows."""

    train: int
    test: int
    cells: int


# Their means, 33.3184 of MNIST and 72.9404 of Fashion-MNIST, are as published.
IMAGES: Mapping[str, Images] = {
    "keras:mnist": Images(60_000, 10_000, 1_567_298_545),
    "keras:fashion_mnist": Images(60_000, 10_000, 3_431_114_169),
}
_SIDE = 28


def check_images(source: str, where: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """A warning where a set of Keras' is not the published one: a part of it is good for a try.

    Raises DataError where it is none of the kind.
    """
    images = IMAGES[source]
    shape = arrays["x"].shape[1:]
    if shape != (_SIDE, _SIDE) or "x_test" not in arrays:
        got = f"rows of the shape {shape}" if shape != (_SIDE, _SIDE) else "no x_test"
        raise DataError(
            f"{where}: not {source}: expected x_train, y_train, x_test and y_test with images of {_SIDE} × {_SIDE}, "
            f"got {got}"
        )
    rows = (len(arrays["x"]), len(arrays["x_test"]))
    if rows != (images.train, images.test):
        wanted = f"{images.train:,} and {images.test:,}"
        return (f"{where}: {rows[0]:,} train and {rows[1]:,} test rows, {source} as published has {wanted}",)
    if int(arrays["x"].sum(dtype=np.float64)) != images.cells:
        return (f"{where}: not {source} as it was published: it has different cells",)
    return ()


def _differences(published: Published, sheet: Sheet) -> Iterator[str]:
    expected, found = [*published.columns, published.target], list(sheet.columns)
    if found != expected:
        yield f"expected the columns {', '.join(expected)}, got {', '.join(found)}"
        return
    if len(sheet) != published.rows:
        yield f"expected {published.rows} rows, got {len(sheet)}"
    answers = read_cells(sheet.columns[published.target])
    cells = [] if answers.text is None else answers.text.to_pylist()
    wrong = [(name, count) for name, count in published.counts.items() if cells.count(name) != count]
    for name, count in wrong:
        yield f"expected {count} rows with the class {name}, got {cells.count(name)}"
    if len(sheet) != published.rows or wrong:
        return  # the cells of other rows are no news
    second = [*published.counts][1]
    if fingerprint(np.array([cell == second for cell in cells], dtype=np.float64)) != published.cells:
        yield f"column '{published.target}' has its classes in other rows"
    for name, column in published.columns.items():
        read = read_cells(sheet.columns[name])
        mean = f"{np.mean(read.numbers):.6g}"
        if len(read.stray):
            yield f"column '{name}' has text in {sheet.place(read.stray)}"
        elif fingerprint(read.numbers) != column.cells:
            told = "" if mean == f"{column.mean:.6g}" else f": its mean is {mean}, expected {column.mean:.6g}"
            yield f"column '{name}' has different cells{told}"


def fingerprint(numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    """The first 16 digits of the sha256 of the cells as little-endian float64."""
    return hashlib.sha256(np.ascontiguousarray(numbers, dtype="<f8").tobytes()).hexdigest()[:16]
