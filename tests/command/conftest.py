"""A folder in which a search has ended, for the tests that only read it; one that changes it makes its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command.typed import new_home, tuner


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a search has ended; `said` is what it printed."""
    folder = new_home(tmp_path_factory.mktemp("home"))
    folder.joinpath("said").write_text(tuner(folder, "search", "small", "--workers", "2"))
    return folder


@pytest.fixture(scope="session")
def exported(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The champion, exported into another folder."""
    folder = tmp_path_factory.mktemp("exports") / "model"
    tuner(home, "export", "small", "-o", str(folder))
    return folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw rows with a missing cell, as a person has them."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).data.head(8)
    frame.iloc[0, 0] = float("nan")
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    frame.to_csv(path, index=False)
    return path
