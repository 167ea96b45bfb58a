"""What the record says of a search that has ended, and how all of it is forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.tracker import FATES, OPENING
from tests.trackers.folder import Folder, record
from tuner.errors import TrackingError
from tuner.trackers.mlflow import forget

# MLflow 3.17's own tables, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


def test_what_the_search_found(store: Folder, ending: Any) -> None:
    record(store, *FATES, closing=ending)
    run, champion = store.parent(), store.child(0)
    assert {name: value for name, value in run.data.tags.items() if name.startswith("best.")} == {
        "best.units": "8",
        "best.optimizer": "adam",
    }
    assert run.data.tags["tuner.champion_run"] == champion.info.run_id
    assert run.data.metrics == {"val_accuracy": 0.75, "test_accuracy": 0.625}
    assert store.files(run, "plots") == ["plots/history.png"]
    assert json.loads(store.text(run, "summary.json")) == {"champion": 0}
    for number in (0, 1):
        assert store.files(store.child(number), "model") == ["model/manifest.json", "model/model.keras"]
        assert store.files(store.child(number), "plots") == ["plots/curves.png"]


def test_the_champion_is_a_registered_model(store: Folder, ending: Any) -> None:
    record(store, *FATES, closing=ending)
    client, parent, child = store.client, store.parent(), store.child(0)
    version = client.get_model_version_by_alias("wine", "champion")
    assert version.tags == {"tuner.search": OPENING.identity, "tuner.trial": "0"}
    assert version.run_id == child.info.run_id
    assert client.get_registered_model("wine").tags == {"tuner.study": "wine"}
    (model,) = client.search_logged_models([parent.info.experiment_id])
    assert model.status == "READY"
    assert model.source_run_id == child.info.run_id
    assert model.params == {"units": "8", "optimizer": "adam"}
    for run in (parent, child):
        assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "wine", "version": version.version}]
    files = Path(store.artifacts) / "models" / model.model_id / "artifacts"
    assert (files / "artifacts" / "model.keras").read_bytes() == b"weights"


def test_ending_twice_makes_one_version(store: Folder, ending: Any) -> None:
    for _ in range(2):
        record(store, *FATES, closing=ending)
    client, parent = store.client, store.parent()
    assert len(client.search_model_versions("name = 'wine'")) == 1
    assert len(client.search_logged_models([parent.info.experiment_id])) == 1
    assert len(parent.outputs.model_outputs) == 1
    assert len(client.get_metric_history(parent.info.run_id, "val_accuracy")) == 1


def test_another_champion_gets_the_alias(store: Folder, ending: Any) -> None:
    record(store, *FATES, closing=ending)
    record(store, *FATES, closing=replace(ending, champion=1, values={"units": 16}))
    version = store.client.get_model_version_by_alias("wine", "champion")
    assert (int(version.version), version.tags["tuner.trial"]) == (2, "1")
    tags = store.parent().data.tags
    assert (tags["best.units"], tags["tuner.champion"]) == ("16", "1")
    assert "best.optimizer" not in tags


def test_a_model_whose_files_were_not_all_written_gets_them(store: Folder, ending: Any) -> None:
    record(store, *FATES)
    client, experiment = store.client, store.parent().info.experiment_id
    tags = {"tuner.search": OPENING.identity, "tuner.trial": "0"}
    half = client.create_logged_model(experiment, name="trial-0", tags=tags)
    record(store, *FATES, closing=ending)
    (model,) = client.search_logged_models([experiment])
    assert (model.model_id, model.status) == (half.model_id, "READY")


def test_forgetting_a_search(store: Folder, ending: Any) -> None:
    record(store, *FATES, closing=ending)
    record(store, FATES[0], opening=replace(OPENING, identity="other", label="wine@2"))
    assert forget(store.uri, store.artifacts, OPENING.identity) == 5
    assert store.seen(OPENING.identity) == []
    assert len(store.seen("other")) == 1
    assert store.client.search_registered_models() == []
    experiment = store.client.get_experiment_by_name("wine").experiment_id
    assert store.client.search_logged_models([experiment]) == []
    left = {path.name for path in store.artifacts.iterdir()}
    assert left == {"models"} | {run.info.run_id for run in store.runs("tags.`tuner.search` = 'other'")}
    assert list((store.artifacts / "models").iterdir()) == []
    assert forget(store.uri, store.artifacts, OPENING.identity) == 0


def test_forgetting_one_trial(store: Folder, ending: Any) -> None:
    record(store, *FATES, closing=ending)
    assert forget(store.uri, store.artifacts, OPENING.identity, trial=1) == 1
    (seen,) = store.seen(OPENING.identity)
    assert sorted(seen.children) == [0, 2, 3]
    assert store.client.get_model_version_by_alias("wine", "champion").tags["tuner.trial"] == "0"


def test_forgetting_where_there_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "mlflow").touch()
    with pytest.raises(TrackingError, match=r"the record at sqlite:.*cannot be changed: .*mlflow"):
        forget(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}", tmp_path / "mlflow" / "artifacts", "x")


def test_several_objectives_are_metrics_and_the_front_is_tagged(store: Folder, ending: Any) -> None:
    opening = replace(OPENING, further=("val_loss", "params"))
    results = [replace(each, further=(0.5, 100.0 + i)) for i, each in enumerate(FATES)]
    record(store, *results, closing=replace(ending, front=(0, 1)), opening=opening)
    assert store.parent().data.params["further"] == "val_loss, params"
    told = store.child(1).data
    assert (told.metrics["score.val_loss"], told.metrics["score.params"]) == (0.5, 101.0)

    def tagged() -> list[int]:
        return [n for n in range(4) if store.child(n).data.tags.get("tuner.pareto") == "yes"]

    assert tagged() == [0, 1]
    record(store, *results, closing=replace(ending, front=(1, 2)), opening=opening)
    assert tagged() == [1, 2]
