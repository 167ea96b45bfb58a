"""How a flat row becomes what a user's own model takes: slices by name or in order, in its shapes and its dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import keras
import numpy as np

from tuner.errors import TrialFailed, listing
from tuner.metrics import Array

Shape: TypeAlias = tuple[int, ...]
# The inputs that lie side by side in a flat row: the name of each, the shape of one row of it, and the type that its
# cells came in, as NumPy calls it.
Layout: TypeAlias = Sequence[tuple[str, Shape, str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """One input of a model: the cells of a flat row that it has, and the shape and the dtype in which it has them."""

    key: str
    start: int
    end: int
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """All inputs of a model. It takes them as a dict by key where it is `named`, else as one array or a list."""

    parts: tuple[Taken, ...]
    named: bool
    alone: bool

    def arrays(self, rows: Array) -> Any:
        """What the model takes for flat rows, (rows, features)."""
        return self._of(np.asarray(rows), np.reshape, lambda cells, dtype: np.ascontiguousarray(cells, dtype))

    def tensors(self, rows: Any) -> Any:
        """The same of a tensor, as a part of a graph."""
        return self._of(rows, keras.ops.reshape, lambda cells, dtype: _cast(cells, dtype))

    def _of(self, rows: Any, reshape: Callable[..., Any], cast: Callable[[Any, str], Any]) -> Any:
        found = {}
        for part in self.parts:
            cells = rows if part.end - part.start == rows.shape[1] else rows[:, part.start : part.end]
            cells = cells if len(part.shape) == 1 else reshape(cells, (-1, *part.shape))
            found[part.key] = cast(cells, part.dtype)
        if self.named:
            return found
        return next(iter(found.values())) if self.alone else list(found.values())


def _cast(cells: Any, dtype: str) -> Any:
    return cells if keras.backend.standardize_dtype(cells.dtype) == dtype else keras.ops.cast(cells, dtype)


def inputs_of(model: keras.Model, layout: Layout) -> Inputs:
    """How rows of that layout go into the model.

    A model that says what it takes has it by the names of the inputs, or in their order where these are others. One
    that does not, because it is not built yet, has the shapes of the data. Raises TrialFailed where they do not go
    together.
    """
    wanted = _declared(model)
    if wanted is None:
        return _as_they_are(model, layout)
    named = isinstance(wanted, Mapping)
    tensors = dict(wanted) if named else {each.name: each for each in _listed(wanted)}
    slices = _slices(layout)
    if len(tensors) == 1 and not _names(tensors) & {each.key for each in slices}:
        slices = _joined(slices)  # one matrix of all columns, whatever inputs they were
    parts = tuple(
        Taken(key, each.start, each.end, _shaped(each, tuple(tensor.shape[1:]), _plain(layout)), _dtype(tensor))
        for key, tensor, each in _paired(tensors, slices)
    )
    return Inputs(parts, named, isinstance(wanted, keras.KerasTensor))


def _declared(model: keras.Model) -> Any:
    """The inputs that the model was made with, in their structure; None where it has none yet."""
    try:
        given = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    except (AttributeError, ValueError):
        return None
    return given if keras.tree.flatten(given) else None


def _listed(wanted: Any) -> list[Any]:
    return [wanted] if isinstance(wanted, keras.KerasTensor) else list(keras.tree.flatten(wanted))


def _names(tensors: Mapping[str, Any]) -> set[str]:
    return {*tensors, *(tensor.name for tensor in tensors.values())}


def _slices(layout: Layout) -> list[Taken]:
    """The inputs of the data, in the order in which they lie in a row."""
    found, start = [], 0
    for name, shape, dtype in layout:
        whole = np.dtype(dtype).kind in "iub"
        found.append(Taken(name, start, start + prod(shape), shape, dtype if whole else "float32"))
        start += prod(shape)
    return found


def _joined(slices: Sequence[Taken]) -> list[Taken]:
    if len(slices) == 1:
        return list(slices)
    return [Taken("all inputs", 0, slices[-1].end, (slices[-1].end,), "float32")]


def _paired(tensors: Mapping[str, Any], slices: Sequence[Taken]) -> list[tuple[str, Any, Taken]]:
    by_name = {each.key: each for each in slices}
    named = {key: by_name.get(key) or by_name.get(tensor.name) for key, tensor in tensors.items()}
    # A model need not look at every input of the data, if it says which ones it takes.
    if all(named.values()):
        return [
            (key, tensor, each) for (key, tensor), each in zip(tensors.items(), named.values(), strict=True) if each
        ]
    if len(tensors) != len(slices):
        raise TrialFailed(
            f"the model takes {_counted(len(tensors))} ({listing(list(tensors))}), the data have "
            f"{_counted(len(slices))} ({listing([each.key for each in slices])})"
        )
    return [(key, tensor, each) for (key, tensor), each in zip(tensors.items(), slices, strict=True)]


def _counted(inputs: int) -> str:
    return "one input" if inputs == 1 else f"{inputs} inputs"


def _shaped(part: Taken, wanted: tuple[int | None, ...], plain: bool) -> Shape:
    """The shape in which a model that wants that one takes those cells."""
    given = part.shape
    if None not in wanted:
        whole: Shape = tuple(int(each or 0) for each in wanted)
        if prod(whole) == prod(given):
            return whole
    for shape in (given, (*given, 1), given[:-1] if given[-1:] == (1,) else given, (prod(given),)):
        if len(shape) == len(wanted) and all(w in (None, s) for w, s in zip(wanted, shape, strict=True)):
            return shape
    if plain and len(wanted) == 1:
        raise TrialFailed(
            f"the model takes {wanted[0]} columns, the rows have {given[0]}: keras.Input(shape=({given[0]},)) takes "
            "them, and a Sequential without an Input whatever comes"
        )
    raise TrialFailed(
        f"the model takes rows of shape {_told(wanted)}, those of '{part.key}' have {_told(given)}; change its Input"
    )


def _told(shape: Sequence[int | None]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _dtype(tensor: Any) -> str:
    dtype = str(keras.backend.standardize_dtype(tensor.dtype))
    if dtype == "string":
        raise TrialFailed("the model takes text; rows reach a model as numbers, text columns one-hot")
    return dtype


def _plain(layout: Layout) -> bool:
    """Whether the rows are those of a table."""
    return len(layout) == 1 and len(layout[0][1]) == 1


def _as_they_are(model: keras.Model, layout: Layout) -> Inputs:
    """The inputs of the data, with one channel more where the first layer wants as many axes."""
    axes = _axes(model)
    parts = tuple(
        replace(each, shape=(*each.shape, 1) if axes == len(each.shape) + 2 else each.shape) for each in _slices(layout)
    )
    return Inputs(parts, named=len(parts) > 1, alone=len(parts) == 1)


def _axes(model: keras.Model) -> int | None:
    """How many axes the first layer of a model takes, that of the rows included, where it says so."""
    first = next(iter(model.layers), None) if isinstance(model, keras.Sequential) else None
    spec = keras.tree.flatten(getattr(first, "input_spec", None) or [])
    return (spec[0].ndim or spec[0].min_ndim) if spec else None
