"""A project folder of KerasTuner, as its own oracles write it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.conftest import DOCUMENT
from tuner import drivers
from tuner.errors import ExchangeError
from tuner.exchange import keras_tuner
from tuner.exchange.foreign import fit
from tuner.study import from_document
from tuner.trial import Objective, Result, State, Trial

ACCURACY = Objective("val_accuracy", "maximize")


def test_each_trial_that_ended_has_its_fate_score_and_best_epoch(projects: Path) -> None:
    found = keras_tuner.read(projects / "random", ACCURACY)
    states = [State.COMPLETE] * 3 + [State.FAILED, State.DIVERGED]
    assert [(t.name, t.state) for t in found.trials] == list(zip("01234", states, strict=True))
    assert [(t.score, t.best_epoch) for t in found.trials[:3]] == [(0.5, 3), (0.75, 1), (0.625, 2)]
    assert found.left_out == {"still running there": 1}
    assert "no room" in str(found.trials[3].error)
    assert found.trials[4].score is None


def test_of_the_one_epoch_that_is_known_all_metrics_are(projects: Path) -> None:
    trial = keras_tuner.read(projects / "random", ACCURACY).trials[0]
    assert (trial.first_epoch, len(trial.history)) == (3, 1)
    assert trial.history[0] == pytest.approx({"loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.5})


def test_what_hyperband_writes_among_the_values_is_no_parameter_but_tells_the_epoch(projects: Path) -> None:
    found = keras_tuner.read(projects / "hyperband", ACCURACY)
    assert {name for trial in found.trials for name in trial.values} == {"units", "dropout", "optimizer"}
    begun = {}
    for trial in found.trials:
        state = json.loads((projects / "hyperband" / f"trial_{trial.name}" / "trial.json").read_text())
        begun[trial.name] = state["hyperparameters"]["values"]["tuner/initial_epoch"]
        assert trial.best_epoch == begun[trial.name] + 1
    assert len(set(begun.values())) > 1, "no trial of the project goes on from another"


def copied(projects: Path, folder: Path, change: dict[str, object]) -> Path:
    """The project `random`, with something changed in every trial."""
    shutil.copytree(projects / "random", folder)
    for path in folder.glob("trial_*/trial.json"):
        text = path.read_text()
        for before, after in change.items():
            text = text.replace(before, str(after))
        path.write_text(text)
    return folder


def test_all_epochs_of_a_loop_that_reports_them_are_its_history(projects: Path, tmp_path: Path) -> None:
    folder = copied(projects, tmp_path / "p", {})
    path = folder / "trial_0" / "trial.json"
    state = json.loads(path.read_text())
    for name, metric in state["metrics"]["metrics"].items():
        best = metric["observations"][0]["value"][0]
        metric["observations"] = [
            {"value": [best - 0.125 * (2 - s), best - 0.125 * (2 - s)], "step": s} for s in range(3)
        ]
        if name == "loss":
            metric["observations"].pop()  # not of every epoch: then of none
    path.write_text(json.dumps(state))
    trial = keras_tuner.read(folder, ACCURACY).trials[0]
    assert (trial.first_epoch, trial.best_epoch) == (1, 3)
    assert [metrics["val_accuracy"] for metrics in trial.history] == [0.25, 0.375, 0.5]
    assert {name for metrics in trial.history for name in metrics} == {"val_accuracy", "val_loss"}


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        (Objective("val_loss", "minimize"), "scored by val_accuracy (maximize), and the study by val_loss (minimize)"),
        (Objective("val_accuracy", "minimize"), "it was to maximize val_accuracy, and the study is to minimize it"),
        (Objective("val_accuracy", "maximize", "last"), "by its best epoch, and the study by the last one"),
    ],
)
def test_another_objective_is_refused(projects: Path, objective: Objective, line: str) -> None:
    with pytest.raises(ExchangeError) as raised:
        keras_tuner.read(projects / "random", objective)
    assert line in str(raised.value)


def test_a_score_that_no_metric_has_is_of_an_objective_that_is_not_known(projects: Path, tmp_path: Path) -> None:
    folder = copied(projects, tmp_path / "p", {'"score": 0.75': '"score": 0.8'})
    with pytest.raises(ExchangeError, match="No metric of its trials is their score"):
        keras_tuner.read(folder, ACCURACY)


@pytest.mark.parametrize("sampler", ["random", "bayesian", "hyperband", "grid"])
def test_its_own_algorithms_go_on_from_a_project_of_theirs(sampler: str, projects: Path) -> None:
    """Interrupted or not, the trials after the imported ones are the same, and none goes on from one of those."""
    search = {"driver": "keras-tuner", "sampler": sampler, "trials": 40, "seed": 0}
    study = from_document("wine", {**{k: v for k, v in DOCUMENT.items() if k != "search"}, "search": search})
    there = keras_tuner.read(projects / "hyperband", ACCURACY)
    imported = [there.result(t, n, fit(study.space, t.values), 3) for n, t in enumerate(there.trials)]

    def asked(kill: bool) -> list[Trial]:
        told, state, trials = list(imported), dict[str, Any](), list[Trial]()
        driver = drivers.build(study, ACCURACY, told, (), state, len(told))
        for n in range(12):
            (trial,) = driver.ask(1).trials
            trials.append(trial)
            state |= driver.state()
            score = int(trial.values["units"]) / 16
            history = tuple({"val_accuracy": score} for _ in range(trial.first_epoch, trial.last_epoch + 1))
            told.append(Result(trial, State.COMPLETE, score, trial.first_epoch, history))
            driver.tell(told[-1])
            state |= driver.state()
            if kill and n % 5 == 2:
                driver = drivers.build(study, ACCURACY, told, (), state, trial.number + 1)
        return trials

    trials = asked(kill=True)
    assert trials == asked(kill=False)
    first = len(imported)
    assert [trial.number for trial in trials] == [*range(first, first + 12)]
    assert all(trial.parent is None or trial.parent >= first for trial in trials)
    if sampler == "hyperband":
        assert any(trial.parent is not None for trial in trials)


def test_a_folder_that_is_no_project_is_told_in_a_line(projects: Path, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="no such folder"):
        keras_tuner.read(tmp_path / "none", ACCURACY)
    with pytest.raises(ExchangeError, match=r"with oracle.json in it. It has one in hyperband, random"):
        keras_tuner.read(projects, ACCURACY)
    folder = copied(projects, tmp_path / "p", {})
    (folder / "trial_1" / "trial.json").write_text('{"trial_id": "1", ')
    with pytest.raises(ExchangeError, match=r"trial_1/trial.json: cannot be read as JSON"):
        keras_tuner.read(folder, ACCURACY)
    (folder / "trial_1" / "trial.json").write_text('{"trial_id": "1"}')
    with pytest.raises(ExchangeError, match=r"trial_1/trial.json: not what KerasTuner 1.4 writes"):
        keras_tuner.read(folder, ACCURACY)
