"""A function of the user's own in its process: what it returns, where it hangs, and how it dies."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from tuner import opening
from tuner.data.calling import Source
from tuner.errors import DataError
from tuner.home import Home
from tuner.study import from_document
from tuner.trainers import loading, processes

GOOD = """
import os, sys, keras, numpy as np

def load():
    assert "keras" in sys.modules and os.getpid() != {owner}
    x = np.arange(600, dtype="uint8").reshape(100, 3, 2)
    return (x, np.arange(100) % 2), (x[:40], np.arange(40) % 2)
"""
HANGING = """
import threading

def wait(lock):
    lock.acquire()

def load():
    lock = threading.Lock()
    wait(lock)
    wait(lock)
"""


def source(folder: Path, text: str) -> Source:
    (folder / "mine.py").write_text(text)
    (folder / "out").mkdir()
    return Source(folder / "mine.py", "load", "mine.py:load")


def test_a_study_has_the_rows_of_its_function_and_only_a_process_of_its_own_runs_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source(tmp_path, GOOD.format(owner=os.getpid()))
    before = set(sys.modules)
    document = {"data": str(tmp_path / "mine.py") + ":load", "space": {"layers": 1, "batch_size": 8}}
    study = from_document("made", document)
    split = opening.split(study, Home(tmp_path))
    assert (split.table, split.image) == ("mine.py:load", (3, 2, 1))
    assert {part: len(split.indices[part]) for part in split.indices} == {"train": 80, "test": 20, "validation": 40}
    assert split.x_train.mean() == pytest.approx(0, abs=1e-6), "a built-in network has standardised rows"
    assert split.warnings == (
        "mine.py:load gives no test part: 20 of its 100 train rows (data.split.test = 0.2) are kept apart, for a score "
        "on rows that nothing was chosen by",
    )
    assert len(opening.describe(study, split)["code"]) == 64
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("mine", "tensorflow", "keras")}
    assert capfd.readouterr() == ("", "")


def test_a_function_that_hangs_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        loading.load(source(tmp_path, HANGING), tmp_path / "out", limit=0.3)
    assert caught.value.problems == (
        "mine.py:5: has not returned after 0.3 seconds. Keep in a file what takes so long, and let load read that",
    )


def test_a_function_that_ends_its_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^mine\.py:load: worker died \(exit code 7\)$"):
        loading.load(source(tmp_path, "import os\ndef load():\n    os._exit(7)"), tmp_path / "out")
    (tmp_path / "mine.py").write_text("import os\ndef load():\n    os.kill(os.getpid(), 9)")
    with pytest.raises(
        DataError, match=r"load: worker died \(signal 9\), as where memory is short\. Return fewer rows"
    ):
        loading.load(Source(tmp_path / "mine.py", "load", "mine.py:load"), tmp_path / "out")
    with pytest.raises(DataError, match=r"^gone\.py: no such file, expected FILE\.py:FUNCTION"):
        loading.load(Source(tmp_path / "gone.py", "load", "gone.py:load"), tmp_path / "out")


def test_a_stop_ends_a_function(tmp_path: Path) -> None:
    looks = itertools.count()
    with pytest.raises(processes.Stopped):
        loading.load(source(tmp_path, HANGING), tmp_path / "out", stop=lambda: next(looks) > 1)
    assert not multiprocessing.active_children()
