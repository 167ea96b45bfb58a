"""Arrays in an .npz, and what a bad one is told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archives import DAMAGED
from tuner.data import arrays, sources
from tuner.data.table import Kind
from tuner.errors import DataError
from tuner.home import Home
from tuner.metrics import Task
from tuner.study import Study

X = np.arange(18 * 2 * 3, dtype=np.uint8).reshape(18, 2, 3)
Y = np.arange(18) % 3


def save(folder: Path, **given: Any) -> Path:
    path = folder / "images.npz"
    np.savez_compressed(path, **given)
    return path


def test_a_pair_of_arrays_is_a_table(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    table = sources.load(make_study(save(tmp_path, x=X, y=Y, other=np.zeros(3))), Home(tmp_path))
    assert (table.name, table.target, table.task, table.classes) == ("images.npz", "y", Task.MULTICLASS, (0, 1, 2))
    assert table.kinds == {"x": Kind.ARRAY}
    assert table.rows.features.dtype == np.float32
    np.testing.assert_array_equal(table.rows.features, X)
    np.testing.assert_array_equal(table.rows.target, Y)
    assert table.test is None


def test_a_test_part_is_kept(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    path = save(tmp_path, x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4].reshape(-1, 1))
    table = sources.load(make_study(path), Home(tmp_path))
    assert table.test is not None
    np.testing.assert_array_equal(table.test.features, X[:4])
    np.testing.assert_array_equal(table.test.target, Y[:4])
    apart = sources.load(make_study(save(tmp_path, x_train=X, y_train=Y)), Home(tmp_path))
    assert apart.digest != table.digest


def test_a_test_part_may_lie_in_a_file_of_its_own(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    np.savez(tmp_path / "test.npz", x=X[:4], y=Y[:4])
    study = make_study(save(tmp_path, x=X, y=Y), test=str(tmp_path / "test.npz"))
    table = sources.load(study, Home(tmp_path))
    assert table.test is not None
    assert len(table.test) == 4
    np.savez(tmp_path / "test.npz", x=X[:4, :1], y=Y[:4])
    with pytest.raises(
        DataError, match=r"test\.npz: expected rows of x of the shape \(2, 3\) as in images\.npz, got \(1"
    ):
        sources.load(study, Home(tmp_path))
    save(tmp_path, x=X, y=Y, x_test=X, y_test=Y)
    with pytest.raises(DataError, match="brings test rows of its own"):
        sources.load(study, Home(tmp_path))


def test_text_labels_and_regression(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    named = sources.load(make_study(save(tmp_path, x=X, y=np.array(["cat", "dog"] * 9))), Home(tmp_path))
    assert named.classes == ("cat", "dog")
    bytes_ = sources.load(make_study(save(tmp_path, x=X, y=np.array([b"cat", b"dog"] * 9))), Home(tmp_path))
    assert bytes_.digest == named.digest
    values = sources.load(make_study(save(tmp_path, x=X, y=np.linspace(0, 1, 18)), target="share"), Home(tmp_path))
    assert (values.task, values.target) == (Task.REGRESSION, "share")


def test_an_array_beside_x_and_y_may_group_the_rows(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    path = save(tmp_path, x=X, y=Y, patient=np.arange(18) // 2)
    table = sources.load(make_study(path, split={"group": "patient"}), Home(tmp_path))
    np.testing.assert_array_equal(table.extra["patient"], np.arange(18) // 2)
    with pytest.raises(DataError, match=r"data\.split\.group: there is no array 'patent'"):
        sources.load(make_study(path, split={"group": "patent"}), Home(tmp_path))
    path = save(tmp_path, x=X, y=Y, patient=np.arange(3))
    with pytest.raises(DataError, match=r"the array patient has 3 rows and x has 18"):
        sources.load(make_study(path, split={"group": "patient"}), Home(tmp_path))


def test_settings_of_columns_do_not_go_with_arrays(tmp_path: Path, make_study: Callable[..., Study]) -> None:
    study = make_study(save(tmp_path, x=X, y=Y), drop=["a"], missing={"b": 0})
    with pytest.raises(DataError) as caught:
        sources.load(study, Home(tmp_path))
    assert [line.split(" ")[1] for line in caught.value.problems] == ["data.missing", "data.drop"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown arrays": ({"images": X, "labels": Y}, "expected the arrays x and y, or x_train and y_train"),
    "they are listed": ({"images": X, "labels": Y}, "got images, labels"),
    "half a test part": ({"x": X, "y": Y, "x_test": X}, "has x_test but not y_test"),
    "lengths": ({"x": X, "y": Y[:-1]}, "x has 18 rows and y has 17"),
    "one-hot": ({"x": X, "y": np.eye(3)[Y]}, "y has the shape (18, 3), expected (rows,). One-hot classes"),
    "one-dimensional": ({"x": Y, "y": Y}, "x has the shape (18,), expected (rows, …)"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, "x has no rows"),
    "text": ({"x": np.array([["a"]] * 18), "y": Y}, "x has cells of the type <U1, expected numbers"),
    "complex": ({"x": X, "y": Y * 1j}, "y has cells of the type complex128, expected numbers or text"),
    "NaN": (
        {"x": np.array([[1.0, np.nan]] * 2 + [[1.0, 2.0]] * 16), "y": Y},
        "x has NaN, infinite or too large cells in 2 rows (the first is row 1)",
    ),
    "inf": ({"x": np.array([[1.0]] * 17 + [[np.inf]]), "y": Y}, "in 1 row (the first is row 18)"),
    "too large": ({"x": np.array([[1.0]] * 17 + [[1e39]]), "y": Y}, "in 1 row (the first is row 18)"),
    "test rows of another shape": (
        {"x": X, "y": Y, "x_test": X[:, :1], "y_test": Y},
        "a row of x and one of x_test have different shapes, (2, 3) and (1, 3)",
    ),
    "a test class that no train row has": (
        {"x": X, "y": Y, "x_test": X, "y_test": Y + 1},
        "column 'y' has classes that no train row has: 3. Known: 0, 1, 2",
    ),
    "one class": ({"x": X, "y": Y * 0}, "has only one class, 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_told_in_one_line(tmp_path: Path, make_study: Callable[..., Study], case: str) -> None:
    given, expected = BAD[case]
    with pytest.raises(DataError) as caught:
        sources.load(make_study(save(tmp_path, **given)), Home(tmp_path))
    assert expected in caught.value.problems[0]
    assert caught.value.problems[0].startswith("images.npz: ")


def test_python_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = save(tmp_path, x=X, y=np.array([Trap()] * 18, dtype=object))
    with pytest.raises(DataError, match=r"the array y holds Python objects, expected numbers"):
        arrays.read(path, "images.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_few_bytes_that_claim_to_be_many_cells_are_not_read(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10_000_000, 28, 28)}
    )
    path = tmp_path / "images.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())
    with pytest.raises(DataError, match="the limit is 2 GiB"):
        arrays.read(path, "images.npz")


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_file_cut_short(tmp_path: Path, keep: float) -> None:
    path = save(tmp_path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(DataError, match=r"images\.npz: not an \.npz file, or a damaged one"):
        arrays.read(path, "images.npz")


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_archive(tmp_path: Path, case: str) -> None:
    path = tmp_path / "images.npz"
    path.write_bytes(DAMAGED[case])
    with pytest.raises(DataError, match=r"^images\.npz: not an \.npz file, or a damaged one \(.+\)$"):
        arrays.read(path, "images.npz")


def test_a_flipped_byte_is_seen_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        arrays.read(path, "images.npz")


def test_rows_to_predict_need_no_target(tmp_path: Path) -> None:
    found = arrays.read_rows(save(tmp_path, x=X, other=Y))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(arrays.read_rows(save(tmp_path, images=X)), X)
    np.testing.assert_array_equal(arrays.read_rows(save(tmp_path, images=X, x=X + 1), "images"), X)
    np.testing.assert_array_equal(arrays.read_rows(save(tmp_path, images=X, x=X + 1), "input"), X + 1)
    with pytest.raises(DataError, match="expected the array x, got a, b"):
        arrays.read_rows(save(tmp_path, a=X, b=X))
    with pytest.raises(DataError, match=r"x has NaN, infinite or too large cells in 18 rows"):
        arrays.read_rows(save(tmp_path, x=X * np.nan))
