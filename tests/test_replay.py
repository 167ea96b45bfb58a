"""A replay without training: which trainer it asks for, and what is exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuner import packaging, replay
from tuner.errors import ExportError
from tuner.home import Home
from tuner.sections import TrainingSection
from tuner.trainers import processes
from tuner.trainers.work import Work
from tuner.trial import Objective, Report, Result, State, Trial
from tuner.watch import Watch


@pytest.mark.parametrize(
    ("program", "trainer"), [({"trainer": "stacked"}, "stacked"), ({"trainer": "plain"}, "plain"), ({}, "auto")]
)
def test_a_trial_is_trained_by_what_trained_it_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: dict[str, str], trainer: str
) -> None:
    said: list[object] = []

    class Pool:
        def __init__(self, work: Work, say: Callable[[str], None], trainer: str) -> None:
            said.append(trainer)

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None:
            said.append("closed")

        def run(self, ask: Any, judge: Any, stop: Any) -> Iterator[Result]:
            (trial,) = ask(3).trials
            said.append([judge([Report(4, epoch, {})]) for epoch in (1, 2)])
            yield Result(trial, State.PRUNED)

    monkeypatch.setattr(replay, "PoolTrainer", Pool)
    work = Work(TrainingSection(), Objective("val_loss", "minimize"), tmp_path, tmp_path)
    recorded = Result(Trial(4, {}, 0, 9), State.PRUNED, history=({"val_loss": 1.0}, {"val_loss": 2.0}), program=program)
    assert replay._train(work, recorded, Watch()) == Result(recorded.trial, State.PRUNED)
    assert said == [trainer, [set(), {4}], "closed"]


RECORDED = Result(Trial(4, {}, 0, 1), State.COMPLETE, 0.75, 1, ({},), program={"trainer": "stacked"})


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Result], list[str]]:
    """What is said while trial 4 is exported, whose weights from a stack are not the same in Keras; the plain trainer
    gives what it is told to.
    """
    document = {"data": {"source": "sklearn:wine"}, "space": {"layers": 1}}
    search = SimpleNamespace(study="wine", document=document, label="wine@1", data={})
    work = Work(TrainingSection(), Objective("val_loss", "minimize"), tmp_path, tmp_path)

    def packs(function: Any, subject: packaging.Subject, result: Result, folder: Path) -> Path:
        assert (function, folder) == (packaging.model, work.files / "model")
        if result.program["trainer"] == "stacked":
            raise packaging.Unfaithful((4,), "trial 4: is not what it was")
        return folder / str(result.score)

    def exported(plain: Result) -> list[str]:
        lines: list[str] = []
        trained = {None: RECORDED, "plain": plain}
        monkeypatch.setattr(replay, "_train", lambda work, recorded, watch, trainer=None: trained[trainer])
        with replay.packed(Home(tmp_path), "wine", 4, lines.append) as made:
            return [*lines, made.name]

    monkeypatch.setattr(replay, "_recorded", lambda home, name, trial: (search, RECORDED))
    monkeypatch.setattr(replay, "_aside", lambda home, search: nullcontext(work))
    monkeypatch.setattr(processes, "preload", lambda: None)
    monkeypatch.setattr(processes, "call", packs)
    return exported


def test_one_that_is_not_the_same_in_keras_is_exported_as_the_plain_trainer_trains_it(
    alone: Callable[[Result], list[str]],
) -> None:
    assert alone(Result(RECORDED.trial, State.COMPLETE, 0.5, program={"trainer": "plain"})) == [
        "the model of trial 4 was not kept; training it again",
        "trial 4: is not what it was; the plain trainer trains it again",
        "trial 4: score 0.75 in the record, 0.5 by the plain trainer",
        "0.5",
    ]


def test_one_that_the_plain_trainer_does_not_complete_has_no_model(alone: Callable[[Result], list[str]]) -> None:
    with pytest.raises(ExportError, match=r"^wine@1: trial 4 is diverged with the plain trainer, and has no model"):
        alone(Result(RECORDED.trial, State.DIVERGED))


def test_a_trainer_that_is_named_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(Exception): ...

    def pool(work: Work, say: Callable[[str], None], trainer: str) -> None:
        asked.append(trainer)
        raise Asked

    monkeypatch.setattr(replay, "PoolTrainer", pool)
    work = Work(TrainingSection(), Objective("val_loss", "minimize"), tmp_path, tmp_path)
    with pytest.raises(Asked):
        replay._train(work, RECORDED, Watch(), "plain")
    assert asked == ["plain"]
