"""What a function of the user's own returned: taken apart, checked, and written as the flat rows that a search has.

    (x_train, y_train), (x_validation, y_validation)[, (x_test, y_test)]

or a dict of these pairs by part. An x is one array of any rank, or several by name or in order; a y is class numbers,
one-hot rows, strings or values. Everything that is wrong is told at once, a line each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.data import files
from tuner.data.layout import Input, placed
from tuner.errors import DataError, listing, nearest, one_line

Array = NDArray[Any]

PARTS = ("train", "validation", "test")
FORM = "(x_train, y_train), (x_validation, y_validation) and, where there is one, (x_test, y_test)"
# float32 holds every whole number up to here, and not the next one.
_EXACT = 2**24
_SHOWN = 60
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Returned:
    """The rows of a function in a folder: x_PART.npy is float32 (rows, features), y_PART.npy (rows,), for each part.

    `one_hot` is the number of columns that the targets had, where they were one-hot, and then y has class numbers.
    `digest` is the sha256 of the file with the function.
    """

    folder: Path
    inputs: tuple[Input, ...]
    parts: tuple[str, ...]
    one_hot: int | None
    digest: str

    def x(self, part: str) -> Array:
        """The rows of a part, mapped into memory."""
        found: Array = np.load(self.folder / f"x_{part}.npy", mmap_mode="r", allow_pickle=False)
        return found

    def y(self, part: str) -> Array:
        found: Array = np.load(self.folder / f"y_{part}.npy", allow_pickle=False)
        return found


def write(value: Any, folder: Path, where: str, digest: str = "") -> Returned:
    """Checks what a function returned and writes it. Raises DataError where it is none of the forms above."""
    given = _parts(value, where)
    problems: list[str] = []
    xs: dict[str, dict[str, Array]] = {}
    ys: dict[str, Array] = {}
    for part, pair in given.items():
        y = _array(pair[1], f"y_{part}", problems)
        if y is not None and not (wrong := list(_target_problems(y, f"y_{part}"))):
            ys[part] = y
        elif y is not None:
            problems += wrong
        xs[part] = dict(_arrays(pair[0], None if y is None else _rows(y), part, problems))
    if not problems:
        problems += [*_row_problems(xs, ys), *_input_problems(xs), *_kind_problems(ys)]
    if problems:
        raise DataError(*(f"{where}: {problem}" for problem in problems))
    first = xs["train"]
    inputs = tuple(placed((name, array.shape[1:], array.dtype.name) for name, array in first.items()))
    features = sum(each.size for each in inputs)
    files.check_size(sum(len(y) for y in ys.values()) * features * 4, where)
    for part, arrays in xs.items():
        problems += _write_rows(folder / f"x_{part}.npy", arrays, inputs, part)
        np.save(folder / f"y_{part}.npy", _flat_target(ys[part]), allow_pickle=False)
    if problems:
        raise DataError(*(f"{where}: {problem}" for problem in problems))
    return Returned(folder, inputs, tuple(given), _columns(ys["train"]), digest)


def _parts(value: Any, where: str) -> dict[str, Sequence[Any]]:
    """The pairs (x, y) by part."""
    if isinstance(value, Mapping):
        strange = [str(key) for key in value if key not in PARTS]
        missing = [part for part in PARTS[:2] if part not in value]
        if strange or missing:
            hint = "".join(nearest(word, PARTS) for word in strange[:1])
            raise DataError(
                f"{where}: returned a dict of {listing([str(key) for key in value]) or 'nothing'}, expected train, "
                f"validation and, where there is one, test.{hint}".removesuffix(".")
            )
        named = {part: value[part] for part in PARTS if part in value}
    elif isinstance(value, (tuple, list)) and len(value) in (2, 3):
        named = dict(zip(PARTS, value, strict=False))
    else:
        raise DataError(f"{where}: returned {_told(value)}, expected {FORM}")
    for part, pair in named.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(f"{where}: returned {_told(pair)} as the {part} part, expected {FORM}")
    return named


def _told(value: Any) -> str:
    """What came, in a few words."""
    if value is None:
        return "nothing"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    if getattr(value, "shape", None) is not None:
        return f"an array of the shape {tuple(value.shape)}"
    return f"one of type {type(value).__name__}"


def _arrays(x: Any, rows: int | None, part: str, problems: list[str]) -> Iterator[tuple[str, Array]]:
    """The arrays of an x by name, without those that are none."""
    named: Mapping[Any, Any]
    if isinstance(x, Mapping):
        named = x
        if not x or not all(isinstance(name, str) and name for name in x):
            problems.append(f"x_{part} is a dict of {listing([repr(n) for n in x]) or 'nothing'}, expected names")
            return
    else:
        named = {f"input_{i}": each for i, each in enumerate(x, start=1)} if _several(x, rows) else {"input": x}
    for name, given in named.items():
        shown = f"x_{part}" if len(named) == 1 and not isinstance(x, Mapping) else f"x_{part}, '{name}',"
        array = _array(given, shown, problems)
        if array is None:
            continue
        if wrong := list(_array_problems(array, shown)):
            problems += wrong
        else:
            yield name, array[:, None] if array.ndim == 1 else array


def _several(x: Any, rows: int | None) -> bool:
    """Whether an x is a list of arrays, one for each input, and not one of rows, nor of numbers."""
    if not isinstance(x, (tuple, list)) or not x:
        return False
    if not all(hasattr(each, "shape") and len(each.shape) for each in x):
        # Lists in a list are an array; in a tuple they are inputs, where each has all rows.
        lists = isinstance(x, tuple) and all(isinstance(each, (list, tuple)) or hasattr(each, "shape") for each in x)
        return lists and rows is not None and all(len(each) == rows for each in x)
    return len(x) != rows or all(len(each) == rows for each in x)


def _array(given: Any, name: str, problems: list[str]) -> Array | None:
    """As an array of NumPy's, or None and a problem."""
    if np.ma.is_masked(given):
        problems.append(f"{name} has masked cells, of which an array has whatever lies beneath. Fill them")
        return None
    try:
        array = np.asarray(given.numpy() if callable(getattr(given, "numpy", None)) else given)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            problems.append(f"{name} cannot be read as an array ({one_line(str(error))[:_SHOWN]})")
        else:
            problems.append(f"{name} has rows of different lengths; fill them up to one, as pad_sequences does")
        return None
    except Exception as error:  # noqa: BLE001 - whatever a tensor of another library raises
        problems.append(f"{name} cannot be read as an array ({type(error).__name__}: {str(error)[:_SHOWN]})")
        return None
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "OT":
        return array
    cells = array.ravel().tolist()
    if all(isinstance(cell, str) for cell in cells):
        return np.array(cells, dtype=np.str_).reshape(array.shape)
    kind = next(type(cell).__name__ for cell in cells if not isinstance(cell, str))
    hint = "Fill rows of different lengths up to one, as pad_sequences does" if kind == "list" else "Convert them"
    problems.append(
        f"{name} holds Python objects of type {kind}, expected numbers. {hint}"
        if array.ndim
        else f"{name} is one of type {kind}, expected an array"
    )
    return None


