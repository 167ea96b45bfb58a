"""The studies that make tables of others: the grid runs exactly the rows of the table, and ends by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import pytest

from tuner.drivers import build
from tuner.home import shipped
from tuner.metrics import Task
from tuner.study import load
from tuner.trial import Value

# By study: how many rows its table has, and the task of its data.
ROWS: Mapping[str, tuple[int, Task]] = {
    "diabetes-optimizer": (7, Task.BINARY),
    "diabetes-units": (16, Task.BINARY),
    "diabetes-layers": (10, Task.BINARY),
    "california-initializers": (6, Task.REGRESSION),
    "fashion-mnist-initializers": (10, Task.MULTICLASS),
    "mnist-steps": (7, Task.MULTICLASS),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_grid_is_the_rows_of_the_table_and_their_repeats(name: str) -> None:
    study = load(shipped() / f"{name}.toml")
    rows, task = ROWS[name]
    batch = build(study, study.objective_for(task)).ask(1000)
    assert len(batch.trials) == rows * study.search.repeats == study.search.trials
    keys = [trial.key for trial in batch.trials]
    assert len(set(keys[:rows])) == rows
    assert keys == keys[:rows] * study.search.repeats


@pytest.mark.parametrize("name", [*ROWS, "diabetes-all"])
def test_the_file_says_how_its_table_is_made(name: str) -> None:
    study = load(shipped() / f"{name}.toml")
    (command,) = re.findall(rf"tuner table {name} ([\w, -]+)$", study.text, re.MULTILINE)
    asked = re.findall(r"--(?:rows|columns) ([\w,]+)", command)
    varied = {parameter.name for parameter in study.space.parameters if parameter.size != 1}
    named = {each for names in asked for each in names.split(",")}
    assert named <= varied
    if name in ROWS:  # what differs between rows is in the table, but for what a rule sets beside
        assert varied == named


def test_the_steps_add_one_thing_at_a_time() -> None:
    study = load(shipped() / "mnist-steps.toml")
    steps: list[Mapping[str, Value]] = list(study.space.grid())
    for before, after in pairwise(steps):
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert len(changed - {"end_rate"}) == 1, (before, after)


def test_the_rows_of_the_activations_are_those_of_the_source() -> None:
    def rows(name: str) -> set[tuple[Value, ...]]:
        study = load(shipped() / f"{name}.toml")
        return {(v["initializer"], v["activation"], v["batch_norm"]) for v in study.space.grid()}

    both = {
        ("glorot_uniform", "linear", False), ("glorot_uniform", "relu", False), ("he_normal", "relu", False),
        ("he_normal", "leaky_relu", False), ("lecun_normal", "selu", False), ("he_normal", "relu", True),
    }  # fmt: skip
    assert rows("california-initializers") == both
    assert rows("fashion-mnist-initializers") == both | {
        ("zeros", "relu", False), ("ones", "relu", False), ("he_uniform", "relu", False), ("he_normal", "rrelu", False),
    }  # fmt: skip
