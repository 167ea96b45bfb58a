"""The commands as they are typed: which study is meant, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.lives import Records
from tests.page import made
from tuner.cli import cli
from tuner.errors import ExchangeError, LedgerError, StudyError
from tuner.home import Home
from tuner.ledger import Ledger

STUDY = """
[data]
source = "sklearn:wine"
[space]
layers = 1
units = { int = [4, 16], step = 4 }
dropout = { float = [0.0, 0.4], step = 0.1 }
optimizer = { choice = ["adam", "sgd"] }
"""


def project(folder: Path, trials: int) -> None:
    """As KerasTuner writes one; those that its oracles wrote themselves are in `test_keras_tuner`."""
    folder.mkdir(parents=True)
    (folder / "oracle.json").write_text('{"end_order": []}')
    values = {"units": 8, "optimizer": "sgd" if folder.name == "other" else "adam"}
    for number in range(trials):
        score = {"direction": "max", "observations": [{"value": [number / 8], "step": 0}]}
        state = {
            "trial_id": str(number),
            "hyperparameters": {"values": {**values, "dropout": 0.1 * number}},
            "metrics": {"metrics": {"val_accuracy": score}},
            "score": number / 8,
            "best_step": 0,
            "status": "COMPLETED",
            "message": None,
        }
        (folder / f"trial_{number}").mkdir()
        (folder / f"trial_{number}" / "trial.json").write_text(json.dumps(state))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: Records) -> Path:
    """The current folder, with the study `wine` and the projects `wine` and `other`."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "wine.toml").write_text(STUDY)
    for name in ("wine", "other"):
        project(tmp_path / "p" / name, 5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_project_goes_into_the_study_of_its_name_or_the_one_that_is_named(folder: Path) -> None:
    assert "imported 5 trials of the KerasTuner project wine into wine@1" in typed("import-keras-tuner", "p/wine")
    with pytest.raises(StudyError, match=r"no study 'other' .* Name one: tuner import-keras-tuner p/other STUDY"):
        typed("import-keras-tuner", "p/other")
    told = typed("import-keras-tuner", "p/other", "studies/wine.toml")
    assert "of the KerasTuner project other into wine@1 as trials 5 to " in told
    told = typed(
        "import-keras-tuner", "p/other", "wine", "--fresh", "--epochs", "7", "--sampler", "random", "--seed", "3"
    )
    assert "into wine@2 as trials 0 to " in told
    assert "note: random proposes without a look at" in told
    document = Ledger(Home(folder)).get("wine@2").document
    assert (document["training"], document["search"]) == ({"epochs": 7}, {"sampler": "random", "seed": 3})
    assert "into wine@1" not in typed("import-keras-tuner", "p/wine", "wine@1")


def test_one_of_optunas_must_be_there(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"Name one: tuner import-optuna old.journal mine STUDY"):
        typed("import-optuna", "old.journal", "mine")
    with pytest.raises(StudyError, match=r"Name one: tuner import-optuna '\w+://\*\*\*@there/db' mine STUDY"):
        typed("import-optuna", "postgresql://me:secret@there/db", "mine")
    with pytest.raises(ExchangeError, match=r"old.journal: no such file"):
        typed("import-optuna", "old.journal", "mine", "wine")


def test_a_search_is_copied_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.search(tmp_path, made.flowers, 2, ends=False)
    monkeypatch.chdir(tmp_path)
    assert typed("export-optuna", "made", "a.journal") == "wrote 2 trials of made@1 to the study made@1 in a.journal\n"
    with pytest.raises(LedgerError, match=r"nothing was searched under 'mad'. Did you mean 'made'"):
        typed("export-optuna", "mad", "a.journal")
