"""The digest of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tuner.data.table import Rows, digest_of


def digest(cells: np.ndarray, target: np.ndarray | None = None) -> str:
    target = np.zeros(len(cells)) if target is None else target
    return digest_of("y", None, Rows(pd.DataFrame({"a": cells}), target), None, {})


def test_every_nan_is_one_and_every_zero_is_one() -> None:
    other = np.array([0x7FF8000000000001, 0x8000000000000000], dtype=np.uint64).view(np.float64)
    assert np.isnan(other[0])
    assert np.signbit(other[1])
    assert digest(other) == digest(np.array([np.nan, 0.0]))


def test_the_byte_order_of_an_array_does_not_matter() -> None:
    values = np.array([1.5, 2.5])
    assert digest(values.astype(">f8")) == digest(values)


def test_text_is_told_from_text_by_its_cells() -> None:
    texts = [["a", "b"], ["ab", ""], ["", "ab"], ["ab", None], [None, "ab"]]
    assert len({digest(np.array(cells, dtype=object)) for cells in texts}) == len(texts)


def test_a_cell_is_not_taken_for_a_target() -> None:
    one, two = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert digest(one, two) != digest(two, one)
