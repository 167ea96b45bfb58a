"""Programs kept where others want them too, or where nothing can be kept any more: a search goes on all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.stacked.test_cache import TRAIN, files

# Before the first epoch; `stack.epoch` is where a program is traced, compiled and kept.
MEANWHILE = """
from tuner.trainers.stacked import cache, compiled
folder, traced, plainly = cache.programs(), [], compiled.Compiled._traced
def counted(self, *arguments, **more):
    traced.append(self._name)
    return plainly(self, *arguments, **more)
compiled.Compiled._traced = counted
"""
# Until the other one is there too.
TOGETHER = """
import os, time
meeting = Path(os.environ["TUNER_CACHE"]) / "meeting"
meeting.mkdir(exist_ok=True)
(meeting / str(os.getpid())).touch()
while len(list(meeting.iterdir())) < 2:
    time.sleep(0.005)
"""
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))  # a write beyond fails, be it Python's or the compiler's
"""
A_FILE = """
import shutil
shutil.rmtree(folder)
folder.touch()
"""
GONE = """
import shutil
shutil.rmtree(folder)
"""


def train(split: Path, folder: Path, meanwhile: str = "") -> Mapping[str, Any]:
    """What an epoch of one program gave, and the programs that were traced for it."""
    code = TRAIN.replace("found = {}", f"{MEANWHILE}{meanwhile}found = {{}}")
    code = code.replace("json.dumps(found,", "json.dumps({'gave': found, 'traced': traced},")
    done = subprocess.run(
        [sys.executable, "-c", code, str(split), "1"],
        env={**os.environ, "TUNER_CACHE": str(folder)},
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def usual(saved_split: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What it gives where nothing goes wrong."""
    return train(saved_split("wine"), tmp_path_factory.mktemp("usual"))


def test_of_two_at_once_on_a_cold_cache_one_compiles_and_the_other_reads(
    saved_split: Callable[[str], Path], tmp_path: Path, usual: Mapping[str, Any]
) -> None:
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: train(saved_split("wine"), tmp_path, TOGETHER), range(2))
    assert one["gave"] == other["gave"] == usual["gave"]
    assert [*one["traced"], *other["traced"]] == usual["traced"]
    assert len(files(tmp_path, ".graph")) == len(files(tmp_path, ".pb")) == 1


@pytest.mark.parametrize("trouble", [FULL, A_FILE, GONE], ids=["the disk is full", "a file is there", "it is gone"])
def test_a_folder_that_cannot_be_written_to_any_more_ends_no_search(
    saved_split: Callable[[str], Path], tmp_path: Path, usual: Mapping[str, Any], trouble: str
) -> None:
    # Where XLA makes nothing that it cannot keep, the sums have another order.
    assert train(saved_split("wine"), tmp_path, trouble)["gave"]["1"] == pytest.approx(usual["gave"]["1"], rel=1e-5)
    # Nothing that is not whole was left for the next one to read.
    assert train(saved_split("wine"), tmp_path)["gave"] == usual["gave"]
