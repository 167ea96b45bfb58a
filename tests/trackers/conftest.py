"""A store for each test, and what a search found."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.tracker import CLOSING
from tests.trackers.folder import Folder
from tuner.trackers.store import connect


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared database, which takes two seconds to make, for tests to copy."""
    folder = tmp_path_factory.mktemp("template") / "mlflow"
    connect(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    return folder / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.folder.mkdir()
    shutil.copy(empty_store, folder.folder)
    return folder


@pytest.fixture
def ending(tmp_path: Path) -> Any:
    """What the search found, with files of every kind."""
    model = tmp_path / "model"
    (model / "artifacts").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "artifacts" / "model.keras").write_bytes(b"weights")
    for name in ("history.png", "curves.png", "model.keras", "manifest.json"):
        (tmp_path / name).write_bytes(name.encode())
    kept = {n: [tmp_path / "model.keras", tmp_path / "manifest.json", tmp_path / "curves.png"] for n in (0, 1)}
    return replace(CLOSING, plots=[tmp_path / "history.png"], model=model, kept=kept)
