"""The record in a real MLflow store: SQLite in a temporary folder, read back with MLflow's own client."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.tracker import CLOSING, FATES, OPENING, Child, Seen, TrackerContract, result
from tuner.errors import TrackingError
from tuner.trackers.mlflow import MlflowTracker, forget
from tuner.trackers.store import connect
from tuner.trial import State

# MLflow 3.17's own tables, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared database, which takes two seconds to make, for tests to copy."""
    folder = tmp_path_factory.mktemp("template") / "mlflow"
    connect(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    return folder / "mlflow.db"


class Folder:
    """A store of our own in a folder, as `mlflow/` in a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "mlflow"
        self.uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        self.artifacts = self.folder / "artifacts"

    def tracker(self) -> MlflowTracker:
        return MlflowTracker(self.uri, self.artifacts)

    @property
    def client(self) -> Any:
        return connect(self.uri, self.artifacts).client

    def runs(self, filter_string: str = "") -> list[Any]:
        experiments = [each.experiment_id for each in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, filter_string))

    def parent(self) -> Any:
        (run,) = self.runs(f"tags.`tuner.search` = '{OPENING.identity}' AND tags.`tuner.kind` = 'search'")
        return run

    def child(self, number: int) -> Any:
        (run,) = self.runs(f"tags.`tuner.search` = '{OPENING.identity}' AND tags.`tuner.trial` = '{number}'")
        return run

    def files(self, run: Any, path: str | None = None) -> list[str]:
        return sorted(each.path for each in self.client.list_artifacts(run.info.run_id, path))

    def text(self, run: Any, path: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, path)).read_text()

    def seen(self, identity: str) -> list[Seen]:
        return [
            self._seen(run) for run in self.runs(f"tags.`tuner.search` = '{identity}' AND tags.`tuner.kind` = 'search'")
        ]

    def _seen(self, parent: Any) -> Seen:
        children: dict[int, list[Child]] = {}
        for run in self.runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"):
            history = {
                name: {point.step: point.value for point in self.client.get_metric_history(run.info.run_id, name)}
                for name in run.data.metrics
            }
            child = Child(run.data.tags["tuner.state"], run.info.status, run.data.params, history)
            children.setdefault(int(run.data.tags["tuner.trial"]), []).append(child)
        champion = parent.data.tags.get("tuner.champion")
        return Seen(
            parent.info.status,
            dict(sorted(children.items())),
            parent.data.metrics,
            None if champion is None else int(champion),
        )

    def take_away(self) -> None:
        """A file where the folder should be: no store can be made or opened there."""
        self.folder.rename(self.root / "away")
        self.folder.touch()

    def bring_back(self) -> None:
        self.folder.unlink()
        (self.root / "away").rename(self.folder)


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.folder.mkdir()
    shutil.copy(empty_store, folder.folder)
    return folder


class TestMlflowTracker(TrackerContract):
    @pytest.fixture
    def shelf(self, store: Folder) -> Folder:
        return store


def record(store: Folder, *results: Any, closing: Any = None, opening: Any = OPENING) -> None:
    tracker = store.tracker()
    tracker.begin(opening)
    for each in results:
        tracker.record(each)
    if closing is not None:
        tracker.end(closing)
    assert tracker.close(60) == 0, tracker.offline


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


def test_half_a_trial_is_replaced(store: Folder) -> None:
    record(store, FATES[0])
    whole, parent = store.child(0), store.parent()
    tags = {**whole.data.tags, "tuner.trial": "1", "tuner.state": "pruned"}
    half = store.client.create_run(whole.info.experiment_id, tags=tags)
    store.client.log_metric(half.info.run_id, "loss", 123.0, step=1)
    store.client.log_text(half.info.run_id, "{}", "history.json")
    record(store, *FATES[:2])
    run = store.child(1)
    assert run.info.run_id != half.info.run_id
    assert [point.value for point in store.client.get_metric_history(run.info.run_id, "loss")] == [1.0, 0.5, 0.25]
    assert not (store.artifacts / half.info.run_id).exists()
    assert store.parent().info.run_id == parent.info.run_id


def test_a_second_run_of_a_search_or_a_trial_is_removed(store: Folder) -> None:
    """As a server leaves them that made a run and whose answer got lost."""
    record(store, FATES[0])
    parent, child = store.parent(), store.child(0)
    for run in (parent, child):
        again = store.client.create_run(run.info.experiment_id, tags=run.data.tags)
        store.client.set_terminated(again.info.run_id)
    record(store, FATES[0])
    assert store.parent().info.run_id == parent.info.run_id
    assert store.child(0).info.run_id == child.info.run_id


def test_an_experiment_that_was_deleted_comes_back(store: Folder) -> None:
    record(store, FATES[0])
    store.client.delete_experiment(store.parent().info.experiment_id)
    record(store, FATES[0])
    assert store.client.get_experiment_by_name("wine").lifecycle_stage == "active"
    assert store.child(0).info.status == "FINISHED"


def test_two_searches_of_one_study(store: Folder) -> None:
    record(store, FATES[0])
    record(store, FATES[0], FATES[1], opening=replace(OPENING, identity="other", label="wine@2"))
    assert [sorted(seen.children) for identity in (OPENING.identity, "other") for seen in store.seen(identity)] == [
        [0],
        [0, 1],
    ]
    assert store.runs("tags.`tuner.search` = 'other'")[0].info.experiment_id == store.parent().info.experiment_id


def test_a_trial_that_the_store_refuses_holds_up_no_other(store: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.trackers.outbox.SHORTEST_PAUSE", 0.01)
    broken = replace(FATES[0], history=({"loss": "no number"},))  # type: ignore[dict-item]
    tracker = store.tracker()
    tracker.begin(OPENING)
    for each in (broken, *FATES[1:]):
        tracker.record(each)
    tracker.end(replace(CLOSING, champion=1))
    assert tracker.close(60) == 1
    assert tracker.offline is not None
    assert "must be real number" in tracker.offline
    (seen,) = store.seen(OPENING.identity)
    assert (seen.status, sorted(seen.children)) == ("FINISHED", [1, 2, 3])


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """Port 9 is where nobody listens: MLflow itself would be at it for four minutes."""
    tracker = MlflowTracker("http://someone:secret@127.0.0.1:9", tmp_path / "artifacts")
    tracker.begin(OPENING)
    for each in FATES:
        tracker.record(each)
    while tracker.offline is None:
        time.sleep(0.01)
    assert tracker.offline == "http://***@127.0.0.1:9: Connection refused"
    assert tracker.close(1) == 4


def test_an_address_that_means_nothing(tmp_path: Path) -> None:
    tracker = MlflowTracker("gopher://example.org", tmp_path / "artifacts")
    tracker.begin(OPENING)
    while tracker.offline is None:
        time.sleep(0.01)
    assert "gopher" in tracker.offline
    assert tracker.close(0) == 0


def test_the_store_is_made_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Folder(tmp_path)
    record(store, FATES[0])
    assert store.child(0).info.artifact_uri.startswith(store.artifacts.as_uri())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow"]
    assert sorted(path.name for path in store.folder.iterdir()) == ["artifacts", "mlflow.db", "mlflow.db.lock"]


def test_a_store_of_someone_elses_decides_where_files_go(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "team.db")
    client = connect(f"sqlite:///{tmp_path / 'team.db'}", tmp_path / "artifacts").client
    client.create_experiment("wine", artifact_location=(tmp_path / "theirs").as_uri())
    tracker = MlflowTracker(f"sqlite:///{tmp_path / 'team.db'}", tmp_path / "artifacts")
    tracker.begin(OPENING)
    tracker.record(FATES[0])
    assert tracker.close(60) == 0
    (run,) = client.search_runs([client.get_experiment_by_name("wine").experiment_id], "tags.`tuner.trial` = '0'")
    assert forget(f"sqlite:///{tmp_path / 'team.db'}", tmp_path / "artifacts", OPENING.identity) == 2
    assert (tmp_path / "theirs" / run.info.run_id).exists()


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


PROGRAM = """
import sys, time
from pathlib import Path
from tests.contracts.tracker import FATES, OPENING, result
from tuner.trackers.mlflow import MlflowTracker

tracker = MlflowTracker(sys.argv[1], Path(sys.argv[2]))
tracker.begin(OPENING)
for number in range(200):
    tracker.record(result(number))
told = set()
while len(told) < 4:
    told |= set(tracker.recorded())
    time.sleep(0.001)
print("recording without", *{"tensorflow", "keras"} - set(sys.modules), flush=True)
time.sleep(60)
"""


def test_a_tracker_that_is_killed(store: Folder) -> None:
    command = [sys.executable, "-c", PROGRAM, store.uri, str(store.artifacts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert set(said.split()) == {b"recording", b"without", b"tensorflow", b"keras"}
    told = [result(number) for number in range(20)]
    record(store, *told, closing=CLOSING)
    (seen,) = store.seen(OPENING.identity)
    assert seen.status == "FINISHED"
    assert {number for number, runs in seen.children.items() if len(runs) == 1} >= set(range(20))
    assert all([run.status for run in runs] == ["FINISHED"] for runs in seen.children.values())
    assert all(len(runs[0].history["loss"]) == 3 for runs in seen.children.values())


def loaded_by(code: str) -> set[str]:
    """The heavy modules that a fresh process has loaded after the code."""
    heavy = "{'mlflow', 'tensorflow', 'keras', 'pandas', 'sklearn'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*{heavy} & set(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return set(done.stdout.split())


def test_importing_it_costs_nothing() -> None:
    assert loaded_by("import tuner.trackers, tuner.trackers.mlflow, tuner.models.pyfunc") == set()
