"""Arrays in an .npz: `x` and `y`, or `x_train` and `y_train`, with `x_test` and `y_test` where there is a test part."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from tuner import npz
from tuner.data import files
from tuner.errors import DataError, listing

Array = NDArray[Any]

# (x, y) of the main rows, and of the test part.
_MAIN = (("x", "y"), ("x_train", "y_train"))
_TEST = ("x_test", "y_test")


def read(path: Path, where: str, more: Sequence[str] = ()) -> Mapping[str, Array]:
    """The arrays `x` (float32) and `y` (as they are), `x_test` and `y_test` where there are any, and those in `more`.

    Raises DataError, a line for each problem: no known arrays, shapes that do not agree, Python objects, NaN or
    infinite cells in x. Nothing is unpickled.
    """
    files.check(path, where)
    with _opened(path, where) as archive:
        members = _members(archive)
        wanted = {**_chosen(members, where), **{name: name for name in more if name in members}}
        _check_headers(archive, {name: members[name] for name in wanted.values()}, where)
        arrays = {name: _array(archive, members[kept]) for name, kept in wanted.items()}
    problems = [problem for x, y in (("x", "y"), _TEST) if x in arrays for problem in _problems(arrays, x, y, where)]
    if "x_test" in arrays and arrays["x"].shape[1:] != arrays["x_test"].shape[1:]:
        shapes = f"{arrays['x'].shape[1:]} and {arrays['x_test'].shape[1:]}"
        problems.append(f"{where}: a row of x and one of x_test have different shapes, {shapes}")
    if problems:
        raise DataError(*problems)
    return {name: _float32(array) if name in ("x", "x_test") else _flat(array) for name, array in arrays.items()}


def read_rows(path: Path, name: str = "x") -> Array:
    """The array of that name, or else x, or else the only one there is, as float32. Raises DataError as `read` does."""
    where = str(path)
    files.check(path, where)
    with _opened(path, where) as archive:
        members = _members(archive)
        chosen = next((each for each in (name, "x") if each in members), next(iter(members), ""))
        if chosen not in (name, "x") and len(members) != 1:
            raise DataError(f"{where}: expected the array {name}, got {listing(sorted(members)) or 'none'}")
    return _rows(path, where, {chosen: name})[name]


def read_named(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The arrays of those names as float32. Raises DataError as `read` does."""
    where = str(path)
    files.check(path, where)
    with _opened(path, where) as archive:
        members = _members(archive)
    if not set(names) <= set(members):
        raise DataError(f"{where}: expected the arrays {listing(names)}, got {listing(sorted(members)) or 'none'}")
    return _rows(path, where, {name: name for name in names})


def _rows(path: Path, where: str, chosen: Mapping[str, str]) -> dict[str, Array]:
    """The arrays in an archive that are `chosen`, under the names that they have there; a row may be one number."""
    with _opened(path, where) as archive:
        members = _members(archive)
        _check_headers(archive, {kept: members[kept] for kept in chosen}, where)
        arrays = {kept: _array(archive, members[kept]) for kept in chosen}
    if len(chosen) > 1:
        arrays = {kept: array[:, None] if array.ndim == 1 else array for kept, array in arrays.items()}
    problems = [problem for kept, array in arrays.items() for problem in _x_problems(array, kept, where)]
    if problems:
        raise DataError(*problems)
    return {name: _float32(arrays[kept]) for kept, name in chosen.items()}


@contextmanager
def _opened(path: Path, where: str) -> Iterator[zipfile.ZipFile]:
    """Says in one line that an archive, or an array in it, is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except npz.DAMAGED as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise DataError(f"{where}: not an .npz file, or a damaged one ({reason})") from None


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    return {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}


def _chosen(members: Mapping[str, str], where: str) -> dict[str, str]:
    """The names under which x and y, and those of the test part, are kept."""
    for x, y in _MAIN:
        if x in members and y in members:
            chosen = {"x": x, "y": y}
            if (lone := [name for name in _TEST if name in members]) and len(lone) == 1:
                raise DataError(f"{where}: has {lone[0]} but not {'y_test' if lone[0] == 'x_test' else 'x_test'}")
            return chosen | {name: name for name in _TEST if name in members}
    raise DataError(
        f"{where}: expected the arrays x and y, or x_train and y_train (and x_test, y_test), "
        f"got {listing(sorted(members)) or 'none'}"
    )


def _check_headers(archive: zipfile.ZipFile, members: Mapping[str, str], where: str) -> None:
    """Before anything is read: a few bytes of archive may claim to be any number of cells."""
    size = 0
    for name, member in members.items():
        with archive.open(member) as stream:
            shape, dtype = _header(cast(BinaryIO, stream))
        if dtype.hasobject:
            raise DataError(f"{where}: the array {name} holds Python objects, expected numbers. Save it as numbers")
        size += math.prod(shape) * max(dtype.itemsize, 4)
    files.check_size(size, where)


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(stream)
    except npz.MISWRITTEN as error:
        raise ValueError(f"the head of an array makes no sense: {type(error).__name__}") from None
    return shape, dtype


def _array(archive: zipfile.ZipFile, member: str) -> Array:
    with archive.open(member) as stream:
        array: Array = np.lib.format.read_array(cast(BinaryIO, stream), allow_pickle=False)
        return array


def _problems(arrays: Mapping[str, Array], x_name: str, y_name: str, where: str) -> Iterator[str]:
    x, y = arrays[x_name], arrays[y_name]
    yield from _x_problems(x, x_name, where)
    if y.dtype.kind not in "biufUS":
        yield f"{where}: {y_name} has cells of the type {y.dtype}, expected numbers or text"
    elif y.ndim != 1 and (y.ndim != 2 or y.shape[1] != 1):
        hint = ". One-hot classes are saved as numbers by y.argmax(axis=1)" if y.ndim == 2 else ""
        yield f"{where}: {y_name} has the shape {y.shape}, expected (rows,){hint}"
    if x.ndim and y.ndim and len(x) != len(y):
        yield f"{where}: {x_name} has {len(x)} rows and {y_name} has {len(y)}"


def _x_problems(x: Array, name: str, where: str) -> Iterator[str]:
    if x.dtype.kind not in "biuf":
        yield f"{where}: {name} has cells of the type {x.dtype}, expected numbers"
    elif x.ndim < 2 or 0 in x.shape[1:]:
        yield f"{where}: {name} has the shape {x.shape}, expected (rows, …) with cells in each row"
    elif not len(x):
        yield f"{where}: {name} has no rows"
    elif x.dtype.kind == "f" and not (finite := np.isfinite(_float32(x))).all():
        rows = np.unique(np.argwhere(~finite)[:, 0])
        yield (
            f"{where}: {name} has NaN, infinite or too large cells in {len(rows)} row{'s' if len(rows) > 1 else ''} "
            f"(the first is row {rows[0] + 1}). Fill them; in a CSV or Parquet file cells may be missing"
        )


def _float32(array: Array) -> Array:
    with np.errstate(over="ignore"):  # too large is infinite, and told
        return array.astype(np.float32, copy=False)


def _flat(array: Array) -> Array:
    flat = array.reshape(-1) if array.ndim == 2 else array
    return np.char.decode(flat, "utf-8") if flat.dtype.kind == "S" else flat
