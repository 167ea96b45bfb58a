"""The studies that make tables of others: the grid runs exactly the rows of the table, and ends by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    "mnist-networks": (4, Task.MULTICLASS),
}

FIVE_LAYERS = {"shape": "300-100-50-50-50", "optimizer": "sgd", "learning_rate": 0.001}

# By study: what all rows of its table share, epochs, rows of a step, and which epoch counts.
SETTINGS: Mapping[str, tuple[Mapping[str, Value], int, int, str]] = {
    "diabetes-optimizer": ({"layers": 1, "units": 32, "activation": "relu"}, 5, 32, "best"),
    "diabetes-units": ({"layers": 1, "activation": "relu", "optimizer": "rmsprop"}, 5, 32, "best"),
    "diabetes-layers": ({"units": 72, "activation": "relu", "optimizer": "rmsprop"}, 5, 32, "best"),
    "california-initializers": (FIVE_LAYERS, 20, 32, "last"),
    "fashion-mnist-initializers": (FIVE_LAYERS | {"input_scaling": "unit"}, 20, 32, "last"),
    "mnist-steps": (
        {"activation": "tanh", "optimizer": "sgd", "learning_rate": 0.2, "input_scaling": "unit"}, 50, 60, "last",
    ),
    "mnist-networks": ({"input_scaling": "unit"}, 20, 32, "last"),
}  # fmt: skip


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
    if name in ROWS:  # no line of the table is of two rows
        told = {tuple(values.get(each) for each in named) for values in study.space.grid()}
        assert len(told) == ROWS[name][0]


@pytest.mark.parametrize("name", SETTINGS)
def test_all_rows_share_the_settings_of_the_source(name: str) -> None:
    study = load(shipped() / f"{name}.toml")
    shared, epochs, batch, epoch = SETTINGS[name]
    rows: list[Mapping[str, Value]] = list(study.space.grid())
    every = set(rows[0].items()).intersection(*(row.items() for row in rows))
    assert dict(every) == shared
    assert (study.training.epochs, study.training.batch_size, study.objective.epoch) == (epochs, batch, epoch)
    assert study.training.early_stopping is None


def test_the_searches_on_the_pima_rows_cover_what_the_source_found() -> None:
    def found(name: str) -> list[Value]:
        study = load(shipped() / f"diabetes-{name}.toml")
        return [values[name] for values in study.space.grid()]

    assert found("optimizer") == ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"]
    assert found("units") == list(range(8, 129, 8))
    assert found("layers") == list(range(1, 11))


def test_the_shares_of_rows_are_those_of_the_source() -> None:
    def shares(name: str) -> tuple[float, float | None]:
        split = load(shipped() / f"{name}.toml").data.split
        return split.validation, split.test

    for name in ("fashion-mnist-initializers", "mnist-steps", "mnist-networks"):
        assert shares(name)[0] == 0.1, name  # the test rows come apart
    assert shares("california-initializers") == (0.1875, 0.25)  # a quarter, and a quarter of what is left


def test_the_steps_are_those_of_the_source_and_each_adds_one_thing() -> None:
    study = load(shipped() / "mnist-steps.toml")
    named = ("loss", "output_activation", "momentum", "schedule", "end_rate", "initializer", "shape", "dropout")
    steps = [tuple(values.get(name) for name in named) for values in study.space.grid()]
    assert steps == [
        ("mse", "sigmoid", 0.0, "constant", None, "random_normal", "89", 0.0),
        ("default", None, 0.0, "constant", None, "random_normal", "89", 0.0),
        ("default", None, 0.9, "constant", None, "random_normal", "89", 0.0),
        ("default", None, 0.9, "exponential", 0.25, "random_normal", "89", 0.0),  # 0.2 → 0.05
        ("default", None, 0.9, "exponential", 0.25, "glorot_uniform", "89", 0.0),
        ("default", None, 0.9, "exponential", 0.25, "glorot_uniform", "178-46", 0.0),
        ("default", None, 0.9, "exponential", 0.25, "glorot_uniform", "178-46", 0.2),
    ]


def test_the_networks_are_those_of_the_source() -> None:
    study = load(shipped() / "mnist-networks.toml")
    named = ("shape", "activation", "loss", "output_activation", "optimizer", "learning_rate", "batch_size", "dropout")
    assert [tuple(values.get(name) for name in named) for values in study.space.grid()] == [
        ("30", "sigmoid", "mse", "sigmoid", "sgd", 3.0, 10, None),
        ("30", "sigmoid", "default", None, "sgd", 1.0, 30, None),
        ("256-256", "relu", "default", None, "adam", 0.001, 128, None),
        ("512-512", "relu", "default", None, "adadelta", 1.0, 128, 0.2),
    ]


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
