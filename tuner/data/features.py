"""Preprocessing: from raw columns to the float32 matrix that a network is trained on.

The constants are fitted on train rows and kept as plain JSON data. The arithmetic is written once, for whatever
namespace it is given: `numpy` when a matrix is computed before training, `keras.ops` when the same steps become part
of an exported model. So the two cannot drift apart.

The features come in blocks: standardised numbers, is-missing flags, one-hot codes, one-hot texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from keyword import iskeyword
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuner.data.layout import Input, placed
from tuner.data.table import Kind
from tuner.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

FORMAT = 1

# Names that the model's own operations have in Keras; an input of the same name could not be built, nor one `self`.
_TAKEN = re.compile(
    r"(self|network|numbers|matrix|names|add|cast|concatenate|equal|flatten|get_item|logical_(and|or)|max|multiply|"
    r"not_equal|reshape|subtract|squeeze|string_lookup|take|where)(_\d+)?"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number: (x - mean) / scale, the mean where it is missing, and a flag that says so if train rows had gaps.

    `value` is false where all known cells are equal, so that the gaps alone tell rows apart. `marks` are numbers that
    mean a missing cell, `empties` texts that were read as one.
    """

    name: str
    mean: float
    scale: float
    marks: tuple[float, ...] = ()
    empties: tuple[str, ...] = ()
    flag: bool = False
    value: bool = True


