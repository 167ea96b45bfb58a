"""The comparison with Keras finds every one of a list of mistakes, and not by a hair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainers.stacked import cases, wrong
from tests.trainers.stacked.cases import Values
from tests.trainers.stacked.comparing import Distance
from tuner.trainers import processes
from tuner.trial import Trial

SAME: Values = {"layers": 2, "units_1": 8, "units_2": 5, "activation": "sigmoid", "learning_rate": 0.01}
# What shows each of them.
SHOWN: dict[str, Values] = {
    "dropout does not scale": {"dropout": 0.3, "optimizer": "sgd", "learning_rate": 0.1},
    "dropout is not in the gradient": {"dropout": 0.3, "optimizer": "sgd", "learning_rate": 0.1},
    "rmsprop's epsilon is outside of the root": {"optimizer": "rmsprop"},
    "adam's epsilon is inside of the root": {"optimizer": "adam"},
    "adam forgets its steps": {"optimizer": "adam"},
    "sgd ignores nesterov": {"optimizer": "sgd", "momentum": 0.5, "nesterov": True, "learning_rate": 0.1},
    "padded units are alive": {"optimizer": "sgd", "learning_rate": 0.1},
    "l2 without its factor 2": {"l2": 1e-3, "optimizer": "sgd", "learning_rate": 0.1},
    "statistics over all rows": {"batch_norm": True, "optimizer": "sgd", "learning_rate": 0.1},
    "rows beyond a batch count": {"optimizer": "sgd", "learning_rate": 0.1},
    "moving statistics move too fast": {"batch_norm": True, "optimizer": "sgd", "learning_rate": 0.1},
    "one norm of all biases": {"clipnorm": 0.05, "optimizer": "sgd", "learning_rate": 0.1},
    "gelu's slope is a little off": {"activation": "gelu", "optimizer": "sgd", "learning_rate": 0.1},
    "decay at the first rate": {"weight_decay": 0.01, "schedule": "linear", "optimizer": "sgd", "learning_rate": 0.1},
    "class weights are ignored": {"class_weight": "balanced", "optimizer": "sgd", "learning_rate": 0.1},
    "trained slopes stand still": {"activation": "prelu", "optimizer": "sgd", "learning_rate": 0.1},
    "a given slope is that of Keras": {"activation": "leaky_relu", "negative_slope": 0.1, "optimizer": "sgd"},
    "every step draws the same slopes": {"activation": "rrelu", "optimizer": "sgd", "learning_rate": 0.1},
    "alpha dropout adds nothing to what is kept": {
        "dropout": 0.3,
        "alpha_dropout": True,
        "optimizer": "sgd",
        "learning_rate": 0.1,
    },
    "inputs are dropped before they are scaled": {"input_dropout": 0.3, "input_scaling": "unit", "optimizer": "sgd"},
    "what is kept of inputs is not scaled up": {"input_dropout": 0.3, "optimizer": "sgd", "learning_rate": 0.1},
    "offsets of inputs are forgotten": {"input_scaling": "unit", "optimizer": "sgd", "learning_rate": 0.1},
    "the squared error goes around the softmax": {"loss": "mse", "optimizer": "sgd", "learning_rate": 0.1},
    "what comes before the weights is not normalised": {
        "batch_norm": True,
        "normalise_at": "layer",
        "optimizer": "sgd",
        "learning_rate": 0.1,
    },
    "sigmoids are taken for a softmax": {"output_activation": "sigmoid", "optimizer": "sgd", "learning_rate": 0.1},
    "smoothing is halved": {"label_smoothing": 0.1, "optimizer": "sgd", "learning_rate": 0.1},
}


@pytest.fixture(scope="module")
def found(saved_split: Callable[[str], Path]) -> dict[str, Distance]:
    folder = saved_split("wine")
    sets = {words: {**SAME, **values} for words, values in SHOWN.items()}
    shared = cases.just_enough(folder, sets, depths={16: (0, 2)})
    own = {
        words: cases.just_enough(folder, {words: sets[words]}, depths={16: (0, 2)}) for words in wrong.IN_THE_PROGRAM
    }
    trials = {words: Trial(0, values, 3, last_epoch=3) for words, values in sets.items()}
    return processes.call(wrong.found, folder, shared, own, trials)


def test_every_mistake_is_shown() -> None:
    assert set(SHOWN) == set(wrong.MISTAKES)


@pytest.mark.parametrize("words", SHOWN)
def test_found(words: str, found: dict[str, Distance]) -> None:
    assert found[f"sound {words}"].within(weights=1e-5, loss=1e-6)
    assert found[words].furthest > 1e-4