def _array_problems(array: Array, name: str) -> Iterator[str]:
    if array.dtype.kind not in "biuf":
        yield f"{name} has cells of the type {array.dtype}, expected numbers"
    elif not array.ndim:
        yield f"{name} is one number, expected an array of rows"
    elif not len(array):
        yield f"{name} has no rows"
    elif 0 in array.shape:
        yield f"{name} has the shape {array.shape}, expected (rows, …) with cells in each row"
    elif array.dtype.kind in "iu" and (most := max(int(array.max()), -int(array.min()))) > _EXACT:
        yield (
            f"{name} has whole numbers up to {most:,}, and float32, in which rows are kept, tells them apart up to "
            f"{_EXACT:,}. Number them anew where they are names; where they are amounts, return them as float32"
        )


def _rows(y: Array) -> int:
    return len(y) if y.ndim else 0


def _target_problems(y: Array, name: str) -> Iterator[str]:
    if y.dtype.kind not in "biufU":
        yield f"{name} has cells of the type {y.dtype}, expected numbers or text"
    elif not y.ndim:
        yield f"{name} is one {'text' if y.dtype.kind == 'U' else 'number'}, expected one for each row"
    elif not len(y):
        yield f"{name} has no rows"
    elif y.ndim > 2 or 0 in y.shape:
        yield f"{name} has the shape {y.shape}, expected (rows,), or (rows, classes) of one-hot rows"
    elif y.ndim == 2 and y.shape[1] > 1 and not _is_one_hot(y):
        yield (
            f"{name} has the shape {y.shape}, and its rows are not one-hot: a model has one output. Return one target"
        )


