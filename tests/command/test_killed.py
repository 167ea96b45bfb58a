"""`kill -9` at several moments: the same command goes on, and ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.command.typed import ENDLESS, begun, kill, ledger, new_home, shown, statuses, told, typed, wait_for

# Several real searches a test: two minutes are too few where the cores have other work.
pytestmark = pytest.mark.timeout(300)


def test_kill_9_in_mid_search_loses_nothing(tmp_path: Path) -> None:
    folder = new_home(tmp_path)
    search = ("search", "small", "--workers", "1", "--trials")
    with begun(folder, *search, ENDLESS) as process:
        wait_for(process, f"[20/{ENDLESS}]")  # others are in training beside it
        kill(process)
    before = told(folder)
    assert 20 <= len(before) < int(ENDLESS)
    trials = len(before) + 20
    said = typed(folder, *search, str(trials))
    assert re.search(rf"resuming: {len(before)} of {trials} done, [1-9]\d* put back", said)
    after = told(folder)
    assert len(after) == trials
    # The time at which each was told is in the row: a finished trial that trained again would have a new one.
    assert {number: after[number] for number in before} == before
    assert {"FINISHED"} == statuses(folder)


def _a_finalist_was_trained(process: subprocess.Popen[str], folder: Path) -> None:
    wait_for(process, "training the best")
    while not ledger(folder, "select * from retakes"):
        assert process.poll() is None
        time.sleep(0.01)


def _a_model_is_written(process: subprocess.Popen[str], folder: Path) -> None:
    wait_for(process, "is the champion")
    while not _unfinished(folder, "small@1/models"):
        assert process.poll() is None, "no model was seen before it was whole"


def _unfinished(folder: Path, room: str = "") -> list[str]:
    """The files and folders that begin with a dot, as those do that are not whole yet."""
    found = os.walk(folder / ".tuner" / "searches" / room)
    return [name for _, folders, files in found for name in (*folders, *files) if name.startswith(".")]


@pytest.mark.parametrize("moment", [_a_finalist_was_trained, _a_model_is_written])
def test_kill_9_near_the_end_leaves_one_verdict_and_one_record(tmp_path: Path, moment) -> None:
    from mlflow import MlflowClient

    folder = new_home(tmp_path)
    search = ("search", "small", "--trials", "3", "--pruner", "none")
    with begun(folder, *search) as process:
        moment(process, folder)
        kill(process)
    before = told(folder)
    assert len(before) == 3
    assert ledger(folder, "select verdict from searches") == [(None,)]
    said = typed(folder, *search)
    assert "nothing left to train: 3 of 3 done" in said
    assert "test rows seen once" in said
    assert told(folder) == before
    assert ledger(folder, "select count(*), count(verdict), sum(looks) from searches") == [(1, 1, 1)]
    assert ledger(folder, "select count(*), count(distinct number) from retakes") == [(4, 2)]
    assert _unfinished(folder) == []
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 4
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    verdict = shown(folder)["verdict"]
    assert parent.data.metrics["test_accuracy"] == verdict["test"]
    (version,) = client.search_model_versions("name='small'")
    assert version.tags["tuner.trial"] == str(verdict["champion"])
