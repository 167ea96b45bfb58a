"""A network and its preprocessing as one Keras model that takes raw columns.

Stock layers and `keras.ops` only: no class of ours is in the file, so it loads where only Keras is installed. Text is
looked up by Keras' own layer; everything else is the arithmetic that made the training matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

import keras

from tuner.models.layers import stock
from tuner.models.outputs import shares


class Vocabulary(Protocol):
    """A column of texts, and what is looked up in it."""

    @property
    def name(self) -> str: ...
    @property
    def vocabulary(self) -> tuple[str, ...]: ...


class Arithmetic(Protocol):
    """What a model needs of a fitted preprocessing; see `tuner.data.features.Preprocessing`."""

    @property
    def texts(self) -> Sequence[Vocabulary]: ...
    def columns(self) -> list[dict[str, Any]]: ...
    def matrix(self, ops: Any, numbers: Any, hits: Sequence[Any]) -> Any: ...
    def restored(self, output: Any) -> Any: ...


def raw_model(preprocessing: Arithmetic, core: keras.Model) -> keras.Model:
    """The model of raw columns: what `core` gives on the transformed matrix, in the target's own units.

    It takes a dict by column (by `input` in `columns()` where Keras refuses the name): float32 (rows, 1) for numbers,
    NaN where a cell is missing; string (rows, 1) for texts, "" where missing; float32 (rows, …) for an array.
    The weights are those of `core`, shared, not copied.
    """
    tensors, matrix = transformed(preprocessing)
    # Under a name of its own, because that of `core` may be the name of a column.
    network = stock(core)
    output = preprocessing.restored(_probable(network(matrix), core))
    return keras.Model(tensors, output, name="raw")


def transformed(preprocessing: Arithmetic) -> tuple[dict[str, keras.KerasTensor], Any]:
    """The inputs of raw columns by name, and the transformed matrix as a part of their graph."""
    columns = preprocessing.columns()
    inputs = {column["name"]: _input(column) for column in columns}
    hits = [_hits(i, inputs[text.name], text.vocabulary) for i, text in enumerate(preprocessing.texts)]
    matrix = preprocessing.matrix(
        keras.ops, _joined([inputs[column["name"]] for column in columns if column["kind"] != "text"]), hits
    )
    return {tensor.name: tensor for tensor in inputs.values()}, matrix


def _probable(output: Any, core: keras.Model) -> Any:
    """The outputs as predictions: several sigmoids as the shares that they have in their sum."""
    last = core.layers[-1]
    sigmoids = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.sigmoid
    return shares(output, keras.ops) if sigmoids and last.units > 1 else output


def _input(column: dict[str, Any]) -> keras.KerasTensor:
    dtype = "string" if column["kind"] == "text" else "float32"
    return keras.Input(tuple(column.get("shape", (1,))), dtype=dtype, name=column.get("input", column["name"]))


def _joined(numbers: list[keras.KerasTensor]) -> keras.KerasTensor | None:
    """One matrix of all numbers, so that a few operations serve any number of columns; None where there are none.

    Of several arrays each is flattened; an only one keeps its shape.
    """
    if len(numbers) < 2:
        return next(iter(numbers), None)
    flat = [each if len(each.shape) == 2 else keras.ops.reshape(each, (-1, prod(each.shape[1:]))) for each in numbers]
    return keras.layers.Concatenate(name="numbers")(flat)


def _hits(number: int, text: keras.KerasTensor, vocabulary: tuple[str, ...]) -> keras.KerasTensor:
    """One-hot over the vocabulary, zeros for a text that is not in it."""
    lookup = keras.layers.StringLookup(
        vocabulary=list(vocabulary), mask_token=None, output_mode="one_hot", name=f"names_{number}"
    )
    return lookup(text)[:, 1:]  # the first column is Keras' own for unseen texts
