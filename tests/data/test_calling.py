"""A function of the user's own is run, and whatever it does instead of returning arrays is told in one line."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tuner.data.calling import Source, call
from tuner.errors import DataError

Run = Callable[..., object]
GOOD = """
import numpy as np
from neighbour import SIZE

def load():
    x = np.arange(SIZE * 2.0).reshape(SIZE, 2)
    return (x, x[:, 0] % 4 == 0), (x, x[:, 0] % 4 == 0)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a function of a file, as the process that is for it does; what that leaves in Python is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "out").mkdir()

    def ran(text: str, name: str = "load", file: str = "mine.py") -> object:
        (tmp_path / file).write_text(text)
        return call(Source(tmp_path / file, name, f"{file}:{name}"), tmp_path / "out", 60.0)

    return ran


def test_a_file_may_import_its_neighbours_and_nothing_is_written_beside_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "neighbour.py").write_text("SIZE = 12")
    found = run(GOOD)
    np.testing.assert_array_equal(found.x("validation")[:, 0], np.arange(0, 24, 2))
    assert found.digest == hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "neighbour.py", "out"]


def test_a_file_may_have_the_name_of_a_library(tmp_path: Path, run: Run) -> None:
    (tmp_path / "neighbour.py").write_text("SIZE = 12")
    assert len(
        run(f"import dataclasses\n@dataclasses.dataclass\nclass A:\n    b: int\n{GOOD}", file="json.py").x("train")
    )
    assert sys.modules["json"].loads("[1]") == [1]


def test_a_file_is_python_as_it_is_elsewhere(run: Run) -> None:
    own = "def of(rows: int): ...\nassert of.__annotations__ == {'rows': int}\n"
    assert len(run(own + GOOD.replace("from neighbour import SIZE", "SIZE = 12")).x("train"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def load():\n    raise ValueError('no rows\\nat all')", r"mine.py:2: ValueError: no rows\nat all"),
        ("import numpy\ndef load():\n    return one()\ndef one():\n    return numpy.load('away.npy')",
         "mine.py:5: FileNotFoundError: [Errno 2] No such file or directory: 'away.npy'"),
        ("import sys\ndef load():\n    sys.exit(3)", "mine.py:3: SystemExit: 3"),
        ("import nowhere\ndef load(): ...", "mine.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("def load(:", "mine.py:1: SyntaxError: invalid syntax"),
        ("def laod(): ...\ndef _no(): ...", "mine.py: has no function 'load'. Did you mean 'laod'? Functions: laod"),
        ("load = 3", "mine.py:load: expected a function that returns arrays, got one of type int"),
        ("def load(path): ...", "mine.py:load: is called without arguments, and would be wrong: missing a required "
         "argument: 'path'"),
        ("def load(): ...", "mine.py:load: returned nothing, expected (x_train, y_train), (x_validation, y_validation) "
         "and, where there is one, (x_test, y_test)"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_with_its_line(run: Run, text: str, line: str) -> None:
    with pytest.raises(DataError) as caught:
        run(text)
    assert caught.value.problems == (line,)