@dataclass(frozen=True, slots=True)
class Codes:
    """Numbers that are names: one column a code, and one for a missing cell if train rows had any."""

    name: str
    codes: tuple[float, ...]
    marks: tuple[float, ...] = ()
    empties: tuple[str, ...] = ()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A text: one column a word, and one for a missing cell if train rows had any. An unseen word is all zeros."""

    name: str
    words: tuple[str, ...]
    marks: tuple[str, ...] = ()
    empty: bool = False

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """What is looked up: the words, then everything that means a missing cell where that has a column."""
        return self.words + (("", *self.marks) if self.empty else ())


@dataclass(frozen=True, slots=True)
class Pixels:
    """An array, flattened: (x - mean) / scale with one mean and one scale for all of its cells.

    One of each, because a cell of its own scale would blow up the border of an image, which hardly ever varies, and
    would destroy what neighbouring cells have in common, which is what a convolution looks for.
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class Raw:
    """An array, flattened, and else as it came; `dtype` is the type that its cells had then."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


Step = Number | Codes | Words | Pixels | Raw
_STEPS: Mapping[str, type[Step]] = {"number": Number, "codes": Codes, "words": Words, "pixels": Pixels, "raw": Raw}
_KINDS: Mapping[type[Step], Kind] = {
    Number: Kind.NUMERIC, Codes: Kind.CODES, Words: Kind.TEXT, Pixels: Kind.ARRAY, Raw: Kind.ARRAY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What turns raw columns into a matrix, and a network's output into the target's own units.

    All constants are float32 values. Columns without a step are not looked at. The target of a regression is
    (y - target_mean) / target_scale while it is learned.
    """

    steps: tuple[Step, ...]
    target_mean: float = 0.0
    target_scale: float = 1.0

    def transform(self, features: pd.DataFrame | Array) -> Array:
        """The float32 matrix (rows, features) of raw features."""
        if isinstance(features, np.ndarray):
            return np.ascontiguousarray(self.matrix(np, features.astype(np.float32, copy=False), ()))
        numbers = read_numbers(features, self.numbers)
        hits = [_hits(read_texts(features[step.name]), step.vocabulary) for step in self.texts]
        return np.ascontiguousarray(self.matrix(np, numbers, hits))

    def matrix(self, ops: Any, numbers: Any, hits: Sequence[Any]) -> Any:
        """The same in any array namespace with numpy's names (`numpy`, `keras.ops`).

        `numbers` is the matrix of the columns `self.numbers`; where rows are arrays it is the only one of them, or all
        of them flat side by side. `hits[i]` is one-hot over the vocabulary of `self.texts[i]`. All float32, one line a
        row.
        """
        if self.arrays:
            return self._flat(ops, numbers)
        blocks = self._numeric(ops, numbers) if self.numbers else []
        for step, hit in zip(self.texts, hits, strict=True):
            blocks.append(hit[:, : len(step.words)])
            if step.empty:
                blocks.append(ops.max(hit[:, len(step.words) :], axis=1, keepdims=True))
        return ops.concatenate(blocks, axis=1)

    def _flat(self, ops: Any, x: Any) -> Any:
        flat = ops.reshape(x, (-1, sum(prod(step.shape) for step in self.arrays)))
        if self.as_they_are:
            return flat
        blocks = [
            _standardised(step, flat if len(self.arrays) == 1 else flat[:, each.start : each.stop])
            for step, each in zip(self.arrays, self.layout, strict=True)
        ]
        return blocks[0] if len(blocks) == 1 else ops.concatenate(blocks, axis=1)

    def _numeric(self, ops: Any, x: Any) -> list[Any]:
        steps = [step for step in self.steps if isinstance(step, Number | Codes)]
        missing = ops.not_equal(x, x)
        for marks, marked in _mark_rows(steps):
            missing = ops.logical_or(missing, ops.logical_and(ops.equal(x, marks), marked))
        gap = ops.where(missing, np.float32(1), np.float32(0))
        blocks = []
        if values := [i for i, step in enumerate(steps) if isinstance(step, Number) and step.value]:
            mean = _constants(step.mean if isinstance(step, Number) else 0.0 for step in steps)
            # Times the inverse, because TensorFlow rewrites a division by a constant so, and rounds differently.
            inverse = _constants(float(_inverse(step.scale)) if isinstance(step, Number) else 1.0 for step in steps)
            blocks.append(ops.take((ops.where(missing, mean, x) - mean) * inverse, np.array(values), axis=1))
        if flags := [i for i, step in enumerate(steps) if isinstance(step, Number) and step.flag]:
            blocks.append(ops.take(gap, np.array(flags), axis=1))
        if pairs := [(i, code) for i, step in enumerate(steps) if isinstance(step, Codes) for code in step.codes]:
            repeated = ops.take(x, np.array([i for i, _ in pairs]), axis=1)
            equal = ops.equal(repeated, _constants(code for _, code in pairs))
            blocks.append(ops.where(equal, np.float32(1), np.float32(0)))
        if empty := [i for i, step in enumerate(steps) if isinstance(step, Codes) and step.empty]:
            blocks.append(ops.take(gap, np.array(empty), axis=1))
        return blocks

    @property
    def arrays(self) -> tuple[Pixels | Raw, ...]:
        """The steps of rows that are arrays, which then are all there are; else none."""
        return tuple(step for step in self.steps if isinstance(step, Pixels | Raw))

    @property
    def as_they_are(self) -> bool:
        """Whether nothing is made of the cells of arrays."""
        return any(isinstance(step, Raw) for step in self.steps)

    @property
    def layout(self) -> tuple[Input, ...]:
        """Which columns of the matrix are which array, and of which shape; of a table all of them are one."""
        if not self.arrays:
            return (Input("features", (len(self.feature_names),)),)
        return tuple(
            placed((step.name, step.shape, step.dtype if isinstance(step, Raw) else "float32") for step in self.arrays)
        )

    @property
    def image(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of a row that is an image, as Keras has it; None where rows are none."""
        if len(self.arrays) == 1 and len(self.arrays[0].shape) in (2, 3):
            height, width, channels = (*self.arrays[0].shape, 1)[:3]
            return height, width, channels
        return None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What each column of the matrix is."""
        if self.arrays:
            return tuple(f"{step.name}[{i}]" for step in self.arrays for i in range(prod(step.shape)))
        numbers = [step for step in self.steps if isinstance(step, Number)]
        codes = [step for step in self.steps if isinstance(step, Codes)]
        return (
            *(step.name for step in numbers if step.value),
            *(f"{step.name} is missing" for step in numbers if step.flag),
            *(f"{step.name} = {code:.7g}" for step in codes for code in step.codes),
            *(f"{step.name} is missing" for step in codes if step.empty),
            *(
                name
                for step in self.texts
                for name in [f"{step.name} = {w}" for w in step.words] + [f"{step.name} is missing"] * step.empty
            ),
        )

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that are read as numbers."""
        return tuple(step.name for step in self.steps if isinstance(step, Number | Codes))

    @property
    def texts(self) -> tuple[Words, ...]:
        """The steps whose columns are read as texts."""
        return tuple(step for step in self.steps if isinstance(step, Words))

    def columns(self) -> list[dict[str, Any]]:
        """The raw columns that a model with these steps takes, as JSON: `name`, `kind`, and `shape` for an array.

        `dtype` is the type that the cells of an array came in, where that is not float32 and nothing is made of them.
        `empties` are texts that mean an empty cell of a column of numbers; whoever reads raw rows must replace them.
        `input` is the name of the model's input where that cannot be the column's own: `mean_radius` of `mean radius`.
        """
        made: list[dict[str, Any]] = []
        used: list[str] = []
        for i, step in enumerate(self.steps):
            column: dict[str, Any] = {"name": step.name, "kind": _KINDS[type(step)].value}
            if isinstance(step, Pixels | Raw):
                column["shape"] = list(step.shape)
            if isinstance(step, Raw) and step.dtype != "float32":
                column["dtype"] = step.dtype
            if isinstance(step, Number | Codes) and step.empties:
                column["empties"] = list(step.empties)
            used.append(_input_name(step.name, i, used))
            if used[-1] != step.name:
                column["input"] = used[-1]
            made.append(column)
        return made

    def scaled(self, target: Array) -> Array:
        """What the network learns: values standardised as float32, shape (rows,)."""
        return ((target - self.target_mean) / self.target_scale).astype(np.float32)

    def restored(self, output: Any) -> Any:
        """The network's output in the target's own units; arrays of any namespace."""
        if (self.target_mean, self.target_scale) == (0.0, 1.0):
            return output
        return output * np.float32(self.target_scale) + np.float32(self.target_mean)

    def to_json(self) -> str:
        """All constants, exact. Equal steps give equal text."""
        names = {cls: name for name, cls in _STEPS.items()}
        document = {
            "format": FORMAT,
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
            "steps": [{"step": names[type(step)], **asdict(step)} for step in self.steps],
        }
        return json.dumps(document, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """The preprocessing that gave this text. Raises DataError for a format of a newer program."""
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise DataError(f"preprocessing: expected format {FORMAT}, got {document['format']}. Use a newer tuner")
        steps = []
        for given in document["steps"]:
            fields: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
            }
            steps.append(_STEPS[fields.pop("step")](**fields))
        return cls(tuple(steps), document["target_mean"], document["target_scale"])


def _standardised(step: Pixels | Raw, flat: Any) -> Any:
    return (flat - np.float32(step.mean)) * _inverse(step.scale) if isinstance(step, Pixels) else flat


def _input_name(name: str, number: int, used: Sequence[str]) -> str:
    """The name of a model's input: the column's own, or what is left of it, or its number.

    Keras and a SavedModel allow ASCII letters, digits and _, a letter first, no word of Python, and do not tell
    capitals apart.
    """
    taken = {other.lower() for other in used}
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    for candidate in (name, plain, *(f"column_{number}_{n}" for n in range(len(used) + 1))):
        allowed = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", candidate) and not iskeyword(candidate)
        if allowed and candidate.lower() not in taken and not _TAKEN.fullmatch(candidate.lower()):
            return candidate
    raise AssertionError("one of so many numbered names must be free")


def read_numbers(features: pd.DataFrame, names: Sequence[str]) -> Array:
    """The columns as a float32 matrix, NaN where a cell is empty."""
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and reported here
        x: Array = features[list(names)].to_numpy(dtype="float32", na_value=np.nan)
    for row, column in np.argwhere(np.isinf(x))[:1]:
        name, got = names[column], features[names[column]].iloc[row]
        # Rows count from 1; the index of a part says which rows of the table it has.
        raise DataError(
            f"column '{name}', row {int(features.index[row]) + 1}: expected a number within ±3.4e38, got {got:g}. "
            f'Scale the column, or leave it out: data.drop = ["{name}"]'
        )
    return x


def read_texts(series: pd.Series[Any]) -> list[str]:
    """The cells as texts, an empty one as ''."""
    return [str(cell) for cell in series.astype(object).where(series.notna(), "")]


def _hits(texts: Sequence[str], vocabulary: Sequence[str]) -> Array:
    """One-hot over the vocabulary, zeros for a text that is not in it."""
    at = {word: i for i, word in enumerate(vocabulary)}
    found = np.array([at.get(text, -1) for text in texts], np.int64)
    hits: Array = found[:, None] == np.arange(len(vocabulary))
    return hits.astype(np.float32)


def _mark_rows(steps: Sequence[Number | Codes]) -> list[tuple[Array, Array]]:
    """The first mark of every column side by side, then the second, …, each with the columns that have it."""
    rows = []
    for i in range(max(len(step.marks) for step in steps)):
        marked = np.array([len(step.marks) > i for step in steps])
        rows.append((_constants(step.marks[i] if len(step.marks) > i else 0.0 for step in steps), marked))
    return rows


def _constants(values: Iterable[float]) -> Array:
    return np.array(list(values), np.float32)


def _inverse(scale: float) -> np.float32:
    return np.float32(1) / np.float32(scale)
