"""What stands around the weights of a layer: activations with a slope, dropout, initial weights, normalisation; and
the loss of classes that is a squared error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import around, networks
from tuner.metrics import Task
from tuner.trainers import processes
from tuner.trial import Value
from tuner.tunables import INIT_DISTRIBUTIONS, INIT_MODES

X = np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32)
BELOW = X < 0


def layers(**values: Value) -> list[tuple[str, dict[str, Any]]]:
    return processes.call(networks.described, values)["layers"]


def test_the_slope_of_leaky_relu_below_zero() -> None:
    found = layers(layers=3, activation="leaky_relu", negative_slope_1=0.01, negative_slope_2=0.1)
    assert [config["negative_slope"] for name, config in found if name == "LeakyReLU"] == [0.01, 0.1, 0.2]
    given, _ = processes.call(around.bent, {"layers": 1, "activation": "leaky_relu", "negative_slope": 0.01}, X)
    np.testing.assert_allclose(given, np.where(BELOW, 0.01 * X, X), rtol=1e-6)


def test_prelu_trains_a_slope_for_each_unit_which_begins_at_zero() -> None:
    values: dict[str, Value] = {"layers": 2, "units_1": 8, "units_2": 5, "activation": "prelu"}
    slopes = {n: each for n, each in processes.call(networks.weights, values).items() if n.startswith("activation")}
    assert {name: each.shape for name, each in slopes.items()} == {
        "activation_1/alpha": (8,), "activation_2/alpha": (5,)
    }  # fmt: skip
    assert not any(each.any() for each in slopes.values())
    assert all(processes.call(networks.stepped, values).values())


def test_rrelu_draws_a_slope_for_each_unit_and_row_and_predicts_with_their_mean() -> None:
    values: dict[str, Value] = {"layers": 1, "activation": "rrelu"}
    given, (one, two, again, _, other, _) = processes.call(around.bent, values, X, (1, 1, 2))
    np.testing.assert_allclose(given, np.where(BELOW, 11 / 48 * X, X), rtol=1e-6)
    for trained in (one, two, other):
        np.testing.assert_array_equal(trained[~BELOW], X[~BELOW])
    slopes = one[BELOW] / X[BELOW]
    assert slopes.min() == pytest.approx(1 / 8, abs=1e-3)
    assert slopes.max() == pytest.approx(1 / 3, abs=1e-3)
    # Five standard errors of so many.
    assert slopes.mean() == pytest.approx(11 / 48, abs=5 * (1 / 3 - 1 / 8) / np.sqrt(12 * len(slopes)))
    assert len(np.unique(slopes.round(6))) > 0.9 * len(slopes)
    np.testing.assert_array_equal(one, again)
    assert (one != two)[BELOW].mean() > 0.99 < (one != other)[BELOW].mean()


@pytest.mark.parametrize(
    ("values", "theirs"),
    [
        ({"activation": "rrelu"}, "LeakyReLU"),
        ({"activation": "prelu", "input_dropout": 0.3, "dropout": 0.3}, "PReLU"),
        ({"activation": "selu", "alpha_dropout": True, "dropout": 0.3, "batch_norm": True}, "AlphaDropout"),
    ],
)
def test_what_is_exported_has_layers_of_keras_only(values: dict[str, Value], theirs: str, tmp_path: Path) -> None:
    x = X[:, :4]
    found = processes.call(around.exported, {"layers": 2, **values}, x, tmp_path / "model.keras")
    assert {module for _, module in found["layers"]} == {"keras"}
    assert theirs in {name for name, _ in found["layers"]}
    np.testing.assert_allclose(found["shared"], found["network"], rtol=1e-6)
    assert np.abs(found["loaded"] - found["network"]).max() > 1e-3, "the file has the weights of then"
    if theirs == "LeakyReLU":
        assert found["configs"]["activation_1"]["negative_slope"] == pytest.approx(11 / 48)


def test_dropout_of_the_inputs_and_alpha_dropout_of_some_layers() -> None:
    found = layers(layers=2, input_dropout=0.25, dropout=0.5, alpha_dropout_1=True, alpha_dropout_2=False)
    assert [name for name, _ in found] == [
        "InputLayer", "Dropout", "Dense", "Activation", "AlphaDropout", "Dense", "Activation", "Dropout", "Dense"
    ]  # fmt: skip
    assert [config["rate"] for name, config in found if "Dropout" in name] == [0.25, 0.5, 0.5]
    assert len({config["seed"] for name, config in found if "Dropout" in name}) == 3
    x = np.ones((500, 4), np.float32)
    predicting, training = processes.call(around.entered, {"layers": 1, "input_dropout": 0.25}, x)
    np.testing.assert_array_equal(predicting, x)
    assert set(np.unique(training.round(4)).tolist()) == {0.0, np.float32(1.3333)}


def test_a_layer_is_normalised_before_its_weights_or_before_its_activation() -> None:
    found = layers(layers=2, batch_norm_1=True, batch_norm_2=False, normalise_at="layer")
    assert [name for name, _ in found] == [
        "InputLayer", "BatchNormalization", "Dense", "Activation", "Dense", "Activation", "Dense"
    ]  # fmt: skip
    # What is normalised before it does not take the place of a bias.
    assert [config["use_bias"] for name, config in found if name == "Dense"] == [True] * 3
    assert all(
        processes.call(networks.stepped, {"layers": 2, "batch_norm": True, "normalise_at": "layer"}).values()
    )  # fmt: skip


def test_variance_scaling_has_a_scale_a_mode_and_a_distribution_for_each_layer() -> None:
    values: dict[str, Value] = {
        "layers": 3, "initializer": "variance_scaling",
        "init_scale_1": 2.0, "init_mode_1": INIT_MODES[2], "init_distribution_1": INIT_DISTRIBUTIONS[2],
        "init_scale_2": 0.5, "init_mode_2": INIT_MODES[1], "init_distribution_2": INIT_DISTRIBUTIONS[1],
    }  # fmt: skip
    found = [config["kernel_initializer"]["config"] for name, config in layers(**values) if name == "Dense"][:3]
    assert [(each["scale"], each["mode"], each["distribution"]) for each in found] == [
        (2.0, "fan_avg", "uniform"),
        (0.5, "fan_out", "untruncated_normal"),
        (1.0, "fan_in", "truncated_normal"),
    ]
    assert len({each["seed"] for each in found}) == 3


@pytest.mark.parametrize(("task", "classes"), [(Task.BINARY, 2), (Task.MULTICLASS, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_the_squared_error_of_classes(task: Task, classes: int, smoothing: float) -> None:
    """Of p, or its mean over the classes; by hand. The record has the log loss all the same."""
    rng = np.random.default_rng(0)
    targets, p = rng.integers(0, classes, size=5), rng.dirichlet(np.ones(classes), size=5).astype(np.float32)
    spread = np.eye(classes)[targets] * (1 - smoothing) + smoothing / classes
    # The error of p and that of 1 - p are one.
    expected = ((spread - p) ** 2).mean()
    values: dict[str, Value] = {"layers": 0, "loss": "mse", "label_smoothing": smoothing}
    given = p[:, 1:] if task is Task.BINARY else p
    found = processes.call(around.loss, values, task, targets[:, None].astype(np.float32), given)
    assert found == pytest.approx(expected, rel=1e-5)
    metrics = processes.call(networks.described, values, task)["metrics"]
    assert metrics == ["accuracy", "plain_loss"]
