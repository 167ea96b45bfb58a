"""From values to the network that they name. Every network is built in a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models import networks
from tuner.metrics import Task
from tuner.trainers import processes
from tuner.trial import Value
from tuner.tunables import ACTIVATIONS, CLIPPING, INITIALIZERS, OPTIMIZERS, OPTIONS, TUNABLES


def described(task: Task = Task.BINARY, **values: Value) -> dict[str, Any]:
    return processes.call(networks.described, values, task)


def named(network: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [config for name, config in network["layers"] if name == kind]


def test_values_of_each_layer() -> None:
    network = described(
        layers=3,
        units_1=8, units_2=16, units_3=24,
        activation_1="relu", activation_2="tanh", activation_3="selu",
        dropout_1=0.0, dropout_2=0.25, dropout_3=0.5,
        l2_1=0.0, l2_2=0.125, l2_3=0.0,
        batch_norm_1=False, batch_norm_2=True, batch_norm_3=False,
        initializer_1="he_normal", initializer_2="orthogonal", initializer_3="zeros",
    )  # fmt: skip
    assert [name for name, _ in network["layers"]] == [
        "InputLayer",
        "Dense", "Activation",
        "Dense", "BatchNormalization", "Activation", "Dropout",
        "Dense", "Activation", "Dropout",
        "Dense",
    ]  # fmt: skip
    hidden = named(network, "Dense")[:3]
    assert [layer["units"] for layer in hidden] == [8, 16, 24]
    assert [layer["use_bias"] for layer in hidden] == [True, False, True]
    assert [layer["activation"] for layer in hidden] == ["linear"] * 3
    assert [each["activation"] for each in named(network, "Activation")] == ["relu", "tanh", "selu"]
    assert [each["rate"] for each in named(network, "Dropout")] == [0.25, 0.5]
    regularizers = [layer["kernel_regularizer"] for layer in hidden]
    assert regularizers[0] is regularizers[2] is None
    assert regularizers[1]["class_name"] == "L2"
    assert regularizers[1]["config"]["l2"] == 0.125
    initializers = [layer["kernel_initializer"]["class_name"] for layer in hidden]
    assert initializers == ["HeNormal", "Orthogonal", "Zeros"]


def test_a_shape_is_the_widths_of_all_layers() -> None:
    assert described(shape="24-8-16", dropout=0.5) == described(
        layers=3, units_1=24, units_2=8, units_3=16, dropout=0.5
    )
    assert [layer["units"] for layer in named(described(shape="24"), "Dense")] == [24, 1]


def test_one_value_for_all_layers() -> None:
    network = described(layers=3, units=24, activation="gelu", dropout=0.5, batch_norm=True, l2=0.25)
    assert [layer["units"] for layer in named(network, "Dense")[:3]] == [24] * 3
    assert [each["activation"] for each in named(network, "Activation")] == ["gelu"] * 3
    assert [each["rate"] for each in named(network, "Dropout")] == [0.5] * 3
    assert len(named(network, "BatchNormalization")) == 3


def test_without_a_hidden_layer_it_is_linear() -> None:
    network = described(layers=0)
    assert [name for name, _ in network["layers"]] == ["InputLayer", "Dense"]


@pytest.mark.parametrize(
    ("task", "output", "activation", "loss", "metrics"),
    [
        (Task.BINARY, (None, 1), "sigmoid", "BinaryCrossentropy", ["accuracy", "plain_loss"]),
        (Task.MULTICLASS, (None, 3), "softmax", "SparseCategoricalCrossentropy", ["accuracy", "plain_loss"]),
        (Task.REGRESSION, (None, 1), "linear", "MeanSquaredError", ["mae", "plain_loss"]),
    ],
)
def test_output_and_loss_follow_the_task(
    task: Task, output: tuple[int | None, int], activation: str, loss: str, metrics: list[str]
) -> None:
    network = described(task, layers=1)
    assert network["output"] == output
    assert named(network, "Dense")[-1]["activation"] == activation
    assert (network["loss"], network["metrics"]) == (loss, metrics)


# A value for each option, none of them Keras' default of any optimizer.
OPTION_VALUES: dict[str, Value] = {
    "momentum": 0.75, "nesterov": True, "beta_1": 0.5, "beta_2": 0.75, "rho": 0.625, "epsilon": 0.25, "amsgrad": True,
    "centered": True, "initial_accumulator_value": 0.5, "weight_decay": 0.125,
    "clipnorm": 0.5, "clipvalue": 0.25, "global_clipnorm": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_takes_a_step_with_all_that_it_knows(optimizer: str) -> None:
    known = [name for name in OPTIONS if (only := TUNABLES[name].only) is None or optimizer in only[1]]
    one_way = CLIPPING[OPTIMIZERS.index(optimizer) % 3]
    options = {name: OPTION_VALUES[name] for name in known if name == one_way or name not in CLIPPING}
    values: dict[str, Value] = {"layers": 1, "optimizer": optimizer, "learning_rate": 0.125, **options}
    network = processes.call(networks.described, values)
    assert network["optimizer"].lower() == optimizer
    assert network["settings"]["learning_rate"] == 0.125
    assert {name: network["settings"][name] for name in options} == options
    moved = processes.call(networks.stepped, values)
    assert len(moved) == 4
    assert all(moved.values()), moved


def test_without_options_an_optimizer_is_as_keras_has_it() -> None:
    assert {name: described(layers=1, optimizer="lion")["settings"][name] for name in ("beta_2", "weight_decay")} == {
        "beta_2": 0.99, "weight_decay": None
    }  # fmt: skip
    assert described(layers=1, optimizer="adamw")["settings"]["weight_decay"] == 0.004


def test_a_momentum_that_an_optimizer_has_not_is_an_error() -> None:
    with pytest.raises(processes.WorkerDied, match="momentum"):
        described(layers=1, optimizer="adam", momentum=0.5)


def test_every_activation_and_initializer_takes_a_step() -> None:
    """One layer each, in networks that are not so deep that nothing reaches the first layer."""
    for start in range(0, len(ACTIVATIONS), 4):
        some = ACTIVATIONS[start : start + 4]
        values = {"layers": len(some), **{f"activation_{n}": name for n, name in enumerate(some, 1)}}
        moved = processes.call(networks.stepped, values)
        assert all(moved.values()), (some, moved)
    for name in INITIALIZERS:
        moved = processes.call(networks.stepped, {"layers": 1, "initializer": name, "activation": "linear"})
        assert moved["prediction/bias"], name


def test_initial_weights_hang_on_the_seed_and_the_layer() -> None:
    two, again, three, other = (
        processes.call(networks.weights, {"layers": layers, "units": 4}, seed)
        for layers, seed in ((2, 1), (2, 1), (3, 1), (2, 2))
    )
    assert all(np.array_equal(two[name], again[name]) for name in two)
    kernels = ["dense_1/kernel", "dense_2/kernel", "prediction/kernel"]
    assert not any(np.array_equal(two[name], other[name]) for name in kernels)
    assert not np.array_equal(two["dense_1/kernel"], two["dense_2/kernel"])
    # A further layer leaves those before it as they are.
    assert all(np.array_equal(two[name], three[name]) for name in kernels[:2])


def test_dropout_hangs_on_the_seed_and_differs_from_step_to_step() -> None:
    values: dict[str, Value] = {"layers": 2, "dropout": 0.5}
    one, again, other = (processes.call(networks.dropped, values, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert one[0] != one[1]
    assert not np.array_equal(one, other)


def test_the_penalty_is_on_the_weights_of_its_layer() -> None:
    values: dict[str, Value] = {
        "layers": 3,
        "l1_1": 0.0,
        "l1_2": 0.25,
        "l1_3": 0.0,
        "l2_1": 0.5,
        "l2_2": 2.0,
        "l2_3": 0.0,
    }
    found, weights = processes.call(networks.penalty, values)
    first, second = weights["dense_1/kernel"], weights["dense_2/kernel"]
    expected = 0.5 * (first**2).sum() + 0.25 * abs(second).sum() + 2.0 * (second**2).sum()
    assert found == pytest.approx(float(expected))


@pytest.mark.parametrize(("task", "classes"), [(Task.BINARY, 2), (Task.MULTICLASS, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_the_loss_is_that_of_smoothed_targets_and_weighed_rows(task: Task, classes: int, smoothing: float) -> None:
    """By hand, and with classes also by Keras' own loss of targets that are spread over them."""
    rng = np.random.default_rng(0)
    targets, weights = rng.integers(0, classes, size=5), np.array([1.0, 2.0, 0.0, 0.5, 4.0], dtype=np.float32)
    p = rng.dirichlet(np.ones(classes), size=5).astype(np.float32)
    spread = np.eye(classes)[targets] * (1 - smoothing) + smoothing / classes
    each = -(spread * np.log(p)).sum(axis=1)
    given = p[:, 1:] if task is Task.BINARY else p
    found = processes.call(networks.losses, {"label_smoothing": smoothing}, task, targets[:, None], given, weights)
    assert found["plain"] == pytest.approx(each.mean(), rel=1e-5)
    assert found["weighted"] == pytest.approx((each * weights).sum() / len(weights), rel=1e-5)
    assert found["keras"] == pytest.approx(each.mean(), rel=1e-5)
