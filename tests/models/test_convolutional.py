"""Blocks of convolution: what they are made of, what they take from the network, and images that are small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models import networks
from tuner.metrics import Task
from tuner.trainers import processes
from tuner.trial import Value
from tuner.tunables import FOR_IMAGES, TUNABLES, only_for_images

IMAGE = (7, 5, 2)


def described(image: tuple[int, int, int] | None = IMAGE, **values: Value) -> dict[str, Any]:
    return processes.call(networks.described, values, Task.MULTICLASS, image)


def kinds(network: dict[str, Any]) -> list[str]:
    return [name for name, _ in network["layers"]]


def named(network: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [config for name, config in network["layers"] if name == kind]


def test_values_of_each_block() -> None:
    network = described(
        conv_layers=3, layers=1, activation="tanh", initializer="he_normal", l2=0.5,
        filters_1=4, filters_2=6, filters_3=8,
        kernel_size_1=3, kernel_size_2=5, kernel_size_3=4,
        pooling_1="max", pooling_2="none", pooling_3="average",
        conv_batch_norm_1=False, conv_batch_norm_2=True, conv_batch_norm_3=False,
        conv_activation_1="elu", conv_activation_2="relu", conv_activation_3="linear",
        conv_dropout_1=0.0, conv_dropout_2=0.0, conv_dropout_3=0.25,
    )  # fmt: skip
    assert kinds(network) == [
        "InputLayer", "Reshape",
        "Conv2D", "Activation", "MaxPooling2D",
        "Conv2D", "BatchNormalization", "Activation",
        "Conv2D", "Activation", "AveragePooling2D", "Dropout",
        "Flatten",
        "Dense", "Activation",
        "Dense",
    ]  # fmt: skip
    blocks = named(network, "Conv2D")
    assert [block["filters"] for block in blocks] == [4, 6, 8]
    assert [block["kernel_size"] for block in blocks] == [(3, 3), (5, 5), (4, 4)]
    assert {block["padding"] for block in blocks} == {"same"}
    assert [block["use_bias"] for block in blocks] == [True, False, True]
    assert {block["kernel_initializer"]["class_name"] for block in blocks} == {"HeNormal"}
    assert {block["kernel_regularizer"]["config"]["l2"] for block in blocks} == {0.5}
    assert [each["activation"] for each in named(network, "Activation")] == ["elu", "relu", "linear", "tanh"]
    assert [each["rate"] for each in named(network, "Dropout")] == [0.25]


def test_what_a_block_has_not_for_itself_is_the_networks() -> None:
    own = described(conv_layers=2, layers=1, activation="gelu", batch_norm=True, dropout=0.5)
    assert [each["activation"] for each in named(own, "Activation")] == ["gelu"] * 3
    assert len(named(own, "BatchNormalization")) == 3
    # Dropout is the one thing that blocks have only where they are given it.
    assert kinds(own).index("Dropout") > kinds(own).index("Flatten")
    one = described(conv_layers=2, layers=1, conv_activation="elu", conv_batch_norm=True, conv_dropout=0.25)
    assert [each["activation"] for each in named(one, "Activation")] == ["elu", "elu", "relu"]
    assert (len(named(one, "BatchNormalization")), len(named(one, "Dropout"))) == (2, 2)
    # Those of each hidden layer are no business of blocks.
    layered = described(conv_layers=1, layers=1, activation_1="tanh")
    assert [each["activation"] for each in named(layered, "Activation")] == ["relu", "tanh"]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_side_is_halved_until_it_is_one_whatever_the_kernel(pooling: str) -> None:
    values: dict[str, Value] = {"conv_layers": 6, "kernel_size": 9, "filters": 2, "pooling": pooling, "layers": 0}
    network = described(**values)
    kind = {"max": "MaxPooling2D", "average": "AveragePooling2D"}[pooling]
    assert [each["pool_size"] for each in named(network, kind)] == [(2, 2), (2, 2)]
    assert [each["pool_size"] for each in named(described((9, 2, 1), **values), kind)] == [(2, 2), (2, 1), (2, 1)]
    assert network["output"] == (None, 3)


def test_without_a_block_the_network_is_as_for_any_rows() -> None:
    weights = [processes.call(networks.weights, {"layers": 1, "units": 3, **more}, 1, image)
               for more, image in (({}, None), ({"conv_layers": 0, "filters": 8}, (2, 2, 1)))]  # fmt: skip
    assert weights[0].keys() == weights[1].keys()
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_rows_that_are_no_images_cannot_be_convolved() -> None:
    with pytest.raises(processes.WorkerDied, match="expected rows that are images, as the network has blocks"):
        described(None, conv_layers=1)


def test_initial_weights_hang_on_the_seed_and_the_block() -> None:
    values: dict[str, Value] = {"filters": 2, "kernel_size": 3, "units": 4, "layers": 1}
    two, again, three, other = (
        processes.call(networks.weights, {**values, "conv_layers": blocks}, seed, (4, 4, 2))
        for blocks, seed in ((2, 1), (2, 1), (3, 1), (2, 2))
    )
    assert all(np.array_equal(two[name], again[name]) for name in two)
    kernels = ["conv_1/kernel", "conv_2/kernel"]
    assert two[kernels[0]].shape == two[kernels[1]].shape
    assert not any(np.array_equal(two[name], other[name]) for name in kernels)
    assert not np.array_equal(two[kernels[0]], two[kernels[1]])
    assert all(np.array_equal(two[name], three[name]) for name in kernels)


def test_every_weight_of_blocks_and_layers_is_trained() -> None:
    values: dict[str, Value] = {"conv_layers": 2, "filters": 3, "batch_norm": True, "activation": "tanh", "layers": 1}
    moved = processes.call(networks.stepped, values, Task.MULTICLASS, IMAGE)
    assert len(moved) == 2 * 5 + 5 + 2
    assert all(moved.values()), moved


def test_what_is_for_images_is_asked_for_by_three_of_them() -> None:
    assert {name for name, tunable in TUNABLES.items() if tunable.counter == "conv_layers"} | {
        "conv_layers", "rotation", "shift",
    } == {*FOR_IMAGES}  # fmt: skip
    assert only_for_images({"layers": 2, "conv_layers": 0, "filters": 8, "rotation": 0.0}) is None
    assert only_for_images({"conv_layers": 1}) == "conv_layers"
    assert only_for_images({"rotation": 5.0}) == "rotation"
    assert only_for_images({"shift": 0.1}) == "shift"
