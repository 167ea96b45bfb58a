"""Stacks of trials in real processes, with an engine of a few numbers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainers import numbers
from tests.trainers.numbers import LANES, NumberPlan
from tuner.sections import TrainingSection
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Objective


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("stacks")
    return Work(TrainingSection(), Objective("val_accuracy", "maximize"), folder, folder / "w", NumberPlan(LANES))  # type: ignore[arg-type]


@pytest.fixture
def pool(work: Work, tmp_path: Path) -> Iterator[Callable[..., PoolTrainer]]:
    """Makes trainers, and ends their processes."""
    made: list[PoolTrainer] = []

    def make(
        workers: int = 1,
        lanes: int = LANES,
        training: TrainingSection = work.training,
        refused: Mapping[str, float] | None = None,
        **more: object,
    ) -> PoolTrainer:
        plan = NumberPlan(lanes, refused=refused or {})
        own = replace(work, training=training, files=tmp_path / "w", plan=plan)  # type: ignore[arg-type]
        made.append(PoolTrainer(own, workers, **{"opener": numbers.open_, **more}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert not multiprocessing.active_children()
    assert not list(tmp_path.rglob(".*"))
