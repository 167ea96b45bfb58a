"""How many weights a network has: what Keras counts."""

from __future__ import annotations

import random

import pytest

from tests.models import networks
from tuner.metrics import Task
from tuner.sizing import weights
from tuner.trainers import processes
from tuner.trial import Value

IMAGE = (7, 5, 2)
OUTPUTS = {Task.BINARY: 1, Task.MULTICLASS: 3, Task.REGRESSION: 1}
FLAT: list[dict[str, Value]] = [
    {},
    {"layers": 0},
    {"layers": 3, "units_1": 5, "units_2": 7, "units_3": 2},
    {"layers": 2, "units": 6, "batch_norm_1": True, "batch_norm_2": False},
    {"layers": 2, "units_1": 6, "units_2": 9, "batch_norm": True, "normalise_at": "layer"},
    {"layers": 2, "units": 6, "activation_1": "prelu", "activation_2": "rrelu", "dropout": 0.5, "input_dropout": 0.1},
]
IMAGES: list[dict[str, Value]] = [
    {},
    {"conv_layers": 1, "units": 3},
    {"conv_layers": 4, "filters": 2, "units": 3, "batch_norm": True},
    {"conv_layers": 2, "filters_1": 3, "filters_2": 5, "kernel_size_1": 4, "kernel_size_2": 1, "pooling": "none"},
    {"conv_layers": 2, "filters": 3, "pooling_1": "none", "pooling_2": "average", "conv_batch_norm_2": True},
    {"conv_layers": 2, "filters_1": 3, "filters_2": 5, "batch_norm": True, "normalise_at": "layer"},
    {"conv_layers": 2, "filters": 3, "batch_norm": True, "conv_batch_norm": False, "conv_activation_1": "prelu"},
    {"conv_layers": 1, "filters": 3, "activation": "prelu", "units": 4, "conv_dropout": 0.3},
]


@pytest.mark.parametrize("values", FLAT)
def test_a_network_of_dense_layers(values: dict[str, Value]) -> None:
    for task, outputs in OUTPUTS.items():
        assert weights(values, 4, outputs) == processes.call(networks.counted, values, task, None)


@pytest.mark.parametrize("values", IMAGES)
def test_a_network_on_images(values: dict[str, Value]) -> None:
    assert weights(values, 70, 3, IMAGE) == processes.call(networks.counted, values, Task.MULTICLASS, IMAGE)


def test_networks_that_nobody_thought_of() -> None:
    dice = random.Random(0)
    for _ in range(12):
        values: dict[str, Value] = {
            "conv_layers": dice.randint(0, 3),
            "layers": dice.randint(0, 3),
            "normalise_at": dice.choice(["activation", "layer"]),
            "conv_batch_norm": dice.random() < 0.5,
        }
        for n in (1, 2, 3):
            values |= {f"units_{n}": dice.randint(1, 9), f"filters_{n}": dice.randint(1, 5)}
            values |= {f"kernel_size_{n}": dice.randint(1, 5), f"batch_norm_{n}": dice.random() < 0.5}
            values |= {f"pooling_{n}": dice.choice(["max", "none"]), f"activation_{n}": dice.choice(["relu", "prelu"])}
        assert weights(values, 70, 1, IMAGE) == processes.call(networks.counted, values, Task.BINARY, IMAGE)
