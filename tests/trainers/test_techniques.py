"""Every technique that makes neural networks better, in a trial of the plain trainer: it trains, and what is exported
takes raw rows and predicts what the trainer's own network does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.trainers import jobs
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.study import TrainingSection
from tuner.trainers import processes
from tuner.trainers.work import Work
from tuner.trial import Objective, Result, State, Trial, Value
from tuner.tunables import ACTIVATIONS, INIT_DISTRIBUTIONS, INIT_MODES, INITIALIZERS, LOSSES, SCHEDULES, TUNABLES

Values = Mapping[str, Value]


def each(name: str, *values: Value) -> dict[str, Value]:
    return {f"{name}_{layer}": value for layer, value in enumerate(values, 1)}


def deep(**values: Value) -> dict[str, Value]:
    layers = max(int(name.rpartition("_")[2]) for name in values if name[-1].isdigit())
    return {"layers": layers, "units": 6, **values}


# By row of what was asked for; the optimizers are spread over them.
ROWS: Mapping[str, Values] = {
    "depth and width": {"layers": 10, **each("units", *range(8, 88, 8)), "optimizer": "sgd", "momentum": 0.9},
    "a wide net that tapers": {"layers": 5, **each("units", 300, 100, 50, 50, 50), "optimizer": "sgd",
                               "momentum": 0.9, "nesterov": True},
    "the same in a word": {"shape": "300-100-50-50-50", "optimizer": "sgd", "momentum": 0.9},
    "activations": deep(**each("activation", "sigmoid", "tanh", "relu", "elu", "selu", "relu6", "linear", "gelu",
                               "swish"), optimizer="rmsprop"),
    "activations with a slope": deep(**each("activation", "leaky_relu", "leaky_relu", "rrelu", "prelu"),
                                     **each("negative_slope", 0.01, 0.1), optimizer="adagrad"),
    "initializers": deep(**each("initializer", "random_normal", "random_uniform", "glorot_normal", "glorot_uniform",
                                "he_normal", "he_uniform", "lecun_normal"), optimizer="adadelta"),
    "initializers, constant": deep(**each("initializer", "zeros", "ones"), optimizer="adam"),
    "variance scaling": deep(initializer="variance_scaling", **each("init_scale", 2.0, 0.5, 1.0),
                             **each("init_mode", *INIT_MODES), **each("init_distribution", *INIT_DISTRIBUTIONS)),
    "selu and what goes with it": {"layers": 3, "units": 8, "activation": "selu", "initializer": "lecun_normal",
                                   "dropout": 0.1, "alpha_dropout": True, "optimizer": "adamax"},
    "dropout": {"layers": 2, "units": 8, "input_dropout": 0.2, **each("dropout", 0.6, 0.1), "optimizer": "nadam"},
    "penalties": {"layers": 2, "units": 8, **each("l1", 0.0, 0.01), **each("l2", 0.01, 0.0)},
    "batch normalisation before the weights": {"layers": 2, "units": 8, "batch_norm": True, "normalise_at": "layer"},
    "batch normalisation before the activation": {"layers": 2, "units": 8, "batch_norm": True,
                                                  "normalise_at": "activation"},
    "linear decay": {"layers": 1, "schedule": "linear", "end_rate": 0.1},
    "exponential decay": {"layers": 1, "schedule": "exponential", "end_rate": 0.25},
    "decay over time": {"layers": 1, "schedule": "inverse_time", "end_rate": 0.5},
    "a batch size of its own": {"layers": 1, "batch_size": 10},
    "squared error": {"layers": 1, "activation": "sigmoid", "loss": "mse", "optimizer": "sgd", "learning_rate": 3.0},
    "squared error of sigmoids": {"layers": 1, "activation": "sigmoid", "output_activation": "sigmoid", "loss": "mse",
                                  "optimizer": "sgd", "learning_rate": 3.0},
    "cross-entropy of sigmoids": {"layers": 1, "output_activation": "sigmoid"},
    "cross-entropy": {"layers": 1, "loss": "default", "label_smoothing": 0.1, "class_weight": "balanced"},
    "clipping by norm": {"layers": 1, "clipnorm": 0.5},
    "clipping by value": {"layers": 1, "clipvalue": 0.1},
    "inputs as they are": {"layers": 1, "input_scaling": "none"},
    "inputs of mean 0 and deviation 1": {"layers": 1, "input_scaling": "standard"},
    "inputs from 0 to 1": {"layers": 1, "input_scaling": "unit"},
}  # fmt: skip
# Where the task makes a difference to what is written into the model.
ALSO: Mapping[str, tuple[str, ...]] = {
    "breast_cancer": ("squared error", "inputs from 0 to 1"),
    "diabetes": ("inputs as they are", "activations with a slope"),
}
TRIALS = [("wine", row) for row in ROWS] + [(name, row) for name, rows in ALSO.items() for row in rows]


@dataclass(frozen=True)
class Exported:
    """How a trial ended, the layers of the file that was exported, and its predictions beside those of the trainer."""

    result: Result
    layers: list[str]
    trained: Array
    loaded: Array


@pytest.fixture(scope="module")
def exported(saved_split: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Exported]:
    @cache
    def made(name: str) -> dict[str, Exported]:
        folder = tmp_path_factory.mktemp(name)
        training = TrainingSection(epochs=1, batch_size=40)
        work = Work(training, Objective("val_loss", "minimize"), saved_split(name), folder / "weights")
        rows = [row for of, row in TRIALS if of == name]
        trials = [Trial(number, ROWS[row], 7, 1) for number, row in enumerate(rows)]
        found = processes.call(jobs.exported, work, trials, folder)
        return {row: Exported(*each) for row, each in zip(rows, found, strict=True)}

    return lambda name, row: made(name)[row]


@pytest.mark.parametrize(("name", "row"), TRIALS)
def test_it_trains_and_is_exported_as_it_was_trained(
    name: str, row: str, exported: Callable[[str, str], Exported]
) -> None:
    found = exported(name, row)
    assert found.result.state is State.COMPLETE, found.result.error
    assert len(found.result.history) == 1
    np.testing.assert_allclose(found.loaded, found.trained, rtol=1e-5, atol=1e-5)
    assert ("Rescaling" in found.layers) is (ROWS[row].get("input_scaling", "standard") != "standard")


@pytest.mark.parametrize("row", ["squared error", "squared error of sigmoids", "cross-entropy of sigmoids"])
def test_the_record_of_any_loss_and_any_outputs_has_the_log_loss(
    row: str, saved_split: Callable[[str], Path], tmp_path: Path
) -> None:
    """In `loss` as in `val_loss`, so that the two curves, and trials, can be compared; the p of several sigmoids are
    their shares.
    """
    work = Work(TrainingSection(batch_size=1000), Objective("val_loss", "minimize"), saved_split("wine"), tmp_path)
    recorded, untrained = processes.call(jobs.first_step, work, Trial(0, ROWS[row], 7, 1))
    assert untrained.sum(axis=1) == pytest.approx(1)
    split = Split.open(work.split)
    of_true = untrained[np.arange(len(untrained)), split.y_train.astype(int)]
    assert recorded["loss"] == pytest.approx(-np.log(of_true).mean(), rel=1e-5)


def test_no_word_and_no_name_is_left_out() -> None:
    """Of what the rows ask for; names that need no trial of their own are in other tests."""
    used = {name if name in TUNABLES else name.rpartition("_")[0] for values in ROWS.values() for name in values}
    of_images = {name for name, tunable in TUNABLES.items() if tunable.counter == "conv_layers"}
    options = {"beta_1", "beta_2", "rho", "epsilon", "amsgrad", "centered", "initial_accumulator_value"}
    others = {"warmup", "weight_decay", "global_clipnorm", "conv_layers", "rotation", "shift", "epochs", "patience"}
    assert set(TUNABLES) == used | of_images | options | others

    def words(name: str) -> set[Value]:
        own = [value for values in ROWS.values() for key, value in values.items() if key.startswith(name)]
        return set(own)

    assert words("init_mode") == set(INIT_MODES)
    assert words("init_distribution") == set(INIT_DISTRIBUTIONS)
    assert words("loss") == set(LOSSES)
    assert set(SCHEDULES) - words("schedule") == {"constant", "cosine"}
    assert set(INITIALIZERS) - words("initializer") == {"lecun_uniform", "orthogonal", "truncated_normal"}
    assert set(ACTIVATIONS) - words("activation") == {
        "exponential", "hard_sigmoid", "mish", "silu", "softplus", "softsign"
    }  # fmt: skip
