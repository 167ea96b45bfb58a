"""Programs on disk: found whatever was traced before them, whole or not at all, and no more than the limit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainers.stacked.keeping import apart, called, trained
from tuner.trainers.stacked import cache


def files(folder: Path, suffix: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob(f"*{suffix}")}


def test_a_program_is_found_again_whatever_was_traced_before_it(
    saved_split: Callable[[str], Path], tmp_path: Path
) -> None:
    first = apart(tmp_path, trained, saved_split("wine"), (0, 1))
    graphs, compiled = files(tmp_path, ".graph"), files(tmp_path, ".pb")
    assert len(graphs) == len(compiled) == 2
    # One that was torn is traced again, under the same name and to the same graph.
    torn = next(tmp_path.rglob("*.graph"))
    torn.write_bytes(torn.read_bytes()[:100])
    assert apart(tmp_path, trained, saved_split("wine"), (1, 0)) == first
    assert files(tmp_path, ".graph") == graphs
    assert files(tmp_path, ".pb") == compiled


def test_a_program_that_cannot_be_read_is_made_again(saved_split: Callable[[str], Path], tmp_path: Path) -> None:
    first = apart(tmp_path, trained, saved_split("wine"), (0,))
    (compiled,) = tmp_path.rglob("*.pb")
    compiled.write_bytes(compiled.read_bytes()[:1000])
    assert apart(tmp_path, trained, saved_split("wine"), (0,)) == first


def test_a_program_counts_as_compiled_before_it_trains(saved_split: Callable[[str], Path], tmp_path: Path) -> None:
    """So that another worker which wants it does not wait for an epoch, too."""
    assert apart(tmp_path, called, saved_split("wine"), (0,)) == [(False, 0), (True, 2)]


def test_without_a_folder_to_keep_them_in_programs_are_compiled_all_the_same(
    saved_split: Callable[[str], Path], tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    assert apart(blocked, trained, saved_split("wine"), (0,)).keys() == {0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    for name in ("XLA_FLAGS", "TF_XLA_FLAGS"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    return tmp_path


def test_flags_of_ones_own_come_last_so_that_they_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
    cache.prepare()
    cache.prepare()  # a worker inherits what the server from which it is forked has set
    flags = os.environ["XLA_FLAGS"].split()
    assert flags[-1] == "--xla_backend_optimization_level=3"
    assert len(flags) == len(set(flags)) == 1 + len(cache._FLAGS)
    assert f"--tf_xla_persistent_cache_directory={cache.programs()}" in os.environ["TF_XLA_FLAGS"].split()
    assert cache.programs().is_relative_to(folder)


def test_the_oldest_go_when_there_are_too_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 250)
    other = folder / "programs" / "of another version"
    other.mkdir(parents=True)
    for age, name in enumerate(("new", "middle", "old")):
        path = other / name
        path.write_bytes(b"x" * 100)
        os.utime(path, (1e9 - age, 1e9 - age))
    cache.prepare()
    assert sorted(path.name for path in other.iterdir()) == ["middle", "new"]


def test_a_change_of_the_code_never_meets_the_programs_of_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.programs()
    assert cache.programs() == before
    monkeypatch.setattr(cache, "_source", lambda: "changed")
    assert cache.programs() != before
