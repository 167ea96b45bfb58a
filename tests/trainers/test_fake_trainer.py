"""The fake keeps the promises of the real one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.contracts.trainer import Case, TrainerContract
from tests.fakes.trainer import FakeTrainer
from tuner.trainers import Trainer
from tuner.trial import Objective, Trial, derive_seed


class InMemory:
    objective = Objective("val_accuracy", "maximize")

    def trainer(self, room: int) -> Trainer:
        return FakeTrainer(self.objective, room)

    def room(self, room: int) -> int:
        return room

    def trial(self, number: int, epochs: int) -> Trial:
        return Trial(number, {"units": 8}, derive_seed(0, number), epochs)

    def broken(self, number: int) -> Trial:
        return Trial(number, {"broken": True}, derive_seed(0, number), 1)

    def left_behind(self) -> Sequence[object]:
        return ()


class TestFakeTrainer(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def case(cls) -> Case:
        return InMemory()
