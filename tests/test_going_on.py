"""A trial that goes on from another, in a real search: packed, replayed, and what is said where the other is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.contracts.tracker import OPENING
from tests.trainers import jobs
from tuner import deletion, opening, packaging, replay
from tuner.errors import ExportError
from tuner.home import Home
from tuner.ledger import Ledger, own
from tuner.page import gathered, trials
from tuner.report import _leaderboard, search_json
from tuner.shown import load_search
from tuner.study import from_document
from tuner.trackers import words
from tuner.trainers import processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Result, State, Trial, Value
from tuner.watch import Watch

VALUES: dict[str, Value] = {"layers": 1, "units": 8, "dropout": 0.25, "optimizer": "adam", "learning_rate": 0.02}
DOCUMENT = {
    "data": {"source": "sklearn:wine"},
    "space": {name: value if name == "layers" else {"choice": [value]} for name, value in VALUES.items()},
    "objective": {"metric": "val_loss"},
    "training": {"epochs": 6},
}
PARENT = Trial(0, VALUES, 5, last_epoch=3)
LATER = Trial(1, VALUES, 6, first_epoch=4, last_epoch=6, parent=0)


@dataclass
class Searched:
    home: Home
    work: Work
    results: list[Result]
    subject: packaging.Subject


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    """A search in which the plain trainer trained the one, and a stack the other that goes on from it."""
    home = Home(tmp_path_factory.mktemp("home"))
    study, ledger = from_document("wine", DOCUMENT), Ledger(home)
    split = opening.split(study, home)
    ledger.create("wine", DOCUMENT, opening.describe(study, split))
    with own(ledger, ledger.get("wine")) as record:
        work = opening.work(record.folder, study, split)
        for trainer, trial in (("plain", PARENT), ("stacked", LATER)):
            ask = record.asks(lambda n, trial=trial: Batch((trial,), more=False), dict)  # type: ignore[misc]
            with PoolTrainer(work, trainer=trainer) as pool:
                for result in pool.run(ask, lambda reports: set(), lambda: False):
                    record.told(result, {})
        search = record.search
        yield Searched(home, work, list(record.results), packaging.Subject(work, "wine", search.label, search.data, {}))
    ledger.close()


def test_the_model_is_that_of_its_best_epoch(searched: Searched, tmp_path: Path) -> None:
    later = searched.results[1]
    assert (later.state, later.program["trainer"]) == (State.COMPLETE, "stacked")
    assert later.best_epoch is not None
    assert later.best_epoch > 3 == len(later.history)
    # It is held to the record of that epoch, and raises where it is not.
    folder = processes.call(packaging.model, searched.subject, later, tmp_path / "model")
    assert json.loads((folder / packaging.MANIFEST).read_text())["best_epoch"] == later.best_epoch
    looked = processes.call(jobs.look, searched.work, later)
    assert looked.metrics["loss"] == pytest.approx(later.score, rel=1e-5)


def test_whoever_looks_is_told_where_it_came_from(searched: Searched) -> None:
    shown, later = load_search(searched.home, "wine"), searched.results[1]
    of = {trial["number"]: trial for trial in search_json(shown)["trials"]}
    assert (of[1]["parent"], of[1]["first_epoch"], of[1]["epochs"]) == (0, 4, 3)
    assert "parent" not in of[0]
    board = gathered._board(shown, 5)
    lines = {line.cells[1].text: dict(zip(board.columns, line.cells, strict=True)) for line in board.lines}
    assert (lines["1"]["epoch"].text, lines["1"]["from"].text) == (f"{later.best_epoch}/6", "0")
    assert lines["0"]["from"].text == ""
    console = Console(width=200, record=True, file=StringIO())
    console.print(_leaderboard(shown, shown.ranked))
    assert re.search(rf"{later.best_epoch}/6 +0 +{later.seconds:.1f}", console.export_text())
    assert trials.curves(shown, later).title == "Trial 1, on from trial 0"
    tags = words.trial_tags(OPENING, later, "run")
    assert (tags["tuner.parent"], tags["tuner.first_epoch"]) == ("0", "4")
    history = json.loads(words.trial_history(later))
    assert (history["parent"], history["first_epoch"], history["epochs"][0]["epoch"]) == (0, 4, 4)


def test_it_is_replayed_after_those_that_it_goes_on_from(searched: Searched, tmp_path: Path) -> None:
    searched.work.files.rename(tmp_path / "weights")  # as those of a search that has ended
    again = replay.replay(searched.home, "wine", 1, Watch())
    assert again.same
    assert again.again.history == searched.results[1].history
    assert again.line == (
        f"wine@1, trial 1: the same score, {again.recorded.score}, and the same metrics in 3 of 3 epochs, with the "
        "stacked trainer"
    )
    assert not searched.work.files.exists()


def test_where_one_is_not_the_same_the_first_of_them_is_why(
    searched: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {0: 0.25, 1: 0.5}

    def train(work: Work, recorded: Result, watch: Watch) -> Result:
        return Result(recorded.trial, State.COMPLETE, others[recorded.trial.number], 1, program=recorded.program)

    monkeypatch.setattr(replay, "_train", train)
    again = replay.replay(searched.home, "wine", 1, Watch())
    assert (again.same, again.again.score) == (False, 0.5)
    assert again.line.startswith(f"wine@1, trial 0: score {searched.results[0].score} in the record, 0.25 now")


def test_without_those_that_it_goes_on_from_it_cannot_be_trained_again(searched: Searched) -> None:
    said = deletion.plan(searched.home, "wine", 0).describe()
    assert said.endswith("its MLflow run; what went on from it cannot be replayed then: trial 1")
    assert deletion.plan(searched.home, "wine", 1).describe().endswith("its MLflow run")
    ledger = Ledger(searched.home)
    ledger.delete_trial(ledger.get("wine"), 0)
    ledger.close()
    with pytest.raises(ExportError, match=r"^wine@1: trial 1 goes on from trial 0, which was deleted, so that trial 1"):
        replay.replay(searched.home, "wine", 1, Watch())