def _is_one_hot(y: Array) -> bool:
    if y.dtype.kind == "U":
        return False
    return bool(np.isin(y, (0, 1)).all() and (np.count_nonzero(y, axis=1) == 1).all())


def _columns(y: Array) -> int | None:
    """The number of classes of one-hot rows, else None."""
    return int(y.shape[1]) if y.ndim == 2 and y.shape[1] > 1 else None


def _flat_target(y: Array) -> Array:
    flat: Array = y.argmax(axis=1) if _columns(y) else y.reshape(-1)
    return flat.astype(np.float64) if flat.dtype.kind == "f" else flat


def _row_problems(xs: Mapping[str, Mapping[str, Array]], ys: Mapping[str, Array]) -> Iterator[str]:
    for part, y in ys.items():
        for name, array in xs[part].items():
            if len(array) != len(y):
                which = f"x_{part}" if len(xs[part]) == 1 else f"x_{part}, '{name}',"
                yield f"{which} has {len(array)} rows and y_{part} has {len(y)}"


def _input_problems(xs: Mapping[str, Mapping[str, Array]]) -> Iterator[str]:
    """Parts whose arrays are not those of the train part."""
    train = xs["train"]
    for part in [part for part in xs if part != "train"]:
        if list(xs[part]) != list(train) and set(xs[part]) != set(train):
            yield f"x_{part} has the inputs {listing(list(xs[part]))}, and x_train has {listing(list(train))}"
            continue
        for name, array in train.items():
            other = xs[part][name]
            if other.shape[1:] != array.shape[1:]:
                which = "" if len(train) == 1 else f", '{name}',"
                yield (
                    f"a row of x_{part}{which} has the shape {other.shape[1:]}, and one of x_train {array.shape[1:]}"
                )


def _kind_problems(ys: Mapping[str, Array]) -> Iterator[str]:
    """Parts whose targets are not of the kind of the train part's."""
    kinds = {part: _kind(y) for part, y in ys.items()}
    for part, kind in kinds.items():
        if kind != kinds["train"]:
            yield f"y_{part} has {kind}, and y_train has {kinds['train']}"


def _kind(y: Array) -> str:
    if columns := _columns(y):
        return f"one-hot rows of {columns} classes"
    return "texts" if y.dtype.kind == "U" else "truths" if y.dtype.kind == "b" else "numbers"


def _write_rows(path: Path, arrays: Mapping[str, Array], inputs: Sequence[Input], part: str) -> Iterator[str]:
    """Writes the arrays flat side by side, and gives a line for each with cells that float32 cannot have."""
    rows = len(arrays[inputs[0].name])
    flat = np.lib.format.open_memmap(path, "w+", np.float32, (rows, inputs[-1].stop))
    for each in inputs:
        array, wrong = arrays[each.name], []
        for start in range(0, rows, _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, rows)
            with np.errstate(over="ignore"):  # too large is infinite, and told
                cells = array[start:stop].reshape(stop - start, -1).astype(np.float32)
            flat[start:stop, each.start : each.stop] = cells
            wrong += (start + np.flatnonzero(~np.isfinite(cells).all(axis=1))).tolist()
        if wrong:
            which = f"x_{part}" if len(inputs) == 1 else f"x_{part}, '{each.name}',"
            yield (
                f"{which} has NaN, infinite or too large cells in {len(wrong)} row{'s' * (len(wrong) > 1)} (the first "
                f"is row {wrong[0] + 1}). Fill them"
            )
    flat.flush()
