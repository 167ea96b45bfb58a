"""Fewer workers rather than killed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuner.metrics import Task
from tuner.space import Choice, Space
from tuner.study import TrainingSection
from tuner.trainers import memory
from tuner.trainers.stacked.plan import MEMORY, Plan, Rows, plan

GIB = 2**30


def planned(features: int, rows: int, width: int) -> Plan:
    space = Space((Choice(name="layers", options=(2,)), Choice(name="units", options=(width,))))
    return plan(space, TrainingSection(), Rows(Task.BINARY, features, 2, rows, rows // 4))


@pytest.mark.parametrize(
    ("free", "workers"),
    [(None, 8), (64 * GIB, 8), (2 * GIB, 2), (GIB, 1), (0, 1)],
)
def test_as_many_as_there_is_memory_for_and_never_none(free: int | None, workers: int) -> None:
    assert memory.fitting(8, planned(8, 500, 16), free) == workers


def test_rows_and_weights_count() -> None:
    small, wide, long = planned(8, 500, 16), planned(8, 500, 2048), planned(1000, 500_000, 16)
    assert memory.fitting(8, small, 6 * GIB) > memory.fitting(8, wide, 6 * GIB) > memory.fitting(8, long, 6 * GIB)


def test_a_stack_has_fewer_lanes_rather_than_more_memory() -> None:
    many, few = planned(8, 500, 16), planned(8, 30_000_000, 16)
    values = {"layers": 2, "units": 16}
    assert many.bucket(values).lanes == 8
    assert few.bucket(values).lanes < 8
    lanes = few.bucket(values).lanes
    assert lanes == 1 or lanes * few.bytes(2, 16, 32) <= MEMORY


def test_what_the_system_says(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:       24684528 kB\nMemAvailable:       1000 kB\n")
    assert memory.free(table) == 1000 * 1024
    table.write_text("MemTotal:       24684528 kB\n")
    assert memory.free(table) is None
    assert memory.free(tmp_path / "none") is None
