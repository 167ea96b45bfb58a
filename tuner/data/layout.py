"""Which columns of a flat matrix are which array of a row: rows stay flat, and whoever takes arrays cuts them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any


@dataclass(frozen=True, slots=True)
class Input:
    """One array of each row: the columns from `start` on, in the shape that it has there.

    `dtype` is what NumPy calls the type that its cells had before they became float32: "uint8", "int64", "float32".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    start: int = 0

    @property
    def size(self) -> int:
        """How many columns it takes."""
        return prod(self.shape)

    @property
    def stop(self) -> int:
        return self.start + self.size

    def of(self, matrix: Any) -> Any:
        """Its part of a flat matrix (rows, features) of any namespace, as (rows, …)."""
        return matrix[:, self.start : self.stop].reshape(-1, *self.shape)


def placed(arrays: Iterable[tuple[str, tuple[int, ...], str]]) -> Iterator[Input]:
    """The inputs of those names, shapes and types, side by side in one matrix."""
    start = 0
    for name, shape, dtype in arrays:
        yield Input(name, shape, dtype, start)
        start += prod(shape)
