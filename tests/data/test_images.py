"""Data sets of images by name: the data folder, the cache, the network, and files that are not what they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.data import images, sources
from tuner.data.table import Kind
from tuner.errors import DataError, StudyError
from tuner.home import Home, user_cache
from tuner.metrics import Task
from tuner.study import Study

RNG = np.random.default_rng(0)


def small(path: Path, rows: int = 40, side: int = 28) -> Path:
    """A file of the layout that Keras keeps its sets in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made: dict[str, Any] = {}
    for part, count in (("train", rows), ("test", 20)):
        made[f"x_{part}"] = RNG.integers(0, 256, (count, side, side)).astype(np.uint8)
        made[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    np.savez(path, **made)
    return path


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home without a data folder, an empty cache, and no Keras loader that could be started."""
    monkeypatch.delenv("TUNER_DATA", raising=False)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(images, "_LOADER", "raise SystemExit('the loader was started')")
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


def test_digits_are_images_and_need_no_network(alone: Home, make_study: Callable[..., Study]) -> None:
    table = sources.load(make_study("sklearn:digits"), alone)
    assert (table.name, table.task, table.classes) == ("sklearn:digits", Task.MULTICLASS, tuple(range(10)))
    assert table.kinds == {"x": Kind.ARRAY}
    assert table.rows.features.shape == (1797, 8, 8)
    assert table.test is None
    assert table.warnings == ()


def test_a_set_of_keras_comes_from_the_data_folder_first_and_then_from_the_cache(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study("keras:fashion_mnist")
    small(user_cache() / "keras" / "fashion_mnist.npz", rows=30)
    table = sources.load(study, alone)
    assert table.name == "keras:fashion_mnist"
    assert table.rows.features.shape == (30, 28, 28)
    assert table.test is not None
    assert len(table.test) == 20
    file = small(alone.root / "sets" / "fashion_mnist.npz", rows=50)
    monkeypatch.setenv("TUNER_DATA", str(file.parent))
    assert len(sources.load(study, alone).rows) == 50


def test_a_part_of_a_set_is_said_to_be_one(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = small(alone.root / "mnist.npz")
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    table = sources.load(make_study("keras:mnist"), alone)
    assert table.warnings == (f"{file}: 40 train and 20 test rows, keras:mnist as published has 60,000 and 10,000",)


@pytest.mark.parametrize(("side", "test", "got"), [(8, True, r"\(8, 8\)"), (28, False, "no x_test")])
def test_what_is_not_such_a_set_is_refused(
    alone: Home,
    make_study: Callable[..., Study],
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    test: bool,
    got: str,
) -> None:
    file = small(alone.root / "mnist.npz", side=side)
    if not test:
        kept = np.load(file)
        np.savez(file, x_train=kept["x_train"], y_train=kept["y_train"])
    monkeypatch.setenv("TUNER_DATA", str(alone.root))
    with pytest.raises(DataError, match=rf"mnist\.npz: not keras:mnist: expected x_train, .*, got .*{got}"):
        sources.load(make_study("keras:mnist"), alone)


def test_mnist_of_the_data_folder_is_the_published_one(make_study: Callable[..., Study]) -> None:
    home = Home(Path(__file__).parent.parent.parent)
    if home.data is None or not (home.data / "mnist.npz").is_file():
        pytest.skip("no data folder has mnist.npz")
    found, warnings = images.fetch("keras:mnist", home)
    assert warnings == ()
    assert np.bincount(found["y"])[:3].tolist() == [5923, 6742, 5958]


def test_the_cells_of_a_whole_set_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = images.published.Images(40, 20, 7)
    monkeypatch.setitem(images.published.IMAGES, "keras:mnist", whole)  # type: ignore[arg-type]
    arrays = {"x": np.ones((40, 28, 28), np.float32), "x_test": np.ones((20, 28, 28), np.float32)}
    told = images.published.check_images("keras:mnist", "mnist.npz", arrays)
    assert told == ("mnist.npz: not keras:mnist as it was published: it has different cells",)


def test_names_that_keras_has_not(alone: Home, make_study: Callable[..., Study]) -> None:
    with pytest.raises(
        DataError, match=r"keras:fashion-mnist: no such data set\. Did you mean 'fashion_mnist'\? Known: fashion_mnist,"
    ):
        sources.load(make_study("keras:fashion-mnist"), alone)
    with pytest.raises(StudyError, match=r"expected a file or one of openml:NAME, sklearn:NAME, keras:NAME"):
        make_study("kers:mnist")


def test_what_the_loader_gets_is_kept(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for Keras, in a module of that name, says which folder it was given."""
    file = small(tmp_path / "given.npz")
    (tmp_path / "keras.py").write_text(
        "import os, numpy\n"
        "class datasets:\n"
        "    class mnist:\n"
        "        def load_data():\n"
        f"            open({str(tmp_path / 'home.txt')!r}, 'w').write(os.environ['KERAS_HOME'])\n"
        f"            f = numpy.load({str(file)!r})\n"
        "            return (f['x_train'], f['y_train']), (f['x_test'], f['y_test'])\n"
    )
    monkeypatch.undo()
    monkeypatch.delenv("TUNER_DATA", raising=False)
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "the user's own"))
    assert len(sources.load(make_study("keras:mnist"), alone).rows) == 40
    assert Path((tmp_path / "home.txt").read_text()).is_relative_to(tmp_path / "cache")
    assert os.listdir(user_cache() / "keras") == ["mnist.npz"]
    (tmp_path / "keras.py").unlink()
    monkeypatch.setattr(subprocess, "run", None)
    assert len(sources.load(make_study("keras:mnist"), alone).rows) == 40


def test_without_network_and_file_one_line_says_what_to_do(
    alone: Home, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = "raise Exception('URL fetch failure on https://x/y.npz: None -- [Errno 111] Connection refused')"
    monkeypatch.setattr(images, "_LOADER", loader)
    with pytest.raises(DataError) as caught:
        sources.load(make_study("keras:mnist"), alone)
    assert caught.value.problems == (
        "keras:mnist: cannot be fetched ([Errno 111] Connection refused). Name a folder that has mnist.npz in "
        "TUNER_DATA, or read another file with --data FILE; `tuner search breast-cancer` needs no network",
    )
    assert os.listdir(user_cache() / "keras") == []


def test_the_loader_is_a_program(tmp_path: Path) -> None:
    """Keras' own, as far as a network that leads nowhere lets it."""
    env = {**os.environ, "KERAS_HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9", "TF_CPP_MIN_LOG_LEVEL": "3"}
    told = subprocess.run(
        [sys.executable, "-c", images._LOADER, "mnist", str(tmp_path / "mnist.npz")],
        env=env | {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""},
        capture_output=True,
        text=True,
    )
    last = told.stderr.strip().splitlines()[-1]
    assert " -- " in last
    assert "mnist.npz" in last
