"""A replay without training: which trainer it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tuner import replay
from tuner.sections import TrainingSection
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
