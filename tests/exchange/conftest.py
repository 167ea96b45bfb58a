"""Projects of KerasTuner as its own oracles write them, and a study for what they tried."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lives import Records
from tuner import opening
from tuner.home import Home
from tuner.study import Study, from_document

DOCUMENT: dict[str, Any] = {
    "data": {"source": "sklearn:wine"},
    "space": {
        "layers": 1,
        "units": {"int": [4, 16], "step": 4},
        "dropout": {"float": [0.0, 0.4], "step": 0.1},
        "optimizer": {"choice": ["adam", "sgd"]},
    },
    "search": {"trials": 20, "pruner": "none"},
    "training": {"epochs": 3},
}


@pytest.fixture
def study() -> Study:
    return from_document("wine", DOCUMENT)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Records:
    """What the record is told, in place of MLflow."""
    told = Records()

    @contextmanager
    def recording(home: Any, record: Any, *_: Any) -> Iterator[Records]:
        for result in record.results:
            told.record(result)
        yield told

    monkeypatch.setattr(opening, "recording", recording)
    return told


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the projects `random`, six trials of which one failed, one diverged and one still runs, and
    `hyperband`, of one bracket."""
    import keras_tuner
    from keras_tuner import oracles

    folder = tmp_path_factory.mktemp("projects")
    space = keras_tuner.HyperParameters()
    space.Int("units", 4, 16, step=4)
    space.Float("dropout", 0.0, 0.4, step=0.1)
    space.Choice("optimizer", ["adam", "sgd"])
    aim = keras_tuner.Objective("val_accuracy", "max")

    def made(oracle: Any, name: str) -> Any:
        oracle._set_project_dir(folder, name)
        oracle._display.verbose = 0
        return oracle

    def told(oracle: Any, slot: str, score: float, step: int = 1, status: str = "COMPLETED", why: str = "") -> Any:
        trial = oracle.create_trial(slot)
        if status == "COMPLETED":
            metrics = {"loss": 1 - score, "val_loss": 1.1 - score, "val_accuracy": score}
            oracle.update_trial(trial.trial_id, metrics, step=step)
        trial.status, trial.message = status, why or None
        if trial.status != "RUNNING":
            oracle.end_trial(trial)
        return trial

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads' old names, and of a score that is no number
        random = made(oracles.RandomSearchOracle(aim, 9, seed=1, hyperparameters=space.copy()), "random")
        for slot, (score, step) in enumerate([(0.5, 2), (0.75, 0), (0.625, 1)]):
            told(random, str(slot), score, step)
        told(random, "3", 0.0, status="FAILED", why="Traceback …\nValueError: no room")
        told(random, "4", math.nan)
        told(random, "5", 0.0, status="RUNNING")
        tournament = made(
            oracles.HyperbandOracle(aim, max_epochs=4, factor=2, seed=1, hyperparameters=space.copy()), "hyperband"
        )
        for slot in range(6):
            told(tournament, str(slot), 0.5 + slot / 16, 0)
    return folder
