"""Half a record, a store that is away or not there yet, and a process that is killed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contracts.tracker import CLOSING, FATES, OPENING, result
from tests.trackers.folder import Folder, record
from tuner.trackers.mlflow import MlflowTracker, forget
from tuner.trackers.store import connect, preload

# MLflow 3.17's own tables, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


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


def test_what_fails_in_the_background_is_told_where_the_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fallen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", fallen.append)
    monkeypatch.setattr("tuner.trackers.store._prepare", prepare)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    before = set(threading.enumerate())
    preload(uri)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert fallen == []
    with pytest.raises(OSError, match="No space left"):
        connect(uri, tmp_path / "artifacts")


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
