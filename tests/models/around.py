"""What the tests of what stands around weights do in a worker, where Keras is, and bring back as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.models.networks import Values, build
from tuner.metrics import Array, Task


def bent(values: Values, x: Array, seeds: tuple[int, ...] = (1,)) -> tuple[Array, list[Array]]:
    """What the first activation makes of `x` when the network predicts, and when it trains, twice for each seed."""
    models = [build(values, seed=seed) for seed in seeds]
    layers = [model.get_layer("activation_1") for model in models]
    trained = [np.asarray(layer(x, training=True)) for layer in layers for _ in range(2)]
    return np.asarray(layers[0](x, training=False)), trained


def entered(values: Values, x: Array) -> tuple[Array, Array]:
    """What the first weights are multiplied with when the network predicts, and when it trains."""
    import keras

    model = build(values)
    inner = keras.Model(model.inputs, model.get_layer("dense_1").input)
    return np.asarray(inner(x)), np.asarray(inner(x, training=True))


def loss(values: Values, task: Task, targets: Array, predictions: Array) -> float:
    """The loss that a network is compiled with."""
    return float(build(values, task).loss(targets, predictions))


def exported(values: Values, x: Array, path: Path) -> dict[str, Any]:
    """The layers of the network as it is exported, whether its file is refused, what it and the network give."""
    import keras

    from tuner.models.champion import check_archive
    from tuner.models.layers import stock

    network = build(values)
    network.set_weights([weights + 0.1 for weights in network.get_weights()])
    made = stock(network)
    made.save(path)
    check_archive(path)
    loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    # Weights that change in the one change in the other.
    network.set_weights([weights - 0.05 for weights in network.get_weights()])
    return {
        "layers": [(type(layer).__name__, layer.__module__.split(".")[0]) for layer in loaded.layers],
        "configs": {layer.name: layer.get_config() for layer in loaded.layers},
        "loaded": np.asarray(loaded(x)),
        "shared": np.asarray(made(x)),
        "network": np.asarray(network(x)),
    }
