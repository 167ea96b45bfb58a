"""What a search that has ended prints and leaves: its lines, leaderboard, files, record, and the pages on that."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.command.typed import begun, ledger, shown, typed, wait_until_gone


def test_a_search_says_a_line_a_trial_and_what_it_found(home: Path) -> None:
    said = (home / "said").read_text()
    assert len(re.findall(r"^\[\d/6\] trial \d (complete|pruned) ", said, re.MULTILINE)) == 6
    assert "95 % interval" in said
    assert "majority class" in said
    assert "logistic regression" in said
    assert "test rows seen once" in said
    assert said.count("with --deterministic it would") == 1
    for following in ("tuner show small", "tuner ui", "tuner export small"):
        assert following in said


def test_show_has_every_trial_and_the_champion_among_the_completed(home: Path) -> None:
    told = shown(home)
    assert [trial["number"] for trial in sorted(told["trials"], key=lambda t: t["number"])] == list(range(6))
    states = {trial["number"]: trial["state"] for trial in told["trials"]}
    verdict = told["verdict"]
    assert states[verdict["champion"]] == "complete"
    assert verdict["low"] <= verdict["test"] <= verdict["high"]
    assert verdict["gap"] == pytest.approx(verdict["score"] - verdict["test"])
    assert verdict["looks"] == 1
    assert told["waiting"] == []
    assert all(trial["run"] for trial in told["trials"])
    for trial in told["trials"]:
        assert ("momentum" in trial["values"]) == (trial["values"]["optimizer"] == "sgd")
        assert ("units_2" in trial["values"]) == (trial["values"]["layers"] == 2)


def test_show_marks_the_champion_and_has_the_fresh_scores_of_the_finalists(home: Path) -> None:
    told = shown(home)
    again = {trial["number"]: trial for trial in told["trials"] if trial["retakes"]}
    scores = ledger(home, "select number, seed, state, score from retakes order by number, retake")
    assert len(scores) == 4
    assert [
        (n, each["seed"], each["state"], each["score"]) for n in sorted(again) for each in again[n]["retakes"]
    ] == scores
    for number, trial in again.items():
        assert trial["fresh"] == pytest.approx(sum(score for n, *_, score in scores if n == number) / 2)
    champion = told["verdict"]["champion"]
    assert [trial["number"] for trial in told["trials"] if trial["champion"]] == [champion]
    assert told["running"] is None
    table = typed(home, "show", "small")
    rows = dict(re.findall(r"^((?:★ |  )\d) +(\d) ", table, re.MULTILINE))
    assert [number for place, number in rows.items() if place.startswith("★")] == [str(champion)]
    for number, trial in again.items():
        assert re.search(rf"^[★ ] \d +{number} +{trial['score']:.4f} +{trial['fresh']:.4f} ", table, re.MULTILINE)
    assert "running since" not in table


def test_the_same_command_again_says_that_it_is_done_and_looks_no_second_time(home: Path) -> None:
    before = shown(home)
    said = typed(home, "search", "small")
    assert "nothing left to train: 6 of 6 done" in said
    assert "--deterministic" not in said
    assert "test rows seen once" in said
    assert shown(home) == before


def test_studies_lists_what_was_found(home: Path) -> None:
    line = next(line for line in typed(home, "studies").splitlines() if line.startswith("small"))
    assert "A small search" in line
    assert "sklearn:breast_cancer" in line
    assert "6/6" in line
    best = max(trial["score"] for trial in shown(home)["trials"] if trial["state"] == "complete")
    assert f"val_accuracy {best:.4f}" in line


def test_the_models_of_the_best_are_kept_and_no_other_file(home: Path) -> None:
    folder = home / ".tuner" / "searches" / "small@1"
    told = shown(home)["trials"]
    best = [f"trial-{trial['number']:05d}" for trial in told if trial["state"] == "complete"][:2]
    assert sorted(path.name for path in (folder / "models").iterdir()) == sorted(best)
    assert sorted(path.name for path in (folder / "weights").iterdir()) == sorted(f"{b}.weights.npz" for b in best)
    assert not list(folder.rglob(".*"))


def test_mlflow_holds_the_whole_record(home: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{home}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert len(children) == 6
    assert {run.info.status for run in runs} == {"FINISHED"}
    told = shown(home)
    assert parents[0].info.run_id == told["run"]
    assert parents[0].data.metrics["test_accuracy"] == told["verdict"]["test"]
    trials = {trial["run"]: trial for trial in told["trials"]}
    for child in children:
        trial = trials[child.info.run_id]
        assert child.data.tags["mlflow.parentRunId"] == told["run"]
        assert {name: child.data.params[name] for name in trial["values"]} == {
            name: str(value) for name, value in trial["values"].items()
        }
        for metric in ("loss", "accuracy", "val_loss", "val_accuracy"):
            history = client.get_metric_history(child.info.run_id, metric)
            assert [point.step for point in history] == list(range(1, trial["epochs"] + 1))
        assert "history.json" in {file.path for file in client.list_artifacts(child.info.run_id)}
    plots = {Path(file.path).name for file in client.list_artifacts(told["run"], "plots")}
    assert plots == {"optimisation-history.png", "importance.png", "learning-curves.png", "confusion.png"}
    version = client.get_model_version_by_alias("small", "champion")
    assert version.tags["tuner.trial"] == str(told["verdict"]["champion"])
    assert len(client.search_model_versions("name='small'")) == 1


def test_a_changed_study_is_not_mixed_with_the_old_one(home: Path) -> None:
    before = shown(home)
    said = typed(home, "search", "small", "--seed", "1", "--sampler", "random", "--trainer", "plain", code=2)
    assert "error: small: --seed is 1 here, and small@1 began with --seed 0\n" in said
    assert "--sampler is random here, and small@1 began with --sampler tpe\n" in said
    assert "--trainer is plain here, and small@1 began with --trainer auto\n" in said
    assert "go on with: tuner search small@1 --sampler tpe --trainer auto --seed 0, or begin " in said
    assert "beside it: tuner search small --sampler random --trainer plain --seed 1 --fresh\n" in said
    assert shown(home) == before


def test_the_ui_serves_the_record_and_leaves_nothing_running(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with begun(home, "ui", "--port", str(port)) as process:
            assert process.stdout is not None
            moved = re.fullmatch(rf"port {port} is taken, (\d+) is not\n", process.stdout.readline())
            assert moved is not None
            assert int(moved[1]) > port
            address = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert address is not None
            assert address[1] == moved[1]
            experiments = _ask(
                process, address[0] + "/api/2.0/mlflow/experiments/search?max_results=10", home / "mlflow/server.log"
            )
            assert "small" in [experiment["name"] for experiment in experiments["experiments"]]
            process.send_signal(signal.SIGTERM)
            process.communicate()
            wait_until_gone(process.pid)


# A proxy of the environment is not for this machine's own addresses.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _ask(process: subprocess.Popen[str], address: str, log: Path) -> dict:
    """What a server answers, once it is up; a server that has ended fails the test with what it said."""
    while process.poll() is None:
        try:
            with _DIRECT.open(address, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.2)
    said, _ = process.communicate()
    pytest.fail(f"the server ended with {process.returncode}:\n{said}\n{log.read_text() if log.exists() else ''}")
