"""The record in a real MLflow store: SQLite in a temporary folder, read back with MLflow's own client."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from tests.contracts.tracker import CLOSING, FATES, OPENING, TrackerContract, result
from tests.trackers.folder import Folder, record
from tuner.trial import State

# MLflow 3.17's own tables, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


class TestMlflowTracker(TrackerContract):
    @pytest.fixture
    def shelf(self, store: Folder) -> Folder:
        return store


def test_the_searchs_own_run_says_what_is_searched(store: Folder) -> None:
    record(store)
    run = store.parent()
    assert run.info.run_name == "wine@1"
    assert run.data.params == {
        "seed": "0",
        "metric": "val_accuracy",
        "goal": "maximize",
        "sampler": "tpe",
        "data.name": "sklearn:wine",
        "data.digest": "ab" * 32,
        "data.rows": "178",
    }
    tags = run.data.tags
    assert tags["mlflow.note.content"] == "Three cultivars of wine"
    assert tags["mlflow.source.git.commit"] == "0123abcd"
    assert (tags["tuner.study"], tags["tuner.label"], tags["tuner.trials"]) == ("wine", "wine@1", "4")
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("sklearn:wine", ("ab" * 32)[:36])
    assert json.loads(data.dataset.profile) == {"num_rows": 178}
    assert json.loads(data.dataset.source) == {"uri": "sklearn:wine"}
    assert store.files(run) == ["space.json", "study.json", "study.toml", "versions.json"]
    assert json.loads(store.text(run, "study.json")) == OPENING.document
    assert json.loads(store.text(run, "space.json")) == OPENING.space
    assert store.text(run, "study.toml") == OPENING.text
    assert store.client.get_experiment(run.info.experiment_id).name == "wine"


def test_the_settings_that_a_study_leaves_out_are_recorded_too(store: Folder) -> None:
    record(store, opening=replace(OPENING, settings={"search.driver": "optuna", "search.sampler": "tpe"}))
    assert store.parent().data.params["driver"] == "optuna"


def test_a_search_that_goes_on_to_more_trials(store: Folder) -> None:
    record(store, *FATES, closing=CLOSING)
    record(store, opening=replace(OPENING, trials=60))
    assert store.parent().data.tags["tuner.trials"] == "60"
    assert len(store.parent().inputs.dataset_inputs) == 1


def test_a_trials_run(store: Folder) -> None:
    record(store, *FATES)
    run = store.child(3)
    assert run.info.run_name == "trial 3"
    assert run.data.tags["mlflow.parentRunId"] == store.parent().info.run_id
    assert run.data.tags["tuner.error"] == "ValueError: no such layer"
    assert run.data.tags["tuner.program.trainer"] == "plain"
    assert run.info.end_time - run.info.start_time == 2000
    assert run.data.metrics == {"seconds": 2.0}
    assert store.text(run, "error.txt") == FATES[3].error
    complete = store.child(0)
    assert store.files(complete) == ["history.json"]
    assert json.loads(store.text(complete, "history.json"))["epochs"][2] == {
        "epoch": 3,
        "loss": 0.25,
        "val_accuracy": 0.75,
    }
    assert complete.data.metrics == {"loss": 0.25, "val_accuracy": 0.75, "score": 0.75, "best_epoch": 3, "seconds": 2.0}


def test_a_trial_that_is_recorded_later_ended_when_it_did(store: Folder) -> None:
    record(store, replace(FATES[0], ended=1_700_000_000.5))
    run = store.child(0)
    assert (run.info.start_time, run.info.end_time) == (1_699_999_998_500, 1_700_000_000_500)
    points = store.client.get_metric_history(run.info.run_id, "loss")
    assert max(point.timestamp for point in points) == 1_700_000_000_500


def test_the_source_of_the_rows_is_the_studys(store: Folder) -> None:
    record(store, opening=replace(OPENING, document={"data": {"source": "/rows/wine.csv"}}))
    (data,) = store.parent().inputs.dataset_inputs
    assert json.loads(data.dataset.source) == {"uri": "/rows/wine.csv"}


def test_a_value_that_is_not_finite(store: Folder) -> None:
    told = replace(result(0, State.DIVERGED), history=({"loss": 1.0}, {"loss": math.inf}))
    record(store, told)
    run = store.child(0)
    points = store.client.get_metric_history(run.info.run_id, "loss")
    assert [point.value for point in points] == pytest.approx([1.0, math.nan], nan_ok=True)
    assert json.loads(store.text(run, "history.json"))["epochs"][1]["loss"] == "inf"


def test_more_than_a_batch_takes(store: Folder) -> None:
    """The store refuses more than 1,000 entities, and more than 100 parameters, in one batch."""
    values = {f"units_{i}": i for i in range(250)}
    epochs = tuple({"loss": float(i), "val_loss": float(i)} for i in range(1200))
    told = result(0)
    record(store, replace(told, trial=replace(told.trial, values=values), history=epochs))
    run = store.child(0)
    assert len(run.data.params) == 251
    for name in ("loss", "val_loss"):
        points = store.client.get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in points] == [(i + 1, float(i)) for i in range(1200)]


def test_names_and_values_that_the_store_would_refuse(store: Folder) -> None:
    told = result(0)
    values = {"what (exactly)?": "x" * 9000}
    record(store, replace(told, trial=replace(told.trial, values=values), error="E" * 9000))
    run = store.child(0)
    assert run.data.params["what _exactly__"] == "x" * 6000
    assert len(run.data.tags["tuner.error"]) == 5000
